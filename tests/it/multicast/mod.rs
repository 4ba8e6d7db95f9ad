//! `mcast-join` and `mcast-send` from outside: on lo, and between machines of namespaces.

mod anew;
mod bad_input;
mod commands;
mod hosts;
mod interop;
mod loopback;
mod loss;
mod silence;

use std::net::UdpSocket;

use serde_json::Value;

use super::support::namespaces::{Host, Lan};
use super::support::{Ended, Running, skip};

/// A UDP port for groups on lo that no other test is given while this lives: another process
/// has it for 127.0.0.1, which is no group.
pub(super) struct Port {
    pub(super) number: u16,
    _socket: UdpSocket,
}

impl Port {
    pub(super) fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let number = socket.local_addr().expect("an address").port();
        Self { number, _socket: socket }
    }
}

/// Makes a network, or says aloud why the test cannot run.
pub(super) fn lan(test: &str, hosts: usize) -> Option<Lan> {
    Lan::new(hosts).map_err(|why| skip(test, &why)).ok()
}

/// Makes a single machine, or says aloud why the test cannot run.
pub(super) fn host(test: &str) -> Option<Host> {
    Host::new().map_err(|why| skip(test, &why)).ok()
}

/// The NDJSON lines of an event.
pub(super) fn events(output: &str, name: &str) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).expect("a line of NDJSON");
    output.lines().map(parse).filter(|event: &Value| event["event"] == name).collect()
}

/// Waits until a group is joined.
#[track_caller]
pub(super) fn joined(running: &mut Running) -> String {
    running.wait_for("joined ")
}

/// The kinds of the warnings of a run with `--output json`.
pub(super) fn warning_kinds(ended: &Ended) -> Vec<String> {
    let kind = |event: Value| event["kind"].as_str().unwrap_or_default().to_owned();
    events(ended.text(), "warning").into_iter().map(kind).collect()
}
