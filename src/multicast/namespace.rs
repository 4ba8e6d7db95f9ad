//! Tests that need interfaces of their own: a veth pair in a network namespace.
//!
//! The namespace is that of one thread, and goes with it. Without the right to make one a test
//! reports that and passes.

use std::fs;
use std::net::IpAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};

use super::address::{GroupAddress, InterfaceChoice};
use super::interfaces::{self, Interface, InterfaceState};
use super::membership::{Membership, memberships};
use super::socket::tests::assert_received;
use super::{Counters, GroupOptions, JoinSocket, ProcPaths, diagnose, open_sender};
use crate::kind::Kind;
use crate::sockets::SocketOptions;

/// Runs a test in a namespace with lo and the veth pair `left` and `right`, all up.
fn in_namespace(test: fn()) {
    let outcome = thread::spawn(move || {
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
            return eprintln!("skipped: no network namespace can be made: {error}");
        }
        // Else an address is tentative for its first second, and nothing is sent from it.
        for name in ["all", "default"] {
            let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{name}/accept_dad"), "0");
        }
        ip("link set lo up");
        ip("link add left type veth peer name right");
        ip("link set left up");
        ip("link set right up");
        for name in ["left", "right"] {
            wait_until(|| {
                let it = interface(name);
                it.state == InterfaceState::Running && it.addresses.iter().any(IpAddr::is_ipv6)
            });
        }
        test();
    })
    .join();
    outcome.unwrap();
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

/// Carriers, and the addresses that follow from them, are looked after by a worker of the kernel.
fn wait_until(is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < end, "the interfaces never came to that");
        thread::sleep(Duration::from_millis(10));
    }
}

/// `/proc/net` is that of the first thread; this is that of the calling one.
fn our_proc() -> ProcPaths {
    let net = |name: &str| format!("/proc/thread-self/net/{name}").into();
    ProcPaths {
        igmp: net("igmp"),
        igmp6: net("igmp6"),
        snmp: net("snmp"),
        snmp6: net("snmp6"),
        netstat: net("netstat"),
        ..ProcPaths::default()
    }
}

fn interface(name: &str) -> Interface {
    interfaces::list().unwrap().into_iter().find(|it| it.name == name).unwrap()
}

fn member(text: &str) -> Membership {
    let address: GroupAddress = text.parse().unwrap();
    memberships(&address, &interfaces::list().unwrap()).unwrap().remove(0)
}

fn joined(text: &str) -> JoinSocket {
    let port = text.parse::<GroupAddress>().unwrap().port;
    let (socket, _) = JoinSocket::open(member(text), port, &SocketOptions::default()).unwrap();
    socket.join().unwrap();
    socket
}

fn send(payload: &str, text: &str) {
    let (member, port) = (member(text), text.parse::<GroupAddress>().unwrap().port);
    let (sender, _) =
        open_sender(member.group, &member.interface, &GroupOptions::default()).unwrap();
    sender.send_to(payload.as_bytes(), &member.socket_address(port).into()).unwrap();
}

#[test]
fn an_ipv6_group_is_received_once_on_each_interface() {
    in_namespace(|| {
        for group in ["[ff05::77]:5000", "[ff02::77]:5000"] {
            let [left, right] = ["left", "right"].map(|it| joined(&format!("{group}%{it}")));
            send("from the left", &format!("{group}%left"));
            assert_received(&right, &["from the left"]);
            assert_received(&left, &["from the left"]);
            right.leave().unwrap();
            send("later", &format!("{group}%left"));
            assert_received(&right, &[]);
            assert_eq!(right.leave().unwrap_err().kind, Kind::NotJoined);
        }
    });
}

#[test]
fn an_ipv6_source_filter_drops_the_other_source() {
    in_namespace(|| {
        ip("addr add fd00::5/64 dev left nodad");
        let wanted = joined("[fd00::5]@[ff35::1]:5000%right");
        let other = joined("[fd00::6]@[ff35::1]:5000%right");
        assert_eq!(wanted.join().unwrap_err().kind, Kind::AlreadyJoined);
        send("from five", "[ff35::1]:5000%left");
        assert_received(&wanted, &["from five"]);
        assert_received(&other, &[]);
        wanted.leave().unwrap();
        assert_eq!(wanted.leave().unwrap_err().kind, Kind::NotJoined);
    });
}

#[test]
fn the_route_decides_where_nothing_else_does() {
    in_namespace(|| {
        let chosen = |group: &str| {
            let group: IpAddr = group.parse().unwrap();
            interfaces::resolve(&InterfaceChoice::Route, group, &interfaces::list().unwrap())
        };
        let failure = chosen("239.1.2.3").unwrap_err();
        assert_eq!((failure.status.code(), failure.kind), (5, Kind::NoRoute));
        assert!(failure.to_string().contains("add %IF"), "{failure}");
        ip("addr add 10.1.0.1/24 dev left");
        ip("addr add 10.2.0.1/24 dev right");
        ip("route add 239.1.0.0/16 dev left");
        ip("route add 239.2.0.0/16 dev right");
        assert_eq!(chosen("239.1.2.3").unwrap(), [interface("left")]);
        assert_eq!(chosen("239.2.2.3").unwrap(), [interface("right")]);
        // Both have a route for all IPv6 groups; one of them is taken, for every scope.
        assert_eq!(chosen("ff02::1").unwrap(), chosen("ff05::1").unwrap());
    });
}

#[test]
fn more_groups_than_the_kernel_allows_are_refused_with_the_setting() {
    in_namespace(|| {
        fs::write("/proc/sys/net/ipv4/igmp_max_memberships", "0").unwrap();
        let member = member("239.1.2.3:5000%lo");
        let (socket, _) = JoinSocket::open(member, 5000, &SocketOptions::default()).unwrap();
        let failure = socket.join().unwrap_err();
        assert_eq!(failure.kind, Kind::TooManyGroups);
        assert!(failure.to_string().contains("net.ipv4.igmp_max_memberships"), "{failure}");
    });
}

#[test]
fn a_diagnosis_sees_what_the_kernel_sees() {
    in_namespace(|| {
        let kinds = |member: &Membership, before: &Counters| -> Vec<Kind> {
            let interfaces = interfaces::list().unwrap();
            let found = diagnose(std::slice::from_ref(member), &interfaces, before, &our_proc());
            found.into_iter().map(|finding| finding.kind).collect()
        };
        let socket = joined("239.1.2.3:5000%left");
        let before = Counters::read(&our_proc());
        assert_eq!(
            kinds(socket.membership(), &before),
            [Kind::NothingArrived, Kind::FirewallUnknown]
        );
        socket.leave().unwrap();
        assert!(kinds(socket.membership(), &before).contains(&Kind::NotJoined));
        ip("link set right down");
        wait_until(|| kinds(socket.membership(), &before).contains(&Kind::NoCarrier));
        ip("link set left multicast off");
        assert!(kinds(socket.membership(), &before).contains(&Kind::InterfaceNotMulticast));
        ip("link set left down");
        assert!(kinds(socket.membership(), &before).contains(&Kind::InterfaceDown));
        ip("link del left");
        assert!(kinds(socket.membership(), &before).contains(&Kind::NoSuchInterface));
    });
}
