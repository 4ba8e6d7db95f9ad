//! Whatever ends a chat, the terminal is as it was: its modes, its screen, its cursor.

use std::io::{Read, Write};
use std::process::Command;

use wirecat::sessions::chat::{HeldNotices, RawTerminal};

use super::person::Person;
use super::{Guest, relay};
use crate::support::net::{RefusingPort, accept, listener, reset};
use crate::support::pipes::patient;
use crate::support::terminal::pty;
use crate::support::wirecat;

/// The child of `a_panic_restores_it` does this in a terminal of its own.
const PANICS: &str = "WIRECAT_TEST_PANICS";

/// Runs to the end, and looks at the terminal then.
#[track_caller]
fn is_restored(args: &str, status: i32, end: impl FnOnce(&mut Person)) -> Person {
    let person = Person::chat(args);
    let before = person.terminal.settings();
    let mut person = person.go();
    assert_ne!(person.terminal.settings(), before, "the screen needs other modes");
    end(&mut person);
    person.ended_with(status);
    looks_restored(&person, &before);
    person
}

#[track_caller]
fn looks_restored(person: &Person, before: &str) {
    assert_eq!(person.terminal.settings(), before);
    assert!(person.terminal.is_blocking());
    let screen = person.screen();
    assert!(!screen.alternate_screen() && !screen.bracketed_paste() && !screen.hide_cursor());
    assert_eq!(screen.fgcolor(), vt100::Color::Default);
    assert_eq!(person.rows()[0], "before the chat", "what was there is there");
}

#[test]
fn after_the_person_leaves() {
    let (_host, address) = relay();
    let args = format!("--nick ann {address}");
    for (keys, status) in [("/quit\r", 0), ("\x04", 0), ("\x03", 130)] {
        is_restored(&args, status, |ann| {
            ann.sees("you are ann");
            ann.types(keys);
        });
    }
}

#[test]
fn after_a_signal() {
    let (_host, address) = relay();
    for (signal, status) in [(libc::SIGTERM, 143), (libc::SIGINT, 130), (libc::SIGHUP, 129)] {
        is_restored(&format!("--nick ann {address}"), status, |ann| {
            ann.sees("you are ann");
            ann.signal(signal);
        });
        let status = if signal == libc::SIGTERM { 0 } else { status };
        is_restored("--host --nick ann 127.0.0.1:0", status, |ann| {
            ann.sees("you are ann");
            ann.signal(signal);
        });
        // A second one at once finds nothing done yet, and must not end it before that.
        is_restored(&format!("--nick ann {address}"), status_of_a_member(signal), |ann| {
            ann.sees("you are ann");
            ann.signal_many(signal);
        });
    }
}

fn status_of_a_member(signal: i32) -> i32 {
    128 + signal
}

#[test]
fn after_the_host_has_gone() {
    let (host, address) = relay();
    let mut ann = is_restored(&format!("--nick ann {address}"), 0, |ann| {
        ann.sees("you are ann");
        host.signal(libc::SIGTERM);
    });
    ann.sees("has closed the connection");
}

#[test]
fn after_a_lost_connection() {
    let (listener, address) = listener();
    let mut ann = is_restored(&format!("--nick ann {address}"), 6, |ann| {
        let mut peer = accept(&listener);
        peer.write_all(b"*** you are ann\n").unwrap();
        ann.sees("you are ann");
        reset(peer);
    });
    ann.sees("cannot keep the connection to 127.0.0.1");
}

#[test]
fn after_an_error() {
    let nobody = RefusingPort::new();
    let args = format!("--nick ann --wait 3s {}", nobody.address);
    let mut ann = is_restored(&args, 4, |_| {});
    ann.sees("cannot connect to 127.0.0.1");
    let (_host, address) = relay();
    let mut ann = is_restored(&format!("--nick ann --timeout 3s {address}"), 124, |_| {});
    ann.sees("the time of 3s is up");
}

/// A terminal that goes away without a signal, as one that is not the controlling terminal does, is
/// the end as well, and not a read that fails for ever.
#[test]
fn without_a_terminal_it_ends() {
    let (_host, address) = relay();
    let (master, slave) = pty();
    let end = || slave.try_clone().unwrap();
    let with = |command: &mut Command| {
        command.env("TERM", "xterm").stdin(end()).stdout(end());
    };
    let ann = wirecat(["chat", "--nick", "ann", &address]).with(with).start();
    drop(slave);
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("you are ann") {
        let mut chunk = [0; 4096];
        let count = patient(&master).read(&mut chunk).unwrap();
        seen.extend_from_slice(&chunk[..count]);
    }
    drop(master);
    let ended = ann.wait_open();
    assert!(matches!(ended.code, Some(0 | 7)), "{ended:?}");
}

/// A person in a shell with job control, and how the terminal is there.
fn in_a_shell() -> (Person, String) {
    let mut person = Person::run("env PS1='$ ' bash --norc --noprofile --noediting -i");
    let before = person.terminal.settings();
    person.types("\n");
    person.sees("$ ");
    (person, before)
}

/// The same, once ann chats in the foreground and has typed something.
fn chatting_in_a_shell(address: &str) -> (Person, String) {
    let (mut person, before) = in_a_shell();
    let wirecat = crate::support::wirecat_path();
    let command = format!("(echo pid=$BASHPID=; exec '{wirecat}' chat --nick ann {address})\n");
    person.types(&command);
    person.until("a screen", |screen| screen.alternate_screen());
    person.sees("you are ann");
    person.types("typed");
    person.has_typed("ann> typed", 10);
    (person, before)
}

/// The shell says that the job is stopped, on a screen and a terminal of its own.
#[track_caller]
fn is_stopped(person: &mut Person, before: &str, words: &str) {
    person.until(words, |screen| !screen.alternate_screen() && screen.contents().contains(words));
    assert!(!person.screen().bracketed_paste());
    assert_eq!(person.terminal.settings(), before);
}

/// The chat is on the screen again, in the foreground, and then left.
#[track_caller]
fn goes_on(person: &mut Person, before: &str) {
    person.types("fg\n");
    person.until("a screen", |screen| screen.alternate_screen());
    person.has_typed("ann> typed", 10);
    person.sees("you are ann");
    person.types(" more");
    person.has_typed("ann> typed more", 15);
    person.types("\x15/quit\r");
    person.until("the shell", |screen| !screen.alternate_screen());
    person.types("exit\n");
    person.ended_with(0);
    looks_restored(person, before);
}

/// ^Z gives the terminal to the shell, and `fg` takes it back.
#[test]
fn while_it_is_suspended() {
    let (_host, address) = relay();
    let (mut person, before) = chatting_in_a_shell(&address);
    person.types("\x1a");
    is_stopped(&mut person, &before, "Stopped");
    goes_on(&mut person, &before);
}

/// The same by a signal from elsewhere, which has no key.
#[test]
fn while_somebody_else_suspends_it() {
    let (_host, address) = relay();
    let (mut person, before) = chatting_in_a_shell(&address);
    person.signal(libc::SIGTSTP);
    is_stopped(&mut person, &before, "Stopped");
    goes_on(&mut person, &before);
}

/// In the background it would draw over what the shell does.
#[test]
fn in_the_background_it_stays_stopped() {
    let (_host, address) = relay();
    let (mut person, before) = chatting_in_a_shell(&address);
    person.types("\x1a");
    is_stopped(&mut person, &before, "Stopped");
    person.types("bg; for i in {1..3000}; do jobs | grep -q Stopped && break; sleep 0.01; done; echo again=$?\n");
    is_stopped(&mut person, &before, "again=0");
    goes_on(&mut person, &before);
}

/// SIGSTOP cannot be prepared for; what the shell has left on the screen is drawn over.
#[test]
fn after_a_stop_without_a_word() {
    let (_host, address) = relay();
    let (mut person, before) = chatting_in_a_shell(&address);
    person.signal(libc::SIGSTOP);
    person.sees("Stopped");
    person.types("echo mess\n");
    person.sees("mess");
    person.types("fg\n");
    person.until("no mess", |screen| !screen.contents().contains("mess"));
    person.sees("you are ann");
    person.types("\x15/quit\r");
    person.until("the shell", |screen| !screen.alternate_screen());
    person.types("exit\n");
    person.ended_with(0);
    assert_eq!(person.terminal.settings(), before);
}

/// SPEC 10.14: a background job has no terminal, but is not stopped either: it shows plain lines.
#[test]
fn a_background_job_takes_no_terminal() {
    let (_host, address) = relay();
    let (mut person, before) = in_a_shell();
    person.types(&format!("'{}' chat --nick ann {address} &\n", crate::support::wirecat_path()));
    person.sees("*** here: ann");
    assert!(!person.screen().alternate_screen());
    assert_eq!(person.terminal.settings(), before);
    Guest::join(&address, "bob").say("hello");
    person.sees("<bob> hello");
    person.types("kill %1; wait %1; exit\n");
    person.ended_with(143);
}

/// A panic is no exit that anybody wants, and leaves the terminal usable all the same. Nothing in
/// wirecat can be made to panic, so this program does it, with the screen of wirecat.
#[test]
fn after_a_panic() {
    let test = "chat::restored::the_one_that_panics";
    let me = std::env::current_exe().unwrap();
    let command = format!(
        "env RUST_BACKTRACE=0 {PANICS}=1 '{}' --exact {test} --ignored --nocapture",
        me.display()
    );
    let person = Person::run(&command);
    let before = person.terminal.settings();
    let mut person = person;
    person.types("\n");
    person.ended_with(101);
    assert!(person.terminal.shown().contains("\x1b[?1049h"), "there was a screen");
    looks_restored(&person, &before);
    person.sees("on the screen");
}

#[test]
#[ignore = "it panics, for another test"]
fn the_one_that_panics() {
    if std::env::var_os(PANICS).is_some() {
        let tty = RawTerminal::enter(HeldNotices::default()).expect("a terminal");
        // A release build aborts, and drops nothing.
        std::mem::forget(tty);
        panic!("on the screen");
    }
}
