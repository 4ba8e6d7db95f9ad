//! How long an end takes that was asked for, and what the status is then (SPEC sections 6 and 9).

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use libc::{SIGINT, SIGTERM};
use rustix::process::geteuid;

use crate::support::data::{PATHS, noise};
use crate::support::net::{
    RefusingPort, accept, connect, connect_narrow, listener, read_all, read_exactly, until_reset,
};
use crate::support::pipes::{PipeReader, pipe};
use crate::support::proc::output;
use crate::support::{Ended, Running, skip, wirecat};

const MIB: usize = 1024 * 1024;

/// What is queued has 2 s, and some more on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A command whose stdout is a pipe that nobody reads.
fn unread(arguments: &[&str]) -> (Running, PipeReader) {
    let (reader, writer) = pipe().expect("a pipe");
    (wirecat(arguments).stdout(writer).start(), reader)
}

/// Sends until nothing more is taken.
fn fill(mut stream: &TcpStream) {
    stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    let bytes = noise(MIB);
    while stream.write_all(&bytes).is_ok() {}
}

/// Waits until no more comes to who does not read.
fn wait_until_full(stream: &TcpStream) {
    let waiting = || rustix::io::ioctl_fionread(stream).expect("a number");
    let mut before = None;
    while before.replace(waiting()) != before {
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// How it ended that was asked to at a time when it could not go on.
#[track_caller]
fn ends_soon(mut program: Running) -> Ended {
    assert!(program.ends_within(SOON), "it is still there");
    program.wait_open()
}

#[track_caller]
fn has_in_summary(ended: &Ended, words: &str) {
    let summary = ended.stderr.lines().rfind(|line| line.starts_with("summary")).expect("one");
    assert!(summary.contains(words), "{summary}");
}

/// SIGTERM and SIGINT, where nobody reads stdout: 7 where the signal does not decide it.
#[test]
fn an_unread_stdout_does_not_keep_a_listener() {
    let commands: [&[&str]; 3] = [
        &["tcp-serve", "-v", "127.0.0.1:0"],
        &["tcp-serve", "-v", "--hub", "127.0.0.1:0"],
        &["tcp-serve", "-v", "--output", "dump", "127.0.0.1:0"],
    ];
    for arguments in commands {
        for signal in [SIGTERM, SIGINT] {
            let (mut server, _unread) = unread(arguments);
            let client = connect(&server.address());
            fill(&client);
            server.signal(signal);
            let ended = ends_soon(server).says("cannot write to stdout: ");
            let wanted = if signal == SIGTERM { (Some(7), None) } else { (None, Some(signal)) };
            assert_eq!((ended.code, ended.signal), wanted, "{arguments:?}: {}", ended.stderr);
            has_in_summary(&ended, " undelivered ");
        }
    }
}

/// The same with datagrams, and with what JSON has to say: the last line has the status.
#[test]
fn an_unread_stdout_does_not_keep_listeners_of_datagrams() {
    for form in ["raw", "json"] {
        let (mut listener, _unread) =
            unread(&["udp-listen", "-v", "--output", form, "127.0.0.1:0"]);
        let line = listener.wait_for("listening udp");
        let port = line.rsplit(':').next().expect("a port").to_owned();
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        // Far more than the pipe and the queue hold together.
        for _ in 0..200 {
            let _ = sender.send_to(&[b'x'; 40_000], format!("127.0.0.1:{port}"));
            std::thread::sleep(Duration::from_millis(1));
        }
        listener.signal(SIGTERM);
        let ended = ends_soon(listener).code(7).says("cannot write to stdout: ");
        has_in_summary(&ended, "exit 7");
    }
}

/// `-w` ends what nobody reads as well.
#[test]
fn an_unread_stdout_does_not_keep_a_run_beyond_its_time() {
    let (mut server, _unread) = unread(&["tcp-serve", "-v", "-w", "3", "127.0.0.1:0"]);
    let client = connect(&server.address());
    fill(&client);
    let ended = ends_soon(server).code(124).says("the time of 3s is up");
    has_in_summary(&ended, " undelivered ");
}

/// Questions that were read and have no answer yet are as good as unread.
#[test]
fn a_client_whose_questions_were_read_and_wait_sees_that_it_is_cut() {
    let prefix = "x".repeat(10_000);
    let echo = ["-v", "echo", "--tcp", "--frame", "line", "--prefix", &prefix, "127.0.0.1:0"];
    let mut server = wirecat(echo).start();
    let mut client = connect(&server.address());
    // One read takes all of them; their answers are 40 MB, more than any buffer.
    client.write_all(&b"?\n".repeat(4000)).expect("they are taken");
    read_exactly(&client, 1);
    wait_until_full(&client);
    server.signal(SIGINT);
    // A client that reads before that may get all of them.
    server.wait_for("stopping");
    until_reset(&client);
    assert_eq!(server.wait_open().signal, Some(SIGINT));
}

/// A reader that is slow, and not gone, gets all of it where nobody asks for an end.
#[test]
fn a_slow_reader_of_stdout_is_waited_for() {
    // The more so where the kernel passes them on: then a pipe holds pages of many sizes.
    for (path, count) in PATHS.into_iter().zip([24 * MIB, 1_200_000]) {
        let arguments = [&["tcp-serve", "-1", "127.0.0.1:0"], path].concat();
        let (mut server, mut reader) = unread(&arguments);
        let mut client = connect(&server.address());
        let sending = std::thread::spawn(move || client.write_all(&noise(count)));
        // Longer than what is asked to end has.
        assert!(!server.ends_within(Duration::from_secs(3)));
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut bytes).expect("a pipe");
        assert!(bytes == noise(count));
        server.wait().code(0);
        sending.join().expect("it ends").expect("it is taken");
    }
}

/// What a peer does not take is unsent, whoever asks for the end.
#[test]
fn a_peer_that_reads_nothing_does_not_keep_a_client() {
    for signal in [SIGTERM, SIGINT] {
        let (listener, address) = listener();
        let client = wirecat(["tcp-connect", "-v", &address]).input(noise(16 * MIB)).start();
        let peer = accept(&listener);
        assert_eq!(read_exactly(&peer, 1000), noise(16 * MIB)[..1000]);
        // Before that a short pipe of stdin may be empty, and nothing unsent.
        wait_until_full(&peer);
        client.signal(signal);
        let ended = ends_soon(client);
        assert_eq!(ended.signal, Some(signal), "{}", ended.stderr);
        has_in_summary(&ended, " unsent ");
    }
}

/// `/quit` is no signal: the status says that something was lost.
#[test]
fn a_client_that_reads_nothing_does_not_keep_a_server_from_quitting() {
    let command = ["tcp-serve", "-v", "--input", "commands", "--queue", "64MiB", "127.0.0.1:0"];
    let mut server = wirecat(command).piped().start();
    let client = connect_narrow(&server.address());
    server.wait_for("accepted #1");
    server.say([&vec![b'x'; 12 * MIB], &b"\n/quit\n"[..]].concat());
    assert_eq!(read_exactly(&client, 10), b"xxxxxxxxxx");
    let ended = ends_soon(server).code(6);
    has_in_summary(&ended, " unsent ");
    until_reset(&client);
}

/// A listener that is asked to stop gives its clients 2 s as well, and says what they did not take.
#[test]
fn a_client_that_reads_nothing_does_not_keep_a_server() {
    let mut server = wirecat(["tcp-serve", "-v", "127.0.0.1:0"]).input(noise(16 * MIB)).start();
    let client = connect_narrow(&server.address());
    assert_eq!(read_exactly(&client, 1000), noise(16 * MIB)[..1000]);
    wait_until_full(&client);
    server.signal(SIGTERM);
    let ended = ends_soon(server).code(6);
    has_in_summary(&ended, " unsent ");
}

/// The first signal gives 2 s, and the second one of another kind none.
#[test]
fn a_second_signal_of_another_kind_ends_it_at_once() {
    let (listener, address) = listener();
    let client = wirecat(["tcp-connect", "-v", &address]).input(noise(16 * MIB)).start();
    let peer = accept(&listener);
    assert_eq!(read_exactly(&peer, 1000), noise(16 * MIB)[..1000]);
    wait_until_full(&peer);
    let mut client = client;
    client.signal(SIGTERM);
    client.wait_for("stopping");
    client.signal(SIGINT);
    let ended = ends_soon(client);
    assert_eq!(ended.signal, Some(SIGINT), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("stopping").count(), 1);
}

/// SIGTERM forgives a listener what its peers did, and nothing of its own.
#[test]
fn sigterm_does_not_hide_what_failed() {
    let directory = crate::support::tempdir().expect("a directory");
    let path = directory.path().display().to_string();
    if geteuid().is_root() {
        return full_disk(&path);
    }
    skip("sigterm_does_not_hide_what_failed", "a full disk takes root");
}

/// A directory that has room for one page.
fn full_disk(path: &str) {
    let mount = |arguments: &[&str]| {
        let mut command = std::process::Command::new(arguments[0]);
        output(command.args(&arguments[1..])).is_ok_and(|output| output.status.success())
    };
    if !mount(&["mount", "-t", "tmpfs", "-o", "size=4096,nr_inodes=10", "tmpfs", path]) {
        return skip("sigterm_does_not_hide_what_failed", "nothing can be mounted");
    }
    let mut server = wirecat(["tcp-serve", "-v", "--save", path, "127.0.0.1:0"]).start();
    let mut client = connect(&server.address());
    let _ = client.write_all(&noise(MIB));
    server.wait_for("cannot save ");
    server.signal(SIGTERM);
    let ended = server.wait();
    mount(&["umount", path]);
    ended.code(7);
}

/// A loss that is too large is judged at the end, also where that is SIGTERM.
#[test]
fn sigterm_does_not_hide_a_loss() {
    let arguments = ["udp-listen", "--stats", "--seq", "u32@0", "--max-loss", "1", "127.0.0.1:0"];
    let mut listener = wirecat(arguments.into_iter().chain(["-v"])).start();
    let line = listener.wait_for("listening udp");
    let port = line.rsplit(':').next().expect("a port").to_owned();
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for number in [0_u32, 1, 50, 51] {
        let to = format!("127.0.0.1:{port}");
        sender.send_to(&number.to_be_bytes(), to).expect("it is sent");
    }
    listener.wait_for_length(16);
    listener.signal(SIGTERM);
    listener.wait().code(1).says("lost");
}

/// What a listener awaited is forgiven: nobody came, and nobody was late.
#[test]
fn sigterm_forgives_what_was_awaited() {
    for arguments in [
        &["tcp-serve", "--wait", "60", "127.0.0.1:0"][..],
        &["tcp-serve", "--conns", "3", "--idle-timeout", "60", "127.0.0.1:0"],
    ] {
        let mut server = wirecat(arguments).start();
        server.address();
        server.signal(SIGTERM);
        server.wait().code(0);
    }
}

/// SPEC section 5: a server for so many connections that cuts one for its silence was too patient
/// in vain. One for any number goes on as if nothing had happened.
#[test]
fn a_server_that_ends_by_a_timeout_says_124() {
    let (_upstream, target) = listener();
    for handler in [&[][..], &["--forward", &target], &["--exec", "cat"], &["--hub"]] {
        for count in [&["-1"][..], &["--conns", "1"]] {
            let limit = ["--idle-timeout", "300ms", "127.0.0.1:0"];
            let arguments = [&["tcp-serve", "-v"], handler, count, &limit].concat();
            let mut server = wirecat(&arguments).start();
            let _client = connect(&server.address());
            let ended = server.wait();
            assert_eq!(ended.code, Some(124), "{arguments:?}: {}", ended.stderr);
            assert!(ended.stderr.contains("no traffic for 300ms"), "{}", ended.stderr);
        }
    }
}

/// A client whose commands have ended before there is a connection says whether there is one.
#[test]
fn a_client_without_a_command_still_connects() {
    for form in ["json", "commands"] {
        let port = RefusingPort::new();
        let (socket, address) = (port.listen(), &port.address);
        let client = wirecat(["tcp-connect", "--input", form, address]).start();
        let peer = accept(&socket);
        assert_eq!(read_all(&peer), b"");
        drop((peer, socket));
        client.wait().code(0);
        let refused = wirecat(["tcp-connect", "--input", form, address]).run().code(4);
        refused.says("connection refused");
    }
}

/// `--count` and `--expect` that are met before stdin was read: what it holds is sent first.
#[test]
fn what_stdin_holds_is_sent_before_enough_is_the_end() {
    for goal in [&["--expect", "220"][..], &["-c", "1", "--frame", "line"]] {
        for rate in [&[][..], &["--rate", "100kB/s"]] {
            let (listener, address) = listener();
            let client = [&["tcp-connect", "-v"], goal, rate, &[&*address]].concat();
            let client = wirecat(client).stdin(crate::support::data::file_of(&lines())).start();
            let mut peer = accept(&listener);
            peer.write_all(b"220 here\n").expect("it is taken");
            assert!(read_all(&peer) == lines(), "{goal:?} {rate:?}");
            drop(peer);
            assert_eq!(client.wait().code(0).text(), "220 here\n");
        }
    }
}

/// A pipe that stays open has no end to wait for.
#[test]
fn what_a_pipe_holds_is_sent_before_enough_is_the_end() {
    let (listener, address) = listener();
    let (reader, mut writer) = pipe().expect("a pipe");
    writer.write_all(b"question\n").expect("it is taken");
    let client = wirecat(["tcp-connect", "--expect", "220", &address]).stdin(reader).start();
    let mut peer = accept(&listener);
    peer.write_all(b"220 here\n").expect("it is taken");
    assert_eq!(read_all(&peer), b"question\n");
    client.wait().code(0);
}

/// What cannot be sent within 2 s is said, and the peer sees that it was cut.
#[test]
fn what_cannot_be_sent_before_the_end_is_unsent() {
    let (listener, address) = listener();
    let client = ["tcp-connect", "-v", "--expect", "220", "--rate", "10kB/s", &address];
    let client = wirecat(client).stdin(crate::support::data::file_of(&noise(MIB))).start();
    let mut peer = accept(&listener);
    peer.write_all(b"220 here\n").expect("it is taken");
    let sent = until_reset(&peer);
    assert!(noise(MIB).starts_with(&sent) && sent.len() < MIB, "{} bytes", sent.len());
    let ended = client.wait().code(6).says("bytes of stdin were not sent");
    has_in_summary(&ended, " unsent ");
}

/// The same on a server, whose clients are told apart by nothing.
#[test]
fn a_server_that_has_enough_sends_what_stdin_holds() {
    let arguments = ["tcp-serve", "-c", "1", "--frame", "line", "127.0.0.1:0"];
    let input = crate::support::data::file_of(&lines());
    let mut server = wirecat(arguments).stdin(input).start();
    let mut client = connect(&server.address());
    client.write_all(b"hello\n").expect("it is taken");
    assert!(read_all(&client) == lines());
    assert_eq!(server.wait().code(0).text(), "hello\n");
}

fn lines() -> Vec<u8> {
    (0..1000).flat_map(|number| format!("line {number}\n").into_bytes()).collect()
}
