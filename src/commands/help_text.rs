//! The longer texts of `--help`: examples, tables, and options that mean something else elsewhere.

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
  124  a timeout
  126, 127  the command behind -- cannot be run, or is not there
  130, 143, 129  ended by SIGINT, SIGTERM, SIGHUP (SIGTERM of a server: 0)";

pub(super) const EXAMPLES: &str = "\
Examples:
  wirecat tcp-serve 9000                            a server on loopback
  echo hello | wirecat tcp-connect localhost:9000   a client of it
  wirecat tcp-serve --help                          all that a server can do";

pub(super) const ADDRESSES: &str = "\
Addresses:
  HOST:PORT  [::1]:80   a name or address and a port or service name
  :8080                 all interfaces, or localhost to connect
  8080                  loopback only
  :0                    a free port, which is printed (servers)
  unix:/path  unix:@x   a unix socket, in the file system or abstract
  fd:3                  a socket that the parent process opened";

pub(super) const VALUES: &str = "\
Values:
  D     500ms, 2s, 1m30s; a bare number is seconds
  SIZE  64k = 64KiB, 1M = 1MiB, 10MB = 10000000
  TEXT  with \\n \\r \\t \\0 \\xNN \\\\; @FILE reads a file as it is, @- reads stdin";

pub(super) const CONNECT_EXAMPLES: &str = "\
Examples:
  echo ruok | wirecat tcp-connect localhost:2181   ask, and read to the end
  wirecat tcp-connect --wait 30s db:5432 < query   wait for the server first
  wirecat tcp-connect --frame line -c 1 :7000      one line as the answer
  wirecat tcp-connect --replay session :7000       a recorded session, as a test
  wirecat tcp-connect unix:/run/app.sock           a unix socket";

pub(super) const SERVE_EXAMPLES: &str = "\
Examples:
  wirecat tcp-serve 9000                       talk to whoever connects
  wirecat tcp-serve -1 :9000 > file            receive one file from anywhere
  wirecat tcp-serve --hub --frame line :9000   a chat room for nc and telnet
  wirecat tcp-serve --reply @page.http 8080    a fixed answer to every client
  wirecat tcp-serve --forward db:5432 :5432    a relay to another server
  wirecat tcp-serve --exec 'sort -n' 9000      a command for every client
  wirecat tcp-serve --replay session 8080      a recorded session, as a mock
  tail -f log | wirecat tcp-serve :9000        one log, many viewers";

pub(super) const UDP_SEND_EXAMPLES: &str = "\
Examples:
  printf 'a\\nb\\n' | wirecat udp-send host:5000         two datagrams
  echo status | wirecat udp-send --reply=2s host:5000  ask, print the answers
  echo hello | wirecat udp-send --wait 30s host:5000   until somebody answers";

pub(super) const UDP_LISTEN_EXAMPLES: &str = "\
Examples:
  wirecat udp-listen :5000                     print what anybody sends
  wirecat udp-listen -c 3 --output dump 5000   look at three datagrams
  wirecat udp-listen --stats --seq rtp :5004   loss and jitter of an RTP stream";

pub(super) const MCAST_JOIN_EXAMPLES: &str = "\
Examples:
  wirecat mcast-join 239.1.2.3:5000%eth0          print what the group gets
  wirecat mcast-join --stats 239.1.2.3:5000       how much is lost?
  wirecat mcast-join --wait 5s 239.1.2.3:5000     does it arrive? if not, why?";

pub(super) const MCAST_SEND_EXAMPLES: &str = "\
Examples:
  echo hello | wirecat mcast-send 239.1.2.3:5000%eth0
  wirecat mcast-send --test --rate 1000/s --duration 10s 239.1.2.3:5000";

pub(super) const CHAT_EXAMPLES: &str = "\
Examples:
  wirecat chat --host :9000               host a room, and take part in it
  wirecat chat host:9000                  join it; nc host 9000 does as well
  tail -f log | wirecat chat host:9000    tell the room what happens
  wirecat chat 239.1.2.3:9000             a room without a host";

pub(super) const CHAT_COMMANDS: &str = "\
In the room:
  /who              who is there
  /nick NAME        take another name
  /me TEXT          say what you do
  /msg NAME TEXT    tell one member alone
  /quit [WHY]       leave; ^D does as well, ^C at once
  //TEXT            say a line that begins with /
  On a screen: PgUp and PgDn scroll, Up and Down bring back what you said, Tab
  completes names, ^Z suspends, and the keys of readline edit.";

pub(super) const ECHO_EXAMPLES: &str = "\
Examples:
  wirecat echo :7000                            TCP and UDP, until it is stopped
  wirecat echo --delay 20ms --drop 1% 7000      a bad network on loopback
  wirecat echo --udp 239.1.2.3:5000%eth0        members of a group that answer
  wirecat echo --ping host:7                    any RFC 862 echo server
  wirecat echo --ping --udp --interval 20ms -c 500 --max-loss 0.1% host:7
  wirecat echo --ping --interval 0 --conns 50 -c 1000 :7000   under load";

pub(super) const ECHO_NOTES: &str = "\
How it measures:
  With an interval, probes are due in step whatever the answers do, and a round
  trip counts from when its probe was due, not from when a late sender sent it.
  With --interval 0 each connection waits for its answer first. A round trip of
  twice the mean or more then also counts for the probes that were not sent
  meanwhile, one for each mean, with what was left of it for them.
  Every byte of an answer is checked; one that differs is corrupt, and lost.";

pub(super) const GROUPS: &str = "\
Groups:
  239.1.2.3:5000  [ff05::1]:5000   any source, on the interface of the route
  10.0.0.5@232.1.2.3:5000          from one source only
  GROUP:PORT%eth0                  an interface by name, index or address
  GROUP:PORT%all                   every multicast interface that is up
  239.1.2.3+8:5000                 eight groups, counting up";

pub(super) const ENDS: &str = "\
How it ends:
  The end of stdin is told to the peer (FIN), and what it still sends is read
  to its end. A server whose stdin is empty from the start tells nothing.
  The end of the peer is the end of the connection, once a stdin that is a pipe
  or a file has been sent to its end.";

pub(super) const COMMANDS: &str = "\
Commands (one a line of stdin):
  --input commands   --input json                  effect
  TEXT  /all TEXT    {\"send\":TEXT}                 to all connections, or peers
  /to ID TEXT        {\"send\":TEXT,\"to\":ID}         to the conn or peer of events
                     {\"b64\":...} {\"hex\":...}       bytes instead of TEXT
  /close [ID]        {\"close\":ID}                  flush, then close (null: all)
  /list  /stats      {\"list\":true} {\"stats\":true}  events that tell
  /join G  /leave G  {\"join\":G} {\"leave\":G}        a group (mcast-join)
  /quit              {\"quit\":true}                 drain and stop
  The end of stdin is /quit. A bad command is an error event and ends nothing.
  Each message is answered by sent or send-failed, with its line; where sent has
  queued bytes, drained follows when they are written. Commands wait while a
  queue or stdout is full. After its eof a client can still be answered, and is
  to be closed.";

pub(super) const WAIT_CONNECT: &str = "Keep trying to connect for D [default: 0, one attempt]";
pub(super) const WAIT_CHAT: &str =
    "Keep trying to connect for D; with --host or a group: give up if nobody has come after D";
pub(super) const COUNT_CHAT: &str = "Stop after N lines of others; fewer is exit status 1";
pub(super) const OUTPUT_CHAT: &str =
    "How lines are written: line, raw, nul, hex, dump, json or none [default: a screen; else line]";
pub(super) const WAIT_SERVE: &str = "Give up if no client has come after D";
pub(super) const WAIT_LISTEN: &str = "Give up if no message has come after D";
pub(super) const WAIT_SEND: &str = "Send again once a second until the first answer, for D at most";
pub(super) const COUNT_FRAMES: &str =
    "Stop after N messages received; fewer is exit status 1 (with --frame)";
pub(super) const WAIT_ECHO: &str =
    "Give up if nobody has come after D; with --ping, keep trying to connect for D";
pub(super) const COUNT_ECHO: &str =
    "Stop after N messages received; with --ping, probes on each connection [default: 10]";
pub(super) const OUTPUT_ECHO: &str = "Write events to stdout: json (or none) [default: none]";
pub(super) const OUTPUT_DATAGRAMS: &str =
    "How messages are written: raw, line, nul, hex, dump, json or none [default: raw]";
pub(super) const INPUT_STREAMS: &str = "How stdin is cut into messages: raw, line, nul, hex or fixed:N [default: raw; line with --frame]; or commands, json: what to do";
pub(super) const INPUT_DATAGRAMS: &str =
    "How stdin is cut into datagrams: line, raw, nul, hex or fixed:N [default: line]";
pub(super) const INPUT_LISTEN: &str = "How stdin is cut into datagrams: line, raw, nul, hex or fixed:N [default: line]; or commands, json: what to do";
pub(super) const STREAM_OPTIONS: &str =
    "Set a socket option: rcvbuf sndbuf dscp mark mss keepalive nodelay reuseport ttl user-timeout";
pub(super) const CHAT_OPTIONS: &str = "Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl; without a group: mss keepalive nodelay user-timeout; with --host: backlog";
pub(super) const ECHO_OPTIONS: &str = "Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl; with --tcp, or --ping over TCP: mss keepalive nodelay user-timeout; with --tcp: backlog";
pub(super) const DATAGRAM_OPTIONS: &str =
    "Set a socket option: rcvbuf sndbuf dscp mark reuseport ttl";
