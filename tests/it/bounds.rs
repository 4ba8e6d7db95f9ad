//! What one peer can cost: memory is bounded, and the others go on (SPEC 1.7 and 1.8).
//!
//! The limits are generous: what they keep out is a bound that is missing, which costs hundreds of
//! megabytes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::support::net::{connect, connect_narrow, push, read_all, read_what_comes};
use crate::support::unix;
use crate::support::{Running, proc, wirecat};

const MIB: usize = 1 << 20;

/// A server on a free port of loopback, and its address.
fn serve(args: &[&str]) -> (Running, String) {
    wirecat([&["tcp-serve", "-v"], args, &["127.0.0.1:0"]].concat()).serve()
}

#[track_caller]
fn assert_peak(server: &Running, limit: usize, what: &dyn std::fmt::Debug) {
    let peak = proc::peak_kib(server.pid());
    assert!(peak < (limit / 1024) as u64, "{peak} KiB: {what:?}");
}

/// Lines of 64 KiB.
fn long_lines() -> Vec<u8> {
    let mut line = vec![b'x'; 65535];
    line.push(b'\n');
    line
}

/// SPEC 10.16: the speaker itself is paused, be there one receiver or many.
#[test]
fn a_hub_that_waits_for_a_client_holds_the_speaker_back() {
    for args in [
        &["--hub"][..],
        &["--hub", "--slow", "block"],
        &["--hub", "--slow", "block", "--frame", "line"],
        &["--hub", "--slow-after", "1h"],
    ] {
        let (mut server, address) = serve(args);
        let others = if args.contains(&"--slow") { 2 } else { 1 };
        let _others: Vec<TcpStream> = (0..others).map(|_| connect(&address)).collect();
        let speaker = connect(&address);
        server.wait_for(&format!("accepted #{} ", others + 1));
        let sent = push(&speaker, &long_lines(), 100 * MIB);
        assert!(sent < 100 * MIB, "{args:?}");
        assert_peak(&server, 40 * MIB, &args);
    }
}

/// The same where the output of the hub is not read.
#[test]
fn a_hub_whose_output_is_not_read_holds_the_speaker_back() {
    for args in [&["--hub"][..], &["--hub", "--frame", "line"], &["--hub", "--output", "json"]] {
        let (_unread, stdout) = std::io::pipe().unwrap();
        let line = [&["tcp-serve", "-v"], args, &["127.0.0.1:0"]].concat();
        let mut server = wirecat(line).stdout(stdout).start();
        let speaker = connect(&server.address());
        let sent = push(&speaker, &long_lines(), 100 * MIB);
        assert!(sent < 100 * MIB, "{args:?}");
        assert_peak(&server, 40 * MIB, &args);
    }
}

/// A client that was waited for while it was the only receiver is judged anew when others have come,
/// though nobody feeds it any more.
#[test]
fn a_stuck_client_is_looked_at_again_though_its_feeder_is_silent() {
    for is_gone in [false, true] {
        let narrow = ["-O", "sndbuf=32k", "-O", "rcvbuf=32k"];
        let (mut server, address) = serve(&[&["--hub", "--queue", "64k"], &narrow[..]].concat());
        let _stuck = connect_narrow(&address);
        server.wait_for("accepted #1 ");
        let feeder = connect(&address);
        // What is left of its words when the stuck one is gone is little enough for the others.
        SockRef::from(&feeder).set_send_buffer_size(4096).unwrap();
        server.wait_for("accepted #2 ");
        // It says what is taken, and then nothing more.
        feeder.set_nonblocking(true).unwrap();
        let (line, mut until) = (vec![b'x'; 1000], Instant::now() + Duration::from_millis(500));
        while Instant::now() < until {
            match (&feeder).write(&line) {
                Ok(1..) => until = Instant::now() + Duration::from_millis(500),
                _ => thread::sleep(Duration::from_millis(20)),
            }
        }
        if is_gone {
            // What it has sent is heard by nobody but the one that does not read.
            feeder.shutdown(Shutdown::Both).unwrap();
        }
        let (mut talker, listener) = (connect(&address), connect(&address));
        server.wait_for("accepted #4 ");
        writeln!(talker, "anybody here?").unwrap();
        thread::spawn(move || read_what_comes(&talker));
        let mut heard = String::new();
        let mut listener = BufReader::new(listener);
        while !heard.ends_with("anybody here?\n") {
            heard.clear();
            assert_ne!(listener.read_line(&mut heard).unwrap(), 0);
        }
        assert!(server.wait_for("was too slow").contains("warning: #1 "));
    }
}

/// `--queue` is a bound of memory also where the messages are as short as can be: 4 MiB of empty
/// lines to clients that do not read.
#[test]
fn many_short_messages_cost_no_more_than_the_queue() {
    for policy in [&[][..], &["--slow", "drop"], &["--slow", "block"]] {
        let args = [&["--hub", "--frame", "line", "--output", "none"], policy].concat();
        let (mut server, address) = serve(&args);
        let _silent: Vec<TcpStream> = (0..50).map(|_| connect_narrow(&address)).collect();
        let speaker = connect(&address);
        server.wait_for("accepted #51 ");
        push(&speaker, &[b'\n'; 64 * 1024], 4 * MIB);
        assert_peak(&server, 80 * MIB, &args);
    }
}

/// One answer is shared by all clients, however long it is, and who does not take it is judged like
/// any slow client.
#[test]
fn a_long_reply_is_shared_and_does_not_wait_for_ever() {
    let mut text = tempfile::NamedTempFile::new().unwrap();
    text.write_all(&vec![b'x'; 8 * MIB]).unwrap();
    let reply = format!("@{}", text.path().display());
    let (mut server, address) = serve(&["--reply", &reply]);
    let _silent: Vec<TcpStream> = (0..40).map(|_| connect_narrow(&address)).collect();
    server.wait_for("accepted #40 ");
    assert_eq!(read_all(&connect(&address)).len(), 8 * MIB);
    server.wait_for("was too slow and is closed");
    assert_peak(&server, 80 * MIB, &"--reply");
}

/// Alone, a client that does not take its answer is waited for; `--slow drop` has it miss answers.
#[test]
fn the_rules_for_slow_clients_hold_for_replies() {
    let (text, line) = ("y".repeat(99), "y".repeat(99) + "\n");
    let narrow = ["--queue", "64k", "-O", "sndbuf=32k", "--frame", "line", "--reply", &text];
    for (policy, is_whole) in [(&[][..], true), (&["--slow", "drop"], false)] {
        let args = [&narrow[..], &["--slow-after", "100ms", "--conns", "1"], policy].concat();
        let (mut server, address) = serve(&args);
        let client = connect_narrow(&address);
        let asked = thread::spawn({
            let mut client = client.try_clone().unwrap();
            move || client.write_all(&[b'\n'; 20_000]).and(client.shutdown(Shutdown::Write))
        });
        match is_whole {
            // Time has to pass for nothing to happen.
            true => thread::sleep(Duration::from_millis(500)),
            false => drop(server.wait_for("is too slow and misses messages")),
        }
        let answers = read_all(&client);
        asked.join().unwrap().unwrap();
        let count = answers.len() / line.len();
        assert!(answers == line.repeat(count).into_bytes());
        assert_eq!(count == 20_000, is_whole, "{count} answers, {policy:?}");
        drop(client);
        let ended = server.wait_open().code(if is_whole { 0 } else { 6 });
        let missed = format!("missed {} messages", 20_000 - count);
        assert_eq!(ended.stderr.contains(&missed), !is_whole, "{}", ended.stderr);
    }
}

/// Answers that are longer than what asks for them wait with the client, and none is lost.
#[test]
fn the_answers_to_one_read_do_not_exceed_the_queue() {
    let (text, count) = ("z".repeat(1000), 100_000);
    let framed = ["--frame", "line", "127.0.0.1:0", "--output", "none"];
    for command in [
        &["tcp-serve", "--slow", "block", "--reply", &text][..],
        &["echo", "--tcp", "--prefix", &text],
        &["echo", "--tcp", "--delay", "10ms", "--prefix", &text],
    ] {
        let (server, address) = wirecat([command, &framed].concat()).serve();
        let clients: Vec<TcpStream> = (0..8).map(|_| connect(&address)).collect();
        let asking: Vec<_> = clients
            .iter()
            .map(|client| {
                let mut client = client.try_clone().unwrap();
                thread::spawn(move || client.write_all(&vec![b'\n'; count]))
            })
            .collect();
        // Time has to pass for nobody to read.
        thread::sleep(Duration::from_millis(1000));
        assert_peak(&server, 120 * MIB, &command);
        for asked in asking {
            asked.join().unwrap().unwrap();
        }
        clients[0].shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&clients[0]).len(), count * (text.len() + 1), "{command:?}");
        assert_peak(&server, 120 * MIB, &command);
    }
}

/// The timers of a connection go with it: what is armed for an hour is not kept for an hour.
#[test]
fn connections_that_are_gone_leave_no_timers_behind() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let address = format!("unix:{}", path.display());
    let line = ["tcp-serve", "--discard", "--idle-timeout", "1h", "--read-timeout", "1h"];
    let mut server = wirecat(line.into_iter().chain(["--frame", "line", &address])).start();
    server.wait_for("listening");
    let visit = |times: usize| {
        for _ in 0..times {
            let mut client = unix::connect(&path);
            client.shutdown(Shutdown::Write).unwrap();
            // Its end shows that the server has seen it off.
            client.read_to_end(&mut Vec::new()).unwrap();
        }
    };
    visit(1000);
    let before = proc::peak_kib(server.pid());
    visit(20_000);
    let after = proc::peak_kib(server.pid());
    // Two timers cost about 300 bytes: 6 MB for all.
    assert!(after < before + 2048, "{before} KiB, and {after} KiB later");
}
