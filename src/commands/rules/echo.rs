//! What the options of `echo` exclude.

use super::{CONNECTED, ECHO, NO_FILE, NO_MESSAGES, NOT_IP, NOT_VIA, Rule, WHOLE, rule};

/// Options of an echo server that speak of streams.
const OF_CONNECTIONS: &[&str] =
    &["Server", "!--delay", "!--drop", "!--prefix", "!--stop-word", "!--threads", "!--unix-mode"];
pub(super) const RULES: &[Rule] = &[
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
];
