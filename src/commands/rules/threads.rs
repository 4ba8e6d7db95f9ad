//! What `--threads` cannot do: what stands in one order, or is done elsewhere.

use super::{ECHO, Rule, SERVE, rule};

const SERVERS: &[&str] = &["tcp-serve", "echo"];

pub(super) const RULES: &[Rule] = &[
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
