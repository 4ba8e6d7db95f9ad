//! A server that is told what to do.

use std::io::Write;

use super::{answers, client, driven, expected, named, server, started};
use crate::support::net::{connect, read_all, read_exactly, reset};
use crate::support::wirecat;

/// Every way to name a client and to write bytes, and one event for each message.
#[test]
fn messages_go_to_whom_they_are_for() {
    let (mut server, address) = server("--frame line");
    let (one, two) = (client(&mut server, &address), client(&mut server, &address));
    let peer = two.local_addr().expect("an address");
    server.say(format!(
        "{{\"send\":\"all\"}}\n{{\"send\":\"to one\",\"to\":1}}\n{{\"hex\":\"ff00\",\"to\":2}}\n\
         {{\"b64\":\"/wA=\",\"to\":\"{peer}\"}}\n{{\"send\":\"\",\"to\":1}}\n"
    ));
    assert_eq!(read_exactly(&one, 12), b"all\nto one\n\n");
    assert_eq!(read_exactly(&two, 10), b"all\n\xff\0\n\xff\0\n");
    let ended = server.wait().code(0);
    assert_eq!(answers(&ended), expected(&[1, 2, 3, 4, 5].map(|line| (line, "sent"))));
    let events = ended.events();
    let sent = named(&events, "sent");
    assert_eq!((&sent[0]["count"], &sent[0]["len"]), (&2.into(), &3.into()));
    assert_eq!((&sent[1]["conn"], &sent[2]["conn"]), (&1.into(), &2.into()));
    assert!(sent.iter().all(|event| event.get("queued").is_none()), "{sent:?}");
    assert!(named(&events, "drained").is_empty());
    assert_eq!(events.last().expect("a summary")["messages_out"], 5);
}

/// Without framing the bytes go as they are. A byte order mark before the first line is none of it.
#[test]
fn a_message_without_framing_is_its_bytes() {
    let (mut server, address) = server("");
    let one = client(&mut server, &address);
    server.say("\u{feff}{\"send\":\"a\"}\n{\"send\":\"b\\r\\n\",\"to\":1}\n{\"hex\":\"00\"}\n");
    server.end_input();
    assert_eq!(read_all(&one), b"ab\r\n\0");
    server.wait().code(0);
}

/// What is wrong is told with its line and its kind, and ends nothing.
#[test]
fn a_mistake_is_reported_and_ends_nothing() {
    let (mut server, address) = server("--frame line --max-frame 100");
    server.say("{\"send\":\"nobody\"}\n");
    server.wait_for_event("send-failed");
    let one = client(&mut server, &address);
    let long = "x".repeat(4000);
    let lines = [
        "hello".to_owned(),
        "{\"sned\":\"x\"}".to_owned(),
        "{\"send\":\"x\",\"list\":true}".to_owned(),
        format!("{{\"send\":\"{long}\"}}"),
        format!("{{\"send\":\"{}\",\"to\":1}}", &long[..101]),
        "{\"send\":\"a\\nb\",\"to\":1}".to_owned(),
        "{\"send\":\"x\",\"to\":7}".to_owned(),
        "{\"send\":\"x\",\"to\":\"127.0.0.1:1\"}".to_owned(),
        "{\"close\":7}".to_owned(),
        "{\"join\":\"239.1.2.3:5000\"}".to_owned(),
        "{\"send\":\"the end\",\"to\":1}".to_owned(),
    ];
    server.say(lines.join("\n"));
    server.end_input();
    assert_eq!(read_all(&one), b"the end\n");
    let ended = server.wait().code(0);
    let (bad, gone) = ("bad-command", "not-connected");
    let kinds = [gone, bad, bad, bad, bad, "frame", "frame", gone, gone, gone, bad, "sent"];
    let kinds: Vec<_> = (1..).zip(kinds).collect();
    assert_eq!(answers(&ended), expected(&kinds));
    for event in ended.events().iter().filter(|event| event["kind"] == gone) {
        assert_eq!(event["code"], 1001, "{event}");
    }
    ended.says("cannot obey line 3: unknown field `sned`, expected one of `send`");
}

/// `{"close":ID}` writes what is queued first, and the others live.
#[test]
fn close_flushes_and_then_closes() {
    let (mut server, address) = server("--queue 16M");
    let (one, two) = (client(&mut server, &address), client(&mut server, &address));
    let text = "x".repeat(8_000_000);
    server.say(format!("{{\"send\":\"{text}\",\"to\":1}}\n{{\"close\":1}}\n"));
    server.say("{\"send\":\"late\",\"to\":1}\n");
    let failed = server.wait_for_event("send-failed");
    assert_eq!((&failed["conn"], &failed["code"]), (&1.into(), &1001.into()));
    assert!(read_all(&one) == text.as_bytes());
    drop(one);
    server.wait_for_event("closed");
    server.say("{\"send\":\"you live\"}\n");
    assert_eq!(read_exactly(&two, 8), b"you live");
    server.say("{\"close\":null}\n");
    assert_eq!(read_all(&two), b"");
    drop(two);
    server.wait_for_events("closed", 2);
    server.wait().code(0);
}

/// What each command answers, for whoever drives a run step by step.
#[test]
fn list_and_stats_answer() {
    let (mut server, address) = server("--frame u16");
    let mut one = client(&mut server, &address);
    one.write_all(b"\0\x03abc").expect("it is taken");
    assert_eq!(server.wait_for_event("data")["text"], "abc");
    let _two = client(&mut server, &address);
    server.say("{\"list\":true}\n{\"stats\":true}\n");
    let lists = server.wait_for_events("list", 3);
    assert_eq!(lists[0]["conn"], 1);
    assert_eq!(lists[0]["peer"], one.local_addr().expect("an address").to_string());
    assert_eq!((&lists[0]["in"], &lists[0]["out"]), (&5.into(), &0.into()));
    assert_eq!(lists[1]["conn"], 2);
    assert_eq!((&lists[2]["count"], &lists[2]["line"]), (&2.into(), &1.into()));
    // A program on this machine may take the socket itself (pidfd_getfd(2)).
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
        let fd = i32::try_from(lists[0]["fd"].as_i64().expect("a descriptor")).expect("a number");
        let pid = Pid::from_raw(server.pid().cast_signed()).expect("a pid");
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).expect("the process is there");
        match pidfd_getfd(pidfd, fd, PidfdGetfdFlags::empty()) {
            Ok(socket) => {
                let peer = rustix::net::getpeername(socket).expect("connected").expect("a name");
                assert_eq!(peer, one.local_addr().expect("an address").into());
            }
            Err(error) => crate::support::skip("list_and_stats_answer", &format!("{error}")),
        }
    }
    let stats = server.wait_for_event("stats");
    assert_eq!((&stats["messages_in"], &stats["clients"]), (&1.into(), &2.into()));
    server.say("{\"quit\":true}\n{\"send\":\"too late\"}\n");
    let ended = server.wait_open().code(0);
    assert!(answers(&ended).is_empty());
}

/// After a client's FIN it can still be answered: it is the program that closes it.
#[test]
fn a_client_that_has_said_fin_can_be_answered() {
    let (mut server, address) = server("--frame line");
    let mut one = client(&mut server, &address);
    one.write_all(b"question\n").expect("it is taken");
    one.shutdown(std::net::Shutdown::Write).expect("a FIN");
    server.wait_for_event("eof");
    server.say("{\"send\":\"answer\",\"to\":1}\n{\"close\":1}\n");
    assert_eq!(read_all(&one), b"answer\n");
    server.wait_for_event("closed");
    server.wait().code(0);
}

/// The end of the commands is `/quit`: a program that dies leaves no server behind, whether it
/// has said anything or not.
#[test]
fn the_end_of_the_commands_is_quit() {
    for input in ["", "{\"list\":true}"] {
        let (mut server, address) = server("");
        let one = client(&mut server, &address);
        server.say(input);
        let ended = server.wait().code(0);
        assert_eq!(read_all(&one), b"");
        let events = ended.events();
        assert_eq!(named(&events, "closed").len(), 1);
        assert_eq!(named(&events, "list").len(), if input.is_empty() { 0 } else { 2 });
    }
}

/// A hub takes commands beside the talk of its clients.
#[test]
fn a_hub_takes_commands() {
    let (mut server, address) = started(driven("tcp-serve --hub --frame line 127.0.0.1:0"));
    let (one, mut two) = (client(&mut server, &address), client(&mut server, &address));
    two.write_all(b"talk\n").expect("it is taken");
    server.wait_for_event("data");
    server.say("{\"send\":\"word\"}\n{\"send\":\"for two\",\"to\":2}\n");
    assert_eq!(read_exactly(&one, 10), b"talk\nword\n");
    assert_eq!(read_exactly(&two, 13), b"word\nfor two\n");
    server.wait().code(0);
}

/// A client that cuts the connection off with data in its queue: the loss is told before its end,
/// and is in the exit status.
#[test]
fn what_is_lost_with_a_connection_is_reported() {
    let (mut server, address) = server("--queue 16M");
    let one = client(&mut server, &address);
    server.say(format!("{{\"send\":\"{}\",\"to\":1}}\n", "x".repeat(12_000_000)));
    assert!(server.wait_for_event("sent")["queued"].as_u64() > Some(0));
    reset(one);
    server.wait_for_event("closed");
    let ended = server.wait().code(6);
    let events = ended.events();
    let names = events.iter().filter_map(|event| event["event"].as_str());
    let names: Vec<&str> = names.filter(|name| ["send-failed", "closed"].contains(name)).collect();
    assert_eq!(names, ["send-failed", "closed"]);
    let (failed, closed) = (named(&events, "send-failed")[0], named(&events, "closed")[0]);
    assert_eq!((&failed["kind"], &failed["conn"]), (&"unsent".into(), &1.into()));
    assert_eq!(failed["unsent"], closed["unsent"]);
    assert!(named(&events, "drained").is_empty());
}

/// In words, for a person: text is sent with its end of line, and `//` begins with a slash.
#[test]
fn words_are_commands_too() {
    let args = ["tcp-serve", "-v", "--input", "commands", "127.0.0.1:0"];
    let (mut server, address) = wirecat(args).piped().serve();
    let one = connect(&address);
    server.wait_for("accepted #1");
    let two = connect(&address);
    server.wait_for("accepted #2");
    let peer = two.local_addr().expect("an address");
    server.say(format!("hello\n/to 1 one\n/to #2 two\n/to {peer} again\n//etc\n/dance\n/list\n"));
    server.wait_for("list 2 in all");
    server.wait_for("wirecat: cannot obey line 6: unknown command `/dance`: use /all TEXT");
    server.say("/close 1\n");
    assert_eq!(read_all(&one), b"hello\none\n/etc\n");
    server.say("/to 1 gone\n");
    server.wait_for("warning: cannot send to #1: it is not connected");
    server.say("/quit\n");
    assert_eq!(read_all(&two), b"hello\ntwo\nagain\n/etc\n");
    server.wait_open().code(0);
}

/// `--chomp` and `--frame` make messages of the lines that a person types; `--crlf` ends them so.
#[test]
fn options_shape_what_a_person_types() {
    for (options, expected) in
        [("--chomp", &b"a"[..]), ("--frame u8", b"\x01a"), ("--crlf", b"a\r\n"), ("", b"a\n")]
    {
        let command = format!("tcp-serve -v --input commands {options} 127.0.0.1:0");
        let mut server = wirecat(command.split_whitespace()).piped().start();
        let one = connect(&server.address());
        server.wait_for("accepted");
        server.say("a\n");
        server.end_input();
        assert_eq!(read_all(&one), expected, "{options}");
        server.wait().code(0);
    }
}
