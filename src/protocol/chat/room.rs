//! A hosted room: its members, what they are sent, and at what rate each may send.
//!
//! Whatever happens becomes [`RoomAction`]s, which the session carries out. A member that sends faster
//! than its token bucket allows has its lines wait here, and the session does not read it meanwhile;
//! the others do not notice. One with more than [`FLOOD`] waiting lines is removed.
//!
//! ```text
//! add_member ──> unannounced ── nick, first line, 300 ms ──> catching up ── it has all ──> present
//!                     └──────── remove_member ────────┴── 10 s without progress ──> removed <─┘
//! ```
//! Only members that are present receive what is said. A newcomer is sent the history as its queue
//! takes it, and gets what is said meanwhile as part of the history; its own lines wait. `finish` marks
//! the end of a member's input: it is announced, its lines pass, and it is closed.

pub(super) mod newcomers;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::dialect::ChatCommand;
use super::dialect::Dialect;
use super::line::{ChatLine, readable};
use super::members::{Member, Members, PacedLines};
use super::nick::Nick;
use super::pace::Pace;
use newcomers::History;

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
    /// Close the connection of a member that takes nothing.
    Drop(MemberId),
}

/// What a look at the members depends on.
#[derive(Clone, Copy)]
pub struct Outlook<'a> {
    /// The time.
    pub now: Instant,
    /// How many bytes the queue of a member takes.
    pub space: &'a dyn Fn(MemberId) -> usize,
}

/// The room.
#[derive(Debug, Default)]
pub struct Room {
    dialect: Dialect,
    members: Members<MemberId, Presence>,
    history: History,
    /// Members to look at next.
    due: BTreeSet<MemberId>,
    /// Members to look at when their time comes, each once.
    later: BTreeSet<(Instant, MemberId)>,
    actions: Vec<RoomAction>,
    pace: Pace,
    /// The host has left: nothing is passed on any more.
    is_over: bool,
}

/// What a hosted room keeps about a member.
#[derive(Debug)]
struct Presence {
    phase: MemberPhase,
    /// When it is looked at again.
    again: Option<Instant>,
    /// It hosts the room: no number of waiting lines is a flood.
    is_host: bool,
    /// It sends no more, and is closed when its lines have passed.
    is_finished: bool,
}

/// How far a member has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MemberPhase {
    /// It may send its nick until then.
    Unannounced(Instant),
    /// It is sent the history from this message on, and took the last one then.
    CatchingUp(u64, Instant),
    /// The others know of it.
    Present,
}

impl Room {
    /// An empty room of a dialect.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, ..Self::default() }
    }

    /// Has each member send so many lines, rather than as many as usual.
    #[must_use]
    pub fn at(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Adds a member, under this nick until it sends another one.
    pub fn add_member(&mut self, id: MemberId, nick: &Nick, now: Instant) {
        let patience = if self.dialect.has_nicks() { INTRODUCTION } else { Duration::ZERO };
        let nick = Some(self.members.free_nick(nick, Some(id), 2));
        let lines = PacedLines::new(self.pace.bucket(now));
        let phase = MemberPhase::Unannounced(now + patience);
        let state = Presence { phase, again: None, is_host: false, is_finished: false };
        self.members.insert(id, nick, lines, state);
        self.due.insert(id);
    }

    /// Adds the host of the room, who is announced at once.
    pub fn add_host(&mut self, id: MemberId, nick: &Nick, now: Instant) {
        self.add_member(id, nick, now);
        if let Some(member) = self.members.get_mut(id) {
            member.state.is_host = true;
        }
        // Nothing was said before the host came, so nothing has to wait for its queue.
        self.announce(id, Outlook { now, space: &|_| usize::MAX });
    }

    /// Looks at a member again in the next [`Room::advance`]: its queue has drained.
    pub fn look_at(&mut self, id: MemberId) {
        self.due.insert(id);
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
            debug_assert!(
                member.lines.len() <= FLOOD || member.state.is_host,
                "a flood is cut off"
            );
            self.due.insert(id);
        }
    }

    /// A member sends no more; it is closed when its lines have passed.
    pub fn finish(&mut self, id: MemberId) {
        if let Some(member) = self.members.get_mut(id) {
            member.state.is_finished = true;
            self.due.insert(id);
        }
    }

    /// Removes a member, and announces to the others why.
    pub fn remove_member(&mut self, id: MemberId, why: Option<&str>) {
        let Some((Some(nick), state)) = self.members.remove(id) else { return };
        self.due.remove(&id);
        if let Some(again) = state.again {
            self.later.remove(&(again, id));
        }
        if state.phase == MemberPhase::Present {
            // The reason is the member's own text, and all the others show it.
            let why = why.map(|why| readable(why.as_bytes()));
            self.broadcast(None, &ChatLine::Left(nick, why));
        }
    }

    /// Whether lines of a member wait, so that it should not be read.
    pub fn is_backlogged(&self, id: MemberId) -> bool {
        self.members.get(id).is_some_and(|member| !member.lines.is_empty())
    }

    /// How many lines of a member wait.
    pub fn waiting(&self, id: MemberId) -> usize {
        self.members.get(id).map_or(0, |member| member.lines.len())
    }

    /// The member of this nick.
    pub fn find(&self, nick: &Nick) -> Option<MemberId> {
        self.members.find(nick)
    }

    /// Passes on the lines that may pass, and announces who has had time enough. Returns which members
    /// it looked at; [`Room::rest`] returns when to look again.
    pub fn advance(&mut self, outlook: Outlook<'_>) -> Vec<MemberId> {
        while let Some(entry) = self.later.first().copied().filter(|(at, _)| *at <= outlook.now) {
            self.later.remove(&entry);
            self.due.insert(entry.1);
        }
        let due: Vec<MemberId> = std::mem::take(&mut self.due).into_iter().collect();
        for id in &due {
            if self.is_over {
                break;
            }
            let again = self.advance_member(*id, outlook).map(|rest| outlook.now + rest);
            // It may be gone by now.
            let Some(member) = self.members.get_mut(*id) else { continue };
            if let Some(old) = std::mem::replace(&mut member.state.again, again) {
                self.later.remove(&(old, *id));
            }
            self.later.extend(again.map(|again| (again, *id)));
        }
        due
    }

    /// The time until [`Room::advance`] has something to do.
    pub fn rest(&self, now: Instant) -> Option<Duration> {
        let next = self.due.is_empty().then(|| self.later.first().map(|(at, _)| *at));
        next.unwrap_or(Some(now)).map(|at| at.saturating_duration_since(now))
    }

    /// What is to be done, in order.
    pub fn take_actions(&mut self) -> Vec<RoomAction> {
        std::mem::take(&mut self.actions)
    }

    fn advance_member(&mut self, id: MemberId, outlook: Outlook<'_>) -> Option<Duration> {
        // A nick may have filled its queue already.
        let mut is_filled = false;
        loop {
            let member = self.members.get_mut(id)?;
            let is_introduced = match member.state.phase {
                MemberPhase::Present => true,
                // Who begins with another line than its nick, such as a person at nc, stays a guest
                // for now.
                MemberPhase::Unannounced(_) => member.lines.peek().is_none_or(|line| {
                    matches!(self.dialect.parse_received(&line), ChatCommand::Nick(_))
                }),
                MemberPhase::CatchingUp(..) if is_filled => return self.patience(id, outlook),
                MemberPhase::CatchingUp(..) => false,
            };
            if !is_introduced && !self.announce(id, outlook) {
                return self.patience(id, outlook);
            }
            match self.members.get_mut(id)?.lines.next(outlook.now) {
                Ok(Some(line)) => self.execute(id, &line, outlook),
                Ok(None) => return self.advance_idle(id, outlook),
                Err(pause) => return Some(pause),
            }
            is_filled = true;
        }
    }

    /// A member of which no line waits.
    fn advance_idle(&mut self, id: MemberId, outlook: Outlook<'_>) -> Option<Duration> {
        let state = &self.members.get(id)?.state;
        let is_finished = state.is_finished;
        if let MemberPhase::Unannounced(until) = state.phase
            && let left = until.saturating_duration_since(outlook.now)
            && !left.is_zero()
            && !is_finished
        {
            return Some(left);
        }
        // One that has sent all it will ever send needs no nick, but receives what was said before.
        if !self.announce(id, outlook) {
            return self.patience(id, outlook);
        }
        if is_finished {
            self.close(id, None);
        }
        None
    }

    fn execute(&mut self, id: MemberId, text: &str, outlook: Outlook<'_>) {
        let is_host = self.members.get(id).is_some_and(|member| member.state.is_host);
        let command = if is_host {
            self.dialect.parse_typed(text)
        } else {
            self.dialect.parse_received(text)
        };
        let Some(nick) = self.members.nick(id) else { return };
        match command {
            ChatCommand::Say(text) => self.on_message(id, ChatLine::Said(nick, text.to_owned())),
            ChatCommand::Me(text) => self.on_message(id, ChatLine::Did(nick, text.to_owned())),
            ChatCommand::Msg(to, text) => self.whisper(id, nick, to, text),
            ChatCommand::Nick(name) => self.rename(id, name, outlook),
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
        self.is_over |= self.members.get(id).is_some_and(|member| member.state.is_host);
        self.actions.push(RoomAction::Close(id));
        self.remove_member(id, why);
    }

    fn on_message(&mut self, id: MemberId, line: ChatLine) {
        self.broadcast(Some(id), &line);
        if self.dialect.has_nicks() {
            self.history.push(line);
        }
    }

    fn whisper(&mut self, id: MemberId, nick: Nick, to: &str, text: &str) {
        let found = to.parse().ok().and_then(|nick| self.find(&nick));
        match found.filter(|other| self.is_present(*other)) {
            Some(other) => self.send(other, ChatLine::Whispered(nick, text.to_owned())),
            None => self.notice(id, &format!("nobody here is called {to}")),
        }
    }

    fn rename(&mut self, id: MemberId, name: &str, outlook: Outlook<'_>) {
        let wanted = match name.parse::<Nick>() {
            Ok(nick) => nick,
            Err(error) => {
                self.announce(id, outlook);
                return self.notice(id, &error);
            }
        };
        let new = self.members.free_nick(&wanted, Some(id), 2);
        if !new.is_same(&wanted) {
            self.notice(id, &format!("{wanted} is taken"));
        }
        let Some(old) = self.members.rename(id, Some(new.clone())) else { return };
        if !self.is_present(id) {
            self.announce(id, outlook);
        } else if old != new {
            self.send(id, ChatLine::You(new.clone()));
            self.broadcast(Some(id), &ChatLine::Renamed(old, new));
        }
    }

    /// Sends a member who is there.
    fn list(&mut self, id: MemberId) {
        let present = self.present().filter_map(|(_, member)| member.nick().cloned());
        let nicks: Vec<Nick> = present.collect();
        for names in nicks.chunks(NAMES) {
            self.send(id, ChatLine::Here(names.to_vec()));
        }
    }

    fn present(&self) -> impl Iterator<Item = (MemberId, &Member<Presence>)> {
        self.members.iter().filter(|(_, member)| member.state.phase == MemberPhase::Present)
    }

    fn is_present(&self, id: MemberId) -> bool {
        self.members.get(id).is_some_and(|member| member.state.phase == MemberPhase::Present)
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
