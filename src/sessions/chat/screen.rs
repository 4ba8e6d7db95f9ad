//! The screen of a person at a terminal: keys in, frames out by way of stdout's queue.

use std::io;

use ratatui_core::backend::{Backend, ClearType};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_crossterm::CrosstermBackend;

use super::draw::{draw, talk_size};
use super::face::Entered;
use super::tty::{self, Notes};
use crate::event_loop::Pool;
use crate::protocol::chat::Line;
use crate::protocol::chat::keys::Keys;
use crate::protocol::chat::view::{View, Wish};
use crate::sessions::core::Core;
use crate::sys::signals;

const BELL: &[u8] = b"\x07";

/// A screen.
pub struct Screen {
    pub(super) view: View,
    keys: Keys,
    notes: Notes,
    coloured: bool,
    /// The size of the window, as it was last told.
    area: Rect,
    /// What the terminal shows; `None` where that is not known.
    shown: Option<Buffer>,
    /// Something has changed since.
    is_stale: bool,
    rings: bool,
}

impl Screen {
    /// The screen of a room, on a terminal that was taken over.
    pub fn new(place: String, notes: Notes, coloured: bool) -> Self {
        // This is decided above; crossterm would decide again by NO_COLOR.
        crossterm::style::force_color_output(coloured);
        let mut screen = Self {
            view: View::new(place),
            keys: Keys::default(),
            notes,
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
        let (columns, rows) = tty::size();
        self.area = Rect::new(0, 0, columns, rows);
        let (width, height) = talk_size(self.area);
        self.view.scrollback.resize(width, height);
        self.shown = None;
        self.is_stale = true;
    }

    /// Something in the view has changed.
    pub(super) fn change(&mut self) -> &mut View {
        self.is_stale = true;
        &mut self.view
    }

    /// Shows a line of the room. The terminal rings for one that is for the person here.
    pub(super) fn show(&mut self, line: &Line, time: &str) {
        let view = self.change();
        view.roster.note(line);
        let is_for_you = view.show(line, time);
        self.rings |= is_for_you;
    }

    /// Shows a line that was said before the person here came.
    pub(super) fn show_earlier(&mut self, line: &Line) {
        self.change().show_earlier(line);
    }

    /// Takes what the terminal has sent; at its end nobody is there any more.
    pub(super) fn enter(&mut self, bytes: &[u8], eof: bool) -> Entered {
        let mut entered = Entered { leaves: eof, ..Entered::default() };
        self.is_stale = true;
        for action in self.keys.feed(bytes) {
            match self.view.act(action) {
                Some(Wish::Say(lines)) => {
                    entered.lines.extend(lines.into_iter().map(String::into_bytes));
                    self.view.scrollback.catch_up();
                }
                Some(Wish::Leave) => entered.leaves = true,
                Some(Wish::Interrupt) => entered.interrupts = true,
                Some(Wish::Suspend) => suspend_all(),
                Some(Wish::Redraw) => self.shown = None,
                Some(Wish::Bell) => self.rings = true,
                None => {}
            }
        }
        entered
    }

    /// The shell has the terminal until it lets us go on.
    pub(super) fn suspend(&mut self) {
        tty::leave();
        signals::stop();
        self.go_on();
    }

    /// We have the terminal again.
    pub(super) fn go_on(&mut self) {
        if let Err(error) = tty::enter() {
            self.view.tell(&format!("cannot take the terminal back: {error}"), "");
        }
        self.resize();
    }

    /// Shows what has changed, as soon as the terminal has taken what it was sent before; what the
    /// program has said meanwhile with the time or nothing before it.
    pub(super) fn refresh(&mut self, pool: &mut Pool, core: &mut Core, time: &str) {
        // What is said at the end is for the time after the screen.
        if !core.is_ending() {
            let notes = self.notes.take();
            for note in String::from_utf8_lossy(&notes).lines() {
                self.change().tell(note, time);
            }
        }
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

/// ^Z: as the terminal would do it, all programs of the job are told to stop, and this one hears it
/// like a signal from elsewhere.
fn suspend_all() {
    let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
}
