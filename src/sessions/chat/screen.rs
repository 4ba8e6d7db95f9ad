//! The screen of a chat: keys in, frames out by way of the queue of stdout.

use std::io;

use ratatui_core::backend::{Backend, ClearType};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_crossterm::CrosstermBackend;

use super::draw::{draw, messages_size};
use super::frontend::InputEvent;
use super::terminal::{self, HeldNotices};
use crate::event_loop::Pool;
use crate::protocol::chat::ChatLine;
use crate::protocol::chat::keys::Keys;
use crate::protocol::chat::view::{ChatView, UiAction};
use crate::sessions::core::Core;
use crate::sessions::session::Piece;
use crate::sys::signals;

const BELL: &[u8] = b"\x07";

/// A screen.
pub struct Screen {
    pub(super) view: ChatView,
    keys: Keys,
    notices: HeldNotices,
    coloured: bool,
    /// The size of the window.
    area: Rect,
    /// What the terminal shows; `None` where that is unknown and all of it is drawn.
    shown: Option<Buffer>,
    /// The view has changed since.
    is_stale: bool,
    rings: bool,
}

impl Screen {
    /// The screen of a room, on a terminal that was taken over.
    pub fn new(place: String, notices: HeldNotices, coloured: bool) -> Self {
        // This is decided above; crossterm would decide again by NO_COLOR.
        crossterm::style::force_color_output(coloured);
        let mut screen = Self {
            view: ChatView::new(place),
            keys: Keys::default(),
            notices,
            coloured,
            area: Rect::default(),
            shown: None,
            is_stale: true,
            rings: false,
        };
        screen.resize();
        screen
    }

    /// The window may have another size.
    pub(super) fn resize(&mut self) {
        let (columns, rows) = terminal::size();
        self.area = Rect::new(0, 0, columns, rows);
        let (width, height) = messages_size(self.area);
        self.view.scrollback.resize(width, height);
        self.shown = None;
        self.is_stale = true;
    }

    /// The view, to change it.
    pub(super) fn change(&mut self) -> &mut ChatView {
        self.is_stale = true;
        &mut self.view
    }

    /// Shows a line of the room. The terminal rings for one that is for the user.
    pub(super) fn show(&mut self, line: &ChatLine, time: &str) {
        let is_for_you = self.change().show(line, time);
        self.rings |= is_for_you;
    }

    /// Takes what the terminal has sent, up to `most` lines; at its end the user leaves.
    pub(super) fn take_input(&mut self, piece: Piece<'_>, most: usize) -> InputEvent {
        let mut input = InputEvent { leaves: piece.is_end(), ..InputEvent::default() };
        self.is_stale = true;
        for action in self.keys.feed(piece.bytes()) {
            match self.view.act(action) {
                Some(UiAction::Send(lines)) => {
                    let room = most.saturating_sub(input.lines.len());
                    input.refused +=
                        lines.iter().skip(room).filter(|line| !line.is_empty()).count();
                    input.lines.extend(lines.into_iter().take(room).map(String::into_bytes));
                    self.view.scrollback.catch_up();
                }
                Some(UiAction::Leave) => input.leaves = true,
                Some(UiAction::Interrupt) => input.interrupts = true,
                Some(UiAction::Suspend) => suspend_all(),
                Some(UiAction::Redraw) => self.shown = None,
                Some(UiAction::Bell) => self.rings = true,
                None => {}
            }
        }
        input
    }

    /// Gives the terminal to the shell until SIGCONT.
    pub(super) fn suspend(&mut self) {
        terminal::leave();
        // The process stops in this call, and goes on behind it at SIGCONT.
        signals::stop();
        self.resume();
    }

    /// Takes the terminal back.
    pub(super) fn resume(&mut self) {
        if let Err(error) = terminal::enter() {
            self.view.show_notice(&format!("cannot take the terminal back: {error}"), "");
        }
        self.resize();
    }

    /// Draws what has changed, once the terminal has taken the frame before. Notices of the program are
    /// shown with `time` before them.
    pub(super) fn refresh(&mut self, pool: &mut Pool, core: &mut Core, time: &str) {
        // Notices at the end go to stderr, after the screen.
        if !core.is_ending() {
            let notices = self.notices.take();
            for notice in String::from_utf8_lossy(&notices).lines() {
                self.change().show_notice(notice, time);
            }
        }
        // Frames would pile up behind a terminal that is slower than the room. The next one is
        // drawn from what is there by then, and shows all that it has missed.
        if !self.is_stale || core.console.is_full() || core.is_ending() {
            return;
        }
        self.is_stale = false;
        // A frame in memory cannot fail.
        if let Ok(frame) = self.frame() {
            core.console.paint(pool, &frame);
        }
    }

    /// The bytes that make the terminal show the view.
    fn frame(&mut self) -> io::Result<Vec<u8>> {
        let mut next = Buffer::empty(self.area);
        let cursor = draw(&self.view, self.coloured, &mut next);
        let mut out = Vec::new();
        let mut backend = CrosstermBackend::new(&mut out);
        backend.hide_cursor()?;
        let before = match self.shown.take() {
            Some(before) => before,
            None => {
                backend.clear_region(ClearType::All)?;
                Buffer::empty(self.area)
            }
        };
        backend.draw(before.diff(&next).into_iter())?;
        backend.set_cursor_position(cursor)?;
        backend.show_cursor()?;
        if std::mem::take(&mut self.rings) {
            out.extend_from_slice(BELL);
        }
        self.shown = Some(next);
        Ok(out)
    }
}

/// ^Z: stops all programs of the job, as the terminal would do. This one handles the signal like one
/// from elsewhere.
fn suspend_all() {
    // In raw mode (no ISIG) the terminal sends no SIGTSTP by itself.
    let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
}
