//! The rules themselves; those of TLS stand by themselves, as TLS is a feature.

use super::{Rule, rule};

const NOT_IP: &str = "it speaks of IP addresses, and this is another kind of socket";
pub(in crate::commands) const ONE_PURPOSE: &str =
    "stdin can be read for one purpose only (-n frees it)";
const NO_STDIN: &str = "-n says that there is no stdin";
const NO_FILE: &str = "no ADDR is a unix socket that has a path, and so a file";
const NO_MESSAGES: &str = "a stream has no messages without a framing, such as --frame line";
const WHOLE: &str = "a message is as large as its sender made it (--max-frame limits it)";
const NOT_SHOWN: &str = "what comes is shown nowhere";
const NOT_SENT: &str = "this handler does not send stdin to its clients";
const IN_PLACE: &str = "--send stands in the place of stdin";
const CONNECTED: &str = "an inherited socket is connected already";
const NOT_VIA: &str = "a proxy connects to HOST:PORT, and this is another kind of socket";
const DIALS_NOBODY: &str =
    "only --forward connects to anybody, or what --input commands or json asks for";
const NO_STDOUT: &str = "nothing is written to stdout (json shows the events)";
const SHOWN_PASSING: &str = "what passes both ways is shown by dump and json alone";
const NO_ANSWERS: &str = "without --reply nothing is received";
const TEST: &str = "--test sends probes, not stdin";
const NOBODY: &str = "with --headless nobody takes part here";
const CMD_ENDS_LINES: &str =
    "what CMD writes is passed on as it is: let it end its lines so, as with `CMD | unix2dos`";
const AS_IT_IS: &str = "what is relayed is passed on as it is";

pub(super) const CONNECT: &[&str] = &["tcp-connect"];
pub(super) const SERVE: &[&str] = &["tcp-serve"];
pub(super) const STREAMS: &[&str] = &["tcp-connect", "tcp-serve"];
const UDP_SEND: &[&str] = &["udp-send"];
pub(super) const UDP_LISTEN: &[&str] = &["udp-listen"];
const MCAST_SEND: &[&str] = &["mcast-send"];
pub(super) const SENDERS: &[&str] = &["udp-send", "mcast-send"];
const LISTENERS: &[&str] = &["udp-listen", "mcast-join"];
/// Commands that send stdin, cut into messages.
const TYPED: &[&str] = &["tcp-connect", "tcp-serve", "udp-send", "udp-listen", "mcast-send"];
const WITH_EXEC: &[&str] = &["tcp-connect", "tcp-serve", "udp-listen"];
const PACED: &[&str] = &["tcp-connect", "tcp-serve", "udp-send", "mcast-send"];
pub(super) const REPLAYING: &[&str] = &["tcp-connect", "tcp-serve", "udp-listen"];
pub(super) const CHAT: &[&str] = &["chat"];
pub(super) const ECHO: &[&str] = &["echo"];
const SERVERS: &[&str] = &["tcp-serve", "echo"];
const WITH_PORTS: &[&str] = &["tcp-connect", "tcp-serve", "udp-send", "udp-listen", "chat", "echo"];

/// Options about how stdin is sent on a stream.
const SENDING: &[&str] =
    &["--send", "--input", "--chomp", "--crlf", "--rate", "--keep-open", "--quit-after"];
/// Options that speak of the one connection of a command line.
const OF_ADDR: &[&str] = &["--probe", "--wait", "--reconnect", "--exec", "--port-file"];
/// Options of an echo server that speak of streams.
const OF_CONNECTIONS: &[&str] =
    &["Server", "!--delay", "!--drop", "!--prefix", "!--stop-word", "!--threads", "!--unix-mode"];
/// All but what `-z` leaves open, or what other rules refuse beside it.
const NOT_PROBING: &[&str] = &[
    "*",
    "!--probe",
    "!--timeout",
    "!--wait",
    "!--connect-timeout",
    "!--settle",
    "!--no-stdin",
    "!--output",
    "!--record",
    "!Sockets",
    "!TLS",
    "!Scripting",
    "!Events",
    "--progress",
    "!--read-timeout",
    // clap or a later rule refuses these beside -z, or the option that they need.
    "!--keep-cr",
    "!--sh",
    "!--replay",
    "!--replay-timing",
];

/// The rules; of those that are broken the first one is reported.
pub(super) const RULES: &[Rule] = &[
    // Addresses.
    // An inherited socket may be of IP; what it is shows only when it is opened.
    rule(WITH_PORTS, &["--port-file"], &["unix only"], "a unix socket has no port"),
    // A path and a descriptor have neither a family to choose nor a local port.
    rule(CONNECT, &["-4", "-6"], &["not ip"], NOT_IP),
    // All three speak of attempts, and a descriptor cannot be dialed again.
    rule(CONNECT, &["--wait", "--connect-timeout", "--reconnect"], &["fd"], CONNECTED),
    // They hold for all addresses of the command, so one of another kind is enough to refuse them.
    rule(UDP_SEND, &["--broadcast", "--any-source"], &["not ip"], NOT_IP),
    // Among several addresses the family is that of those of IP; it means nothing where there are
    // none.
    rule(UDP_LISTEN, &["-4", "-6", "--broadcast"], &["!ip"], NOT_IP),
    rule(UDP_LISTEN, &["--broadcast"], &["-n", "!--reply"], "nothing is sent"),
    rule(UDP_LISTEN, &["--allow", "--deny"], &["unix only"], NOT_IP),
    rule(UDP_LISTEN, &["--unix-mode"], &["!unix path"], NO_FILE),
    // A command may have it listen on one.
    rule(SERVE, &["--unix-mode"], &["!unix path", "!commands"], NO_FILE),
    rule(CONNECT, &["--unix-mode"], &["!commands"], "it listens only where commands have it"),
    rule(CONNECT, OF_ADDR, &["no address"], "it needs the ADDR to connect to"),
    // -z.
    rule(CONNECT, NOT_PROBING, &["-z"], "-z sends and receives nothing"),
    // `--output json` shows events and no data, so it stays.
    rule(CONNECT, &["--output"], &["-z", "written"], "-z sends and receives nothing"),
    // Relays.
    rule(
        SERVE,
        &["--slow", "--slow-after"],
        &["relay"],
        "whoever sends to a slow side of a relay is read no faster",
    ),
    rule(WITH_EXEC, &["--crlf"], &["--exec"], CMD_ENDS_LINES),
    rule(CONNECT, SENDING, &["relay"], "with --exec stdin is not sent"),
    rule(CONNECT, &["--reconnect"], &["relay"], "--exec runs CMD for one connection"),
    rule(STREAMS, &["--frame", "--expect"], &["relay"], AS_IT_IS),
    rule(CONNECT, &["--output"], &["relay", "written"], NO_STDOUT),
    rule(SERVE, &["--output"], &["relay", "written", "!dump"], SHOWN_PASSING),
    rule(STREAMS, &["--on-peer-close"], &["relay"], "a half-close is passed on to the other side"),
    // Handlers.
    // --forward connects within the same family, also where the clients come by a unix socket.
    rule(SERVE, &["-4", "-6"], &["!ip", "!forward to ip"], NOT_IP),
    // --hub is none of these: it sends stdin to its clients.
    rule(SERVE, SENDING, &["handler"], NOT_SENT),
    rule(SERVE, &["--on-peer-close"], &["handler"], NOT_SENT),
    rule(SERVE, &["--rate"], &["--send"], "each client is sent the texts of --send at once"),
    rule(
        SERVE,
        &["--slow", "--slow-after"],
        &["silent"],
        "nothing is sent that clients could be slow for",
    ),
    rule(
        SERVE,
        &["--queue"],
        // A greeting waits in the queue like anything else that is sent.
        &["silent", "!--greet"],
        "nothing is sent that clients could be slow for",
    ),
    rule(SERVE, &["--proxy-protocol"], &["!--forward"], "it needs --forward"),
    rule(CONNECT, &["--proxy-protocol"], &["fd"], CONNECTED),
    rule(CONNECT, &["--via"], &["not ip"], NOT_VIA),
    rule(SERVE, &["--via"], &["!--forward", "!commands"], DIALS_NOBODY),
    rule(SERVE, &["--via"], &["--forward", "!forward to ip"], NOT_VIA),
    rule(SERVE, &["--slow-after"], &["slow block"], "--slow block waits for ever"),
    rule(SERVE, &["--connect-timeout"], &["!--forward", "!commands"], DIALS_NOBODY),
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
    // A rate in bytes needs no messages.
    rule(STREAMS, &["--rate in messages"], &["!framed"], NO_MESSAGES),
    // With --paused, what a read brings is a message.
    rule(STREAMS, &["--count", "--read-timeout"], &["!framed", "!--paused"], NO_MESSAGES),
    // Input that is cut into messages has a largest one, even where the stream has no framing.
    rule(STREAMS, &["--max-frame"], &["!framed", "!cut input"], NO_MESSAGES),
    rule(SERVE, &["--max-frame-total"], &["!framed", "!--paused"], NO_MESSAGES),
    rule(STREAMS, &["--keep-cr"], &["!line frames", "!--paused"], "it needs --frame line"),
    rule(STREAMS, &["--read-size"], &["framed"], WHOLE),
    rule(STREAMS, &["--read-size"], &["relay"], NOT_SHOWN),
    rule(SERVE, &["--read-size"], &["--discard"], NOT_SHOWN),
    // Only nodelay=off is meant. Nagle holds a small segment back until the last one is
    // acknowledged, and Linux may delay that by 40 ms and more (TCP_DELACK_MIN).
    rule(STREAMS, &["-O nodelay"], &["tinyproto"], "--frame tinyproto waits for each answer"),
    // stdin.
    rule(
        STREAMS,
        &["--crlf", "--rate", "--keep-open", "--quit-after", "--on-peer-close"],
        &["-n"],
        NO_STDIN,
    ),
    rule(UDP_LISTEN, &["--crlf"], &["-n"], NO_STDIN),
    rule(
        UDP_LISTEN,
        &["--send", "--to", "--broadcast", "--input commands", "--input json"],
        &["--exec"],
        "with --exec stdin is not sent",
    ),
    rule(UDP_LISTEN, &["--reply"], &["--exec"], "the command answers"),
    rule(UDP_LISTEN, &["--output"], &["--exec", "written"], NO_STDOUT),
    rule(UDP_LISTEN, &["--to"], &["-n"], NO_STDIN),
    rule(MCAST_SEND, &["--send", "--input", "--chomp", "--crlf"], &["--test"], TEST),
    rule(
        SENDERS,
        &["--output"],
        // Each of these has a sender wait for answers (`datagram::send`), which are all that it
        // writes.
        &["!reported", "!commands", "!--reply", "!--wait", "!--count", "!--expect"],
        NO_ANSWERS,
    ),
    rule(
        UDP_SEND,
        &["--any-source"],
        &["!commands", "!--reply", "!--wait", "!--count", "!--expect"],
        NO_ANSWERS,
    ),
    rule(UDP_LISTEN, &["--to"], &["commands"], "each command says whom it is for"),
    rule(TYPED, &["-n", "--input", "--chomp"], &["--send"], IN_PLACE),
    rule(TYPED, &["--input", "--chomp"], &["-n"], NO_STDIN),
    rule(TYPED, &["--chomp"], &["!line input"], "it needs --input line or commands"),
    // Beside --send an earlier rule has refused it, with the cause that fits there.
    rule(UDP_SEND, &["-n"], &[], "without stdin there is nothing to send"),
    rule(MCAST_SEND, &["-n"], &["!--test"], "without stdin there is nothing to send"),
    rule(TYPED, &["--crlf"], &["json commands"], "--input json says byte by byte what is sent"),
    rule(PACED, &["--rate"], &["commands"], "commands are obeyed as they come"),
    rule(SENDERS, &["--repeat"], &["commands"], "each command is obeyed once"),
    rule(
        SENDERS,
        &["--wait"],
        &["commands"],
        "each command is obeyed once (--reply=D awaits answers behind the last one)",
    ),
    rule(
        STREAMS,
        &["--paused"],
        &["!commands"],
        "a command asks for each message: it needs --input json",
    ),
    rule(
        STREAMS,
        &["--paused"],
        &["!reported"],
        "events bring the messages: it needs --output json",
    ),
    rule(SERVE, &["--paused"], &["--hub"], "a hub passes on what comes when it comes"),
    rule(
        STREAMS,
        &["--keep-open", "--quit-after"],
        &["commands"],
        "with --input commands or json the end of stdin is /quit",
    ),
    // A proxy that comes by a unix socket names clients that have an IP address.
    rule(
        SERVE,
        &["--allow", "--deny", "--max-per-address"],
        &["unix only", "!--accept-proxy"],
        NOT_IP,
    ),
    rule(REPLAYING, &["--replay -"], &["-n"], NO_STDIN),
    rule(REPLAYING, &["--replay-timing"], &["!--replay"], "it needs --replay"),
    // Statistics.
    rule(LISTENERS, &["--interval"], &["!--stats"], "it needs --stats"),
    rule(LISTENERS, &["--seq"], &["!--stats", "!--max-loss"], "it needs --stats or --max-loss"),
    // Chat.
    rule(CHAT, &["--host"], &["group"], "a room in a group has no host"),
    rule(CHAT, &["Joining"], &["group"], "a room in a group has no host to connect to"),
    rule(CHAT, &["Hosting", "!--host"], &["!--host"], "it needs --host"),
    rule(CHAT, &["-4", "-6"], &["group"], "the group says which family it is of"),
    rule(CHAT, &["--send", "Joining"], &["--host"], "it is for those who join"),
    rule(CHAT, &["--ttl"], &["!group"], "it needs a group"),
    rule(CHAT, &["-n"], &["--send"], IN_PLACE),
    rule(CHAT, &["--nick", "--time", "--no-stdin"], &["--headless"], NOBODY),
    rule(CHAT, &["--output"], &["--headless", "written"], NOBODY),
    rule(CHAT, &["--frame"], &["group"], "a room in a group is made of datagrams"),
    rule(CHAT, &["--nick"], &["tinyproto"], "the chat of tinyproto has no names"),
    rule(CHAT, &["-O nodelay"], &["tinyproto"], "--frame tinyproto waits for each answer"),
    rule(CHAT, &["-4", "-6"], &["!ip"], NOT_IP),
    // With --host the descriptor is a listener, which connects to nobody.
    rule(CHAT, &["--wait", "--connect-timeout", "--reconnect"], &["fd", "!--host"], CONNECTED),
    rule(CHAT, &["--via"], &["not ip", "!--host"], NOT_VIA),
    rule(CHAT, &["--allow", "--deny", "--max-per-address"], &["unix only"], NOT_IP),
    rule(CHAT, &["--unix-mode"], &["!unix path"], NO_FILE),
    // Echo.
    rule(
        ECHO,
        &["Server", "--expect"],
        &["--ping"],
        "--ping knows what it expects, and serves nobody",
    ),
    rule(ECHO, &["Probe", "!--ping"], &["!--ping"], "it needs --ping"),
    rule(ECHO, &["-O nodelay"], &[], "no answer is to wait for the one before"),
    rule(
        ECHO,
        &["--output"],
        &["written"],
        "echo writes no messages to stdout (json shows the events)",
    ),
    // With --ping the group itself is refused, with the advice to probe one of its members.
    rule(ECHO, &["--tcp"], &["group", "!--ping"], "a group is for datagrams"),
    rule(ECHO, &["-4", "-6"], &["!ip"], NOT_IP),
    rule(ECHO, &["--allow", "--deny"], &["unix only", "!--ping"], NOT_IP),
    rule(ECHO, &["--unix-mode"], &["!unix path", "!--ping"], NO_FILE),
    rule(ECHO, OF_CONNECTIONS, &["no streams"], "datagrams have no connection"),
    rule(
        ECHO,
        &["--wait", "--connect-timeout", "--via"],
        &["--ping", "--udp"],
        "datagrams are sent without a connection",
    ),
    rule(ECHO, &["--wait", "--connect-timeout"], &["--ping", "fd"], CONNECTED),
    rule(ECHO, &["--via"], &["--ping", "not ip"], NOT_VIA),
    rule(ECHO, &["--max-frame", "--max-frame-total"], &["!framed"], NO_MESSAGES),
    rule(ECHO, &["--read-size"], &["framed"], WHOLE),
    // --threads cannot do what stands in one order, or is done elsewhere.
    rule(
        SERVERS,
        &["--threads"],
        &["threads", "--record"],
        "a recording has one order of all that goes through it, which one loop alone knows",
    ),
    rule(
        SERVE,
        &["--threads"],
        &["threads", "commands"],
        "commands are obeyed one after the other, by one loop",
    ),
    rule(
        SERVE,
        &["--threads"],
        &["threads", "--exec"],
        "each client has a process of its own already, and those do the work",
    ),
    rule(
        SERVE,
        &["--threads"],
        &["threads", "!handler", "!--hub", "!-n", "!--send"],
        "one loop sends stdin to all clients (choose a handler, -n or --send)",
    ),
    rule(
        ECHO,
        &["--threads"],
        &["threads", "no streams", "!ip"],
        "of datagrams only plain UDP has a socket for each loop: not a group, nor a unix socket",
    ),
];
