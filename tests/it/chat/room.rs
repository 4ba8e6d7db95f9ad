//! A hosted room among people who behave.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Guest, relay};
use crate::support::peers::{Peer, installed};
use crate::support::{program, skip, wirecat};

#[test]
fn what_one_says_reaches_the_others() {
    let (_host, address) = relay();
    let mut ann = Guest::join(&address, "ann");
    let mut bob = Guest::join(&address, "bob");
    assert_eq!(ann.next().unwrap(), "*** bob joined");
    ann.say("hello");
    assert_eq!(bob.next().unwrap(), "<ann> hello");
    bob.say("/me waves");
    assert_eq!(ann.next().unwrap(), "* bob waves", "its own words do not come back to anybody");
    let mut cid = Guest::join(&address, "cid");
    bob.hears("*** cid joined");
    cid.say("/msg bob psst");
    assert_eq!(bob.next().unwrap(), "[cid] psst");
    cid.say("/nick zoe");
    cid.hears("*** you are zoe");
    assert_eq!(bob.next().unwrap(), "*** cid is now zoe");
    ann.hears("*** cid joined");
    assert_eq!(ann.next().unwrap(), "*** cid is now zoe", "what was for bob was for him alone");
    bob.say("/who");
    assert_eq!(bob.next().unwrap(), "*** here: ann, bob, zoe");
    cid.say("/quit for dinner");
    assert_eq!(ann.next().unwrap(), "*** zoe left (for dinner)");
    assert_eq!(cid.rest(), [""; 0]);
}

/// A telnet ends lines with CR LF, and a last line may have no end at all.
#[test]
fn lines_end_as_they_please() {
    let (_host, address) = relay();
    let mut ann = Guest::join(&address, "ann");
    let mut bob = Guest::join(&address, "bob");
    bob.send(b"with cr\r\nwithout end");
    bob.stream.shutdown(std::net::Shutdown::Write).unwrap();
    ann.hears("*** bob joined");
    assert_eq!(ann.next().unwrap(), "<bob> with cr");
    assert_eq!(ann.next().unwrap(), "<bob> without end");
    assert_eq!(ann.next().unwrap(), "*** bob left");
    assert_eq!(bob.rest(), [""; 0], "the host closes as well");
}

#[test]
fn a_newcomer_sees_the_last_200_lines() {
    let (_host, address) = relay();
    let mut ann = Guest::join(&address, "ann");
    let mut bob = Guest::join(&address, "bob");
    // A flood is slowed down: it takes several to talk so much in a short time.
    let mut talkers: Vec<Guest> =
        (0..14).map(|number| Guest::join(&address, &format!("t{number}"))).collect();
    for (number, talker) in talkers.iter_mut().enumerate() {
        for line in 0..15 {
            talker.say(&format!("line {}", number * 15 + line));
            bob.hears(&format!("line {}", number * 15 + line));
        }
    }
    ann.say("the last");
    bob.hears("the last");
    let mut newcomer = Guest::connect(&address);
    let mut seen: Vec<String> = Vec::new();
    loop {
        match newcomer.next().expect("a greeting") {
            line if line.starts_with("*** you are guest-") => break,
            line => seen.push(line),
        }
    }
    assert_eq!(seen.remove(0), "*** this was said before:");
    assert_eq!(seen.len(), 200);
    assert_eq!(seen.last().unwrap(), "<ann> the last");
    assert!(seen[0].ends_with("line 11"), "{}", seen[0]);
}

/// `--count` and `--expect` wait for what comes, and are not met by what was said before.
#[test]
fn what_was_said_before_meets_no_expectation() {
    let (_host, address) = relay();
    let mut ann = Guest::join(&address, "ann");
    ann.say("deployed yesterday");
    for limit in [["--count", "1"], ["--expect", "deployed"]] {
        let args = ["chat", "--nick", "bot", "--time", "-n", limit[0], limit[1], &address];
        let mut bot = wirecat(args).start();
        ann.hears("*** bot joined");
        // It is not known when it was said.
        bot.wait_for_output("*** this was said before:\n<ann> deployed yesterday\n");
        bot.wait_for_output("*** you are bot\n");
        ann.say("deployed today");
        let ended = bot.wait().code(0);
        let (clock, last) = ended.text().trim_end().rsplit_once('\n').unwrap().1.split_at(6);
        assert_eq!((clock.as_bytes()[2], last), (b':', "<ann> deployed today"));
        ann.hears("*** bot left");
    }
}

#[test]
fn two_of_one_name_are_distinguished() {
    let (_host, address) = relay();
    let _ann = Guest::join(&address, "ann");
    let mut second = Guest::connect(&address);
    second.say("/nick Ann");
    second.hears("*** Ann is taken");
    second.hears("*** you are Ann-2");
    second.hears("*** here: ann, Ann-2");
}

/// SPEC 7: nc and telnet can join, as they are.
#[test]
fn nc_and_telnet_take_part() {
    let (_host, address) = relay();
    let (name, port) = address.rsplit_once(':').unwrap();
    let mut ann = Guest::join(&address, "ann");
    for tool in [Peer::Nc.program(), "telnet", "ncat"] {
        if !installed(tool) {
            skip("nc_and_telnet_take_part", &format!("{tool} is not installed"));
            continue;
        }
        let mut command = Command::new(tool);
        command.args([name, port]).stderr(Stdio::null());
        let mut running = program(command).piped().start();
        let joined = ann.hears(" joined");
        let nick = joined.trim_start_matches("*** ").trim_end_matches(" joined").to_owned();
        running.wait_for_output(format!("*** you are {nick}"));
        running.say(format!("from {tool}\n/nick {}\n", tool.replace('.', "")));
        assert_eq!(ann.next().unwrap(), format!("<{nick}> from {tool}"));
        ann.hears(" is now ");
        ann.say(&format!("hello {tool}"));
        running.wait_for_output(format!("<ann> hello {tool}\n"));
        running.say("/quit\n");
        ann.hears(" left");
    }
}

/// A host at a pipe takes part; wirecats join it, and all see all the others.
#[test]
fn wirecats_talk_to_each_other() {
    let args = ["chat", "--host", "--nick", "hanna", "127.0.0.1:0"];
    let (mut host, address) = wirecat(args).piped().serve();
    let join = |nick: &str| {
        let mut running = wirecat(["chat", "--nick", nick, &address]).piped().start();
        running.wait_for_output(format!("*** you are {nick}\n"));
        running
    };
    let mut ann = join("ann");
    host.wait_for_output("*** ann joined\n");
    let mut bob = join("bob");
    ann.wait_for_output("*** bob joined\n");
    host.say("welcome\n");
    ann.wait_for_output("<hanna> welcome\n");
    bob.wait_for_output("<hanna> welcome\n");
    bob.say("thanks\n");
    host.wait_for_output("<bob> thanks\n");
    ann.wait_for_output("<bob> thanks\n");
    ann.say("/quit\n");
    let ended = ann.wait_open().code(0);
    assert!(!ended.text().contains("<ann>"), "nobody hears himself");
    host.wait_for_output("*** ann left\n");
    // The end of stdin is the end of a talk: what was said before it is said.
    bob.say("bye\n");
    let _ = bob.wait().code(0);
    host.wait_for_output("<bob> bye\n*** bob left\n");
    let mut cid = join("cid");
    host.say("closing time\n");
    let _ = host.wait().code(0);
    cid.wait_for_output("<hanna> closing time\n*** the host has closed the room\n");
    // A pipe that goes on is sent to its end, as everywhere (SPEC 6).
    let _ = cid.wait().code(0);
}

/// What a host asks for right before it leaves is answered, also where nobody else is there.
#[test]
fn the_last_answer_of_the_room_reaches_its_host() {
    let args = ["chat", "--host", "--nick", "hanna", "127.0.0.1:0"];
    let ended = wirecat(args).input("/who\n/quit\n").run().code(0);
    assert_eq!(ended.text(), "*** you are hanna\n*** here: hanna\n*** here: hanna\n");
}

/// A script that says much is slowed, and loses nothing.
#[test]
fn a_script_is_read_to_its_end() {
    let (_host, address) = relay();
    let mut ann = Guest::join(&address, "ann");
    let lines: String = (0..24).map(|number| format!("line {number}\n")).collect();
    let _ = wirecat(["chat", "--nick", "bot", &address]).input(lines).run().code(0);
    ann.hears("*** bot joined");
    for number in 0..24 {
        assert_eq!(ann.next().unwrap(), format!("<bot> line {number}"));
    }
    assert_eq!(ann.next().unwrap(), "*** bot left");
}

#[test]
fn a_host_under_cron_stays_and_ends_in_order() {
    let (host, address) = wirecat(["chat", "--host", "--nick", "h", "127.0.0.1:0"]).serve();
    let mut ann = Guest::join(&address, "ann");
    host.signal(libc::SIGTERM);
    assert_eq!(ann.rest(), ["*** the host has closed the room"]);
    let _ = host.wait().code(0);
}

/// `--reconnect`: the room is gone and comes back on the same port; what was said meanwhile is
/// said then.
#[test]
fn a_lost_host_is_found_again() {
    let (host, address) = relay();
    let args = ["chat", "--reconnect", "--nick", "ann", &address];
    let mut ann = wirecat(args).piped().start();
    ann.wait_for_output("*** you are ann\n");
    host.signal(libc::SIGTERM);
    let _ = host.wait().code(0);
    ann.wait_for("retry");
    ann.say("is anybody there?\n");
    let mut host = wirecat(["chat", "--host", "--nick", "hanna", &address]).piped().start();
    host.wait_for_output("*** ann joined\n<ann> is anybody there?\n");
    host.say("yes\n");
    ann.wait_for_output("<hanna> yes\n");
}

/// SPEC 6: a lost connection is 6, and says so.
#[test]
fn a_lost_connection_is_reported() {
    let (listener, address) = crate::support::net::listener();
    let mut ann = wirecat(["chat", "--nick", "ann", &address]).piped().start();
    let mut peer = crate::support::net::accept(&listener);
    peer.write_all(b"from a plain server\n").unwrap();
    ann.wait_for_output("from a plain server\n");
    crate::support::net::reset(peer);
    let _ = ann.wait_open().code(6).says("cannot keep the connection");
}

/// SPEC 8: with `--output json` every line is a `data` event, whose peer is who speaks.
#[test]
fn lines_are_events() {
    let (_host, address) = relay();
    let args = ["chat", "--nick", "bot", "--output", "json", "--count", "1", &address];
    let mut bot = wirecat(args).piped().start();
    bot.wait_for_output("you are bot");
    Guest::join(&address, "ann").say("hello");
    let ended = bot.wait_open().code(0);
    let events: Vec<Value> =
        ended.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = events.iter().find(|event| event["peer"] == "ann").expect("a line of hers");
    assert_eq!((&said["event"], &said["text"]), (&"data".into(), &"<ann> hello".into()));
    assert_eq!(events.last().unwrap()["event"], "summary");
}

/// `--max-clients`: the others wait outside.
#[test]
fn a_full_room_lets_the_next_in_when_somebody_leaves() {
    let args = ["chat", "--host", "--headless", "--max-clients", "1", "127.0.0.1:0"];
    let (_host, address) = wirecat(args).serve();
    let mut ann = Guest::join(&address, "ann");
    let mut bob = Guest::connect(&address);
    bob.say("/nick bob");
    ann.say("/who");
    assert_eq!(ann.next().unwrap(), "*** here: ann");
    ann.say("/quit");
    assert_eq!(bob.next().unwrap(), "*** you are bob");
}

/// `--send` and `--expect`, as a script has them.
#[test]
fn a_script_says_one_thing_and_waits_for_another() {
    let (_host, address) = relay();
    let mut ann = Guest::join(&address, "ann");
    let _ = wirecat(["chat", "--nick", "bot", "--send", "deployed", &address]).run().code(0);
    ann.hears("<bot> deployed");
    let args = ["chat", "--nick", "bot", "-n", "--expect", "go ahead", &address];
    let bot = wirecat(args).start();
    ann.hears("*** bot joined");
    ann.say("wait");
    ann.say("go ahead");
    let ended = bot.wait().code(0);
    assert!(ended.text().ends_with("<ann> wait\n<ann> go ahead\n"), "{}", ended.text());
}

/// What was said and nobody took is a loss, and is told.
#[test]
fn lines_that_nobody_takes_are_reported() {
    for (last_words, code) in [("/quit\n", 0), ("lost\n/quit\n", 6)] {
        let (host, address) = relay();
        let args = ["chat", "--reconnect", "--nick", "ann", &address];
        let mut ann = wirecat(args).piped().start();
        ann.wait_for_output("*** you are ann\n");
        host.signal(libc::SIGTERM);
        let _ = host.wait().code(0);
        ann.wait_for("retry");
        ann.say(last_words);
        let ended = ann.wait_open().code(code);
        assert_eq!(ended.stderr.contains("cannot send a line: there is no connection"), code == 6);
    }
}
