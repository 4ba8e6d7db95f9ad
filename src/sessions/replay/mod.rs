//! `--replay`: one side of a recording is played, and the other side compared with what it said.
//!
//! What to send and what must come is decided by `protocol::replay`; here are the connections
//! (`streams`) and the peers (`datagrams`) that it is played with, and who plays what (`cast`).

mod cast;
mod datagrams;
mod limits;
mod streams;
mod talk;

use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::protocol::replay::Difference;

pub use datagrams::ReplayListenSession;
pub use streams::ReplaySession;

/// Something came otherwise than it was recorded.
fn differs(with: &str, difference: &Difference) -> Failure {
    Failure::new(Status::Unmet, Kind::Replay, "replay", with, difference.to_string())
}
