//! A listener whose stdout is full, and a kernel whose buffer is (SPEC 1.3, sections 6 and 7):
//! nothing is lost in silence.

use std::io::Read;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::datagrams::socket;
use crate::support::{Running, wirecat};

/// Bytes of each datagram here.
const SIZE: usize = 1000;

/// A listener whose stdout nobody reads yet.
fn blocked(options: &[&str]) -> (Running, crate::support::pipes::PipeReader, String) {
    let (reader, writer) = crate::support::pipes::pipe().unwrap();
    let arguments = [&["udp-listen", "-v"], options, &["127.0.0.1:0"]].concat();
    let mut listener = wirecat(arguments).stdout(OwnedFd::from(writer)).start();
    let address = listener.udp_address();
    (listener, reader, address)
}

/// As many datagrams as a socket keeps, that asks for as much memory as wirecat does: most systems allow
/// 4 MiB, and each takes 2.3 KiB.
fn held() -> usize {
    let limit = std::fs::read_to_string("/proc/sys/net/core/rmem_max");
    let limit: usize = limit.ok().and_then(|text| text.trim().parse().ok()).unwrap_or_default();
    if limit < 4 << 20 { 150 } else { 1500 }
}

/// Sends numbered datagrams, each whole.
fn flood(peer: &UdpSocket, address: &str, count: usize) {
    for number in 0..count {
        assert_eq!(peer.send_to(format!("{number:0SIZE$}").as_bytes(), address).unwrap(), SIZE);
    }
}

/// Reads to the end in a thread.
fn drain(mut reader: crate::support::pipes::PipeReader) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        all
    })
}

/// The numbers of what arrived.
fn numbers(bytes: &[u8]) -> Vec<usize> {
    assert_eq!(bytes.len() % SIZE, 0, "only whole datagrams");
    let number = |chunk: &[u8]| std::str::from_utf8(chunk).unwrap().parse().unwrap();
    bytes.chunks(SIZE).map(number).collect()
}

/// The number at the end of the line that tells of `what`.
fn figure(stderr: &str, what: &str) -> usize {
    let (_, after) = stderr.rsplit_once(what).unwrap_or_else(|| panic!("no {what:?}:\n{stderr}"));
    let digits: String =
        after.trim_start_matches([':', ' ']).chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// SPEC section 7: kernel drops are reported: what arrived and what the kernel dropped is what
/// was sent, though nothing came behind the last drops to tell of them.
#[test]
fn received_and_dropped_is_sent() {
    for stats in [&[][..], &["--stats"]] {
        let options = [&["-O", "rcvbuf=16k"], stats].concat();
        let (mut listener, reader, address) = blocked(&options);
        flood(&socket(), &address, 20_000);
        listener.signal(Signal::TERM.as_raw());
        let output = drain(reader);
        listener.wait_for("dropped by the kernel");
        let ended = listener.wait().code(0).says("warning");
        let received = numbers(&output.join().unwrap()).len();
        let dropped = figure(&ended.stderr, "dropped by the kernel");
        assert!(dropped > 0 && received > 0);
        assert_eq!(received + dropped, 20_000, "{}", ended.stderr);
    }
}

/// The same for a program: the figures of the last `stats` events.
#[test]
fn drops_are_reported_in_json() {
    let (reader, writer) = crate::support::pipes::pipe().unwrap();
    let arguments = ["udp-listen", "--output=json", "--stats", "-O", "rcvbuf=16k", "127.0.0.1:0"];
    let mut listener = wirecat(arguments).stdout(OwnedFd::from(writer)).start();
    let address = listener.udp_address();
    flood(&socket(), &address, 5000);
    listener.signal(Signal::TERM.as_raw());
    let output = drain(reader);
    listener.wait().code(0);
    let output = String::from_utf8(output.join().unwrap()).unwrap();
    let events: Vec<serde_json::Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let drops: u64 = events.iter().filter_map(|event| event["kernel_drops"].as_u64()).sum();
    let received = events.iter().filter(|event| event["event"] == "data").count() as u64;
    assert_eq!(received + drops, 5000);
    assert_eq!(events.last().unwrap()["event"], "summary");
}

/// SPEC 10.7 for datagrams: a full stdout pauses, and the kernel's buffer keeps what comes.
#[test]
fn a_full_stdout_loses_nothing_that_the_buffer_holds() {
    let (listener, reader, address) = blocked(&["-c", &held().to_string()]);
    flood(&socket(), &address, held());
    let output = drain(reader);
    listener.wait().code(0);
    assert_eq!(numbers(&output.join().unwrap()), Vec::from_iter(0..held()));
}

/// While stdout is full nothing is idle: what waits in the kernel's buffer is not given up.
#[test]
fn a_full_stdout_is_no_silence() {
    let (mut listener, reader, address) = blocked(&["--idle-timeout", "2s"]);
    flood(&socket(), &address, held());
    // Long enough for the timeout to run out; that it does not end is what is to be seen.
    std::thread::sleep(Duration::from_millis(2500));
    assert!(listener.is_running());
    let output = drain(reader);
    listener.wait().code(0);
    assert_eq!(numbers(&output.join().unwrap()), Vec::from_iter(0..held()));
}

/// SPEC 1.3: what had come when SIGTERM did is printed.
#[test]
fn what_came_before_sigterm_is_printed() {
    let mut listener = wirecat(["udp-listen", "127.0.0.1:0"]).start();
    let address = listener.udp_address();
    listener.signal(Signal::STOP.as_raw());
    flood(&socket(), &address, held());
    listener.signal(Signal::TERM.as_raw());
    listener.signal(Signal::CONT.as_raw());
    assert_eq!(numbers(&listener.wait().code(0).stdout), Vec::from_iter(0..held()));
}

/// A sender with a full stdout takes no more answers than its buffers hold; memory is bounded.
#[test]
fn answers_to_a_full_stdout_take_no_memory() {
    let (reader, writer) = crate::support::pipes::pipe().unwrap();
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let arguments = ["udp-send", "--reply=5s", &address];
    let sender = wirecat(arguments).input("q").stdout(OwnedFd::from(writer)).start();
    let (_, from) = crate::support::datagrams::hear(&peer);
    let before = resident(&sender);
    for round in 0..400 {
        flood(&peer, &from.to_string(), 100);
        // Lets it take them, if it would.
        std::thread::sleep(Duration::from_millis(u64::from(round % 2 == 0)));
    }
    let grown = resident(&sender).saturating_sub(before);
    assert!(grown < 8 << 10, "grown by {grown} kB");
    let output = drain(reader);
    sender.wait().code(0);
    assert!(!numbers(&output.join().unwrap()).is_empty());
}

/// Resident memory in kB.
fn resident(running: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
