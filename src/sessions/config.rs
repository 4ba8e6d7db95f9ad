//! What a session is asked to do: plain values, with nothing of the command line left in them.

mod datagrams;
mod echo;
mod routes;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;

pub use datagrams::{
    Listen, McastJoin, McastSend, PeerCommand, SendConfig, Test, To, UdpListen, UdpSend,
};
pub use echo::{AnyAddress, Echo, EchoSockets, Ping};
pub use routes::{Dialing, Route, RouteOptions};

use super::children::Program;
use super::ready::ReadyTargets;
use super::recorder::RecordTarget;
pub use super::streams::{AdmissionRules, Backlog};
use crate::error::Failure;
use crate::event_loop::{Id, Pool, READ_SIZE};
use crate::framing::{self, FrameSettings, Framer, Framing};
use crate::kind::Kind;
use crate::protocol::command::CommandForm;
use crate::protocol::expect::Expect;
use crate::protocol::output;
use crate::protocol::pacer::Rate;
use crate::protocol::relay::Rules;
use crate::protocol::replay::Script;
use crate::report;
#[cfg(feature = "tls")]
use crate::sockets::tls::ServerTls;
use crate::sockets::{Address, Family, OpenListener, SocketOptions};

/// What every command is asked to do, by concern.
#[derive(Clone, Debug)]
pub struct Common {
    /// How long things may take.
    pub limits: Limits,
    /// What the run is for, where an option names it.
    pub goal: Goal,
    /// What is sent.
    pub input: InputConfig,
    /// What is shown.
    pub output: OutputConfig,
    /// How messages are marked on the wire.
    pub wire: Wire,
    /// What the ends of the two directions mean.
    pub rules: Rules,
    /// Other programs that have a part in the run.
    pub helpers: Helpers,
    /// The warnings about the options, to be reported once.
    pub warnings: Vec<(Kind, String)>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// The whole run must end within this.
    pub timeout: Option<Duration>,
    /// A connection without traffic for this long ends.
    pub idle: Option<Duration>,
    /// One whole message must arrive within this.
    pub read: Option<Duration>,
    /// Patience for the other side: to connect, or for the first client.
    pub wait: Option<Duration>,
}

/// What the run is for: it ends when this is reached, and fails when it ends before.
#[derive(Clone, Debug, Default)]
pub struct Goal {
    /// `--count`: this many messages are received.
    pub count: Option<u64>,
    /// Where several loops receive: how many of them are left for all loops.
    pub left: Option<Arc<AtomicU64>>,
    /// A match in what is received.
    pub expect: Option<Expect>,
}

/// What is sent.
#[derive(Clone, Debug, Default)]
pub struct InputConfig {
    /// Where it comes from.
    pub source: InputSource,
    /// How fast it is sent.
    pub rate: Option<Rate>,
}

/// Where what is sent comes from.
#[derive(Clone, Debug, Default)]
pub enum InputSource {
    /// Nothing is sent, and stdin is not read.
    #[default]
    Nothing,
    /// These texts in the place of stdin, one message each.
    Texts(Vec<Bytes>),
    /// stdin gives messages.
    Messages {
        /// How it is cut into them.
        form: framing::InputFraming,
        /// Whether a line is sent without its LF.
        chomp: bool,
    },
    /// stdin gives commands.
    Commands {
        /// How commands are written.
        form: CommandForm,
        /// Whether the text of a command is sent without its LF.
        chomp: bool,
    },
}

/// What is shown.
#[derive(Clone, Debug)]
pub struct OutputConfig {
    /// How messages are written to stdout.
    pub form: output::Output,
    /// `--output raw` was typed: a terminal is to obey what it gets.
    pub is_raw: bool,
    /// How events are reported.
    pub report: report::Settings,
    /// Whether to show how far the input has come.
    pub progress: bool,
}

/// How sockets are opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Net {
    /// Which addresses of a name count.
    pub family: Family,
    /// What is set on each socket.
    pub options: SocketOptions,
    /// Whether the clients of listeners are proxies that name theirs first.
    pub accept_proxy: bool,
    /// Who this side is to the clients of listeners, where they speak TLS.
    #[cfg(feature = "tls")]
    pub tls: Option<ServerTls>,
}

impl Net {
    /// The hash of the key that this side shows to the clients of listeners, where they speak TLS.
    pub(crate) fn pin(&self) -> Option<String> {
        #[cfg(feature = "tls")]
        return Some(self.tls.as_ref()?.pin()?.to_string());
        #[cfg(not(feature = "tls"))]
        None
    }

    /// Has a loop watch a listener.
    ///
    /// # Errors
    /// The system has no room for it.
    pub(crate) fn add_listener(&self, pool: &mut Pool, one: OpenListener) -> Result<Id, Failure> {
        let id = pool.add_listener(one)?;
        if self.accept_proxy {
            pool.accept_proxied(id);
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            pool.accept_encrypted(id, tls.clone());
        }
        Ok(id)
    }
}

/// Other programs that have a part in the run.
#[derive(Clone, Debug, Default)]
pub struct Helpers {
    /// Who waits for this side to be ready.
    pub readiness: ReadyTargets,
    /// What runs once it is.
    pub command: Option<Program>,
    /// What runs on events.
    pub hooks: Vec<Hook>,
    /// Where what goes over the network is written down.
    pub record: Option<RecordTarget>,
}

/// `--on EVENT=CMD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The event.
    pub event: report::Name,
    /// The command, for the shell.
    pub line: String,
}

impl FromStr for Hook {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (event, line) = text.split_once('=').ok_or("write EVENT=CMD")?;
        let event = report::Name::named(event)?;
        match line.trim().is_empty() {
            true => Err("there is no command behind the =".to_owned()),
            false => Ok(Self { event, line: line.to_owned() }),
        }
    }
}

/// `--replay`: what is played.
#[derive(Clone, Debug)]
pub struct Replay {
    /// This side of each recorded conversation, in their order.
    pub scripts: Vec<Arc<Script>>,
    /// Whether the recorded pauses are kept.
    pub timing: bool,
}

/// `tcp-connect`.
#[derive(Clone, Debug)]
pub struct Connect {
    /// What every command is asked to do.
    pub common: Common,
    /// Where to; without it, commands alone dial.
    pub route: Option<Route>,
    /// Where to after that, with `-z`.
    pub others: Vec<Route>,
    /// How connections are made that commands ask for.
    pub routes: RouteOptions,
    /// What counts as a connection.
    pub dialing: Dialing,
    /// Whether to end as soon as there is a connection.
    pub probe: bool,
    /// What the connection becomes stdin and stdout of, in place of ours.
    pub exec: Option<Program>,
    /// What is played, in place of stdin.
    pub replay: Option<Replay>,
}

/// `tcp-serve`.
#[derive(Clone, Debug)]
pub struct Serve {
    /// What every command is asked to do.
    pub common: Common,
    /// Where to listen.
    pub addresses: Vec<Address>,
    /// Which clients are let in, and how many.
    pub admission: AdmissionRules,
    /// What is done with a client.
    pub handling: Handling,
    /// What each client is sent first.
    pub greet: Option<Bytes>,
    /// What is played, in place of any handling.
    pub replay: Option<Replay>,
    /// What may wait for a client, and what happens to one that does not keep up.
    pub backlog: Backlog,
    /// How connections are made that commands ask for.
    pub routes: RouteOptions,
    /// How many loops serve.
    pub threads: usize,
}

/// What a server does with what a client sends, and what it sends to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handling {
    /// stdin to all, all to stdout.
    Relay,
    /// Each client's messages to all others and to stdout; stdin to all.
    Hub,
    /// A fixed answer: on accept, or to each message where there are messages.
    Reply(Bytes),
    /// Everything received is thrown away.
    Discard,
    /// Everything received goes to one file a connection in this directory.
    Save(PathBuf),
    /// Each connection is relayed to another one.
    Forward(Box<Route>),
    /// Each connection becomes stdin and stdout of a child of its own.
    Exec(Program),
}

impl Handling {
    /// Whether stdin has a part in it.
    pub fn reads_stdin(&self) -> bool {
        matches!(self, Self::Relay | Self::Hub)
    }

    /// Whether each connection has a partner, which gets what the connection sends.
    pub fn relays(&self) -> bool {
        matches!(self, Self::Forward(_) | Self::Exec(_))
    }

    /// Whether what is received goes to stdout.
    pub fn writes_stdout(&self) -> bool {
        matches!(self, Self::Relay | Self::Hub | Self::Reply(_))
    }
}

/// How messages are marked on the wire.
#[derive(Clone, Debug)]
pub struct Wire {
    /// Whether each message is a datagram, and needs no framing.
    pub datagrams: bool,
    /// How messages are marked on a stream, and the largest one.
    pub frame: FrameSettings,
    /// Whether LF is sent as CR LF.
    pub crlf: bool,
    /// The most bytes that one read of a stream without framing gives.
    pub read_size: usize,
    /// Whether each message is read only when a command asks for it.
    pub paused: bool,
}

impl Wire {
    /// Datagrams of up to `max` bytes.
    pub const fn of_datagrams(max: usize) -> Self {
        let mut wire = Self::of_stream(Framing::None, max);
        wire.datagrams = true;
        wire
    }

    /// A stream with messages of up to `max` bytes.
    pub const fn of_stream(framing: Framing, max: usize) -> Self {
        let frame = FrameSettings { framing, max, keep_cr: false };
        Self { datagrams: false, frame, crlf: false, read_size: READ_SIZE, paused: false }
    }

    /// Encodes and decodes messages on a stream; `None` where it has none.
    pub fn framer(&self) -> Option<Box<dyn Framer>> {
        self.frame.framer()
    }

    /// The largest message, where the two sides agree on each one (`--frame tinyproto`).
    pub fn negotiated(&self) -> Option<usize> {
        (self.frame.framing == Framing::Tinyproto).then_some(self.frame.max)
    }

    /// Whether messages are received: by a framing, or because commands ask for each.
    pub fn delivers_messages(&self) -> bool {
        self.has_messages() || self.paused
    }

    /// Whether what is sent and received are messages at all.
    pub fn has_messages(&self) -> bool {
        self.datagrams || self.frame.framing != Framing::None
    }
}
