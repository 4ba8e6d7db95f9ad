//! `--stats` and `--max-loss` of more sources than can be remembered.

use std::net::{Ipv4Addr, UdpSocket};

use wirecat::protocol::probe::Probe;

use crate::support::net::uninterrupted;
use crate::support::{proc, watch_anew, wirecat};

/// More than 64 MiB hold, at 864 B for each that was heard once.
const SOURCES: u32 = 80_000;
/// 64 MiB, the program itself with its buffers, and room for what else is needed.
const MEMORY_KIB: u64 = 100 * 1024;

/// All of 127.0.0.0/8 is this machine: each number is an address.
fn source(number: u32) -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::from(0x7f00_0001 + number), 0)).expect("an address of loopback")
}

#[test]
fn a_flood_of_sources_costs_little_and_loss_that_is_not_counted_does_not_pass() {
    let options = ["--output=none", "--max-loss=0"];
    let count = (SOURCES + SOURCES / 100 + 1).to_string();
    let arguments = ["udp-listen", "--reply=ok", "-c", &count, "127.0.0.1:0"];
    let mut listener = wirecat(arguments.into_iter().chain(options)).start();
    let address = listener.udp_address();
    let mut probe = [0; 100];
    for number in 0..SOURCES {
        if number % 10_000 == 0 {
            watch_anew();
        }
        let [first, second] = [1, 2].map(|sequence| Probe { sequence, sender: 7, sent: 1 });
        let socket = source(number);
        socket.set_read_timeout(Some(crate::support::PATIENCE)).expect("a timeout");
        // Every hundredth is heard twice.
        for one in [first, second].iter().take(if number % 100 == 0 { 2 } else { 1 }) {
            assert!(one.write(&mut probe));
            socket.send_to(&probe, &address).expect("it is sent");
            // The answer says that it was counted.
            uninterrupted(|| socket.recv(&mut [0; 2])).expect("an answer");
        }
    }
    let peak = proc::peak_kib(listener.pid());
    assert!(peak <= MEMORY_KIB, "{peak} KiB");
    source(0).send_to(b"the last", &address).expect("it is sent");
    listener.wait().code(1).says("too many sources to count the loss of each");
}

/// SPEC section 1.3: what nobody can count does not pass.
#[test]
fn messages_without_numbers_do_not_keep_to_a_loss() {
    for field in [&[][..], &["--seq", "rtp"], &["--seq", "u32@8"]] {
        let arguments = ["udp-listen", "--max-loss=1", "-c", "2", "127.0.0.1:0"];
        let mut listener = wirecat(arguments.iter().chain(field)).start();
        let address = listener.udp_address();
        wirecat(["udp-send", &address]).input("a\nb\n").run().code(0);
        listener.wait().code(1).says("no message had a sequence number (--seq says where it is)");
    }
}
