//! A hosted room: its members, what they are told, and how much each may say.
//!
//! Whatever happens becomes [`Effect`]s, which the session carries out. A member that says more
//! than its [`Allowance`] has its lines wait here, and is not to be read meanwhile; the others do
//! not notice. One whose lines are too many even for that has to go.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use memchr::memchr;

use super::allowance::Allowance;
use super::command::Command;
use super::dialect::Dialect;
use super::line::{Line, readable};
use super::nick::Nick;

/// Lines of talk that a newcomer is shown.
pub const HISTORY: usize = 200;
/// Names on one line of a roster, so that it stays a line.
const NAMES: usize = 50;
/// Lines of one member that may wait to be said; more are a flood.
pub const FLOOD: usize = 1000;
/// How long a newcomer has to say its name before it is announced as a guest. A person at nc says
/// nothing; a program does so at once.
const INTRODUCTION: Duration = Duration::from_millis(300);

/// A member, by a number that is never given again.
pub type Member = u64;

/// What the session is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Tell these members.
    Tell(Vec<Member>, Line),
    /// A member is done: close its connection once it has been sent everything.
    Close(Member),
}

/// The room.
#[derive(Debug, Default)]
pub struct Room {
    dialect: Dialect,
    members: BTreeMap<Member, Person>,
    history: VecDeque<Line>,
    effects: Vec<Effect>,
}

/// A member as the room knows it.
#[derive(Debug)]
struct Person {
    nick: Nick,
    /// Until when it may say its name, before the others hear of it.
    unannounced: Option<Instant>,
    allowance: Allowance,
    /// Lines that have come and were not said yet, each with its end.
    waiting: BytesMut,
    /// How many they are.
    count: usize,
    /// The room is its own: it may have as many as it likes wait.
    is_host: bool,
    /// It sends no more, and goes when everything is said.
    is_leaving: bool,
}

impl Room {
    /// An empty room that is spoken in like this.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, ..Self::default() }
    }

    /// Somebody has come, under this name until it says another one.
    pub fn arrive(&mut self, member: Member, nick: &Nick, now: Instant) {
        let patience = if self.dialect.introduces() { INTRODUCTION } else { Duration::ZERO };
        let person = Person {
            nick: self.free(nick, member),
            unannounced: Some(now + patience),
            allowance: Allowance::new(now),
            waiting: BytesMut::new(),
            count: 0,
            is_host: false,
            is_leaving: false,
        };
        self.members.insert(member, person);
    }

    /// Whoever hosts the room takes part in it from the start.
    pub fn enter(&mut self, member: Member, nick: &Nick, now: Instant) {
        self.arrive(member, nick, now);
        if let Some(person) = self.members.get_mut(&member) {
            person.is_host = true;
        }
        self.announce(member);
    }

    /// A member has sent a line. One that sends more than can wait has to go.
    pub fn hear(&mut self, member: Member, line: &[u8]) {
        let Some(person) = self.members.get_mut(&member) else { return };
        if person.count == FLOOD && !person.is_host {
            self.effects.push(Effect::Close(member));
            return self.depart(member, Some("flood"));
        }
        // A message may hold an end of line, which is no end here.
        if memchr(b'\n', line).is_some() {
            person.waiting.extend_from_slice(readable(line).as_bytes());
        } else {
            person.waiting.extend_from_slice(line);
        }
        person.waiting.put_u8(b'\n');
        person.count += 1;
    }

    /// A member will send no more; it leaves when everything it sent is said.
    pub fn hang_up(&mut self, member: Member) {
        if let Some(person) = self.members.get_mut(&member) {
            person.is_leaving = true;
        }
    }

    /// A member is gone.
    pub fn depart(&mut self, member: Member, why: Option<&str>) {
        let Some(person) = self.members.remove(&member) else { return };
        if person.unannounced.is_none() {
            let why = why.map(|why| readable(why.as_bytes()));
            self.announce_present(None, &Line::Left(person.nick, why));
        }
    }

    /// Whether lines of a member wait, so that it should not be read.
    pub fn is_stuffed(&self, member: Member) -> bool {
        self.members.get(&member).is_some_and(|person| !person.waiting.is_empty())
    }

    /// The member of this name.
    pub fn find(&self, nick: &Nick) -> Option<Member> {
        self.members.iter().find(|(_, person)| person.nick.is_same(nick)).map(|(member, _)| *member)
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Says what may be said, and announces who has had time enough; returns when there is
    /// something to do again.
    pub fn pump(&mut self, now: Instant) -> Option<Duration> {
        let members: Vec<Member> = self.members.keys().copied().collect();
        members.into_iter().filter_map(|member| self.pump_one(member, now)).min()
    }

    /// What is to be done, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    fn pump_one(&mut self, member: Member, now: Instant) -> Option<Duration> {
        loop {
            let person = self.members.get_mut(&member)?;
            if person.waiting.is_empty() {
                return self.rest(member, now);
            }
            if let Err(pause) = person.allowance.take(now) {
                return Some(pause);
            }
            let end = memchr(b'\n', &person.waiting)?;
            let line = person.waiting.split_to(end + 1);
            person.count -= 1;
            self.speak(member, &readable(line.get(..end).unwrap_or_default()));
        }
    }

    /// A member has nothing to say for now.
    fn rest(&mut self, member: Member, now: Instant) -> Option<Duration> {
        let person = self.members.get(&member)?;
        let is_leaving = person.is_leaving;
        let left = person.unannounced.map(|until| until.saturating_duration_since(now));
        // Who has said all it will ever say needs no name, but is to hear what was said here.
        if is_leaving || left.is_some_and(|left| left.is_zero()) {
            self.announce(member);
        }
        if is_leaving {
            self.effects.push(Effect::Close(member));
            self.depart(member, None);
            return None;
        }
        left.filter(|left| !left.is_zero())
    }

    fn speak(&mut self, member: Member, text: &str) {
        let is_host = self.members.get(&member).is_some_and(|person| person.is_host);
        let command = if is_host { self.dialect.typed(text) } else { self.dialect.heard(text) };
        if !matches!(command, Command::Nick(_)) {
            self.announce(member);
        }
        let Some(nick) = self.members.get(&member).map(|person| person.nick.clone()) else {
            return;
        };
        match command {
            Command::Say(text) => self.talk(member, Line::Said(nick, text.to_owned())),
            Command::Me(text) => self.talk(member, Line::Did(nick, text.to_owned())),
            Command::Msg(to, text) => self.whisper(member, nick, to, text),
            Command::Nick(name) => self.rename(member, name),
            Command::Who => self.list(member),
            Command::Help => self.notice(member, self.dialect.help()),
            Command::Quit(why) => {
                if let Some(words) = self.dialect.last_words() {
                    self.talk(member, Line::Said(nick, words.to_owned()));
                }
                self.effects.push(Effect::Close(member));
                self.depart(member, Some(why).filter(|why| !why.is_empty()));
            }
            Command::Bad(name) => self.notice(member, &self.dialect.complaint(name)),
            Command::Empty => {}
        }
    }

    fn talk(&mut self, member: Member, line: Line) {
        self.announce_present(Some(member), &line);
        if !self.dialect.introduces() {
            return;
        }
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(line);
    }

    fn whisper(&mut self, member: Member, nick: Nick, to: &str, text: &str) {
        let found = to.parse().ok().and_then(|nick| self.find(&nick));
        let found = found.filter(|other| self.is_present(*other));
        match found {
            Some(other) => self.tell(other, Line::Whispered(nick, text.to_owned())),
            None => self.notice(member, &format!("nobody here is called {to}")),
        }
    }

    fn rename(&mut self, member: Member, name: &str) {
        let wanted = match name.parse::<Nick>() {
            Ok(nick) => nick,
            Err(error) => {
                self.announce(member);
                return self.notice(member, &error);
            }
        };
        let new = self.free(&wanted, member);
        if !new.is_same(&wanted) {
            self.notice(member, &format!("{wanted} is taken"));
        }
        let Some(old) = self.set_nick(member, new.clone()) else { return };
        if !self.is_present(member) {
            self.announce(member);
        } else if old != new {
            self.tell(member, Line::You(new.clone()));
            self.announce_present(Some(member), &Line::Renamed(old, new));
        }
    }

    /// Lets the others hear of a member, and the member of them and of what was said before.
    fn announce(&mut self, member: Member) {
        let Some(person) = self.members.get_mut(&member) else { return };
        if person.unannounced.take().is_none() {
            return;
        }
        let nick = person.nick.clone();
        if !self.history.is_empty() {
            self.tell(member, Line::Earlier);
        }
        for line in self.history.clone() {
            self.tell(member, line);
        }
        self.tell(member, Line::You(nick.clone()));
        self.list(member);
        self.announce_present(Some(member), &Line::Joined(nick));
    }

    /// Tells a member who is there.
    fn list(&mut self, member: Member) {
        let present = self.members.values().filter(|person| person.unannounced.is_none());
        let nicks: Vec<Nick> = present.map(|person| person.nick.clone()).collect();
        for names in nicks.chunks(NAMES) {
            self.tell(member, Line::Here(names.to_vec()));
        }
    }

    /// The name that a member may have: the one it wants, or that with a number.
    fn free(&self, wanted: &Nick, member: Member) -> Nick {
        let is_free = |nick: &Nick| {
            self.members
                .iter()
                .all(|(other, person)| *other == member || !person.nick.is_same(nick))
        };
        let numbered = (2..).map(|number| wanted.numbered(number));
        std::iter::once(wanted.clone()).chain(numbered).find(is_free).unwrap_or(wanted.clone())
    }

    fn set_nick(&mut self, member: Member, nick: Nick) -> Option<Nick> {
        let person = self.members.get_mut(&member)?;
        Some(std::mem::replace(&mut person.nick, nick))
    }

    fn is_present(&self, member: Member) -> bool {
        self.members.get(&member).is_some_and(|person| person.unannounced.is_none())
    }

    fn notice(&mut self, member: Member, text: &str) {
        self.tell(member, Line::Notice(text.to_owned()));
    }

    fn tell(&mut self, member: Member, line: Line) {
        self.effects.push(Effect::Tell(vec![member], line));
    }

    fn announce_present(&mut self, except: Option<Member>, line: &Line) {
        let present = self.members.keys().copied();
        let to: Vec<Member> =
            present.filter(|member| Some(*member) != except && self.is_present(*member)).collect();
        if !to.is_empty() {
            self.effects.push(Effect::Tell(to, line.clone()));
        }
    }
}
