//! The rules of a room, as its members see them.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::dialect::Dialect;
use super::members::{BURST, REFILL};
use super::nick::Nick;
use super::room::newcomers::{HISTORY, HISTORY_BYTES};
use super::room::{FLOOD, MemberId, Outlook, Room, RoomAction};

/// A room in virtual time.
struct Scene {
    room: Room,
    now: Instant,
}

impl Scene {
    fn new() -> Self {
        Self { room: Room::default(), now: Instant::now() }
    }

    /// A scene with these members, whose greetings are over.
    fn with(names: &[&str]) -> Self {
        let mut scene = Self::new();
        for (member, name) in (1..).zip(names) {
            scene.room.add_member(member, &Nick::guest(member), scene.now);
            scene.says(member, &format!("/nick {name}"));
        }
        scene
    }

    /// What follows from a line, as `1,2: words`, and `1: closed`.
    fn says(&mut self, member: MemberId, line: &str) -> Vec<String> {
        self.now += Duration::from_secs(60);
        self.room.receive(member, line.as_bytes());
        self.actions()
    }

    /// Advances the room, whose queues take so many bytes each; returns when it wants to go on.
    fn look(&mut self, space: usize) -> Option<Duration> {
        self.room.advance(Outlook { now: self.now, space: &|_| space });
        self.room.rest(self.now)
    }

    fn actions(&mut self) -> Vec<String> {
        self.look(usize::MAX);
        self.room.take_actions().iter().map(shown).collect()
    }
}

#[test]
fn a_room_of_tinyproto_has_no_greeting_and_no_commands() {
    let mut scene = Scene { room: Room::new(Dialect::Tinyproto), now: Instant::now() };
    scene.room.add_host(0, &"h".parse().unwrap(), scene.now);
    assert_eq!(scene.actions(), ["0: *** you are h", "0: *** here: h"]);
    scene.room.add_member(1, &"a".parse().unwrap(), scene.now);
    assert_eq!(scene.actions(), ["1: *** you are a", "1: *** here: h, a", "0: *** a joined"]);
    assert_eq!(scene.says(1, "/nick x"), ["0: <a> /nick x"], "it is text");
    assert_eq!(scene.says(1, "two\nlines"), ["0: <a> two\\nlines"]);
    assert!(scene.says(0, "/who")[0].starts_with("0: *** a chat of tinyproto has no /who"));
    scene.room.add_member(2, &"b".parse().unwrap(), scene.now);
    let greeting = ["2: *** you are b", "2: *** here: h, a, b", "0,1: *** b joined"];
    assert_eq!(scene.actions(), greeting, "what was said before is not told");
    assert_eq!(scene.says(1, "quit"), ["0,2: <a> quit", "1: closed", "0,2: *** a left"]);
    assert_eq!(scene.says(0, "quit"), ["2: <h> quit", "0: closed", "2: *** h left"]);
}

fn shown(action: &RoomAction) -> String {
    match action {
        RoomAction::Send(to, line) => {
            let to: Vec<String> = to.iter().map(u64::to_string).collect();
            format!("{}: {line}", to.join(","))
        }
        RoomAction::Close(member) => format!("{member}: closed"),
        RoomAction::Drop(member) => format!("{member}: dropped"),
    }
}

#[test]
fn a_program_says_its_name_and_a_person_is_a_guest() {
    let mut scene = Scene::new();
    scene.room.add_host(0, &"host".parse().unwrap(), scene.now);
    assert_eq!(scene.actions(), ["0: *** you are host", "0: *** here: host"]);
    scene.room.add_member(1, &Nick::guest(1), scene.now);
    scene.room.receive(1, b"/nick ann");
    assert_eq!(
        scene.actions(),
        ["1: *** you are ann", "1: *** here: host, ann", "0: *** ann joined"]
    );
    scene.room.add_member(2, &Nick::guest(2), scene.now);
    assert_eq!(scene.actions(), [""; 0], "it may still say its name");
    scene.now += Duration::from_secs(1);
    assert_eq!(
        scene.actions(),
        ["2: *** you are guest-2", "2: *** here: host, ann, guest-2", "0,1: *** guest-2 joined"]
    );
}

#[test]
fn what_each_command_does() {
    let mut scene = Scene::with(&["ann", "bob", "cid"]);
    let table: &[(MemberId, &str, &[&str])] = &[
        (1, "hello", &["2,3: <ann> hello"]),
        (1, "//x", &["2,3: <ann> /x"]),
        (2, "/me waves", &["1,3: * bob waves"]),
        (3, "/msg ANN psst", &["1: [cid] psst"]),
        (3, "/msg eve psst", &["3: *** nobody here is called eve"]),
        (1, "/who", &["1: *** here: ann, bob, cid"]),
        (1, "/nick anna", &["1: *** you are anna", "2,3: *** ann is now anna"]),
        (1, "/nick anna", &[]),
        (
            2,
            "/nick CID",
            &["2: *** CID is taken", "2: *** you are CID-2", "1,3: *** bob is now CID-2"],
        ),
        (2, "/nick \x1b[m", &["2: *** a nick is 1 to 20 letters, digits or - _ . '"]),
        (2, "/dance", &["2: *** there is no /dance: /help lists the commands, and // sends a /"]),
        (2, "", &[]),
        (3, "\x1b[2J\u{202e}\u{7}", &["1,2: <cid> \\x1b[2J\\u{202e}\\x07"]),
        (3, "/quit for dinner", &["3: closed", "1,2: *** cid left (for dinner)"]),
        (3, "/who", &[]),
    ];
    for (member, line, actions) in table {
        assert_eq!(scene.says(*member, line), *actions, "{line:?}");
    }
}

#[test]
fn a_newcomer_is_shown_the_last_lines_of_talk() {
    let mut scene = Scene::with(&["ann"]);
    for number in 0..HISTORY + 5 {
        scene.says(1, &format!("line {number}"));
        scene.says(1, "/msg ann not this");
    }
    scene.room.add_member(2, &Nick::guest(2), scene.now);
    let mut seen = scene.says(2, "/nick bob");
    assert_eq!(seen.remove(0), "2: *** this was said before:");
    assert_eq!(
        (seen[0].as_str(), seen[HISTORY - 1].as_str()),
        ("2: <ann> line 5", "2: <ann> line 204")
    );
    assert_eq!(seen[HISTORY], "2: *** you are bob");
}

/// A newcomer takes the history as it can, and what is said meanwhile is part of it.
#[test]
fn the_history_is_paced_by_who_takes_it() {
    let mut scene = Scene::with(&["ann"]);
    for number in 0..300 {
        scene.says(1, &format!("{number} {}", "\u{1}".repeat(4000)));
    }
    scene.room.add_member(2, &Nick::guest(2), scene.now);
    scene.room.receive(2, b"/nick bob");
    scene.room.receive(2, b"hello");
    scene.look(20_000);
    let parts = scene.room.take_actions();
    assert_eq!(shown(&parts[0]), "2: *** this was said before:");
    assert_eq!(parts.len(), 3, "two lines of 16 kB");
    assert!(scene.room.is_backlogged(2), "its own line waits");
    scene.room.receive(1, b"meanwhile");
    scene.look(20_000);
    assert!(scene.room.take_actions().is_empty(), "bob hears of it in its turn");
    let (mut sent, mut seen) = (0, Vec::new());
    while seen.last().is_none_or(|last: &String| !last.ends_with("hello")) {
        scene.room.look_at(2);
        scene.now += Duration::from_secs(9);
        assert!(scene.look(20_000).is_none_or(|rest| rest <= Duration::from_secs(10)));
        let part: Vec<String> = scene.room.take_actions().iter().map(shown).collect();
        let bytes: usize = part.iter().map(String::len).sum();
        assert!(bytes <= 20_000 + 17_000);
        sent += bytes;
        seen.extend(part);
    }
    assert!(sent <= HISTORY_BYTES);
    let tail: Vec<&str> = seen.iter().rev().take(5).map(String::as_str).collect();
    let expected = ["1: <bob> hello", "1: *** bob joined", "2: *** here: ann, bob"];
    assert_eq!(tail[..3], expected);
    assert_eq!(tail[3..], ["2: *** you are bob", "2: <ann> meanwhile"]);
}

#[test]
fn a_newcomer_that_takes_nothing_is_dropped() {
    let mut scene = Scene::with(&["ann"]);
    scene.says(1, "hello");
    scene.room.add_member(2, &Nick::guest(2), scene.now);
    scene.room.receive(2, b"/nick bob");
    assert_eq!(scene.look(0), Some(Duration::from_secs(10)));
    scene.now += Duration::from_secs(10);
    assert_eq!(scene.look(0), None);
    let actions: Vec<String> = scene.room.take_actions().iter().map(shown).collect();
    assert_eq!(actions, ["2: dropped"], "it was never there");
}

/// A flood waits for its turn, line by line, and the others are heard as if it were not there.
#[test]
fn a_flood_is_slowed_and_loses_nothing() {
    let mut scene = Scene::with(&["ann", "bob"]);
    scene.now += Duration::from_secs(60);
    for number in 0..100 {
        scene.room.receive(1, format!("flood {number}").as_bytes());
    }
    assert_eq!(scene.actions().len(), BURST as usize);
    assert!(scene.room.is_backlogged(1) && !scene.room.is_backlogged(2));
    scene.room.receive(2, b"hello");
    assert_eq!(scene.actions(), ["1: <bob> hello"]);
    scene.room.finish(1);
    let mut rest = Vec::new();
    while let Some(pause) = scene.look(usize::MAX) {
        assert!(pause <= REFILL);
        scene.now += pause;
        rest.extend(scene.room.take_actions());
    }
    rest.extend(scene.room.take_actions());
    assert_eq!(rest.len(), 100 - BURST as usize + 2);
    assert_eq!(shown(&rest[rest.len() - 3]), "2: <ann> flood 99");
    assert_eq!(shown(&rest[rest.len() - 2]), "1: closed");
    assert_eq!(shown(&rest[rest.len() - 1]), "2: *** ann left");
}

/// What waits is bounded, but for the host's own lines.
#[test]
fn a_flood_beyond_all_bounds_ends_its_sender() {
    let mut scene = Scene::with(&["ann", "bob"]);
    scene.room.add_host(0, &Nick::guest(0), scene.now);
    scene.actions();
    for _ in 0..=FLOOD {
        scene.room.receive(0, b"from the host");
        scene.room.receive(1, b"flood");
    }
    assert!(scene.room.is_backlogged(0) && !scene.room.is_backlogged(1));
    let actions = scene.actions();
    assert_eq!(actions[..2], ["1: closed", "0,2: *** ann left (flood)"]);
    assert!(actions[2..].iter().all(|action| action.ends_with("from the host")));
}

/// All who are told of the end have received the same, and what comes behind the host is for nobody.
#[test]
fn a_newcomer_has_all_of_the_history_when_the_room_ends() {
    let mut scene = Scene::with(&["ann"]);
    scene.room.add_host(0, &Nick::guest(0), scene.now);
    for number in 0..5 {
        scene.says(1, &format!("line {number}"));
    }
    scene.room.add_member(2, &Nick::guest(2), scene.now);
    scene.room.finish(2);
    scene.look(30);
    let shown = |scene: &mut Scene| -> Vec<String> {
        scene.room.take_actions().iter().map(shown).collect()
    };
    assert_eq!(shown(&mut scene).last().unwrap(), "2: <ann> line 0");
    scene.room.receive(0, b"/quit");
    scene.room.receive(1, b"too late");
    scene.look(0);
    assert_eq!(shown(&mut scene), ["0: closed", "1: *** guest-0 left"]);
    scene.room.end();
    assert_eq!(shown(&mut scene), (1..5).map(|n| format!("2: <ann> line {n}")).collect::<Vec<_>>());
}

#[test]
fn who_goes_before_it_was_announced_was_never_there() {
    let mut scene = Scene::with(&["ann"]);
    scene.room.add_member(2, &Nick::guest(2), scene.now);
    scene.room.remove_member(2, Some("reset"));
    assert_eq!(scene.actions(), [""; 0]);
    scene.room.remove_member(1, Some("lost\n\x1b"));
    assert!(scene.room.find(&"ann".parse().unwrap()).is_none());
}

proptest! {
    /// Whatever members do, names stay unique, and nobody hears of what was said to others.
    #[test]
    fn names_are_unique_and_every_line_has_its_way(
        actions in prop::collection::vec((1..5_u64, "(/nick [abAB]{1,2}|/me x|hi|/quit|/msg a x)"), 0..60),
    ) {
        let mut scene = Scene::new();
        for (member, line) in actions {
            if !scene.room.is_backlogged(member) && scene.says(member, "").is_empty() {
                scene.room.add_member(member, &Nick::guest(member), scene.now);
            }
            let actions = scene.says(member, &line);
            if line == "hi" {
                let own = format!("{member}: ");
                prop_assert!(actions.iter().all(|action| !(action.starts_with(&own) && action.ends_with("> hi") && action.contains(','))));
            }
            let who = scene.says(member, "/who");
            if let Some(names) = who.iter().find_map(|line| line.split("here: ").nth(1)) {
                let mut names: Vec<String> = names.split(", ").map(str::to_lowercase).collect();
                let all = names.len();
                names.sort();
                names.dedup();
                prop_assert_eq!(names.len(), all);
            }
        }
    }
}
