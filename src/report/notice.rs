//! One notice: an event for users as data, with its name and the fields that apply.
//!
//! It does not know how a notice looks; `text` and `json` do that.

use std::borrow::Cow;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::str;
use std::time::Duration;

use data_encoding::BASE64;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::figures::{Figures, TlsFigures};
use super::name::{Name, flat};
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::fields::{Field, FieldForm, FieldValue, fields};
use crate::kind::Kind;
use crate::recording::Direction;

fields! {
    /// A notice as a JSON object.
    pub(super) struct NoticeObject<'a> {
        ts: Duration = "ts": "when it was reported: seconds since 1970-01-01 00:00 UTC";
        event: Name = "event": "what happened";
        /// The others.
        fields: Fields<'a>;
    }
}

fields! {
    /// The fields of a notice; those that do not apply are left out.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub(super) struct Fields<'a> {
        proto: Option<&'a str> = "proto": "tcp, udp or unix";
        conn: Option<u64> = "conn": "the number of the connection, from 1 in the order of accepting and of asking";
        local: Option<&'a str> = "local": "the address of this side";
        peer: Option<&'a str> = "peer": "the address of the other side";
        group: Option<&'a str> = "group": "the multicast group and port, with its source where it has one";
        iface: Option<&'a str> = "iface": "the name of the interface";
        tag: Option<&'a str> = "tag": "the text of --tag";
        line: Option<u64> = "line": "the line of the commands that this answers, counted from 1";
        /// Of what passes a relay, and in recordings.
        direction: Option<Direction> = "dir": "which way it went: in from the client, out to it";
        len: Option<usize> = "len": "bytes of the message";
        text: Option<&'a str> = "text": "the message, where it is UTF-8";
        b64: Option<Base64<'a>> = "b64": "the message, where it is not";
        partial: bool = "partial": "the message is the last of its stream and has no proper end";
        queued: Option<usize> = "queued": "bytes that wait to be written; left out where none do";
        unread: Option<u64> = "unread": "bytes that have come and no event has delivered; left out where there are none";
        count: Option<usize> = "count": "connections or peers that a message went to; entries of a list; sources summed up; ticks";
        fd: Option<u32> = "fd": "the descriptor of the socket in the process of wirecat, which pidfd_getfd(2) takes from there";
        received: Option<u64> = "in": "bytes received";
        sent: Option<u64> = "out": "bytes sent";
        messages_in: Option<u64> = "messages_in": "messages received";
        messages_out: Option<u64> = "messages_out": "messages sent";
        connections: Option<u64> = "connections": "connections there have been";
        clients: Option<u64> = "clients": "clients that are connected now";
        secs: Option<Duration> = "secs": "how long it took; of a retry, how long until it";
        cause: Option<Cause> = "reason": "who or what ended the connection";
        detail: Option<Detail> = "detail": "how exactly";
        kind: Option<Kind> = "kind": "a stable word for what is wrong";
        code: Option<u32> = "code": "of a summary the exit status; of some kinds their number";
        undelivered: Option<u64> = "undelivered": "bytes received that made no whole message";
        unsent: Option<u64> = "unsent": "bytes accepted for sending that never left";
        /// Of `stats`.
        figures: Option<&'a Figures>;
        /// Of `tls`.
        tls: Option<&'a TlsFigures>;
        pin: Option<&'a str> = "pin": "the hash of the key of a certificate, as --tls-pin takes it: of the peer's, or of a listener's own";
        message: Option<Cow<'a, str>> = "message": "words for people, which may change";
        hint: Option<Cow<'a, str>> = "hint": "what helps, in words for people, which may change";
    }
}

/// Bytes that are no text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&BASE64.encode_display(self.0))
    }
}

impl FieldValue for Base64<'_> {
    const FORM: FieldForm = FieldForm::Base64;

    fn put<M: SerializeMap>(&self, key: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(key, self)
    }
}

impl FieldValue for &TlsFigures {
    const FORM: FieldForm = TlsFigures::FORM;

    fn put<M: SerializeMap>(&self, key: &'static str, map: &mut M) -> Result<(), M::Error> {
        (**self).put(key, map)
    }
}

impl FieldValue for &Figures {
    const FORM: FieldForm = Figures::FORM;

    fn put<M: SerializeMap>(&self, key: &'static str, map: &mut M) -> Result<(), M::Error> {
        (**self).put(key, map)
    }
}

/// One event as reported to users, built field by field:
/// `Notice::new(Name::Accepted).conn(1).peer("127.0.0.1:51312")`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notice<'a> {
    pub(super) name: Name,
    pub(super) fields: Fields<'a>,
}

/// Defines the setters of single fields.
macro_rules! setters {
    ($($(#[$attribute:meta])* $field:ident: $type:ty;)+) => {
        impl<'a> Notice<'a> {
            $(
                $(#[$attribute])*
                #[must_use]
                pub(crate) fn $field(mut self, $field: $type) -> Self {
                    self.fields.$field = Some($field);
                    self
                }
            )+
        }
    };
}

setters! {
    /// The transport: `tcp`, `udp`, `unix`.
    proto: &'a str;
    /// The connection's number on a server, counted from 1.
    conn: u64;
    /// The address of this side.
    local: &'a str;
    /// The address of the peer.
    peer: &'a str;
    /// The multicast group, with its port, and its source where it is joined for one.
    group: &'a str;
    /// The interface of a group.
    iface: &'a str;
    /// The line of the commands that the event answers.
    line: u64;
    /// Bytes of a message that is not shown itself.
    len: usize;
    /// Which way it went, of what passes a relay and in recordings.
    direction: Direction;
    /// How many the event stands for: connections, peers, groups.
    count: usize;
    /// Connections that there have been in all.
    connections: u64;
    /// Clients that are connected now.
    clients: u64;
    /// How long it took, or for `retry` how long it will be.
    secs: Duration;
    /// A stable word for what went wrong.
    kind: Kind;
    /// An exit status or the number of a kind.
    code: u32;
    /// Bytes received that made no whole message.
    undelivered: u64;
    /// Bytes of input that never left.
    unsent: u64;
    /// The figures of a flow or of a latency probe.
    figures: &'a Figures;
    /// What TLS has come to.
    #[cfg(feature = "tls")]
    tls: &'a TlsFigures;
    /// The hash of the key of a certificate.
    pin: &'a str;
}

impl<'a> Notice<'a> {
    /// A notice without fields.
    pub(crate) fn new(name: Name) -> Self {
        Self { name, fields: Fields::default() }
    }

    /// A failure as an `error`, with the code that some kinds have.
    #[cold]
    pub(crate) fn error(failure: &Failure) -> Self {
        Self::trouble(Name::Error, failure.kind, failure.to_string())
    }

    /// A failure that ends the run before it begins. What helps against wrong usage stands by itself,
    /// for it is as long as a command line.
    #[cold]
    pub(crate) fn last_error(failure: &Failure) -> Self {
        let mut failure = failure.clone();
        let is_usage = failure.status == Status::Usage;
        let hint = if is_usage { failure.fix.take() } else { None };
        let mut notice = Self::error(&failure);
        notice.fields.hint = hint.map(Cow::from);
        notice
    }

    /// A `warning`, in words for people.
    #[cold]
    pub(crate) fn warning(kind: Kind, words: impl Into<Cow<'a, str>>) -> Self {
        Self::trouble(Name::Warning, kind, words)
    }

    /// A message that was not sent, in words for people.
    #[cold]
    pub(crate) fn send_failed(kind: Kind, words: impl Into<Cow<'a, str>>) -> Self {
        Self::trouble(Name::SendFailed, kind, words)
    }

    fn trouble(name: Name, kind: Kind, words: impl Into<Cow<'a, str>>) -> Self {
        let fields = Fields { code: kind.code(), ..Fields::default() };
        Self { name, fields }.kind(kind).message(words)
    }

    /// The name of the event.
    pub(crate) const fn name(&self) -> Name {
        self.name
    }

    /// The connection's number, where it has one.
    #[must_use]
    pub(crate) fn maybe_conn(mut self, conn: Option<u64>) -> Self {
        self.fields.conn = conn;
        self
    }

    /// Bytes that wait to be written, where any do.
    #[must_use]
    pub(crate) fn queued(mut self, bytes: usize) -> Self {
        self.fields.queued = (bytes > 0).then_some(bytes);
        self
    }

    /// Bytes that have come and wait to be delivered, where any do.
    #[must_use]
    pub(crate) fn unread(mut self, bytes: u64) -> Self {
        self.fields.unread = (bytes > 0).then_some(bytes);
        self
    }

    /// A descriptor, where there is one.
    #[must_use]
    pub(crate) fn fd(mut self, fd: Option<BorrowedFd<'_>>) -> Self {
        self.fields.fd = fd.and_then(|fd| u32::try_from(fd.as_raw_fd()).ok());
        self
    }

    /// A message's payload.
    #[must_use]
    pub(crate) fn bytes(mut self, bytes: &'a [u8]) -> Self {
        // JSON text is UTF-8 (RFC 8259, section 8.1): what is not goes as base64.
        match str::from_utf8(bytes) {
            Ok(text) => self.fields.text = Some(text),
            Err(_) => self.fields.b64 = Some(Base64(bytes)),
        }
        self.len(bytes.len())
    }

    /// It is the last message of its stream, and has no proper end.
    #[must_use]
    pub(crate) fn partial(mut self) -> Self {
        self.fields.partial = true;
        self
    }

    /// Bytes received and bytes sent.
    #[must_use]
    pub(crate) fn traffic(mut self, received: u64, sent: u64) -> Self {
        self.fields.received = Some(received);
        self.fields.sent = Some(sent);
        self
    }

    /// Messages received and messages sent.
    #[must_use]
    pub(crate) fn messages(mut self, received: u64, sent: u64) -> Self {
        self.fields.messages_in = Some(received);
        self.fields.messages_out = Some(sent);
        self
    }

    /// Why a connection ended.
    #[must_use]
    pub(crate) fn closed(mut self, reason: CloseReason) -> Self {
        self.fields.cause = Some(reason.cause);
        self.fields.detail = Some(reason.detail);
        self
    }

    /// Words for people. What a peer sent is put in with `protocol::text::escape`.
    #[must_use]
    pub(crate) fn message(mut self, words: impl Into<Cow<'a, str>>) -> Self {
        self.fields.message = Some(words.into());
        self
    }

    /// The JSON object of a notice that is made now, of a run with this tag.
    pub(super) fn object(&self, tag: Option<&'a str>, ts: Duration) -> NoticeObject<'_> {
        let message = self.fields.message.as_deref().map(Cow::Borrowed);
        let hint = self.fields.hint.as_deref().map(Cow::Borrowed);
        let fields = Fields { tag, message, hint, ..self.fields };
        NoticeObject { ts, event: self.name, fields }
    }

    /// What the notice has or lacks against the contract of its name; `None` where it keeps it.
    pub(super) fn breach(&self) -> Option<String> {
        let object = serde_json::to_value(&self.fields).ok()?;
        let object = object.as_object()?;
        let (always, sometimes) = (self.name.always(), self.name.sometimes());
        let missing = always.iter().find(|key| !object.contains_key(**key));
        let has =
            |key: &&String| !always.contains(&key.as_str()) && !sometimes.contains(&key.as_str());
        let foreign = object.keys().find(has);
        match (missing, foreign) {
            (Some(key), _) => Some(format!("{} lacks {key}", self.name)),
            (None, Some(key)) => Some(format!("{} has {key}", self.name)),
            (None, None) => None,
        }
    }
}

/// All keys of the events that the program reports, in the order in which they stand in a line.
pub fn keys() -> Vec<Field> {
    let of_all = ["ts", "event", "tag"];
    let is_reported = |field: &Field| {
        let has = |name: &Name| {
            name.always().contains(&field.key) || name.sometimes().contains(&field.key)
        };
        of_all.contains(&field.key) || Name::ALL.iter().any(has)
    };
    flat(NoticeObject::FIELDS).into_iter().filter(is_reported).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    #[test]
    fn errors_and_warnings_carry_the_code_of_their_kind() {
        for (kind, code) in [(Kind::NotConnected, Some(1001)), (Kind::Refused, None)] {
            let failure = Failure::new(Status::Lost, kind, "send to", "x", "y");
            assert_eq!(Notice::error(&failure).fields.code, code, "{kind}");
            assert_eq!(Notice::warning(kind, "words").fields.code, code, "{kind}");
        }
    }

    #[test]
    fn the_contract_of_every_name_is_of_known_keys_and_no_key_stands_twice() {
        let known: Vec<&str> = flat(NoticeObject::FIELDS).iter().map(|field| field.key).collect();
        for name in Name::ALL {
            let keys: Vec<&str> = name.always().iter().copied().chain(name.sometimes()).collect();
            let unknown = keys.iter().find(|key| !known.contains(key));
            assert_eq!(unknown, None, "{name}");
        }
        let twice = known.iter().find(|key| known.iter().filter(|other| other == key).count() > 1);
        assert_eq!(twice, None);
    }

    #[test]
    fn a_breach_of_the_contract_is_seen() {
        assert_eq!(Notice::new(Name::Stopped).breach(), None);
        assert_eq!(Notice::new(Name::Eof).breach().as_deref(), Some("eof lacks peer"));
        assert_eq!(
            Notice::new(Name::Stopped).conn(1).breach().as_deref(),
            Some("stopped has conn")
        );
    }
}
