//! Lines of socat: two addresses, what passes between them, and in which direction.
//!
//! A line that has an address or an option that is not known is not known.

use super::{is_taken, joined, quoted, typed};

/// An address of socat.
struct End<'a> {
    place: Place<'a>,
    /// `-4` or `-6`, where the address is of one family alone.
    family: Option<&'static str>,
    options: Vec<(&'a str, &'a str)>,
}

/// What an address names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place<'a> {
    Stdio,
    /// Both ends of one pipe: what comes goes back.
    Pipe,
    File(&'a str, FileMode),
    /// A command, without a shell or with one.
    Command(&'a str, bool),
    Connect(Wire, &'a str),
    Listen(Wire, &'a str),
}

/// What becomes of what a file holds already, where it is written to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FileMode {
    /// It goes (CREATE, `trunc`).
    Emptied,
    /// It stays, and what comes is added (`append`).
    Appended,
    /// It is overwritten from its start, or added to, or connected to (OPEN, GOPEN): no shell does so.
    Kept,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    Tcp,
    Tls,
    Unix,
    Udp,
}

/// What is asked for beside the addresses.
#[derive(Default)]
struct Global<'a> {
    /// From the first address to the second alone.
    one_way: bool,
    dump: bool,
    quit_after: Option<&'a str>,
}

/// Options that need no word here: a listener has them already, or nobody sees a difference.
const NEEDLESS: [&str; 10] = [
    "reuseaddr",
    "reuseport",
    "so-reuseaddr",
    "nodelay",
    "unlink-early",
    "unlink-close",
    "stderr",
    "creat",
    "trunc",
    "null-eof",
];

/// The line of wirecat for the words behind `socat`; `None` where they have more in them than this knows.
pub(super) fn line(words: &[String]) -> Option<String> {
    let (global, mut ends) = read(words)?;
    // What passes both ways begins at the listener.
    let is_turned = matches!(
        ends,
        [End { place: Place::Connect(..), .. }, End { place: Place::Listen(..), .. }]
    );
    if is_turned && !global.one_way {
        ends.swap(0, 1);
    }
    let (words, redirected) = written(&global, &ends)?;
    let line = typed(&words);
    is_taken(&line).then(|| format!("write `wirecat {line}{redirected}`"))
}

/// The options and the two addresses of a line; `-U` has them the other way round.
fn read(words: &[String]) -> Option<(Global<'_>, [End<'_>; 2])> {
    let (mut global, mut ends, mut is_reverse) = (Global::default(), Vec::new(), false);
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "-u" => global.one_way = true,
            "-U" => (global.one_way, is_reverse) = (true, true),
            "-x" | "-v" => global.dump = true,
            "-d" | "-dd" | "-ddd" => {}
            "-t" => global.quit_after = words.next(),
            // The size of a buffer changes nothing.
            "-b" => _ = words.next()?,
            _ => match word.strip_prefix("-b") {
                Some(size) if size.parse::<u32>().is_ok() => {}
                _ if word.starts_with("-t") => global.quit_after = Some(&word[2..]),
                _ => ends.push(end(word)?),
            },
        }
    }
    let mut ends: [End<'_>; 2] = ends.try_into().ok()?;
    if is_reverse {
        ends.swap(0, 1);
    }
    Some((global, ends))
}

fn end(word: &str) -> Option<End<'_>> {
    let mut parts = word.split(',');
    let first = parts.next()?;
    let (name, rest) = first.split_once(':').unwrap_or((first, ""));
    let options: Vec<(&str, &str)> =
        parts.map(|part| part.split_once('=').unwrap_or((part, ""))).collect();
    let has = |name: &str| options.iter().any(|(option, _)| *option == name);
    let name = name.to_ascii_uppercase();
    let mode = match name.as_str() {
        _ if has("append") => FileMode::Appended,
        "CREATE" | "CREAT" => FileMode::Emptied,
        "OPEN" | "FILE" if has("trunc") => FileMode::Emptied,
        _ => FileMode::Kept,
    };
    let family = if name.contains('4') { Some("-4") } else { name.contains('6').then_some("-6") };
    let place = match name.as_str() {
        "-" | "STDIO" | "STDIN" | "STDOUT" => Place::Stdio,
        "PIPE" | "ECHO" if rest.is_empty() => Place::Pipe,
        "OPEN" | "FILE" | "GOPEN" | "CREATE" | "CREAT" => Place::File(rest, mode),
        "EXEC" => Place::Command(rest, false),
        "SYSTEM" | "SHELL" => Place::Command(rest, true),
        "TCP" | "TCP4" | "TCP6" | "TCP-CONNECT" | "TCP4-CONNECT" | "TCP6-CONNECT" => {
            Place::Connect(Wire::Tcp, rest)
        }
        "TCP-LISTEN" | "TCP-L" | "TCP4-LISTEN" | "TCP4-L" | "TCP6-LISTEN" | "TCP6-L" => {
            Place::Listen(Wire::Tcp, rest)
        }
        "UNIX" | "UNIX-CONNECT" | "UNIX-CLIENT" => Place::Connect(Wire::Unix, rest),
        "UNIX-LISTEN" | "UNIX-L" => Place::Listen(Wire::Unix, rest),
        "OPENSSL" | "OPENSSL-CONNECT" | "SSL" => Place::Connect(Wire::Tls, rest),
        "OPENSSL-LISTEN" | "SSL-L" => Place::Listen(Wire::Tls, rest),
        "UDP" | "UDP4" | "UDP6" | "UDP-CONNECT" | "UDP4-CONNECT" | "UDP-SENDTO" | "UDP4-SENDTO"
        | "UDP-DATAGRAM" | "UDP4-DATAGRAM" => Place::Connect(Wire::Udp, rest),
        "UDP-LISTEN" | "UDP-L" | "UDP4-LISTEN" | "UDP-RECV" | "UDP4-RECV" | "UDP-RECVFROM"
        | "UDP4-RECVFROM" => Place::Listen(Wire::Udp, rest),
        _ => return None,
    };
    Some(End { place, family, options })
}

impl<'a> End<'a> {
    /// The value of an option, which is empty where it takes none.
    fn option(&self, names: &[&str]) -> Option<&'a str> {
        let found = self.options.iter().find(|(name, _)| names.contains(name));
        found.map(|(_, value)| *value)
    }

    /// The address as wirecat has it, where it is one.
    fn address(&self) -> String {
        match self.place {
            Place::Connect(Wire::Unix, path) | Place::Listen(Wire::Unix, path) => {
                format!("unix:{path}")
            }
            Place::Listen(_, port) => {
                let host = self.option(&["bind"]).unwrap_or("").trim_matches(['[', ']']);
                if host == "127.0.0.1" { port.to_owned() } else { joined(host, Some(port)) }
            }
            Place::Connect(_, address) => address.to_owned(),
            _ => String::new(),
        }
    }

    /// The options of wirecat for those of this address; `None` where one is not known.
    fn words(&self) -> Option<Vec<String>> {
        let mut words = Vec::new();
        let is_listener = matches!(self.place, Place::Listen(..));
        let is_tls = matches!(self.place, Place::Connect(Wire::Tls, _));
        words.extend(self.family.map(str::to_owned));
        for (name, value) in &self.options {
            let both = |option: &str| vec![option.to_owned(), (*value).to_owned()];
            words.extend(match *name {
                "fork" | "append" | "interval" => Vec::new(),
                "bind" if is_listener => Vec::new(),
                "ip-add-membership" | "ip-multicast-if" => Vec::new(),
                name if NEEDLESS.contains(&name) => Vec::new(),
                // A listener is tried again while its port is taken, and not while no client comes.
                "retry" if !is_listener => {
                    let tries: u64 = value.parse().ok()?;
                    let interval = self.option(&["interval"]).unwrap_or("1").parse::<u64>().ok()?;
                    vec!["--wait".to_owned(), format!("{}s", tries.checked_mul(interval)?)]
                }
                "bind" => both("--bind"),
                "crlf" | "crnl" => vec!["-C".to_owned()],
                "range" => both("--allow"),
                "mode" => both("--unix-mode"),
                "backlog" => vec!["-O".to_owned(), format!("backlog={value}")],
                "max-children" => both("--max-clients"),
                "connect-timeout" => both("--connect-timeout"),
                "ttl" => vec!["-O".to_owned(), format!("ttl={value}")],
                "ip-multicast-ttl" => both("--ttl"),
                "broadcast" | "so-broadcast" => vec!["--broadcast".to_owned()],
                "verify" if *value == "0" && is_tls => vec!["--tls-insecure".to_owned()],
                // A server of wirecat asks a client for a certificate only where it is to.
                "verify" if *value == "0" => Vec::new(),
                "cafile" if is_listener => both("--tls-client-ca"),
                "cafile" => both("--tls-ca"),
                "cert" | "certificate" => both("--tls-cert"),
                "key" => both("--tls-key"),
                _ => return None,
            });
        }
        match self.place {
            Place::Connect(Wire::Tls, _) => words.insert(0, "--tls".to_owned()),
            // socat asks each client for a certificate, and trusts those of the system.
            Place::Listen(Wire::Tls, _)
                if self.option(&["verify"]) != Some("0") && self.option(&["cafile"]).is_none() =>
            {
                return None;
            }
            Place::Listen(Wire::Tls, _) if self.option(&["cert", "certificate"]).is_none() => {
                words.insert(0, "--tls-self-signed".to_owned());
            }
            _ => {}
        }
        Some(words)
    }
}

/// The words of a line, and what the shell redirects for it.
fn written(global: &Global<'_>, [first, second]: &[End<'_>; 2]) -> Option<(Vec<String>, String)> {
    let (net, other, receives) = match (first.place, second.place) {
        (Place::Listen(..) | Place::Connect(..), _) => (first, second, true),
        (_, Place::Listen(..) | Place::Connect(..)) => (second, first, false),
        _ => return None,
    };
    let command = command(net, other);
    let mut words = vec![command.to_owned()];
    words.extend(match command {
        "tcp-serve" if net.option(&["fork"]).is_none() => vec!["-1".to_owned()],
        "echo" => match net.place {
            Place::Listen(Wire::Tcp, _) => vec!["--tcp".to_owned()],
            Place::Listen(Wire::Udp, _) => vec!["--udp".to_owned()],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    });
    words.extend(between(global.one_way.then_some(receives), command, other)?);
    if let Some(time) = global.quit_after.filter(|_| command == "tcp-connect") {
        words.extend(["--quit-after".to_owned(), time.to_owned()]);
    }
    if global.dump {
        words.extend(["--output".to_owned(), "dump".to_owned()]);
    }
    words.extend(net.words()?);
    words.extend(other.words()?);
    words.push(address(net)?);
    let redirected = match other.place {
        Place::File(path, mode) => {
            let arrow = match mode {
                _ if !receives => "<",
                FileMode::Emptied => ">",
                FileMode::Appended => ">>",
                FileMode::Kept => return None,
            };
            format!(" {arrow} {}", quoted(path))
        }
        _ => String::new(),
    };
    Some((words, redirected))
}

fn command(net: &End<'_>, other: &End<'_>) -> &'static str {
    match net.place {
        Place::Listen(..) if other.place == Place::Pipe => "echo",
        Place::Listen(Wire::Udp, _) if net.option(&["ip-add-membership"]).is_some() => "mcast-join",
        Place::Listen(Wire::Udp, _) => "udp-listen",
        Place::Listen(..) => "tcp-serve",
        Place::Connect(Wire::Udp, _) if net.option(&["ip-multicast-if"]).is_some() => "mcast-send",
        Place::Connect(Wire::Udp, _) => "udp-send",
        _ => "tcp-connect",
    }
}

/// What a command is to do with the other address; `receives` where bytes pass in one direction alone.
fn between(receives: Option<bool>, command: &str, other: &End<'_>) -> Option<Vec<String>> {
    let is_server = ["tcp-serve", "udp-listen"].contains(&command);
    let words = match (other.place, receives) {
        (Place::Stdio | Place::File(..), Some(receives)) => match (receives, command) {
            (true, "tcp-serve" | "tcp-connect" | "udp-listen") => &["-n"][..],
            (false, "tcp-serve" | "tcp-connect") => &["--output", "none"],
            (true, "mcast-join") | (false, "udp-send" | "mcast-send") => &[],
            _ => return None,
        },
        (_, Some(_)) | (Place::File(..), None) => return None,
        (Place::Stdio, None) if command == "udp-send" => &["--reply"],
        (Place::Stdio, None) => &[],
        (Place::Pipe, None) if command == "echo" => &[],
        (Place::Command(program, true), None) => &["--sh", "--exec", program],
        (Place::Command(program, false), None) => &["--exec", program],
        // A line without a port is not one of socat either.
        (Place::Connect(Wire::Tcp, place), None) if !place.contains(':') => return None,
        (Place::Connect(Wire::Tcp | Wire::Unix, _), None) if is_server => {
            return Some(vec!["--forward".to_owned(), other.address()]);
        }
        _ => return None,
    };
    Some(words.iter().map(|&word| word.to_owned()).collect())
}

/// The address, or the group by its interface.
fn address(net: &End<'_>) -> Option<String> {
    let named = |interface| if interface == "127.0.0.1" { "lo" } else { interface };
    if let (Some(text), Place::Listen(_, port)) = (net.option(&["ip-add-membership"]), net.place) {
        let (group, interface) = text.split_once(':')?;
        return Some(format!("{group}:{port}%{}", named(interface)));
    }
    Some(match net.option(&["ip-multicast-if"]) {
        Some(interface) => format!("{}%{}", net.address(), named(interface)),
        None => net.address(),
    })
}
