//! How what commands have opened ends, and that nothing of it is left; many of them.

use std::net::{TcpListener, TcpStream};
use std::process::Command;

use rustix::process::{Resource, Signal, getrlimit};
use serde_json::json;

use super::pool::{answer, local, order, pool};
use super::{answers, driven, named};
use crate::support::net::read_exactly;
use crate::support::net::{
    RefusingPort, accept, connect, listener, listener_with_backlog, read_all,
};
use crate::support::{program, skip, wirecat_path};

/// A listener that answers nobody: its backlog is full, and Linux drops what else comes.
fn silent_listener() -> (TcpListener, String, Vec<TcpStream>) {
    let (listener, address) = listener_with_backlog(0);
    let waiting = vec![connect(&address)];
    (listener, address, waiting)
}

#[test]
fn a_peer_that_is_not_there_is_a_connect_failed_and_no_loss() {
    let nobody = RefusingPort::new();
    let address = &nobody.address;
    let (_silent, slow, _waiting) = silent_listener();
    for command in ["tcp-connect", "tcp-serve 127.0.0.1:0"] {
        let mut run = driven(&format!("{command} --connect-timeout 2s")).start();
        order(&mut run, &[json!({"connect": address}), json!({"connect": slow})]);
        run.wait_for_events("connect-failed", 2);
        let ended = run.wait().code(0);
        for (line, kind) in [(1, "refused"), (2, "timeout")] {
            let connecting = answer(&ended, "connecting", line);
            let failed = answer(&ended, "connect-failed", line);
            assert_eq!(failed["kind"], kind);
            assert_eq!(
                (&failed["conn"], &failed["peer"]),
                (&connecting["conn"], &connecting["peer"])
            );
        }
        assert_eq!(named(&ended.events(), "connect-failed").len(), 2);
        assert_eq!(ended.events().last().expect("a summary")["connections"], 0);
    }
}

#[test]
fn a_connection_in_the_making_is_closed_by_its_number() {
    let (_silent, address, _waiting) = silent_listener();
    let mut pool = pool("--connect-timeout 300s");
    order(&mut pool, &[json!({"connect": address}), json!({"send": "x", "to": 1})]);
    pool.wait_for_event("send-failed");
    order(&mut pool, &[json!({"close": 1})]);
    let failed = pool.wait_for_event("connect-failed");
    assert_eq!((&failed["conn"], &failed["line"]), (&json!(1), &json!(1)));
    assert_eq!(failed["kind"], "cancelled");
    order(&mut pool, &[json!({"close": 1}), json!({"connect": address}), json!({"close": null})]);
    assert_eq!(pool.wait_for_events("connect-failed", 2)[1]["line"], 5);
    order(&mut pool, &[json!({"connect": address}), json!({"close": address})]);
    assert_eq!(pool.wait_for_events("connect-failed", 3)[2]["line"], 7);
    let ended = pool.wait().code(0);
    assert!(answers(&ended).contains(&(4, "not-connected".to_owned())));
}

/// Whatever asks for the end: a connection in the making does not keep the run, nor a name.
#[test]
fn the_end_gives_up_what_is_in_the_making() {
    let (_silent, address, _waiting) = silent_listener();
    for (word, code) in [("quit", Some(0)), ("term", None), ("-w 3s", Some(124))] {
        let limit = if word.starts_with('-') { word } else { "" };
        let mut pool = pool(&format!("--connect-timeout 300s {limit}"));
        order(&mut pool, &[json!({"connect": address})]);
        pool.wait_for_event("connecting");
        match word {
            "quit" => order(&mut pool, &[json!({"quit": true})]),
            "term" => pool.signal(Signal::TERM.as_raw()),
            _ => {}
        }
        let ended = pool.wait_open();
        // A client dies of the signal itself.
        let signal = if word == "term" { Some(15) } else { None };
        assert_eq!((ended.code, ended.signal), (code, signal), "{word}: {}", ended.stderr);
        let failed = "\"event\":\"connect-failed\",\"conn\":1,";
        let failed = ended.text().lines().find(|line| line.contains(failed)).expect("an answer");
        assert!(failed.contains("\"line\":1,\"kind\":\"cancelled\""), "{word}: {failed}");
    }
}

/// Whoever has no more commands still wants to know whether there is anybody.
#[test]
fn the_end_of_the_commands_waits_for_connections_in_the_making() {
    let (listener, address) = listener();
    let nobody = RefusingPort::new();
    let mut pool = pool("");
    order(&mut pool, &[json!({"connect": address}), json!({"connect": nobody.address})]);
    let ended = pool.wait().code(0);
    answer(&ended, "connected", 1);
    answer(&ended, "connect-failed", 2);
    assert_eq!(read_all(&accept(&listener)), b"");
}

/// A listener that was opened at run time ends as any other: by its number, by the end of the run.
#[test]
fn a_listener_is_closed_by_its_number_and_by_a_signal() {
    let mut pool = pool("");
    order(&mut pool, &[json!({"listen": "127.0.0.1:0"})]);
    let listening = pool.wait_for_event("listening");
    let address = local(&mut pool, 1);
    let client = connect(&address);
    pool.wait_for_event("accepted");
    order(&mut pool, &[json!({"close": listening["conn"]})]);
    let closed = pool.wait_for_event("closed");
    assert_eq!((&closed["local"], closed.get("peer")), (&json!(address), None));
    assert!(TcpStream::connect(&address).is_err());
    order(&mut pool, &[json!({"listen": address}), json!({"send": "you live"})]);
    assert_eq!(read_exactly(&client, 8), b"you live");
    assert_eq!(local(&mut pool, 2), address);
    pool.signal(Signal::TERM.as_raw());
    pool.wait_open().code(0);
}

/// One program makes 5,000 connections to one server, lists them, and closes them.
#[test]
fn a_program_makes_five_thousand_connections() {
    const NAME: &str = "a_program_makes_five_thousand_connections";
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let count = most.saturating_sub(200).min(5000);
    if count < 1000 {
        return skip(NAME, &format!("{most} descriptors are too few"));
    }
    let python = crate::support::proc::output(Command::new("python3").arg("--version"));
    if python.is_err() {
        return skip(NAME, "there is no python3");
    }
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/control/crowd.py"));
    command.args([wirecat_path(), &count.to_string()]);
    let ended = program(command).run().code(0);
    assert!(ended.text().contains(&format!("{count} connections")), "{}", ended.text());
}
