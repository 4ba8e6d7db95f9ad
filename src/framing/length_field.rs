//! Messages with a length somewhere in their header, as binary protocols have them: `u16@4` is
//! Modbus/TCP, `u32@1-4` Postgres. A message is all of it, from the first byte of the header.
//!
//! Owns the grammar `uN[le]@OFFSET±N` and what such a length means.

use std::fmt;
use std::str::FromStr;

use super::framer::{FrameError, Framer, Step, bytes, counted, sendable};
use super::prefixed::Prefix;

/// The most bytes before a length, and the most behind a message that it does not count.
const FARTHEST: usize = u16::MAX as usize;

/// The lengths that are written with a name.
const NAMES: [(&str, Prefix); 9] = [
    ("u8", Prefix::BigEndian { width: 1 }),
    ("u16", Prefix::BigEndian { width: 2 }),
    ("u24", Prefix::BigEndian { width: 3 }),
    ("u32", Prefix::BigEndian { width: 4 }),
    ("u64", Prefix::BigEndian { width: 8 }),
    ("u16le", Prefix::LittleEndian { width: 2 }),
    ("u24le", Prefix::LittleEndian { width: 3 }),
    ("u32le", Prefix::LittleEndian { width: 4 }),
    ("u64le", Prefix::LittleEndian { width: 8 }),
];

/// Where a message has its length, and what that counts; made by parsing, as in `u16@4`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LengthField {
    name: &'static str,
    prefix: Prefix,
    /// Bytes before it.
    offset: usize,
    /// Bytes up to its own end.
    header: usize,
    /// So many more bytes follow than it counts.
    extra: i64,
}

impl LengthField {
    /// The bytes that each message has at least: those up to the end of the length.
    pub fn header(&self) -> usize {
        self.header
    }

    /// How long the message at the front of `input` is; `None` until its length has come.
    fn total(&self, input: &[u8]) -> Result<Option<u64>, FrameError> {
        let Some(read) = self.prefix.read(input.get(self.offset..).unwrap_or_default())? else {
            return Ok(None);
        };
        let counted = u64::try_from(-self.extra).unwrap_or(0);
        if read.len < counted {
            return Err(FrameError::Malformed(format!(
                "a length of {}, less than the {} of the header that it counts",
                read.len,
                bytes(counted)
            )));
        }
        let more = u64::try_from(self.extra).unwrap_or(0);
        // Saturating: what is beyond 64 bits is beyond every limit.
        Ok(Some((read.len - counted).saturating_add(more).saturating_add(self.header as u64)))
    }
}

/// Frames whose header has their length.
pub(super) struct HeaderCounted {
    field: LengthField,
    max: usize,
}

impl HeaderCounted {
    pub(super) fn new(field: LengthField, max: usize) -> Self {
        Self { field, max }
    }
}

impl Framer for HeaderCounted {
    fn step(&mut self, input: &[u8], _eof: bool) -> Result<Step, FrameError> {
        match self.field.total(input)? {
            Some(total) => counted(input, 0, total, self.max),
            None => Ok(Step::More),
        }
    }

    /// The payload has its length already; one that lies is not sent, since what follows it would
    /// be cut wrongly.
    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        sendable(payload, self.max)?;
        let len = payload.len();
        let why = match self.field.total(payload) {
            Ok(Some(total)) if total == len as u64 => {
                out.extend_from_slice(payload);
                return Ok(());
            }
            Ok(Some(total)) => format!("its length field makes it {} long", bytes(total)),
            Ok(None) => format!("its length field ends behind byte {}", self.field.header),
            Err(error) => format!("it has {error}"),
        };
        Err(FrameError::Unrepresentable(format!("{} long, and {why}", bytes(len as u64))))
    }
}

impl FromStr for LengthField {
    type Err = String;

    /// Reads `uN[le]@OFFSET`, `uN[le]@OFFSET+N` or `uN[le]@OFFSET-N`.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |why: String| format!("bad length field `{text}`: {why}");
        let (name, place) = text.split_once('@').unwrap_or((text, ""));
        let Some((name, prefix)) = NAMES.into_iter().find(|(known, _)| *known == name) else {
            let names = NAMES.map(|(name, _)| name).join(", ");
            return Err(bad(format!("use {names}, as in u16@4 or u32@1-4")));
        };
        let split = place.find(['+', '-']).unwrap_or(place.len());
        let (offset, extra) = place.split_at(split);
        let Some(offset) = number(offset) else {
            return Err(bad(format!(
                "write how many bytes, 0 to {FARTHEST}, come before the length, as in {name}@4"
            )));
        };
        // A name that is in the table has its number of bits in it.
        let header = offset + prefix.width();
        let bytes = extra.get(1..).map_or(Some(0), number);
        let extra = match (bytes, extra.starts_with('-')) {
            (Some(bytes), false) => bytes as i64,
            (Some(bytes), true) if bytes <= header => -(bytes as i64),
            (Some(_), true) => {
                return Err(bad(format!(
                    "no length counts more than the whole message, which is {name}@{offset}-{header}"
                )));
            }
            (None, _) => {
                return Err(bad(format!(
                    "write how many bytes, 0 to {FARTHEST}, the length counts too few (+N) or too \
                     many (-N), as in {name}@{offset}-{header}"
                )));
            }
        };
        Ok(Self { name, prefix, offset, header, extra })
    }
}

/// A number of bytes. `parse` would also read a plus sign.
fn number(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|bytes| is_number && *bytes <= FARTHEST)
}

impl fmt::Display for LengthField {
    /// As [`LengthField::from_str`] reads it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}@{}", self.name, self.offset)?;
        if self.extra == 0 { Ok(()) } else { write!(out, "{:+}", self.extra) }
    }
}

impl fmt::Debug for LengthField {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "LengthField({self})")
    }
}

#[cfg(test)]
impl LengthField {
    /// Makes `payload` a message: at least its header, and its length in it; one that the field
    /// cannot express is cut.
    pub(super) fn stamp(&self, payload: &mut Vec<u8>) {
        // What a field of value 0 means.
        let least = (self.header as i64 + self.extra).max(self.header as i64) as usize;
        payload.resize(payload.len().max(least), b'x');
        let base = self.header as i64 + self.extra;
        let most = self.prefix.limit().min(1 << 40) as i64;
        payload.truncate((most + base) as usize);
        let mut value = Vec::new();
        self.prefix.write((payload.len() as i64 - base) as u64, &mut value);
        payload[self.offset..self.header].copy_from_slice(&value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framer(field: &str) -> HeaderCounted {
        HeaderCounted::new(field.parse().unwrap(), 300)
    }

    #[test]
    fn every_field_displays_as_it_is_written() {
        for text in ["u8@0", "u16@4", "u16@2-4", "u32@1-4", "u24@0+6", "u24le@0+1", "u64le@65535"] {
            assert_eq!(text.parse::<LengthField>().unwrap().to_string(), text);
        }
        assert_eq!("u16@4-0".parse::<LengthField>().unwrap().to_string(), "u16@4");
    }

    #[test]
    fn a_wrong_field_shows_a_right_one() {
        for text in ["u12@3", "@3", "u8le@0", "U16@4", "u16be@4", "u@0", "u16 @0"] {
            let error = text.parse::<LengthField>().unwrap_err();
            assert!(error.contains("use u8, u16, u24, u32, u64, u16le"), "{error}");
        }
        for text in ["u16@", "u16", "u16@x", "u16@65536", "u16@-4", "u16@+4", "u16@0x4", "u16@ 4"] {
            let error = text.parse::<LengthField>().unwrap_err();
            assert!(error.contains("0 to 65535") && error.ends_with("as in u16@4"), "{error}");
        }
        for text in ["u16@4+", "u16@4-", "u16@4+65536", "u16@4-+1", "u16@4+1+1", "u16@4-x"] {
            let error = text.parse::<LengthField>().unwrap_err();
            assert!(error.ends_with("as in u16@4-6"), "{error}");
        }
        let error = "u32@1-999".parse::<LengthField>().unwrap_err();
        assert!(error.ends_with("which is u32@1-5"), "{error}");
    }

    #[test]
    fn a_message_is_all_of_it() {
        let cases: [(&str, &[u8]); 8] = [
            ("u16@4", b"\0\x01\0\0\0\x02\x11\x03"),
            ("u16@2-4", b"\x03\0\0\x05\x02"),
            ("u32@1-4", b"Q\0\0\0\x05\0"),
            ("u24@0+6", b"\0\0\x01\x04\0\0\0\0\0!"),
            ("u24le@0+1", b"\x01\0\0\0\x0e"),
            ("u64@0", b"\0\0\0\0\0\0\0\x01x"),
            ("u8@1-2", b"x\x02"),
            ("u32le@0", b"\0\0\0\0"),
        ];
        for (field, wire) in cases {
            let (mut framer, consumed) = (framer(field), wire.len());
            let whole = Step::Frame { payload: 0..consumed, consumed, partial: false };
            assert_eq!(framer.step(&[wire, b"more"].concat(), false), Ok(whole), "{field}");
            assert_eq!(framer.step(&wire[..consumed - 1], true), Ok(Step::More), "{field}");
            let mut out = Vec::new();
            framer.encode(wire, &mut out).unwrap();
            assert_eq!(out, wire, "{field}");
        }
    }

    #[test]
    fn a_length_that_cannot_be_is_refused() {
        let cases: [(&str, &[u8], &str); 3] = [
            (
                "u16@2-4",
                b"\x03\0\0\x03",
                "a length of 3, less than the 4 bytes of the header that it counts",
            ),
            ("u16@0", b"\x01\x2b", "301 bytes long, and the limit is 300"),
            ("u64@0+9", &[0xff; 8], "18446744073709551615 bytes long, and the limit is 300"),
        ];
        for (field, input, text) in cases {
            assert_eq!(framer(field).step(input, false).unwrap_err().to_string(), text, "{field}");
        }
        assert_ne!(framer("u8@299").step(&[0; 300], false), Ok(Step::More));
    }

    #[test]
    fn a_message_whose_length_lies_is_not_sent() {
        let cases: [(&str, &[u8], &str); 4] = [
            ("u16@4", b"abc", "3 bytes long, and its length field ends behind byte 6"),
            ("u16@0", b"\0\x05abc", "5 bytes long, and its length field makes it 7 bytes long"),
            ("u16@0", b"\0\x01abc", "5 bytes long, and its length field makes it 3 bytes long"),
            (
                "u8@0-1",
                b"\0",
                "1 byte long, and it has a length of 0, less than the 1 byte of the header that it \
                 counts",
            ),
        ];
        for (field, payload, text) in cases {
            let mut out = b"x".to_vec();
            let error = framer(field).encode(payload, &mut out).unwrap_err();
            assert_eq!((error.to_string().as_str(), out.as_slice()), (text, &b"x"[..]));
        }
    }
}
