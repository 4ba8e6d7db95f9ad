//! Why nothing arrives: each cause provoked, and the warning that names it when `--wait` runs out.

use super::{joined, lan, warning_kinds};
use crate::support::namespaces::{Lan, has};
use crate::support::{Ended, skip};

/// Within this patience the cause has to be there, and a loaded machine takes its time for that.
const JOIN: &str = "mcast-join 239.77.60.1:5000%eth0 --output json --wait 8s";

const JOIN_V6: &str = "mcast-join [ff15::77:60]:5000%eth0 --output json --wait 8s";

/// Sends a group what no UDP socket sends: two datagrams with a wrong checksum, one short and
/// one long (the kernel checks it at arrival, or when it is read), and one cut short.
const SEND_FAULTY: &str = r#"
import socket, struct, sys
for group in sys.argv[1:]:
    is_v6 = ":" in group
    family = socket.AF_INET6 if is_v6 else socket.AF_INET
    raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_UDP)
    if is_v6:
        eth0 = socket.if_nametoindex("eth0")
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, eth0)
    for size, promised in [(8, 8), (1000, 1000), (8, 1000)]:
        header = struct.pack("!HHHH", 5000, 5000, 8 + promised, 1)
        raw.sendto(header + b"x" * size, (group, 0))
"#;

/// Sends more to a socket that nobody reads than its buffer holds.
const FILL_A_BUFFER: &str = r#"
import socket, sys
for address in sys.argv[1:]:
    udp = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    udp.bind((address, 0))
    for _ in range(50):
        udp.sendto(b"x" * 1000, udp.getsockname())
"#;

/// Joins on the second machine, does something to it, sends from the first, and waits for the
/// end of the patience.
fn silent(lan: &Lan, join: &str, script: &str, send: &str) -> Ended {
    let mut member = lan.hosts[1].wirecat(join).start();
    joined(&mut member);
    lan.hosts[1].shell(script);
    if !send.is_empty() {
        lan.hosts[0].wirecat(&format!("mcast-send {send}")).input("x").run().code(0);
    }
    member.wait().code(124)
}

#[track_caller]
fn warns(ended: &Ended, kind: &str, words: &str) {
    let kinds = warning_kinds(ended);
    assert!(kinds.iter().any(|it| it == kind), "no {kind} in {kinds:?}:\n{}", ended.stderr);
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
}

/// SPEC 7: the interface went down, lost its flag, or is gone.
#[test]
fn an_interface_that_changed_under_a_membership_is_named() {
    let Some(lan) = lan("an_interface_that_changed_under_a_membership_is_named", 2) else { return };
    for (script, kind, words) in [
        ("ip link set eth0 multicast off", "interface-not-multicast", "multicast on"),
        ("ip link set eth0 down", "interface-down", "ip link set eth0 up"),
        ("ip link set eth0 up; ip link del eth0", "no-such-interface", "eth0 is gone"),
    ] {
        if kind == "interface-down" {
            lan.hosts[1].shell("ip link set eth0 multicast on");
        }
        if kind == "no-such-interface" {
            lan.hosts[1].shell("ip link set eth0 up");
        }
        warns(&silent(&lan, JOIN, script, ""), kind, words);
    }
}

/// SPEC 7: the interface was taken away and another one has its name and number: it is up, and the
/// memberships are gone, of which nobody tells the socket.
#[test]
fn a_membership_that_the_kernel_has_dropped_is_named() {
    let Some(lan) = lan("a_membership_that_the_kernel_has_dropped_is_named", 2) else { return };
    let replace = "number=$(ip -o link show eth0 | cut -d: -f1)
        ip link del eth0
        ip link add eth0 index $number type veth peer name other
        ip addr add 10.77.0.2/24 dev eth0
        ip addr add fd77::2/64 dev eth0 nodad
        ip link set eth0 up
        ip link set other up";
    for (join, group) in [(JOIN, "239.77.60.1"), (JOIN_V6, "ff15::77:60")] {
        let ended = silent(&lan, join, replace, "");
        warns(&ended, "not-joined", &format!("the kernel has not joined on eth0: {group}"));
    }
}

/// SPEC 7: the cable is out: the interface is up, and the other end is not.
#[test]
fn a_cable_that_was_pulled_is_named() {
    let Some(lan) = lan("a_cable_that_was_pulled_is_named", 2) else { return };
    let mut member = lan.hosts[1].wirecat(JOIN).start();
    joined(&mut member);
    lan.unplug(2);
    warns(&member.wait().code(124), "no-carrier", "interface eth0 has no carrier");
}

/// SPEC 7: the same on IPv6: another port is sent to; the interface is down, and so has no
/// address any more.
#[test]
fn what_keeps_an_ipv6_group_away_is_named() {
    let test = "what_keeps_an_ipv6_group_away_is_named";
    let Some(lan) = lan(test, 2) else { return };
    let ended = silent(&lan, JOIN_V6, "true", "[ff15::77:60]:5001%eth0");
    warns(&ended, "ignored-datagrams", "IPv6 datagrams came to a group that no socket was open");
    let ended = silent(&lan, JOIN_V6, "ip link set eth0 down", "");
    warns(&ended, "interface-down", "ip link set eth0 up");
}

/// SPEC 7: nobody sends, or all is well and nothing comes: it says so, and does not guess.
#[test]
fn where_nothing_is_sent_it_is_said_that_nothing_came() {
    let Some(lan) = lan("where_nothing_is_sent_it_is_said_that_nothing_came", 2) else { return };
    let ended = silent(&lan, JOIN, "true", "");
    warns(&ended, "nothing-arrived", "IPv4 multicast packet");
    assert!(ended.stderr.contains("What others send is lost on the way here"), "{}", ended.stderr);
}

/// SPEC 7: the group arrives on another interface than the one joined, or from another source.
#[test]
fn a_group_that_arrives_elsewhere_is_reported() {
    let Some(lan) = lan("a_group_that_arrives_elsewhere_is_reported", 2) else { return };
    for host in [(0, 1), (1, 2)] {
        lan.plug_in(&lan.hosts[host.0], "eth1", host.1);
    }
    let cases = [
        ("239.77.60.1:5000%eth0", "239.77.60.1:5000%eth1", "other-interface", "%eth1"),
        ("[ff15::77:60]:5000%eth0", "[ff15::77:60]:5000%eth1", "other-interface", "%eth1"),
        ("10.77.0.9@232.77.60.1:5000%eth0", "232.77.60.1:5000%eth0", "other-source", "10.77.0.1"),
    ];
    let members = cases.map(|(join, ..)| {
        let args = format!("mcast-join {join} --output json --wait 6s");
        let mut member = lan.hosts[1].wirecat(&args).start();
        joined(&mut member);
        member
    });
    // Sent all the time, because the sockets on the other interfaces open half-way.
    let senders = cases.map(|(_, send, ..)| {
        let args = format!("mcast-send {send} --repeat 30 --rate 5/s");
        lan.hosts[0].wirecat(&args).input("x").start()
    });
    for (member, (_, _, kind, words)) in members.into_iter().zip(cases) {
        warns(&member.wait().code(124), kind, words);
    }
    drop(senders);
}

/// SPEC 7: rp_filter drops a source that the machine has no route back to.
#[test]
fn the_reverse_path_filter_is_named() {
    let Some(lan) = lan("the_reverse_path_filter_is_named", 2) else { return };
    lan.hosts[0].shell("ip addr add 172.31.9.9/32 dev lo");
    lan.hosts[1].shell("echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter");
    let ended = silent(&lan, JOIN, "true", "239.77.60.1:5000%eth0 --bind 172.31.9.9:0");
    warns(&ended, "rp-filter", "rp_filter is strict (1) on eth0");
}

/// SPEC 7: a firewall that drops, where the counters give it away.
#[test]
fn a_firewall_is_named() {
    let test = "a_firewall_is_named";
    if !has("nft") {
        return skip(test, "no nft");
    }
    let Some(lan) = lan(test, 2) else { return };
    let rules = "nft add table ip t
        nft add chain ip t in '{ type filter hook input priority 0; }'
        nft add rule ip t in udp dport 5000 drop";
    // One by one, else those of one send cross the cable in one piece, and count as one.
    lan.hosts[0].shell("ip link set eth0 gso_max_segs 1");
    // Many more than this machine's own reports, which hide as many in the kernel's counters.
    let ended = silent(&lan, JOIN, rules, "239.77.60.1:5000%eth0 --repeat 50");
    warns(&ended, "firewall", "a firewall on this machine dropped");
}

/// SPEC 7: UDP has dropped or ignored datagrams: another port is sent to.
#[test]
fn datagrams_that_udp_ignored_are_reported() {
    let Some(lan) = lan("datagrams_that_udp_ignored_are_reported", 2) else { return };
    let ended = silent(&lan, JOIN, "true", "239.77.60.1:5001%eth0");
    warns(&ended, "ignored-datagrams", "The sender uses another port, group or source");
}

/// SPEC 7: UDP has dropped datagrams for a wrong checksum, a wrong length, or want of room: each
/// is told, and counted once.
#[test]
fn the_errors_of_udp_are_distinguished() {
    let test = "the_errors_of_udp_are_distinguished";
    if !has("python3") {
        return skip(test, "no python3");
    }
    let Some(lan) = lan(test, 2) else { return };
    let members = [(JOIN, "IPv4"), (JOIN_V6, "IPv6")].map(|(join, family)| {
        let mut member = lan.hosts[1].wirecat(join).start();
        joined(&mut member);
        (member, family)
    });
    lan.hosts[1].shell(&format!("python3 -c '{FILL_A_BUFFER}' 127.0.0.1 ::1"));
    lan.hosts[0].shell(&format!("python3 -c '{SEND_FAULTY}' 239.77.60.1 ff15::77:60"));
    for (member, family) in members {
        let ended = member.wait().code(124);
        let buffer = format!("{family} datagrams met a full receive buffer");
        warns(&ended, "receive-buffer-full", &buffer);
        let checksum = format!("on this machine 2 {family} datagrams had a wrong UDP checksum");
        warns(&ended, "bad-checksum", &checksum);
        let other = format!("on this machine 1 {family} datagrams were dropped by UDP (InErrors)");
        warns(&ended, "udp-errors", &other);
    }
}
