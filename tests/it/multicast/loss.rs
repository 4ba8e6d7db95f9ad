//! Loss, duplicates and reordering told as they truly were.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use serde_json::Value;

use super::{Port, events, joined, lan};
use crate::support::namespaces::has;
use crate::support::{Ended, skip, wirecat};

/// The last figures of a run with `--output json`.
fn figures(ended: &Ended) -> Value {
    events(ended.text(), "stats").pop().expect("figures")
}

/// Whole-number figures by their names.
fn numbers<const N: usize>(figures: &Value, names: [&str; N]) -> [Option<u64>; N] {
    names.map(|name| figures[name].as_u64())
}

/// A firewall drops every eighth of 200, and `--max-loss` is judged on
/// both sides of that.
#[test]
fn a_known_share_dropped_by_nftables_is_the_loss_reported() {
    let test = "a_known_share_dropped_by_nftables_is_the_loss_reported";
    if !has("nft") {
        return skip(test, "no nft");
    }
    let Some(lan) = lan(test, 2) else { return };
    // A cable between namespaces carries the datagrams of one send in one piece, which would be
    // dropped as one.
    lan.hosts[0].shell("ip link set eth0 gso_max_segs 1");
    // By the last byte of the number in the payload, so that the first and the last arrive.
    lan.hosts[1].shell(
        "nft add table ip t
         nft add chain ip t in '{ type filter hook input priority 0; }'
         nft add rule ip t in udp dport 5000 @th,184,8 and 0x07 == 0x04 drop",
    );
    for (most, code) in [("12.4", 1), ("12.6", 0)] {
        let args = "mcast-join 239.77.40.1:5000 --stats --output json --count 175 --max-loss";
        let mut member = lan.hosts[1].wirecat(&format!("{args} {most}")).start();
        joined(&mut member);
        let send = "mcast-send 239.77.40.1:5000 --test --repeat 200 --rate 1000/s";
        lan.hosts[0].wirecat(send).run().code(0);
        let ended = member.wait().code(code);
        let told = figures(&ended);
        let names = ["messages", "expected", "lost", "duplicates", "reordered"];
        assert_eq!(numbers(&told, names), [175, 200, 25, 0, 0].map(Some), "{told}");
        assert_eq!(told["loss"].as_f64(), Some(12.5));
        assert_eq!(ended.stderr.contains("12.50 % were lost"), code == 1, "{}", ended.stderr);
    }
}

/// A stream of numbers as a relay passes it on, and what is to be told of it: messages, expected,
/// lost, duplicates, reordered.
const RELAYED: [(&[u16], [u64; 5]); 6] = [
    (&[1, 2, 3, 4, 5], [5, 5, 0, 0, 0]),
    (&[1, 2, 2, 3, 3, 3], [6, 3, 0, 3, 0]),
    (&[1, 3, 2, 4, 6, 5], [6, 6, 0, 0, 2]),
    (&[1, 2, 5, 6], [4, 6, 2, 0, 0]),
    (&[65534, 65535, 0, 1], [4, 4, 0, 0, 0]),
    (&[1, 4, 2, 2, 7], [5, 7, 3, 1, 1]),
];

/// SPEC 7, `--seq`: a relay in userspace repeats, reorders and loses; the figures are the true
/// ones, in either byte order.
#[test]
fn what_a_relay_does_to_a_stream_is_reported() {
    for (order, expected) in RELAYED {
        for field in ["u16@4", "u16le@4"] {
            let port = Port::new().number;
            let count = order.len();
            let args = format!(
                "mcast-join 239.77.41.1:{port}%lo --stats --seq {field} --count {count} \
                 --output json"
            );
            let mut member = wirecat(args.split_whitespace()).start();
            joined(&mut member);
            relay(port, order, field == "u16le@4");
            let told = figures(&member.wait().code(0));
            let names = ["messages", "expected", "lost", "duplicates", "reordered"];
            assert_eq!(numbers(&told, names), expected.map(Some), "{order:?}: {told}");
        }
    }
}

/// Sends the numbers of a stream to the group in this order.
fn relay(port: u16, order: &[u16], little: bool) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let lo = socket2::SockRef::from(&socket);
    lo.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).expect("lo");
    for number in order {
        let bytes = if little { number.to_le_bytes() } else { number.to_be_bytes() };
        let payload = [&b"head"[..], &bytes, b"tail"].concat();
        socket.send_to(&payload, SocketAddr::from(([239, 77, 41, 1], port))).expect("sent");
    }
}

/// Bad input: where the numbers are garbage a warning of a stable kind says so.
#[test]
fn garbage_in_the_place_of_the_number_is_warned_of() {
    let port = Port::new().number;
    // Steps that no stream takes, and numbers that never change.
    let garbage: Vec<u16> = (0..100u16).map(|n| n.wrapping_mul(24_593)).collect();
    for (stream, is_doubtful) in
        [(garbage, true), (vec![7; 100], true), ((0..100).collect(), false)]
    {
        let args = format!(
            "mcast-join 239.77.41.1:{port}%lo --stats --seq u16@4 --count 100 --output json"
        );
        let mut member = wirecat(args.split_whitespace()).start();
        joined(&mut member);
        relay(port, &stream, false);
        let ended = member.wait().code(0);
        let kinds = super::warning_kinds(&ended);
        assert_eq!(kinds == ["doubtful-sequence"], is_doubtful, "{kinds:?} {}", ended.stderr);
        assert_eq!(ended.stderr.contains("--seq"), is_doubtful, "{}", ended.stderr);
    }
}
