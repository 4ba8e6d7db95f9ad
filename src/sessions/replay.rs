//! `--replay`: one side of a recording is played, and what the other side sends is compared with it.
//!
//! `protocol::replay` decides what to send and what must come. One service plays streams
//! (`services::replay`), another one datagrams (`datagrams::replay`).

use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::protocol::replay::Difference;

/// Something came otherwise than it was recorded.
pub(super) fn differs(with: &str, difference: &Difference) -> Failure {
    Failure::new(Status::Unmet, Kind::Replay, "replay", with, difference.to_string())
}
