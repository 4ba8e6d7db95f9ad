//! `--stats`, `--interval`, `--seq` and `--max-loss` against a sender whose losses are known.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::datagrams::socket;
use crate::support::{Ended, Running, wirecat};

/// Sends datagrams that begin with these numbers, big-endian, after `skip` other bytes.
fn send_numbers(listener: &mut Running, skip: usize, numbers: &[u32]) {
    let (address, peer) = (listener.udp_address(), socket());
    for number in numbers {
        let datagram = [&vec![0xee; skip][..], &number.to_be_bytes(), b"payload"].concat();
        peer.send_to(&datagram, &address).unwrap();
    }
}

/// The last `stats` event with a peer.
fn last_stats(ended: &Ended) -> Value {
    let events = ended.events();
    let of_peer = |event: &&Value| event["event"] == "stats" && event["peer"].is_string();
    events.iter().rev().find(of_peer).expect("stats").clone()
}

fn listen(options: &[&str]) -> Running {
    let fixed = ["udp-listen", "--output=json", "127.0.0.1:0"];
    wirecat([&fixed[..], options].concat()).start()
}

#[track_caller]
fn assert_figures(stats: &Value, expected: &[(&str, u64)]) {
    for (name, figure) in expected {
        assert_eq!(stats[name].as_u64(), Some(*figure), "{name} in {stats}");
    }
}

/// A sender that drops every seventh number, sends every tenth twice, and swaps every fiftieth
/// with the next.
#[test]
fn loss_duplicates_and_reordering_are_counted_truly() {
    let mut numbers: Vec<u32> = (1..=1000).filter(|number| number % 7 != 3).collect();
    let lost = 1000 - numbers.len() as u64;
    let mut swaps = 0;
    for at in (49..numbers.len() - 1).step_by(50) {
        numbers.swap(at, at + 1);
        swaps += 1;
    }
    let twice: Vec<u32> = numbers.iter().copied().filter(|number| number % 10 == 0).collect();
    let all: Vec<u32> = numbers
        .iter()
        .flat_map(|number| std::iter::repeat_n(*number, 1 + usize::from(number % 10 == 0)))
        .collect();
    let count = all.len().to_string();
    for (field, skip) in [("u32@0", 0), ("u32@8", 8)] {
        let mut listener = listen(&["--stats", "--seq", field, "-c", &count]);
        send_numbers(&mut listener, skip, &all);
        let ended = listener.wait().code(0);
        let expected = [
            ("messages", all.len() as u64),
            ("bytes", all.len() as u64 * (11 + skip as u64)),
            ("expected", 1000),
            ("lost", lost),
            ("duplicates", twice.len() as u64),
            ("restarts", 0),
            ("kernel_drops", 0),
            ("truncated", 0),
        ];
        let stats = last_stats(&ended);
        assert_figures(&stats, &expected);
        let reordered = stats["reordered"].as_u64().unwrap();
        assert!(reordered >= swaps, "{reordered} of {swaps}: {stats}");
        let loss = stats["loss"].as_f64().unwrap();
        assert!((loss - lost as f64 / 10.0).abs() < 0.01, "{stats}");
    }
}

#[test]
fn more_loss_than_allowed_is_exit_1() {
    let numbers: Vec<u32> = (0..100).filter(|number| number % 10 != 5).collect();
    for (most, code) in [("5%", 1), ("9.9", 1), ("10", 0), ("50%", 0)] {
        let mut listener = listen(&["--max-loss", most, "--seq", "u32@0", "-c", "90"]);
        send_numbers(&mut listener, 0, &numbers);
        let ended = listener.wait().code(code);
        let told = ended.events().iter().any(|event| event["kind"] == "loss");
        assert_eq!(told, code == 1, "{most}");
    }
}

/// A number that wraps is no loss, and little-endian fields are read as such.
#[test]
fn a_number_may_wrap() {
    let numbers: Vec<u32> = (0..200_u32).map(|step| step.wrapping_sub(100)).collect();
    let mut listener = listen(&["--stats", "--seq", "u32@0", "-c", "200"]);
    send_numbers(&mut listener, 0, &numbers);
    let expected = [("expected", 200), ("lost", 0), ("reordered", 0), ("restarts", 0)];
    assert_figures(&last_stats(&listener.wait().code(0)), &expected);
    let swapped: Vec<u32> = numbers.iter().map(|number| number.swap_bytes()).collect();
    let mut listener = listen(&["--stats", "--seq", "u32le@0", "-c", "200"]);
    send_numbers(&mut listener, 0, &swapped);
    assert_figures(&last_stats(&listener.wait().code(0)), &expected);
}

/// Bad input: garbage where the number should be: the run goes on.
#[test]
fn datagrams_too_short_for_a_number_are_still_messages() {
    let mut listener = listen(&["--stats", "--seq", "u32@8", "-c", "3"]);
    let (address, peer) = (listener.udp_address(), socket());
    for datagram in [&b"short"[..], b"", b"12345678\0\0\0\x01"] {
        peer.send_to(datagram, &address).unwrap();
    }
    assert_figures(&last_stats(&listener.wait().code(0)), &[("messages", 3), ("bytes", 17)]);
}

/// Each source has figures of its own, for a person as for a program.
#[test]
fn each_source_is_counted_by_itself() {
    let mut listener = wirecat(["udp-listen", "--stats", "-c", "3", "127.0.0.1:0"]).start();
    let (address, first, second) = (listener.udp_address(), socket(), socket());
    first.send_to(b"aa", &address).unwrap();
    first.send_to(b"bb", &address).unwrap();
    second.send_to(b"cccc", &address).unwrap();
    let ended = listener.wait().code(0);
    let line = |peer: &std::net::UdpSocket| format!("stats {} ", peer.local_addr().unwrap());
    ended.says(&(line(&first) + "2 messages 4 B")).says(&(line(&second) + "1 message 4 B"));
}

#[test]
fn the_figures_of_each_interval_are_reported_as_it_passes() {
    let arguments = ["udp-listen", "--stats", "--interval", "300ms", "127.0.0.1:0"];
    let mut listener = wirecat(arguments).start();
    let (address, peer) = (listener.udp_address(), socket());
    peer.send_to(b"one", &address).unwrap();
    listener.wait_for("1 message 3 B");
    listener.wait_for("0 messages 0 B");
    listener.signal(Signal::TERM.as_raw());
    listener.wait().code(0);
}
