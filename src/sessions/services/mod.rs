//! Services: what is done with the connections of a [`StreamSession`] and with what they send.
//!
//! The session accepts or dials, frames, and enforces deadlines, backpressure and slow peers. A service gets
//! the events and acts on the [`Context`]. It keeps what it needs of each connection in an
//! [`IdMap`](crate::event_loop::IdMap) of its own. The least of them answers each message with
//! itself:
//!
//! ```ignore
//! struct Mirror;
//!
//! impl StreamService for Mirror {
//!     fn profile(&self) -> Profile {
//!         Profile::of(Flow::Answers) // a peer that does not read its answers is not read either
//!     }
//!
//!     fn message(&mut self, context: &mut Context<'_>, id: Id, message: &Message<'_>) {
//!         context.core.console.deliver(context.pool, message);
//!         let outcome = context.pool.send(id, message.payload);
//!         context.sent(id, outcome);
//!     }
//! }
//! ```
//!
//! [`StreamSession`]: crate::sessions::streams::StreamSession

mod proxy;
mod replay;
mod save;
mod stdio;

use std::time::Instant;

use bytes::Bytes;

use super::children::Program;
use super::config::{Common, Handling, Replay, Wire};
use super::console::Message;
use super::core::Core;
use super::session::Piece;
use super::streams::{Context, EndMode, Flow, NewConnection, Redial};
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{End, Event, Id, Pool};
use crate::framing::{FrameError, Framer, Framing};
use crate::kind::Kind;
use crate::protocol::relay::InputState;
use crate::recording::Role;

use proxy::Proxy;
use replay::Playback;
use save::Save;
pub(super) use stdio::PortProbe;
use stdio::{Discard, Hub, Reply, Stdio};

/// The end of a connection that cannot be served, because of this machine.
const UNSERVED: CloseReason = CloseReason::new(Cause::Error, Detail::Local);

/// What becomes of stdin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stdin {
    /// The session sends it to all connections; none of them sees its end.
    Shared,
    /// The session sends it to the connections, and its end is the end of what they are sent.
    Relayed,
    /// The service takes it; it is read while more is `wanted`.
    Service { wanted: bool },
}

impl Stdin {
    /// Whether it is sent to the connections as it is.
    pub(crate) fn is_sent(self) -> bool {
        matches!(self, Self::Shared | Self::Relayed)
    }

    /// Whether whoever takes it takes more now.
    pub(crate) fn is_wanted(self) -> bool {
        self != Self::Service { wanted: false }
    }
}

/// What the loss of a connection, or of what it was to be sent, means for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Losses {
    /// The session reports it, and it decides the status.
    Reported,
    /// The service reports it, and what it notes decides the status.
    Service,
    /// Nothing.
    Ignored,
}

/// What a service is for the whole run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile {
    /// What fills the queues of the connections.
    pub(crate) flow: Flow,
    /// How many descriptors it takes to serve one connection.
    pub(crate) descriptors: usize,
    /// What warnings call the connections, a plural.
    pub(crate) noun: &'static str,
    /// What `--wait` reports when nobody connects: the operation, its target, the cause.
    pub(crate) awaited: (&'static str, &'static str, &'static str),
    /// The service counts messages by itself, by [`Core::take_message`]: those of `--count` and
    /// `--expect`, which are not all that comes.
    pub(crate) counts_messages: bool,
    /// Who reports what the end of a connection costs.
    pub(crate) losses: Losses,
    /// SIGTERM has what has arrived read before the run ends.
    pub(crate) drains: bool,
    /// What is received goes out again: a long message has [`Message::wire`].
    pub(crate) passes_on: bool,
    /// What is received goes to stdout and nowhere else: lines may come joined ([`Message::count`]).
    pub(crate) shows_only: bool,
}

impl Profile {
    /// The usual one.
    pub(crate) fn of(flow: Flow) -> Self {
        Self {
            flow,
            descriptors: 1,
            noun: "connections",
            awaited: ("serve", "a client", "nobody connected"),
            counts_messages: false,
            losses: Losses::Reported,
            drains: false,
            passes_on: false,
            shows_only: false,
        }
    }
}

/// Why a connection has to be closed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Breach<'a> {
    /// It breaks the framing.
    Frame(&'a FrameError),
    /// It has missed a deadline, for this cause.
    Deadline(&'a str),
}

/// When a connection was active, as its service sees it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Activity {
    /// When a byte last moved on what the service has for the connection, where it has anything.
    pub(crate) last: Option<Instant>,
    /// The connection cannot be expected to move a byte yet.
    pub(crate) is_awaited: bool,
}

/// What a service still has, such as a child, when connections are gone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Remains {
    /// How many connections are gone whose upstream, or child, goes on.
    pub(crate) orphans: usize,
    /// The run is not over before the service has let go of something.
    pub(crate) are_needed: bool,
}

/// What is done with connections, and with what they send.
pub(crate) trait StreamService {
    /// What it is for the whole run; asked once.
    fn profile(&self) -> Profile;

    /// Who takes stdin, where it is read at all.
    fn stdin(&self) -> Stdin {
        Stdin::Shared
    }

    /// Whether it only relays bytes, stdin to the connections and what they send to stdout: then one
    /// connection may be linked with both.
    fn relays_stdio(&self) -> bool {
        false
    }

    /// The run begins.
    fn start(&mut self, _context: &mut Context<'_>) {}

    /// Takes what was read of stdin, where that is [`Stdin::Service`].
    fn on_stdin(&mut self, _context: &mut Context<'_>, _piece: Piece<'_>) {}

    /// stdout and the hooks take data again.
    fn resume(&mut self, _context: &mut Context<'_>) {}

    /// A connection is open. It has been sent `--greet` and `--send`.
    fn opened(&mut self, _context: &mut Context<'_>, _id: Id) {}

    /// A connection was let in. True where another loop of the run serves it from here on, and the
    /// session is to forget it.
    fn serve_elsewhere(&mut self, _context: &mut Context<'_>, _new: &NewConnection) -> bool {
        false
    }

    /// A message has come, or a piece of a stream without framing.
    fn message(&mut self, context: &mut Context<'_>, id: Id, message: &Message<'_>);

    /// All messages of one read were given to [`StreamService::message`]. False if the connection
    /// was closed because of one of them; `breach` follows if the next bytes are no message.
    fn received(&mut self, _context: &mut Context<'_>, _id: Id) -> bool {
        true
    }

    /// A connection breaks a rule. True if the service has reported that and closed it.
    fn breach(&mut self, _context: &mut Context<'_>, _id: Id, _breach: Breach<'_>) -> bool {
        false
    }

    /// The peer sends no more; `input` is stdin as far as it goes to the connection.
    fn half_closed(&mut self, context: &mut Context<'_>, id: Id, input: InputState) {
        context.peer_ended(id, input);
    }

    /// The queue of a connection takes data again.
    fn drained(&mut self, _context: &mut Context<'_>, _id: Id) {}

    /// A connection that was dialed is gone: whether another one follows. `reconnects` is set
    /// where `--reconnect` asks for one.
    fn redial(&self, core: &Core, reconnects: bool, end: &End) -> Redial {
        Redial::after_loss(reconnects, core.input.progress(), end)
    }

    /// Gets the pieces that a lost connection did not send, and returns those that the next
    /// connection is to send first.
    fn carry(&mut self, _context: &mut Context<'_>, unsent: Vec<Bytes>) -> Vec<Bytes> {
        unsent
    }

    /// A connection is gone, and so is its entry in the table.
    fn closed(&mut self, _context: &mut Context<'_>, _id: Id, _end: &End) {}

    /// Takes an event of the service's own channels, children and timers; false where it is not
    /// one of them.
    fn event(&mut self, _context: &mut Context<'_>, _event: &Event<'_>) -> bool {
        false
    }

    /// An event is handled, by this service or elsewhere: what it changed can be shown.
    fn event_done(&mut self, _context: &mut Context<'_>) {}

    /// The run is to end in order: nothing new is begun.
    fn end(&mut self, _context: &mut Context<'_>) {}

    /// Whether it knows of more that was to be sent to a connection: where the run ends first, the
    /// peer is to see that it was cut.
    fn is_owed(&self, _id: Id) -> bool {
        false
    }

    /// The run gives up, and closes the connections. The service's own channels close as they do.
    fn abort(&mut self, _context: &mut Context<'_>, _how: EndMode, _reason: CloseReason) {}

    /// Whether the service closes a connection by itself, later in the end of the run.
    fn keeps(&self, _id: Id) -> bool {
        false
    }

    /// What statistics count beside the connections.
    fn traffic_ids(&self) -> Vec<Id> {
        Vec::new()
    }

    /// Reports its own statistics in place of the sums of the run; false where it has none.
    fn report_stats(&mut self, _context: &mut Context<'_>) -> bool {
        false
    }

    /// Shows how far the run has come, in place of the bytes; false where it has nothing to show.
    fn show_progress(&mut self, _context: &mut Context<'_>) -> bool {
        false
    }

    /// No connection is left, and none will come. True where something else is waited for.
    fn wind_down(&mut self, _context: &mut Context<'_>) -> bool {
        false
    }

    /// What it still has when connections are gone.
    fn remains(&self) -> Remains {
        Remains::default()
    }

    /// What is waited for where no connection is left.
    fn waiting(&self) -> Option<String> {
        None
    }

    /// When a connection was active.
    fn activity(&self, _pool: &Pool, _id: Id) -> Activity {
        Activity::default()
    }
}

/// The service that a server is asked for.
pub(super) fn of(
    handling: Handling,
    replay: Option<&Replay>,
    common: &Common,
    encoder: MessageEncoder,
) -> Result<Box<dyn StreamService>, Failure> {
    if let Some(replay) = replay {
        return Ok(Box::new(Playback::new(replay, Role::Accepted)));
    }
    Ok(match handling {
        Handling::Relay => Box::new(Stdio),
        Handling::Hub => Box::new(Hub::new(encoder)),
        Handling::Reply(text) => Box::new(Reply::new(&text, &encoder)?),
        Handling::Discard => Box::new(Discard),
        Handling::Save(directory) => Box::new(Save::new(directory, common.output.form)),
        Handling::Forward(route) => Box::new(Proxy::forward(*route)),
        Handling::Exec(program) => Box::new(Proxy::exec(program)),
    })
}

/// The service of `tcp-connect`: `--replay`, `--exec`, `-z`, or stdin and stdout.
pub(super) fn of_client(
    replay: Option<&Replay>,
    exec: Option<Program>,
    probe: Option<PortProbe>,
) -> Box<dyn StreamService> {
    match (replay, exec) {
        (Some(replay), _) => Box::new(Playback::new(replay, Role::Connected)),
        (None, Some(program)) => Box::new(Proxy::exec(program)),
        (None, None) => match probe {
            Some(probe) => Box::new(probe),
            None => Box::new(Stdio),
        },
    }
}

/// Makes messages ready for the wire.
pub(super) struct MessageEncoder {
    framer: Option<Box<dyn Framer>>,
    framing: Framing,
}

impl MessageEncoder {
    pub(super) fn new(wire: &Wire) -> Self {
        Self { framer: wire.framer(), framing: wire.frame.framing.clone() }
    }

    /// Whether messages are marked at all.
    fn is_framed(&self) -> bool {
        self.framer.is_some()
    }

    /// Appends a message as it goes on the wire; nothing where that fails.
    fn append(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        let (Some(framer), before) = (&self.framer, out.len()) else {
            out.extend_from_slice(payload);
            return Ok(());
        };
        framer.encode(payload, out).inspect_err(|_| out.truncate(before))
    }

    /// A text of the command line.
    pub(super) fn text(&self, option: &'static str, text: &Bytes) -> Result<Bytes, Failure> {
        let Some(framer) = &self.framer else { return Ok(text.clone()) };
        let mut framed = Vec::new();
        framer.encode(text, &mut framed).map_err(|error| {
            let target = format!("{option} with --frame {}", self.framing);
            let cause = error.to_string();
            Failure::new(Status::Usage, Kind::Frame, "send", target, cause)
                .maybe_fix(crate::sessions::frame_fix(&error))
        })?;
        Ok(framed.into())
    }
}
