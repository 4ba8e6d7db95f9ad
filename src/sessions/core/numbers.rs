//! The numbers of connections.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Gives each connection of a run its number, from 1. Loops that accept side by side take theirs from
/// one counter.
#[derive(Clone, Debug)]
pub(crate) enum Numbers {
    /// The last one that was given.
    Own(u64),
    Shared(Arc<AtomicU64>),
}

impl Default for Numbers {
    fn default() -> Self {
        Self::Own(0)
    }
}

impl Numbers {
    /// Numbers for several loops, which have clones of this.
    pub(crate) fn shared() -> Self {
        Self::Shared(Arc::default())
    }

    pub(super) fn next(&mut self) -> u64 {
        match self {
            Self::Own(last) => {
                *last += 1;
                *last
            }
            Self::Shared(last) => last.fetch_add(1, Relaxed) + 1,
        }
    }
}
