//! `echo` and `echo --ping` from outside: SPEC section 7.

mod ping;
mod refusals;
mod server;
mod terminal;
mod troubles;

use serde_json::Value;

use super::support::{Ended, Program, Running, wirecat};

/// `echo` with these arguments, which are parted by blanks.
pub(super) fn echo(args: &str) -> Program {
    wirecat(format!("echo {args}").split_whitespace())
}

/// An echo server on a free port of 127.0.0.1, and its address.
pub(super) fn serve(args: &str) -> (Running, String) {
    let mut server = echo(&format!("127.0.0.1:0 {args}")).start();
    let line = server.wait_for("listening ");
    let address = line.rsplit(' ').next().expect("an address").to_owned();
    (server, address)
}

/// What `echo --ping` with these arguments tells at its end, and its end.
#[track_caller]
pub(super) fn ping(args: &str, code: i32) -> (Value, Ended) {
    let ended = echo(&format!("--ping --output json {args}")).run().code(code);
    let events = ended.events();
    let stats = events.iter().find(|event| event["event"] == "stats").cloned();
    (stats.unwrap_or_default(), ended)
}

/// These fields of an event, which are counts.
pub(super) fn counts<const N: usize>(event: &Value, names: [&str; N]) -> [u64; N] {
    names.map(|name| event[name].as_u64().unwrap_or_else(|| panic!("no {name} in {event}")))
}
