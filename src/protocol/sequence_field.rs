//! Where the messages of a foreign stream keep their sequence number (`--seq`), and the arithmetic of
//! numbers of one width: how far apart two may plausibly be.
//!
//! Pure: a payload goes in, a number comes out; what the number means is decided by
//! [`Sequence`](super::sequence::Sequence).

use std::fmt;
use std::str::FromStr;

/// The least that an RTP packet has (RFC 3550 section 5.1).
const RTP_HEADER: usize = 12;

/// Second bytes of RTCP packets that share a port with RTP (RFC 5761 section 4).
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;

/// How many bits a sequence number has before it wraps around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 16 bits, as in RTP.
    U16,
    /// 32 bits.
    U32,
    /// 64 bits.
    U64,
}

impl Width {
    /// Bytes that a number takes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U16 => 2,
            Self::U32 => 4,
            Self::U64 => 8,
        }
    }

    pub(super) const fn mask(self) -> u64 {
        match self {
            Self::U16 => u16::MAX as u64,
            Self::U32 => u32::MAX as u64,
            Self::U64 => u64::MAX,
        }
    }

    /// How many steps lead forward from one number to another.
    pub(super) const fn steps(self, from: u64, to: u64) -> u64 {
        // Modulo the width (RFC 1982): a step backwards is a very long one forward.
        to.wrapping_sub(from) & self.mask()
    }

    /// The longest step forward that is believed. RFC 3550 A.1 has `MAX_DROPOUT` 3000 for 16 bits;
    /// with more bits an outage of 16 s at a million messages a second is still plausible, while
    /// a random number is not (1 in 256 of 32 bits).
    pub(super) const fn max_dropout(self) -> u64 {
        match self {
            Self::U16 => 3000,
            Self::U32 | Self::U64 => 1 << 24,
        }
    }

    /// How many of the last numbers are remembered, a power of two. RFC 3550 A.1 has
    /// `MAX_MISORDER` 100, which a fast stream over two paths exceeds.
    pub(super) const fn window(self) -> usize {
        match self {
            Self::U16 => 1024,
            Self::U32 | Self::U64 => 65_536,
        }
    }
}

/// Which end of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// The most significant byte, as in network headers.
    Big,
    /// The least significant byte.
    Little,
}

/// Where a sequence number is in a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceField {
    /// In the header of an RTP packet (RFC 3550).
    Rtp,
    /// At a fixed place.
    At {
        /// How long the number is.
        width: Width,
        /// Its byte order.
        order: ByteOrder,
        /// Bytes before it.
        offset: u16,
    },
}

/// The words before the `@` on the command line.
const NAMES: [(&str, Width, ByteOrder); 6] = [
    ("u16", Width::U16, ByteOrder::Big),
    ("u32", Width::U32, ByteOrder::Big),
    ("u64", Width::U64, ByteOrder::Big),
    ("u16le", Width::U16, ByteOrder::Little),
    ("u32le", Width::U32, ByteOrder::Little),
    ("u64le", Width::U64, ByteOrder::Little),
];

impl SequenceField {
    /// The number in a payload; `None` where the payload is too short for one, or ought to be RTP
    /// and is not: another version than 2, or RTCP on the same port.
    pub fn read(&self, payload: &[u8]) -> Option<u64> {
        match *self {
            // Version, flags, marker and payload type come before it (RFC 3550 section 5.1).
            Self::Rtp if is_rtp(payload) => read_at(payload, 2, Width::U16, ByteOrder::Big),
            Self::Rtp => None,
            Self::At { width, order, offset } => read_at(payload, offset.into(), width, order),
        }
    }

    /// The stream that the number of a payload belongs to, where one peer may have several: each
    /// source of an RTP session counts for itself (its SSRC, RFC 3550 section 5.1).
    pub fn stream(&self, payload: &[u8]) -> Option<u32> {
        match self {
            Self::Rtp if is_rtp(payload) => {
                payload.get(8..)?.first_chunk().copied().map(u32::from_be_bytes)
            }
            _ => None,
        }
    }

    /// How many bits the number has before it wraps around.
    pub const fn width(&self) -> Width {
        match *self {
            Self::Rtp => Width::U16,
            Self::At { width, .. } => width,
        }
    }
}

/// The second byte of RTP is the marker and a payload type of 7 bits, that of RTCP a type of 8 bits.
/// Payload types 64 to 95 with the marker would pass for RTCP; RFC 5761 forbids them.
fn is_rtp(payload: &[u8]) -> bool {
    payload.len() >= RTP_HEADER
        && payload.first().is_some_and(|byte| byte >> 6 == 2)
        && payload.get(1).is_some_and(|byte| !RTCP_TYPES.contains(byte))
}

fn read_at(payload: &[u8], offset: usize, width: Width, order: ByteOrder) -> Option<u64> {
    let bytes = payload.get(offset..)?.get(..width.bytes())?;
    let push = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    Some(match order {
        ByteOrder::Big => bytes.iter().fold(0, push),
        ByteOrder::Little => bytes.iter().rev().fold(0, push),
    })
}

impl FromStr for SequenceField {
    type Err = String;

    /// Reads the value of `--seq`; an error lists what is right.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "rtp" {
            return Ok(Self::Rtp);
        }
        let (name, offset) = text.split_once('@').ok_or_else(|| unknown(text))?;
        let (_, width, order) =
            *NAMES.iter().find(|(known, ..)| *known == name).ok_or_else(|| unknown(text))?;
        // `parse` would also read a plus sign.
        let is_number = !offset.is_empty() && offset.bytes().all(|byte| byte.is_ascii_digit());
        match offset.parse() {
            Ok(offset) if is_number => Ok(Self::At { width, order, offset }),
            _ => Err(format!(
                "bad offset in `{text}`: write how many bytes, 0 to 65535, come before the \
                 number, as in {name}@8"
            )),
        }
    }
}

fn unknown(text: &str) -> String {
    let names: Vec<String> = NAMES.iter().map(|(name, ..)| format!("{name}@N")).collect();
    format!(
        "unknown sequence field `{text}`: use rtp, {} (N bytes come before the number; le is \
         little-endian)",
        names.join(", ")
    )
}

impl fmt::Display for SequenceField {
    /// The value of `--seq`, as [`SequenceField::from_str`] reads it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtp => out.write_str("rtp"),
            Self::At { width, order, offset } => {
                let suffix = if *order == ByteOrder::Little { "le" } else { "" };
                write!(out, "u{}{suffix}@{offset}", width.bytes() * 8)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_displays_as_it_is_written() {
        for text in ["rtp", "u16@0", "u32@8", "u64le@65535"] {
            assert_eq!(text.parse::<SequenceField>().unwrap().to_string(), text);
        }
        for (name, width, _) in NAMES {
            let text = format!("{name}@4");
            let field: SequenceField = text.parse().unwrap();
            assert_eq!((field.to_string(), field.width()), (text, width));
        }
    }

    #[test]
    fn a_wrong_field_is_answered_with_what_is_right() {
        for text in ["", "RTP", "u8@0", "u32", "@8", "u32be@0"] {
            let error = text.parse::<SequenceField>().unwrap_err();
            assert!(error.contains("use rtp, u16@N") && error.contains("u64le@N"), "{error}");
        }
        for text in ["u32@", "u32@-1", "u32@+1", "u32@65536", "u32@0x8"] {
            let error = text.parse::<SequenceField>().unwrap_err();
            assert!(error.contains("0 to 65535") && error.ends_with("u32@8"), "{error}");
        }
    }

    #[test]
    fn a_number_is_read_in_its_byte_order() {
        let payload = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        for (field, number) in [
            ("u16@1", Some(0x0102)),
            ("u16le@1", Some(0x0201)),
            ("u32@6", Some(0x0607_0809)),
            ("u32le@6", Some(0x0908_0706)),
            ("u64@1", Some(0x0102_0304_0506_0708)),
            ("u64le@1", Some(0x0807_0605_0403_0201)),
            ("u64@3", None),
            ("u32@7", None),
            ("u16@65535", None),
        ] {
            let read = field.parse::<SequenceField>().unwrap().read(&payload);
            assert_eq!(read, number, "{field}");
        }
    }

    #[test]
    fn rtp_is_distinguished_from_what_is_not() {
        let packet = |first, second| {
            let mut packet = [0; 12];
            packet[..4].copy_from_slice(&[first, second, 0xab, 0xcd]);
            packet
        };
        for (first, second, number) in [
            (0x80, 96, Some(0xabcd)),
            (0xbf, 0x80 | 33, Some(0xabcd)),
            (0x40, 96, None),
            (0x47, 0, None),
            (0x81, 200, None),
        ] {
            assert_eq!(SequenceField::Rtp.read(&packet(first, second)), number, "{first} {second}");
        }
        assert_eq!(SequenceField::Rtp.read(&packet(0x80, 96)[..11]), None);
    }
}
