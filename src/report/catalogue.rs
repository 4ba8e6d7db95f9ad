//! The contract of the events, as data: which there are, which fields each has, and what they
//! mean. The page `wirecat-events(7)` and the JSON Schema are made from it, and the tests hold
//! every line that the program prints against it.

use super::notice::Name;

/// One field of the JSON form.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its key.
    pub name: &'static str,
    /// What its value looks like.
    pub form: Form,
    /// What it means.
    pub words: &'static str,
}

/// What the value of a field looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A string.
    Text,
    /// A string in base64 (RFC 4648, section 4).
    Base64,
    /// Seconds or another measure, with six decimals.
    Number,
    /// An integer that is not negative.
    Count,
    /// `true`; left out where it would be false.
    Flag,
    /// The name of the event.
    Event,
    /// One of the causes of a close.
    Cause,
    /// One of the details of a close.
    Detail,
    /// One of [`crate::kind::Kind`].
    Kind,
}

/// One event: what it says, the fields it always has, and those it has where they apply. All have
/// `ts` and `event`, and `tag` where `--tag` gives one.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Which event.
    pub name: Name,
    /// What has happened.
    pub words: &'static str,
    /// Fields that are always there.
    pub always: &'static [&'static str],
    /// Fields that are there where they apply.
    pub sometimes: &'static [&'static str],
}

const fn field(name: &'static str, form: Form, words: &'static str) -> Field {
    Field { name, form, words }
}

/// All fields, in the order in which they stand in a line.
pub const FIELDS: &[Field] = &[
    field("ts", Form::Number, "when it was told: seconds since 1970-01-01 00:00 UTC"),
    field("event", Form::Event, "what happened"),
    field("proto", Form::Text, "tcp, udp or unix"),
    field("conn", Form::Count, "the number of the connection, from 1 in the order of accepting"),
    field("local", Form::Text, "the address of this side"),
    field("peer", Form::Text, "the address of the other side"),
    field("group", Form::Text, "the multicast group and port, with its source where it has one"),
    field("iface", Form::Text, "the name of the interface"),
    field("tag", Form::Text, "the text of --tag"),
    field("line", Form::Count, "the line of the commands that this answers, counted from 1"),
    field("len", Form::Count, "bytes of the message"),
    field("text", Form::Text, "the message, where it is UTF-8"),
    field("b64", Form::Base64, "the message, where it is not"),
    field("partial", Form::Flag, "the message is the last of its stream and has no proper end"),
    field("queued", Form::Count, "bytes that wait to be written; left out where none do"),
    field("count", Form::Count, "connections or peers that a message went to; entries of a list"),
    field("in", Form::Count, "bytes received"),
    field("out", Form::Count, "bytes sent"),
    field("messages_in", Form::Count, "messages received"),
    field("messages_out", Form::Count, "messages sent"),
    field("connections", Form::Count, "connections there have been"),
    field("clients", Form::Count, "clients that are connected now"),
    field("secs", Form::Number, "how long it took; of a retry, how long until it"),
    field("reason", Form::Cause, "who or what ended the connection"),
    field("detail", Form::Detail, "how exactly"),
    field("kind", Form::Kind, "a stable word for what is wrong"),
    field("code", Form::Count, "of a summary the exit status; of some kinds their number"),
    field("undelivered", Form::Count, "bytes received that made no whole message"),
    field("unsent", Form::Count, "bytes accepted for sending that never left"),
    field("messages", Form::Count, "messages of the flow, duplicates included"),
    field("bytes", Form::Count, "bytes of their payloads"),
    field("rate", Form::Number, "messages a second"),
    field("byte_rate", Form::Number, "bytes a second"),
    field("truncated", Form::Count, "messages that were longer than what could be received"),
    field("kernel_drops", Form::Count, "datagrams that the kernel dropped, its buffer being full"),
    field("expected", Form::Count, "sequence numbers, or answers, that should have come by now"),
    field("lost", Form::Count, "numbers that are missing"),
    field("loss", Form::Number, "the share of them, in percent"),
    field("duplicates", Form::Count, "numbers that came again"),
    field("reordered", Form::Count, "numbers that came behind a higher one"),
    field("restarts", Form::Count, "how often the sender began anew"),
    field("jitter", Form::Number, "interarrival jitter in seconds (RFC 3550)"),
    field("latency_min", Form::Number, "the shortest one-way delay in seconds, by two clocks"),
    field("latency_mean", Form::Number, "the mean"),
    field("latency_p99", Form::Number, "99 % were not longer"),
    field("latency_max", Form::Number, "the longest"),
    field("probes", Form::Count, "probes sent; those not expected yet may still be answered"),
    field("corrupt", Form::Count, "answers that are not what was sent"),
    field("rtt_min", Form::Number, "the shortest round trip in seconds"),
    field("rtt_mean", Form::Number, "the mean"),
    field("rtt_p50", Form::Number, "50 % were not longer"),
    field("rtt_p90", Form::Number, "90 % were not longer"),
    field("rtt_p99", Form::Number, "99 % were not longer"),
    field("rtt_p999", Form::Number, "99.9 % were not longer"),
    field("rtt_max", Form::Number, "the longest"),
    field("message", Form::Text, "words for people, which may change"),
];

const fn entry(
    name: Name,
    words: &'static str,
    always: &'static [&'static str],
    sometimes: &'static [&'static str],
) -> Entry {
    Entry { name, words, always, sometimes }
}

/// All events, in the order in which they may come.
pub const EVENTS: &[Entry] = &[
    entry(Name::Starting, "The run begins.", &[], &[]),
    entry(Name::Listening, "A socket listens.", &["proto", "local"], &[]),
    entry(Name::Connected, "The connection is up.", &["proto", "local", "peer"], &["conn"]),
    entry(
        Name::ConnectFailed,
        "One address of the peer did not answer, or refused.",
        &["peer", "kind", "message"],
        &["conn"],
    ),
    entry(Name::Accepted, "A client has come.", &["conn", "local", "peer"], &["proto"]),
    entry(Name::Joined, "A group is joined.", &["proto", "group", "iface"], &[]),
    entry(Name::Left, "A group is left.", &["proto", "group", "iface"], &[]),
    entry(
        Name::Data,
        "A message has come. Without framing, it is what one read of the stream gave.",
        &["peer", "len"],
        &["conn", "group", "iface", "text", "b64", "partial"],
    ),
    entry(
        Name::Sent,
        "The message of a command is written, or queued; one event, whoever it went to. Without \
         queued all of it is written. With queued, drained follows for each connection that did \
         not take everything at once, unless that connection is lost first.",
        &["line", "len"],
        &["conn", "peer", "queued", "count"],
    ),
    entry(
        Name::Drained,
        "Everything that waited for the connection is written: all messages that were sent to it \
         before. Without conn, everything that waited for any peer.",
        &[],
        &["conn", "peer"],
    ),
    entry(
        Name::SendFailed,
        "The message of a command was not sent: nothing of it is queued. Without line: what was \
         queued for the connection is lost with it, and closed follows.",
        &["kind", "message"],
        &["conn", "peer", "line", "code", "unsent"],
    ),
    entry(Name::Eof, "The peer said that it sends no more.", &["peer"], &["conn"]),
    entry(
        Name::Closed,
        "A connection is over.",
        &["local", "peer", "in", "out", "secs", "reason", "detail"],
        &["conn", "undelivered", "unsent"],
    ),
    entry(Name::Retry, "Another attempt follows after secs.", &["secs", "kind", "message"], &[]),
    entry(
        Name::Warning,
        "Something is odd; the run goes on.",
        &["kind", "message"],
        &["conn", "peer", "code"],
    ),
    entry(
        Name::Error,
        "Something failed. Whether the run ends is seen by what follows.",
        &["kind", "message"],
        &["conn", "peer", "line", "code", "undelivered"],
    ),
    entry(
        Name::List,
        "One of what is there, because somebody asked: a connection, a group or a peer. The last \
         one has their count and nothing else.",
        &[],
        &[
            "conn", "local", "peer", "group", "iface", "line", "queued", "count", "in", "out",
            "secs",
        ],
    ),
    entry(
        Name::Stats,
        "Counts so far, because somebody asked (SIGUSR1, /stats); or, with --stats, the figures \
         of one source over --interval or the whole run; of echo --ping those of all answers, once \
         more at the end.",
        &[],
        &[
            "peer",
            "group",
            "in",
            "out",
            "messages_in",
            "messages_out",
            "connections",
            "clients",
            "secs",
            "messages",
            "bytes",
            "rate",
            "byte_rate",
            "truncated",
            "kernel_drops",
            "expected",
            "lost",
            "loss",
            "duplicates",
            "reordered",
            "restarts",
            "jitter",
            "latency_min",
            "latency_mean",
            "latency_p99",
            "latency_max",
            "probes",
            "corrupt",
            "rtt_min",
            "rtt_mean",
            "rtt_p50",
            "rtt_p90",
            "rtt_p99",
            "rtt_p999",
            "rtt_max",
        ],
    ),
    entry(Name::Stopping, "The run is about to end; what is queued is still sent.", &[], &[]),
    entry(Name::Stopped, "All sockets are closed.", &[], &[]),
    entry(
        Name::Summary,
        "The counts of the whole run and its exit status: always the last line.",
        &["code"],
        &["in", "out", "messages_in", "messages_out", "connections", "secs"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_one_entry_with_known_fields() {
        for name in Name::ALL {
            let entries = EVENTS.iter().filter(|entry| entry.name == *name).count();
            assert_eq!(entries, 1, "{}", name.as_str());
        }
        assert_eq!(EVENTS.len(), Name::ALL.len());
        for entry in EVENTS {
            for key in entry.always.iter().chain(entry.sometimes) {
                assert!(FIELDS.iter().any(|field| field.name == *key), "{key}");
            }
        }
    }
}
