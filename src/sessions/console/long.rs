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

use bytes::{Buf, Bytes};

use crate::framing::WORK;
use crate::report::escape_json;

/// Messages of at least this many bytes are written in steps.
pub(super) const LONG: usize = 1 << 20;
/// Bytes that are gathered behind a long event before whatever makes them has to wait.
const MOST_BEHIND: usize = 1 << 20;
/// The field of a text that is empty.
const EMPTY: &[u8] = b"\"text\":\"\"";

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
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of their texts that are not written.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|event| event.text.len()).sum()
    }

    /// Whether nothing more may wait behind them, where `behind` bytes do already.
    pub(super) fn are_crowded(&self, behind: usize) -> bool {
        self.0.len() > 1 || !self.is_empty() && behind >= MOST_BEHIND
    }

    /// Takes an event, as its line with an empty text, and the text; `before` it other bytes are due.
    pub(super) fn push(&mut self, before: Vec<u8>, mut line: Vec<u8>, text: Bytes) {
        // Within a string the quotes would be escaped.
        let at = memchr::memmem::find(&line, EMPTY).unwrap_or(0) + EMPTY.len() - 1;
        let tail = line.split_off(at.min(line.len()));
        let mut head = before;
        head.append(&mut line);
        self.0.push_back(LongEvent { head, text, tail });
    }

    /// What is to be written next, where there is something.
    pub(super) fn next_piece(&mut self) -> Option<Vec<u8>> {
        let event = self.0.front_mut()?;
        let mut piece = std::mem::take(&mut event.head);
        let text = &event.text;
        let is_inside = |at: &usize| matches!(text.get(*at), Some(0x80..=0xbf));
        // A character has up to four bytes, and is not cut.
        let end = (WORK..text.len()).take(3).find(|end| !is_inside(end));
        let end = end.unwrap_or(WORK + 3).min(text.len());
        escape_json(&String::from_utf8_lossy(text.get(..end).unwrap_or_default()), &mut piece);
        event.text.advance(end);
        if event.text.is_empty() {
            piece.append(&mut event.tail);
            self.0.pop_front();
        }
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> (Vec<u8>, Bytes) {
        (br#"{"event":"data","text":"","len":1}"#.to_vec(), text.to_owned().into())
    }

    #[test]
    fn the_pieces_of_an_event_make_its_line_and_cut_no_character() {
        let text = format!("{}\n\u{20ac}{}", "x".repeat(WORK - 2), "y".repeat(WORK));
        let mut long = LongEvents::default();
        let (line, bytes) = event(&text);
        long.push(b"before\n".to_vec(), line, bytes);
        assert_eq!(long.bytes(), text.len());
        let mut whole = Vec::new();
        while let Some(piece) = long.next_piece() {
            assert!(std::str::from_utf8(&piece).is_ok());
            whole.extend(piece);
        }
        let escaped = text.replace('\n', "\\n");
        let expected = format!("before\n{{\"event\":\"data\",\"text\":\"{escaped}\",\"len\":1}}");
        assert!(whole == expected.as_bytes());
        assert!(long.is_empty());
    }

    #[test]
    fn a_second_event_or_much_behind_the_first_is_a_crowd() {
        let mut long = LongEvents::default();
        assert!(!long.are_crowded(MOST_BEHIND));
        let (line, text) = event("a");
        long.push(Vec::new(), line.clone(), text.clone());
        assert!(!long.are_crowded(MOST_BEHIND - 1) && long.are_crowded(MOST_BEHIND));
        long.push(Vec::new(), line, text);
        assert!(long.are_crowded(0));
    }
}
