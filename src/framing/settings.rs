//! A framing together with its limits.

use super::{Framer, Framing};

/// The longest message unless another limit is set, in bytes.
const MAX: usize = 16 << 20;

/// How messages are marked on a stream, and what limits them. A [`Framing`] is one with messages of
/// up to 16 MiB.
///
/// ```
/// use wirecat::framing::{FrameSettings, Framing};
///
/// let settings = Framing::Line.max_frame(4096).keep_cr();
/// assert_ne!(settings, FrameSettings::from(Framing::Line));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameSettings {
    /// How messages are marked.
    pub framing: Framing,
    /// The longest message to send or take, in bytes.
    pub max: usize,
    /// With [`Framing::Line`]: a carriage return before the line feed belongs to the message.
    pub keep_cr: bool,
}

impl Framing {
    /// This framing with messages of so many bytes at most.
    pub fn max_frame(self, bytes: usize) -> FrameSettings {
        FrameSettings { max: bytes, ..self.into() }
    }
}

impl FrameSettings {
    /// The same, with each carriage return before a line feed as part of its message.
    #[must_use]
    pub fn keep_cr(self) -> Self {
        Self { keep_cr: true, ..self }
    }

    /// The framer for one direction of one stream; `None` where the stream is bytes.
    pub fn framer(&self) -> Option<Box<dyn Framer>> {
        self.framing.framer(self.max, self.keep_cr)
    }
}

impl From<Framing> for FrameSettings {
    fn from(framing: Framing) -> Self {
        Self { framing, max: MAX, keep_cr: false }
    }
}
