//! SPEC 7, TLS: who is trusted and who is not, with the binary on both sides and with openssl.

mod certificates;
mod files;
mod matrix;
mod openssl;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Ended, Running, wirecat};

/// A server with these options, and its port.
fn serve(options: &str) -> (Running, String) {
    let words = format!("tcp-serve --output json {options} localhost:0");
    let mut server = wirecat(words.split_whitespace()).start();
    let local =
        server.wait_for_event("listening")["local"].as_str().expect("an address").to_owned();
    let port = local.rsplit(':').next().expect("a port").to_owned();
    (server, port)
}

/// A client of localhost with these options, which says `hello` and ends.
fn connect(port: &str, options: &str) -> Ended {
    let words = format!("tcp-connect --output json {options} localhost:{port}");
    wirecat(words.split_whitespace()).input("hello\n").run()
}

fn stop(server: Running) -> Ended {
    server.signal(Signal::TERM.as_raw());
    server.wait().code(0)
}

/// The kind and the message of the last failure, with what helps in brackets.
#[track_caller]
fn failure(ended: &Ended) -> (String, String) {
    let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let events = ended.events();
    let error = events.iter().rev().find(|event| event["event"] == "error");
    let error = error.unwrap_or_else(|| panic!("no error in {events:?}"));
    let hint = error["hint"].as_str().map_or_else(String::new, |hint| format!(" ({hint})"));
    (text(error, "kind"), text(error, "message") + &hint)
}
