//! The probe against servers that do what they should.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::thread;

use super::{counts, ping, serve};
use crate::support::load::in_some_try;
use crate::support::net::RefusingPort;
use crate::support::wirecat;

/// Both on one port, whose number one of them alone may find free.
fn listener_and_socket() -> (TcpListener, UdpSocket) {
    let mut taken = Vec::new();
    for _ in 0..100 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
            return (listener, socket);
        }
        taken.push(listener);
    }
    panic!("no port is free for both");
}

/// RFC 862 on both kinds of socket, by plain sockets that serve for as long as the test runs.
fn plain_server() -> String {
    let (listener, socket) = listener_and_socket();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut bytes = vec![0; 65_536];
        while let Ok((count, from)) = socket.recv_from(&mut bytes) {
            let _ = socket.send_to(&bytes[..count], from);
        }
    });
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                // Small pieces: an answer need not come as it was sent.
                let mut bytes = [0; 7];
                while let Ok(count @ 1..) = stream.read(&mut bytes) {
                    if stream.write_all(&bytes[..count]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address.to_string()
}

#[test]
fn any_echo_server_is_measured() {
    let address = plain_server();
    for args in ["", "--udp", "--size 1400", "--udp --size 9000", "--conns 3"] {
        let (stats, ended) = ping(&format!("{address} -c 8 --interval 5ms {args}"), 0);
        let lines = if args == "--conns 3" { 3 } else { 1 };
        let names = ["expected", "lost", "duplicates", "reordered", "corrupt", "connections"];
        assert_eq!(counts(&stats, names), [8 * lines, 0, 0, 0, 0, lines], "{args}");
        let order = ["min", "p50", "p90", "p99", "p999", "max"];
        let trips = order.map(|name| stats[format!("rtt_{name}")].as_f64().expect("a time"));
        assert!(trips.is_sorted() && trips[0] > 0.0, "{args}: {stats}");
        assert_eq!(ended.events().iter().filter(|event| event["event"] == "stats").count(), 1);
    }
}

/// The figures are those of the network: best of several runs, for the machine may be busy. What
/// the same probes take without a delay is ours.
#[test]
fn the_median_is_the_injected_delay_to_a_fifth_of_a_millisecond() {
    let (_plain, direct) = serve("");
    let (_server, delayed) = serve("--delay 7500us");
    for kind in ["--udp", "--tcp"] {
        let median = |address: &str| {
            let (stats, _) = ping(&format!("{kind} -c 40 --interval 3ms {address}"), 0);
            stats["rtt_p50"].as_f64().expect("a time")
        };
        let is_right = |(error, own): &(f64, f64)| (-1e-5..2e-4 + own).contains(error);
        in_some_try(is_right, || (median(&delayed) - 7.5e-3, median(&direct)));
    }
}

/// Neither side gathers what is small: a probe or an answer that waits until the one before is
/// acknowledged would take 40 ms more.
#[test]
fn no_probe_and_no_answer_waits_for_an_acknowledgement() {
    let (_server, address) = serve("--delay 30ms");
    let is_right = |max: &f64| *max < 60e-3;
    in_some_try(is_right, || {
        let (stats, _) = ping(&format!("-c 100 --interval 3ms {address}"), 0);
        stats["rtt_max"].as_f64().expect("a time")
    });
}

#[test]
fn many_connections_back_to_back() {
    let (_server, address) = serve("");
    let (stats, _) = ping(&format!("{address} --conns 50 --interval 0 -c 1000"), 0);
    let names = ["expected", "lost", "corrupt", "connections"];
    assert_eq!(counts(&stats, names), [50_000, 0, 0, 50]);
    let (stats, _) = ping(&format!("{address} --udp --conns 5 --interval 0 -c 100"), 0);
    assert_eq!(counts(&stats, names), [500, 0, 0, 5]);
}

/// A server whose first answer takes half a second.
fn stalling_server() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 16];
        stream.read_exact(&mut bytes).unwrap();
        thread::sleep(std::time::Duration::from_millis(500));
        stream.write_all(&bytes).unwrap();
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut bytes) {
            let _ = stream.write_all(&bytes[..count]);
        }
    });
    address
}

/// A server that stalls is measured by when probes were due: one that was late because the one
/// before was not answered would hide it.
#[test]
fn a_stall_shows_in_every_probe_that_it_held_up() {
    let args = format!("-c 20 --size 16 --interval 20ms {}", stalling_server());
    let [min, p50, max] = trips(&args, "p50");
    assert!(max >= 0.5 && (0.2..=max).contains(&p50) && min < p50, "{min} {p50} {max}");
}

/// The same where each probe waits for the answer before, and so is not sent.
#[test]
fn a_stall_shows_in_the_probes_that_it_kept_from_being_sent() {
    let args = format!("-c 20 --size 16 --interval 0 {}", stalling_server());
    let [min, p90, max] = trips(&args, "p90");
    assert!(max >= 0.5 && (0.2..=max).contains(&p90) && min < 0.1, "{min} {p90} {max}");
}

/// The shortest round trip, this percentile, and the longest one.
#[track_caller]
fn trips(args: &str, percentile: &str) -> [f64; 3] {
    let (stats, _) = ping(args, 0);
    ["min", percentile, "max"].map(|name| stats[format!("rtt_{name}")].as_f64().unwrap())
}

#[test]
fn unix_sockets_are_measured_too() {
    let directory = crate::support::tempdir().unwrap();
    let address = format!("unix:{}", directory.path().join("echo").display());
    let mut server = super::echo(&address).start();
    server.wait_for("listening unix");
    let (stats, _) = ping(&format!("{address} -c 5 --interval 1ms --conns 2"), 0);
    assert_eq!(counts(&stats, ["expected", "lost"]), [10, 0]);
}

/// SPEC 2: `-- CMD` runs while it probes, and the figures are told at the end.
#[test]
fn it_waits_for_a_server_that_is_not_there_yet() {
    let port = RefusingPort::new();
    let args = format!("--ping --wait 30s -c 2 --interval 1ms {}", port.address);
    let probe = super::echo(&args).start();
    let mut server = wirecat(["echo", "--tcp", &port.address]).start();
    server.wait_for("listening tcp");
    probe.wait().code(0).says("2 probes lost 0");
}
