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
    ann.has_typed("ann>", 5);
    bob.say("/me waves");
    ann.sees("* bob waves");
    ann.types("/msg bob psst\r");
    assert_eq!(bob.next().unwrap(), "[ann] psst");
    ann.sees("[-> bob] psst");
    let rows = ann.rows();
    assert!(rows[0].contains(" · 2 here ") && rows[0].ends_with("/help  /quit"), "{rows:#?}");
    assert!(rows[1].ends_with("│ ann") && rows[2].ends_with("│ bob"), "{rows:#?}");
    bob.say("/nick robert");
    ann.sees("│ robert");
    bob.say("/quit");
    ann.sees("*** robert left");
    ann.sees(" · 1 here");
    ann.types("/dance\r/msg bob\r");
    ann.sees("*** there is no /dance: /help lists");
    ann.sees("*** /msg needs a NAME and a TEXT");
}

/// Tab completes names; the terminal rings for words to ann, and shows that they are.
#[test]
fn one_is_called_by_name() {
    let (_host, mut ann, mut bob) = ann_and_bob();
    ann.types("b\t");
    ann.has_typed("ann> bob:", 10);
    ann.types("hi\r");
    assert_eq!(bob.next().unwrap(), "<ann> bob: hi");
    let bells = |ann: &mut Person| ann.terminal.shown().matches('\x07').count();
    for (line, shown, is_for_ann) in [
        ("an annual thing", "<bob> an annual thing", false),
        ("Ann: hi", "<bob> Ann: hi", true),
        ("/msg ann psst", "[bob] psst", true),
    ] {
        let before = bells(&mut ann);
        bob.say(line);
        ann.sees(shown);
        assert_eq!(bells(&mut ann) - before, usize::from(is_for_ann), "{shown}");
        let row = ann.row_of(shown);
        let cell = ann.screen().cell(row, 8).unwrap();
        assert_eq!(cell.bold(), is_for_ann, "{shown}");
        assert_eq!(cell.fgcolor() != vt100::Color::Default, is_for_ann, "{shown}");
    }
}

/// Who has talked before one came is not there for that.
#[test]
fn who_talked_before_is_not_there() {
    let (_host, address) = relay();
    let mut eve = Guest::join(&address, "eve");
    eve.say("I was here");
    eve.say("/quit");
    eve.rest();
    let mut ann = Person::chat(&format!("--nick ann {address}")).go();
    ann.sees("<eve> I was here");
    ann.sees(" · 1 here ");
    assert!(!ann.rows().iter().any(|row| row.ends_with("│ eve")), "{:#?}", ann.rows());
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
    ann.has_typed("ann> hallo 漢字 e\u{301}", 17);
    ann.types("\x1b[D\x1b[D\x1b[D");
    ann.has_typed("ann> hallo 漢字 e\u{301}", 13);
    ann.types("\x7f");
    ann.has_typed("ann> hallo 字 e\u{301}", 11);
    ann.types("\x01\x1b[C\x1b[3~e");
    ann.has_typed("ann> hello 字 e\u{301}", 7);
    ann.types("\x05\x17\x17\x19 !\r");
    assert_eq!(bob.next().unwrap(), "<ann> hello 字  !");
    ann.types("\x1b[A");
    ann.has_typed("ann> hello 字  !", 16);
    ann.types("\x15");
    ann.has_typed("ann>", 5);
}

/// A paste is a text, not keys: what is in it does not send anything before the person does.
#[test]
fn a_paste_is_sent_when_the_person_says_so() {
    let (_host, mut ann, mut bob) = ann_and_bob();
    ann.pastes("first\r\nsecond\n\x1b[31m\x03\x04third");
    ann.has_typed("ann> first⏎second⏎[31mthird", 27);
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
    ann.pastes(&"x".repeat(100_000));
    ann.sees("100000 bytes are too many to paste: 64 KiB at most");
    ann.has_typed("ann>", 5);
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
    ann.has_typed("ann> typed", 10);
    let before = ann.rows();
    ann.resizes(20, 5);
    ann.sees("<bob> hello ann");
    ann.has_typed("ann> typed", 10);
    assert!(ann.rows()[0].starts_with(" 127.0.0.1… · 2 here"), "{:?}", ann.rows());
    bob.say("a line that takes more than one row of such a window");
    ann.sees("  window");
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
    ann.has_typed("ann> typed", 10);
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
        let mut bob = Guest::join(&address, "bob");
        bob.say("hello");
        ann.sees("<bob> hello");
        let cell = ann.screen().cell(ann.row_of("<bob> "), 1).unwrap();
        assert_eq!(cell.fgcolor() != vt100::Color::Default, coloured, "{options:?}");
        // What is of less weight is so without colours too.
        assert!(ann.screen().cell(ann.row_of("*** you are ann"), 0).unwrap().dim());
        bob.say("/quit");
        ann.sees("*** bob left");
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
