//! Why nothing arrives: each cause provoked, and the warning that names it when `--wait` runs out.

use super::{joined, lan, warning_kinds};
use crate::support::namespaces::{Lan, has};
use crate::support::{Ended, skip};

const JOIN: &str = "mcast-join 239.77.60.1:5000%eth0 --output json --wait 3s";

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

/// SPEC 7: the interface went down, lost its flag, or its cable.
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

/// SPEC 7: nobody sends, or all is well and nothing comes: it says so, and does not guess.
#[test]
fn where_nothing_is_sent_it_is_said_that_nothing_came() {
    let Some(lan) = lan("where_nothing_is_sent_it_is_said_that_nothing_came", 2) else { return };
    let ended = silent(&lan, JOIN, "true", "");
    warns(&ended, "nothing-arrived", "no IPv4 multicast packet");
    assert!(ended.stderr.contains("it is lost on the way here"), "{}", ended.stderr);
}

/// SPEC 7: the group arrives on another interface than the one joined, or from another source.
#[test]
fn a_group_that_arrives_elsewhere_is_told() {
    let Some(lan) = lan("a_group_that_arrives_elsewhere_is_told", 2) else { return };
    for host in [(0, 1), (1, 2)] {
        lan.plug_in(&lan.hosts[host.0], "eth1", host.1);
    }
    for (join, send, kind, words) in [
        ("239.77.60.1:5000%eth0", "239.77.60.1:5000%eth1", "other-interface", "%eth1"),
        ("10.77.0.9@232.77.60.1:5000%eth0", "232.77.60.1:5000%eth0", "other-source", "10.77.0.1"),
    ] {
        let args = format!("mcast-join {join} --output json --wait 3s");
        let mut member = lan.hosts[1].wirecat(&args).start();
        joined(&mut member);
        // The ears on the other interfaces open half-way.
        lan.hosts[1].shell("sleep 1.8");
        lan.hosts[0].wirecat(&format!("mcast-send {send} --repeat 3 --rate 5/s")).input("x").run();
        warns(&member.wait().code(124), kind, words);
    }
}

/// SPEC 7: rp_filter drops a source that the machine has no route back to.
#[test]
fn the_reverse_path_filter_is_named() {
    let Some(lan) = lan("the_reverse_path_filter_is_named", 2) else { return };
    lan.hosts[0].shell("ip addr add 172.31.9.9/32 dev lo");
    lan.hosts[1].shell("echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter");
    let ended = silent(&lan, JOIN, "true", "239.77.60.1:5000%eth0 --bind 172.31.9.9:0");
    warns(&ended, "rp-filter", "rp_filter is on for eth0");
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
fn datagrams_that_udp_ignored_are_told() {
    let Some(lan) = lan("datagrams_that_udp_ignored_are_told", 2) else { return };
    let ended = silent(&lan, JOIN, "true", "239.77.60.1:5001%eth0");
    warns(&ended, "ignored-datagrams", "another port, group or source is sent to");
}
