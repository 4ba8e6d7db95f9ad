//! Buffers between a producer and a descriptor that is not always ready. Pure: no fd, no clock.

mod queue;

pub use queue::{SendQueue, Unsent};
