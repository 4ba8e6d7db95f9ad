//! A line of nc or ncat, or one of wirecat with their options in it.

use std::net::Ipv6Addr;

use clap::Command;

use super::foreign::{Foreign, Meaning, ValueKind, over_udp};
use super::{foreign, is_number, is_taken, joined, quoted, takes_value};

/// What stands for an address that was not typed.
pub(super) const PLACEHOLDERS: [&str; 3] = ["ADDR", "PATH", "PORT"];
/// What was typed, in the words of wirecat.
#[derive(Default)]
struct TypedLine<'a> {
    listens: bool,
    udp: bool,
    unix: bool,
    again: bool,
    port: Option<&'a str>,
    source: Option<&'a str>,
    proxy_kind: &'a str,
    /// What other options mean to a server, and to a client, and their values.
    options: Vec<(&'static str, &'static str, &'a str)>,
    /// Options of wirecat, with their values.
    kept: Vec<&'a str>,
    /// What is no option.
    places: Vec<&'a str>,
    /// `--` and what follows it.
    command: &'a [String],
    note: &'static str,
}

/// The line that does what these `words` ask for, behind the name of `command` or without one; `None`
/// where they have more in them than this knows.
pub(super) fn of_line(command: Option<&str>, words: &[String], cli: &Command) -> Option<String> {
    let mut line = TypedLine {
        listens: command.is_some_and(|name| ["tcp-serve", "udp-listen"].contains(&name)),
        udp: command.is_some_and(|name| name.starts_with("udp")),
        ..TypedLine::default()
    };
    let mut rest = words;
    while let Some((word, behind)) = rest.split_first() {
        rest = behind;
        if word == "--" {
            line.command = &words[words.len() - behind.len() - 1..];
            break;
        }
        if !word.starts_with('-') || word == "-" {
            line.places.push(word);
            continue;
        }
        let (option, value) = word.split_once('=').map_or((&**word, None), |(a, b)| (a, Some(b)));
        let next = value.or(behind.first().map(String::as_str));
        match foreign(option).filter(|found| is_meant(found, command.is_some(), next, cli)) {
            Some(found) => {
                let takes = found.takes != ValueKind::Nothing;
                line.take(found, if takes { next? } else { "" });
                rest = if takes && value.is_none() { &behind[1..] } else { behind };
            }
            None if option.starts_with("--") || option.len() == 2 => {
                line.kept.push(word);
                if takes_value(option, cli)? && value.is_none() {
                    let (value, behind) = behind.split_first()?;
                    line.kept.push(value);
                    rest = behind;
                }
            }
            // Several in one word, as -lk; the last one may take what follows, as in -lp 9000.
            None => rest = line.cluster(option, behind)?,
        }
    }
    line.written(command.is_some())
}

/// Whether another tool is meant: with a command of wirecat, its options are its own.
fn is_meant(found: &Foreign, has_command: bool, next: Option<&str>, cli: &Command) -> bool {
    let fits = match found.takes {
        ValueKind::Nothing | ValueKind::Value => true,
        ValueKind::Dscp => next.is_some_and(|next| {
            is_number(next) || ["cs", "af", "ef"].iter().any(|class| next.starts_with(class))
        }),
        ValueKind::Number => next.is_some_and(is_number),
        ValueKind::Word => next.is_some_and(|next| {
            !next.starts_with(|first: char| first.is_ascii_digit() || first == '-')
        }),
    };
    let is_odd = found.spellings[0] == "-q" || found.spellings[0] == "-c";
    let is_ours = || takes_value(found.spellings[0], cli).is_some();
    fits && (!has_command || is_odd || !is_ours() || found.means == Meaning::Again)
}

impl<'a> TypedLine<'a> {
    fn take(&mut self, found: &Foreign, value: &'a str) {
        match found.means {
            Meaning::Listen => self.listens = true,
            Meaning::Udp => self.udp = true,
            Meaning::Unix => self.unix = true,
            Meaning::Again => self.again = true,
            Meaning::Port => self.port = Some(value),
            Meaning::Source => self.source = Some(value),
            Meaning::ProxyKind => self.proxy_kind = value,
            Meaning::Options(serve, connect) => self.options.push((serve, connect, value)),
        }
        if self.note.is_empty() {
            self.note = found.note;
        }
    }

    /// Takes several options in one word; what is left of the words behind it.
    fn cluster(&mut self, word: &'a str, behind: &'a [String]) -> Option<&'a [String]> {
        for (place, letter) in word.char_indices().skip(1) {
            let option = format!("-{letter}");
            let Some(found) = foreign(&option) else {
                // Of these wirecat has the same.
                self.kept
                    .push(["-v", "-z", "-C", "-4", "-6"].into_iter().find(|own| *own == option)?);
                continue;
            };
            if found.takes == ValueKind::Nothing {
                self.take(found, "");
                continue;
            }
            return match &word[place + 1..] {
                "" => {
                    let (value, behind) = behind.split_first()?;
                    self.take(found, value);
                    Some(behind)
                }
                value => {
                    self.take(found, value);
                    Some(behind)
                }
            };
        }
        Some(behind)
    }

    fn written(self, has_command: bool) -> Option<String> {
        let command = match (self.udp, self.listens) {
            (false, false) => "tcp-connect",
            (false, true) => "tcp-serve",
            (true, false) => "udp-send",
            (true, true) => "udp-listen",
        };
        let mut words = vec![command.to_owned()];
        let is_nc = !has_command;
        // A broker of ncat has many clients without -k too.
        let is_hub = self.options.iter().any(|(serve, _, _)| serve.starts_with("--hub"));
        if is_nc && command == "tcp-serve" && !self.again && !is_hub {
            words.push("-1".to_owned());
        }
        if is_nc && command == "udp-send" {
            words.push("--reply".to_owned());
        }
        words.extend(self.kept.iter().map(|word| quoted(word)));
        for (serve, connect, value) in &self.options {
            let options = if self.listens { serve } else { connect };
            let options = match (self.udp, *options) {
                (true, options) => over_udp(options, self.listens),
                (false, options) => options,
            };
            let options = match self.proxy_kind {
                "5" | "socks5" => options.replace("http:", "socks5:"),
                "connect" | "http" => options.replace("socks5:", "http:"),
                _ => (*options).to_owned(),
            };
            words.extend(options.split_whitespace().map(|word| word.replace("{}", &quoted(value))));
        }
        // With the time that is waited for answers.
        if words.iter().any(|word| word.starts_with("--reply=")) {
            words.retain(|word| word != "--reply");
        }
        let tls = if self.listens { "--tls-self-signed" } else { "--tls" };
        let needs_tls = |word: &String| word.starts_with("--tls-") || word == "--alpn";
        let has_tls = words.iter().any(|word| word.split('=').next() == Some(tls));
        if words.iter().any(needs_tls) && !has_tls {
            words.push(tls.to_owned());
        }
        // Where a certificate is given, none is made.
        if words.iter().any(|word| word == "--tls-cert") {
            words.retain(|word| word != "--tls-self-signed");
        }
        if !self.listens && (self.source.is_some() || self.port.is_some()) {
            let bound = joined(self.source.unwrap_or(""), self.port);
            words.extend(["--bind".to_owned(), bound]);
        }
        let addresses = self.addresses(has_command)?;
        words.extend(addresses.iter().map(|address| quoted(address)));
        words.extend(self.command.iter().map(|word| quoted(word)));
        let port = addresses[0].trim_start_matches(':');
        let mut note = if self.udp { String::new() } else { self.note.to_owned() };
        if self.listens && is_number(port) {
            let also = match port.len() == addresses[0].len() {
                true => format!("{port} is loopback, :{port} all interfaces"),
                false => format!(":{port} is all interfaces, {port} loopback"),
            };
            note = if note.is_empty() { also } else { format!("{note}; {also}") };
        }
        let note = if note.is_empty() { note } else { format!(" ({note})") };
        // A client of a unix socket has no host for the certificate to be for.
        let is_nameless = self.unix && !self.listens && words.iter().any(|word| word == "--tls");
        if is_nameless {
            return None;
        }
        // What is refused in its turn is no help.
        let has_place = !PLACEHOLDERS.iter().any(|place| addresses[0].ends_with(place));
        (!has_place || is_taken(&words.join(" "))).then_some(())?;
        Some(format!("write `wirecat {}`{note}", words.join(" ")))
    }

    /// Where it listens or goes to.
    fn addresses(&self, has_command: bool) -> Option<Vec<String>> {
        let one = |text: String| Some(vec![text]);
        if self.unix {
            // It has no port, and none of the options of IP.
            let is_ip = self.options.iter().any(|(serve, _, _)| serve.starts_with("-O "));
            if is_ip || self.source.is_some() || self.port.is_some() && !self.listens {
                return None;
            }
            return match self.places[..] {
                [path] => one(format!("unix:{}", path.strip_prefix("unix:").unwrap_or(path))),
                [] => one("unix:PATH".to_owned()),
                _ => None,
            };
        }
        let port = if self.listens { self.port } else { None };
        let source = if self.listens { self.source } else { None };
        match (&self.places[..], port) {
            ([], None) => one("ADDR".to_owned()),
            ([], port) => one(joined(source.unwrap_or(""), port)),
            // `nc -l -p 9000 localhost` takes clients of that host alone.
            ([_, ..], Some(_)) => None,
            ([host, port], None) if !is_address(host) && is_port(port) => {
                one(joined(host, Some(port)))
            }
            ([place], None) if is_number(place) && self.listens => match (source, has_command) {
                (None, true) => one((*place).to_owned()),
                _ => one(joined(source.unwrap_or(""), Some(place))),
            },
            (places, None) if has_command && places.len() > 1 && (self.listens || self.udp) => {
                Some(places.iter().map(|place| (*place).to_owned()).collect())
            }
            ([place], None) if place.contains('/') => one(format!("unix:{place}")),
            ([place], None) if is_address(place) => one((*place).to_owned()),
            ([host], None) => one(joined(host, Some("PORT"))),
            _ => None,
        }
    }
}

/// Whether a word is a whole address, and no host alone.
pub(super) fn is_address(word: &str) -> bool {
    is_number(word) || (word.contains(':') && word.parse::<Ipv6Addr>().is_err())
}

pub(super) fn is_port(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
