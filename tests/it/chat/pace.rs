//! The flood limit: lines that wait are shown, ^C leaves at once, and a host can set it.

use std::io::{BufRead, BufReader, Write};
use std::time::Instant;

use super::person::Person;
use crate::support::net::{RefusingPort, connect};
use crate::support::{Running, wirecat};

fn host(args: &[&str]) -> (Running, String) {
    let all = ["chat", "--host", "--headless", "127.0.0.1:0"];
    wirecat(all.iter().chain(args)).serve()
}

#[test]
fn lines_that_wait_are_shown_and_control_c_does_not_wait_for_them() {
    let (_host, address) = host(&[]);
    let mut person = Person::chat(&format!("--nick ann {address}")).go();
    person.sees("1 here");
    person.pastes(&"a line\n".repeat(200));
    person.types("\r");
    person.sees("lines waiting");
    // 200 lines take 38 s.
    let since = Instant::now();
    person.types("\x03");
    person.ended_with(130);
    assert!(since.elapsed().as_secs() < 20, "it took {:?}", since.elapsed());
}

#[test]
fn the_user_of_a_host_leaves_at_once_too() {
    let mut person = Person::chat("--host --nick ann 127.0.0.1:0").go();
    person.sees("1 here");
    person.pastes(&"a line\n".repeat(200));
    person.types("\r");
    person.sees("lines waiting");
    person.types("\x03");
    person.ended_with(130);
}

/// The lines that are taken are more than the screen has rows, and the words stand behind them.
#[test]
fn what_a_screen_takes_has_a_bound() {
    let (_host, address) = host(&["--flood-limit", "1"]);
    let mut person = Person::chat(&format!("--nick ann {address}")).go();
    person.sees("1 here");
    person.pastes(&"a line\n".repeat(2000));
    person.types("\r");
    person.sees("too many lines wait: 1000 more are not sent");
    person.types("\x03");
    person.ended_with(130);
}

#[test]
fn what_a_screen_takes_has_a_bound_where_there_is_no_host() {
    let nobody = RefusingPort::new();
    let mut person = Person::chat(&format!("--nick ann --wait 10m {}", nobody.address)).go();
    person.pastes(&"a line\n".repeat(800));
    person.types("\r");
    person.sees("lines waiting");
    person.pastes(&"a line\n".repeat(800));
    person.types("\r");
    person.sees("too many lines wait: ");
    person.types("\x03");
    person.ended_with(130);
}

/// A farewell waits for its turn as lines do, and what is typed meanwhile does not put it off.
#[test]
fn nothing_is_sent_behind_a_farewell_that_waits() {
    let (host, address) = wirecat(["chat", "--host", "127.0.0.1:0"]).piped().serve();
    let mut person = Person::chat(&format!("--nick ann {address}")).go();
    person.sees("2 here");
    person.pastes(&"a line\n".repeat(30));
    person.types("\r");
    person.sees("lines waiting");
    person.types("/quit\r");
    person.types("too late\r");
    person.ended_with(0);
    host.signal(libc::SIGTERM);
    let heard = host.wait().code(0);
    assert_eq!(heard.text().matches("a line").count(), 30, "{}", heard.text());
    assert!(!heard.text().contains("too late"), "{}", heard.text());
}

#[test]
fn piped_lines_wait_with_a_word_unless_it_is_quiet() {
    let (_host, address) = host(&[]);
    let lines = "a line\n".repeat(30);
    let words = "lines wait: this chat takes 5 lines a second from each member";
    let ended = wirecat(["chat", &address]).input(lines.clone()).run().code(0);
    assert_eq!(ended.stderr.matches(words).count(), 1, "{}", ended.stderr);
    let ended = wirecat(["chat", "-q", &address]).input(lines).run().code(0);
    assert_eq!(ended.stderr, "");
    let ended = wirecat(["chat", &address]).input("a line\n".repeat(5)).run().code(0);
    assert!(!ended.stderr.contains("lines wait"), "{}", ended.stderr);
}

/// Members learn of the limit, and a program that does not know it is held to it.
#[test]
fn a_host_sets_the_flood_limit() {
    let (_host, address) = host(&["--flood-limit", "1000"]);
    let lines = "a line\n".repeat(900);
    let ended = wirecat(["chat", &address]).input(lines).run().code(0);
    assert!(!ended.stderr.contains("lines wait"), "{}", ended.stderr);
    assert!(ended.text().contains("*** you may send 1000 lines a second\n"), "{}", ended.text());

    let (_host, address) = host(&["--flood-limit", "1"]);
    let (mut nc, mut other) = (connect(&address), connect(&address));
    let mut heard = BufReader::new(other.try_clone().unwrap()).lines().map(Result::unwrap);
    other.write_all(b"/nick bob\n").unwrap();
    heard.find(|line| line.contains("you may send 1 lines a second")).unwrap();
    let since = Instant::now();
    nc.write_all("one\n".repeat(6).as_bytes()).unwrap();
    assert_eq!(heard.filter(|line| line.ends_with("> one")).take(6).count(), 6);
    // Four at once, and then one a second.
    assert!(since.elapsed().as_millis() >= 1900, "{:?}", since.elapsed());
}

#[test]
fn a_flood_limit_is_that_of_a_host() {
    let refused = |args: &[&str], why: &str| {
        wirecat(["chat", "--flood-limit"].iter().chain(args)).run().code(2).says(why);
    };
    refused(&["10", "127.0.0.1:9"], "cannot use --flood-limit: it needs --host");
    refused(&["10", "239.1.2.3:9"], "cannot use --flood-limit: it needs --host");
    for bad in ["0", "10001", "x"] {
        refused(&[bad, "--host", "127.0.0.1:0"], "");
    }
}
