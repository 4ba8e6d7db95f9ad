//! Groups on lo: SPEC section 10, item 12.
//!
//! They need no rights, but for those that wait for silence: `--wait` and `--idle-timeout` look for
//! a cause on the other interfaces too, which is for a machine of the test's own.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use super::{Port, events, host, joined};
use crate::support::datagrams::socket;
use crate::support::load::in_some_try;
use crate::support::namespaces::Host;
use crate::support::net::uninterrupted;
use crate::support::terminal::Terminal;
use crate::support::{PATIENCE, Running, wirecat, wirecat_path};

/// `mcast-join` with these arguments, once it has joined.
fn listen(args: &str) -> Running {
    let mut running = wirecat(format!("mcast-join {args}").split_whitespace()).start();
    joined(&mut running);
    running
}

/// `mcast-send` with these arguments and this stdin; it must succeed.
fn send(args: &str, stdin: &str) {
    wirecat(format!("mcast-send {args}").split_whitespace()).input(stdin).run().code(0);
}

/// A plain socket that hears a group on lo, as any other program would.
fn plain_member(group: Ipv4Addr, port: u16) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).expect("a socket");
    socket.set_reuse_address(true).expect("an option");
    socket.bind(&SocketAddr::from((group, port)).into()).expect("a free port");
    let lo = InterfaceIndexOrAddress::Index(1);
    socket.join_multicast_v4_n(&group, &lo).expect("a group on lo");
    socket.set_read_timeout(Some(PATIENCE)).expect("an option");
    socket
}

/// SPEC 7 and 10.12: one socket a group, bound to it, with IP_MULTICAST_ALL off.
#[test]
fn two_joins_on_one_port_and_two_groups_receive_their_own_group_only() {
    let port = Port::new().number;
    let mut groups = [1, 2].map(|n| listen(&format!("239.77.0.{n}:{port}%lo --count 4")));
    for word in ["one\n", "two\n"] {
        for n in [2, 1] {
            send(&format!("239.77.0.{n}:{port}%lo"), &format!("{n} {word}"));
            send(&format!("239.77.0.{n}:{port}%lo"), &format!("{n} {word}"));
        }
    }
    groups[0].wait_for_output("1 two\n1 two\n");
    let heard = groups.map(|group| group.wait().code(0).text().to_owned());
    assert_eq!(heard, ["1 one\n1 one\n1 two\n1 two\n", "2 one\n2 one\n2 two\n2 two\n"]);
}

/// SPEC 3: `SOURCE@GROUP` hears this source only.
#[test]
fn a_source_specific_join_receives_its_source_only() {
    let port = Port::new().number;
    let group = listen(&format!("127.0.0.5@232.77.0.1:{port}%lo --count 1"));
    for source in ["127.0.0.6", "127.0.0.5"] {
        let args = format!("232.77.0.1:{port}%lo --bind {source}:0");
        send(&args, &format!("from {source}"));
    }
    assert_eq!(group.wait().code(0).text(), "from 127.0.0.5");
}

/// SPEC 7: a source outside 232/8 is allowed, and said.
#[test]
fn a_source_outside_the_range_for_sources_is_received_and_warned_of() {
    let port = Port::new().number;
    let mut group = listen(&format!("127.0.0.5@239.77.0.1:{port}%lo --count 1"));
    group.wait_for("127.0.0.5@239.77.0.1");
    send(&format!("239.77.0.1:{port}%lo --bind 127.0.0.6:0"), "wrong");
    send(&format!("239.77.0.1:{port}%lo --bind 127.0.0.5:0"), "right");
    let ended = group.wait().code(0).says("outside the source-specific range 232.0.0.0/8");
    assert_eq!(ended.text(), "right");
}

/// SPEC 7: `--ttl N`, 1 by default, as the receiver's kernel sees it.
#[test]
fn the_ttl_is_one_or_as_asked() {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
    use std::io::IoSliceMut;
    use std::os::fd::AsRawFd;
    let port = Port::new().number;
    let plain = plain_member(Ipv4Addr::new(239, 77, 0, 9), port);
    setsockopt(&plain, sockopt::Ipv4RecvTtl, &true).expect("an option");
    for (option, ttl) in [("", 1), ("--ttl 4", 4), ("--ttl 255", 255), ("--ttl 0", 0)] {
        send(&format!("239.77.0.9:{port}%lo {option}"), "x");
        let (mut bytes, mut space) = ([0; 8], nix::cmsg_space!(i32));
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::empty();
        let message = recvmsg::<()>(plain.as_raw_fd(), &mut slices, Some(&mut space), flags);
        let message = message.expect("a datagram");
        let heard: Vec<_> = message.cmsgs().expect("its facts").collect();
        assert!(matches!(heard[..], [ControlMessageOwned::Ipv4Ttl(n)] if n == ttl), "{heard:?}");
    }
}

/// SPEC 7: mcast-send is not connected, so that unicast replies arrive, each with `--reply`.
#[test]
fn replies_to_a_group_are_printed_by_the_sender() {
    let port = Port::new().number;
    let groups =
        [1, 2].map(|n| listen(&format!("239.77.1.1:{port}%lo --count 1 --reply reply{n}\\n")));
    let args = format!("mcast-send 239.77.1.1:{port}%lo --reply --count 2");
    let ended = wirecat(args.split_whitespace()).input("who?").run().code(0);
    let mut answers: Vec<&str> = ended.text().lines().collect();
    answers.sort_unstable();
    assert_eq!(answers, ["reply1", "reply2"]);
    for group in groups {
        assert_eq!(group.wait().code(0).text(), "who?");
    }
}

/// SPEC 7: a sender shares the port of `--bind` with members, as a question to an mDNS daemon on 5353
/// has to; a port that another program keeps to itself is exit 5.
#[test]
fn a_sender_shares_its_port_with_members() {
    let daemon = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
    daemon.set_reuse_address(true).expect("an option");
    daemon.bind(&SocketAddr::from(([0, 0, 0, 0], 0)).into()).expect("a free port");
    let port = daemon.local_addr().expect("an address").as_socket().expect("UDP").port();
    let group = format!("239.77.0.9:{port}%lo");
    let member = listen(&format!("{group} -c 1 --output json"));
    send(&format!("{group} --bind :{port}"), "question");
    let ended = member.wait().code(0);
    let data = &events(ended.text(), "data")[0];
    assert_eq!(data["text"], "question");
    assert!(data["peer"].as_str().expect("a peer").ends_with(&format!(":{port}")), "{data}");
    let alone = socket();
    let number = alone.local_addr().unwrap().port();
    let args = format!("mcast-send {group} --send x --bind :{number}");
    wirecat(args.split_whitespace()).run().code(5).says("another program has this port");
}

/// SPEC 9: an unmet `--reply` is exit 1.
#[test]
fn no_reply_from_a_group_is_exit_1() {
    let port = Port::new().number;
    let args = format!("mcast-send 239.77.1.2:{port}%lo --reply=100ms");
    wirecat(args.split_whitespace()).input("who?").run().code(1).says("none within 100ms");
}

/// SPEC 7: the reply goes to the sender by unicast, from the port of the group.
#[test]
fn a_plain_sender_gets_the_reply() {
    let port = Port::new().number;
    let _group = listen(&format!("239.77.1.3:{port}%lo --reply pong"));
    let plain = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
    plain.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    plain.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).expect("lo");
    plain.set_read_timeout(Some(PATIENCE)).expect("an option");
    plain.send_to(b"ping", &SocketAddr::from(([239, 77, 1, 3], port)).into()).expect("sent");
    let mut answer = [0; 8];
    let length = uninterrupted(|| (&plain).read(&mut answer)).expect("an answer");
    assert_eq!(&answer[..length], b"pong");
}

/// SPEC 3: `239.1.2.3+8:5000` is 8 groups, counting up, to join and to send to.
#[test]
fn a_range_is_joined_and_sent_to_group_by_group() {
    let port = Port::new().number;
    let range = format!("239.77.2.254+4:{port}%lo");
    let mut group = wirecat(["mcast-join", &range, "--count", "4", "--output", "json"]).start();
    joined(&mut group);
    group.wait_for("joined 239.77.3.1");
    send(&range, "to all");
    let ended = group.wait().code(0);
    let groups = |name: &str| -> Vec<String> {
        let all = events(ended.text(), name);
        let mut groups: Vec<_> = all.iter().map(|it| it["group"].to_string()).collect();
        groups.sort_unstable();
        groups
    };
    let mut expected = ["239.77.2.254", "239.77.2.255", "239.77.3.0", "239.77.3.1"]
        .map(|group| format!("\"{group}:{port}\""));
    expected.sort_unstable();
    assert_eq!(groups("joined"), expected);
    assert_eq!(groups("data"), expected);
}

/// SPEC 7 and 8: each message knows its sender, its group and the interface.
#[test]
fn a_message_names_sender_group_and_interface() {
    let port = Port::new().number;
    let all = [1, 2].map(|n| format!("239.77.4.{n}:{port}%lo"));
    let args = ["mcast-join", &all[0], &all[1], "--count", "1", "--output", "json"];
    let mut group = wirecat(args).start();
    group.wait_for(&format!("joined 239.77.4.1:{port} on lo"));
    group.wait_for(&format!("joined 239.77.4.2:{port} on lo"));
    send(&format!("239.77.4.2:{port}%lo --bind 127.0.0.7:0"), "x");
    let ended = group.wait().code(0);
    let data = &events(ended.text(), "data")[0];
    assert_eq!(data["group"], format!("239.77.4.2:{port}"));
    assert_eq!(data["iface"], "lo");
    assert!(data["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.7:")), "{data}");
    for event in events(ended.text(), "joined") {
        assert_eq!((&event["iface"], &event["proto"]), (&"lo".into(), &"udp".into()));
    }
    assert_eq!(events(ended.text(), "summary")[0]["code"], 0);
}

/// SPEC 1.6: what is sent by lo comes in by lo, whatever IP_MULTICAST_LOOP says (Linux): said.
#[test]
fn no_loop_on_lo_says_that_it_does_nothing() {
    let port = Port::new().number;
    let args = format!("mcast-send 239.77.5.1:{port}%lo --no-loop");
    wirecat(args.split_whitespace()).input("x").run().code(0).says("--no-loop does nothing on lo");
}

/// SPEC 5: ending before `--count` is exit 1; `--idle-timeout` is a listener's normal end.
#[test]
fn fewer_messages_than_counted_are_exit_1() {
    let Some(host) = host("fewer_messages_than_counted_are_exit_1") else { return };
    // A loaded machine takes its time to start the sender.
    let groups = [("--count 3", 1), ("", 0)].map(|(option, code)| {
        let args = format!("mcast-join 239.77.5.2:5000%lo --idle-timeout 4s {option}");
        let mut group = host.wirecat(&args).start();
        joined(&mut group);
        (group, code)
    });
    host.wirecat("mcast-send 239.77.5.2:5000%lo").input("a\nb\n").run().code(0);
    for (group, code) in groups {
        assert_eq!(group.wait().code(code).text(), "a\nb\n");
    }
}

/// SPEC 9 and 10.15: SIGTERM is a listener's end, 0.
#[test]
fn sigterm_of_a_group_is_exit_0_and_int_is_130() {
    for (signal, code, by_signal) in [(15, Some(0), None), (2, None, Some(2))] {
        let port = Port::new().number;
        let group = listen(&format!("239.77.5.3:{port}%lo -v"));
        group.signal(signal);
        let ended = group.wait_open();
        assert_eq!((ended.code, ended.signal), (code, by_signal), "{}", ended.stderr);
        assert!(ended.stderr.contains("summary"), "{}", ended.stderr);
    }
}

/// SPEC 7: the figures of `--test` traffic: nothing lost, latency by the kernel's time stamps.
#[test]
fn test_traffic_is_accounted_for() {
    let port = Port::new().number;
    let args = format!("mcast-join 239.77.6.1:{port}%lo --stats --count 40 --output json");
    let mut group = wirecat(args.split_whitespace()).start();
    joined(&mut group);
    let send =
        format!("mcast-send 239.77.6.1:{port}%lo --test --size 200 --rate 200/s --repeat 40");
    wirecat(send.split_whitespace())
        .with(|it| {
            it.stdin(Stdio::null());
        })
        .run()
        .code(0);
    let ended = group.wait().code(0);
    let stats = events(ended.text(), "stats");
    assert_eq!(stats.len(), 1, "{stats:?}");
    let of = |name: &str| stats[0][name].as_f64().unwrap_or(f64::NAN);
    let counted = ["messages", "bytes", "expected", "lost", "loss", "duplicates", "reordered"];
    assert_eq!(counted.map(of), [40.0, 8000.0, 40.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(stats[0]["group"], format!("239.77.6.1:{port}"));
    let [min, p99, max] = ["latency_min", "latency_p99", "latency_max"].map(of);
    assert!(0.0 <= min && min <= p99 && p99 <= max && max < PATIENCE.as_secs_f64(), "{stats:?}");
    assert!(of("jitter") >= 0.0 && of("rate") > 0.0, "{stats:?}");
}

/// SPEC 7: `--interval` tells the figures while it runs, `--duration` ends the probes.
#[test]
fn the_intervals_add_up_to_the_whole() {
    let Some(host) = host("the_intervals_add_up_to_the_whole") else { return };
    // A loaded machine may not send as often as it should.
    in_some_try(|whole| (40..=51).contains(whole), || probes_of_a_second(&host));
}

/// Sends 50 probes a second for a second, and returns how many were counted.
fn probes_of_a_second(host: &Host) -> u64 {
    let args = "mcast-join 239.77.6.2:5000%lo --stats --interval 200ms --idle-timeout 4s \
                --output json";
    let mut group = host.wirecat(args).start();
    joined(&mut group);
    let send = "mcast-send 239.77.6.2:5000%lo --test --rate 50/s --duration 1s -v";
    let sent = host.wirecat(send).run().code(0);
    assert!(sent.took >= Duration::from_secs(1) && sent.took < PATIENCE, "{:?}", sent.took);
    let ended = group.wait().code(0);
    let messages: Vec<u64> = events(ended.text(), "stats")
        .iter()
        .map(|event| event["messages"].as_u64().unwrap_or_default())
        .collect();
    let (whole, intervals) = messages.split_last().expect("figures");
    assert!(*whole <= 51, "{messages:?}");
    assert_eq!(intervals.iter().sum::<u64>(), *whole, "{messages:?}");
    *whole
}

/// Who starts probes at a terminal sees how fast they go out, and that they go on.
#[test]
fn endless_probes_say_so_at_a_terminal() {
    let group = format!("239.77.0.3:{}%lo", Port::new().number);
    let mut terminal = Terminal::start(wirecat_path(), &["mcast-send", "--test", &group]);
    terminal
        .wait_for("sending probes at 10/s until stopped (^C; --duration or --repeat sets an end)");
    terminal.type_in("\x03");
    terminal.wait();
    let args = ["mcast-send", "--test", "--repeat", "1", &group];
    let mut counted = Terminal::start(wirecat_path(), &args);
    counted.wait_for_code(0);
    assert!(!counted.shown().contains("sending probes"), "{}", counted.shown());
}
