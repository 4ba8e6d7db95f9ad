//! stdout as a terminal, where a person reads it: what peers send is made harmless there, lines of
//! several clients are marked, and events begin lines of their own.
//!
//! `report::terminals` has which of the standard streams decides what.

use std::time::Duration;

use super::{Console, ConsoleEntry, Message, write_message};
use crate::event_loop::Pool;
use crate::protocol::output::{Controls, Written};
use crate::protocol::terminal_text::TerminalText;
use crate::protocol::text::escape_words;

/// How a terminal shows what is received.
#[derive(Debug, Default)]
pub(super) struct TerminalView {
    pub(super) text: TerminalText,
    /// `--output raw` is typed: bytes pass as they are.
    pub(super) is_raw: bool,
    /// It is shown already that characters are escaped, or need not be.
    pub(super) is_explained: bool,
}

const ESCAPED: &str = "control characters are shown escaped (--output raw passes them on)";

impl Console {
    /// Has the terminal obey what peers send, as `--output raw` asks for.
    pub(crate) fn show_raw(&mut self) {
        self.view.is_raw = true;
    }

    /// Has lines begin with the number of their client from now on, where it has one.
    pub(crate) fn mark_clients(&mut self) {
        self.view.text.mark();
    }

    /// Whether a person types, and reads what becomes of it.
    pub(crate) fn converses(&self) -> bool {
        self.reporter.terminals().converses()
    }

    /// Whether the answer of `-z -v` is all that is to be seen of it.
    pub(crate) fn answers_alone(&self) -> bool {
        self.reporter.answers_alone()
    }

    /// Notes what was typed on a terminal, which has shown it.
    pub(crate) fn note_typed(&mut self, bytes: &[u8]) {
        self.view.text.note_typed(bytes);
    }

    /// ^C was typed, which the terminal shows where the cursor is.
    pub(crate) fn note_interrupt(&mut self) {
        self.view.text.note_typed(b"\n");
        self.reporter.note_interrupt();
    }

    /// Takes a received message for a terminal.
    pub(super) fn deliver_to_person(&mut self, form: Written, message: &Message<'_>) {
        let Message { payload, conn, .. } = *message;
        let view = &mut self.view;
        match form {
            Written::Raw if view.is_raw => self.pending.extend_from_slice(payload),
            Written::Raw | Written::Line => match &mut self.uplink {
                // The cursor is where the loops that share the terminal have left it.
                Some(uplink) => {
                    let (is_line, text) = (form == Written::Line, payload.to_vec().into());
                    return uplink.send(ConsoleEntry::Text { conn, is_line, text });
                }
                None if form == Written::Raw => {
                    return view.text.show(conn, payload, &mut self.pending);
                }
                None => return view.text.show_line(conn, payload, &mut self.pending),
            },
            form => write_message(form, message, Controls::Escaped, &mut self.pending),
        }
        view.text.note_written(&self.pending);
    }

    /// Takes the text of a client of another loop.
    pub(super) fn take_text(
        &mut self,
        pool: &mut Pool,
        conn: Option<u64>,
        is_line: bool,
        text: &[u8],
    ) {
        match is_line {
            true => self.view.text.show_line(conn, text, &mut self.pending),
            false => self.view.text.show(conn, text, &mut self.pending),
        }
        self.commit(pool);
    }

    /// Shows once that characters are escaped, behind the first that was.
    pub(super) fn explain_escapes(&mut self, pool: &mut Pool) {
        if self.view.text.has_escaped() && !std::mem::replace(&mut self.view.is_explained, true) {
            self.show_words(pool, ESCAPED);
        }
    }

    /// Shows words that are for people only, where a person reads stderr.
    pub(crate) fn show_words(&mut self, pool: &mut Pool, words: &str) {
        if self.reporter.has_reader() && self.uplink.is_none() {
            self.begin_line_for_event(pool);
            self.reporter.show_words(words);
        }
    }

    /// Shows the answer that a person asked for, on stderr.
    pub(crate) fn show_answer(&mut self, pool: &mut Pool, answer: &str) {
        self.begin_line_for_event(pool);
        self.reporter.show_picture(&[escape_words(answer)]);
    }

    /// The figures that follow are of this interval, or without one of the whole run.
    pub(crate) fn begin_figures(&mut self, interval: Option<Duration>) {
        self.reporter.begin_figures(interval);
    }

    /// No more figures of this time follow.
    pub(crate) fn end_figures(&mut self) {
        self.reporter.end_figures();
    }

    /// Ends the line of output that an event would stand in.
    pub(super) fn begin_line_for_event(&mut self, pool: &mut Pool) {
        if !self.terminal || !self.reporter.terminals().shows_both() || self.has_long() {
            return;
        }
        // What was gathered is older than the event.
        let mut pending = std::mem::take(&mut self.pending);
        self.view.text.break_line(&mut pending);
        if !pending.is_empty() {
            self.write(pool, &pending);
        }
    }
}
