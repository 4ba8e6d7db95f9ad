//! The first difference between what was recorded and what came, in words.

use std::fmt;

use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::protocol::text::escape;

/// How much is shown before the place, and of each side from there on.
const BEFORE: usize = 16;
const BEHIND: usize = 24;

/// The first difference of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where it is: a byte of the stream, counted from 0; in datagrams, a byte of the datagram.
    pub offset: usize,
    /// Which datagram it is in, counted from 1.
    pub datagram: Option<usize>,
    /// What came right before it, as expected.
    before: Excerpt,
    /// What should have come; nothing where all had come.
    expected: Option<Excerpt>,
    /// What came; nothing where it has ended.
    got: Option<Excerpt>,
}

/// Some bytes, and whether what follows them is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Excerpt {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Excerpt {
    fn of(bytes: &[u8]) -> Self {
        let head = bytes.get(..BEHIND).unwrap_or(bytes);
        Self { bytes: head.to_vec(), is_cut: head.len() < bytes.len() }
    }
}

impl Difference {
    /// A byte that came otherwise, or beyond the last one.
    pub(super) fn in_stream(expected: &[u8], offset: usize, got: &[u8]) -> Self {
        // Behind the last byte nothing is due, which is another message than empty text.
        let due = expected.get(offset..).filter(|due| !due.is_empty());
        Self::new(offset, None, expected, due, Some(got))
    }

    /// Bytes that did not come.
    pub(super) fn missing_bytes(expected: &[u8], offset: usize) -> Self {
        Self::new(offset, None, expected, expected.get(offset..), None)
    }

    /// The end, which did not come.
    pub(super) fn missing_end(expected: &[u8]) -> Self {
        Self::new(expected.len(), None, expected, None, None)
    }

    /// A datagram that came otherwise, or after the last one.
    pub(super) fn in_datagram(index: usize, expected: Option<&[u8]>, got: &[u8]) -> Self {
        let whole = expected.unwrap_or_default();
        // Where one is the beginning of the other, they differ at the end of the shorter one.
        let offset = whole.iter().zip(got).take_while(|(due, got)| due == got).count();
        let (due, rest) = (expected.map(|due| &due[offset..]), got.get(offset..));
        Self::new(offset, Some(index + 1), whole, due, rest)
    }

    /// A datagram that did not come.
    pub(super) fn missing_datagram(index: usize, expected: &[u8]) -> Self {
        Self::new(0, Some(index + 1), &[], Some(expected), None)
    }

    /// The failure of a conversation with this peer.
    pub(crate) fn failure(&self, peer: &str) -> Failure {
        Failure::new(Status::Unmet, Kind::Replay, "replay", peer, self.to_string())
    }

    fn new(
        offset: usize,
        datagram: Option<usize>,
        all: &[u8],
        expected: Option<&[u8]>,
        got: Option<&[u8]>,
    ) -> Self {
        let before = all.get(offset.saturating_sub(BEFORE)..offset).unwrap_or_default();
        Self {
            offset,
            datagram,
            before: Excerpt::of(before),
            expected: expected.map(Excerpt::of),
            got: got.map(Excerpt::of),
        }
    }

    /// The bytes as text in quotes, or in hex where that is easier to read.
    fn show(&self, Excerpt { bytes, is_cut }: &Excerpt) -> String {
        // All parts take one form, so that the eye can compare them.
        let parts = [Some(&self.before), self.expected.as_ref(), self.got.as_ref()];
        let ellipsis = if *is_cut { "…" } else { "" };
        if parts.into_iter().flatten().all(|part| is_text(&part.bytes)) {
            format!("\"{}\"{ellipsis}", escape(bytes).replace('"', "\\\""))
        } else {
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("[{}{ellipsis}]", digits.join(" "))
        }
    }
}

/// Whether escaped text shows it better than hex: next to no control characters. A character that
/// is cut at an end does no harm.
fn is_text(bytes: &[u8]) -> bool {
    let odd = bytes
        .iter()
        .filter(|byte| byte.is_ascii_control() && !matches!(byte, b'\n' | b'\r' | b'\t'));
    let broken = bytes.utf8_chunks().map(|chunk| chunk.invalid().len()).sum::<usize>();
    // A character of four bytes that is cut leaves up to three of them.
    odd.count() == 0 && broken <= 3
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(datagram) = self.datagram {
            write!(out, "datagram {datagram}, ")?;
        }
        write!(out, "byte {}", self.offset)?;
        if !self.before.bytes.is_empty() {
            let ellipsis = if self.offset > self.before.bytes.len() { "…" } else { "" };
            write!(out, " (after {ellipsis}{})", self.show(&self.before))?;
        }
        match (&self.expected, &self.got) {
            (Some(due), _) => write!(out, ": expected {}", self.show(due))?,
            (None, Some(_)) => out.write_str(": expected nothing more")?,
            (None, None) => out.write_str(": expected the end")?,
        }
        match &self.got {
            Some(got) => write!(out, ", got {}", self.show(got)),
            None => out.write_str(", which did not come"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_reads_as_what_was_and_what_is() {
        let recorded = b"+PONG\r\n:12\r\n";
        let table = [
            (
                Difference::missing_end(b":1\r\n"),
                r#"byte 4 (after ":1\r\n"): expected the end, which did not come"#,
            ),
            (
                Difference::in_stream(recorded, 2, b"ANG\r\n"),
                r#"byte 2 (after "+P"): expected "ONG\r\n:12\r\n", got "ANG\r\n""#,
            ),
            (
                Difference::in_stream(recorded, 12, b"x"),
                r#"byte 12 (after "+PONG\r\n:12\r\n"): expected nothing more, got "x""#,
            ),
            (
                Difference::missing_bytes(recorded, 7),
                r#"byte 7 (after "+PONG\r\n"): expected ":12\r\n", which did not come"#,
            ),
            (
                Difference::in_stream(b"\x00\x01", 1, b"a"),
                "byte 1 (after [00]): expected [01], got [61]",
            ),
            (
                Difference::in_datagram(0, Some(b"ab"), b"ac"),
                r#"datagram 1, byte 1 (after "a"): expected "b", got "c""#,
            ),
            (
                Difference::in_datagram(0, Some(b"ab"), b"a"),
                r#"datagram 1, byte 1 (after "a"): expected "b", got """#,
            ),
            (
                Difference::in_datagram(3, None, b"a"),
                r#"datagram 4, byte 0: expected nothing more, got "a""#,
            ),
        ];
        for (difference, words) in table {
            assert_eq!(difference.to_string(), words);
        }
    }

    #[test]
    fn what_is_far_away_is_left_out() {
        let recorded = [b'a'; 100];
        let difference = Difference::in_stream(&recorded, 50, &[b'b'; 100]);
        let (before, a, b) = ("a".repeat(BEFORE), "a".repeat(BEHIND), "b".repeat(BEHIND));
        let words = format!("byte 50 (after …\"{before}\"): expected \"{a}\"…, got \"{b}\"…");
        assert_eq!(difference.to_string(), words);
    }
}
