//! `--replay`: plays one side of a recording, and compares what the other side sends with the other one.
//!
//! `protocol::replay` decides what to send and what must come; `streams` has the connections
//! that it is played with, and datagrams have a service of their own.

mod streams;

use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::protocol::replay::Difference;

pub use streams::ReplaySession;

/// Something came otherwise than it was recorded.
pub(super) fn differs(with: &str, difference: &Difference) -> Failure {
    Failure::new(Status::Unmet, Kind::Replay, "replay", with, difference.to_string())
}
