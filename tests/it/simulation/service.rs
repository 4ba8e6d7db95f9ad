//! The services that clients of a server meet: how each is asked for, and what it makes of a
//! message. A session is driven by its events alone, so that one scenario fits all of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use wirecat::error::Status;
use wirecat::event_loop::{Handler, Id, Pool};
use wirecat::framing::Framing;
use wirecat::protocol::access::Access;
use wirecat::protocol::replay::{Recorded, RecordedEvent, Recording, Script};
use wirecat::recording::Direction;
use wirecat::recording::{Proto, Role};
use wirecat::sessions::config::{
    AdmissionRules, Backlog, Echo, EchoSockets, Handling, Net, Replay, RouteOptions, Serve,
};
use wirecat::sessions::{Console, EchoService, InputReader, Session, StreamSession};

use super::plan::{millis, rarely, size};
use super::server::Plan;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// `tcp-serve` with one of its handlers.
    Serve(Handling),
    /// `echo`: what stands before each answer, and how long it is held back.
    Echo { prefix: Bytes, delay: Duration },
    /// `tcp-serve --replay`.
    Replay(Conversation),
}

/// What is played to each client: pieces of it, in turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conversation {
    /// What the client says.
    theirs: Vec<u8>,
    /// What it is told, each piece once so many of its bytes have come.
    ours: Vec<(usize, Vec<u8>)>,
}

impl Conversation {
    fn random(rng: &mut Rng) -> Self {
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for turn in 0..rng.usize(1..12) {
            if rng.bool() {
                theirs.extend(format!("they {turn} {}\n", "x".repeat(size(rng, 0..12))).bytes());
            } else {
                let text = format!("we {turn} {}\n", "x".repeat(size(rng, 0..12)));
                ours.push((theirs.len(), text.into_bytes()));
            }
        }
        // A conversation without a word is none.
        ours.push((theirs.len(), b"bye".to_vec()));
        Self { theirs, ours }
    }

    /// One side of it, as it would be recorded: both sides end, the client first.
    fn script(&self) -> Script {
        let mut recording = Recording::default();
        let at = Duration::ZERO;
        recording.open(1, Proto::Tcp, Role::Accepted, at).expect("a new socket");
        let mut record = |event| {
            recording.add(1, Recorded { at, peer: None, event }).expect("an open socket");
        };
        let mut said = 0;
        for (after, text) in &self.ours {
            if *after > said {
                record(RecordedEvent::Data(Direction::In, self.theirs[said..*after].to_vec()));
                said = *after;
            }
            record(RecordedEvent::Data(Direction::Out, text.clone()));
        }
        record(RecordedEvent::Eof(Direction::In));
        record(RecordedEvent::Eof(Direction::Out));
        record(RecordedEvent::Closed { reset: false });
        recording.streams(Role::Accepted).remove(0)
    }
}

/// A session, whichever it is.
pub(super) trait AnySession: Handler {
    fn status(&self) -> Status;
}

impl<S: Session> AnySession for S {
    fn status(&self) -> Status {
        Session::status(self)
    }
}

impl Service {
    /// `tcp-serve`, most often with stdin and stdout.
    pub(super) fn any_handler(rng: &mut Rng) -> Self {
        match rng.u8(..20) {
            0..10 => Self::Serve(Handling::Relay),
            10..15 => Self::hub(rng),
            15..19 => Self::reply(rng),
            _ => Self::Serve(Handling::Discard),
        }
    }

    pub(super) fn hub(_: &mut Rng) -> Self {
        Self::Serve(Handling::Hub)
    }

    pub(super) fn reply(rng: &mut Rng) -> Self {
        Self::Serve(Handling::Reply(Bytes::from("answer ".repeat(size(rng, 1..12)))))
    }

    pub(super) fn echo(rng: &mut Rng) -> Self {
        let delay = rarely(rng, 3, |rng| millis(rng, 1..500)).unwrap_or_default();
        Self::Echo { prefix: Bytes::from("> ".repeat(rng.usize(..3))), delay }
    }

    pub(super) fn replay(rng: &mut Rng) -> Self {
        Self::Replay(Conversation::random(rng))
    }

    /// Begins to serve.
    pub(super) fn open(
        &self,
        pool: &mut Pool,
        plan: &Plan,
        (console, input): (Console, InputReader),
        listener: Id,
    ) -> Box<dyn AnySession> {
        let common = plan.basics.common(true);
        match self {
            Self::Serve(handling) => {
                let config = Self::config(plan, handling.clone());
                let session = StreamSession::serve(config, console, input, vec![listener]);
                let mut session = session.expect("a session");
                session.start(pool);
                Box::new(session)
            }
            Self::Replay(conversation) => {
                let script = Arc::new(conversation.script());
                let replay = Replay { scripts: vec![script; plan.clients], timing: false };
                let mut config = Self::config(plan, Handling::Relay);
                config.replay = Some(replay);
                let session = StreamSession::serve(config, console, input, vec![listener]);
                let mut session = session.expect("a session");
                session.start(pool);
                Box::new(session)
            }
            Self::Echo { prefix, delay } => {
                let config = Echo {
                    common,
                    net: Net::default(),
                    places: Vec::new(),
                    sockets: EchoSockets::Streams,
                    delay: *delay,
                    drop: 0.0,
                    prefix: prefix.clone(),
                    quit_word: None,
                    stop_word: None,
                    frame_total: usize::MAX,
                    access: Access::default(),
                    threads: 1,
                };
                let mut session = EchoService::session(
                    config,
                    console,
                    input,
                    vec![listener],
                    Vec::new(),
                    Vec::new(),
                );
                session.start(pool);
                Box::new(session)
            }
        }
    }

    fn config(plan: &Plan, handling: Handling) -> Serve {
        Serve {
            common: plan.basics.common(true),
            addresses: Vec::new(),
            admission: AdmissionRules {
                conns: Some(plan.clients as u64),
                max_clients: plan.max_clients,
                ..AdmissionRules::default()
            },
            threads: 1,
            handling,
            greet: plan.greet.clone(),
            replay: None,
            backlog: Backlog { queue: plan.queue, slow: plan.slow, frames: usize::MAX },
            routes: RouteOptions::default(),
        }
    }

    pub(super) fn is_hub(&self) -> bool {
        *self == Self::Serve(Handling::Hub)
    }

    /// stdin goes to the clients, and their messages to stdout.
    pub(super) fn relays(&self) -> bool {
        *self == Self::Serve(Handling::Relay)
    }

    pub(super) fn reads_stdin(&self) -> bool {
        matches!(self, Self::Serve(handling) if handling.reads_stdin())
    }

    /// The options of `tcp-serve` apply: `--greet`, `--queue`, `--slow`, `--max-clients`.
    pub(super) fn is_served(&self) -> bool {
        matches!(self, Self::Serve(_))
    }

    /// Ends with its last client; others serve until they are stopped.
    pub(super) fn ends_with_clients(&self) -> bool {
        !matches!(self, Self::Echo { .. })
    }

    /// Messages are shown on stdout.
    pub(super) fn shows_messages(&self) -> bool {
        *self != Self::Serve(Handling::Discard)
    }

    /// What each client says, where the service decides that.
    pub(super) fn script(&self) -> Option<&[u8]> {
        match self {
            Self::Replay(conversation) => Some(&conversation.theirs),
            _ => None,
        }
    }

    /// What a client is told once the session was given so many bytes of it, beyond its first
    /// pieces.
    pub(super) fn turns(&self, delivered: usize, known: usize) -> Vec<Vec<u8>> {
        let Self::Replay(conversation) = self else { return Vec::new() };
        let due = conversation.ours.iter().take_while(|(after, _)| *after <= delivered);
        due.skip(known).map(|(_, text)| text.clone()).collect()
    }

    /// The one answer of `--reply` that goes out at once, with FIN behind it.
    pub(super) fn immediate(&self, framing: &Framing) -> Option<&Bytes> {
        match self {
            Self::Serve(Handling::Reply(text)) if *framing == Framing::None => Some(text),
            _ => None,
        }
    }

    /// What goes back to whoever sent a message.
    pub(super) fn answer(&self, framing: &Framing, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Serve(Handling::Reply(text)) if *framing != Framing::None => Some(text.to_vec()),
            Self::Echo { prefix, .. } => Some([prefix, message].concat()),
            Self::Serve(_) | Self::Replay(_) => None,
        }
    }

    /// Whether messages that were read may wait until answers to those before them have gone.
    pub(super) fn may_hold_messages(&self, framing: &Framing) -> bool {
        matches!(self, Self::Serve(Handling::Reply(_))) && *framing != Framing::None
    }

    /// Whether what is sent back may exceed the queue of a client: an answer is as long as it is,
    /// however short the message was.
    pub(super) fn exceeds_queue(&self) -> bool {
        !matches!(self, Self::Serve(Handling::Relay | Handling::Hub | Handling::Discard))
    }
}
