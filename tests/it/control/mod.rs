//! `--input commands` and `--input json`: a run that a person or a program drives (SPEC section 5).

mod clients;
mod crowd;
mod datagrams;
mod pool;
mod pool_ends;
mod pressure;
mod reads;
mod refusals;
mod senders;
mod servers;
mod terminal;
mod ticks;
mod unread;

use std::net::TcpStream;

use serde_json::Value;

use crate::support::net::connect;
use crate::support::{Ended, Program, Running, named, wirecat};

/// A run that is driven in JSON, both ways.
fn driven(command: &str) -> Program {
    let words = command.split_whitespace();
    wirecat(words.chain(["-q", "--input", "json", "--output", "json"])).piped()
}

/// A server that is driven in JSON, and its address.
fn server(options: &str) -> (Running, String) {
    started(driven(&format!("tcp-serve {options} 127.0.0.1:0")))
}

fn started(program: Program) -> (Running, String) {
    let mut running = program.start();
    let line = running.wait_for_event("listening");
    let address = line["local"].as_str().expect("an address").to_owned();
    (running, address)
}

/// A client of a driven server that has been accepted.
#[track_caller]
fn client(server: &mut Running, address: &str) -> TcpStream {
    let client = connect(address);
    let name = client.local_addr().expect("an address");
    server.wait_for_output(format!("\"peer\":\"{name}\""));
    client
}

/// What came of each line of the commands that sent something: `sent`, or the kind of failure.
fn answers(ended: &Ended) -> Vec<(u64, String)> {
    let answer = |event: &Value| {
        let word = if event["event"] == "sent" { "sent".into() } else { event["kind"].clone() };
        Some((event["line"].as_u64()?, word.as_str()?.to_owned()))
    };
    let events = ended.events();
    let told = events.iter().filter(|event| event["event"] != "list");
    told.filter_map(answer).collect()
}

fn expected(answers: &[(u64, &str)]) -> Vec<(u64, String)> {
    answers.iter().map(|(line, word)| (*line, (*word).to_owned())).collect()
}
