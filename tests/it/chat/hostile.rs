//! What an offender does costs the offender; the room lives.

use std::io::Write;
use std::time::Duration;

use super::{Guest, relay};
use crate::support::{PATIENCE, net, wirecat};

#[test]
fn what_could_disturb_a_terminal_is_shown_escaped() {
    let (_host, address) = relay();
    let mut ann = Guest::join(&address, "ann");
    let mut eve = Guest::join(&address, "eve");
    ann.hears("eve joined");
    let table: &[(&[u8], &str)] = &[
        (b"not \xff\xfe utf-8", r"<eve> not \xff\xfe utf-8"),
        (b"\x1b[2J\x1b]0;title\x07", r"<eve> \x1b[2J\x1b]0;title\x07"),
        ("\u{9b}2J \u{202e}evil".as_bytes(), r"<eve> \u{9b}2J \u{202e}evil"),
        (b"a\0b\x7f", r"<eve> a\x00b\x7f"),
        (b"a\rb", r"<eve> a\rb"),
        (b"/me \x1b[1m", r"* eve \x1b[1m"),
        (b"/quit \x1b[1m", r"*** eve left (\x1b[1m)"),
    ];
    for (line, shown) in table {
        eve.send(&[line, &b"\n"[..]].concat());
        assert_eq!(ann.next().unwrap(), *shown);
    }
}

#[test]
fn a_nick_of_escapes_is_refused() {
    let (_host, address) = relay();
    let mut ann = Guest::join(&address, "ann");
    let mut eve = Guest::connect(&address);
    let long = "x".repeat(4000);
    let visible = ["\x1b[2J", "*** ann", "a b", "<ann>", "\u{202e}nna", &long];
    let invisible = ["ann\u{115f}", "ann\u{1160}", "ann\u{3164}", "ann\u{ffa0}", "ann\u{345}"];
    for nick in visible.into_iter().chain(invisible) {
        eve.say(&format!("/nick {nick}"));
        eve.hears("*** a nick is 1 to 20 letters");
    }
    eve.say("hello");
    assert!(ann.hears("hello").starts_with("<guest-"));
}

/// A line of 4096 bytes is one; a longer one ends its sender, however much of it would follow.
#[test]
fn a_line_without_end_is_cut_off() {
    let (mut host, address) = relay();
    let mut ann = Guest::join(&address, "ann");
    let mut eve = Guest::join(&address, "eve");
    ann.hears("eve joined");
    let most = "x".repeat(4096);
    eve.say(&most);
    assert_eq!(ann.next().unwrap(), format!("<eve> {most}"));
    let chunk = [b'x'; 64 * 1024];
    let mut sent = 0_u64;
    while sent < 1 << 30 && eve.stream.write_all(&chunk).is_ok() {
        sent += chunk.len() as u64;
    }
    assert!(sent < 1 << 30, "a gigabyte went through");
    let left = ann.next().unwrap();
    assert_eq!(left, "*** eve left (longer than the limit of 4096 bytes)");
    host.wait_for("is closed");
    ann.say("/who");
    assert_eq!(ann.next().unwrap(), "*** here: ann");
}

/// One that says a thousand lines at once is slowed down, and the others are heard at once.
#[test]
fn a_flood_costs_the_others_nothing() {
    let (_host, address) = relay();
    let mut ann = Guest::join(&address, "ann");
    let mut bob = Guest::join(&address, "bob");
    let mut eve = Guest::join(&address, "eve");
    eve.send("flood\n".repeat(100).as_bytes());
    ann.hears("flood");
    bob.say("in between");
    let mut floods = 0;
    while ann.next().unwrap() != "<bob> in between" {
        floods += 1;
    }
    assert!(floods < 90, "{floods} lines of the flood came first");
    eve.send("flood\n".repeat(2000).as_bytes());
    ann.hears("*** eve left (flood)");
}

/// A member that never reads is closed when its queue is full; the others hear every line.
#[test]
fn a_member_that_never_reads_is_closed() {
    let args = ["chat", "--host", "--headless", "--queue", "16k", "-O", "sndbuf=8k", "127.0.0.1:0"];
    let (mut host, address) = wirecat(args).serve();
    let mut ann = Guest::join(&address, "ann");
    let mut deaf = net::connect_narrow(&address);
    deaf.write_all(b"/nick deaf\n").unwrap();
    ann.hears("deaf joined");
    let mut tom = Guest::join(&address, "tom");
    let text = "x".repeat(4000);
    let heard = (0..18).map(|_| {
        tom.say(&text);
        ann.hears(&text)
    });
    assert_eq!(heard.count(), 18);
    host.wait_for("was too slow");
    ann.say("/who");
    ann.hears("*** here: ann, tom");
    drop(deaf);
}

/// However much was said before, and however little a queue holds, newcomers get in and see the end of
/// it.
#[test]
fn a_history_that_is_large_keeps_nobody_out() {
    for queue in ["1M", "16k"] {
        let args = ["chat", "--host", "--headless", "--queue", queue, "127.0.0.1:0"];
        let (mut host, address) = wirecat(args).serve();
        let mut ann = Guest::join(&address, "ann");
        // Escaped, each of these lines is 16 KiB. No member may say all of them at once.
        let text = "\x01".repeat(4096);
        for number in 0..14 {
            let mut talker = Guest::join(&address, &format!("t{number}"));
            for _ in 0..15 {
                talker.say(&text);
                ann.hears(r"\x01\x01");
            }
            talker.say("/quit");
        }
        ann.say("the last");
        let mut newcomer = Guest::connect(&address);
        newcomer.say("/nick bob");
        newcomer.say("hello");
        assert_eq!(newcomer.next().unwrap(), "*** this was said before:");
        newcomer.hears("<ann> the last");
        newcomer.hears("*** you are bob");
        newcomer.hears("*** here: ann, bob");
        assert_eq!(ann.hears("bob"), "*** bob joined");
        assert_eq!(ann.next().unwrap(), "<bob> hello");
        assert!(!host.has_said("too slow"));
    }
}

/// Each gets a number of its own, and finding it takes no longer the more there are.
#[test]
fn a_nick_that_all_want_is_given_to_all() {
    let (_host, address) = relay();
    let mut crowd: Vec<Guest> = (0..200).map(|_| Guest::connect(&address)).collect();
    for (number, guest) in (1..).zip(&mut crowd) {
        guest.say("/nick bob");
        let nick = if number == 1 { "bob".to_owned() } else { format!("bob-{number}") };
        assert_eq!(guest.hears("*** you are bob"), format!("*** you are {nick}"));
    }
}

/// Connections that say nothing, or that go away at once, are no members.
#[test]
fn who_only_knocks_is_not_announced() {
    let (_host, address) = relay();
    let mut ann = Guest::join(&address, "ann");
    for _ in 0..20 {
        net::reset(net::connect(&address));
    }
    ann.say("/who");
    assert_eq!(ann.next().unwrap(), "*** here: ann");
}

/// A host that is hostile itself cannot disturb the terminal of its members either.
#[test]
fn a_hostile_host_is_shown_escaped() {
    let (listener, address) = net::listener();
    let mut ann = wirecat(["chat", "--nick", "ann", &address]).piped().start();
    let mut peer = net::accept(&listener);
    peer.write_all(b"<\x1b[2J> x\n*** \xff\x07\n<ok> \xe2\x80\xae\n").unwrap();
    ann.wait_for_output("<\\x1b[2J> x\n*** \\xff\\x07\n<ok> \\u{202e}\n");
    peer.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    while peer.write_all(&[b'x'; 4096]).is_ok() {}
    let ended = ann.wait_open().code(6).says("cannot read from");
    assert!(ended.took < PATIENCE);
}
