//! How a channel is closed.

/// What the peer of a channel that the handler closes is to notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// FIN, to which no answer is waited for, only a little for the acknowledgement of every byte.
    Hasty,
    /// FIN; whoever does not answer it soon is cut off.
    Brief,
    /// FIN; nobody is cut off who has not acknowledged every byte.
    Patient,
    /// RST in place of FIN, but not before every byte is acknowledged.
    Reset,
}

impl Manner {
    /// Whether the peer's FIN is waited for.
    pub(super) fn wants_answer(self) -> bool {
        matches!(self, Self::Brief | Self::Patient)
    }

    /// Whether acknowledgements are waited for however long they take.
    pub(super) fn is_patient(self) -> bool {
        matches!(self, Self::Patient | Self::Reset)
    }
}
