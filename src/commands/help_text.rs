//! The longer texts of `--help`: examples, tables, and options that mean something else elsewhere.

use clap::{Arg, Command};

use super::args::take_hyphens;
use super::help;
use super::help_ends::{CHAT_LIMITS, ENDS, SERVE_ENDS};
use super::via::PROXIES;

pub(super) const EXIT_STATUS: &str = "\
Exit status:
  0    done, and nothing was lost
  1    an expectation failed (--expect, --count, --reply, --replay, --max-loss)
  2    usage, a bad address, an option that cannot apply
  3    name resolution
  4    cannot connect
  5    cannot listen or join
  6    connection lost, input left unsent, bad frame
  7    local I/O: stdin, stdout, a file, a descriptor
  8    a handshake of TLS or with a proxy failed
  124  a timeout
  126, 127  the command behind -- cannot be run, or is not there
  130, 143, 129  ended by SIGINT, SIGTERM, SIGHUP (SIGTERM of a server: 0)";

pub(super) const EXAMPLES: &str = "\
Examples:
  wirecat tcp-serve 9000                            a server on loopback
  echo hello | wirecat tcp-connect localhost:9000   a client of it
  wirecat tcp-serve --help                          all that a server can do";

const ADDRESSES: &str = "\
Addresses:
  HOST:PORT  [::1]:80   a name or address and a port or service name
  :8080                 all interfaces, or localhost to connect
  8080                  loopback only
  :0                    a free port, which is printed (servers)
  unix:/path  unix:@x   a unix socket, in the file system or abstract
  fd:3                  a socket that the parent process opened";

const VALUES: &str = "\
Values:
  D     500ms, 2s, 1m30s; a bare number is seconds
  SIZE  64k = 64KiB, 1M = 1MiB, 10MB = 10000000
  TEXT  with \\n \\r \\t \\0 \\xNN \\\\; @FILE reads a file as it is, @- reads stdin";

const CONNECT_EXAMPLES: &str = "\
Examples:
  echo ruok | wirecat tcp-connect localhost:2181   ask, and read to the end
  wirecat tcp-connect --wait 30s db:5432 < query   wait for the server first
  wirecat tcp-connect --frame line -c 1 :7000      one line as the answer
  wirecat tcp-connect --replay session :7000       a recorded session, as a test
  wirecat tcp-connect --via http://gw:3128 db:80   through a proxy
  wirecat tcp-connect unix:/run/app.sock           a unix socket";

const SERVE_EXAMPLES: &str = "\
Examples:
  wirecat tcp-serve 9000                       talk to whoever connects
  wirecat tcp-serve -1 :9000 > file            receive one file from anywhere
  wirecat tcp-serve --hub --frame line :9000   a chat room for nc and telnet
  wirecat tcp-serve --reply @page.http 8080    a fixed answer to every client
  wirecat tcp-serve --forward db:5432 :5432    a relay to another server
  wirecat tcp-serve --exec 'sort -n' 9000      a command for every client
  wirecat tcp-serve --replay session 8080      a recorded session, as a mock
  tail -f log | wirecat tcp-serve :9000        one log, many viewers";

const UDP_SEND_EXAMPLES: &str = "\
Examples:
  printf 'a\\nb\\n' | wirecat udp-send host:5000         two datagrams
  echo status | wirecat udp-send --reply=2s host:5000  ask, print the answers
  echo hello | wirecat udp-send --wait 30s host:5000   until somebody answers
  echo who | wirecat udp-send --broadcast --reply 10.0.0.255:5000";

const UDP_LISTEN_EXAMPLES: &str = "\
Examples:
  wirecat udp-listen :5000                     print what anybody sends
  wirecat udp-listen -c 3 --output dump 5000   look at three datagrams
  wirecat udp-listen --stats --seq rtp :5004   loss and jitter of an RTP stream
  wirecat udp-listen --exec 'bc -l' :5000      a command for every peer";

const MCAST_JOIN_EXAMPLES: &str = "\
Examples:
  wirecat mcast-join 239.1.2.3:5000%eth0          print what the group gets
  wirecat mcast-join --stats 239.1.2.3:5000       how much is lost?
  wirecat mcast-join --wait 5s 239.1.2.3:5000     does it arrive? if not, why?";

const MCAST_SEND_EXAMPLES: &str = "\
Examples:
  echo hello | wirecat mcast-send 239.1.2.3:5000%eth0
  wirecat mcast-send --send who --reply=2s 239.1.2.3:5000   ask, print answers
  wirecat mcast-send --test --rate 1000/s --duration 10s 239.1.2.3:5000";

const CHAT_EXAMPLES: &str = "\
Examples:
  wirecat chat --host :9000               host a room, and take part in it
  wirecat chat host:9000                  join it; nc host 9000 does as well
  tail -f log | wirecat chat host:9000    show the room what happens
  wirecat chat 239.1.2.3:9000             a room without a host";

const CHAT_COMMANDS: &str = "\
In the room:
  /who              who is there
  /nick NAME        take another name
  /me TEXT          say what you do
  /msg NAME TEXT    send to one member alone
  /quit [WHY]       leave; ^D does as well, ^C at once
  //TEXT            say a line that begins with /
  On a screen: PgUp and PgDn scroll, Up and Down bring back what you said, Tab
  completes names, ^Z suspends, and the keys of readline edit.";

const ECHO_EXAMPLES: &str = "\
Examples:
  wirecat echo :7000                            TCP and UDP, until it is stopped
  wirecat echo --delay 20ms --drop 1% 7000      a bad network on loopback
  wirecat echo --udp 239.1.2.3:5000%eth0        members of a group that answer
  wirecat echo --ping host:7                    any RFC 862 echo server
  wirecat echo --ping --udp --interval 20ms -c 500 --max-loss 0.1% host:7
  wirecat echo --ping --interval 0 --conns 50 -c 1000 :7000   under load";

const ECHO_NOTES: &str = "\
How it measures:
  With an interval, probes are due in step whatever the answers do, and a round
  trip counts from when its probe was due, not from when a late sender sent it.
  With --interval 0 each connection waits for its answer first. A round trip of
  twice the mean or more then also counts for the probes that it held back, one
  for each mean, each with the time that was left of it.
  Every byte of an answer is checked; one that differs is corrupt, and lost.";

const GROUPS: &str = "\
Groups:
  239.1.2.3:5000  [ff05::1]:5000   any source, on the interface of the route
  10.0.0.5@232.1.2.3:5000          from one source only
  GROUP:PORT%eth0                  an interface by name, index or address
  GROUP:PORT%all                   every multicast interface that is up
  239.1.2.3+8:5000                 eight groups, counting up";

const FRAMINGS: &str = "\
Framings:
  delim:END              a message ends with END, as TEXT; \\x2c is a comma
  delim:START,END        it begins with START as well
  delim:\\x0b,\\x1c\\r      MLLP, as HL7 has it
  delim:\\x02,\\x03        STX and ETX
  octet                  LEN SP MSG: syslog over TCP (RFC 6587)
  content-length         headers, an empty line, the message: LSP, DAP
  uN@OFFSET  uNle@OFFSET  a length of N = 8 16 24 32 64 bits in the message
  uN@OFFSET-M  +M        M bytes fewer, or more, follow it than its value
  u16@4                  Modbus/TCP
  u16@2-4                TPKT (RFC 1006)
  u32@1-4                Postgres; a client's first message has u32@0-4";

const COMMANDS: &str = "\
Commands (one a line of stdin):
  --input commands   --input json                  effect
  TEXT  /all TEXT    {\"send\":TEXT}                 to all conns, peers, groups
  /to ID TEXT        {\"send\":TEXT,\"to\":ID}         to the conn or peer of events
                     {\"b64\":...} {\"hex\":...}       bytes instead of TEXT
  /close [ID]        {\"close\":ID}                  flush, then close (null: all)
  /connect ADDR      {\"connect\":ADDR}              one more connection (tcp-*)
  /listen ADDR       {\"listen\":ADDR}               one more listener (tcp-*)
  /list  /stats      {\"list\":true} {\"stats\":true}  list, stats events
  /tick TIME         {\"tick\":TIME}                  a tick each TIME, or off
  /join G  /leave G  {\"join\":G} {\"leave\":G}        a group (mcast-join)
  /quit              {\"quit\":true}                 drain and stop
  The end of stdin is /quit. A bad command is an error event and ends nothing.
  Each message is answered by sent or send-failed, with its line; where sent has
  queued bytes, drained follows when they are written. Commands wait while a
  queue or stdout is full. After its eof a client can still be answered, and is
  to be closed.
  connect is answered by connecting, with the number to close it by, and then
  by connected, connect-failed or error; listen by listening. To dial an ADDR
  once more while it is connected takes {\"connect\":ADDR,\"another\":true}. Up to
  256 connections are made at once; further ones wait.";

const SENDER_COMMANDS: &str = "\
Commands (one a line of stdin):
  --input commands   --input json                  effect
  TEXT  /all TEXT    {\"send\":TEXT}                 to all of the command line
  /to PEER TEXT      {\"send\":TEXT,\"to\":PEER}       to HOST:PORT or unix:PATH
                     {\"b64\":...} {\"hex\":...}       bytes instead of TEXT
  /list  /stats      {\"list\":true} {\"stats\":true}  list, stats events
  /tick TIME         {\"tick\":TIME}                  a tick each TIME, or off
  /quit              {\"quit\":true}                 drain and stop
  Each message is answered by sent or send-failed, with its line; a datagram
  that is refused later is one more send-failed, without a line. Answers are
  data events with their peer. The end of stdin is /quit, but awaits answers
  first with --reply[=D]. No message decides the exit status.";

const STREAM_COMMANDS: &str = "\
Commands to streams:
  /finish [ID]       {\"finish\":ID}                 flush, then send no more
  /pause, /resume ID {\"pause\":ID} {\"resume\":ID}    stop reading, go on
                     {\"read\":ID,\"as\":FORM,         one message (--paused), as
                      \"within\":TIME}               line, raw, fixed:N, --frame
  After finish, the peer's FIN ends the connection. Nothing is read of a paused
  one, and no --idle-timeout or --read-timeout ends it. Its end is an event once
  nothing unread precedes it. A read is answered by data with its line, by eof
  or by closed (within: timeout), and leaves the connection paused; no byte is
  lost between two forms. Closing one over bytes that are unread resets it.";

const INPUT_STREAMS: &str = "How stdin is cut into messages: raw, line, nul, hex or fixed:N [default: raw; line with --frame]; or commands, json: what to do";
const INPUT_SENDERS: &str = "How stdin is cut into datagrams: line, raw, nul, hex or fixed:N [default: line]; or commands, json: what to send, and to whom";
const OUTPUT_DATAGRAMS: &str =
    "How messages are written: raw, line, nul, hex, dump, json or none [default: raw]";
const OPTIONS_DATAGRAMS: &str = "Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl";
const RATE_DATAGRAMS: &str = "Limit sending: 100/s is messages, 10MiB/s is bytes";
const ALLOW_LISTEN: &str =
    "Listen only to these networks, or to the addresses that a name has now; repeatable";
const DENY_LISTEN: &str =
    "Do not listen to these networks or names, whatever is allowed; repeatable";
const WAIT_LISTEN: &str = "Give up if no message has come after D";
const WAIT_SEND: &str = "Send again once a second until the first answer, for D at most";
const IDLE_SEND: &str = "End when nothing was sent or received for D, with exit status 124";
const COUNT_FRAMES: &str = "Stop after N messages received; fewer is exit status 1 (with --frame)";

/// The words of a command that replace those of its options' definitions, and that follow them.
struct HelpText {
    command: &'static str,
    /// Options, by their ids, with what they mean here.
    options: &'static [(&'static str, &'static str)],
    /// What follows the options.
    after: &'static [&'static str],
}

const TEXTS: &[HelpText] = &[
    HelpText {
        command: "tcp-connect",
        options: &[
            ("input", INPUT_STREAMS),
            ("wait", "Keep trying to connect for D [default: 0, one attempt]"),
            ("count", COUNT_FRAMES),
            (
                "socket_option",
                "Set a socket option: rcvbuf sndbuf dscp mark mss keepalive nodelay reuseport ttl user-timeout",
            ),
        ],
        after: &[
            CONNECT_EXAMPLES,
            FRAMINGS,
            ENDS,
            COMMANDS,
            STREAM_COMMANDS,
            ADDRESSES,
            PROXIES,
            VALUES,
        ],
    },
    HelpText {
        command: "tcp-serve",
        options: &[
            ("input", INPUT_STREAMS),
            ("wait", "Give up if no client has come after D"),
            (
                "idle_timeout",
                "End a connection that has no traffic for D; with --conns that is 124 in the end",
            ),
            ("count", COUNT_FRAMES),
            (
                "socket_option",
                "Set a socket option: rcvbuf sndbuf dscp mark mss keepalive nodelay reuseport ttl user-timeout backlog",
            ),
        ],
        after: &[
            SERVE_EXAMPLES,
            SERVE_ENDS,
            FRAMINGS,
            ENDS,
            COMMANDS,
            STREAM_COMMANDS,
            ADDRESSES,
            PROXIES,
            VALUES,
        ],
    },
    HelpText {
        command: "udp-send",
        options: &[
            ("bind", "Send from this local address and port, or from unix:PATH"),
            ("rate", RATE_DATAGRAMS),
            ("input", INPUT_SENDERS),
            ("wait", WAIT_SEND),
            ("idle_timeout", IDLE_SEND),
            ("output", OUTPUT_DATAGRAMS),
            ("socket_option", OPTIONS_DATAGRAMS),
        ],
        after: &[UDP_SEND_EXAMPLES, SENDER_COMMANDS, ADDRESSES, VALUES],
    },
    HelpText {
        command: "udp-listen",
        options: &[
            ("allow", ALLOW_LISTEN),
            ("deny", DENY_LISTEN),
            (
                "idle_timeout",
                "End when nothing has come for D: 0 if a message came before, else 1; with --exec, end the command of a silent peer [default: 30s]",
            ),
            (
                "input",
                "How stdin is cut into datagrams: line, raw, nul, hex or fixed:N [default: line]; or commands, json: what to do; with --exec, how the output of CMD is (raw: each read)",
            ),
            ("wait", WAIT_LISTEN),
            ("output", OUTPUT_DATAGRAMS),
            ("socket_option", OPTIONS_DATAGRAMS),
        ],
        after: &[UDP_LISTEN_EXAMPLES, COMMANDS, ADDRESSES, VALUES],
    },
    HelpText {
        command: "mcast-join",
        options: &[
            ("allow", ALLOW_LISTEN),
            ("deny", DENY_LISTEN),
            ("wait", WAIT_LISTEN),
            ("output", OUTPUT_DATAGRAMS),
            ("socket_option", OPTIONS_DATAGRAMS),
        ],
        after: &[MCAST_JOIN_EXAMPLES, GROUPS, COMMANDS, VALUES],
    },
    HelpText {
        command: "mcast-send",
        options: &[
            ("rate", RATE_DATAGRAMS),
            ("input", INPUT_SENDERS),
            ("wait", WAIT_SEND),
            ("idle_timeout", IDLE_SEND),
            ("output", OUTPUT_DATAGRAMS),
            ("socket_option", OPTIONS_DATAGRAMS),
        ],
        after: &[MCAST_SEND_EXAMPLES, SENDER_COMMANDS, GROUPS, VALUES],
    },
    HelpText {
        command: "chat",
        options: &[
            ("send", "Say TEXT in place of stdin; repeatable, one line each"),
            ("no_stdin", "Only listen: do not read stdin"),
            (
                "wait",
                "Keep trying to connect for D; with --host or a group: give up if nobody has come after D",
            ),
            ("count", "Stop after N lines of others; fewer is exit status 1"),
            (
                "output",
                "How lines are written: line, raw, nul, hex, dump, json or none [default: a screen; else line]",
            ),
            (
                "socket_option",
                "Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl; without a group: mss keepalive nodelay user-timeout; with --host: backlog",
            ),
        ],
        after: &[CHAT_EXAMPLES, CHAT_COMMANDS, CHAT_LIMITS, ADDRESSES, PROXIES, VALUES],
    },
    HelpText {
        command: "echo",
        options: &[
            (
                "wait",
                "Give up if nobody has come after D; with --ping, keep trying to connect for D",
            ),
            (
                "count",
                "Stop after N messages received; with --ping, probes on each connection [default: 10]",
            ),
            ("output", "Write events to stdout: json (or none) [default: none]"),
            (
                "socket_option",
                "Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl; with --tcp, or --ping over TCP: mss keepalive nodelay user-timeout; with --tcp: backlog",
            ),
        ],
        after: &[ECHO_EXAMPLES, ECHO_NOTES, FRAMINGS, ADDRESSES, PROXIES, VALUES],
    },
];

/// Options of all commands that are listed behind those of one command, where they mean something
/// else there: headings come in the order of their first options.
const LISTED_LAST: [&str; 5] = ["input", "wait", "count", "output", "socket_option"];

/// Gives a command the texts that are its own.
pub(super) fn adapt(command: Command) -> Command {
    let command = command.disable_help_flag(true).arg(help::option());
    let Some(texts) = TEXTS.iter().find(|texts| texts.command == command.get_name()) else {
        return command;
    };
    let own = |id: &str| texts.options.iter().find(|(option, _)| *option == id);
    let reworded = |arg: Arg| match own(arg.get_id().as_str()) {
        Some((_, text)) => arg.help(*text),
        None => arg,
    };
    let command = command.mut_args(take_hyphens).mut_args(reworded);
    let last = LISTED_LAST.iter().filter(|id| own(id).is_some());
    // clap lists an argument last that it was asked to change by its id.
    let command = last.fold(command, |command, id| command.mut_arg(id, |arg| arg));
    command.after_help(texts.after.join("\n\n"))
}
