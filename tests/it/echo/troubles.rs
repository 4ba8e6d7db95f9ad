//! The probe against servers and networks that do what they should not.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::thread;

use libc::{SIGINT, SIGUSR1};

use super::{counts, echo, ping, serve};
use crate::support::Running;
use crate::support::datagrams::ClosedPort;
use crate::support::net::uninterrupted;
use crate::support::net::{RefusingPort, listener, peer};
use crate::support::proc::wait_until;

const NAMES: [&str; 5] = ["expected", "lost", "duplicates", "reordered", "corrupt"];

/// A server whose answers to the `n`th probe are the datagrams that `answer` makes of it.
fn odd_server(mut answer: impl FnMut(usize, Vec<u8>) -> Vec<Vec<u8>> + Send + 'static) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut bytes = [0; 2048];
        for number in 0.. {
            let Ok((count, from)) = uninterrupted(|| socket.recv_from(&mut bytes)) else { return };
            for datagram in answer(number, bytes[..count].to_vec()) {
                let _ = socket.send_to(&datagram, from);
            }
        }
    });
    address
}

#[test]
fn a_corrupt_answer_is_no_answer() {
    let address = odd_server(|number, mut probe| {
        match number {
            2 => *probe.last_mut().unwrap() ^= 1,
            3 => probe[0] ^= 0x80,
            4 => probe.truncate(20),
            _ => {}
        }
        vec![probe]
    });
    let (stats, ended) = ping(&format!("--udp {address} -c 10 --interval 2ms"), 1);
    assert_eq!(counts(&stats, NAMES), [10, 3, 0, 0, 3]);
    assert_eq!(stats["loss"], 30.0);
    ended.says("3 of 10 probes were lost, 30.00 %, and --max-loss is 0 %");
}

#[test]
fn duplicates_and_reordering_are_counted_and_lose_nothing() {
    let mut kept = Vec::new();
    let address = odd_server(move |number, probe| match number {
        1 => vec![probe.clone(), probe],
        4 => {
            kept = probe;
            Vec::new()
        }
        5 => vec![probe, kept.clone()],
        _ => vec![probe],
    });
    let (stats, _) = ping(&format!("--udp {address} -c 8 --interval 2ms"), 0);
    assert_eq!(counts(&stats, NAMES), [8, 0, 1, 1, 0]);
}

#[test]
fn loss_is_judged_by_max_loss() {
    let address =
        odd_server(|number, probe| if number % 4 == 1 { Vec::new() } else { vec![probe] });
    let (stats, _) = ping(&format!("--udp {address} -c 8 --interval 2ms --max-loss 25%"), 0);
    assert_eq!(counts(&stats, NAMES), [8, 2, 0, 0, 0]);
    let (_, ended) = ping(&format!("--udp {address} -c 8 --interval 2ms --max-loss 24.9"), 1);
    ended.says("--max-loss is 24.9 %");
    // A lost answer holds the next probe up for a moment only.
    let (stats, _) = ping(&format!("--udp {address} -c 8 --interval 0 --max-loss 25"), 0);
    assert_eq!(counts(&stats, NAMES), [8, 2, 0, 0, 0]);
}

/// `--drop 50%`: 200 probes leave 25 % to 75 %, unless the world ends first.
#[test]
fn a_server_that_drops_half_shows_as_loss() {
    let (_server, address) = serve("--drop 50%");
    let (stats, _) = ping(&format!("--udp {address} -c 200 --interval 1ms --max-loss 75"), 0);
    let [expected, lost] = counts(&stats, ["expected", "lost"]);
    assert!(expected == 200 && (50..150).contains(&lost), "{stats}");
}

#[test]
fn a_stream_with_foreign_bytes_is_corrupt() {
    let server = peer(|mut stream| {
        let mut bytes = [0; 160];
        stream.read_exact(&mut bytes).unwrap();
        bytes[40] ^= 1;
        stream.write_all(&bytes).unwrap();
        let _ = uninterrupted(|| stream.read(&mut bytes));
    });
    let (stats, _) = ping(&format!("{} -c 10 --interval 1ms --size 16", server.address), 1);
    assert_eq!(counts(&stats, NAMES), [10, 1, 0, 0, 1]);
    server.join();
}

/// A probe is a line: a server that takes lines drops all of one, or nothing.
#[test]
fn a_stream_whose_lines_are_dropped_goes_on() {
    let (_server, address) = serve("--tcp --drop 50%");
    for interval in ["1ms", "0"] {
        let args = format!("-c 40 --interval {interval} --max-loss 95 {address}");
        let (stats, _) = ping(&args, 0);
        let [expected, lost, corrupt] = counts(&stats, ["expected", "lost", "corrupt"]);
        assert!(expected == 40 && (2..38).contains(&lost) && corrupt == 0, "{stats}");
    }
}

/// What a server says of its own costs no answer.
#[test]
fn foreign_bytes_in_between_cost_no_answer() {
    let server = peer(|mut stream| {
        stream.write_all(b"220 welcome\r\n").unwrap();
        let mut bytes = [0; 56];
        while stream.read_exact(&mut bytes).is_ok() {
            stream.write_all(&bytes).unwrap();
            stream.write_all(b"x").unwrap();
        }
    });
    let (stats, _) = ping(&format!("{} -c 5 --interval 1ms", server.address), 0);
    let [lost, corrupt] = counts(&stats, ["lost", "corrupt"]);
    assert!(lost == 0 && corrupt >= 4, "{stats}");
    server.join();
}

/// Whoever gives a silent server up sees what was sent; what a server that has closed can answer
/// no more is lost.
#[test]
fn figures_are_reported_without_an_answer_too() {
    let silent = odd_server(|_, _| Vec::new());
    let (stats, _) = ping(&format!("--udp {silent} --interval 10ms -w 3s"), 124);
    assert_eq!(counts(&stats, ["probes", "expected", "lost"]), [10, 0, 0]);
    let server = peer(|mut stream| {
        stream.read_exact(&mut [0; 56]).unwrap();
        stream.write_all(&[0; 20]).unwrap();
    });
    let (stats, _) = ping(&server.address, 6);
    assert_eq!(counts(&stats, ["probes", "expected", "lost"]), [1, 1, 1]);
    server.join();
}

/// What it cannot send is waited for as long as an answer, and no longer.
#[test]
fn a_server_that_ceases_to_read_is_given_up() {
    for args in ["--interval 1ms", "--interval 0", "--interval 0 --max-loss 100"] {
        let (listener, address) = listener();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = vec![0; 4 << 20];
            stream.read_exact(&mut bytes).unwrap();
            stream.write_all(&bytes).unwrap();
            thread::park();
        });
        let code = if args.contains("--max-loss") { 0 } else { 1 };
        let (stats, _) = ping(&format!("-c 50 --size 4M {args} {address}"), code);
        let [probes, expected, lost] = counts(&stats, ["probes", "expected", "lost"]);
        assert!((2..50).contains(&probes) && lost == probes - 1 && expected == probes, "{stats}");
    }
}

/// Names have more than one address, and the server may be at any of them.
#[test]
fn datagrams_find_the_address_that_answers() {
    for host in ["127.0.0.1", "[::1]"] {
        let mut server = echo(&format!("--udp {host}:0")).start();
        let line = server.wait_for("listening udp");
        let port = line.rsplit(':').next().unwrap();
        let (stats, _) = ping(&format!("--udp --conns 3 -c 2 --interval 1ms {port}"), 0);
        assert_eq!(counts(&stats, ["expected", "lost"]), [6, 0], "{host}");
    }
}

#[test]
fn nobody_there_is_4() {
    let (nobody, closed) = (RefusingPort::new(), ClosedPort::new());
    echo(&format!("--ping {}", nobody.address)).run().code(4).says("connection refused");
    let address = format!("127.0.0.1:{}", closed.port);
    echo(&format!("--ping --udp {address}")).run().code(4).says("nothing listens there");
}

#[test]
fn a_server_that_dies_in_the_middle_is_6() {
    let server = peer(|mut stream| {
        let mut bytes = [0; 56];
        stream.read_exact(&mut bytes).unwrap();
        stream.write_all(&bytes).unwrap();
        stream.read_exact(&mut bytes).unwrap();
    });
    let (stats, ended) = ping(&format!("{} -c 50 --interval 5ms", server.address), 6);
    assert_eq!(stats["rtt_min"], stats["rtt_max"], "one answer: {stats}");
    assert_eq!(stats["probes"], stats["expected"], "no more can come: {stats}");
    ended.says("cannot probe 127.0.0.1:");

    // Of an address that no other test has, so that none takes the port that it leaves.
    let mut server = echo("--udp 127.5.5.11:0").start();
    let address = server.wait_for("listening udp").rsplit(' ').next().unwrap().to_owned();
    let mut probe = echo(&format!("--ping --udp --interval 5ms -c 100000 {address} -v")).start();
    await_figures(&mut probe);
    drop(server);
    probe.wait().code(6).says("connection refused");
}

/// Whoever asks, or ends it, gets the figures so far.
#[test]
fn signals_and_the_time_limit_report_the_figures() {
    let (_server, address) = serve("");
    let mut probe = echo(&format!("--ping --interval 5ms -c 100000 {address} -v")).start();
    await_figures(&mut probe);
    probe.signal(SIGINT);
    let ended = probe.wait();
    assert_eq!(ended.signal, Some(SIGINT), "{}", ended.stderr);
    let at = ended.stderr.rfind("stats").unwrap();
    let last = &ended.stderr[at..];
    assert!(last.contains("lost 0 (0.00 %)") && last.contains(" rtt "), "{last}");
    let ended = echo(&format!("--ping -c 100 --interval 60s {address} -w 3s")).run().code(124);
    ended.says("1 probe lost 0");
}

/// Asks until there are answers.
fn await_figures(probe: &mut Running) {
    probe.wait_for("connected");
    wait_until("figures with a time", || {
        probe.signal(SIGUSR1);
        thread::sleep(std::time::Duration::from_millis(20));
        probe.has_said(" rtt ")
    });
}
