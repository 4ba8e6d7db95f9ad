//! The blocks of pcapng (draft-ietf-opsawg-pcapng): section header, interface, packet.
//!
//! Each block is its type, its length, a body of whole 32-bit words, and its length again, in the
//! byte order of the first block, which is little-endian here.

use std::time::{SystemTime, UNIX_EPOCH};

// It reads the same in both byte orders, so a reader knows it before it knows the order.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
#[cfg(feature = "tls")]
const SECRETS: u32 = 10;
/// Lines as SSLKEYLOGFILE has them.
#[cfg(feature = "tls")]
const TLS_KEY_LOG: u32 = 0x544c_534b;
/// By which a reader knows the byte order.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Raw IPv4 or IPv6, by the version in its first four bits (LINKTYPE_RAW).
const RAW_IP: u16 = 101;

const COMMENT: u16 = 1;
const OS: u16 = 3;
const APPLICATION: u16 = 4;
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;
/// Times count nanoseconds.
const NANOSECONDS: u8 = 9;

/// What every file starts with: the section, and the only interface.
pub(super) fn head(out: &mut Vec<u8>) {
    block(SECTION, out, |body| {
        body.extend(BYTE_ORDER.to_le_bytes());
        // Version 1.0.
        body.extend(1_u16.to_le_bytes());
        body.extend(0_u16.to_le_bytes());
        // The length of the section is not known.
        body.extend(u64::MAX.to_le_bytes());
        option(OS, std::env::consts::OS.as_bytes(), body);
        let application = concat!("wirecat ", env!("CARGO_PKG_VERSION"));
        option(APPLICATION, application.as_bytes(), body);
        end_options(body);
    });
    block(INTERFACE, out, |body| {
        // Two reserved bytes follow the link type.
        body.extend(RAW_IP.to_le_bytes());
        body.extend(0_u16.to_le_bytes());
        // No packet is cut.
        body.extend(0_u32.to_le_bytes());
        option(NAME, b"wirecat", body);
        // `if_tsresol`, a power of ten: without it times count microseconds.
        option(RESOLUTION, &[NANOSECONDS], body);
        end_options(body);
    });
}

/// Secrets of TLS, which have to stand ahead of the packets that they open.
#[cfg(feature = "tls")]
pub(super) fn secrets(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    block(SECRETS, &mut out, |body| {
        body.extend(TLS_KEY_LOG.to_le_bytes());
        body.extend(u32::try_from(lines.len()).unwrap_or(u32::MAX).to_le_bytes());
        body.extend_from_slice(lines);
        pad(lines.len(), body);
    });
    out
}

/// Appends packets of one moment.
pub(super) struct Stamp<'a> {
    nanoseconds: u64,
    /// For the next packet.
    comment: Option<String>,
    out: &'a mut Vec<u8>,
}

impl<'a> Stamp<'a> {
    pub(super) fn new(time: SystemTime, out: &'a mut Vec<u8>) -> Self {
        // Times of packets are unsigned and count from 1970.
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanoseconds = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        Self { nanoseconds, comment: None, out }
    }

    /// Adds words to the next packet.
    pub(super) fn comment(&mut self, words: String) {
        self.comment = Some(words);
    }

    /// Appends a packet: its headers and what they carry.
    pub(super) fn packet(&mut self, headers: &[u8], payload: &[u8]) {
        let comment = self.comment.take();
        let length = u32::try_from(headers.len() + payload.len()).unwrap_or(u32::MAX);
        let time = self.nanoseconds;
        block(PACKET, self.out, |body| {
            // The number of the interface: the first and only one.
            body.extend(0_u32.to_le_bytes());
            // The upper half first, whatever the byte order.
            body.extend(((time >> 32) as u32).to_le_bytes());
            body.extend((time as u32).to_le_bytes());
            body.extend(length.to_le_bytes());
            body.extend(length.to_le_bytes());
            body.extend_from_slice(headers);
            body.extend_from_slice(payload);
            pad(headers.len() + payload.len(), body);
            if let Some(words) = comment {
                option(COMMENT, words.as_bytes(), body);
                end_options(body);
            }
        });
    }
}

fn block(kind: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend(kind.to_le_bytes());
    out.extend([0; 4]);
    fill(out);
    let length = u32::try_from(out.len() - start + 4).unwrap_or(u32::MAX).to_le_bytes();
    if let Some(place) = out.get_mut(start + 4..start + 8) {
        place.copy_from_slice(&length);
    }
    // Again behind the body: readers may go through a file backwards.
    out.extend(length);
}

fn option(code: u16, value: &[u8], out: &mut Vec<u8>) {
    // A name of a unix socket, the longest value, has some hundred bytes.
    let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
    out.extend(code.to_le_bytes());
    out.extend((value.len() as u16).to_le_bytes());
    out.extend_from_slice(value);
    // The length of an option does not count its padding.
    pad(value.len(), out);
}

fn end_options(out: &mut Vec<u8>) {
    // `opt_endofopt`: code 0 and length 0.
    out.extend([0; 4]);
}

fn pad(length: usize, out: &mut Vec<u8>) {
    out.extend(std::iter::repeat_n(0, length.next_multiple_of(4) - length));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Every block: its type and body. Both lengths agree, and nothing is left over.
    fn blocks(mut bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let word =
            |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let length = word(bytes, 4) as usize;
            assert_eq!((length % 4, word(bytes, length - 4) as usize), (0, length));
            found.push((word(bytes, 0), bytes[8..length - 4].to_vec()));
            bytes = &bytes[length..];
        }
        found
    }

    #[test]
    fn blocks_are_whole_words_with_their_length_at_both_ends() {
        let mut out = Vec::new();
        head(&mut out);
        let time = UNIX_EPOCH + Duration::from_nanos((7 << 32) + 5);
        let mut stamp = Stamp::new(time, &mut out);
        stamp.comment("unix".to_owned());
        stamp.packet(b"head", b"x");
        stamp.packet(b"head", b"");
        let blocks = blocks(&out);
        let kinds: Vec<u32> = blocks.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [SECTION, INTERFACE, PACKET, PACKET]);
        assert!(blocks[0].1.starts_with(&[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0]));
        assert_eq!(blocks[1].1[..2], [101, 0]);
        let packet =
            b"\0\0\0\0\x07\0\0\0\x05\0\0\0\x05\0\0\0\x05\0\0\0headx\0\0\0\x01\0\x04\0unix\0\0\0\0";
        assert_eq!(blocks[2].1, packet);
        assert_eq!(blocks[3].1.len(), 24);
    }
}
