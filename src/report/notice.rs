//! One notice: an event for users as data, with its name and the fields that apply.
//!
//! It does not know how a notice looks; `text` and `json` do that.

use std::borrow::Cow;
use std::time::Duration;

use super::figures::Figures;
use super::ping::PingFigures;
use crate::close::CloseReason;
use crate::error::Failure;
use crate::kind::Kind;
use crate::protocol::output::Direction;

/// The names of the events: a contract with scripts, as is their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// The run begins; the message says what it will do.
    Starting,
    /// A listener is open.
    Listening,
    /// A connection to a peer is up.
    Connected,
    /// An attempt to connect came to nothing.
    ConnectFailed,
    /// A client has come.
    Accepted,
    /// A multicast group has been joined on an interface.
    Joined,
    /// A multicast group has been left.
    Left,
    /// Who or what is there, because somebody asked.
    List,
    /// A message has come.
    Data,
    /// The message of a command was written, or waits in the queue of its connection. Where
    /// `queued` says that bytes wait, `drained` follows for each connection they wait for, unless
    /// it closes first.
    Sent,
    /// Everything that waited for a connection has been written.
    Drained,
    /// The message of a command was not sent, or is lost with its connection.
    SendFailed,
    /// A peer said that it sends no more.
    Eof,
    /// A connection is over.
    Closed,
    /// An attempt failed and another will follow after `secs`.
    Retry,
    /// Something is odd, and the run goes on.
    Warning,
    /// Something failed.
    Error,
    /// Counts so far, because somebody asked.
    Stats,
    /// The run is about to end; what is queued is still sent.
    Stopping,
    /// All sockets are closed.
    Stopped,
    /// The counts of the whole run and its exit status.
    Summary,
}

impl Name {
    /// All of them, in the order in which they may come.
    pub const ALL: &[Self] = &[
        Self::Starting,
        Self::Listening,
        Self::Connected,
        Self::ConnectFailed,
        Self::Accepted,
        Self::Joined,
        Self::Left,
        Self::List,
        Self::Data,
        Self::Sent,
        Self::Drained,
        Self::SendFailed,
        Self::Eof,
        Self::Closed,
        Self::Retry,
        Self::Warning,
        Self::Error,
        Self::Stats,
        Self::Stopping,
        Self::Stopped,
        Self::Summary,
    ];

    /// The name as programs see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Listening => "listening",
            Self::Connected => "connected",
            Self::ConnectFailed => "connect-failed",
            Self::Accepted => "accepted",
            Self::Joined => "joined",
            Self::Left => "left",
            Self::List => "list",
            Self::Data => "data",
            Self::Sent => "sent",
            Self::Drained => "drained",
            Self::SendFailed => "send-failed",
            Self::Eof => "eof",
            Self::Closed => "closed",
            Self::Retry => "retry",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Stats => "stats",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Summary => "summary",
        }
    }
}

/// One event as reported to users, built field by field: `Notice::new(Name::Accepted).conn(1).peer("127.0.0.1:51312")`.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice<'a> {
    pub(super) name: Name,
    pub(super) proto: Option<&'a str>,
    pub(super) conn: Option<u64>,
    pub(super) local: Option<&'a str>,
    pub(super) peer: Option<&'a str>,
    pub(super) group: Option<&'a str>,
    pub(super) iface: Option<&'a str>,
    pub(super) line: Option<u64>,
    pub(super) len: Option<u64>,
    pub(super) direction: Option<Direction>,
    pub(super) bytes: Option<&'a [u8]>,
    pub(super) partial: bool,
    pub(super) queued: Option<u64>,
    pub(super) number: Option<u64>,
    pub(super) received: Option<u64>,
    pub(super) sent: Option<u64>,
    pub(super) messages_in: Option<u64>,
    pub(super) messages_out: Option<u64>,
    pub(super) connections: Option<u64>,
    pub(super) clients: Option<u64>,
    pub(super) time: Option<Duration>,
    pub(super) closed: Option<CloseReason>,
    pub(super) kind: Option<Kind>,
    pub(super) code: Option<u32>,
    pub(super) undelivered: Option<u64>,
    pub(super) unsent: Option<u64>,
    pub(super) figures: Option<Figures>,
    pub(super) ping: Option<PingFigures>,
    pub(super) message: Option<Cow<'a, str>>,
}

impl<'a> Notice<'a> {
    /// An event without fields.
    pub const fn new(name: Name) -> Self {
        Self {
            name,
            proto: None,
            conn: None,
            local: None,
            peer: None,
            group: None,
            iface: None,
            line: None,
            len: None,
            direction: None,
            bytes: None,
            partial: false,
            queued: None,
            number: None,
            received: None,
            sent: None,
            messages_in: None,
            messages_out: None,
            connections: None,
            clients: None,
            time: None,
            closed: None,
            kind: None,
            code: None,
            undelivered: None,
            unsent: None,
            figures: None,
            ping: None,
            message: None,
        }
    }

    /// A failure as an `error`, with the code that some kinds have.
    pub fn error(failure: &Failure) -> Self {
        Self::new(Name::Error).kind_and_code(failure.kind).message(failure.to_string())
    }

    /// A `warning` of a stable kind, in words for people.
    pub fn warning(kind: Kind, words: impl Into<Cow<'a, str>>) -> Self {
        Self::new(Name::Warning).kind_and_code(kind).message(words)
    }

    /// A message that was not sent, of a stable kind, in words for people.
    pub fn send_failed(kind: Kind, words: impl Into<Cow<'a, str>>) -> Self {
        Self { name: Name::SendFailed, ..Self::warning(kind, words) }
    }

    fn kind_and_code(self, kind: Kind) -> Self {
        Self { kind: Some(kind), code: kind.code(), ..self }
    }

    /// The event's name.
    pub const fn name(&self) -> Name {
        self.name
    }

    /// The transport: `tcp`, `udp`, `unix`.
    #[must_use]
    pub fn proto(self, proto: &'a str) -> Self {
        Self { proto: Some(proto), ..self }
    }

    /// The connection's number on a server, counted from 1.
    #[must_use]
    pub fn conn(self, conn: u64) -> Self {
        Self { conn: Some(conn), ..self }
    }

    /// The connection's number, where it has one.
    #[must_use]
    pub fn maybe_conn(self, conn: Option<u64>) -> Self {
        Self { conn, ..self }
    }

    /// Our own address.
    #[must_use]
    pub fn local(self, local: &'a str) -> Self {
        Self { local: Some(local), ..self }
    }

    /// The peer's address.
    #[must_use]
    pub fn peer(self, peer: &'a str) -> Self {
        Self { peer: Some(peer), ..self }
    }

    /// The multicast group, with its port, and its source where it is joined for one.
    #[must_use]
    pub fn group(self, group: &'a str) -> Self {
        Self { group: Some(group), ..self }
    }

    /// The interface of a group.
    #[must_use]
    pub fn iface(self, iface: &'a str) -> Self {
        Self { iface: Some(iface), ..self }
    }

    /// Which way it went, in recordings; `dir` in JSON.
    #[must_use]
    pub fn direction(self, direction: Direction) -> Self {
        Self { direction: Some(direction), ..self }
    }

    /// The figures of a flow.
    #[must_use]
    pub fn figures(self, figures: Figures) -> Self {
        Self { figures: Some(figures), ..self }
    }

    /// The figures of a latency probe.
    #[must_use]
    pub fn ping(self, figures: PingFigures) -> Self {
        Self { ping: Some(figures), ..self }
    }

    /// The line of the commands that the event answers.
    #[must_use]
    pub fn line(self, line: u64) -> Self {
        Self { line: Some(line), ..self }
    }

    /// Bytes of a message that is not shown itself.
    #[must_use]
    pub fn len(self, len: usize) -> Self {
        Self { len: Some(len as u64), ..self }
    }

    /// Bytes that wait to be written, where any do.
    #[must_use]
    pub fn queued(self, bytes: usize) -> Self {
        Self { queued: (bytes > 0).then_some(bytes as u64), ..self }
    }

    /// How many the event stands for: connections, peers, groups; `count` in JSON.
    #[must_use]
    pub fn number(self, number: usize) -> Self {
        Self { number: Some(number as u64), ..self }
    }

    /// A message's payload; `partial` where it is the last of its stream and has no proper end.
    #[must_use]
    pub fn bytes(self, bytes: &'a [u8], partial: bool) -> Self {
        Self { bytes: Some(bytes), partial, ..self }
    }

    /// Bytes received and bytes sent.
    #[must_use]
    pub fn traffic(self, received: u64, sent: u64) -> Self {
        Self { received: Some(received), sent: Some(sent), ..self }
    }

    /// Messages received and messages sent.
    #[must_use]
    pub fn messages(self, received: u64, sent: u64) -> Self {
        Self { messages_in: Some(received), messages_out: Some(sent), ..self }
    }

    /// Connections that there have been in all.
    #[must_use]
    pub fn connections(self, connections: u64) -> Self {
        Self { connections: Some(connections), ..self }
    }

    /// Clients that are connected now.
    #[must_use]
    pub fn clients(self, clients: u64) -> Self {
        Self { clients: Some(clients), ..self }
    }

    /// How long it took, or for `retry` how long it will be; `secs` in JSON.
    #[must_use]
    pub fn secs(self, time: Duration) -> Self {
        Self { time: Some(time), ..self }
    }

    /// Why a connection ended; `reason` and `detail` in JSON.
    #[must_use]
    pub fn closed(self, reason: CloseReason) -> Self {
        Self { closed: Some(reason), ..self }
    }

    /// A stable word for what went wrong.
    #[must_use]
    pub fn kind(self, kind: Kind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// An exit status or a code of the protocol.
    #[must_use]
    pub fn code(self, code: u32) -> Self {
        Self { code: Some(code), ..self }
    }

    /// Bytes received that made no whole message.
    #[must_use]
    pub fn undelivered(self, bytes: u64) -> Self {
        Self { undelivered: Some(bytes), ..self }
    }

    /// Bytes of input that never left.
    #[must_use]
    pub fn unsent(self, bytes: u64) -> Self {
        Self { unsent: Some(bytes), ..self }
    }

    /// Words for people. What a peer sent is put in with `protocol::text::escape`.
    #[must_use]
    pub fn message(self, words: impl Into<Cow<'a, str>>) -> Self {
        Self { message: Some(words.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    #[test]
    fn errors_and_warnings_carry_the_code_of_their_kind() {
        for (kind, code) in [(Kind::NotConnected, Some(1001)), (Kind::Refused, None)] {
            let failure = Failure::new(Status::Lost, kind, "send to", "x", "y");
            assert_eq!(Notice::error(&failure).code, code, "{kind}");
            assert_eq!(Notice::warning(kind, "words").code, code, "{kind}");
        }
    }
}
