//! Buffers between a producer and a descriptor that is not always ready. Pure: no fd, no clock.

mod budget;
mod queue;

pub use budget::{Budget, Share};
pub use queue::{SendQueue, Unsent};
