//! `tick`: the time as an event, for a program that waits for nothing but events.

use super::{driven, named, server};
use crate::support::net::{connect, read_exactly};

/// It is counted from the command on, and ends as another command asks.
#[test]
fn the_time_comes_as_events() {
    let (mut server, _) = server("");
    server.say("{\"list\":true}\n{\"tick\":\"20ms\"}\n");
    let ticks = server.wait_for_events("tick", 5);
    let mut last = 0;
    for tick in &ticks {
        let count = tick["count"].as_u64().expect("a count");
        assert!(count > last && tick["line"] == 2, "{tick}");
        last = count;
    }
    server.say("{\"tick\":\"300s\"}\n{\"tick\":\"off\"}\n{\"tick\":\"10ms\"}\n");
    let ticks = server.wait_for_events("tick", ticks.len() + 1);
    let restarted = || ticks.iter().any(|tick| tick["line"] == 5);
    if !restarted() {
        server.wait_for_output("\"line\":5");
    }
    server.say("{\"tick\":\"often\"}\n{\"tick\":1}\n{\"tick\":\"1us\"}\n");
    let ended = server.wait().code(0);
    let events = ended.events();
    let wrong: Vec<_> = named(&events, "error").iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(wrong, ["bad-command"; 3]);
    let first = named(&events, "tick").into_iter().find(|tick| tick["line"] == 5).expect("a tick");
    assert!(first["count"].as_u64().expect("a count") >= 1, "{first}");
    assert!(named(&events, "tick").iter().all(|tick| tick["line"] != 3 && tick["line"] != 4));
}

/// A server sends to its clients at intervals, and has no clock of its own.
#[test]
fn a_program_may_live_by_ticks_alone() {
    let (mut server, address) = server("--frame line");
    let clients = [connect(&address), connect(&address)];
    server.wait_for_events("accepted", 2);
    server.say("{\"tick\":\"5ms\"}\n");
    for round in 1..4 {
        server.wait_for_events("tick", round);
        server.say(format!("{{\"send\":\"round {round}\"}}\n"));
        for client in &clients {
            assert_eq!(read_exactly(client, 8), format!("round {round}\n").as_bytes());
        }
    }
    server.wait().code(0);
}

/// Every command that takes commands ticks, in words as well.
#[test]
fn each_command_ticks() {
    for command in ["tcp-connect", "udp-listen 127.0.0.1:0", "udp-send 127.0.0.1:9"] {
        let mut run = driven(command).start();
        run.say("{\"tick\":\"5ms\"}\n");
        run.wait_for_events("tick", 3);
        run.wait().code(0);
    }
    let args = ["tcp-serve", "-v", "--input", "commands", "127.0.0.1:0"];
    let mut run = crate::support::wirecat(args).piped().start();
    run.say("/tick 5ms\n/tick\n/tick x\n");
    run.wait_for("tick 3");
    let ended = run.wait().code(0);
    ended.says("`/tick` takes a time, as in /tick 1s, or off");
}
