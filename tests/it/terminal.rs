//! wirecat in the hands of a person: under a real pseudo-terminal.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::load::in_some_try;
use crate::support::net::uninterrupted;
use crate::support::net::{accept, connect, listener, read_all, read_exactly};
use crate::support::terminal::Terminal;
use crate::support::{PATIENCE, proc, wirecat_path};

const SIGINT: i32 = 2;
const SIGTTIN: i32 = 21;
const SIGTTOU: i32 = 22;

/// wirecat in the foreground of a terminal.
fn on_terminal(args: &[&str]) -> Terminal {
    Terminal::start(wirecat_path(), args)
}

/// Conformance 3: the peer closes while stdin is a terminal, and the prompt is back within
/// 100 ms, with 0.
#[test]
fn a_person_is_back_at_the_prompt_when_the_peer_closes() {
    in_some_try(
        |took| *took < Duration::from_millis(100),
        || {
            let (listener, address) = listener();
            let mut terminal = on_terminal(&["tcp-connect", &address]);
            let mut peer = accept(&listener);
            peer.write_all(b"bye\n").unwrap();
            terminal.wait_for("bye\r\n");
            let closed = Instant::now();
            drop(peer);
            terminal.wait_for_code(0);
            closed.elapsed()
        },
    );
}

/// Lines go out as they are typed, and ^D half-closes: an answer to all of it can still come.
#[test]
fn control_d_half_closes() {
    let (listener, address) = listener();
    let mut terminal = on_terminal(&["tcp-connect", &address]);
    let mut peer = accept(&listener);
    terminal.type_in("first\n");
    assert_eq!(read_exactly(&peer, 6), b"first\n");
    terminal.type_in("second\n\x04");
    assert_eq!(read_all(&peer), b"second\n");
    peer.write_all(b"the answer\n").unwrap();
    terminal.wait_for("the answer\r\n");
    drop(peer);
    terminal.wait_for_code(0);
}

/// SPEC section 9: ^C is 130, and whoever started it sees death by the signal itself.
#[test]
fn control_c_ends_it_by_the_signal() {
    let (listener, address) = listener();
    for args in [["tcp-connect", "-v", &address], ["tcp-serve", "-v", "127.0.0.1:0"]] {
        let mut terminal = on_terminal(&args);
        let ready = if args[0] == "tcp-serve" { "listening tcp" } else { "connected tcp" };
        terminal.wait_for(ready);
        terminal.type_in("\x03");
        assert_eq!(terminal.wait().signal(), Some(SIGINT));
        terminal.wait_for("exit 130");
    }
    drop(listener);
}

/// The reason for dying by the signal: a script ends at ^C only if its command died of it.
#[test]
fn control_c_ends_a_script_as_well() {
    let (_listener, address) = listener();
    let script = format!("'{}' tcp-connect -v {address}; echo went on", wirecat_path());
    let mut terminal = Terminal::start("bash", &["-c", &script]);
    terminal.wait_for("connected tcp");
    terminal.type_in("\x03");
    assert_eq!(terminal.wait().signal(), Some(SIGINT));
    let shown = terminal.wait_for("exit 130");
    assert!(!shown.contains("went on"), "{shown}");
}

/// SPEC section 6: after 3 s a person is told what is waited for; before that there is no need.
#[test]
fn a_person_is_shown_what_it_waits_for() {
    let (listener, address) = listener();
    let mut terminal = on_terminal(&["tcp-connect", &address]);
    let peer = accept(&listener);
    // Before the end of input is sent, from which on it waits.
    let since = Instant::now();
    terminal.type_in("\x04");
    assert_eq!(read_all(&peer), b"");
    terminal.wait_for("waiting for the peer to close (--quit-after limits this)");
    let took = since.elapsed();
    assert!(took > Duration::from_millis(2900), "told after {took:?}");
    drop(peer);
    terminal.wait_for_code(0);
}

/// The terminal is a person's, and is left as it was found: its modes, and its being blocking,
/// which every program on it shares (conformance 8).
#[test]
fn the_terminal_is_left_as_it_was() {
    let (listener, address) = listener();
    let script = format!("'{}' tcp-connect {address}; echo done; read answer", wirecat_path());
    let mut terminal = Terminal::start("bash", &["-c", &script]);
    let before = terminal.settings();
    let mut peer = accept(&listener);
    terminal.type_in("hello\n");
    assert_eq!(read_exactly(&peer, 6), b"hello\n");
    peer.write_all(b"hello yourself\n").unwrap();
    terminal.wait_for("hello yourself\r\n");
    assert_eq!(terminal.settings(), before);
    assert!(terminal.is_blocking());
    drop(peer);
    terminal.wait_for("done\r\n");
    assert_eq!(terminal.settings(), before);
    assert!(terminal.is_blocking());
}

/// What a peer sends is escaped where a terminal would obey it (SPEC section 5).
#[test]
fn a_peer_cannot_steer_the_terminal() {
    let (listener, address) = listener();
    let mut terminal = on_terminal(&["tcp-connect", "--output", "line", &address]);
    let mut peer = accept(&listener);
    peer.write_all(b"\x1b[2Jgone?\n").unwrap();
    let shown = terminal.wait_for("gone?");
    assert!(!shown.contains("\x1b[2J"), "{shown:?}");
}

/// A shell with job control, as a person has it, and the pid of a job that it put in the
/// background.
fn job(command: &str) -> (Terminal, u32) {
    let mut shell = Terminal::start("bash", &["--norc", "--noprofile", "--noediting", "-i"]);
    shell.wait_for("$ ");
    shell.type_in(&format!("{command} & echo pid=$!=\n"));
    let deadline = Instant::now() + PATIENCE;
    loop {
        // The echo of what was typed has no number there.
        let shown = shell.shown();
        let pid =
            shown.split("pid=").filter_map(|rest| rest.split('=').next()?.parse().ok()).next();
        if let Some(pid) = pid {
            return (shell, pid);
        }
        assert!(Instant::now() < deadline, "no job:\n{shown}");
        // The screen has no event for a pattern.
        thread::sleep(Duration::from_millis(5));
    }
}

/// Conformance 14: a job in the background of a terminal reads nothing, is not stopped by
/// SIGTTIN, and goes on printing; in the foreground it reads again.
#[test]
fn a_background_job_is_not_stopped() {
    let (listener, address) = listener();
    let (mut shell, pid) = job(&format!("'{}' tcp-connect {address}", wirecat_path()));
    let mut peer = accept(&listener);
    peer.write_all(b"to the background\n").unwrap();
    shell.wait_for("to the background\r\n");
    assert!(proc::ignores(pid, SIGTTIN) && proc::ignores(pid, SIGTTOU));
    // A line that is typed meanwhile is the shell's, and wakes whoever polls the terminal.
    shell.type_in("echo for the $((40 + 2)) shell\n");
    shell.wait_for("for the 42 shell");
    peer.write_all(b"still there\n").unwrap();
    shell.wait_for("still there\r\n");
    assert_ne!(proc::status(pid, "State"), "T", "it was stopped");
    peer.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let error = uninterrupted(|| peer.read(&mut [0; 20])).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "it read from the background");
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    shell.type_in("fg\n");
    // The shell says what it brings to the front, and then gives it the terminal.
    let front = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !is_in_front(&front()) {
        assert!(Instant::now() < deadline, "fg does nothing:\n{}", shell.shown());
        thread::sleep(Duration::from_millis(5));
    }
    shell.type_in("from the foreground\n");
    assert_eq!(read_exactly(&peer, 20), b"from the foreground\n");
    drop(peer);
}

/// Whether the foreground group of its terminal (tpgid) is its own (pgrp), by proc(5).
fn is_in_front(stat: &str) -> bool {
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[2] == fields[5]
}

/// The same of a server, which also says on the terminal where it listens.
#[test]
fn a_server_in_the_background_is_not_stopped() {
    let command = format!("'{}' tcp-serve 127.0.0.1:0", wirecat_path());
    let (mut shell, pid) = job(&command);
    shell.wait_for("listening tcp 127.0.0.1:");
    // By the time of this line, the one above is there to its end.
    shell.type_in("echo whole=$((40 + 2))\n");
    let shown = shell.wait_for("whole=42");
    let port = shown.rsplit("127.0.0.1:").next().unwrap();
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    let mut client = connect(&format!("127.0.0.1:{port}"));
    client.write_all(b"to the background\n").unwrap();
    shell.wait_for("to the background\r\n");
    assert_ne!(proc::status(pid, "State"), "T", "it was stopped");
    drop(client);
    shell.type_in(&format!("kill {pid}; wait {pid}; echo ended=$?\n"));
    shell.wait_for("ended=0");
}
