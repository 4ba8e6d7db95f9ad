//! Messages behind a length in decimal digits: netstrings, strictly as D. J. Bernstein wrote them
//! (<https://cr.yp.to/proto/netstrings.txt>), and headers with Content-Length, as the Language Server
//! and the Debug Adapter Protocol have them. Octet counting takes its lengths from here as well.
//!
//! Owns the digits, the colon and the comma, and the header block: lines that end with CR LF, and an empty
//! one behind the last. What is almost such a message is refused, never guessed at.

use memchr::memchr;

use super::framer::{FrameError, Framer, Step, counted, sendable, within};

/// The length of something, and its width in digits, from the front of `input`; `None` until `end`
/// stands behind them.
///
/// Without leading zeros a length of 64 bits has at most 20 digits, so the header is bounded.
#[inline]
pub(super) fn read_length(
    input: &[u8],
    end: u8,
    what: &str,
) -> Result<Option<(u64, usize)>, FrameError> {
    let mut len = 0_u64;
    for (index, &byte) in input.iter().enumerate() {
        if byte == end && index > 0 {
            return Ok(Some((len, index)));
        }
        // A zero alone is the length of an empty message.
        // The formats prohibit extra zeros in front; to take them would make the header unbounded.
        let more = match byte {
            b'0'..=b'9' if index == 0 || len > 0 => {
                len.checked_mul(10).and_then(|len| len.checked_add((byte - b'0').into()))
            }
            _ => None,
        };
        let Some(more) = more else { return Err(refused(byte, len, what)) };
        len = more;
    }
    Ok(None)
}

/// Why this byte cannot follow the digits of `len`.
#[cold]
fn refused(byte: u8, len: u64, what: &str) -> FrameError {
    FrameError::Malformed(match byte {
        b'0'..=b'9' if len == 0 => format!("{what} length with a leading zero"),
        b'0'..=b'9' => format!("{what} length beyond 64 bits"),
        _ => format!("`{}` in the length of {what}", byte.escape_ascii()),
    })
}

/// Frames such as `5:hello,`.
pub(super) struct Netstring {
    max: usize,
}

impl Netstring {
    pub(super) fn new(max: usize) -> Self {
        Self { max }
    }
}

impl Framer for Netstring {
    fn step(&mut self, input: &[u8], _eof: bool) -> Result<Step, FrameError> {
        let Some((len, digits)) = read_length(input, b':', "a netstring")? else {
            return Ok(Step::More);
        };
        let width = digits + 1;
        // The comma is looked at once the payload is whole: before that it means nothing.
        let end = width.saturating_add(within(len, self.max)?);
        match input.get(end) {
            None => Ok(Step::More),
            Some(b',') => {
                Ok(Step::Frame { payload: width..end, consumed: end + 1, partial: false })
            }
            Some(other) => {
                let other = other.escape_ascii();
                let text = format!("a netstring ends with `,`, this one with `{other}`");
                Err(FrameError::Malformed(text))
            }
        }
    }

    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        sendable(payload, self.max)?;
        out.extend_from_slice(payload.len().to_string().as_bytes());
        out.push(b':');
        out.extend_from_slice(payload);
        out.push(b',');
        Ok(())
    }
}

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
        Netstring::new(12).step(input, true)
    }

    #[test]
    fn the_examples_of_the_specification() {
        let cases: [(&[u8], &[u8]); 2] = [(b"hello world!", b"12:hello world!,"), (b"", b"0:,")];
        for (payload, wire) in cases {
            let mut out = Vec::new();
            Netstring::new(12).encode(payload, &mut out).unwrap();
            assert_eq!(out, wire);
            let (start, consumed) = (wire.len() - payload.len() - 1, wire.len());
            let payload = start..consumed - 1;
            assert_eq!(step(wire), Ok(Step::Frame { payload, consumed, partial: false }));
        }
    }

    #[test]
    fn a_cut_netstring_waits() {
        for input in [&b""[..], b"1", b"12", b"3:", b"3:ab", b"3:abc"] {
            assert_eq!(step(input), Ok(Step::More), "{}", input.escape_ascii());
        }
    }

    #[test]
    fn what_is_almost_a_netstring_is_refused() {
        let cases: [(&[u8], &str); 9] = [
            (b":,", "`:` in the length of a netstring"),
            (b" 1:a,", "` ` in the length of a netstring"),
            (b"-1:a,", "`-` in the length of a netstring"),
            (b"1\n", "`\\n` in the length of a netstring"),
            (b"01:a,", "a netstring length with a leading zero"),
            (b"00:,", "a netstring length with a leading zero"),
            (b"99999999999999999999", "a netstring length beyond 64 bits"),
            (b"1:ab", "a netstring ends with `,`, this one with `b`"),
            (b"13:", "13 bytes long, and the limit is 12"),
        ];
        for (input, text) in cases {
            let error = step(input).unwrap_err();
            assert_eq!(error.to_string(), text, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn a_payload_over_the_limit_is_not_sent() {
        let mut out = Vec::new();
        let error = Netstring::new(12).encode(&[b'x'; 13], &mut out).unwrap_err();
        assert_eq!((error, out.len()), (FrameError::TooLarge { len: 13, max: 12 }, 0));
    }

    fn header_step(input: &[u8]) -> Result<Step, FrameError> {
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
            assert_eq!(header_step(input), body(header, len), "{}", input.escape_ascii());
            let cut = &input[..header + len - 1];
            assert_eq!(header_step(cut), Ok(Step::More), "{}", cut.escape_ascii());
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
            let error = header_step(input).unwrap_err();
            assert_eq!(error.to_string(), text, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn headers_have_a_bound() {
        let line = |len: usize| [b"X: ", &b"x".repeat(len)[..]].concat();
        let end = b"\r\nContent-Length: 1\r\n\r\n";
        let fits = [&line(HEADERS - end.len() - 3)[..], end, b"x"].concat();
        assert_eq!(header_step(&fits), body(HEADERS, 1));
        let over = [&line(HEADERS - end.len() - 2)[..], end, b"x"].concat();
        let error = header_step(&over).unwrap_err();
        assert_eq!(error.to_string(), "headers of more than 8192 bytes");
        assert_eq!(header_step(&over[..HEADERS - 1]), Ok(Step::More));
        assert_eq!(header_step(&over[..HEADERS]), Err(error));
        let error = header_step(&[b"x".repeat(90), b"\r\n".to_vec()].concat()).unwrap_err();
        assert_eq!(error.to_string(), format!("`{}` is not a header", "x".repeat(QUOTED)));
    }
}
