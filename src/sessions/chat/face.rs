//! How the person here sees the chat, and speaks: plain lines on stdout and stdin, or a screen.

use std::time::SystemTime;

use super::config::Persona;
use super::screen::Screen;
use crate::error::Failure;
use crate::event_loop::{Pool, Signal};
use crate::kind::Kind;
use crate::protocol::chat::command::Command;
use crate::protocol::chat::roster::Roster;
use crate::protocol::chat::{Line, Nick};
use crate::sessions::console::Message;
use crate::sessions::core::Core;
use crate::sys::clock;

/// What the person here has entered.
#[derive(Debug, Default)]
pub(super) struct Entered {
    /// Whole lines, without their ends.
    pub(super) lines: Vec<Vec<u8>>,
    /// Why the rest of stdin cannot be read.
    pub(super) failure: Option<Failure>,
    /// It leaves, once everything is said.
    pub(super) leaves: bool,
    /// ^C, which a screen has as a key.
    pub(super) interrupts: bool,
}

/// The person's side of a chat.
pub struct Face {
    time: bool,
    roster: Roster,
    /// What comes was said before this person came, and nobody knows when.
    is_earlier: bool,
    screen: Option<Box<Screen>>,
}

impl Face {
    /// The face of a person, with a screen where there is one.
    pub fn new(persona: &Persona, screen: Option<Screen>) -> Self {
        let screen = screen.map(Box::new);
        Self { time: persona.time, roster: Roster::default(), is_earlier: false, screen }
    }

    /// Whether a line is said to this person, rather than about who is there, or to others before.
    pub(super) fn is_news(&self, line: &Line) -> bool {
        line.is_talk() && !self.is_earlier
    }

    /// Shows a line that came from a peer of this address, or by this connection.
    pub(super) fn show(
        &mut self,
        pool: &mut Pool,
        core: &mut Core,
        line: &Line,
        from: (Option<u64>, &str),
    ) {
        if self.is_news(line) || !line.is_talk() {
            self.roster.note(line);
        }
        match line {
            Line::Earlier => self.is_earlier = true,
            Line::You(_) => self.is_earlier = false,
            _ => {}
        }
        let time = if self.is_earlier { String::new() } else { self.clock() };
        match &mut self.screen {
            Some(screen) if self.is_earlier => return screen.show_earlier(line),
            Some(screen) => return screen.show(line, &time),
            None => {}
        }
        let text = format!("{time}{line}");
        let peer = line.speaker().map_or(from.1, |nick| nick.as_str());
        let message = Message { conn: from.0, ..Message::new(text.as_bytes(), peer) };
        core.console.deliver(pool, &message);
    }

    /// The person has this name here, which the room does not say.
    pub(super) fn call(&mut self, nick: Nick) {
        let line = Line::You(nick);
        self.roster.note(&line);
        if let Some(screen) = &mut self.screen {
            screen.change().roster.note(&line);
        }
    }

    /// Tells the person something that nobody else hears of.
    pub(super) fn tell(&mut self, pool: &mut Pool, core: &mut Core, text: &str) {
        let time = self.clock();
        match &mut self.screen {
            Some(screen) => screen.change().tell(text, &time),
            None => core.console.warn(pool, Kind::Chat, text),
        }
    }

    /// Shows the person what it has said itself, where it does not see that anyway.
    pub(super) fn echo(&mut self, command: &Command<'_>) {
        let (line, time) = (self.roster.you().and_then(|you| command.echo(you)), self.clock());
        if let (Some(line), Some(screen)) = (line, &mut self.screen) {
            screen.change().echo(&line, &time);
        }
    }

    /// Takes what stdin has given.
    pub(super) fn enter(&mut self, core: &mut Core, bytes: &[u8], eof: bool) -> Entered {
        core.feed.saw(bytes);
        if let Some(screen) = &mut self.screen {
            return screen.enter(bytes, eof);
        }
        let (batch, result) = core.feed.convert(bytes, eof);
        let line = |message: &[u8]| message.strip_suffix(b"\n").unwrap_or(message).to_vec();
        let lines = batch.messages().map(line).collect();
        Entered { lines, failure: result.err(), ..Entered::default() }
    }

    /// What the person is called here, where the room has said it.
    pub(super) fn nick(&self) -> Option<&Nick> {
        self.roster.you()
    }

    /// The room is here.
    pub(super) fn opened(&mut self) {
        if let Some(screen) = &mut self.screen {
            screen.change().is_connected = true;
        }
    }

    /// There is a connection to the room.
    pub(super) fn connected(&mut self, peer: &str) {
        let time = self.clock();
        if let Some(screen) = &mut self.screen {
            screen.change().is_connected = true;
            screen.view.tell(&format!("connected to {peer}"), &time);
        }
    }

    /// There is none; whoever was there is not known to be.
    pub(super) fn disconnected(&mut self) {
        self.roster.forget_others();
        self.is_earlier = false;
        if let Some(screen) = &mut self.screen {
            screen.change().is_connected = false;
            screen.view.roster.forget_others();
        }
    }

    /// Something happens to the terminal.
    pub(super) fn on_signal(&mut self, signal: Signal) {
        match (signal, &mut self.screen) {
            (Signal::Resize, Some(screen)) => screen.resize(),
            (Signal::Suspend, Some(screen)) => screen.suspend(),
            (Signal::Continue, Some(screen)) => screen.go_on(),
            _ => {}
        }
    }

    /// Brings what was shown since the last time to the person.
    pub(super) fn refresh(&mut self, pool: &mut Pool, core: &mut Core) {
        let time = self.clock();
        match &mut self.screen {
            Some(screen) => screen.refresh(pool, core, &time),
            None => core.console.commit(pool),
        }
    }

    /// What stands before a line that is shown now.
    fn clock(&self) -> String {
        if !self.time {
            return String::new();
        }
        let (hours, minutes) = clock::hours_and_minutes(SystemTime::now());
        format!("{hours:02}:{minutes:02} ")
    }
}
