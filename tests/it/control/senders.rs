//! Senders that commands drive.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::{answers, driven, expected, named};
use crate::multicast::Port;
use crate::support::datagrams::{ClosedPort, hear, hear_all, hear_nothing, socket};
use crate::support::net::uninterrupted;
use crate::support::{PATIENCE, Running, wirecat};

/// A sender that is driven in JSON.
fn sender(command: &str) -> Running {
    let mut running = driven(command).start();
    running.wait_for_event("starting");
    running
}

fn name(socket: &std::net::UdpSocket) -> String {
    socket.local_addr().expect("an address").to_string()
}

/// SPEC 5: each command is answered, goes to every ADDR or to the one it names, be it an ADDR or not,
/// and all of it leaves from one address.
#[test]
fn each_message_goes_where_its_command_says() {
    let (one, two, other) = (socket(), socket(), socket());
    let mut sender = sender(&format!("udp-send {} {}", name(&one), name(&two)));
    sender.say(format!(
        "{{\"send\":\"all\"}}\n{{\"send\":\"one\",\"to\":\"{}\"}}\n{{\"b64\":\"/w==\",\"to\":\"{}\"}}\n\
         {{\"hex\":\"\",\"to\":\"{}\"}}\n{{\"list\":true}}\n",
        name(&one),
        name(&other),
        name(&two)
    ));
    let (_, from) = hear(&one);
    hear_all(&one, ["one"]);
    hear_all(&two, ["all", ""]);
    assert_eq!(hear(&other), (vec![0xff], from));
    let lists = sender.wait_for_events("list", 3);
    assert_eq!((&lists[0]["peer"], &lists[2]["count"]), (&name(&one).into(), &2.into()));
    let ended = sender.wait().code(0);
    let sent = ["sent"; 4].map(str::to_owned);
    assert_eq!(answers(&ended), (1..).zip(sent).collect::<Vec<_>>());
    let events = ended.events();
    let sent = named(&events, "sent");
    let answer = |at: usize| {
        let event = &sent[at];
        (event["peer"].as_str(), event["len"].as_u64(), event["count"].as_u64())
    };
    assert_eq!(answer(0), (None, Some(3), Some(2)));
    assert_eq!(answer(1), (Some(&*name(&one)), Some(3), None));
    assert_eq!(answer(2), (Some(&*name(&other)), Some(1), None));
    assert_eq!(answer(3), (Some(&*name(&two)), Some(0), None));
    let summary = events.last().expect("a summary");
    assert_eq!((&summary["messages_out"], &summary["out"]), (&5.into(), &10.into()));
}

/// SPEC 5 and 7: a closed port is reported with its name, and costs the others nothing.
#[test]
fn a_closed_port_is_reported_by_its_name() {
    let (closed, another, open) = (ClosedPort::new(), ClosedPort::new(), socket());
    let closed = [closed.port, another.port].map(|port| format!("127.0.0.1:{port}"));
    let mut sender = sender(&format!("udp-send {} {}", closed[0], name(&open)));
    for round in 0..20 {
        sender.say(format!(
            "{{\"send\":\"{round}\"}}\n{{\"send\":\"x\",\"to\":\"{}\"}}\n{{\"list\":true}}\n",
            closed[1]
        ));
        hear_all(&open, [round.to_string()]);
        sender.wait_for_events("list", 3 * (round + 1));
    }
    let ended = sender.wait().code(0);
    let events = ended.events();
    let (failed, sent) = (named(&events, "send-failed"), named(&events, "sent"));
    assert!(sent.len() == 40 && sent.iter().all(|event| event["line"].is_u64()), "{sent:?}");
    for peer in &closed {
        let about = failed.iter().filter(|event| event["peer"] == **peer);
        let about: Vec<_> = about.collect();
        assert!(about.len() >= 10, "{peer}: {failed:?}");
        assert!(about.iter().all(|event| event["kind"] == "refused" && event["line"].is_null()));
    }
    assert!(failed.iter().all(|event| event["peer"] != name(&open)), "{failed:?}");
    assert!(named(&events, "error").is_empty());
}

/// Of a name with several addresses the next one is used where nobody listens at the first.
#[test]
fn a_name_moves_on_to_the_address_that_listens() {
    let closed = ClosedPort::new();
    let open = closed.open("127.0.0.1");
    let mut sender = sender(&format!("udp-send localhost:{}", closed.port));
    sender.say("{\"send\":\"first\"}\n{\"list\":true}\n");
    sender.wait_for_events("list", 2);
    sender.say("{\"send\":\"second\"}\n");
    hear_all(&open, if hear(&open).0 == b"first" { &["second"][..] } else { &[] });
    sender.wait().code(0);
}

/// SPEC 7: answers are `data` events with their peer; nobody else is heard but with `--any-source`.
#[test]
fn answers_name_their_peer() {
    for (option, heard) in [("", vec!["known", "other"]), ("--any-source", vec!["stranger"])] {
        let (known, other, stranger) = (socket(), socket(), socket());
        let mut sender = sender(&format!("udp-send {option} {}", name(&known)));
        sender.say(format!("{{\"send\":\"q\"}}\n{{\"send\":\"q\",\"to\":\"{}\"}}\n", name(&other)));
        let (_, to) = hear(&known);
        hear(&other);
        stranger.send_to(b"stranger", to).expect("it is sent");
        if option.is_empty() {
            known.send_to(b"known", to).expect("it is sent");
            other.send_to(b"other", to).expect("it is sent");
        }
        let data = sender.wait_for_events("data", heard.len());
        let texts: Vec<_> = data.iter().map(|event| event["text"].as_str().unwrap()).collect();
        assert_eq!(texts, heard);
        if option.is_empty() {
            let peers: Vec<_> = data.iter().map(|event| event["peer"].as_str().unwrap()).collect();
            assert_eq!(peers, [name(&known), name(&other)]);
        }
        sender.wait().code(0);
    }
}

/// SPEC 5: the end of stdin awaits answers for `--reply`, /quit does not; none is exit 1.
#[test]
fn the_end_of_the_commands_awaits_answers() {
    let peer = socket();
    let mut late = sender(&format!("udp-send --reply=20s -c 1 {}", name(&peer)));
    late.say("{\"send\":\"q\"}\n");
    let (_, to) = hear(&peer);
    late.end_input();
    peer.send_to(b"late", to).expect("it is sent");
    assert_eq!(late.wait_open().code(0).texts(), ["late"]);
    let mut silent = sender(&format!("udp-send --reply=50ms {}", name(&peer)));
    silent.say("{\"send\":\"q\"}\n");
    silent.wait().code(1).says("none within 50ms");
    let mut hasty = sender(&format!("udp-send --reply=1h {}", name(&peer)));
    hasty.say("{\"send\":\"q\"}\n{\"quit\":true}\n{\"send\":\"never\"}\n");
    hasty.wait_open().code(1).says("none came before the end of the commands");
    hear_all(&peer, ["q", "q"]);
    hear_nothing(&peer);
}

/// Without ADDR each command names its own.
#[test]
fn a_run_without_addresses_sends_where_commands_name() {
    let peer = socket();
    let mut sender = sender("udp-send -4");
    sender.say(format!(
        "{{\"send\":\"nobody\"}}\n{{\"send\":\"you\",\"to\":\"{}\"}}\n{{\"list\":true}}\n",
        name(&peer)
    ));
    hear_all(&peer, ["you"]);
    let ended = sender.wait().code(0);
    assert_eq!(answers(&ended), expected(&[(1, "bad-command"), (2, "sent")]));
    for command in ["udp-send", "udp-send --input line", "mcast-send --input hex", "mcast-send"] {
        wirecat(command.split_whitespace()).run().code(2);
    }
}

/// SPEC 5 and 8: what cannot be obeyed is an `error` with its kind and line, and ends nothing.
#[test]
fn a_bad_command_ends_nothing() {
    let peer = socket();
    let mut sender = sender(&format!("udp-send {}", name(&peer)));
    let (bad, address) = ("bad-command", "bad-address");
    let lines = [
        (r#"{"send":"x","to":3}"#.to_owned(), bad),
        (r#"{"send":"x","to":"3"}"#.to_owned(), bad),
        (r#"{"send":"x","to":4294967296}"#.to_owned(), bad),
        (r#"{"send":"x","to":"nobody"}"#.to_owned(), bad),
        (r#"{"send":"x","to":"127.0.0.1:0"}"#.to_owned(), address),
        (r#"{"send":"x","to":"239.1.2.3:5"}"#.to_owned(), address),
        (r#"{"send":"x","to":"unix:"}"#.to_owned(), address),
        (r#"{"close":null}"#.to_owned(), bad),
        (r#"{"finish":1}"#.to_owned(), bad),
        (r#"{"pause":1}"#.to_owned(), bad),
        (r#"{"join":"239.1.2.3:5"}"#.to_owned(), bad),
        (r#"{"connect":"127.0.0.1:5"}"#.to_owned(), bad),
        (r#"{"listen":"127.0.0.1:5"}"#.to_owned(), bad),
        (r#"{"send":{"a":1}}"#.to_owned(), bad),
        ("[".repeat(1 << 20), bad),
        (r#"{"send":"#.to_owned() + &"[".repeat(100_000), bad),
        ("x".repeat(1 << 20), bad),
        (format!("{{\"send\":\"{}\"}}", "x".repeat(65_508)), "too-large"),
        (r#"{"send":"x","to":"unix:/none/such"}"#.to_owned(), "not-found"),
        (format!("{{\"send\":\"{}\"}}", "y".repeat(65_507)), "sent"),
    ];
    for (line, _) in &lines {
        sender.say(format!("{line}\n"));
    }
    hear_all(&peer, ["y".repeat(65_507)]);
    let ended = sender.wait().code(0);
    let kinds: Vec<_> = (1..).zip(lines.iter().map(|(_, kind)| (*kind).to_owned())).collect();
    assert_eq!(answers(&ended), kinds);
    assert!(ended.stderr.contains("it is a multicast group: use mcast-send"), "{}", ended.stderr);
}

/// In words, for a person at a terminal.
#[test]
fn a_person_sends_in_words() {
    let (one, two) = (socket(), socket());
    let args = ["udp-send", "--input", "commands", "-vv", &name(&one)];
    let mut sender = wirecat(args).piped().start();
    sender.say(format!("hi\n/to {} you\n/list\n/stats\n/close\n/exit\n", name(&two)));
    hear_all(&one, ["hi\n"]);
    hear_all(&two, ["you\n"]);
    sender.wait_for(&format!("list {}", name(&one)));
    sender.wait_for("unknown command `/exit`");
    sender.wait().code(0).says("datagrams have no connections");
}

/// A unix socket that is full holds nothing back for long: what is sent to it waits, and all of it
/// arrives, in order.
#[test]
fn what_a_full_peer_does_not_take_waits_in_order() {
    let directory = crate::support::tempdir().expect("a directory");
    let path = directory.path().join("peer");
    let peer = UnixDatagram::bind(&path).expect("a socket");
    peer.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut sender = sender(&format!("udp-send unix:{}", path.display()));
    let lines: String = (0..500).map(|number| format!("{{\"send\":\"{number}\"}}\n")).collect();
    sender.say(lines);
    sender.wait_for_output("\"queued\":");
    sender.end_input();
    let mut buffer = [0; 16];
    for number in 0..500 {
        let count = uninterrupted(|| peer.recv(&mut buffer)).expect("a datagram in time");
        assert_eq!(buffer[..count], *number.to_string().as_bytes());
    }
    let ended = sender.wait().code(0);
    let events = ended.events();
    assert_eq!(named(&events, "sent").len(), 500);
    assert!(!named(&events, "drained").is_empty() && named(&events, "send-failed").is_empty());
}

/// SPEC 1.7: a unix peer that reads nothing costs the others nothing. Commands are obeyed all the
/// same, `quit` among them; its messages wait, up to a bound.
#[test]
fn a_peer_that_reads_nothing_holds_no_command_back() {
    let directory = crate::support::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let _stuck = UnixDatagram::bind(path("stuck")).expect("a socket");
    let other = UnixDatagram::bind(path("other")).expect("a socket");
    other.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let far = socket();
    let mut sender = sender("udp-send");
    let send =
        |name: &str| format!("{{\"send\":\"x\",\"to\":\"unix:{}\"}}\n", path(name).display());
    // The queue of a unix socket holds net.unix.max_dgram_qlen datagrams, and one more.
    sender.say(send("stuck").repeat(3000));
    sender.say(format!("{}{{\"send\":\"y\",\"to\":\"{}\"}}\n", send("other"), name(&far)));
    let mut buffer = [0; 16];
    assert_eq!(uninterrupted(|| other.recv(&mut buffer)).expect("a datagram in time"), 1);
    hear_all(&far, ["y"]);
    sender.say("{\"list\":true}\n{\"quit\":true}\n{\"send\":\"never\"}\n");
    sender.wait_for_events("list", 1);
    let ended = sender.wait_open().code(6).says("these bytes are left: 1024");
    let events = ended.events();
    let failed = named(&events, "send-failed");
    let is_told = |event: &&serde_json::Value| event["kind"] == "slow" && event["line"].is_u64();
    assert!(!failed.is_empty() && failed.iter().all(is_told), "{:?}", failed.first());
    assert_eq!(named(&events, "sent").len() + failed.len(), 3002);
}

/// A name, and a link-local address with its interface, are looked up without holding up anything, and
/// in order.
#[test]
fn a_receiver_may_be_a_name() {
    let (one, two) = (socket(), socket());
    let port = |socket: &std::net::UdpSocket| socket.local_addr().expect("an address").port();
    let mut sender = sender("udp-send -4");
    sender.say(format!(
        "{{\"send\":\"1\",\"to\":\"localhost:{0}\"}}\n{{\"send\":\"2\",\"to\":\"127.0.0.1:{0}\"}}\n\
         {{\"send\":\"3\",\"to\":\"localhost:{0}\"}}\n{{\"send\":\"4\",\"to\":\"localhost:{1}\"}}\n\
         {{\"send\":\"5\",\"to\":\"no-such-host.invalid:5\"}}\n{{\"send\":\"6\",\"to\":\"127.0.0.1:{0}\"}}\n\
         {{\"send\":\"7\",\"to\":\"nobody\"}}\n",
        port(&one),
        port(&two)
    ));
    hear_all(&one, ["1", "2", "3", "6"]);
    hear_all(&two, ["4"]);
    let ended = sender.wait().code(0);
    let events = ended.events();
    assert_eq!(named(&events, "sent").len(), 5);
    assert_eq!(named(&events, "sent")[0]["peer"], format!("localhost:{}", port(&one)));
    let failed = named(&events, "send-failed");
    assert_eq!(failed.len(), 1, "{events:?}");
    assert_eq!((&failed[0]["line"], &failed[0]["len"]), (&5.into(), &1.into()));
    ended.says("line 7");
    let mut sender = self::sender("udp-send");
    sender.say("{\"send\":\"x\",\"to\":\"[fe80::1%no-such-if]:5\"}\n{\"list\":true}\n");
    sender.wait_for_events("list", 1);
    sender.wait().code(0).says("no-such-if");
}

/// Bytes that a full peer never took are reported: `-w` ends the run all the same.
#[test]
fn what_waits_at_the_end_is_reported() {
    let directory = crate::support::tempdir().expect("a directory");
    let path = directory.path().join("peer");
    let _peer = UnixDatagram::bind(&path).expect("a socket");
    let mut sender = sender(&format!("udp-send -w 5s unix:{}", path.display()));
    sender.say("{\"send\":\"x\"}\n".repeat(500));
    let ended = sender.wait_open().code(124).says("these bytes are left: ");
    let sent = named(&ended.events(), "sent").len();
    assert_eq!(sent, 500, "no command is held back");
}

/// SPEC 7: other groups leave as those of the command line do, answers of members are heard, and a
/// group is named as one.
#[test]
fn groups_are_sent_to_by_command() {
    let number = Port::new().number;
    let joined = |group: &str| {
        let args = format!("mcast-join {group}:{number}%lo --output json --input json");
        let mut running = wirecat(args.split_whitespace()).piped().start();
        running.wait_for_event("joined");
        running
    };
    let (mut one, mut other) = (joined("239.77.30.1"), joined("239.77.30.2"));
    let mut sender = sender(&format!("mcast-send --reply 239.77.30.1:{number}%lo"));
    sender.say(format!(
        "{{\"send\":\"all\"}}\n{{\"send\":\"other\",\"to\":\"239.77.30.2:{number}\"}}\n\
         {{\"send\":\"x\",\"to\":\"127.0.0.1:{number}\"}}\n{{\"send\":\"x\",\"to\":\"unix:/x\"}}\n\
         {{\"list\":true}}\n"
    ));
    assert_eq!(one.wait_for_event("data")["text"], "all");
    let heard = other.wait_for_event("data");
    assert_eq!(heard["text"], "other");
    let back = heard["peer"].as_str().expect("a peer");
    other.say(format!("{{\"send\":\"answer\",\"to\":\"{back}\"}}\n"));
    assert_eq!(sender.wait_for_event("data")["text"], "answer");
    let list = sender.wait_for_events("list", 2);
    assert_eq!((&list[0]["iface"], &list[1]["count"]), (&"lo".into(), &1.into()));
    let ended = sender.wait().code(0);
    let kinds = [(1, "sent"), (2, "sent"), (3, "not-multicast"), (4, "not-multicast")];
    assert_eq!(answers(&ended), expected(&kinds));
    let events = ended.events();
    let groups: Vec<_> =
        named(&events, "sent").iter().map(|event| event["group"].clone()).collect();
    assert_eq!(groups, [1, 2].map(|last| format!("239.77.30.{last}:{number}")));
    assert!(ended.stderr.contains("use udp-listen or udp-send"), "{}", ended.stderr);
    [one, other].into_iter().for_each(|running| _ = running.wait().code(0));
}

/// SPEC 5: what is recorded, and what hooks and CMD are given, is as of any other run.
#[test]
fn hooks_records_and_commands_work() {
    let directory = crate::support::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name).display().to_string();
    let (peer, record) = (socket(), at("record"));
    let hook = format!("sent=cat >{}", at("sent"));
    let args = ["udp-send", "-q", "--input", "json", "--record", &record, "--on", &hook];
    let mut sender = wirecat(args).piped().start();
    sender.say(format!("{{\"send\":\"x\",\"to\":\"{}\"}}\n", name(&peer)));
    hear_all(&peer, ["x"]);
    sender.wait().code(0);
    let read = |name: &str| std::fs::read_to_string(at(name)).expect("a file");
    assert!(read("sent").contains("\"event\":\"sent\""), "{}", read("sent"));
    let sent = read("record");
    assert!(sent.contains(&format!("\"peer\":\"{}\",\"dir\":\"out\"", name(&peer))), "{sent}");
    let script = "echo $WIRECAT_ADDR; exit 7";
    let args = ["udp-send", "--input", "json", "-w", "60s", &name(&peer), "--", "sh", "-c", script];
    let ended = wirecat(args).piped().start().wait_open().code(7);
    assert!(ended.stderr.contains(&name(&peer)) || ended.text().contains(&name(&peer)));
}

/// A program that commands ten thousand messages gets ten thousand answers, in bounded memory.
#[test]
fn ten_thousand_commands_have_ten_thousand_answers() {
    let peer = socket();
    let reader = std::thread::spawn({
        let peer = peer.try_clone().expect("a socket");
        move || {
            peer.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
            while peer.recv(&mut [0; 64]).is_ok() {}
        }
    });
    let mut sender = sender(&format!("udp-send {}", name(&peer)));
    for _ in 0..100 {
        sender.say("{\"send\":\"0123456789\"}\n".repeat(100));
    }
    let ended = sender.wait().code(0);
    assert_eq!(named(&ended.events(), "sent").len(), 10_000);
    reader.join().expect("it reads");
}
