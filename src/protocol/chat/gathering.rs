//! A room without a host: each member tells the group by itself who it is and what it says.
//!
//! Each datagram is one line, written as a host would write it. Members say now and then that they
//! are there, and are gone when they have not for a while. Who hears somebody else say that it is
//! there under the same name takes another one. Nothing of it can be trusted more than the network
//! that it comes from.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::allowance::{Allowance, OWN_BURST};
use super::command::{Command, HELP, complaint};
use super::line::{Line, readable};
use super::nick::Nick;

/// How often a member says that it is there.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
/// After how long a silent member is taken to be gone.
pub const SILENCE: Duration = Duration::from_secs(35);
/// Within this all members answer a newcomer, each at a time of its own.
const ANSWER: Duration = Duration::from_millis(300);
/// More members than these are not heard.
const MOST: usize = 1000;

/// What the session is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Send a line to the group.
    Send(Line),
    /// Send a line to one member.
    SendTo(SocketAddr, Line),
    /// Show a line to the person here.
    Show(Line),
    /// Leave.
    Leave,
}

/// The room, as one member sees it.
#[derive(Debug)]
pub struct Gathering {
    you: Nick,
    /// The name that the person here asked for, which somebody else may have.
    wanted: Nick,
    peers: BTreeMap<SocketAddr, Peer>,
    allowance: Allowance,
    /// Lines of the person here that were not said yet.
    waiting: VecDeque<Vec<u8>>,
    is_leaving: bool,
    /// Somebody could not be heard for want of room, which was told.
    is_crowded: bool,
    next_heartbeat: Instant,
    deeds: Vec<Deed>,
}

/// Another member.
#[derive(Debug)]
struct Peer {
    /// What it calls itself; `None` for who does not speak as a member does.
    nick: Option<Nick>,
    heard: Instant,
    allowance: Allowance,
    /// It said too much, which was told.
    is_flooding: bool,
}

impl Gathering {
    /// Comes in under this name.
    pub fn enter(nick: Nick, now: Instant) -> Self {
        let deeds =
            vec![Deed::Send(Line::Joined(nick.clone())), Deed::Show(Line::You(nick.clone()))];
        Self {
            you: nick.clone(),
            wanted: nick,
            peers: BTreeMap::new(),
            allowance: Allowance::of(OWN_BURST, now),
            waiting: VecDeque::new(),
            is_leaving: false,
            is_crowded: false,
            next_heartbeat: now + HEARTBEAT,
            deeds,
        }
    }

    /// Takes a line of the person here.
    pub fn say(&mut self, line: &[u8]) {
        self.waiting.push_back(line.to_vec());
    }

    /// Leaves, once everything is said.
    pub fn hang_up(&mut self) {
        self.is_leaving = true;
    }

    /// Says goodbye.
    pub fn leave(&mut self, why: &str) {
        let why = Some(why.to_owned()).filter(|why| !why.is_empty());
        self.deeds.push(Deed::Send(Line::Left(self.you.clone(), why)));
    }

    /// Whether lines of the person here wait, so that no more should be read.
    pub fn is_stuffed(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What is to be done, in order.
    pub fn take_deeds(&mut self) -> Vec<Deed> {
        std::mem::take(&mut self.deeds)
    }

    /// A datagram has come. `chance`, from 0 to 1, sets when an answer is given, and how a quarrel
    /// about a name ends.
    pub fn hear(&mut self, from: SocketAddr, datagram: &[u8], now: Instant, chance: f64) {
        let datagram = datagram.strip_suffix(b"\n").unwrap_or(datagram);
        let line = Line::read(datagram.strip_suffix(b"\r").unwrap_or(datagram));
        let Some(nick) = who(&line) else {
            if self.admits(from, None, now) {
                let text = format!("<{from}> {}", readable(datagram));
                self.show(Line::Other(text));
            }
            return;
        };
        if let Line::Left(..) = line {
            // Only of itself can it say that.
            if self.peers.get(&from).is_some_and(|peer| peer.nick.as_ref() == Some(&nick)) {
                self.peers.remove(&from);
                self.show(line);
            }
            return;
        }
        let is_greeting = matches!(line, Line::Joined(_));
        let before = self.peers.get(&from).map(|peer| peer.nick.clone());
        if !self.admits(from, Some(&nick), now) {
            return;
        }
        match before {
            Some(Some(old)) if old != nick => self.show(Line::Renamed(old, nick.clone())),
            Some(Some(_)) => {}
            _ if is_greeting => self.show(Line::Joined(nick.clone())),
            _ => self.show(Line::Present(nick.clone())),
        }
        if is_greeting {
            self.next_heartbeat = self.next_heartbeat.min(now + ANSWER.mul_f64(chance));
        } else if nick.is_same(&self.you) {
            self.give_way(chance);
        }
        if matches!(line, Line::Said(..) | Line::Did(..) | Line::Whispered(..)) {
            self.show(line);
        }
    }

    /// Says what may be said and is due, and forgets who is gone; returns when to look again.
    pub fn pump(&mut self, now: Instant) -> Duration {
        if now >= self.next_heartbeat {
            self.next_heartbeat = now + HEARTBEAT;
            self.deeds.push(Deed::Send(Line::Present(self.you.clone())));
        }
        self.expire(now);
        let mut rest = self.next_heartbeat.saturating_duration_since(now);
        while !self.waiting.is_empty() {
            if let Err(pause) = self.allowance.take(now) {
                return rest.min(pause);
            }
            if let Some(line) = self.waiting.pop_front() {
                self.speak(&readable(&line));
            }
        }
        if std::mem::take(&mut self.is_leaving) {
            self.leave("");
            self.deeds.push(Deed::Leave);
            rest = HEARTBEAT;
        }
        rest
    }

    fn expire(&mut self, now: Instant) {
        let is_gone = |peer: &Peer| now.saturating_duration_since(peer.heard) > SILENCE;
        let gone: Vec<SocketAddr> =
            self.peers.iter().filter(|(_, peer)| is_gone(peer)).map(|(from, _)| *from).collect();
        for from in gone {
            if let Some(nick) = self.peers.remove(&from).and_then(|peer| peer.nick) {
                self.show(Line::Left(nick, Some("silent".to_owned())));
            }
        }
    }

    fn speak(&mut self, text: &str) {
        let you = self.you.clone();
        match Command::parse(text) {
            Command::Say(text) => self.deeds.push(Deed::Send(Line::Said(you, text.to_owned()))),
            Command::Me(text) => self.deeds.push(Deed::Send(Line::Did(you, text.to_owned()))),
            Command::Msg(to, text) => match self.find(to) {
                Some(peer) => {
                    self.deeds.push(Deed::SendTo(peer, Line::Whispered(you, text.to_owned())));
                }
                None => self.notice(format!("nobody here is called {to}")),
            },
            Command::Nick(name) => match name.parse::<Nick>() {
                Ok(nick) => {
                    self.wanted = nick;
                    self.rename(2);
                }
                Err(error) => self.notice(error),
            },
            Command::Who => {
                let others = self.peers.values().filter_map(|peer| peer.nick.clone());
                let mut nicks: Vec<Nick> = others.chain([you]).collect();
                nicks.sort();
                self.show(Line::Here(nicks));
            }
            Command::Help => self.notice(HELP.to_owned()),
            Command::Quit(why) => {
                self.leave(why);
                self.deeds.push(Deed::Leave);
            }
            Command::Bad(name) => self.notice(complaint(name)),
            Command::Empty => {}
        }
    }

    /// Takes the wanted name, or that with a number from `first` on where somebody has it.
    fn rename(&mut self, first: u64) {
        let wanted = self.wanted.clone();
        let is_free = |nick: &Nick| {
            let has_it = |peer: &Peer| peer.nick.as_ref().is_some_and(|other| other.is_same(nick));
            !self.peers.values().any(has_it)
        };
        let numbered = (first..).map(|number| wanted.numbered(number));
        let new = std::iter::once(wanted.clone()).chain(numbered).find(is_free);
        let new = new.unwrap_or_else(|| wanted.clone());
        if !new.is_same(&wanted) {
            self.notice(format!("{wanted} is taken"));
        }
        if new != self.you {
            let old = std::mem::replace(&mut self.you, new.clone());
            self.deeds.push(Deed::Send(Line::Renamed(old, new.clone())));
            self.show(Line::You(new));
        }
    }

    /// Somebody else is there under the same name. Two who give way at once should not take the
    /// same one again, so chance picks the number.
    fn give_way(&mut self, chance: f64) {
        let first = 2 + (chance.clamp(0.0, 1.0) * 97.0) as u64;
        self.rename(first);
    }

    /// Whether a member is heard now; notes what it calls itself.
    fn admits(&mut self, from: SocketAddr, nick: Option<&Nick>, now: Instant) -> bool {
        if !self.peers.contains_key(&from) && self.peers.len() >= MOST {
            if !std::mem::replace(&mut self.is_crowded, true) {
                self.notice(format!("more than {MOST} members: the others are not heard"));
            }
            return false;
        }
        let new =
            || Peer { nick: None, heard: now, allowance: Allowance::new(now), is_flooding: false };
        let peer = self.peers.entry(from).or_insert_with(new);
        peer.heard = now;
        let is_heard = peer.allowance.take(now).is_ok();
        if is_heard {
            peer.is_flooding = false;
            if let Some(nick) = nick {
                peer.nick = Some(nick.clone());
            }
        } else if !std::mem::replace(&mut peer.is_flooding, true) {
            let name = peer.nick.as_ref().map_or_else(|| from.to_string(), Nick::to_string);
            self.notice(format!("{name} says too much: not all of it is shown"));
        }
        is_heard
    }

    fn find(&self, name: &str) -> Option<SocketAddr> {
        let nick = name.parse::<Nick>().ok()?;
        let is_it = |peer: &Peer| peer.nick.as_ref().is_some_and(|other| other.is_same(&nick));
        self.peers.iter().find(|(_, peer)| is_it(peer)).map(|(from, _)| *from)
    }

    fn show(&mut self, line: Line) {
        self.deeds.push(Deed::Show(line));
    }

    fn notice(&mut self, text: String) {
        self.show(Line::Notice(text));
    }
}

/// Whom a line of a member is about; `None` where no member writes like this.
fn who(line: &Line) -> Option<Nick> {
    match line {
        Line::Said(nick, _) | Line::Did(nick, _) | Line::Whispered(nick, _) => Some(nick.clone()),
        Line::Joined(nick) | Line::Present(nick) | Line::Left(nick, _) => Some(nick.clone()),
        Line::Renamed(_, new) => Some(new.clone()),
        _ => None,
    }
}
