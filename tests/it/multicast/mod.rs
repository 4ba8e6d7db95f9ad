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
use socket2::SockRef;

use super::support::namespaces::{Host, Lan};
use super::support::{Ended, Running, skip};

/// A UDP port for groups on lo that no other test is given: this process has it for 127.0.0.1, which
/// is no group, hears nobody there, and lets those have it who share it.
pub(super) struct Port {
    pub(super) number: u16,
}

impl Port {
    pub(super) fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let number = socket.local_addr().expect("an address").port();
        let shared = SockRef::from(&socket);
        shared.set_reuse_address(true).expect("an option");
        socket.connect("127.0.0.1:9").expect("nobody");
        // Most take the number alone, and theirs it is for as long as their test runs.
        std::mem::forget(socket);
        Self { number }
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
