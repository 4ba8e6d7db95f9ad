//! The names of the events, and which fields each of them has.

use super::notice::Fields;
use crate::fields::{Field, FieldForm};
use crate::vocabulary::vocabulary;

/// Defines the names from one table: variant, word, meaning, the fields that an event always has and
/// those that it has where they apply. `figures` stands for all fields of
/// [`Figures`](super::Figures). All events have `ts` and `event`, and `tag` where `--tag` gives one.
macro_rules! events {
    (
        $(#[$attribute:meta])*
        pub enum $Type:ident {
            $(
                $Variant:ident = $word:literal: $meaning:literal,
                always [$($always:ident)*], sometimes [$($sometimes:ident)*];
            )+
        }
    ) => {
        vocabulary! {
            $(#[$attribute])*
            pub enum $Type { $($Variant = $word: $meaning;)+ }
        }

        impl $Type {
            const fn keys(self) -> (&'static [&'static str], &'static [&'static str]) {
                match self {
                    $(Self::$Variant => (
                        &[$(stringify!($always)),*],
                        &[$(stringify!($sometimes)),*],
                    ),)+
                }
            }
        }
    };
}

events! {
    /// The names of the events, in the order in which they may come.
    pub enum Name {
        Starting = "starting":
            "The run begins.",
            always [], sometimes [];
        Listening = "listening":
            "A socket listens. A command that listens is answered by one for each socket, with its \
             line and with the number to close them by.",
            always [proto local], sometimes [conn line pin];
        Connecting = "connecting":
            "A command asks for one more connection, which has its number from now on. Exactly one \
             of connected, connect-failed and error follows with the same line.",
            always [conn peer line], sometimes [];
        Connected = "connected":
            "The connection is up.",
            always [proto local peer], sometimes [conn line];
        ConnectFailed = "connect-failed":
            "One address of the peer did not answer, or refused. With line: the connection that a \
             command asked for is not made; peer is the address of the command.",
            always [peer kind message], sometimes [conn line];
        Accepted = "accepted":
            "A client has come.",
            always [conn local peer], sometimes [];
        Negotiated = "negotiated":
            "The handshake of the framing with a client is over (tinyproto: both hellos). What a \
             command sends before waits for it. A connection that is dialed is connected only then.",
            always [conn peer], sometimes [];
        Tls = "tls":
            "The handshake of TLS on a connection is over, after connected or accepted. subject, \
             names, not_after and pin are of the certificate that the peer has given.",
            always [peer version cipher], sometimes [conn alpn subject names not_after pin];
        Joined = "joined":
            "A group is joined.",
            always [proto group iface], sometimes [];
        Left = "left":
            "A group is left.",
            always [proto group iface], sometimes [];
        List = "list":
            "One connection, group or peer of those that a command asked for. The last one has \
             their count and nothing else.",
            always [], sometimes [conn local peer group iface line queued unread count fd in out secs];
        Tick = "tick":
            "The time that a tick command asked for has passed, by now count times. One for \
             which stdout has no room is left out, and counted.",
            always [line count], sometimes [];
        Data = "data":
            "A message has come. Without framing, it is what one read of the stream gave. With dir \
             it has passed between a client and the other side of a relay (--forward, --exec).",
            always [peer len], sometimes [conn line dir group iface text b64 partial];
        Sent = "sent":
            "The message of a command is written, or queued; one event, whoever it went to. \
             Without queued all of it is written. With queued, drained follows for each \
             connection that did not take everything at once, unless that connection is lost \
             first.",
            always [line len], sometimes [conn peer group queued count];
        Drained = "drained":
            "Everything that waited for the connection is written: all messages that were sent to \
             it before. Without conn, everything that waited for any peer.",
            always [], sometimes [conn peer];
        SendFailed = "send-failed":
            "The message of a command was not sent: nothing of it is queued. Without line: what \
             was queued for the connection is lost with it, and closed follows; of datagrams, \
             that an earlier one was refused, or could not be sent when its turn came.",
            always [kind message], sometimes [conn peer group line len code unsent];
        Eof = "eof":
            "The peer said that it sends no more.",
            always [peer], sometimes [conn];
        Closed = "closed":
            "A connection is over. Of a client that was not let in nothing is counted. Without peer: \
             a listener is closed, as a command asked.",
            always [local reason detail], sometimes [conn peer in out secs undelivered unsent];
        Retry = "retry":
            "Another attempt follows after secs.",
            always [secs kind message], sometimes [];
        Warning = "warning":
            "Something is odd; the run goes on.",
            always [kind message], sometimes [conn peer code];
        Error = "error":
            "Something failed. Whether the run ends is seen by what follows.",
            always [kind message], sometimes [conn peer line code undelivered hint];
        Stats = "stats":
            "Counts so far, because somebody asked (SIGUSR1, /stats); or, with --stats, the \
             figures of one source over --interval or the whole run; the peer others stands for \
             those, as many as count says, that had to make room; of echo --ping those of all \
             answers, once more at the end.",
            always [], sometimes [
                peer count group in out messages_in messages_out connections clients secs figures
            ];
        Stopping = "stopping":
            "The run is about to end; what is queued is still sent.",
            always [], sometimes [];
        Stopped = "stopped":
            "All sockets are closed.",
            always [], sometimes [];
        Summary = "summary":
            "The counts of the whole run and its exit status: always the last line.",
            always [code], sometimes [in out messages_in messages_out connections secs unsent undelivered];
    }
}

impl Name {
    /// The one that a user calls so.
    ///
    /// # Errors
    /// There is none; all that there are.
    pub fn named(word: &str) -> Result<Self, String> {
        Self::of_word(word).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|name| name.as_str()).collect();
            format!("no event is called {word:?}; the events are {}", names.join(" "))
        })
    }

    /// The keys that an event of this name always has, beside `ts` and `event`.
    pub const fn always(self) -> &'static [&'static str] {
        self.keys().0
    }

    /// The keys that an event of this name has where they apply, beside `tag`.
    pub fn sometimes(self) -> Vec<&'static str> {
        self.keys().1.iter().flat_map(|key| expand(key)).collect()
    }
}

/// The keys of the object that a field of [`Fields`] stands for.
fn expand(key: &'static str) -> Vec<&'static str> {
    let field = Fields::FIELDS.iter().find(|field| field.key == key);
    match field.map(|field| field.form) {
        Some(FieldForm::Fields(inner)) => flat(inner).iter().map(|field| field.key).collect(),
        _ => vec![key],
    }
}

/// The keys of an object in their order, those of structs within it in their places.
pub(super) fn flat(fields: &[Field]) -> Vec<Field> {
    let flat_one = |field: &Field| match field.form {
        FieldForm::Fields(inner) => flat(inner),
        _ => vec![*field],
    };
    fields.iter().flat_map(flat_one).collect()
}
