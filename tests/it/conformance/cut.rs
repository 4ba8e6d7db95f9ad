//! Conformance 20, and SPEC section 6: a transfer that was cut never looks whole to its receiver.

use std::fs::File;
use std::io::{Seek, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::path::Path;

use libc::{SIGHUP, SIGINT, SIGTERM};

use crate::support::data::noise;
use crate::support::gate::Gate;
use crate::support::net::{
    accept, connect, connect_narrow, listener, read_all, read_exactly, until_reset,
};
use crate::support::unix;
use crate::support::{Ended, Running, wirecat};

const MIB: usize = 1024 * 1024;

/// A file on which a slow sender is busy for half a minute.
fn file() -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&noise(20 * MIB)).expect("it is written");
    file.rewind().expect("it is a file");
    file
}

/// A `tcp-serve -1` that shows the length of what it has received, and its address.
fn receiver(arguments: &[&str]) -> (Running, String) {
    let arguments = [&["tcp-serve", "-1"], arguments, &["127.0.0.1:0"]].concat();
    wirecat(arguments).serve()
}

/// What ends a sender: `-w`, or a signal.
const CUTS: [(&[&str], Option<i32>); 4] =
    [(&["-w", "4"], None), (&[], Some(SIGINT)), (&[], Some(SIGTERM)), (&[], Some(SIGHUP))];

/// How a sender ended that was cut: as it was told to, and with what it did not send.
fn judge_sender(ended: &Ended, signal: Option<i32>) {
    match signal {
        None => assert_eq!(ended.code, Some(124), "{}", ended.stderr),
        Some(signal) => assert_eq!(ended.signal, Some(signal), "{}", ended.stderr),
    }
    assert!(ended.stderr.contains("bytes of stdin were not sent"), "{}", ended.stderr);
    let summary = ended.stderr.lines().rfind(|line| line.starts_with("summary")).expect("one");
    assert!(summary.contains(" unsent "), "{summary}");
}

/// Starts a slow sender of the file; `over` is what it sends to.
fn cut_sender(over: &str, limit: &[&str], signal: Option<i32>, receiver: &mut Running) -> Ended {
    let arguments = [&["tcp-connect", "-v", "--rate", "1MiB/s"], limit, &[over]].concat();
    let sender = wirecat(arguments).stdin(file()).start();
    receiver.wait_for_length(64 * 1024);
    if let Some(signal) = signal {
        sender.signal(signal);
    }
    sender.wait()
}

#[test]
fn the_receiver_of_a_client_that_is_cut_does_not_end_with_0() {
    for (limit, signal) in CUTS {
        let (mut server, address) = receiver(&[]);
        let ended = cut_sender(&address, limit, signal, &mut server);
        judge_sender(&ended, signal);
        let received = server.wait().code(6);
        assert!(noise(20 * MIB).starts_with(&received.stdout));
    }
}

/// The reset of a sender passes through a relay, and what came before it.
#[test]
fn so_does_it_behind_a_relay() {
    for (limit, signal) in CUTS {
        let (mut server, address) = receiver(&[]);
        let arguments = ["tcp-serve", "-1", "--forward", &address, "127.0.0.1:0"];
        let mut relay = wirecat(arguments).start();
        let ended = cut_sender(&relay.address(), limit, signal, &mut server);
        judge_sender(&ended, signal);
        relay.wait().code(6);
        server.wait().code(6);
    }
}

/// A relay that is told to stop, or out of time, cuts both sides that have not said all.
#[test]
fn a_relay_that_ends_cuts_both_sides() {
    for (limit, signal) in CUTS {
        let (mut server, address) = receiver(&["-n"]);
        let limit = if limit.is_empty() { &[][..] } else { &["-w", "10"] };
        // Made before the relay's time runs.
        let file = file();
        let arguments = [&["tcp-serve", "--forward", &address], limit, &["127.0.0.1:0"]].concat();
        let (relay, address) = wirecat(arguments).serve();
        let arguments = ["tcp-connect", "--rate", "1MiB/s", &address];
        let sender = wirecat(arguments).stdin(file).start();
        server.wait_for_length(64 * 1024);
        if let Some(signal) = signal {
            relay.signal(signal);
        }
        let ended = relay.wait();
        match signal {
            None => assert_eq!(ended.code, Some(124), "{}", ended.stderr),
            Some(SIGTERM) => assert_eq!(ended.code, Some(0), "{}", ended.stderr),
            Some(signal) => assert_eq!(ended.signal, Some(signal), "{}", ended.stderr),
        }
        sender.wait().code(6);
        server.wait().code(6);
    }
}

/// What one side has said to its end is whole, and stays so.
#[test]
fn a_relay_that_ends_leaves_whole_what_is_whole() {
    let (upstream, target) = listener();
    let mut relay = wirecat(["tcp-serve", "-v", "--forward", &target, "127.0.0.1:0"]).start();
    let mut client = connect(&relay.address());
    client.write_all(b"all of it").expect("it is taken");
    client.shutdown(Shutdown::Write).expect("it is open");
    let far = accept(&upstream);
    assert_eq!(read_all(&far), b"all of it");
    (&far).write_all(b"a part").expect("it is taken");
    assert_eq!(read_exactly(&client, 6), b"a part");
    relay.signal(SIGTERM);
    assert_eq!(until_reset(&client), b"");
    relay.wait().code(0);
}

/// The same for a server that sends its stdin, to each of its clients. To be told to stop is no
/// excuse for what it has not sent.
#[test]
fn the_clients_of_a_server_that_is_cut_do_not_end_with_0() {
    for (limit, signal) in CUTS {
        let limit = if limit.is_empty() { &[][..] } else { &["-w", "10"] };
        let arguments =
            [&["tcp-serve", "-v", "--rate", "1MiB/s"], limit, &["127.0.0.1:0"]].concat();
        let (server, address) = wirecat(arguments).stdin(file()).serve();
        let mut clients = [(); 2].map(|()| wirecat(["tcp-connect", "-n", &address]).start());
        for client in &mut clients {
            client.wait_for_length(64 * 1024);
        }
        if let Some(signal) = signal {
            server.signal(signal);
        }
        let ended = server.wait();
        if signal == Some(SIGTERM) {
            assert_eq!(ended.code, Some(6), "{}", ended.stderr);
        } else {
            judge_sender(&ended, signal);
        }
        for client in clients {
            client.wait().code(6);
        }
    }
}

/// A command behind `--` that ends takes the run with it, and what stdin still has.
#[test]
fn a_sender_that_ends_with_its_command_is_cut() {
    let (mut server, address) = receiver(&[]);
    let gate = Gate::new();
    let command = ["sh", "-c", &gate.line()];
    let arguments = ["tcp-connect", "-v", "--rate", "1MiB/s", &address, "--"];
    let sender = wirecat(arguments.into_iter().chain(command)).stdin(file()).start();
    server.wait_for_length(64 * 1024);
    gate.open();
    sender.wait().code(6).says("bytes of stdin were not sent");
    server.wait().code(6);
}

/// What is written in bursts into a pipe is known as long as it is there.
#[test]
fn what_waits_in_a_pipe_is_unsent_and_an_idle_pipe_is_not() {
    for (text, is_cut) in [(&[b'x'; 4000][..], true), (b"", false)] {
        let (listener, address) = listener();
        let mut sender =
            wirecat(["tcp-connect", "-v", "--rate", "1kB/s", &address]).piped().start();
        let peer = accept(&listener);
        sender.say("first");
        assert_eq!(read_exactly(&peer, 5), b"first");
        sender.say(text);
        if is_cut {
            assert_eq!(read_exactly(&peer, 1), b"x");
        }
        sender.signal(SIGTERM);
        if is_cut {
            until_reset(&peer);
        } else {
            assert_eq!(read_all(&peer), b"");
        }
        let ended = sender.wait_open();
        assert_eq!(ended.signal, Some(SIGTERM));
        assert_eq!(ended.stderr.contains("unsent"), is_cut, "{}", ended.stderr);
    }
}

/// A child that is ended with its server was not done.
#[test]
fn what_a_command_was_saying_is_cut_with_it() {
    for signal in [SIGTERM, SIGINT] {
        let arguments = ["tcp-serve", "--sh", "--exec", "echo begun; sleep 60", "127.0.0.1:0"];
        let mut server = wirecat(arguments).start();
        let client = connect(&server.address());
        assert_eq!(read_exactly(&client, 6), b"begun\n");
        server.signal(signal);
        assert_eq!(until_reset(&client), b"");
        server.wait();
    }
}

/// An idle limit cuts one that would have been sent more.
#[test]
fn a_relay_that_is_idle_for_too_long_is_cut() {
    let (upstream, target) = listener();
    let arguments = ["tcp-serve", "-1", "--idle-timeout", "500ms", "--forward", &target];
    let mut relay = wirecat(arguments.into_iter().chain(["127.0.0.1:0"])).start();
    let client = connect(&relay.address());
    let far = accept(&upstream);
    assert_eq!((until_reset(&client), until_reset(&far)), (Vec::new(), Vec::new()));
    relay.wait().code(124).says("no traffic for 500ms");
}

/// A unix socket has no reset: its peer sees an end, and the sender says so.
#[test]
fn a_peer_on_a_unix_socket_cannot_see_it() {
    let directory = crate::support::tempdir().expect("a directory");
    let path = directory.path().join("s");
    let listener = UnixListener::bind(&path).expect("a name");
    let address = format!("unix:{}", Path::display(&path));
    let arguments = ["tcp-connect", "-v", "--rate", "1MiB/s", &address];
    let sender = wirecat(arguments).stdin(file()).start();
    let mut peer = unix::accept(&listener);
    std::io::Read::read_exact(&mut peer, &mut [0; 1000]).expect("it comes");
    sender.signal(SIGTERM);
    std::io::copy(&mut peer, &mut std::io::sink()).expect("an end");
    let ended = sender.wait().says("a unix socket has no reset");
    judge_sender(&ended, Some(SIGTERM));
}

/// One that is closed for being too slow has not had all that was for it.
#[test]
fn a_client_that_is_too_slow_is_cut() {
    let arguments = ["tcp-serve", "--slow-after", "2s", "-O", "sndbuf=4096", "127.0.0.1:0"];
    let (mut server, address) = wirecat(arguments).stdin(file()).serve();
    let slow = connect_narrow(&address);
    let good = connect(&address);
    let reader = std::thread::spawn(move || read_exactly(&good, 16 * MIB).len());
    server.wait_for("too slow and is closed");
    until_reset(&slow);
    assert_eq!(reader.join().expect("it reads"), 16 * MIB);
}

/// What a server has not read when it is told to stop was not heard, though its kernel took it.
#[test]
fn the_sender_to_a_server_that_does_not_read_any_more_does_not_end_with_0() {
    let (_unread, writer) = std::io::pipe().expect("a pipe");
    let (mut server, address) = wirecat(["tcp-serve", "-v", "127.0.0.1:0"]).stdout(writer).serve();
    // More than stdout takes, and less than that and the sockets.
    let sender = wirecat(["tcp-connect", "-v", &address]).input(noise(5 * MIB / 2)).start();
    server.wait_for("accepted #1");
    // Time has to pass for what is not read to arrive.
    std::thread::sleep(std::time::Duration::from_secs(1));
    server.signal(SIGTERM);
    server.wait().code(7);
    sender.wait().code(6);
}
