//! Rooms without a host, on lo.

use super::person::Person;
use crate::multicast::Port;
use crate::support::namespaces::Host;
use crate::support::{Running, skip, wirecat};

/// A member at a pipe.
fn member(group: &str, nick: &str) -> Running {
    let mut running = wirecat(["chat", "--nick", nick, group]).piped().start();
    running.wait_for("joined 239.77.20.");
    // By then the others have been told.
    running.wait_for_output(format!("*** you are {nick}\n"));
    running
}

/// A group that nobody else is in.
fn group(last: u8) -> (Port, String) {
    let port = Port::new();
    let group = format!("239.77.20.{last}:{}%lo", port.number);
    (port, group)
}

#[test]
fn members_find_each_other_and_talk() {
    let (_port, group) = group(1);
    let mut ann = member(&group, "ann");
    let mut bob = member(&group, "bob");
    ann.wait_for_output("*** bob joined\n");
    bob.wait_for_output("*** ann is here\n");
    ann.say("hello\n/me waves\n");
    bob.wait_for_output("<ann> hello\n* ann waves\n");
    let mut cid = member(&group, "cid");
    for running in [&mut ann, &mut bob] {
        running.wait_for_output("*** cid joined\n");
    }
    cid.wait_for_output("*** ann is here\n");
    cid.wait_for_output("*** bob is here\n");
    cid.say("/msg bob psst\n/nick zoe\n/who\n");
    bob.wait_for_output("[cid] psst\n*** cid is now zoe\n");
    ann.wait_for_output("*** cid joined\n*** cid is now zoe\n");
    cid.wait_for_output("*** here: ann, bob, zoe\n");
    cid.say("/quit for dinner\n");
    let ended = cid.wait_open().code(0);
    assert!(!ended.text().contains("<zoe>") && !ended.text().contains("zoe is here"));
    ann.wait_for_output("*** zoe left (for dinner)\n");
    bob.say("last words");
    let _ = bob.wait().code(0);
    ann.wait_for_output("<bob> last words\n*** bob left\n");
    ann.signal(libc::SIGTERM);
    assert_eq!(ann.wait_open().signal, Some(libc::SIGTERM));
}

#[test]
fn two_of_one_name_are_distinguished() {
    let (_port, group) = group(2);
    let mut first = member(&group, "ann");
    let mut second = member(&group, "ann");
    second.wait_for_output("*** ann is taken\n*** you are ann-");
    first.wait_for_output("*** ann joined\n*** ann is now ann-");
}

/// A machine that has nothing but lo sends to groups from 0.0.0.0: what a member says itself is
/// not the word of another all the same.
#[test]
fn nobody_takes_itself_for_another() {
    let test = "nobody_takes_itself_for_another";
    let alone = match Host::new() {
        Ok(alone) => alone,
        Err(why) => return skip(test, &why),
    };
    let join = |nick: &str| {
        let one = alone.wirecat(&format!("chat --nick {nick} 239.77.20.6:5000%lo"));
        let mut one = one.piped().start();
        one.wait_for_output(format!("*** you are {nick}\n"));
        one
    };
    let mut ann = join("ann");
    let mut bob = join("bob");
    bob.wait_for_output("*** ann is here\n");
    ann.say("hello\n/who\n");
    ann.wait_for_output("*** here: ann, bob\n");
    bob.say("/msg ann psst\n");
    ann.wait_for_output("[bob] psst\n");
    let ended = bob.wait().code(0);
    let shown = "*** you are bob\n*** ann is here\n<ann> hello\n";
    assert_eq!(ended.text(), shown);
    let ended = ann.wait().code(0);
    let shown = "*** you are ann\n*** bob joined\n*** here: ann, bob\n[bob] psst\n*** bob left\n";
    assert_eq!(ended.text(), shown);
}

/// Any program may send to a group.
#[test]
fn what_others_send_is_shown_with_their_address() {
    let (_port, group) = group(3);
    let mut ann = member(&group, "ann");
    let _ = wirecat(["mcast-send", &group]).input("hi \x1b[2J\n\u{fffd}\n").run().code(0);
    ann.wait_for_output("> hi \\x1b[2J\n<");
    let _ = wirecat(["mcast-send", &group]).input(vec![0xff, 0xfe]).run().code(0);
    ann.wait_for_output("> \\xff\\xfe\n");
    let flood = "<eve> flood\n".repeat(500);
    let _ = wirecat(["mcast-send", &group]).input(flood).run().code(0);
    ann.wait_for_output("*** eve sends too much: not all of it is shown\n");
    let mut bob = member(&group, "bob");
    bob.say("and on it goes\n");
    ann.wait_for_output("<bob> and on it goes\n");
}

#[test]
fn a_person_at_a_terminal_meets_others() {
    let (_port, group) = group(4);
    let mut ann = Person::chat(&format!("--nick ann {group}")).go();
    ann.sees("*** you are ann");
    let mut bob = member(&group, "bob");
    ann.sees("*** bob joined");
    ann.sees("2 here");
    ann.types("hello\r");
    bob.wait_for_output("<ann> hello\n");
    ann.sees("<ann> hello");
    bob.say("bye\n");
    let _ = bob.wait().code(0);
    ann.sees("*** bob left");
    ann.types("\x04");
    ann.ended_with(0);
}

#[test]
fn what_cannot_be_is_refused() {
    let table = [
        ("--host 239.77.20.9:5000%lo", 2, "--host: a room in a group has no host"),
        ("--reconnect 239.77.20.9:5000%lo", 2, "--reconnect: a room in a group has no host"),
        ("--queue 1k 239.77.20.9:5000%lo", 2, "--queue: it needs --host"),
        ("-6 239.77.20.9:5000%lo", 2, "-6: the group says"),
        ("-O backlog=5 239.77.20.9:5000%lo", 2, "-O: backlog is an option of streams"),
        ("-O keepalive=on 239.77.20.9:5000%lo", 2, "-O: keepalive is an option of streams"),
        ("--ttl 3 127.0.0.1:5000", 2, "--ttl: it needs a group"),
        ("10.0.0.1@232.1.1.1:5000%lo", 2, "SOURCE@"),
        ("239.77.20.9+2:5000%lo", 2, "one group on one interface"),
        ("239.77.20.9:0%lo", 2, "port 0"),
        ("239.77.20.9:5000%nonesuch", 5, "nonesuch"),
    ];
    for (args, code, words) in table {
        let args = format!("chat --nick ann {args}");
        let _ = wirecat(args.split_whitespace()).run().code(code).says(words);
    }
}

/// `--wait`: nobody is there.
#[test]
fn who_meets_nobody_gives_up() {
    let (_port, group) = group(5);
    let ended = wirecat(["chat", "--nick", "ann", "--wait", "50ms", &group]).run().code(124);
    let _ = ended.says("no message came within 50ms");
}
