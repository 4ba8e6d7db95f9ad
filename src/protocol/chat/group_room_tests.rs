//! Rooms without a host in virtual time, on a network that delivers to all.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::Nick;
use super::group_room::{GroupAction, GroupRoom, HEARTBEAT, SILENCE};
use super::members::BURST;

/// Members by number, and what each has been shown.
struct Net {
    members: Vec<Option<GroupRoom>>,
    shown: Vec<Vec<String>>,
    /// What is to be sent at the next turn, and by whom.
    outbox: Vec<(usize, GroupAction)>,
    now: Instant,
    seed: u32,
}

fn address(member: usize) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 1000 + u16::try_from(member).unwrap()).into()
}

impl Net {
    fn new() -> Self {
        Self {
            members: Vec::new(),
            shown: Vec::new(),
            outbox: Vec::new(),
            now: Instant::now(),
            seed: 1,
        }
    }

    fn join(&mut self, nick: &str) -> usize {
        self.members.push(Some(GroupRoom::join(nick.parse().unwrap(), self.now)));
        self.shown.push(Vec::new());
        self.pass(Duration::from_millis(500));
        self.members.len() - 1
    }

    fn say(&mut self, member: usize, line: &str) {
        self.members[member].as_mut().unwrap().input(line.as_bytes());
        self.pass(Duration::from_millis(30));
    }

    /// Time goes by in steps of 10 ms, and everybody hears everybody.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += Duration::from_millis(10);
            for (member, action) in std::mem::take(&mut self.outbox) {
                self.carry_out(member, action);
            }
            for member in 0..self.members.len() {
                if let Some(group_room) = &mut self.members[member] {
                    group_room.advance(self.now);
                }
                self.shown_so_far(member);
            }
        }
    }

    fn carry_out(&mut self, member: usize, action: GroupAction) {
        match action {
            GroupAction::Show(_) => {}
            GroupAction::Leave => self.members[member] = None,
            GroupAction::Broadcast(line) => {
                for other in (0..self.members.len()).filter(|other| *other != member) {
                    self.deliver(member, other, &line.to_string());
                }
            }
            GroupAction::SendTo(to, line) => {
                self.deliver(member, usize::from(to.port() - 1000), &line.to_string());
            }
        }
    }

    fn deliver(&mut self, from: usize, to: usize, text: &str) {
        // A chance for each that is the same in every run.
        self.seed = self.seed.wrapping_mul(1_103_515_245).wrapping_add(12345);
        let chance = f64::from(self.seed >> 16) / 65536.0;
        if let Some(group_room) = &mut self.members[to] {
            group_room.receive(address(from), text.as_bytes(), self.now, chance);
        }
        self.shown_so_far(to);
    }

    /// Notes what it is shown; what it has to send goes out at its next turn.
    fn shown_so_far(&mut self, member: usize) {
        if let Some(group_room) = &mut self.members[member] {
            for action in group_room.take_actions() {
                match action {
                    GroupAction::Show(line) => self.shown[member].push(line.to_string()),
                    other => self.outbox.push((member, other)),
                }
            }
        }
    }

    fn take(&mut self, member: usize) -> Vec<String> {
        std::mem::take(&mut self.shown[member])
    }

    fn names(&mut self, member: usize) -> String {
        self.take(member);
        self.say(member, "/who");
        self.take(member).pop().unwrap()
    }
}

#[test]
fn members_find_each_other_and_talk() {
    let mut net = Net::new();
    let (ann, bob) = (net.join("ann"), net.join("bob"));
    assert_eq!(net.take(ann), ["*** you are ann", "*** bob joined"]);
    assert_eq!(net.take(bob), ["*** you are bob", "*** ann is here"]);
    let cid = net.join("cid");
    assert_eq!(net.names(cid), "*** here: ann, bob, cid");
    net.take(ann);
    net.take(bob);
    net.say(ann, "hello");
    net.say(bob, "/me waves");
    net.say(cid, "/msg ANN psst");
    net.say(cid, "/nick zoe");
    net.say(bob, "/quit for dinner");
    assert_eq!(
        net.take(ann),
        ["* bob waves", "[cid] psst", "*** cid is now zoe", "*** bob left (for dinner)"]
    );
    assert_eq!(net.take(bob), ["<ann> hello", "*** cid is now zoe"]);
    assert_eq!(net.names(cid), "*** here: ann, zoe");
}

#[test]
fn who_is_silent_is_gone() {
    let mut net = Net::new();
    let (ann, bob) = (net.join("ann"), net.join("bob"));
    net.pass(SILENCE * 2);
    assert_eq!(net.names(ann), "*** here: ann, bob", "a heartbeat is enough to be there");
    net.members[bob] = None;
    net.pass(SILENCE + HEARTBEAT);
    assert!(net.take(ann).contains(&"*** bob left (silent)".to_owned()));
    assert_eq!(net.names(ann), "*** here: ann");
}

#[test]
fn the_second_of_a_name_takes_another() {
    let mut net = Net::new();
    let (first, second) = (net.join("ann"), net.join("Ann"));
    assert!(net.names(first).starts_with("*** here: Ann-"), "{:?}", net.names(first));
    let names = net.names(second);
    assert!(names.contains("ann") && names.contains("Ann-"), "{names}");
    net.say(second, "/nick ANN");
    assert!(net.take(second).contains(&"*** ANN is taken".to_owned()));
}

/// However often it has to give way, it is the wanted name with one number.
#[test]
fn a_name_that_is_given_way_again_and_again_stays_short() {
    let mut net = Net::new();
    let ann = net.join("ann");
    let mut name = "ann".to_owned();
    for round in 0..20 {
        let (now, text) = (net.now, format!("*** {name} is here"));
        net.members[ann].as_mut().unwrap().receive(
            address(9),
            text.as_bytes(),
            now,
            0.05 * f64::from(round),
        );
        net.pass(Duration::from_secs(1));
        let shown = net.take(ann);
        let you = shown.iter().rev().find_map(|line| line.strip_prefix("*** you are "));
        name = you.expect("another name").to_owned();
        let number = name.strip_prefix("ann").unwrap().trim_start_matches('-');
        assert!(number.is_empty() || number.parse::<u64>().is_ok(), "{name}");
    }
}

#[test]
fn what_no_member_would_send_is_shown_with_its_address() {
    let mut net = Net::new();
    let ann = net.join("ann");
    net.take(ann);
    let hear = |net: &mut Net, text: &[u8]| {
        let now = net.now;
        net.members[ann].as_mut().unwrap().receive(address(9), text, now, 0.5);
        net.shown_so_far(ann);
        net.take(ann)
    };
    assert_eq!(hear(&mut net, b"hello\n"), ["<127.0.0.1:1009> hello"]);
    assert_eq!(hear(&mut net, b"\xff\x1b[2J"), ["<127.0.0.1:1009> \\xff\\x1b[2J"]);
    assert_eq!(hear(&mut net, b"*** you are eve"), ["<127.0.0.1:1009> *** you are eve"]);
    assert_eq!(hear(&mut net, b"*** ann left"), [""; 0], "nobody speaks for another");
    assert_eq!(
        hear(&mut net, b"<eve> now as a member"),
        ["*** eve is here", "<eve> now as a member"]
    );
    for _ in 0..BURST {
        hear(&mut net, b"<eve> flood");
    }
    assert_eq!(hear(&mut net, b"<eve> flood"), [""; 0]);
    net.pass(Duration::from_secs(60));
}

/// A script's lines are paced, so that nobody has to drop any.
#[test]
fn many_lines_are_all_received() {
    let mut net = Net::new();
    let (ann, bob) = (net.join("ann"), net.join("bob"));
    net.take(bob);
    for number in 0..100 {
        net.members[ann].as_mut().unwrap().input(format!("line {number}").as_bytes());
    }
    net.members[ann].as_mut().unwrap().finish();
    net.pass(Duration::from_secs(60));
    let heard = net.take(bob);
    assert_eq!(heard.len(), 101);
    assert_eq!(heard[99..], ["<ann> line 99", "*** ann left"]);
    assert!(net.members[ann].is_none());
}

proptest! {
    /// However many come under one name, and whenever, in the end all names differ.
    #[test]
    fn names_differ_in_the_end(count in 2..6_usize) {
        let mut net = Net::new();
        for _ in 0..count {
            net.members.push(Some(GroupRoom::join("ann".parse::<Nick>().unwrap(), net.now)));
            net.shown.push(Vec::new());
        }
        net.pass(HEARTBEAT * 4);
        let names = net.names(0);
        let mut names: Vec<&str> = names.split("here: ").nth(1).unwrap().split(", ").collect();
        names.sort_unstable();
        names.dedup();
        prop_assert_eq!(names.len(), count);
    }
}

/// Addresses of datagrams are easily forged.
#[test]
fn a_crowd_is_known_up_to_a_bound() {
    let now = Instant::now();
    let mut room = GroupRoom::join("ann".parse().unwrap(), now);
    room.take_actions();
    for number in 0..1100_u16 {
        let from = (Ipv4Addr::LOCALHOST, 1000 + number).into();
        room.receive(from, format!("<n{number}> hello").as_bytes(), now, 0.5);
    }
    let shown: Vec<String> =
        room.take_actions().iter().map(|action| format!("{action:?}")).collect();
    assert!(shown.iter().any(|line| line.contains("n999")), "{} lines", shown.len());
    assert!(!shown.iter().any(|line| line.contains("n1000")));
    let notes = shown.iter().filter(|line| line.contains("more than 1000 members"));
    assert_eq!(notes.count(), 1);
}
