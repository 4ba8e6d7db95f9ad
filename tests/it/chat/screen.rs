//! The screen in the hands of a person.

use super::person::{Person, USUAL};
use super::{Guest, relay};

/// Ann at a terminal, in a room where bob is by a plain socket.
fn ann_and_bob() -> (crate::support::Running, Person, Guest) {
    let (host, address) = relay();
    let mut ann = Person::chat(&format!("--nick ann {address}")).go();
    ann.sees("you are ann");
    let mut bob = Guest::join(&address, "bob");
    bob.say("hello ann");
    ann.sees("<bob> hello ann");
    (host, ann, bob)
}

#[test]
fn two_members_talk() {
    let (_host, mut ann, mut bob) = ann_and_bob();
    ann.types("hello bob\r");
    assert_eq!(bob.next().unwrap(), "<ann> hello bob");
    ann.sees("<ann> hello bob");
    ann.has_typed(">", 2);
    bob.say("/me waves");
    ann.sees("* bob waves");
    ann.types("/msg bob psst\r");
    assert_eq!(bob.next().unwrap(), "[ann] psst");
    ann.sees("[-> bob] psst");
    let rows = ann.rows();
    assert!(rows[0].ends_with(" · 2 here"), "{rows:#?}");
    assert!(rows[1].ends_with("│ ann") && rows[2].ends_with("│ bob"), "{rows:#?}");
    bob.say("/nick robert");
    ann.sees("│ robert");
    bob.say("/quit");
    ann.sees("*** robert left");
    ann.sees(" · 1 here");
}

/// Two terminals: one hosts.
#[test]
fn a_host_at_a_terminal_takes_part() {
    let mut hanna = Person::chat("--host --nick hanna 127.0.0.1:0").go();
    hanna.sees("listening tcp 127.0.0.1:");
    let title = hanna.rows()[0].clone();
    let address = title.split_whitespace().next().unwrap().to_owned();
    let mut ann = Person::chat(&format!("--nick ann {address}")).go();
    hanna.sees("*** ann joined");
    ann.types("hello\r");
    hanna.sees("<ann> hello");
    hanna.types("welcome\r");
    ann.sees("<hanna> welcome");
    hanna.sees("<hanna> welcome");
    hanna.types("/quit\r");
    hanna.ended_with(0);
    ann.ended_with(0);
    ann.sees("has closed the connection");
}

#[test]
fn editing_in_the_middle_with_wide_characters() {
    let (_host, mut ann, mut bob) = ann_and_bob();
    ann.types("hallo 漢字 e\u{301}");
    ann.has_typed("> hallo 漢字 e\u{301}", 14);
    ann.types("\x1b[D\x1b[D\x1b[D");
    ann.has_typed("> hallo 漢字 e\u{301}", 10);
    ann.types("\x7f");
    ann.has_typed("> hallo 字 e\u{301}", 8);
    ann.types("\x01\x1b[C\x1b[3~e");
    ann.has_typed("> hello 字 e\u{301}", 4);
    ann.types("\x05\x17\x17\x19 !\r");
    assert_eq!(bob.next().unwrap(), "<ann> hello 字  !");
    ann.types("\x1b[A");
    ann.has_typed("> hello 字  !", 13);
    ann.types("\x15");
    ann.has_typed(">", 2);
}

/// A paste is a text, not keys: what is in it does not send anything before the person does.
#[test]
fn a_paste_is_sent_when_the_person_says_so() {
    let (_host, mut ann, mut bob) = ann_and_bob();
    ann.pastes("first\r\nsecond\n\x1b[31m\x03\x04third");
    ann.has_typed("> first⏎second⏎[31mthird", 24);
    ann.types("\r");
    assert_eq!(bob.next().unwrap(), "<ann> first");
    assert_eq!(bob.next().unwrap(), "<ann> second");
    assert_eq!(bob.next().unwrap(), "<ann> [31mthird");
    let long = "x".repeat(9000);
    ann.pastes(&long);
    ann.types("\r");
    let lines: Vec<String> = (0..3).map(|_| bob.next().unwrap().replace("<ann> ", "")).collect();
    assert_eq!(lines.concat(), long);
    assert!(lines.iter().all(|line| line.len() <= 4096));
}

#[test]
fn looking_back_and_what_is_new() {
    let (_host, mut ann, mut bob) = ann_and_bob();
    for number in 0..40 {
        bob.say(&format!("line {number}."));
        ann.sees(&format!("line {number}."));
    }
    ann.types("\x1b[5~");
    ann.sees("older lines");
    ann.until("line 39 out of sight", |screen| !screen.contents().contains("line 39."));
    let before = ann.rows();
    bob.say("what came meanwhile");
    ann.sees("1 new");
    assert_eq!(ann.rows()[1..], before[1..], "what is looked at stays where it is");
    ann.types("\x1b[6~\x1b[6~");
    ann.sees("── new ──");
    ann.sees("what came meanwhile");
    ann.types("seen\r");
    ann.until("no mark", |screen| !screen.contents().contains("new"));
}

#[test]
fn the_window_takes_any_size() {
    let (_host, mut ann, mut bob) = ann_and_bob();
    ann.types("typed");
    ann.has_typed("> typed", 7);
    let before = ann.rows();
    ann.resizes(20, 5);
    ann.sees("<bob> hello ann");
    ann.has_typed("> typed", 7);
    assert!(ann.rows()[0].starts_with(" 127.0.0.1:"), "{:?}", ann.rows());
    bob.say("a line that takes more than one row of such a window");
    ann.sees("such a window");
    for (columns, rows) in [(1, 1), (2, 2), (3, 1), (1, 9), (300, 100)] {
        ann.resizes(columns, rows);
        bob.say("漢字");
        ann.types("漢\x7f");
        ann.until("the cursor in the window", |screen| {
            let (y, x) = screen.cursor_position();
            y == rows - 1 && x < columns
        });
    }
    ann.resizes(USUAL.0, USUAL.1);
    ann.has_typed("> typed", 7);
    ann.sees("a line that takes more than one row");
    assert_eq!(ann.rows()[..4], before[..4]);
}

/// A person sees that the room is gone, and is back in it when it is.
#[test]
fn a_lost_room_is_found_again() {
    let (host, address) = relay();
    let mut ann = Person::chat(&format!("--reconnect --nick ann {address}")).go();
    ann.sees("1 here");
    host.signal(libc::SIGTERM);
    let _ = host.wait().code(0);
    ann.sees("not connected");
    ann.types("anybody?\r");
    let mut again = crate::support::wirecat(["chat", "--host", "--headless", &address]).start();
    again.address();
    ann.sees("connected to ");
    ann.sees("1 here");
    let mut bob = Guest::connect(&address);
    bob.hears("<ann> anybody?");
}

/// What others send cannot steer the terminal.
#[test]
fn nobody_steers_the_terminal_of_another() {
    let (_host, mut ann, mut bob) = ann_and_bob();
    bob.send(b"\x1b[2J\x1b[?1049l\x1b]0;x\x07 \xff tab\there\n");
    ann.sees(r"<bob> \x1b[2J\x1b[?1049l\x1b]0;x\x07 \xff tab    here");
    assert!(ann.screen().alternate_screen());
    assert!(!ann.terminal.shown().contains("\x1b]0;x"));
}

/// `--color never` and NO_COLOR.
#[test]
fn colours_are_there_unless_they_are_not_wanted() {
    let (_host, address) = relay();
    for (options, coloured) in [("", true), ("--color never", false), ("--color always", true)] {
        let mut ann = Person::chat(&format!("{options} --nick ann {address}")).go();
        ann.sees("*** you are ann");
        let cell = |screen: &vt100::Screen| screen.cell(2, 0).map(vt100::Cell::fgcolor);
        let has_colour = cell(ann.screen()).is_some_and(|colour| colour != vt100::Color::Default);
        assert_eq!(has_colour, coloured, "{options:?}");
    }
}

/// A terminal that can do nothing gets plain lines.
#[test]
fn a_dumb_terminal_gets_lines() {
    let (_host, address) = relay();
    let mut ann = crate::support::terminal::Terminal::start(
        crate::support::wirecat_path(),
        &["chat", "--nick", "ann", &address],
    );
    ann.wait_for("*** you are ann\r\n");
    ann.type_in("/quit\n");
    ann.wait_for_code(0);
    assert!(!ann.shown().contains('\x1b'));
}
