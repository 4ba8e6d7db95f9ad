//! A room without a host: each member sends the group who it is and what it says.
//!
//! Each datagram is one line, written as a host would write it. Members send a heartbeat every
//! [`HEARTBEAT`], and are gone after [`SILENCE`] without one. A member that receives its own nick from
//! somebody else takes another one. Nothing of it can be trusted more than the network that it comes
//! from.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::dialect::{ChatCommand, HELP, unknown_command};
use super::line::{ChatLine, readable};
use super::members::{Member, Members, PacedLines};
use super::members::{OWN_BURST, TokenBucket};
use super::nick::Nick;

/// How often a member sends that it is there.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
/// After how long a silent member is taken to be gone.
// Two heartbeats in a row may be lost, as UDP allows; three are taken for an end.
pub const SILENCE: Duration = Duration::from_secs(35);
/// Within this all members answer a newcomer, each at a random time.
// At the same moment, the answers of a large room could overflow the receive buffers.
const ANSWER: Duration = Duration::from_millis(300);
/// Upper bound on the other members; datagrams of more are dropped.
const MOST: usize = 1000;

/// What the session is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupAction {
    /// Send a line to the group.
    Broadcast(ChatLine),
    /// Send a line to one member.
    SendTo(SocketAddr, ChatLine),
    /// Show a line to the user.
    Show(ChatLine),
    /// End the session.
    Leave,
}

/// The room, as one member sees it.
#[derive(Debug)]
pub struct GroupRoom {
    you: Nick,
    /// The nick that the user asked for, which another member may have.
    wanted: Nick,
    peers: Members<SocketAddr, Liveness>,
    /// Lines of the user that were not sent yet.
    lines: PacedLines,
    /// The user leaves when they are sent.
    is_finished: bool,
    /// A sender was dropped for want of room, which was reported.
    is_crowded: bool,
    next_heartbeat: Instant,
    actions: Vec<GroupAction>,
}

/// What a room without a host keeps about another member. Its lines never wait: those beyond its token
/// bucket are dropped.
#[derive(Debug)]
struct Liveness {
    last_received: Instant,
    /// Lines of it were dropped, which was reported.
    is_flooding: bool,
}

impl GroupRoom {
    /// Joins under this nick.
    pub fn join(nick: Nick, now: Instant) -> Self {
        let joined = GroupAction::Broadcast(ChatLine::Joined(nick.clone()));
        let actions = vec![joined, GroupAction::Show(ChatLine::You(nick.clone()))];
        Self {
            you: nick.clone(),
            wanted: nick,
            peers: Members::default(),
            lines: PacedLines::new(TokenBucket::of(OWN_BURST, now)),
            is_finished: false,
            is_crowded: false,
            next_heartbeat: now + HEARTBEAT,
            actions,
        }
    }

    /// Takes a line of the user.
    pub fn input(&mut self, line: &[u8]) {
        self.lines.push(line);
    }

    /// The user leaves, once all lines are sent.
    pub fn finish(&mut self) {
        self.is_finished = true;
    }

    /// Sends the group that the user leaves.
    pub fn announce_leaving(&mut self, why: &str) {
        let why = Some(why.to_owned()).filter(|why| !why.is_empty());
        self.broadcast(ChatLine::Left(self.you.clone(), why));
    }

    /// Whether lines of the user wait, so that no more should be read.
    pub fn is_backlogged(&self) -> bool {
        !self.lines.is_empty()
    }

    /// How many lines of the user wait.
    pub fn waiting(&self) -> usize {
        self.lines.len()
    }

    /// What is to be done, in order.
    pub fn take_actions(&mut self) -> Vec<GroupAction> {
        std::mem::take(&mut self.actions)
    }

    /// Takes a datagram. `chance`, from 0 to 1, sets when an answer is given, and how a conflict about a
    /// nick ends.
    pub fn receive(&mut self, from: SocketAddr, datagram: &[u8], now: Instant, chance: f64) {
        let datagram = datagram.strip_suffix(b"\n").unwrap_or(datagram);
        let line = ChatLine::read(datagram.strip_suffix(b"\r").unwrap_or(datagram));
        let Some(nick) = subject(&line) else {
            if self.admit(from, None, now) {
                let text = format!("<{from}> {}", readable(datagram));
                self.show(ChatLine::Other(text));
            }
            return;
        };
        if let ChatLine::Left(..) = line {
            // A member can announce only its own leaving.
            if self.peers.nick(from).as_ref() == Some(&nick) {
                self.peers.remove(from);
                self.show(line);
            }
            return;
        }
        let before = self.peers.nick(from);
        if !self.admit(from, Some(&nick), now) {
            return;
        }
        let is_greeting = matches!(line, ChatLine::Joined(_));
        match before {
            Some(old) if old != nick => self.show(ChatLine::Renamed(old, nick.clone())),
            Some(_) => {}
            None if is_greeting => self.show(ChatLine::Joined(nick.clone())),
            None => self.show(ChatLine::Present(nick.clone())),
        }
        if is_greeting {
            self.next_heartbeat = self.next_heartbeat.min(now + ANSWER.mul_f64(chance));
        } else if nick.is_same(&self.you) {
            self.yield_nick(chance);
        }
        if matches!(line, ChatLine::Said(..) | ChatLine::Did(..) | ChatLine::Whispered(..)) {
            self.show(line);
        }
    }

    /// Sends what is due and may be sent, and forgets silent members; returns when to look again.
    pub fn advance(&mut self, now: Instant) -> Duration {
        if now >= self.next_heartbeat {
            self.next_heartbeat = now + HEARTBEAT;
            self.broadcast(ChatLine::Present(self.you.clone()));
        }
        self.expire(now);
        let rest = self.next_heartbeat.saturating_duration_since(now);
        loop {
            match self.lines.next(now) {
                Ok(Some(line)) => self.execute(&line),
                Ok(None) => break,
                Err(pause) => return rest.min(pause),
            }
        }
        if !std::mem::take(&mut self.is_finished) {
            return rest;
        }
        self.leave("");
        HEARTBEAT
    }

    fn expire(&mut self, now: Instant) {
        let is_gone = |peer: &Member<Liveness>| {
            now.saturating_duration_since(peer.state.last_received) > SILENCE
        };
        let gone = self.peers.iter().filter(|(_, peer)| is_gone(peer)).map(|(from, _)| from);
        for from in gone.collect::<Vec<SocketAddr>>() {
            if let Some((Some(nick), _)) = self.peers.remove(from) {
                self.show(ChatLine::Left(nick, Some("silent".to_owned())));
            }
        }
    }

    fn execute(&mut self, text: &str) {
        let you = self.you.clone();
        match ChatCommand::parse(text) {
            ChatCommand::Say(text) => self.broadcast(ChatLine::Said(you, text.to_owned())),
            ChatCommand::Me(text) => self.broadcast(ChatLine::Did(you, text.to_owned())),
            ChatCommand::Msg(to, text) => self.whisper(to, text),
            ChatCommand::Nick(name) => match name.parse::<Nick>() {
                Ok(nick) => {
                    self.wanted = nick;
                    self.rename(2);
                }
                Err(error) => self.notice(error),
            },
            ChatCommand::Who => {
                let others = self.peers.iter().filter_map(|(_, peer)| peer.nick().cloned());
                let mut nicks: Vec<Nick> = others.chain([you]).collect();
                nicks.sort();
                self.show(ChatLine::Here(nicks));
            }
            ChatCommand::Help => self.notice(HELP.to_owned()),
            ChatCommand::Quit(why) => self.leave(why),
            ChatCommand::Bad(name) => self.notice(unknown_command(name)),
            ChatCommand::Empty => {}
        }
    }

    fn whisper(&mut self, to: &str, text: &str) {
        match to.parse().ok().and_then(|nick| self.peers.find(&nick)) {
            Some(peer) => {
                let line = ChatLine::Whispered(self.you.clone(), text.to_owned());
                self.actions.push(GroupAction::SendTo(peer, line));
            }
            None => self.notice(format!("nobody here is called {to}")),
        }
    }

    /// Takes the wanted nick, or that with a number from `first` on where another member has it.
    fn rename(&mut self, first: u64) {
        let wanted = self.wanted.clone();
        let new = self.peers.free_nick(&wanted, None, first);
        if !new.is_same(&wanted) {
            self.notice(format!("{wanted} is taken"));
        }
        if new != self.you {
            let old = std::mem::replace(&mut self.you, new.clone());
            self.broadcast(ChatLine::Renamed(old, new.clone()));
            self.show(ChatLine::You(new));
        }
    }

    /// Another member has the same nick. Two that yield at once should not take the same one again, so
    /// chance picks the number.
    fn yield_nick(&mut self, chance: f64) {
        let first = 2 + (chance.clamp(0.0, 1.0) * 97.0) as u64;
        self.rename(first);
    }

    /// Whether a line of this sender passes now; notes that it is there, and its nick.
    fn admit(&mut self, from: SocketAddr, nick: Option<&Nick>, now: Instant) -> bool {
        if self.peers.get(from).is_none() {
            // UDP source addresses are easily forged: without a bound each new one would take
            // memory.
            if self.peers.len() >= MOST {
                if !std::mem::replace(&mut self.is_crowded, true) {
                    self.notice(format!("more than {MOST} members: the others are not heard"));
                }
                return false;
            }
            let lines = PacedLines::new(TokenBucket::new(now));
            let state = Liveness { last_received: now, is_flooding: false };
            self.peers.insert(from, None, lines, state);
            debug_assert!(self.peers.len() <= MOST, "{} members", self.peers.len());
        }
        let Some(peer) = self.peers.get_mut(from) else { return false };
        // A member that floods is there all the same, and does not become silent.
        peer.state.last_received = now;
        let is_admitted = peer.lines.admit(now);
        if is_admitted {
            peer.state.is_flooding = false;
            if nick.is_some() && peer.nick() != nick {
                self.peers.rename(from, nick.cloned());
            }
        } else if !std::mem::replace(&mut peer.state.is_flooding, true) {
            let name = peer.nick().map_or_else(|| from.to_string(), Nick::to_string);
            self.notice(format!("{name} sends too much: not all of it is shown"));
        }
        is_admitted
    }

    fn leave(&mut self, why: &str) {
        self.announce_leaving(why);
        self.actions.push(GroupAction::Leave);
    }

    fn broadcast(&mut self, line: ChatLine) {
        self.actions.push(GroupAction::Broadcast(line));
    }

    fn show(&mut self, line: ChatLine) {
        self.actions.push(GroupAction::Show(line));
    }

    fn notice(&mut self, text: String) {
        self.show(ChatLine::Notice(text));
    }
}

/// The member that a line is about; `None` where no member writes like this.
fn subject(line: &ChatLine) -> Option<Nick> {
    match line {
        ChatLine::Said(nick, _) | ChatLine::Did(nick, _) | ChatLine::Whispered(nick, _) => {
            Some(nick.clone())
        }
        ChatLine::Joined(nick) | ChatLine::Present(nick) | ChatLine::Left(nick, _) => {
            Some(nick.clone())
        }
        ChatLine::Renamed(_, new) => Some(new.clone()),
        _ => None,
    }
}
