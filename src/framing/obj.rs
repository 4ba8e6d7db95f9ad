//! Python objects behind a length in hex, as the library obj-over-tcp sends them.
//!
//! Owns the header, `%8X` in ASCII. The pickles behind it become JSON text, and JSON text becomes
//! pickles, in [`super::pickle`].

use std::borrow::Cow;

use super::framer::{FrameError, Framer, Step, counted, within};
use super::pickle::{self, Decoder, Encoder, PickleError};

/// Bytes of a header.
const HEADER: usize = 8;

/// Frames that are a length in hex and a pickle.
pub(super) struct Obj {
    max: usize,
    /// What has been done of a pickle that takes long.
    begun: Option<Box<Decoder>>,
    /// What has been done of a JSON text that takes long, and where its frame begins.
    encoding: Option<(Box<Encoder>, usize)>,
}

impl Obj {
    pub(super) fn new(max: usize) -> Self {
        Self { max, begun: None, encoding: None }
    }
}

impl Framer for Obj {
    fn step(&mut self, input: &[u8], _eof: bool) -> Result<Step, FrameError> {
        let header = input.get(..input.len().min(HEADER)).unwrap_or_default();
        let Some(len) = length(header)? else { return Ok(Step::More) };
        counted(input, HEADER, len, self.max)
    }

    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        self.advance((&mut Encoder::default(), begin(out)), payload, out, &mut { usize::MAX })
            .map(drop)
    }

    fn encode_some(
        &mut self,
        payload: &[u8],
        out: &mut Vec<u8>,
        work: &mut usize,
    ) -> Result<bool, FrameError> {
        let encoding = self.encoding.take();
        let (mut encoder, start) = encoding.unwrap_or_else(|| (Box::default(), begin(out)));
        let is_whole = self.advance((&mut encoder, start), payload, out, work)?;
        self.encoding = (!is_whole).then_some((encoder, start));
        Ok(is_whole)
    }

    fn makes_messages(&self) -> bool {
        true
    }

    fn decode<'a>(&self, payload: &'a [u8]) -> Result<Cow<'a, [u8]>, FrameError> {
        Ok(Cow::Owned(pickle::decode(payload, self.max)?))
    }

    fn decode_some<'a>(
        &mut self,
        payload: &'a [u8],
        work: &mut usize,
    ) -> Result<Option<Cow<'a, [u8]>>, FrameError> {
        // Most are small, and done at once.
        let mut decoder = self.begun.take().map_or_else(Decoder::default, |begun| *begun);
        let json = decoder.step(payload, self.max, work)?;
        if json.is_none() {
            self.begun = Some(Box::new(decoder));
        }
        Ok(json.map(Cow::Owned))
    }

    fn begin_anew(&mut self) {
        (self.begun, self.encoding) = (None, None);
    }
}

impl Obj {
    /// Encodes on; the header is written once the pickle is whole, and its length known.
    fn advance(
        &self,
        (encoder, start): (&mut Encoder, usize),
        payload: &[u8],
        out: &mut Vec<u8>,
        work: &mut usize,
    ) -> Result<bool, FrameError> {
        // Some programs put a byte order mark before their JSON (RFC 8259, section 8.1).
        let json = payload.strip_prefix("\u{feff}".as_bytes()).unwrap_or(payload);
        // Eight digits of hex hold 32 bits.
        let max = self.max.min(u32::MAX as usize);
        let encoded = encoder.step(json, out, work).map_err(FrameError::Unrepresentable);
        let len = out.len() - start - HEADER;
        let outcome = match encoded {
            Ok(true) => within(len as u64, max).map(|_| true),
            Ok(false) if len > max => Err(FrameError::TooLong { max }),
            other => other,
        };
        match (&outcome, out.get_mut(start..start + HEADER)) {
            (Ok(true), Some(header)) => header.copy_from_slice(format!("{len:8X}").as_bytes()),
            (Err(_), _) => out.truncate(start),
            _ => {}
        }
        outcome
    }
}

/// Begins a frame; returns where.
fn begin(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[b' '; HEADER]);
    out.len() - HEADER
}

impl From<PickleError> for FrameError {
    fn from(error: PickleError) -> Self {
        match error {
            PickleError::Unsafe(_) => Self::Unsafe(error.to_string()),
            PickleError::Malformed(_) => Self::Malformed(error.to_string()),
        }
    }
}

/// The length in a header; `None` while it is not whole. An error quotes no more than what makes
/// it none, however much of it has come.
fn length(header: &[u8]) -> Result<Option<u64>, FrameError> {
    let bad = |end: usize| {
        let text = header.get(..end).unwrap_or(header).escape_ascii();
        FrameError::Malformed(format!("`{text}` is not a length in hex"))
    };
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let start = header.iter().take_while(is_blank).count();
    let digits = header.iter().skip(start).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let end = start + digits;
    let whole = end + header.iter().skip(end).take_while(is_blank).count();
    if whole < header.len() {
        return Err(bad(whole + 1));
    }
    if whole < HEADER {
        return Ok(None);
    }
    let digits = header.get(start..end).unwrap_or_default();
    match u64::from_str_radix(std::str::from_utf8(digits).unwrap_or_default(), 16) {
        // A pickle has at least two bytes: a value and `.`.
        Ok(0) => Err(FrameError::Malformed("an object of 0 bytes".to_owned())),
        Ok(len) => Ok(Some(len)),
        Err(_) => Err(bad(whole)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    fn step(input: &[u8]) -> Result<Step, FrameError> {
        Obj::new(1000).step(input, true)
    }

    #[test]
    fn a_header_is_hex_in_eight_places() {
        for (header, len) in [
            (b"       A", 10),
            (b"       a", 10),
            (b"0000000a", 10),
            (b"  0a    ", 10),
            (b"\t1F     ", 31),
            (b"3E8     ", 1000),
        ] {
            assert_eq!(length(header), Ok(Some(len)), "{}", header.escape_ascii());
        }
        for header in [
            b"        ",
            b"      0x",
            b"     0x1",
            b"      +1",
            b"      -1",
            b"     1_0",
            b"   1  1 ",
            b"       \n",
            b"       g",
            b"\n      1",
            b"\x00      1",
        ] {
            assert!(matches!(step(header), Err(FrameError::Malformed(_))), "{header:?}");
        }
        assert!(matches!(step(b"00000000"), Err(FrameError::Malformed(_))));
        assert_eq!(step(b"     3E9"), Err(FrameError::TooLarge { len: 1001, max: 1000 }));
        assert_eq!(step(b"FFFFFFFF"), Err(FrameError::TooLarge { len: 0xffff_ffff, max: 1000 }));
    }

    #[test]
    fn a_header_that_cannot_become_one_is_refused_at_once() {
        assert_eq!(step(b"   1"), Ok(Step::More));
        let error = step(b"  1 GET ").unwrap_err();
        assert_eq!(error.to_string(), "`  1 G` is not a length in hex");
        for start in [&b"GET "[..], b"   1 1", b"\x80\x04"] {
            assert!(step(start).is_err(), "{}", start.escape_ascii());
        }
    }

    /// The frame that `WIRE.md` shows.
    #[test]
    fn the_capture() {
        let pickle = b"\x80\x04\x95\x28\0\0\0\0\0\0\0}\x94\x8c\x10echo test object\x94\x8c\x0emessage string\x94s.";
        let wire = [&b"      33"[..], pickle].concat();
        let frame = Step::Frame { payload: 8..wire.len(), consumed: wire.len(), partial: false };
        assert_eq!(step(&wire), Ok(frame));
        let json = br#"{"echo test object":"message string"}"#;
        assert_eq!(Obj::new(1000).decode(pickle).as_deref(), Ok(&json[..]));
        let mut out = Vec::new();
        Obj::new(1000).encode(json, &mut out).unwrap();
        assert_eq!(out, b"      28\x80\x04}(\x8c\x10echo test object\x8c\x0emessage stringu.");
    }

    #[test]
    fn what_cannot_be_encoded_leaves_the_output_alone() {
        let mut out = b"before".to_vec();
        let framer = Obj::new(20);
        let error = framer.encode(b"{]", &mut out).unwrap_err();
        assert_eq!(error.to_string(), "not JSON: `\"` is missing at byte 1");
        let error = framer.encode(br#""seventeen letters""#, &mut out).unwrap_err();
        assert_eq!(error, FrameError::TooLarge { len: 22, max: 20 });
        assert_eq!(out, b"before");
    }

    #[test]
    fn an_unsafe_pickle_is_called_so() {
        let error = Obj::new(1000).decode(b"cos\nsystem\n.").unwrap_err();
        assert_eq!(error.kind(), Kind::UnsafePickle);
        assert_eq!(error.to_string(), "unsafe pickle: it asks for os.system");
        let error = Obj::new(1000).decode(b"N").unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (Kind::Frame, "bad pickle: it ends in the middle")
        );
    }
}
