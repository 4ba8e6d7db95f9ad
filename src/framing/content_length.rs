//! Messages behind headers that give their length, as the Language Server and the Debug Adapter
//! Protocol have them.
//!
//! Owns the header block: lines that end with CR LF, and an empty one behind the last.

use memchr::memchr;

use super::decimal::read_length;
use super::framer::{FrameError, Framer, Step, counted, sendable};

/// Bytes that a header block has at most. The protocols use some 20 to 100.
const HEADERS: usize = 8192;
/// The bytes of a bad line that are quoted.
const QUOTED: usize = 40;
const NAME: &[u8] = b"Content-Length";

/// Frames that are a header block and as many bytes as it counts.
///
/// ```text
/// headers ── empty line ──> body ── its last byte ──> headers
/// ```
pub(super) struct ContentLength {
    max: usize,
    /// Where the line begins that is not read yet.
    line: usize,
    /// What the headers have given so far.
    len: Option<u64>,
    /// The headers end at `line`.
    in_body: bool,
}

impl ContentLength {
    pub(super) fn new(max: usize) -> Self {
        Self { max, line: 0, len: None, in_body: false }
    }

    /// Reads the lines that are whole, up to the empty one.
    fn read_headers(&mut self, input: &[u8]) -> Result<(), FrameError> {
        let malformed = |text: &str| Err(FrameError::Malformed(text.to_owned()));
        let block = input.get(..HEADERS).unwrap_or(input);
        debug_assert!(block.len() <= HEADERS, "what is beyond is not looked at");
        loop {
            let rest = block.get(self.line..).unwrap_or_default();
            let Some(end) = memchr(b'\n', rest) else { break };
            let Some(line) = rest.get(..end).and_then(|line| line.strip_suffix(b"\r")) else {
                return malformed("a header that ends with LF alone, not with CR LF");
            };
            self.line += end + 1;
            if line.is_empty() {
                self.in_body = true;
                return match self.len {
                    Some(_) => Ok(()),
                    None => malformed("headers without Content-Length"),
                };
            }
            if let Some(len) = read_header(line)?
                && self.len.replace(len).is_some()
            {
                return malformed("headers with Content-Length twice");
            }
        }
        match block.len() {
            HEADERS => malformed("headers of more than 8192 bytes"),
            _ => Ok(()),
        }
    }
}

/// The length that a line gives; `None` where it is another header.
fn read_header(line: &[u8]) -> Result<Option<u64>, FrameError> {
    let (name, value) = line.split_at(memchr(b':', line).unwrap_or(0));
    // Of HTTP, which the protocols refer to: a name has no blanks in it, nor behind it.
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        let quoted = line.get(..QUOTED).unwrap_or(line).escape_ascii();
        return Err(FrameError::Malformed(format!("`{quoted}` is not a header")));
    }
    if !name.eq_ignore_ascii_case(NAME) {
        return Ok(None);
    }
    let value = value.strip_prefix(b":").unwrap_or_default().trim_ascii();
    // `read_length` reads up to a byte behind the digits, and the line has lost its own.
    match read_length(&[value, b"\r"].concat(), b'\r', "a body")? {
        Some((len, _)) => Ok(Some(len)),
        None => Ok(None),
    }
}

impl Framer for ContentLength {
    fn step(&mut self, input: &[u8], _eof: bool) -> Result<Step, FrameError> {
        if !self.in_body {
            self.read_headers(input)?;
        }
        let (true, Some(len)) = (self.in_body, self.len) else { return Ok(Step::More) };
        let step = counted(input, self.line, len, self.max)?;
        if step != Step::More {
            *self = Self::new(self.max);
        }
        Ok(step)
    }

    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        sendable(payload, self.max)?;
        out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", payload.len()).as_bytes());
        out.extend_from_slice(payload);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(input: &[u8]) -> Result<Step, FrameError> {
        ContentLength::new(100).step(input, true)
    }

    fn body(header: usize, len: usize) -> Result<Step, FrameError> {
        let consumed = header + len;
        Ok(Step::Frame { payload: header..consumed, consumed, partial: false })
    }

    #[test]
    fn a_body_follows_its_headers() {
        let cases: [(&[u8], usize, usize); 5] = [
            (b"Content-Length: 2\r\n\r\n{}", 21, 2),
            (b"Content-Length: 0\r\n\r\n", 21, 0),
            (b"content-length:2\r\n\r\n{}Content", 20, 2),
            (b"CONTENT-LENGTH: \t2 \r\n\r\n{}", 23, 2),
            (
                b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
                78,
                2,
            ),
        ];
        for (input, header, len) in cases {
            assert_eq!(step(input), body(header, len), "{}", input.escape_ascii());
            let cut = &input[..header + len - 1];
            assert_eq!(step(cut), Ok(Step::More), "{}", cut.escape_ascii());
        }
        let mut out = Vec::new();
        ContentLength::new(100).encode(b"{}", &mut out).unwrap();
        assert_eq!(out, b"Content-Length: 2\r\n\r\n{}");
    }

    #[test]
    fn headers_that_say_no_length_are_refused() {
        let cases: [(&[u8], &str); 14] = [
            (b"\r\n", "headers without Content-Length"),
            (b"X: 1\r\n\r\n", "headers without Content-Length"),
            (b"Content-Length: 1\r\nContent-Length: 1\r\n", "headers with Content-Length twice"),
            (b"Content-Length: 1\n", "a header that ends with LF alone, not with CR LF"),
            (b"GET / HTTP/1.1\r\n", "`GET / HTTP/1.1` is not a header"),
            (b"Content-Length : 1\r\n", "`Content-Length : 1` is not a header"),
            (b": 1\r\n", "`: 1` is not a header"),
            (b"Content-Length: \r\n", "`\\r` in the length of a body"),
            (b"Content-Length: -1\r\n", "`-` in the length of a body"),
            (b"Content-Length: +1\r\n", "`+` in the length of a body"),
            (b"Content-Length: 1 2\r\n", "` ` in the length of a body"),
            (b"Content-Length: 007\r\n", "a body length with a leading zero"),
            (b"Content-Length: 123456789012345678901234567890\r\n", "a body length beyond 64 bits"),
            (b"Content-Length: 101\r\n\r\n", "101 bytes long, and the limit is 100"),
        ];
        for (input, text) in cases {
            let error = step(input).unwrap_err();
            assert_eq!(error.to_string(), text, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn headers_have_a_bound() {
        let line = |len: usize| [b"X: ", &b"x".repeat(len)[..]].concat();
        let end = b"\r\nContent-Length: 1\r\n\r\n";
        let fits = [&line(HEADERS - end.len() - 3)[..], end, b"x"].concat();
        assert_eq!(step(&fits), body(HEADERS, 1));
        let over = [&line(HEADERS - end.len() - 2)[..], end, b"x"].concat();
        let error = step(&over).unwrap_err();
        assert_eq!(error.to_string(), "headers of more than 8192 bytes");
        assert_eq!(step(&over[..HEADERS - 1]), Ok(Step::More));
        assert_eq!(step(&over[..HEADERS]), Err(error));
        let error = step(&[b"x".repeat(90), b"\r\n".to_vec()].concat()).unwrap_err();
        assert_eq!(error.to_string(), format!("`{}` is not a header", "x".repeat(QUOTED)));
    }
}
