//! The words and options of nc, ncat and other tools that are none of wirecat's, or mean something else
//! there: one table.

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
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
pub(super) enum Means {
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
    pub(super) takes: Takes,
    pub(super) means: Means,
    /// What there is to know about it.
    pub(super) note: &'static str,
}

const fn option(
    spellings: &'static [&'static str],
    takes: Takes,
    means: Means,
    note: &'static str,
) -> Foreign {
    Foreign { spellings, takes, means, note }
}

const fn both(options: &'static str) -> Means {
    Means::Options(options, options)
}

/// What nobody has to ask for.
const NOTHING: Means = both("");

/// The options of nc.openbsd, nc.traditional and ncat.
const OPTIONS: &[Foreign] = &[
    option(&["-l", "--listen"], Takes::Nothing, Means::Listen, ""),
    option(&["-u", "--udp"], Takes::Nothing, Means::Udp, ""),
    option(&["-U", "--unixsock"], Takes::Nothing, Means::Unix, ""),
    option(&["-p", "--source-port"], Takes::Value, Means::Port, ""),
    option(&["-s", "--source"], Takes::Value, Means::Source, ""),
    option(
        &["-k", "--keep-open"],
        Takes::Nothing,
        Means::Again,
        "it serves client after client; -1 takes one",
    ),
    option(&["-e", "--exec"], Takes::Value, both("--exec {}"), ""),
    option(&["-c"], Takes::Word, both("--sh --exec {}"), "-c N stops after N messages"),
    option(&["--sh-exec"], Takes::Value, both("--sh --exec {}"), ""),
    option(&["-N"], Takes::Nothing, NOTHING, "the end of stdin is passed on without it"),
    option(&["--no-shutdown"], Takes::Nothing, both("--keep-open"), ""),
    option(&["-d", "--recv-only"], Takes::Nothing, both("-n"), ""),
    option(
        &["--send-only"],
        Takes::Nothing,
        Means::Options("--discard", "--output none --quit-after 0"),
        "",
    ),
    option(&["-q"], Takes::Number, both("--quit-after {}"), "-q shows errors only"),
    option(&["-i"], Takes::Value, both("--idle-timeout {}"), ""),
    option(&["-n"], Takes::Nothing, NOTHING, "-n does without stdin"),
    option(
        &["-w"],
        Takes::Number,
        Means::Options("--idle-timeout {}", "--connect-timeout {}"),
        "-w limits the whole run",
    ),
    option(&["-m", "--max-conns"], Takes::Value, Means::Options("--max-clients {}", ""), ""),
    option(&["--broker"], Takes::Nothing, Means::Options("--hub", ""), ""),
    option(&["--chat"], Takes::Nothing, Means::Options("--hub --frame line", ""), ""),
    option(&["-b"], Takes::Nothing, Means::Options("", "--broadcast"), ""),
    option(&["-o"], Takes::Value, both("--record {}"), ""),
    option(&["-T"], Takes::Dscp, both("-O dscp={}"), ""),
    option(&["-M"], Takes::Value, both("-O ttl={}"), ""),
];

/// The proxies of clients; who asks a server for one wants its clients passed on.
const PROXIES: [Foreign; 3] = [
    option(&["--proxy"], Takes::Value, Means::Options("--forward {}", "--via http://{}"), ""),
    option(&["-x"], Takes::Value, Means::Options("--forward {}", "--via socks5://{}"), ""),
    option(&["-X", "--proxy-type"], Takes::Value, Means::ProxyKind, ""),
];

/// The TLS of ncat.
#[cfg(feature = "tls")]
const TLS: &[Foreign] = &[
    option(
        &["--ssl"],
        Takes::Nothing,
        Means::Options("--tls-self-signed", "--tls"),
        "a client's --tls verifies the server, --tls-insecure does not",
    ),
    option(&["--ssl-verify"], Takes::Nothing, Means::Options("", "--tls"), ""),
    option(&["--ssl-cert"], Takes::Value, both("--tls-cert {}"), ""),
    option(&["--ssl-key"], Takes::Value, both("--tls-key {}"), ""),
    option(&["--ssl-trustfile"], Takes::Value, Means::Options("", "--tls-ca {}"), ""),
    option(&["--ssl-servername"], Takes::Value, Means::Options("", "--tls={}"), ""),
    option(&["--ssl-alpn"], Takes::Value, both("--alpn {}"), ""),
];
#[cfg(not(feature = "tls"))]
const TLS: &[Foreign] = &[];

/// All of them.
pub(super) fn options() -> impl Iterator<Item = &'static Foreign> {
    OPTIONS.iter().chain(&PROXIES).chain(TLS)
}

/// A word in the place of a command.
pub(super) enum Word {
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
pub(super) const WORDS: &[(&[&str], Word)] = &[
    (&["nc", "ncat", "netcat", "telnet"], Word::Tool),
    (&["socat"], Word::Socat),
    (&["listen", "serve", "server", "tcp-listen", "tcp-server"], Word::Command("tcp-serve")),
    (&["connect", "client", "tcp", "tcp-client"], Word::Command("tcp-connect")),
    (&["udp", "udp-connect", "udp-client"], Word::Command("udp-send")),
    (&["udp-serve", "udp-server", "udp-recv", "udp-receive"], Word::Command("udp-listen")),
    (&["mcast", "multicast", "join", "mcast-listen"], Word::Command("mcast-join")),
    (&["ping"], Word::Command("echo --ping")),
    (&["send"], Word::Text("`wirecat tcp-connect ADDR` or `wirecat udp-send ADDR`")),
    (&["forward", "relay", "proxy"], Word::Text("`wirecat tcp-serve --forward TO ADDR`")),
    (&["hub", "broker"], Word::Text("`wirecat tcp-serve --hub ADDR`")),
    (&["exec"], Word::Text("`wirecat tcp-serve --exec CMD ADDR`")),
    (&["scan", "probe", "check"], Word::Text("`wirecat tcp-connect -z ADDR`")),
    (&["mock"], Word::Text("`wirecat tcp-serve --reply TEXT ADDR`")),
    (&["record"], Word::Text("`wirecat tcp-serve --forward TO --record FILE ADDR`")),
    (&["replay"], Word::Text("`wirecat tcp-serve --replay FILE ADDR`")),
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
