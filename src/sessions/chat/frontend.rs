//! The user's side of a chat: plain lines on stdout and stdin, or a screen.

use std::time::{Duration, Instant, SystemTime};

use super::Identity;
use super::screen::Screen;
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Pool, Signal};
use crate::kind::Kind;
use crate::protocol::chat::dialect::ChatCommand;
use crate::protocol::chat::line::readable;
use crate::protocol::chat::pace::Pace;
use crate::protocol::chat::view::Roster;
use crate::protocol::chat::{ChatLine, Dialect, Nick};
use crate::protocol::relay::Source;
use crate::protocol::text::number;
use crate::sessions::console::Message;
use crate::sessions::core::Core;
use crate::sessions::session::Piece;
use crate::sys::clock;

/// What a read of stdin means to the chat.
#[derive(Debug, Default)]
pub(super) struct InputEvent {
    /// Whole lines, without their ends.
    pub(super) lines: Vec<Vec<u8>>,
    /// Lines behind them that are not taken, because too many wait.
    pub(super) refused: usize,
    /// Why the rest of stdin cannot be read.
    pub(super) failure: Option<Failure>,
    /// The user leaves once the lines are sent.
    pub(super) leaves: bool,
    /// The same, or stdin has ended behind something: nobody is left to leave.
    pub(super) is_over: bool,
    /// ^C, which a screen receives as a key. It has decided the status.
    pub(super) interrupts: bool,
}

/// The user is told that lines wait once they have waited this long.
const NOTABLE: Duration = Duration::from_millis(500);

/// Lines that may wait behind a screen; one more is not sent, and the user sees it.
const MOST_WAITING: usize = 1000;

/// The user's side of a chat.
pub struct Frontend {
    time: bool,
    /// The lines received are older than the user's joining, of an unknown time: from `Earlier` to `You`.
    is_earlier: bool,
    display: Display,
    /// How fast lines may be sent.
    pace: Pace,
    /// Lines that came faster than they may be sent, and wait.
    waiting: usize,
    /// Since when lines wait.
    since: Option<Instant>,
    /// The user was told that lines wait.
    is_paced: bool,
}

/// Where lines are shown, and who is there.
enum Display {
    /// stdout, line by line.
    Plain(Roster),
    /// A terminal, with the roster beside the messages.
    Screen(Box<Screen>),
}

impl Frontend {
    /// The frontend of a user, with a screen where there is one.
    pub fn new(identity: &Identity, screen: Option<Screen>) -> Self {
        let display = match screen {
            Some(screen) => Display::Screen(Box::new(screen)),
            None => Display::Plain(Roster::default()),
        };
        let (pace, time) = (Pace::default(), identity.time);
        Self { time, is_earlier: false, display, pace, waiting: 0, since: None, is_paced: false }
    }

    /// The room takes lines at this pace.
    pub(super) fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Whether stdin is read while lines of it wait: keys of a screen are more than lines.
    pub(super) fn reads_on(&self) -> bool {
        matches!(self.display, Display::Screen(_))
    }

    /// Shows how many lines wait, and whether they do because the room takes no more for now.
    pub(super) fn show_waiting(
        &mut self,
        pool: &mut Pool,
        core: &mut Core,
        (waiting, is_paced): (usize, bool),
    ) {
        let is_same = std::mem::replace(&mut self.waiting, waiting) == waiting;
        let now = pool.now();
        self.since = (waiting > 0 && is_paced).then(|| self.since.unwrap_or(now));
        // The host may be about to signal that it takes more.
        let is_long =
            self.since.is_some_and(|since| now.saturating_duration_since(since) >= NOTABLE);
        match &mut self.display {
            Display::Screen(_) if is_same => {}
            Display::Screen(screen) => screen.change().waiting = waiting,
            Display::Plain(_) if !is_long => {}
            Display::Plain(_) if std::mem::replace(&mut self.is_paced, true) => {}
            Display::Plain(_) => {
                let rate = number(self.pace.rate.into(), "line");
                let text = format!("lines wait: this chat takes {rate} a second from each member");
                core.console.warn(pool, Kind::Chat, &text);
            }
        }
    }

    /// Whether a line is a message that the user has not missed.
    pub(super) fn is_news(&self, line: &ChatLine) -> bool {
        line.is_message() && !self.is_earlier
    }

    /// Shows a line that came by a connection of this number, if it has one, and from this peer.
    pub(super) fn show(
        &mut self,
        pool: &mut Pool,
        core: &mut Core,
        line: &ChatLine,
        from: (Option<u64>, &str),
    ) {
        if self.is_news(line) || !line.is_message() {
            self.roster_mut().note(line);
        }
        match line {
            ChatLine::Earlier => self.is_earlier = true,
            ChatLine::You(_) => self.is_earlier = false,
            _ => {}
        }
        let time = if self.is_earlier { String::new() } else { self.clock() };
        match &mut self.display {
            Display::Screen(screen) if self.is_earlier => screen.change().show_earlier(line),
            Display::Screen(screen) => screen.show(line, &time),
            Display::Plain(_) => {
                let text = format!("{time}{line}");
                let peer = line.author().map_or(from.1, |nick| nick.as_str());
                let message = Message { conn: from.0, ..Message::new(text.as_bytes(), peer) };
                core.console.deliver(pool, &message);
            }
        }
    }

    /// Gives the user a nick that the room does not send.
    pub(super) fn set_nick(&mut self, nick: Nick) {
        self.roster_mut().note(&ChatLine::You(nick));
    }

    /// Shows the user a notice of this program.
    pub(super) fn show_notice(&mut self, pool: &mut Pool, core: &mut Core, text: &str) {
        let time = self.clock();
        match &mut self.display {
            Display::Screen(screen) => screen.change().show_notice(text, &time),
            Display::Plain(_) => core.console.warn(pool, Kind::Chat, text),
        }
    }

    /// Shows on a screen what the user has sent; a terminal shows plain lines by itself.
    pub(super) fn echo(&mut self, command: &ChatCommand<'_>) {
        let (line, time) = (self.nick().and_then(|you| command.echo(you)), self.clock());
        if let (Some(line), Display::Screen(screen)) = (line, &mut self.display) {
            screen.change().echo(&line, &time);
        }
    }

    /// Shows how many lines of the user were not taken. It stands behind those that were: however many
    /// they are, they do not scroll it away.
    pub(super) fn show_refused(&mut self, refused: usize) {
        if let (1.., Display::Screen(screen)) = (refused, &mut self.display) {
            let text = format!("too many lines wait: {refused} more are not sent");
            screen.change().show_notice(&text, "");
        }
    }

    /// Takes what was read from stdin.
    pub(super) fn take_input(&mut self, core: &mut Core, piece: Piece<'_>) -> InputEvent {
        let mut event = match &mut self.display {
            Display::Screen(screen) => {
                core.input.note_bytes(piece.bytes());
                screen.take_input(piece, MOST_WAITING.saturating_sub(self.waiting))
            }
            Display::Plain(_) => {
                let portion = core.input.read(piece);
                let line = |message: &[u8]| message.strip_suffix(b"\n").unwrap_or(message).to_vec();
                let lines = portion.batch.messages().map(line).collect();
                let failure = portion.end.and_then(Result::err);
                InputEvent { lines, failure, ..InputEvent::default() }
            }
        };
        if piece.is_end() {
            core.input.end();
        }
        let is_screen = matches!(self.display, Display::Screen(_));
        debug_assert!(!is_screen || event.lines.len() <= MOST_WAITING, "a screen has a bound");
        if event.interrupts {
            core.overrule(Status::Interrupt);
        }
        // A stdin that is empty from the start means no user who could leave.
        let input = core.input.progress();
        let is_left = piece.is_end() && (input.source == Source::Terminal || !input.empty);
        event.is_over = event.leaves || is_left;
        event
    }

    /// The same for a room that takes all lines as they are.
    pub(super) fn pass_input(
        &mut self,
        core: &mut Core,
        piece: Piece<'_>,
        dialect: Dialect,
        pass: &mut dyn FnMut(&[u8]),
    ) -> InputEvent {
        let event = self.take_input(core, piece);
        for line in &event.lines {
            self.echo(&dialect.parse_typed(&readable(line)));
            core.count_sent(1);
            pass(line);
        }
        self.show_refused(event.refused);
        event
    }

    /// The user's nick, once the room has sent it.
    pub(super) fn nick(&self) -> Option<&Nick> {
        match &self.display {
            Display::Plain(roster) => roster.you(),
            Display::Screen(screen) => screen.view.roster.you(),
        }
    }

    /// The room is open.
    pub(super) fn on_open(&mut self) {
        if let Display::Screen(screen) = &mut self.display {
            screen.change().is_connected = true;
        }
    }

    /// The connection to the room is up.
    pub(super) fn on_connected(&mut self, peer: &str) {
        let time = self.clock();
        if let Display::Screen(screen) = &mut self.display {
            screen.change().is_connected = true;
            screen.view.show_notice(&format!("connected to {peer}"), &time);
        }
    }

    /// The connection is lost; who else is there is unknown.
    pub(super) fn on_disconnected(&mut self) {
        self.is_earlier = false;
        self.roster_mut().forget_others();
        if let Display::Screen(screen) = &mut self.display {
            screen.change().is_connected = false;
        }
    }

    /// Takes a signal that concerns the terminal.
    pub(super) fn on_event(&mut self, event: &Event<'_>) {
        let Event::Signal(signal) = event else { return };
        match (signal, &mut self.display) {
            (Signal::Resize, Display::Screen(screen)) => screen.resize(),
            (Signal::Suspend, Display::Screen(screen)) => screen.suspend(),
            (Signal::Continue, Display::Screen(screen)) => screen.resume(),
            _ => {}
        }
    }

    /// Writes what was shown since the last time.
    pub(super) fn refresh(&mut self, pool: &mut Pool, core: &mut Core) {
        let time = self.clock();
        match &mut self.display {
            Display::Screen(screen) => screen.refresh(pool, core, &time),
            Display::Plain(_) => core.console.commit(pool),
        }
    }

    fn roster_mut(&mut self) -> &mut Roster {
        match &mut self.display {
            Display::Plain(roster) => roster,
            Display::Screen(screen) => &mut screen.change().roster,
        }
    }

    /// The time before a line that is shown now.
    fn clock(&self) -> String {
        if !self.time {
            return String::new();
        }
        let (hours, minutes) = clock::hours_and_minutes(SystemTime::now());
        format!("{hours:02}:{minutes:02} ")
    }
}
