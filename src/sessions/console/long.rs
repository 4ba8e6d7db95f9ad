//! Long `data` events on stdout (`--output json`): the text of one is escaped in steps, one a turn, and
//! only as far as stdout takes it.
//!
//! ```text
//!         a long message comes              its text is written, and no other one waits
//! Idle ────────────────────────> Writing ───────────────────────────────────────────────> Idle
//!                                 │  ^
//!                 stdout is full  v  │ it has drained
//!                                Waiting
//! ```
//!
//! What else is for stdout meanwhile comes behind it, and is gathered up to a limit.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, Bytes};

use super::{Console, Message};
use crate::event_loop::{Pool, TimerKey};
use crate::framing::WORK;
use crate::protocol::output::Output;
use crate::report::{Name, escape_json};
use crate::sessions::timers;

/// A message that was made has so many bytes at least to be written in steps.
const LONG: usize = 1 << 20;
/// Bytes that are gathered behind a long event before whatever makes them has to wait.
const MOST_BEHIND: usize = 1 << 20;

/// The long events that are not written yet.
#[derive(Default)]
pub(super) struct LongEvents(VecDeque<LongEvent>);

struct LongEvent {
    /// What stands in front of its text: its first fields, and before them what precedes it.
    head: Vec<u8>,
    text: Bytes,
    /// Its other fields.
    tail: Vec<u8>,
}

impl LongEvents {
    /// Bytes of their texts that are not written.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|event| event.text.len()).sum()
    }
}

impl Console {
    /// Takes a message that is long where stdout has events; false for any other.
    pub(super) fn deliver_long(&mut self, pool: &mut Pool, message: &Message<'_>) -> bool {
        let Some(text) = message.made.filter(|made| made.len() >= LONG) else { return false };
        let is_here = self.form == Output::Json && self.stdout.is_some();
        if !is_here || !self.reporter.selects(Name::Data) {
            return false;
        }
        if self.reporter.shows(Name::Data) || self.hooks.want(Name::Data) {
            self.reporter.report(&message.event());
            self.fire(pool, &message.event());
        }
        let mut head = std::mem::take(&mut self.pending);
        let start = head.len();
        let event = Message { payload: b"", ..*message };
        self.pending = Vec::new();
        self.show_on_stdout(&event.event().len(text.len()));
        head.append(&mut self.pending);
        // Within a string the quotes would be escaped.
        let at = head.get(start..).and_then(|line| memchr::memmem::find(line, EMPTY));
        let tail = head.split_off(start + at.unwrap_or(0) + EMPTY.len() - 1);
        self.long.0.push_back(LongEvent { head, text: text.clone(), tail });
        self.continue_long(pool);
        true
    }

    /// Has the next step follow in the next turn, unless stdout is full.
    pub(super) fn continue_long(&self, pool: &mut Pool) {
        if self.has_long() && !self.full {
            pool.arm(TimerKey::global(timers::LONG_EVENT), Duration::ZERO);
        }
    }

    pub(super) fn has_long(&self) -> bool {
        !self.long.0.is_empty()
    }

    /// Whether no more is to come behind long events.
    pub(super) fn is_crowded(&self) -> bool {
        self.long.0.len() > 1 || self.has_long() && self.pending.len() >= MOST_BEHIND
    }

    /// Writes on, one step; returns whether what was crowded takes more now.
    pub(crate) fn write_long(&mut self, pool: &mut Pool) -> bool {
        let was_crowded = self.is_crowded();
        let Some(mut event) = self.long.0.pop_front() else { return false };
        let mut piece = std::mem::take(&mut event.head);
        let text = &event.text;
        let is_inside = |at: &usize| matches!(text.get(*at), Some(0x80..=0xbf));
        // A character has up to four bytes, and is not cut.
        let end = (WORK..text.len()).take(3).find(|end| !is_inside(end));
        let end = end.unwrap_or(WORK + 3).min(text.len());
        escape_json(&String::from_utf8_lossy(text.get(..end).unwrap_or_default()), &mut piece);
        event.text.advance(end);
        let is_over = event.text.is_empty();
        if is_over {
            piece.append(&mut event.tail);
        } else {
            self.long.0.push_front(event);
        }
        self.write(pool, &piece);
        if is_over && !self.has_long() {
            self.commit(pool);
        }
        self.continue_long(pool);
        was_crowded && !self.is_crowded()
    }

    /// Writes all of them, in a run that ends.
    pub(super) fn finish_long(&mut self, pool: &mut Pool) {
        while self.has_long() {
            self.write_long(pool);
        }
    }
}

/// The field of a text that is empty.
const EMPTY: &[u8] = b"\"text\":\"\"";
