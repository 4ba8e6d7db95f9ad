//! Sections of the man pages that are not in the help.

use clap::Command;
use clap_mangen::roff::{Roff, bold, roman};

/// The forms of the values of `-O`, and what each option does.
const SOCKET_OPTIONS: &[(&str, &str, &str)] = &[
    ("rcvbuf", "SIZE", "how much the kernel may keep for the program (SO_RCVBUF)"),
    ("sndbuf", "SIZE", "how much the kernel may keep for the network (SO_SNDBUF)"),
    (
        "dscp",
        "0 to 63, ef, af11 to af43, cs0 to cs7",
        "the class of the packets (IP_TOS, IPV6_TCLASS)",
    ),
    (
        "mark",
        "0 to 4294967295, or 0x and hex",
        "the mark that routing and filters see (SO_MARK); it needs CAP_NET_ADMIN",
    ),
    ("mss", "1 to 65535", "the largest segment (TCP_MAXSEG)"),
    (
        "keepalive",
        "on, off, or a duration of 1 s to 32767 s",
        "whether, and after how long a silence, the kernel probes the peer (SO_KEEPALIVE, TCP_KEEPIDLE)",
    ),
    ("nodelay", "on or off", "whether small segments leave at once (TCP_NODELAY)"),
    ("reuseport", "on or off", "whether several sockets share the port (SO_REUSEPORT)"),
    ("ttl", "1 to 255", "how many routers may pass a packet on (IP_TTL, IPV6_UNICAST_HOPS)"),
    (
        "backlog",
        "1 to 2147483647",
        "how many connections wait to be accepted (listen(2)); the default is 1024",
    ),
    ("user-timeout", "a duration", "how long sent data may stay unacknowledged (TCP_USER_TIMEOUT)"),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("NO_COLOR, CLICOLOR, CLICOLOR_FORCE, TERM", "whether events have colours with --color auto"),
    ("COLUMNS", "the width of the help where stdout is no terminal"),
    ("USER", "the name in a chat without --nick"),
    ("LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES", "the listeners that fd: takes (sd_listen_fds(3))"),
    ("NOTIFY_SOCKET", "where to report that it is ready (sd_notify(3))"),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "certificates to trust instead of those of the system"),
    (
        "SSLKEYLOGFILE",
        "the file that the secrets of TLS are appended to, for Wireshark; its mode is 0600",
    ),
    ("WIRECAT_PROXY_PASSWORD", "the password for --via"),
    (
        "WIRECAT_ADDR, WIRECAT_HOST, WIRECAT_PORT",
        "set for the command behind --: the address that is served or connected to",
    ),
    (
        "WIRECAT_PEER, WIRECAT_LOCAL, WIRECAT_CONN",
        "set for the command of --exec: its two addresses, and the number of its connection",
    ),
];

const SIGNALS: &[(&str, &str)] = &[
    (
        "SIGINT",
        "end the run: what is queued has 2 s to leave, the summary comes, then wirecat dies of the signal (130)",
    ),
    ("SIGTERM", "the same with 143; a listener ends with 0"),
    ("SIGHUP", "the same with 129"),
    ("a second one of these", "end at once"),
    ("SIGUSR1", "report stats, and go on"),
    ("SIGPIPE, SIGXFSZ", "survived: the write that fails is reported"),
    ("SIGTTIN, SIGTTOU", "survived: a job in the background reads no terminal, and is not stopped"),
    (
        "SIGTSTP, SIGCONT, SIGWINCH",
        "in the screen of chat: the terminal is given back, taken again, drawn anew",
    ),
];

const FILES: &[(&str, &str)] = &[
    (
        "unix:PATH",
        "a socket that is listened on has the mode of --unix-mode, replaces one that nobody listens on, and is removed in the end",
    ),
    ("--port-file FILE", "appears whole, by a rename"),
    ("--record FILE, --save DIR", "files that are made have the mode 0600"),
    (
        "/etc/hosts, /etc/resolv.conf, /etc/services",
        "names of hosts and services, as getaddrinfo(3) reads them",
    ),
    (
        "/proc/net/igmp, /proc/net/igmp6, /proc/sys/net, /sys/class/net",
        "read to say why nothing comes from a group",
    ),
];

/// The options of sockets that a command takes, as its help names them.
pub(super) fn socket_options(roff: &mut Roff, command: &Command) {
    let arg = command.get_arguments().find(|arg| arg.get_id() == "socket_option");
    let Some(help) = arg.and_then(|arg| arg.get_help()).map(ToString::to_string) else { return };
    let named: Vec<&str> = help.split([' ', ';', ':']).collect();
    roff.control("SH", ["SOCKET OPTIONS"]);
    roff.text([roman(
        "What -O takes; whatever the kernel makes of a value otherwise is a warning.",
    )]);
    for (key, form, meaning) in SOCKET_OPTIONS.iter().filter(|(key, ..)| named.contains(key)) {
        term(roff, &format!("{key}=VALUE"), &format!("{form}: {meaning}"));
    }
    // Words of the help that are neither keys nor among those that say when.
    let list = help.split_once(": ").map_or("", |(_, list)| list);
    for part in list.split("; ") {
        let keys = part.rsplit_once(": ").map_or(part, |(_, keys)| keys);
        for key in keys.split_whitespace() {
            let is_known = SOCKET_OPTIONS.iter().any(|(known, ..)| *known == key);
            assert!(is_known, "{}: {key}", command.get_name());
        }
    }
}

/// What holds for all commands.
pub(super) fn shared(roff: &mut Roff) {
    for (heading, rows) in [("ENVIRONMENT", ENVIRONMENT), ("SIGNALS", SIGNALS), ("FILES", FILES)] {
        roff.control("SH", [heading]);
        rows.iter().for_each(|(name, meaning)| term(roff, name, meaning));
    }
}

fn term(roff: &mut Roff, name: &str, meaning: &str) {
    roff.control("TP", []);
    roff.text([bold(name)]);
    roff.text([roman(meaning)]);
}
