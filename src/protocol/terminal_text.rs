//! What a terminal shows of peers: text without control characters, and where several of them are
//! there the number of each before its lines.
//!
//! Pure. It gets pieces as they come, cut anywhere, and shows the same as of the whole.

use super::text::{escape_keeping_newlines, is_unprintable};

/// Bytes that may wait for the rest of their character: one less than the longest has (UTF-8).
const MOST_HELD: usize = 3;

/// Where the cursor is.
///
/// ```text
///         text without LF                     LF, an event, a line that is typed
/// Start ──────────────────> Within its line ─────────────────────────────────────> Start
///                              └── text of another peer: LF first ──> Within its line
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Cursor {
    /// At the begin of a line.
    #[default]
    Start,
    /// In a line that this peer has begun, where peers have numbers.
    Within(Option<u64>),
}

/// The text of peers on its way to a terminal.
#[derive(Clone, Debug, Default)]
pub struct TerminalText {
    cursor: Cursor,
    /// The begin of a character, or the CR of a CR LF, whose rest may follow, and whose it is.
    held: Vec<u8>,
    holder: Option<u64>,
    /// Lines begin with the number of their peer.
    is_marked: bool,
    has_escaped: bool,
}

impl TerminalText {
    /// Has lines begin with the number of their peer from now on.
    pub fn mark(&mut self) {
        self.is_marked = true;
    }

    /// Whether anything was escaped so far.
    pub fn has_escaped(&self) -> bool {
        self.has_escaped
    }

    /// Shows a piece of what a peer sends.
    pub fn show(&mut self, from: Option<u64>, piece: &[u8], out: &mut Vec<u8>) {
        if piece.is_empty() {
            return;
        }
        if self.holder != from {
            self.finish(out);
        }
        if self.cursor != Cursor::Within(from) {
            self.break_line(out);
        }
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(piece);
        let rest = bytes.len() - unfinished(&bytes);
        (self.held, self.holder) = (bytes.split_off(rest), from);
        self.put(from, &bytes, out);
        if !self.held.is_empty() && self.cursor == Cursor::Start {
            // What is held back belongs to this peer.
            self.begin_line(from, out);
        }
    }

    /// Shows a message that is a line of its own.
    pub fn show_line(&mut self, from: Option<u64>, message: &[u8], out: &mut Vec<u8>) {
        self.end_line(out);
        self.show(from, message, out);
        if message.is_empty() {
            self.begin_line(from, out);
        }
        self.end_line(out);
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        self.finish(out);
        self.break_line(out);
    }

    /// Goes to the begin of a line, if it is not there. A character that is begun is not cut.
    pub fn break_line(&mut self, out: &mut Vec<u8>) {
        if self.cursor != Cursor::Start {
            out.push(b'\n');
            self.cursor = Cursor::Start;
        }
    }

    /// Whether the cursor is within a line.
    #[cfg(test)]
    fn is_within(&self) -> bool {
        self.cursor != Cursor::Start
    }

    /// Notes that bytes were written as they are.
    pub fn note_written(&mut self, bytes: &[u8]) {
        match bytes.last() {
            Some(b'\n') => self.cursor = Cursor::Start,
            Some(_) => self.cursor = Cursor::Within(None),
            None => {}
        }
    }

    /// Notes that a line was typed, which the terminal has shown by itself.
    pub fn note_typed(&mut self, bytes: &[u8]) {
        if bytes.ends_with(b"\n") {
            self.cursor = Cursor::Start;
        }
    }

    /// Shows what is held back: its rest does not follow.
    fn finish(&mut self, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        self.put(self.holder, &held, out);
    }

    fn begin_line(&mut self, from: Option<u64>, out: &mut Vec<u8>) {
        if let Some(number) = from.filter(|_| self.is_marked) {
            out.extend_from_slice(format!("#{number} ").as_bytes());
        }
        self.cursor = Cursor::Within(from);
    }

    fn put(&mut self, from: Option<u64>, bytes: &[u8], out: &mut Vec<u8>) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.cursor == Cursor::Start {
                self.begin_line(from, out);
            }
            let (text, end) = match line.strip_suffix(b"\n") {
                // The CR of a CR LF moves nothing: a terminal goes to the begin of the line anyway.
                Some(text) => (text.strip_suffix(b"\r").unwrap_or(text), "\n"),
                None => (line, ""),
            };
            let is_odd = |char: char| char != '\t' && is_unprintable(char);
            self.has_escaped |=
                std::str::from_utf8(text).map_or(true, |text| text.contains(is_odd));
            out.extend_from_slice(escape_keeping_newlines(text).as_bytes());
            out.extend_from_slice(end.as_bytes());
            if !end.is_empty() {
                self.cursor = Cursor::Start;
            }
        }
    }
}

/// How many of the last bytes are the begin of something whose rest may follow.
fn unfinished(bytes: &[u8]) -> usize {
    if bytes.ends_with(b"\r") {
        return 1;
    }
    let tail = bytes.len().saturating_sub(MOST_HELD);
    let tail = bytes.get(tail..).unwrap_or_default();
    let begins = |at: &usize| {
        let end = tail.get(*at..).unwrap_or_default();
        // Without a length it is the end of the bytes that is wrong, and not a byte.
        std::str::from_utf8(end)
            .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (0..tail.len()).find(begins).map_or(0, |at| tail.len() - at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(pieces: &[(u64, &[u8])], is_marked: bool) -> String {
        let (mut text, mut out) = (TerminalText::default(), Vec::new());
        if is_marked {
            text.mark();
        }
        for (from, piece) in pieces {
            text.show(Some(*from), piece, &mut out);
        }
        text.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn control_characters_are_shown_and_lines_and_letters_stay() {
        let table: &[(&[u8], &str)] = &[
            (b"plain\ttext\nand more", "plain\ttext\nand more"),
            (b"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\n\n"),
            (b"50 %\r100 %\r\n", "50 %\\r100 %\n"),
            (b"\x1b[2Jred\x07\x7f", "\\x1b[2Jred\\x07\\x7f"),
            ("höhe \u{9b}31m".as_bytes(), "höhe \\u{9b}31m"),
            (b"caf\xe9\n", "caf\\xe9\n"),
            (b"\\n stays", "\\n stays"),
        ];
        for (bytes, expected) in table {
            assert_eq!(shown(&[(1, bytes)], false), *expected);
        }
    }

    #[test]
    fn lines_of_several_peers_carry_their_numbers_and_never_run_together() {
        let pieces: &[(u64, &[u8])] = &[
            (1, b"one\ntwo"),
            (2, b"other\n"),
            (1, b"three\n\n"),
            (3, b"x"),
            (3, b"y\r"),
            (1, b""),
        ];
        let marked = "#1 one\n#1 two\n#2 other\n#1 three\n#1 \n#3 xy\\r";
        assert_eq!(shown(pieces, true), marked);
        assert_eq!(shown(pieces, false), "one\ntwo\nother\nthree\n\nxy\\r");
    }

    #[test]
    fn an_event_begins_a_line_and_what_follows_is_marked_anew() {
        let (mut text, mut out) = (TerminalText::default(), Vec::new());
        text.break_line(&mut out);
        assert_eq!(out, b"");
        text.show(Some(1), b"prompt> ", &mut out);
        assert!(text.is_within() && !text.has_escaped());
        text.note_typed(b"typed");
        text.break_line(&mut out);
        text.mark();
        text.show(Some(1), b"more", &mut out);
        text.note_typed(b"typed\n");
        assert!(!text.is_within());
        for message in ["a line", "", "its own end\n"] {
            text.show_line(Some(2), message.as_bytes(), &mut out);
        }
        let lines = "prompt> \n#1 more#2 a line\n#2 \n#2 its own end\n";
        assert_eq!(String::from_utf8_lossy(&out), lines);
        assert!(!text.is_within());
    }

    #[test]
    fn an_event_in_a_character_does_not_break_it() {
        let (mut text, mut out) = (TerminalText::default(), Vec::new());
        text.show(Some(1), b"h\xc3", &mut out);
        text.break_line(&mut out);
        text.show(Some(1), b"\xb6he\r", &mut out);
        text.show(Some(2), b"x", &mut out);
        assert_eq!(String::from_utf8_lossy(&out), "h\n\u{f6}he\\r\nx");
    }

    proptest! {
        #[test]
        fn any_cuts_show_the_same(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                "[a\\r\\n\\t\u{7}\u{e9}\u{9b}\u{6f22}\u{1f600}]{0,30}".prop_map(String::into_bytes),
            ],
            cuts in prop::collection::vec(0_usize..60, 0..6),
            is_marked: bool,
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<(u64, &[u8])> =
                cuts.windows(2).map(|pair| (7, &bytes[pair[0]..pair[1]])).collect();
            let whole = shown(&[(7, &bytes)], is_marked);
            prop_assert_eq!(shown(&pieces, is_marked), whole.clone());
            prop_assert!(!whole.contains(|c| is_unprintable(c) && c != '\n' && c != '\t'));
        }
    }
}
