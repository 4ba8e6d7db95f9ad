//! Netstrings, strictly as D. J. Bernstein wrote them: <https://cr.yp.to/proto/netstrings.txt>.
//!
//! Owns the colon and the comma. What is almost a netstring is refused, never guessed at.

use super::decimal::read_length;
use super::framer::{FrameError, Framer, Step, sendable, within};

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
}
