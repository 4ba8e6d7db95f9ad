//! The contract between a message format and the code that runs it over a stream.
//!
//! Owns the [`Framer`] trait and its errors. A framer knows one format; it keeps no bytes, and
//! what it finds may not depend on how the stream happened to be cut into reads.

use crate::kind::Kind;
use crate::values::number;
use std::borrow::Cow;
use std::ops::Range;

/// One message format, in the state of one stream.
pub trait Framer: Send {
    /// Looks at `input`, all bytes not yet consumed, and finds the next frame.
    ///
    /// After [`Step::More`] the next `input` must begin with the same bytes: a framer may remember
    /// how far it has looked. With `eof` nothing follows `input`.
    ///
    /// # Errors
    /// As soon as the bytes seen so far cannot become a frame, or not one within the limit.
    fn step(&mut self, input: &[u8], eof: bool) -> Result<Step, FrameError>;

    /// Appends `payload` to `out` as one frame.
    ///
    /// # Errors
    /// Where the format cannot carry `payload` unharmed, or it is over the limit that [`step`]
    /// keeps; `out` is then untouched.
    ///
    /// [`step`]: Self::step
    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError>;

    /// The frames at the beginning of `input` whose bytes are their messages, each with LF behind it: how
    /// many bytes and how many frames. Asked only where a frame begins, by whoever looks at no message
    /// ([`Deframer::join_lines`](super::Deframer::join_lines)); fewer than there are is always right.
    fn lines(&self, input: &[u8]) -> (usize, usize) {
        let _ = input;
        (0, 0)
    }

    /// Whether the format has more than where the payload of a frame lies, so that its message has to
    /// be made. Where it does not, the payload is the message, and nothing asks for [`Framer::decode`]
    /// or [`Framer::decode_some`]. The answer is the same for the whole stream: it is asked for once a
    /// piece.
    fn makes_messages(&self) -> bool {
        false
    }

    /// The message that the payload of a frame stands for: the payload itself, unless the format
    /// [makes messages](Framer::makes_messages).
    ///
    /// # Errors
    /// It stands for no message, or for none that may be delivered.
    fn decode<'a>(&self, payload: &'a [u8]) -> Result<Cow<'a, [u8]>, FrameError> {
        Ok(Cow::Borrowed(payload))
    }

    /// The same as [`Framer::decode`] in steps: each reads and writes about as many bytes as `work`
    /// has left, and takes them off it. After `None`, which means that more is to be done, the next call
    /// has the same payload, or follows [`Framer::begin_anew`].
    ///
    /// # Errors
    /// As those of [`Framer::decode`].
    fn decode_some<'a>(
        &mut self,
        payload: &'a [u8],
        work: &mut usize,
    ) -> Result<Option<Cow<'a, [u8]>>, FrameError> {
        let _ = work;
        self.decode(payload).map(Some)
    }

    /// The same as [`Framer::encode`] in steps: each reads about as many bytes as `work` has left, and
    /// takes them off it. After `false`, which means that more is to be done, the next call has the same
    /// payload, and `out` as this one has left it, or follows [`Framer::begin_anew`].
    ///
    /// # Errors
    /// As those of [`Framer::encode`]; `out` is then as it was before the first step.
    fn encode_some(
        &mut self,
        payload: &[u8],
        out: &mut Vec<u8>,
        work: &mut usize,
    ) -> Result<bool, FrameError> {
        let _ = work;
        self.encode(payload, out).map(|()| true)
    }

    /// Drops what [`Framer::decode_some`] and [`Framer::encode_some`] have left unfinished.
    fn begin_anew(&mut self) {}
}

/// What [`Framer::step`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The first frame of the input.
    Frame {
        /// Where in the input the message lies.
        payload: Range<usize>,
        /// How many bytes of the input the frame takes, its marks included; never 0.
        consumed: usize,
        /// The stream ended before the frame did, and the format delivers it all the same.
        partial: bool,
    },
    /// No whole frame yet; at the end of the stream: the input belongs to none.
    More,
}

/// Why bytes are no frame, or a payload cannot become one; reads well behind `bad frame: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length of a message is known, and over the limit.
    #[error("{} long, and the limit is {max}", bytes(*.len))]
    TooLarge {
        /// Length of the message in bytes.
        len: u64,
        /// The limit in bytes.
        max: usize,
    },
    /// A message has passed the limit, and its end is not known.
    #[error("longer than the limit of {}", bytes(*.max as u64))]
    TooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// The bytes break the rules of the format.
    #[error("{0}")]
    Malformed(String),
    /// The bytes ask for more than data.
    #[error("{0}")]
    Unsafe(String),
    /// The format cannot carry this payload.
    #[error("{0}")]
    Unrepresentable(String),
}

impl FrameError {
    /// The stable word for programs.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unsafe(_) => Kind::UnsafePickle,
            _ => Kind::Frame,
        }
    }

    /// Whether it is about the limit of messages.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::TooLong { .. })
    }
}

/// So many bytes, in words.
pub(super) fn bytes(count: u64) -> String {
    number(count, "byte")
}

/// Refuses a known length above `max`.
pub(super) fn within(len: u64, max: usize) -> Result<usize, FrameError> {
    match usize::try_from(len) {
        Ok(len) if len <= max => Ok(len),
        _ => Err(FrameError::TooLarge { len, max }),
    }
}

/// The frame of `len` bytes behind a header of `header` bytes, once all of it is there. A length over
/// `max` is refused as soon as it is known, before a byte of the message has to be held.
pub(super) fn counted(
    input: &[u8],
    header: usize,
    len: u64,
    max: usize,
) -> Result<Step, FrameError> {
    // Saturating, since `max` may be all that memory can address.
    let consumed = header.saturating_add(within(len, max)?);
    if input.len() < consumed {
        return Ok(Step::More);
    }
    Ok(Step::Frame { payload: header..consumed, consumed, partial: false })
}

/// Refuses to send a payload that the same settings would refuse to receive.
pub(super) fn sendable(payload: &[u8], max: usize) -> Result<(), FrameError> {
    within(payload.len() as u64, max).map(drop)
}
