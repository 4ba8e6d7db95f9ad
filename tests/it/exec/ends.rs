//! The ends of commands, and of what they have started themselves.

use std::io::{BufRead, BufReader};

use super::*;
use crate::support::net::until_reset;

/// No child is left behind, whatever it thinks of SIGTERM, and no zombie.
#[test]
fn children_end_with_the_server() {
    for (signal, line) in [
        (libc::SIGTERM, "echo $$; exec sleep 1000"),
        (libc::SIGTERM, "trap '' TERM; echo $$; while :; do sleep 0.05; done"),
        (libc::SIGINT, "echo $$; sleep 1000; echo no"),
        // The leader of the group ends at once, and one of its members never.
        (libc::SIGTERM, "sh -c \"trap '' TERM; echo \\$\\$; while :; do sleep 0.05; done\" & wait"),
        (libc::SIGINT, "sh -c \"trap '' TERM; echo \\$\\$; while :; do sleep 0.05; done\" & wait"),
    ] {
        let (server, address) = serve(line, &[]);
        let client = connect(&address);
        let path = process_on(&client);
        server.signal(signal);
        let ended = server.wait();
        let code = if signal == libc::SIGTERM { (Some(0), None) } else { (None, Some(signal)) };
        assert_eq!((ended.code, ended.signal), code, "{line}: {}", ended.stderr);
        wait_until(line, || !path.exists());
    }
}

/// What a command has started has the same time to end as the command itself.
#[test]
fn a_grandchild_that_takes_its_time_is_waited_for() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("done");
    let slow = format!("sleep 0.2; echo done > {}; exit", path.display());
    let line =
        format!("sh -c \"trap '{slow}' TERM; echo ready; while :; do sleep 0.05; done\" & wait");
    let (server, address) = serve(&line, &[]);
    let client = connect(&address);
    assert_eq!(read_exactly(&client, 6), b"ready\n");
    server.signal(libc::SIGTERM);
    server.wait().code(0);
    assert_eq!(std::fs::read_to_string(path).expect("it has ended in order"), "done\n");
}

/// SPEC 6: what a command was killed over looks cut on both sides, and what it had said arrives. One
/// that has said FIN before has said all.
#[test]
fn a_command_that_is_killed_leaves_no_answer_that_looks_whole() {
    // Each waits for what the client writes, which is then done with writing.
    let lines = [
        // What it has not read is lost with it.
        ("read word; echo $$; kill -9 $$", true),
        ("read word; echo $$; kill -TERM $$", true),
        ("echo $$; read word; kill -9 $$", true),
        // Its third line comes when its FIN has been seen.
        ("echo $$; exec perl -e 'shutdown STDIN, 1; <STDIN> for 1..3; kill KILL => $$'", false),
        ("read word; echo $$; exit 9", false),
    ];
    for (line, is_cut) in lines {
        for _ in 0..5 {
            let (server, address) = serve(line, &["--once"]);
            let mut client = connect(&address);
            client.write_all(b"hello\nmore\n").unwrap();
            let mut said = Vec::new();
            let end = client.read_to_end(&mut said).map_err(|error| error.kind());
            assert!(said.ends_with(b"\n"), "{line}: {said:?}");
            assert_eq!(end.err(), is_cut.then_some(ErrorKind::ConnectionReset), "{line}");
            let _ = client.write_all(b"the last\n");
            drop(client);
            let ended = server.wait().code(if is_cut { 6 } else { 0 });
            if is_cut {
                ended.says("killed by signal");
            }
        }
    }
}

/// A unix socket has no reset: what its peer has looks whole, and the server says so.
#[test]
fn a_peer_on_a_unix_socket_cannot_see_that_a_command_was_killed() {
    let directory = crate::support::tempdir().unwrap();
    let address = format!("unix:{}", directory.path().join("s").display());
    let command = ["tcp-serve", "--once", "--sh", "--exec", "echo text; kill -9 $$", &address];
    let mut server = wirecat(command).start();
    server.wait_for("listening");
    let ended = wirecat(["tcp-connect", "-n", &address]).run().code(0);
    assert_eq!(ended.text(), "text\n");
    server.wait().code(6).says("#1 unix cannot see that it was cut: a unix socket has no reset");
}

/// A client that reads nothing of what a command has left it is idle, as with any other handler.
#[test]
fn an_idle_client_of_a_command_that_has_ended_is_closed_as_any_other() {
    for line in ["head -c 500000 /dev/zero", "head -c 500000 /dev/zero; exec sleep 1000"] {
        let (server, address) = serve(line, &["-v", "--once", "--idle-timeout", "2s"]);
        let client = connect_narrow(&address);
        server.wait().code(124).says("is closed: no traffic for 2s").says("(idle)");
        drop(client);
    }
}

/// A server that learns at once that a command has closed, that it is to stop, and that the command was
/// killed takes the answer for a cut one: SIGTERM has the lower number, and comes first.
#[test]
fn a_command_that_dies_as_its_server_stops_is_cut() {
    let (server, address) = serve("echo $$; read word; read word", &[]);
    let mut client = connect(&address);
    client.write_all(b"hello\n").unwrap();
    let mut line = String::new();
    BufReader::new(&client).read_line(&mut line).unwrap();
    let command: u32 = line.trim_end().parse().expect("its number");
    server.signal(libc::SIGSTOP);
    proc::wait_for_state(server.pid(), "T");
    let pid = rustix::process::Pid::from_raw(command as i32).expect("a number");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it lives");
    proc::wait_for_state(command, "Z");
    server.signal(libc::SIGTERM);
    server.signal(libc::SIGCONT);
    assert_eq!(until_reset(&client), b"");
    server.wait().code(0);
}

/// The same for the peer of a client, whose own status is that of the command.
#[test]
fn a_killed_command_of_a_client_cuts_what_its_peer_is_sent() {
    for (line, code, is_cut) in [("echo text; kill -9 $$", 137, true), ("echo text", 0, false)] {
        let server = peer(|mut stream| {
            let mut said = String::new();
            let mut end = None;
            while end.is_none() {
                let mut buffer = [0; 64];
                match stream.read(&mut buffer) {
                    Ok(0) => end = Some(None),
                    Ok(length) => said += std::str::from_utf8(&buffer[..length]).unwrap(),
                    Err(error) => end = Some(Some(error.kind())),
                }
            }
            (said, end.flatten())
        });
        let ended = wirecat(["tcp-connect", "--sh", "--exec", line, &server.address]).run();
        let (said, end) = server.join();
        assert_eq!(said, "text\n", "{line}");
        assert_eq!(end, is_cut.then_some(ErrorKind::ConnectionReset), "{line}");
        ended.code(code);
    }
}
