//! SPEC 1.1, 1.3, 6: whichever way bytes take through wirecat, straight through the kernel or through
//! its memory, they are the same bytes, with the same counts and the same status.

mod crowd;
mod ends;
mod fuse;
mod sources;
mod troubles;

use serde_json::Value;

use crate::support::Ended;

const MIB: usize = 1024 * 1024;

/// The last event of this name on stderr, with `--log json`.
#[track_caller]
fn last(ended: &Ended, name: &str) -> Value {
    let events = ended.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut events = events.filter(|event| event["event"] == name);
    events.next_back().unwrap_or_else(|| panic!("no {name} in:\n{}", ended.stderr))
}

/// What a run has counted, be it for its connection or in all.
#[track_caller]
fn assert_counts(ended: &Ended, received: usize, sent: usize) {
    for name in ["closed", "summary"] {
        let event = last(ended, name);
        let counts = (event["in"].as_u64(), event["out"].as_u64());
        assert_eq!(counts, (Some(received as u64), Some(sent as u64)), "{event}");
    }
}
