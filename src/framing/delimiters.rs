//! The texts around messages: what `delim:` means, and what a search has to know of them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::values::unescape;

/// The most bytes that each of the two may have.
const LONGEST: usize = 255;

/// What begins and ends each message (`delim:START,END`, `delim:END`). Clones share it.
#[derive(Clone, PartialEq, Eq)]
pub struct Delimiters(Arc<DelimiterBytes>);

#[derive(PartialEq, Eq)]
struct DelimiterBytes {
    /// Empty where nothing begins a message.
    start: Box<[u8]>,
    /// At least one byte.
    end: Box<[u8]>,
    /// By how many of its first bytes, less one: how many of them end it as they begin it.
    borders: Box<[u8]>,
}

impl Delimiters {
    /// Messages end with `end`, of 1 to 255 bytes, and begin with `start`, which may be empty.
    ///
    /// # Errors
    /// One of them has another length; the text names it.
    pub fn new(start: &[u8], end: &[u8]) -> Result<Self, String> {
        if end.is_empty() {
            return Err("nothing would end a message".to_owned());
        }
        if start.len().max(end.len()) > LONGEST {
            return Err(format!("START and END have {LONGEST} bytes at most"));
        }
        let borders = borders(end);
        Ok(Self(Arc::new(DelimiterBytes { start: start.into(), end: end.into(), borders })))
    }

    /// What begins a message; empty where nothing does.
    pub fn start(&self) -> &[u8] {
        &self.0.start
    }

    /// What ends a message.
    pub fn end(&self) -> &[u8] {
        &self.0.end
    }

    /// How many of the first `matched` bytes of the end, all of them aside, are its first bytes
    /// once more: where the next byte is another one, the search goes on with so many.
    pub(super) fn border(&self, matched: usize) -> usize {
        matched.checked_sub(1).and_then(|at| self.0.borders.get(at)).copied().map_or(0, usize::from)
    }
}

/// The borders of each beginning of a text of up to 255 bytes.
fn borders(text: &[u8]) -> Box<[u8]> {
    // The failure function of Knuth, Morris and Pratt; a border is shorter than 255 bytes, and fits a byte.
    let (mut borders, mut border) = (vec![0_u8; text.len()], 0);
    for (at, byte) in text.iter().enumerate().skip(1) {
        while border > 0 && text.get(border) != Some(byte) {
            border = borders.get(border - 1).copied().map_or(0, usize::from);
        }
        border += usize::from(text.get(border) == Some(byte));
        if let Some(place) = borders.get_mut(at) {
            *place = border as u8;
        }
    }
    borders.into()
}

impl FromStr for Delimiters {
    type Err = String;

    /// Reads what stands behind `delim:`, with the escapes of TEXT.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |why: &str| {
            format!(
                "bad delimiters `delim:{text}`: {why}; use delim:END or delim:START,END, with \
                 \\n \\r \\t \\0 \\xNN \\\\, and \\x2c for a comma"
            )
        };
        let (start, end) = match text.split_once(',') {
            None => ("", text),
            Some(("", _)) => return Err(bad("START is empty")),
            Some((_, "")) => return Err(bad("END is empty")),
            Some((_, end)) if end.contains(',') => return Err(bad("there is more than one comma")),
            Some(both) => both,
        };
        Self::new(&unescape(start), &unescape(end)).map_err(|why| bad(&why))
    }
}

impl fmt::Display for Delimiters {
    /// As [`Delimiters::from_str`] reads them.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let write = |out: &mut fmt::Formatter<'_>, text: &[u8]| {
            text.iter().try_for_each(|byte| match byte {
                b',' => out.write_str("\\x2c"),
                b'\'' | b'"' => write!(out, "{}", char::from(*byte)),
                byte => write!(out, "{}", byte.escape_ascii()),
            })
        };
        if !self.start().is_empty() {
            write(out, self.start())?;
            out.write_str(",")?;
        }
        write(out, self.end())
    }
}

impl fmt::Debug for Delimiters {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Delimiters({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(text: &str) -> (Vec<u8>, Vec<u8>) {
        let delimiters: Delimiters = text.parse().unwrap();
        assert_eq!(delimiters.to_string().parse(), Ok(delimiters.clone()), "{delimiters}");
        (delimiters.start().to_vec(), delimiters.end().to_vec())
    }

    #[test]
    fn texts_have_escapes() {
        for (text, start, end) in [
            (r"\x0b,\x1c\r", &b"\x0b"[..], &b"\x1c\r"[..]),
            (r"\x02,\x03", b"\x02", b"\x03"),
            (r"\r\n\r\n", b"", b"\r\n\r\n"),
            (r"\x2c", b"", b","),
            (r"\\,'\xff", b"\\", b"'\xff"),
            ("é", b"", "é".as_bytes()),
            ("<,>", b"<", b">"),
        ] {
            assert_eq!(both(text), (start.to_vec(), end.to_vec()), "{text}");
        }
    }

    #[test]
    fn what_delimits_nothing_is_refused() {
        let long = "x".repeat(256);
        for (text, why) in [
            ("", "nothing would end a message"),
            (",", "START is empty"),
            (",x", "START is empty"),
            ("x,", "END is empty"),
            ("a,b,c", "more than one comma"),
            (&long, "255 bytes at most"),
        ] {
            let error = text.parse::<Delimiters>().unwrap_err();
            assert!(error.contains(why) && error.contains("use delim:END or"), "{error}");
        }
        assert!("x".repeat(255).parse::<Delimiters>().is_ok());
    }

    #[test]
    fn borders_are_what_begins_and_ends_a_beginning() {
        let cases: [(&[u8], &[u8]); 3] =
            [(b"aaab", &[0, 1, 2, 0]), (b"abcabcab", &[0, 0, 0, 1, 2, 3, 4, 5]), (b"\n", &[0])];
        for (text, expected) in cases {
            assert_eq!(&*borders(text), expected, "{}", text.escape_ascii());
        }
    }
}
