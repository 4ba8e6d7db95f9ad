//! Interop both ways with nc.openbsd and socat.

use std::net::UdpSocket;
use std::process::Command;

use rustix::process::Signal;

use crate::support::datagrams::{ClosedPort, hear_all, socket};
use crate::support::peers::Peer;
use crate::support::proc::unshared;
use crate::support::{program, skip, wirecat};

fn has(peer: Peer, test: &str) -> bool {
    let installed = peer.is_installed();
    if !installed {
        skip(test, &format!("{} is not installed", peer.program()));
    }
    installed
}

const SOCAT: Peer = Peer::Socat { block: None };

/// A command of one of them with its arguments.
fn peer(peer: Peer, arguments: &[&str]) -> Command {
    let mut command = Command::new(peer.program());
    command.args(arguments);
    command
}

#[test]
fn nc_and_socat_are_received_and_answered() {
    if !(has(Peer::Nc, "udp nc") && has(SOCAT, "udp socat")) {
        return;
    }
    let mut listener = wirecat(["udp-listen", "--reply", "pong\\n", "127.0.0.1:0"]).start();
    let port = listener.udp_port().to_string();
    let to = format!("UDP4-SENDTO:127.0.0.1:{port}");
    let table = [
        (peer(Peer::Nc, &["-u", "-w2", "127.0.0.1", &port]), "from nc\n"),
        (peer(SOCAT, &["-t1", "-", &to]), "from socat\n"),
    ];
    for (command, text) in table {
        let mut running = program(command).piped().start();
        running.say(text);
        listener.wait_for_output(text);
        running.wait_for_output("pong\n");
        running.wait();
    }
    listener.signal(Signal::TERM.as_raw());
    listener.wait().code(0);
}

/// Their listeners cannot ask for a free port; one that is closed and shared is theirs to take.
#[test]
fn socat_receives_every_datagram_of_ours() {
    if !has(SOCAT, "udp socat") {
        return;
    }
    let closed = ClosedPort::new();
    let from = format!("UDP4-RECV:{},bind=127.0.0.1,reuseaddr", closed.port);
    let mut heard = program(peer(SOCAT, &["-u", &from, "STDOUT"])).start();
    let address = format!("127.0.0.1:{}", closed.port);
    send_until_heard(&address);
    heard.wait_for_output("a\nb\nc\n");
    heard.signal(Signal::TERM.as_raw());
    heard.wait();
}

/// Sends until somebody listens.
fn send_until_heard(address: &str) {
    for _ in 0..600 {
        let ended = wirecat(["udp-send", address]).input("a\nb\nc\n").run();
        if ended.code == Some(0) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("nobody listens on {address}");
}

/// A port that is free, below those that Linux gives to whoever asks for any.
fn low_port() -> u16 {
    let is_free = |port: &u16| unshared(|| UdpSocket::bind(("127.0.0.1", *port)).is_ok());
    // Another run of the tests does not begin with the same one.
    let first = 18_000 + (std::process::id() % 1000) as u16;
    (first..20_000).find(is_free).expect("a free port")
}

/// nc without reuse: nobody may have its port.
#[test]
fn nc_receives_from_us_and_answers() {
    if !has(Peer::Nc, "udp nc") {
        return;
    }
    let port = low_port().to_string();
    let mut nc = program(peer(Peer::Nc, &["-u", "-l", "127.0.0.1", &port])).piped().start();
    nc.say("answer\n");
    let address = format!("127.0.0.1:{port}");
    let ended = wirecat(["udp-send", "--wait=20s", "-c", "1", &address]).input("q\n").run().code(0);
    assert_eq!(ended.text(), "answer\n");
    nc.wait_for_output("q\n");
    nc.signal(Signal::TERM.as_raw());
    nc.wait();
}

#[test]
fn plain_sockets_talk_both_ways() {
    let peer = socket();
    let mut listener = wirecat(["udp-listen", "127.0.0.1:0"]).piped().start();
    peer.connect(listener.udp_address()).unwrap();
    peer.send(b"in\n").unwrap();
    listener.wait_for_output("in\n");
    listener.say("out\n");
    hear_all(&peer, ["out\n"]);
}
