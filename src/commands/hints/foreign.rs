//! The words and options of nc, ncat and other tools that are none of wirecat's, or mean something else
//! there: one table.

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueKind {
    Nothing,
    Value,
    /// A number; with another word behind it, it is wirecat's option of the same name.
    Number,
    /// Anything but a number; with one, it is wirecat's option.
    Word,
    /// A code point by its name in both; nc has names of its own, too.
    Dscp,
}

/// What an option of another tool asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Listen,
    Udp,
    Unix,
    Port,
    Source,
    /// Whether a proxy speaks SOCKS5 or HTTP.
    ProxyKind,
    /// More than one client.
    Again,
    /// What a server is to be given for it, and what a client; `{}` is the value.
    Options(&'static str, &'static str),
}

/// An option of another tool.
pub(super) struct Foreign {
    pub(super) spellings: &'static [&'static str],
    pub(super) takes: ValueKind,
    pub(super) means: Meaning,
    /// What there is to know about it.
    pub(super) note: &'static str,
}

const fn option(
    spellings: &'static [&'static str],
    takes: ValueKind,
    means: Meaning,
    note: &'static str,
) -> Foreign {
    Foreign { spellings, takes, means, note }
}

const fn both(options: &'static str) -> Meaning {
    Meaning::Options(options, options)
}

/// What nobody has to ask for.
const NOTHING: Meaning = both("");

/// The options of nc.openbsd, nc.traditional and ncat.
const OPTIONS: &[Foreign] = &[
    option(&["-l", "--listen"], ValueKind::Nothing, Meaning::Listen, ""),
    option(&["-u", "--udp"], ValueKind::Nothing, Meaning::Udp, ""),
    option(&["-U", "--unixsock"], ValueKind::Nothing, Meaning::Unix, ""),
    option(&["-p", "--source-port"], ValueKind::Value, Meaning::Port, ""),
    option(&["-s", "--source"], ValueKind::Value, Meaning::Source, ""),
    option(
        &["-k", "--keep-open"],
        ValueKind::Nothing,
        Meaning::Again,
        "it serves client after client; -1 takes one",
    ),
    option(&["-e", "--exec"], ValueKind::Value, both("--exec {}"), ""),
    option(&["-c"], ValueKind::Word, both("--sh --exec {}"), "-c N stops after N messages"),
    option(&["--sh-exec"], ValueKind::Value, both("--sh --exec {}"), ""),
    option(&["-N"], ValueKind::Nothing, NOTHING, "the end of stdin is passed on without it"),
    option(&["--no-shutdown"], ValueKind::Nothing, both("--keep-open"), ""),
    option(&["-d", "--recv-only"], ValueKind::Nothing, both("-n"), ""),
    option(
        &["--send-only"],
        ValueKind::Nothing,
        Meaning::Options("--discard", "--output none --quit-after 0"),
        "",
    ),
    option(&["-q"], ValueKind::Number, both("--quit-after {}"), "-q shows errors only"),
    option(&["-i"], ValueKind::Value, both("--idle-timeout {}"), ""),
    option(&["-n"], ValueKind::Nothing, NOTHING, "-n does without stdin"),
    option(
        &["-w"],
        ValueKind::Number,
        Meaning::Options("--idle-timeout {}", "--connect-timeout {}"),
        "-w limits the whole run",
    ),
    option(&["-m", "--max-conns"], ValueKind::Value, Meaning::Options("--max-clients {}", ""), ""),
    option(&["--broker"], ValueKind::Nothing, Meaning::Options("--hub", ""), ""),
    option(&["--chat"], ValueKind::Nothing, Meaning::Options("--hub --frame line", ""), ""),
    option(&["-b"], ValueKind::Nothing, Meaning::Options("", "--broadcast"), ""),
    option(&["-o"], ValueKind::Value, both("--record {}"), ""),
    option(&["-T"], ValueKind::Dscp, both("-O dscp={}"), ""),
    option(&["-M"], ValueKind::Value, both("-O ttl={}"), ""),
];

/// The proxies of clients; who asks a server for one wants its clients passed on.
const PROXIES: [Foreign; 3] = [
    option(&["--proxy"], ValueKind::Value, Meaning::Options("--forward {}", "--via http://{}"), ""),
    option(&["-x"], ValueKind::Value, Meaning::Options("--forward {}", "--via socks5://{}"), ""),
    option(&["-X", "--proxy-type"], ValueKind::Value, Meaning::ProxyKind, ""),
];

/// The TLS of ncat.
#[cfg(feature = "tls")]
const TLS: &[Foreign] = &[
    option(
        &["--ssl"],
        ValueKind::Nothing,
        Meaning::Options("--tls-self-signed", "--tls"),
        "a client's --tls verifies the server, --tls-insecure does not",
    ),
    option(&["--ssl-verify"], ValueKind::Nothing, Meaning::Options("", "--tls"), ""),
    option(&["--ssl-cert"], ValueKind::Value, both("--tls-cert {}"), ""),
    option(&["--ssl-key"], ValueKind::Value, both("--tls-key {}"), ""),
    option(&["--ssl-trustfile"], ValueKind::Value, Meaning::Options("", "--tls-ca {}"), ""),
    option(&["--ssl-servername"], ValueKind::Value, Meaning::Options("", "--tls={}"), ""),
    option(&["--ssl-alpn"], ValueKind::Value, both("--alpn {}"), ""),
];
#[cfg(not(feature = "tls"))]
const TLS: &[Foreign] = &[];

/// All of them.
pub(super) fn options() -> impl Iterator<Item = &'static Foreign> {
    OPTIONS.iter().chain(&PROXIES).chain(TLS)
}

/// A word in the place of a command.
pub(super) enum CommandWord {
    /// Another tool, whose options follow.
    Tool,
    /// socat, whose addresses follow.
    Socat,
    /// A command by another name.
    Command(&'static str),
    /// What is written for it.
    Text(&'static str),
}

/// What somebody may take for the name of a command.
pub(super) const WORDS: &[(&[&str], CommandWord)] = &[
    (&["nc", "ncat", "netcat", "telnet"], CommandWord::Tool),
    (&["socat"], CommandWord::Socat),
    (&["listen", "serve", "server", "tcp-listen", "tcp-server"], CommandWord::Command("tcp-serve")),
    (&["connect", "client", "tcp", "tcp-client"], CommandWord::Command("tcp-connect")),
    (&["udp", "udp-connect", "udp-client"], CommandWord::Command("udp-send")),
    (&["udp-serve", "udp-server", "udp-recv", "udp-receive"], CommandWord::Command("udp-listen")),
    (&["mcast", "multicast", "join", "mcast-listen"], CommandWord::Command("mcast-join")),
    (&["ping"], CommandWord::Command("echo --ping")),
    (&["send"], CommandWord::Text("`wirecat tcp-connect ADDR` or `wirecat udp-send ADDR`")),
    (&["forward", "relay", "proxy"], CommandWord::Text("`wirecat tcp-serve --forward TO ADDR`")),
    (&["hub", "broker"], CommandWord::Text("`wirecat tcp-serve --hub ADDR`")),
    (&["exec"], CommandWord::Text("`wirecat tcp-serve --exec CMD ADDR`")),
    (&["scan", "probe", "check"], CommandWord::Text("`wirecat tcp-connect -z ADDR`")),
    (&["mock"], CommandWord::Text("`wirecat tcp-serve --reply TEXT ADDR`")),
    (&["record"], CommandWord::Text("`wirecat tcp-serve --forward TO --record FILE ADDR`")),
    (&["replay"], CommandWord::Text("`wirecat tcp-serve --replay FILE ADDR`")),
];

/// What the options of a connection are where there is none.
pub(super) fn over_udp(options: &'static str, listens: bool) -> &'static str {
    match options {
        "--connect-timeout {}" => "--idle-timeout {}",
        "--quit-after {}" if listens => "",
        "--quit-after {}" => "--reply={}",
        "--output none --quit-after 0" => "--output none",
        "--keep-open" => "",
        // A sender sends stdin.
        "-n" if !listens => "",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_stands_in_one_line() {
        let mut spellings: Vec<_> = options().flat_map(|option| option.spellings).collect();
        spellings.extend(WORDS.iter().flat_map(|(words, _)| *words));
        let count = spellings.len();
        spellings.sort_unstable();
        spellings.dedup();
        assert_eq!(spellings.len(), count);
    }
}
