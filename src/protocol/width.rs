//! Sequence numbers of one width: their arithmetic, and how far apart two may plausibly be.
//!
//! Pure. The limits are here and nowhere else; what follows from them is the business of
//! [`Sequence`](super::sequence::Sequence).

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
