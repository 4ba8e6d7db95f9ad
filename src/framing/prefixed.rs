//! Messages behind a length: fixed-width integers of either byte order, varints, and decimal digits.
//!
//! Owns the headers.

use bytes::{Buf, BufMut};

use super::decimal::read_length;
use super::framer::{FrameError, Framer, Step, bytes, counted, sendable};

/// How a length is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    /// This many bytes, 1 to 8, the most significant first.
    BigEndian { width: usize },
    /// This many bytes, 1 to 8, the least significant first.
    LittleEndian { width: usize },
    /// Unsigned LEB128, seven bits a byte, the least significant first.
    Varint,
    /// Decimal digits and a space, as syslog over TCP counts octets (RFC 6587, section 3.4.1).
    Decimal,
}

/// A length read from the front of the input, and how many bytes it took.
pub(super) struct LengthHeader {
    pub(super) len: u64,
    width: usize,
}

impl Prefix {
    /// Reads a length; `None` until the header is complete.
    // For every message: with the call it takes 2 ns more.
    #[inline]
    pub(super) fn read(self, input: &[u8]) -> Result<Option<LengthHeader>, FrameError> {
        let header = |width, read: fn(&mut &[u8], usize) -> u64| {
            input.get(..width).map(|mut bytes| LengthHeader { len: read(&mut bytes, width), width })
        };
        match self {
            Self::BigEndian { width } => Ok(header(width, |bytes, width| bytes.get_uint(width))),
            Self::LittleEndian { width } => {
                Ok(header(width, |bytes, width| bytes.get_uint_le(width)))
            }
            Self::Varint => read_varint(input),
            Self::Decimal => read_decimal(input),
        }
    }

    pub(super) fn write(self, len: u64, out: &mut Vec<u8>) {
        match self {
            Self::BigEndian { width } => out.put_uint(len, width),
            Self::LittleEndian { width } => out.put_uint_le(len, width),
            Self::Varint => write_varint(len, out),
            Self::Decimal => out.extend_from_slice(format!("{len} ").as_bytes()),
        }
    }

    /// Bytes of a length; 0 where it has as many as it needs.
    pub(super) fn width(self) -> usize {
        match self {
            Self::BigEndian { width } | Self::LittleEndian { width } => width,
            Self::Varint | Self::Decimal => 0,
        }
    }

    /// The largest length that the prefix can express.
    pub(super) fn limit(self) -> u64 {
        match self {
            // A shift by 64 bits, for a width of 0 that no framing has, would be none in hardware.
            Self::BigEndian { width } | Self::LittleEndian { width } => {
                u64::MAX.checked_shr(64 - 8 * width as u32).unwrap_or_default()
            }
            Self::Varint | Self::Decimal => u64::MAX,
        }
    }
}

/// Frames that are a length and as many bytes.
pub(super) struct Prefixed {
    prefix: Prefix,
    max: usize,
}

impl Prefixed {
    pub(super) fn new(prefix: Prefix, max: usize) -> Self {
        Self { prefix, max }
    }
}

impl Framer for Prefixed {
    fn step(&mut self, input: &[u8], _eof: bool) -> Result<Step, FrameError> {
        let Some(LengthHeader { len, width }) = self.prefix.read(input)? else {
            return Ok(Step::More);
        };
        counted(input, width, len, self.max)
    }

    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        sendable(payload, self.max)?;
        let (len, limit) = (payload.len() as u64, self.prefix.limit());
        if len > limit {
            return Err(FrameError::Unrepresentable(format!(
                "{} long, and the length in front holds {limit} at most",
                bytes(len)
            )));
        }
        if len == 0 && self.prefix == Prefix::Decimal {
            let text = "an empty message, and octet counting begins at 1";
            return Err(FrameError::Unrepresentable(text.to_owned()));
        }
        self.prefix.write(len, out);
        out.extend_from_slice(payload);
        Ok(())
    }
}

/// Octet counting: MSG-LEN begins with a digit that is no zero.
#[inline(never)]
fn read_decimal(input: &[u8]) -> Result<Option<LengthHeader>, FrameError> {
    match read_length(input, b' ', "a message")? {
        Some((0, _)) => Err(FrameError::Malformed("a message length of 0".to_owned())),
        read => Ok(read.map(|(len, digits)| LengthHeader { len, width: digits + 1 })),
    }
}

/// A varint as protobuf has it: at most ten bytes, and zero bits may pad it
/// (<https://protobuf.dev/programming-guides/encoding/#varints>).
fn read_varint(input: &[u8]) -> Result<Option<LengthHeader>, FrameError> {
    let mut len = 0;
    for (index, &byte) in input.iter().enumerate() {
        // The tenth byte holds bit 63 and nothing else.
        // Its highest bit would ask for an eleventh byte; so no peer can send a header without end.
        if index == 9 && byte > 1 {
            return Err(FrameError::Malformed("a varint length beyond 64 bits".to_owned()));
        }
        len |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some(LengthHeader { len, width: index + 1 }));
        }
    }
    Ok(None)
}

fn write_varint(mut len: u64, out: &mut Vec<u8>) {
    // The highest bit of a byte means that another one follows.
    while len > 0x7f {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    const U16: Prefix = Prefix::BigEndian { width: 2 };
    const U32_LE: Prefix = Prefix::LittleEndian { width: 4 };

    fn step(prefix: Prefix, input: &[u8]) -> Result<Step, FrameError> {
        Prefixed::new(prefix, 300).step(input, true)
    }

    #[test]
    fn frames_byte_by_byte() {
        let u8 = Prefix::BigEndian { width: 1 };
        let cases: [(Prefix, &[u8], &[u8]); 6] = [
            (u8, b"", b"\x00"),
            (u8, b"hi", b"\x02hi"),
            (U16, b"hi", b"\x00\x02hi"),
            (Prefix::LittleEndian { width: 2 }, b"hi", b"\x02\x00hi"),
            (Prefix::BigEndian { width: 4 }, b"hi", b"\x00\x00\x00\x02hi"),
            (U32_LE, b"hi", b"\x02\x00\x00\x00hi"),
        ];
        for (prefix, payload, wire) in cases {
            let mut out = Vec::new();
            Prefixed::new(prefix, 300).encode(payload, &mut out).unwrap();
            assert_eq!(out, wire, "{prefix:?}");
            let width = wire.len() - payload.len();
            let consumed = wire.len();
            let frame = Step::Frame { payload: width..consumed, consumed, partial: false };
            assert_eq!(step(prefix, wire), Ok(frame), "{prefix:?}");
            let (_, cut) = wire.split_last().unwrap();
            assert_eq!(step(prefix, cut), Ok(Step::More), "{prefix:?}");
        }
    }

    #[test]
    fn varints_are_those_of_protobuf() {
        let cases: [(u64, &[u8]); 6] = [
            (0, b"\x00"),
            (127, b"\x7f"),
            (128, b"\x80\x01"),
            (300, b"\xac\x02"),
            (16_384, b"\x80\x80\x01"),
            (u64::MAX, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ];
        for (len, wire) in cases {
            let mut out = Vec::new();
            write_varint(len, &mut out);
            assert_eq!(out, wire);
            let header = read_varint(wire).unwrap().unwrap();
            assert_eq!((header.len, header.width), (len, wire.len()));
        }
        assert_eq!(read_varint(b"\x83\x80\x00").unwrap().map(|header| header.len), Some(3));
    }

    /// A length as RFC 6587 has it, and what is almost one.
    #[test]
    fn octets_are_counted_in_digits() {
        let frame = Step::Frame { payload: 2..7, consumed: 7, partial: false };
        assert_eq!(step(Prefix::Decimal, b"5 hello7 "), Ok(frame));
        let mut out = Vec::new();
        Prefixed::new(Prefix::Decimal, 300).encode(&[b'x'; 10], &mut out).unwrap();
        assert_eq!(out, b"10 xxxxxxxxxx");
        for input in [&b""[..], b"5", b"30", b"5 ", b"5 hell"] {
            assert_eq!(step(Prefix::Decimal, input), Ok(Step::More), "{}", input.escape_ascii());
        }
        let cases: [(&[u8], &str); 8] = [
            (b"0 ", "a message length of 0"),
            (b"007 ", "a message length with a leading zero"),
            (b"-1 ", "`-` in the length of a message"),
            (b"+1 ", "`+` in the length of a message"),
            (b" 1 ", "` ` in the length of a message"),
            (b"<34>1 ", "`<` in the length of a message"),
            (b"123456789012345678901234567890", "a message length beyond 64 bits"),
            (b"301 ", "301 bytes long, and the limit is 300"),
        ];
        for (input, text) in cases {
            let error = step(Prefix::Decimal, input).unwrap_err();
            assert_eq!(error.to_string(), text, "{}", input.escape_ascii());
        }
        let error = Prefixed::new(Prefix::Decimal, 300).encode(b"", &mut out).unwrap_err();
        assert_eq!(error.to_string(), "an empty message, and octet counting begins at 1");
    }

    #[test]
    fn a_varint_beyond_64_bits_is_refused() {
        for last in [0x02, 0x80, 0xff] {
            let mut wire = vec![0x80; 9];
            assert!(matches!(read_varint(&wire), Ok(None)));
            wire.push(last);
            assert!(matches!(read_varint(&wire), Err(FrameError::Malformed(_))), "{last:x}");
        }
    }

    #[test]
    fn a_length_over_the_limit_is_refused_at_the_header() {
        assert_eq!(step(U16, b"\x01\x2c"), Ok(Step::More));
        let over = |len| Err(FrameError::TooLarge { len, max: 300 });
        assert_eq!(step(U16, b"\x01\x2d"), over(301));
        assert_eq!(step(U32_LE, b"\xff\xff\xff\xff"), over(u64::from(u32::MAX)));
        assert_eq!(step(Prefix::Varint, b"\xad\x02"), over(301));
    }

    #[test]
    fn a_payload_too_long_for_its_prefix_is_refused() {
        let mut out = Vec::new();
        let framer = Prefixed::new(Prefix::BigEndian { width: 1 }, 300);
        let error = framer.encode(&[0; 256], &mut out).unwrap_err();
        let text = "256 bytes long, and the length in front holds 255 at most";
        assert_eq!((error.to_string().as_str(), out.len()), (text, 0));
        framer.encode(&[0; 255], &mut out).unwrap();
        assert_eq!(out.len(), 256);
        assert!(Prefixed::new(U16, usize::MAX).encode(&[0; 65_536], &mut out).is_err());
        assert_eq!((U32_LE.limit(), Prefix::Varint.limit()), (u64::from(u32::MAX), u64::MAX));
    }
}
