//! A hosted room: its members, what they are sent, and at what rate each may send.
//!
//! Whatever happens becomes [`RoomAction`]s, which the session carries out. A member that sends faster
//! than its token bucket allows has its lines wait here, and the session does not read it meanwhile;
//! the others do not notice. One with more than [`FLOOD`] waiting lines is removed.
//!
//! ```text
//! add_member ──> unannounced ── nick, first line or 300 ms ──> present ──> removed
//!                     └──────────────── remove_member ────────────────────────┘
//! ```
//! Only members that are present receive lines. `finish` marks the end of a member's input: it is
//! announced, its lines pass, and it is closed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::dialect::ChatCommand;
use super::dialect::Dialect;
use super::line::{ChatLine, readable};
use super::members::TokenBucket;
use super::members::{Member, Members, PacedLines};
use super::nick::Nick;

/// Messages that a newcomer is shown.
pub const HISTORY: usize = 200;
/// Names on one line of a roster, so that it stays a line.
const NAMES: usize = 50;
/// Lines of one member that may wait; more are a flood.
pub const FLOOD: usize = 1000;
/// How long a newcomer has to send its nick before it is announced as a guest. A program does so at
/// once; a person at nc may never do so.
const INTRODUCTION: Duration = Duration::from_millis(300);

/// The number of a member, which is never given again.
pub type MemberId = u64;

/// What the session is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomAction {
    /// Send a line to these members.
    Send(Vec<MemberId>, ChatLine),
    /// Close the connection of a member once it has been sent everything.
    Close(MemberId),
}

/// The room.
#[derive(Debug, Default)]
pub struct Room {
    dialect: Dialect,
    members: Members<MemberId, Presence>,
    history: VecDeque<ChatLine>,
    actions: Vec<RoomAction>,
}

/// What a hosted room keeps about a member.
#[derive(Debug)]
struct Presence {
    /// Until when it may send its nick, before the others learn of it; `None` once they have.
    unannounced: Option<Instant>,
    /// It hosts the room: no number of waiting lines is a flood.
    is_host: bool,
    /// It sends no more, and is closed when its lines have passed.
    is_finished: bool,
}

impl Room {
    /// An empty room of a dialect.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, ..Self::default() }
    }

    /// Adds a member, under this nick until it sends another one.
    pub fn add_member(&mut self, id: MemberId, nick: &Nick, now: Instant) {
        let patience = if self.dialect.has_nicks() { INTRODUCTION } else { Duration::ZERO };
        let nick = Some(self.members.free_nick(nick, Some(id), 2));
        let lines = PacedLines::new(TokenBucket::new(now));
        let unannounced = Some(now + patience);
        let state = Presence { unannounced, is_host: false, is_finished: false };
        self.members.insert(id, Member { nick, lines, state });
    }

    /// Adds the host of the room, who is announced at once.
    pub fn add_host(&mut self, id: MemberId, nick: &Nick, now: Instant) {
        self.add_member(id, nick, now);
        if let Some(member) = self.members.get_mut(id) {
            member.state.is_host = true;
        }
        self.announce(id);
    }

    /// Takes a line of a member.
    pub fn receive(&mut self, id: MemberId, line: &[u8]) {
        let Some(member) = self.members.get_mut(id) else { return };
        // The session stops reading a member whose lines wait; what one read brings can be many
        // more lines, and these are bounded here.
        if member.lines.len() == FLOOD && !member.state.is_host {
            self.close(id, Some("flood"));
        } else {
            member.lines.push(line);
        }
    }

    /// A member sends no more; it is closed when its lines have passed.
    pub fn finish(&mut self, id: MemberId) {
        if let Some(member) = self.members.get_mut(id) {
            member.state.is_finished = true;
        }
    }

    /// Removes a member, and says why to the others.
    pub fn remove_member(&mut self, id: MemberId, why: Option<&str>) {
        let Some(Member { nick: Some(nick), state, .. }) = self.members.remove(id) else { return };
        if state.unannounced.is_none() {
            // The reason is the member's own text, and all the others show it.
            let why = why.map(|why| readable(why.as_bytes()));
            self.broadcast(None, &ChatLine::Left(nick, why));
        }
    }

    /// Whether lines of a member wait, so that it should not be read.
    pub fn is_backlogged(&self, id: MemberId) -> bool {
        self.members.get(id).is_some_and(|member| !member.lines.is_empty())
    }

    /// The member of this nick.
    pub fn find(&self, nick: &Nick) -> Option<MemberId> {
        self.members.find(nick)
    }

    /// Passes on the lines that may pass, and announces who has had time enough; returns when to look
    /// again.
    pub fn advance(&mut self, now: Instant) -> Option<Duration> {
        let ids: Vec<MemberId> = self.members.iter().map(|(id, _)| id).collect();
        ids.into_iter().filter_map(|id| self.advance_member(id, now)).min()
    }

    /// What is to be done, in order.
    pub fn take_actions(&mut self) -> Vec<RoomAction> {
        std::mem::take(&mut self.actions)
    }

    fn advance_member(&mut self, id: MemberId, now: Instant) -> Option<Duration> {
        loop {
            match self.members.get_mut(id)?.lines.next(now) {
                Ok(Some(line)) => self.execute(id, &line),
                Ok(None) => return self.advance_idle(id, now),
                Err(pause) => return Some(pause),
            }
        }
    }

    /// A member of which no line waits.
    fn advance_idle(&mut self, id: MemberId, now: Instant) -> Option<Duration> {
        let state = &self.members.get(id)?.state;
        let is_finished = state.is_finished;
        let left = state.unannounced.map(|until| until.saturating_duration_since(now));
        // One that has sent all it will ever send needs no nick, but receives what was said before.
        if is_finished || left.is_some_and(|left| left.is_zero()) {
            self.announce(id);
        }
        if is_finished {
            self.close(id, None);
            return None;
        }
        left.filter(|left| !left.is_zero())
    }

    fn execute(&mut self, id: MemberId, text: &str) {
        let is_host = self.members.get(id).is_some_and(|member| member.state.is_host);
        let command = if is_host {
            self.dialect.parse_typed(text)
        } else {
            self.dialect.parse_received(text)
        };
        // Who begins with another line, such as a person at nc, stays a guest for now.
        if !matches!(command, ChatCommand::Nick(_)) {
            self.announce(id);
        }
        let Some(nick) = self.members.nick(id) else { return };
        match command {
            ChatCommand::Say(text) => self.on_message(id, ChatLine::Said(nick, text.to_owned())),
            ChatCommand::Me(text) => self.on_message(id, ChatLine::Did(nick, text.to_owned())),
            ChatCommand::Msg(to, text) => self.whisper(id, nick, to, text),
            ChatCommand::Nick(name) => self.rename(id, name),
            ChatCommand::Who => self.list(id),
            ChatCommand::Help => self.notice(id, self.dialect.help()),
            ChatCommand::Quit(why) => {
                if let Some(words) = self.dialect.farewell() {
                    self.on_message(id, ChatLine::Said(nick, words.to_owned()));
                }
                self.close(id, Some(why).filter(|why| !why.is_empty()));
            }
            ChatCommand::Bad(name) => self.notice(id, &self.dialect.unknown_command(name)),
            ChatCommand::Empty => {}
        }
    }

    fn close(&mut self, id: MemberId, why: Option<&str>) {
        self.actions.push(RoomAction::Close(id));
        self.remove_member(id, why);
    }

    fn on_message(&mut self, id: MemberId, line: ChatLine) {
        self.broadcast(Some(id), &line);
        if !self.dialect.has_nicks() {
            return;
        }
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(line);
    }

    fn whisper(&mut self, id: MemberId, nick: Nick, to: &str, text: &str) {
        let found = to.parse().ok().and_then(|nick| self.find(&nick));
        match found.filter(|other| self.is_present(*other)) {
            Some(other) => self.send(other, ChatLine::Whispered(nick, text.to_owned())),
            None => self.notice(id, &format!("nobody here is called {to}")),
        }
    }

    fn rename(&mut self, id: MemberId, name: &str) {
        let wanted = match name.parse::<Nick>() {
            Ok(nick) => nick,
            Err(error) => {
                self.announce(id);
                return self.notice(id, &error);
            }
        };
        let new = self.members.free_nick(&wanted, Some(id), 2);
        if !new.is_same(&wanted) {
            self.notice(id, &format!("{wanted} is taken"));
        }
        let Some(member) = self.members.get_mut(id) else { return };
        let Some(old) = member.nick.replace(new.clone()) else { return };
        if !self.is_present(id) {
            self.announce(id);
        } else if old != new {
            self.send(id, ChatLine::You(new.clone()));
            self.broadcast(Some(id), &ChatLine::Renamed(old, new));
        }
    }

    /// Announces a member to the others, and sends it what was said before and who is there. Does
    /// nothing for one that is present.
    fn announce(&mut self, id: MemberId) {
        let Some(Member { nick: Some(nick), state, .. }) = self.members.get_mut(id) else { return };
        if state.unannounced.take().is_none() {
            return;
        }
        let nick = nick.clone();
        if !self.history.is_empty() {
            self.send(id, ChatLine::Earlier);
        }
        for line in self.history.clone() {
            self.send(id, line);
        }
        self.send(id, ChatLine::You(nick.clone()));
        self.list(id);
        self.broadcast(Some(id), &ChatLine::Joined(nick));
    }

    /// Sends a member who is there.
    fn list(&mut self, id: MemberId) {
        let present = self.present().filter_map(|(_, member)| member.nick.clone());
        let nicks: Vec<Nick> = present.collect();
        for names in nicks.chunks(NAMES) {
            self.send(id, ChatLine::Here(names.to_vec()));
        }
    }

    fn present(&self) -> impl Iterator<Item = (MemberId, &Member<Presence>)> {
        self.members.iter().filter(|(_, member)| member.state.unannounced.is_none())
    }

    fn is_present(&self, id: MemberId) -> bool {
        self.members.get(id).is_some_and(|member| member.state.unannounced.is_none())
    }

    fn notice(&mut self, id: MemberId, text: &str) {
        self.send(id, ChatLine::Notice(text.to_owned()));
    }

    fn send(&mut self, id: MemberId, line: ChatLine) {
        self.actions.push(RoomAction::Send(vec![id], line));
    }

    fn broadcast(&mut self, except: Option<MemberId>, line: &ChatLine) {
        let present = self.present().map(|(id, _)| id);
        let to: Vec<MemberId> = present.filter(|id| Some(*id) != except).collect();
        if !to.is_empty() {
            self.actions.push(RoomAction::Send(to, line.clone()));
        }
    }
}
