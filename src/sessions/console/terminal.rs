//! stdout as a terminal, where a person reads it: what peers send is made harmless there, lines of
//! several clients are marked, and events begin lines of their own.
//!
//! `report::settings` has which of the standard streams decides what.

use super::{Message, write_message};
use crate::protocol::output::{Controls, Written};
use crate::protocol::terminal_text::TerminalText;

/// How a terminal shows what is received.
#[derive(Debug, Default)]
pub(crate) struct TerminalView {
    /// stdout is a terminal.
    pub(super) is_on: bool,
    /// `--output raw` is typed: the terminal obeys what peers send.
    pub(crate) is_raw: bool,
    text: TerminalText,
    /// It is shown already that characters are escaped, or need not be.
    is_explained: bool,
}

const ESCAPED: &str = "control characters are shown escaped (--output raw passes them on)";

impl TerminalView {
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, ..Self::default() }
    }

    /// Has lines begin with the number of their client from now on, where it has one.
    pub(crate) fn mark_clients(&mut self) {
        self.text.mark();
    }

    /// Notes what was typed on a terminal, which has shown it.
    pub(crate) fn note_typed(&mut self, bytes: &[u8]) {
        self.text.note_typed(bytes);
    }

    /// Notes what is written for other reasons.
    pub(super) fn note_written(&mut self, bytes: &[u8]) {
        self.text.note_written(bytes);
    }

    /// Whether it shows messages in this form as text, on from where the cursor is.
    pub(super) fn is_text(&self, form: Written) -> bool {
        form == Written::Line || form == Written::Raw && !self.is_raw
    }

    /// Appends a message as it shows it.
    pub(super) fn show(&mut self, form: Written, message: &Message<'_>, out: &mut Vec<u8>) {
        if self.is_text(form) {
            return self.show_text(form, message.conn, message.payload, out);
        }
        match form {
            Written::Raw => out.extend_from_slice(message.payload),
            form => write_message(form, message, Controls::Escaped, out),
        }
        self.text.note_written(out);
    }

    /// Appends what a client sent: a message is a line of its own.
    pub(super) fn show_text(
        &mut self,
        form: Written,
        conn: Option<u64>,
        text: &[u8],
        out: &mut Vec<u8>,
    ) {
        match form {
            Written::Line => self.text.show_line(conn, text, out),
            _ => self.text.show(conn, text, out),
        }
    }

    /// Appends what ends the line that an event would stand in.
    pub(super) fn break_line(&mut self, out: &mut Vec<u8>) {
        self.text.break_line(out);
    }

    /// What is to be shown once, behind the first character that was escaped.
    pub(super) fn take_explanation(&mut self) -> Option<&'static str> {
        let is_due = self.text.has_escaped() && !self.is_explained;
        self.is_explained |= is_due;
        is_due.then_some(ESCAPED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(view: &mut TerminalView, form: Written, payload: &[u8]) -> String {
        let mut out = Vec::new();
        view.show(form, &Message::new(payload, "127.0.0.1:5"), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_a_peer_sends_is_escaped_and_that_is_explained_once() {
        let mut view = TerminalView::new(true);
        assert_eq!(shown(&mut view, Written::Raw, b"plain\n"), "plain\n");
        assert_eq!(view.take_explanation(), None);
        assert_eq!(shown(&mut view, Written::Line, b"a\x1b[2J"), "a\\x1b[2J\n");
        assert_eq!((view.take_explanation(), view.take_explanation()), (Some(ESCAPED), None));
    }

    #[test]
    fn output_raw_passes_bytes_on_and_leaves_lines_harmless() {
        let mut view = TerminalView { is_raw: true, ..TerminalView::new(true) };
        assert_eq!(shown(&mut view, Written::Raw, b"\x1b[2J"), "\x1b[2J");
        assert_eq!(view.take_explanation(), None);
        assert!(view.is_text(Written::Line) && !view.is_text(Written::Raw));
    }
}
