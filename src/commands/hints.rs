//! What to write, for somebody who has typed what nc, ncat or another tool takes: a usage error names the
//! command line that was meant, with the arguments that were typed.
//!
//! clap finds that something is wrong; only then is the line read once more, with the table of
//! `foreign`. What it does not know is left to the message of clap.

mod foreign;
mod room;
mod socat;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::net::Ipv6Addr;

use clap::error::{ContextKind, Error, ErrorKind};
use clap::{ArgAction, Command, CommandFactory};

use super::args::spellings;
use super::cli::{Cli, Parsed};
use foreign::{Foreign, Means, Takes, WORDS, Word, options, over_udp};

/// The page that has all of it.
const PAGE: &str = "`wirecat man from-nc` has what nc, ncat and socat are here";
/// What stands for an address that was not typed.
const PLACEHOLDERS: [&str; 3] = ["ADDR", "PATH", "PORT"];
/// The commands that stand in the place of nc and ncat.
const COMMANDS: [&str; 4] = ["tcp-connect", "tcp-serve", "udp-send", "udp-listen"];

/// What to write in the place of `line`, the words behind the name of the program, of which clap refuses
/// `word`, behind `command` or in its place.
#[cold]
pub(super) fn hint(
    error: &Error,
    command: Option<&str>,
    word: &str,
    line: &[OsString],
) -> Option<String> {
    let cli = Cli::command();
    let words: Vec<String> = line.iter().map(|word| word.to_string_lossy().into()).collect();
    match (error.kind(), command) {
        (ErrorKind::InvalidSubcommand, _) => of_word(word, &words, error, &cli),
        (_, None) => of_line(None, &words, &cli).or(Some(PAGE.to_owned())),
        (_, Some(command)) => {
            let place = words.iter().position(|word| word == command)?;
            if words[..place].iter().any(|before| before == word) {
                let moved = [&[command.to_owned()], &words[..place], &words[place + 1..]].concat();
                let moved = typed(&moved);
                if is_taken(&moved) {
                    return Some(format!("write `wirecat {moved}`"));
                }
            }
            if command == "chat" {
                return room::line([&words[..place], &words[place + 1..]].concat());
            }
            let behind = behind_command(&words, place);
            let command = COMMANDS.into_iter().find(|known| *known == command)?;
            let is_known = !word.starts_with('-') || foreign(word).is_some();
            let hint = is_known.then(|| of_line(Some(command), &behind, &cli))?;
            // It may find nothing to change.
            hint.filter(|hint| !hint.contains(&format!("`wirecat {}`", words.join(" "))))
        }
    }
}

/// What a word in the place of a command means.
fn of_word(wrong: &str, words: &[String], error: &Error, cli: &Command) -> Option<String> {
    let place = words.iter().position(|word| word == wrong)?;
    let others = [&words[..place], &words[place + 1..]].concat();
    match WORDS.iter().find(|(names, _)| names.contains(&wrong)).map(|(_, word)| word) {
        Some(Word::Text(text)) => Some(format!("write {text}")),
        Some(Word::Socat) => socat::line(&others).or(Some(PAGE.to_owned())),
        Some(Word::Tool) => of_line(None, &others, cli).or(Some(PAGE.to_owned())),
        Some(Word::Command(name)) if COMMANDS.contains(name) => {
            of_line(Some(name), &behind_command(words, place), cli)
        }
        Some(Word::Command(name)) => Some(format!("write `wirecat {name} {}`", typed(&others))),
        None if error.get(ContextKind::SuggestedSubcommand).is_some() => None,
        None if is_number(wrong) && words.len() == 1 => Some(format!(
            "write `wirecat tcp-serve {wrong}` to listen, or `wirecat tcp-connect {wrong}` to connect"
        )),
        None => {
            let is_host = wrong.contains(['.', ':', '/']) || wrong == "localhost";
            let has_port = others.last().is_some_and(|word| is_number(word));
            (is_host || has_port).then(|| of_line(None, words, cli))?
        }
    }
}

/// The words behind a command, and those that stand before it.
fn behind_command(words: &[String], place: usize) -> Vec<String> {
    let behind = &words[place + 1..];
    let end = behind.iter().position(|word| word == "--").unwrap_or(behind.len());
    [&behind[..end], &words[..place], &behind[end..]].concat()
}

/// What was typed, in the words of wirecat.
#[derive(Default)]
struct Line<'a> {
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
fn of_line(command: Option<&str>, words: &[String], cli: &Command) -> Option<String> {
    let mut line = Line {
        listens: command.is_some_and(|name| ["tcp-serve", "udp-listen"].contains(&name)),
        udp: command.is_some_and(|name| name.starts_with("udp")),
        ..Line::default()
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
                let takes = found.takes != Takes::Nothing;
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

/// An option of another tool.
fn foreign(option: &str) -> Option<&'static Foreign> {
    options().find(|known| known.spellings.contains(&option))
}

/// Whether another tool is meant: with a command of wirecat, its options are its own.
fn is_meant(found: &Foreign, has_command: bool, next: Option<&str>, cli: &Command) -> bool {
    let fits = match found.takes {
        Takes::Nothing | Takes::Value => true,
        Takes::Dscp => next.is_some_and(|next| {
            is_number(next) || ["cs", "af", "ef"].iter().any(|class| next.starts_with(class))
        }),
        Takes::Number => next.is_some_and(is_number),
        Takes::Word => next.is_some_and(|next| {
            !next.starts_with(|first: char| first.is_ascii_digit() || first == '-')
        }),
    };
    let is_odd = found.spellings[0] == "-q" || found.spellings[0] == "-c";
    let is_ours = || takes_value(found.spellings[0], cli).is_some();
    fits && (!has_command || is_odd || !is_ours() || found.means == Means::Again)
}

/// Whether an option of wirecat takes a value; `None` where it has no such option.
fn takes_value(option: &str, cli: &Command) -> Option<bool> {
    let commands = cli.get_subcommands().filter(|command| COMMANDS.contains(&command.get_name()));
    let mut all = commands.flat_map(Command::get_arguments).chain(cli.get_arguments());
    let found = all.find(|arg| spellings(arg).any(|own| own == option))?;
    let takes = matches!(found.get_action(), ArgAction::Set | ArgAction::Append);
    Some(takes && !found.is_require_equals_set())
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

impl<'a> Line<'a> {
    fn take(&mut self, found: &Foreign, value: &'a str) {
        match found.means {
            Means::Listen => self.listens = true,
            Means::Udp => self.udp = true,
            Means::Unix => self.unix = true,
            Means::Again => self.again = true,
            Means::Port => self.port = Some(value),
            Means::Source => self.source = Some(value),
            Means::ProxyKind => self.proxy_kind = value,
            Means::Options(serve, connect) => self.options.push((serve, connect, value)),
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
            if found.takes == Takes::Nothing {
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
        if is_nc && command == "tcp-serve" && !self.again {
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

/// Whether a command line is right, with all of its options beside each other.
fn is_taken(line: &str) -> bool {
    let Ok(words) = shell_words::split(line) else { return false };
    let all = ["wirecat".to_owned()].into_iter().chain(words).map(OsString::from);
    Parsed::of(all).is_ok_and(|parsed| parsed.check().is_ok())
}

/// Whether a word is a whole address, and no host alone.
fn is_address(word: &str) -> bool {
    is_number(word) || (word.contains(':') && word.parse::<Ipv6Addr>().is_err())
}

fn is_port(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A host and a port.
fn joined(host: &str, port: Option<&str>) -> String {
    let host = match host.parse::<Ipv6Addr>() {
        Ok(_) => format!("[{host}]"),
        Err(_) => host.to_owned(),
    };
    match port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

/// Words as they are typed in a shell.
fn typed(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it; inside of one, `%` stands for itself.
fn quoted(word: &str) -> String {
    let is_bare = || shell_words::quote(&word.replace('%', "")).len() + 1 == word.len();
    if word.find('%') > Some(0) && is_bare() {
        return word.to_owned();
    }
    shell_words::quote(word).into_owned()
}
