//! Bytes as text: what a peer sent made safe to look at.
//!
//! Pure. It decides which characters may reach a terminal; it does not know whether there is one.

use std::ascii;

pub use crate::values::number;

/// Shows bytes as text on one line that stands for these bytes only: what could disturb a
/// terminal or a log, invalid UTF-8 and the backslash become `\n \r \t \\ \xNN \u{..}`.
pub fn escape(bytes: &[u8]) -> String {
    escape_except(bytes, &[])
}

/// Shows words that may quote a peer on one line. Backslashes stay, for what was escaped before
/// must not be escaped twice.
pub fn escape_words(words: &str) -> String {
    escape_except(words.as_bytes(), &['\\'])
}

/// Shows bytes as lines on a terminal: as [`escape`], but newlines, tabs and backslashes stay.
pub fn escape_keeping_newlines(bytes: &[u8]) -> String {
    escape_except(bytes, &['\n', '\t', '\\'])
}

/// Whether a character may not be shown as it is: the control characters (C0, DEL, C1), the line
/// and paragraph separators, and the marks and overrides of bidirectional text, which can make a
/// line read differently from what it holds (Unicode TR 36).
pub fn is_unprintable(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{61c}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{2029}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// So many bytes of something, to which this was not done: `1 byte of input was not sent`.
pub fn bytes_not(n: u64, of: &str, done: &str) -> String {
    format!("{}{of} {} not {done}", number(n, "byte"), if n == 1 { "was" } else { "were" })
}

fn escape_except(bytes: &[u8], kept: &[char]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            if kept.contains(&char) { out.push(char) } else { push_escaped(char, &mut out) }
        }
        chunk.invalid().iter().for_each(|&byte| push_byte(byte, &mut out));
    }
    out
}

fn push_escaped(char: char, out: &mut String) {
    match u8::try_from(char) {
        // With a bare backslash, a peer that sends `\` and `n` would look like one that sends LF.
        Ok(byte) if byte == b'\\' || byte.is_ascii_control() => push_byte(byte, out),
        // C1 controls have two bytes in UTF-8, and some terminals obey them: U+009B acts as ESC [.
        _ if is_unprintable(char) => out.extend(char.escape_unicode()),
        _ => out.push(char),
    }
}

fn push_byte(byte: u8, out: &mut String) {
    out.extend(ascii::escape_default(byte).map(char::from));
}

/// JSON without the byte order mark that some programs put before it (RFC 8259, section 8.1).
pub fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::values::unescape;

    #[test]
    fn what_disturbs_is_escaped_and_the_rest_is_kept() {
        let table: &[(&[u8], &str)] = &[
            (b"plain \"text\"'s", "plain \"text\"'s"),
            ("höhe ✓ 漢字".as_bytes(), "höhe ✓ 漢字"),
            (b"a\nb\rc\td\\e", r"a\nb\rc\td\\e"),
            (b"\x00\x1b[31m\x7f", r"\x00\x1b[31m\x7f"),
            ("\u{85}\u{9b}31m".as_bytes(), r"\u{85}\u{9b}31m"),
            ("\u{202e}\u{2066}\u{200f}".as_bytes(), r"\u{202e}\u{2066}\u{200f}"),
            (b"ok\xff\xc3", r"ok\xff\xc3"),
        ];
        for (bytes, shown) in table {
            assert_eq!(escape(bytes), *shown);
        }
    }

    #[test]
    fn one_of_something_has_no_s() {
        let counts = [0, 1, 2].map(|n| number(n, "byte"));
        assert_eq!(counts, ["0 bytes", "1 byte", "2 bytes"]);
        let unsent = [1, 2].map(|n| bytes_not(n, " of it", "sent"));
        assert_eq!(unsent, ["1 byte of it was not sent", "2 bytes of it were not sent"]);
    }

    #[test]
    fn lines_keep_their_newlines_and_words_their_backslashes() {
        assert_eq!(escape_keeping_newlines(b"a\tb\\c\r\n\x07"), "a\tb\\c\\r\n\\x07");
        assert_eq!(escape_words("got \\x1b\n"), "got \\x1b\\n");
    }

    proptest! {
        #[test]
        fn no_unprintable_character_gets_through(
            bytes: Vec<u8>,
            text in "(?s)[\\x00-\u{ff}\u{2000}-\u{2070}]*",
        ) {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                prop_assert!(!escape(bytes).contains(is_unprintable));
                let lines = escape_keeping_newlines(bytes);
                prop_assert!(!lines.contains(|c| is_unprintable(c) && c != '\n' && c != '\t'));
            }
            prop_assert!(!escape_words(&text).contains(is_unprintable));
        }

        #[test]
        fn an_escaped_byte_reads_back(bytes in prop::collection::vec(0..=0x7f_u8, 0..64)) {
            prop_assert_eq!(unescape(&escape(&bytes)), bytes);
        }
    }
}
