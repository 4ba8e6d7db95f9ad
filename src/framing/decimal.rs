//! Lengths in decimal digits, as netstrings, octet counting and headers have them. What is almost
//! such a number is refused, never guessed at.

use super::framer::FrameError;

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
