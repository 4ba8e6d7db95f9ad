//! Which options cannot apply beside which others: one table, checked on what was typed, so that a
//! default that is written out is refused like any other value.
//!
//! clap refuses by itself what needs nothing but two names (`conflicts_with`, `requires`), and all
//! that would change what a recording plays ([`beside_replay`]). What depends on the value of an
//! option alone (a size, an address, a text) is checked where the value is used.

#[cfg(test)]
mod tests;
mod typed;

use clap::{Arg, ArgMatches, Command};

use crate::error::{Failure, Status};
use crate::kind::Kind;
use typed::Typed;

/// Options that cannot apply.
struct Rule {
    /// The commands that the rule is for.
    on: &'static [&'static str],
    /// Each of these is refused; the first that was typed is named.
    options: &'static [&'static str],
    /// When: all of these hold, and those behind a `!` do not. Each is an option that was typed, or
    /// a word of [`typed::FACTS`].
    when: &'static [&'static str],
    why: &'static str,
}

pub(super) const NOT_IP: &str = "it speaks of IP addresses, and this is another kind of socket";
pub(super) const ONE_PURPOSE: &str = "stdin can be read for one purpose only (-n frees it)";
const NO_STDIN: &str = "-n says that there is no stdin";
const NO_MESSAGES: &str = "a stream has no messages without a framing, such as --frame line";
const IN_PLACE: &str = "--send stands in the place of stdin";
const CONNECTED: &str = "an inherited socket is connected already";
const NO_STDOUT: &str = "nothing is written to stdout (json shows the events)";
const TEST: &str = "--test sends probes, not stdin";
const NOBODY: &str = "with --headless nobody takes part here";
const AS_IT_IS: &str = "what is relayed is passed on as it is";

const CONNECT: &[&str] = &["tcp-connect"];
const SERVE: &[&str] = &["tcp-serve"];
const STREAMS: &[&str] = &["tcp-connect", "tcp-serve"];
const UDP_SEND: &[&str] = &["udp-send"];
const UDP_LISTEN: &[&str] = &["udp-listen"];
const MCAST_SEND: &[&str] = &["mcast-send"];
const SENDERS: &[&str] = &["udp-send", "mcast-send"];
const LISTENERS: &[&str] = &["udp-listen", "mcast-join"];
/// Commands that send stdin, cut into messages.
const TYPED: &[&str] = &["tcp-connect", "tcp-serve", "udp-send", "udp-listen", "mcast-send"];
const REPLAYING: &[&str] = &["tcp-connect", "tcp-serve", "udp-listen"];
const CHAT: &[&str] = &["chat"];
const ECHO: &[&str] = &["echo"];
const WITH_PORTS: &[&str] = &["tcp-connect", "tcp-serve", "udp-send", "udp-listen", "chat", "echo"];

const fn rule(
    on: &'static [&'static str],
    options: &'static [&'static str],
    when: &'static [&'static str],
    why: &'static str,
) -> Rule {
    Rule { on, options, when, why }
}

/// The rules; of those that are broken the first one is reported.
const RULES: &[Rule] = &[
    // Addresses.
    rule(WITH_PORTS, &["--port-file"], &["unix only"], "a unix socket has no port"),
    rule(CONNECT, &["--bind", "-4", "-6"], &["not ip"], NOT_IP),
    rule(CONNECT, &["--wait", "--connect-timeout", "--reconnect"], &["fd"], CONNECTED),
    rule(UDP_SEND, &["--bind", "--broadcast"], &["not ip"], NOT_IP),
    rule(UDP_LISTEN, &["-4", "-6"], &["!ip"], NOT_IP),
    rule(UDP_LISTEN, &["--allow", "--deny"], &["unix only"], NOT_IP),
    // -z.
    rule(
        CONNECT,
        &[
            "--send",
            "--input",
            "--chomp",
            "--count",
            "--expect",
            "--frame",
            "--max-frame",
            "--crlf",
            "--rate",
            "--progress",
            "--idle-timeout",
            "--quit-after",
            "--keep-open",
            "--on-peer-close",
            "--reconnect",
            "--exec",
        ],
        &["-z"],
        "-z sends and receives nothing",
    ),
    rule(CONNECT, &["--output"], &["-z", "written"], "-z sends and receives nothing"),
    // Relays.
    rule(
        SERVE,
        &["--slow", "--slow-after"],
        &["relay"],
        "whoever sends to a slow side of a relay is read no faster",
    ),
    rule(
        CONNECT,
        &["--send", "--input", "--chomp", "--crlf", "--rate", "--keep-open", "--quit-after"],
        &["relay"],
        "with --exec stdin is not sent",
    ),
    rule(CONNECT, &["--reconnect"], &["relay"], "--exec runs CMD for one connection"),
    rule(STREAMS, &["--frame", "--expect"], &["relay"], AS_IT_IS),
    rule(STREAMS, &["--output"], &["relay", "written"], NO_STDOUT),
    rule(STREAMS, &["--on-peer-close"], &["relay"], "a half-close is passed on to the other side"),
    // Handlers.
    rule(SERVE, &["-4", "-6"], &["!ip", "!forward to ip"], NOT_IP),
    rule(
        SERVE,
        &["--send", "--input", "--chomp", "--crlf", "--rate", "--keep-open", "--quit-after"],
        &["handler"],
        "this handler does not send stdin to its clients",
    ),
    rule(SERVE, &["--rate"], &["--send"], "each client is sent the texts of --send at once"),
    rule(
        SERVE,
        &["--slow", "--slow-after"],
        &["--reply"],
        "a client that does not read its replies is read no further",
    ),
    rule(
        SERVE,
        &["--slow", "--slow-after"],
        &["silent"],
        "nothing is sent that clients could be slow for",
    ),
    rule(
        SERVE,
        &["--queue"],
        &["silent", "!--greet"],
        "nothing is sent that clients could be slow for",
    ),
    rule(SERVE, &["--slow-after"], &["slow block"], "--slow block waits for ever"),
    rule(SERVE, &["--connect-timeout"], &["!--forward"], "only --forward connects to anybody"),
    rule(
        SERVE,
        &["--keep-open", "--quit-after"],
        &["--hub"],
        "the end of stdin means nothing to the clients of a hub",
    ),
    rule(
        SERVE,
        &["--output"],
        &["--discard", "written"],
        "--discard writes nothing (json shows the events)",
    ),
    // Messages on a stream.
    rule(STREAMS, &["--count", "--read-timeout", "--rate in messages"], &["!framed"], NO_MESSAGES),
    rule(STREAMS, &["--max-frame"], &["!framed", "!cut input"], NO_MESSAGES),
    rule(STREAMS, &["--keep-cr"], &["!line frames"], "it needs --frame line"),
    rule(STREAMS, &["-O nodelay"], &["tinyproto"], "--frame tinyproto waits for each answer"),
    // stdin.
    rule(STREAMS, &["--crlf", "--rate", "--keep-open", "--quit-after"], &["-n"], NO_STDIN),
    rule(MCAST_SEND, &["--send", "--input", "--chomp"], &["--test"], TEST),
    rule(
        SENDERS,
        &["--output"],
        &["!reported", "!--reply", "!--wait", "!--count", "!--expect"],
        "without --reply nothing is received",
    ),
    rule(UDP_LISTEN, &["--to"], &["commands"], "each command says whom it is for"),
    rule(TYPED, &["-n", "--input", "--chomp"], &["--send"], IN_PLACE),
    rule(TYPED, &["--input", "--chomp"], &["-n"], NO_STDIN),
    rule(TYPED, &["--chomp"], &["!line input"], "it needs --input line or commands"),
    rule(
        SENDERS,
        &["--input commands", "--input json"],
        &[],
        "a sender reads messages only: udp-listen and mcast-join take commands",
    ),
    rule(UDP_SEND, &["-n"], &[], "without stdin there is nothing to send"),
    rule(MCAST_SEND, &["-n"], &["!--test"], "without stdin there is nothing to send"),
    rule(STREAMS, &["--crlf"], &["json commands"], "--input json says byte by byte what is sent"),
    rule(STREAMS, &["--rate"], &["commands"], "commands are obeyed as they come"),
    rule(
        STREAMS,
        &["--keep-open", "--quit-after"],
        &["commands"],
        "with --input commands or json the end of stdin is /quit",
    ),
    rule(SERVE, &["--allow", "--deny"], &["unix only"], NOT_IP),
    rule(REPLAYING, &["--replay-timing"], &["!--replay"], "it needs --replay"),
    // Statistics.
    rule(LISTENERS, &["--interval"], &["!--stats"], "it needs --stats"),
    rule(LISTENERS, &["--seq"], &["!--stats", "!--max-loss"], "it needs --stats or --max-loss"),
    // Chat.
    rule(CHAT, &["--host"], &["group"], "a room in a group has no host"),
    rule(
        CHAT,
        &["--reconnect", "--connect-timeout", "--bind"],
        &["group"],
        "a room in a group has no host to connect to",
    ),
    rule(CHAT, &["--headless", "--max-clients", "--queue"], &["!--host"], "it needs --host"),
    rule(CHAT, &["-4", "-6"], &["group"], "the group says which family it is of"),
    rule(
        CHAT,
        &["--send", "--reconnect", "--connect-timeout", "--bind"],
        &["--host"],
        "it is for those who join",
    ),
    rule(CHAT, &["--ttl"], &["!group"], "it needs a group"),
    rule(CHAT, &["-n"], &["--send"], IN_PLACE),
    rule(CHAT, &["--nick", "--time", "--no-stdin"], &["--headless"], NOBODY),
    rule(CHAT, &["--output"], &["--headless", "written"], NOBODY),
    rule(CHAT, &["--frame"], &["group"], "a room in a group is made of datagrams"),
    rule(CHAT, &["--nick"], &["tinyproto"], "the chat of tinyproto has no names"),
    rule(CHAT, &["-O nodelay"], &["tinyproto"], "--frame tinyproto waits for each answer"),
    rule(CHAT, &["-4", "-6", "--bind"], &["!ip"], NOT_IP),
    rule(CHAT, &["--wait", "--connect-timeout", "--reconnect"], &["fd", "!--host"], CONNECTED),
    // Echo.
    rule(
        ECHO,
        &[
            "--delay",
            "--drop",
            "--frame",
            "--max-frame",
            "--prefix",
            "--quit-word",
            "--stop-word",
            "--idle-timeout",
            "--expect",
        ],
        &["--ping"],
        "--ping knows what it expects, and serves nobody",
    ),
    rule(
        ECHO,
        &["--interval", "--size", "--conns", "--max-loss", "--connect-timeout"],
        &["!--ping"],
        "it needs --ping",
    ),
    rule(ECHO, &["-O nodelay"], &[], "no answer is to wait for the one before"),
    rule(
        ECHO,
        &["--output"],
        &["written"],
        "echo writes no messages to stdout (json shows the events)",
    ),
    rule(ECHO, &["--tcp"], &["group", "!--ping"], "a group is for datagrams"),
    rule(ECHO, &["-4", "-6"], &["!ip"], NOT_IP),
    rule(
        ECHO,
        &["--frame", "--max-frame", "--quit-word", "--idle-timeout"],
        &["--udp"],
        "datagrams have no connection",
    ),
    rule(
        ECHO,
        &["--frame", "--max-frame", "--quit-word", "--idle-timeout"],
        &["groups only"],
        "datagrams have no connection",
    ),
    rule(
        ECHO,
        &["--wait", "--connect-timeout"],
        &["--ping", "--udp"],
        "datagrams are sent without a connection",
    ),
    rule(ECHO, &["--max-frame"], &["!framed"], NO_MESSAGES),
];

impl Rule {
    /// The option that this rule refuses, if it does.
    fn refused(&self, typed: &Typed) -> Option<&'static str> {
        let holds = |fact: &&str| match fact.strip_prefix('!') {
            Some(fact) => !typed.has(fact),
            None => typed.has(fact),
        };
        if !self.on.contains(&typed.command()) || !self.when.iter().all(holds) {
            return None;
        }
        self.options.iter().copied().find(|option| typed.has(option))
    }
}

/// A combination that cannot work: `cannot use OPTION: CAUSE`.
pub(super) fn refuse(option: &str, cause: impl Into<String>) -> Failure {
    Failure::new(Status::Usage, Kind::Usage, "use", option, cause)
}

/// Checks all rules for what was typed behind the name of `command`.
///
/// # Errors
/// A bad address, or the first rule that is broken.
pub(crate) fn check(command: &Command, matches: &ArgMatches) -> Result<(), Failure> {
    let typed = Typed::new(command, matches)?;
    let broken = RULES.iter().find_map(|rule| Some((rule.refused(&typed)?, rule.why)));
    match broken {
        Some((option, why)) => Err(refuse(option, why)),
        None => Ok(()),
    }
}

/// What a recording does not decide. All other options would change what is sent or how it is
/// taken, and cannot go with one.
const BESIDE_REPLAY: [&str; 26] = [
    "address",
    "addresses",
    "replay",
    "replay_timing",
    "record",
    "timeout",
    "idle_timeout",
    "wait",
    "connect_timeout",
    "output",
    "socket_option",
    "no_stdin",
    "v4",
    "v6",
    "bind",
    "once",
    "conns",
    "port_file",
    "ready_fd",
    "on",
    "command",
    "verbose",
    "quiet",
    "log",
    "color",
    "tag",
];

/// Whatever is not made for `--replay` excludes it.
pub(super) fn beside_replay(arg: Arg) -> Arg {
    if BESIDE_REPLAY.contains(&arg.get_id().as_str()) { arg } else { arg.conflicts_with("replay") }
}
