//! What is special about a channel.

/// What is special about a channel, in two bytes, because a server keeps thousands of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(pub(super) u16);

impl Marks {
    /// It was accepted or dialed: it is not stdin, a file or a pipe.
    pub(super) const CONNECTION: Self = Self(1);
    /// It has messages, or bytes of the time when it had.
    pub(super) const FRAMED: Self = Self(2);
    /// Something was read and not delivered, which comes before the next read.
    pub(super) const HELD: Self = Self(4);
    /// Something is expected within a time.
    pub(super) const EXPECTS: Self = Self(8);
    /// Its transport keeps the exchange of tinyproto.
    pub(super) const NEGOTIATED: Self = Self(16);
    /// Other threads have sent more than its queue takes.
    pub(super) const STAGING_WAITS: Self = Self(32);
    /// The poll has hinted that it is gone.
    pub(super) const HUNG_UP: Self = Self(64);
    /// It was accepted, and its handshake is not known to be over.
    pub(super) const GREETS: Self = Self(128);
    /// What comes goes into another channel, and is not handed on.
    pub(super) const LINKED: Self = Self(256);
    /// The other channel of its link has to take something before it is read.
    pub(super) const WAITS: Self = Self(512);
    /// A link waits for it to take something.
    pub(super) const AWAITED: Self = Self(1024);
    /// The poll has given notice of something that a short read stops before.
    pub(super) const NOTICE: Self = Self(2048);
    /// It is in the pool's list of what to flush.
    pub(super) const DIRTY: Self = Self(4096);
    /// A kernel pipe holds what comes behind its queue.
    pub(super) const PIPED: Self = Self(8192);
    /// Its other side has answered, which is reported once.
    pub(super) const ANSWERED: Self = Self(16384);
    /// A link may have something to do after a flush.
    pub(super) const FED: Self = Self(Self::AWAITED.0 | Self::PIPED.0);
    /// What comes is not just handed on.
    pub(super) const SPECIAL: Self = Self(Self::FRAMED.0 | Self::EXPECTS.0 | Self::GREETS.0);

    /// Whether one of these is set.
    pub(super) fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    /// Sets or takes a mark, and returns whether it was set.
    pub(super) fn replace(&mut self, mark: Self, is_set: bool) -> bool {
        let was_set = self.has(mark);
        self.set(mark, is_set);
        was_set
    }

    pub(super) fn set(&mut self, mark: Self, is_set: bool) {
        self.0 = if is_set { self.0 | mark.0 } else { self.0 & !mark.0 };
    }
}
