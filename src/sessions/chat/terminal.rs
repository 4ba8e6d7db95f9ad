//! The terminal in raw mode with the alternate screen, and its restoration.
//!
//! It is restored whatever happens: when the [`RawTerminal`] is dropped, and by a panic.

use std::io::{self, Write};
use std::panic;
use std::sync::{Arc, Mutex, Once, PoisonError};

use crossterm::cursor::Show;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::style::ResetColor;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{ExecutableCommand, QueueableCommand};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{
    Action, OptionalActions, Termios, tcflow, tcgetattr, tcgetwinsize, tcsetattr,
};

use crate::sys::process::in_background;
use crate::sys::signals::{SIGTTOU, by_default};

/// The settings to go back to, while the screen is ours.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);
/// Upper bound on the wait at the end for a terminal that takes nothing: 500 ms.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

/// The terminal, taken over. Dropping it puts it back, and then writes the held notices.
pub struct RawTerminal {
    notices: HeldNotices,
}

impl RawTerminal {
    /// Whether stdin and stdout are a terminal that can show a screen, and is ours to show one.
    pub fn is_there() -> bool {
        let is_able =
            std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        let is_terminal = rustix::termios::isatty(stdin()) && rustix::termios::isatty(stdout());
        is_able && is_terminal && !in_background(stdin())
    }

    /// Takes the terminal over.
    ///
    /// # Errors
    /// It refuses.
    pub fn enter(notices: HeldNotices) -> io::Result<Self> {
        static HOOK: Once = Once::new();
        // The hook outlives the screen: without one, `leave` does nothing.
        HOOK.call_once(|| {
            let previous = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                leave();
                previous(info);
            }));
        });
        enter()?;
        Ok(Self { notices })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        leave();
        // The notices are for the normal screen: those on the alternate one vanish with it.
        self.notices.release();
    }
}

/// Makes the terminal a screen: keys come one by one, and what was shown stays as it is. It may be
/// one already, which something has disturbed.
pub(super) fn enter() -> io::Result<()> {
    // In the background the kernel stops us here, until we are in the foreground.
    // tcflow(3) stands for any call that the terminal refuses to the background: where output was
    // not stopped, to resume it changes nothing.
    by_default(SIGTTOU, || tcflow(stdin(), Action::OOn))?;
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    let is_new = before.is_none();
    let now = tcgetattr(stdin())?;
    // The first settings stay: those of a screen that was disturbed are not the user's.
    let mut raw = before.get_or_insert(now).clone();
    raw.make_raw();
    tcsetattr(stdin(), OptionalActions::Now, &raw)?;
    let mut stdout = io::stdout();
    if is_new {
        stdout.queue(EnterAlternateScreen)?;
    }
    stdout.execute(EnableBracketedPaste)?;
    Ok(())
}

/// Puts the terminal back, if it is not what it was.
pub(super) fn leave() {
    // Taken, so that of a panic and the drop behind it only the first one restores.
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(before) = before else { return };
    // A terminal that takes nothing, after ^S for example, must not hold up the end.
    let mut fds = [PollFd::from_borrowed_fd(stdout(), PollFlags::OUT)];
    if poll(&mut fds, Some(&PATIENCE)).is_ok_and(|count| count > 0) {
        let _ = write_leave();
    }
    // `Drain` would wait for output that ^S has stopped.
    let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
}

fn write_leave() -> io::Result<()> {
    let mut out = Vec::new();
    out.queue(DisableBracketedPaste)?
        .queue(ResetColor)?
        .queue(Show)?
        .queue(LeaveAlternateScreen)?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&out)?;
    stdout.flush()
}

/// Columns and rows of the terminal; one that does not know is taken for the usual.
pub(super) fn size() -> (u16, u16) {
    // A serial line, or a pty that nobody has sized, is 0 by 0.
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => (80, 24),
    }
}

/// Lines that would be on stderr, where stderr is the terminal that shows the screen. The screen
/// takes them; what is left goes to stderr when the terminal is back.
#[derive(Clone, Default)]
pub struct HeldNotices(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    text: Vec<u8>,
    is_released: bool,
}

impl HeldNotices {
    /// Takes a line.
    pub fn add(&self, line: &[u8]) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_released {
            // There is no other place to complain.
            let _ = io::stderr().write_all(line);
        } else {
            held.text.extend_from_slice(line);
        }
    }

    /// The lines since the last time.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).text)
    }

    fn release(&self) {
        let text = self.take();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_released = true;
        let _ = io::stderr().write_all(&text);
    }
}
