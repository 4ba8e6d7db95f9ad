//! What to write, for somebody who has typed what nc, ncat or another tool takes: a usage error names the
//! command line that was meant, with the arguments that were typed.
//!
//! clap finds that something is wrong; only then is the line read once more, with the table of
//! `foreign`. What it does not know is left to the message of clap.

mod foreign;
mod line;
mod socat;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::net::Ipv6Addr;

use clap::error::{ContextKind, Error, ErrorKind};
use clap::{ArgAction, Command, CommandFactory};

use super::args::spellings;
use super::cli::{Cli, Parsed};
use foreign::{CommandWord, Foreign, WORDS, options};
use line::{is_address, is_port, of_line};

/// The page that has all of it.
const PAGE: &str = "`wirecat man from-nc` has what nc, ncat and socat are here";
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
        (_, None) => match first_place(&words, &cli).filter(|word| word_for(word).is_some()) {
            Some(first) => of_word(first, &words, error, &cli).or(Some(PAGE.to_owned())),
            None => of_line(None, &words, &cli).or(Some(PAGE.to_owned())),
        },
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
                return of_chat([&words[..place], &words[place + 1..]].concat());
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

/// The first word that is neither an option nor, as far as wirecat has the option, its value.
fn first_place<'a>(words: &'a [String], cli: &Command) -> Option<&'a str> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if !word.starts_with('-') || word == "-" {
            return Some(word);
        }
        if takes_value(word, cli) == Some(true) {
            words.next();
        }
    }
    None
}

/// What somebody may take for the name of a command.
fn word_for(typed: &str) -> Option<&'static CommandWord> {
    WORDS.iter().find(|(names, _)| names.contains(&typed)).map(|(_, word)| word)
}

/// What a word in the place of a command means.
fn of_word(wrong: &str, words: &[String], error: &Error, cli: &Command) -> Option<String> {
    let place = words.iter().position(|word| word == wrong)?;
    let others = [&words[..place], &words[place + 1..]].concat();
    match word_for(wrong) {
        Some(CommandWord::Text(text)) => Some(format!("write {text}")),
        // What stands before them is an option of wirecat, and would be read as one of theirs.
        Some(CommandWord::Socat | CommandWord::Tool)
            if words[..place].iter().any(|word| word != "-v") =>
        {
            Some(PAGE.to_owned())
        }
        Some(CommandWord::Socat) if place > 0 => Some(PAGE.to_owned()),
        Some(CommandWord::Socat) => socat::line(&others).or(Some(PAGE.to_owned())),
        Some(CommandWord::Tool) => of_line(None, &others, cli).or(Some(PAGE.to_owned())),
        Some(CommandWord::Command(name))
            if others.iter().any(|word| word == "-h" || word == "--help") =>
        {
            Some(format!("write `wirecat {name} --help`"))
        }
        Some(CommandWord::Command(name)) if COMMANDS.contains(name) => {
            of_line(Some(name), &behind_command(words, place), cli)
        }
        Some(CommandWord::Command(name)) => {
            Some(format!("write `wirecat {name} {}`", typed(&others)))
        }
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

/// An option of another tool.
fn foreign(option: &str) -> Option<&'static Foreign> {
    options().find(|known| known.spellings.contains(&option))
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

/// Whether a command line is right, with all of its options beside each other.
fn is_taken(line: &str) -> bool {
    let Ok(words) = shell_words::split(line) else { return false };
    let all = ["wirecat".to_owned()].into_iter().chain(words).map(OsString::from);
    Parsed::of(all).is_ok_and(|parsed| parsed.check().is_ok())
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

/// The line for the words behind `chat`, one of which is too many; `None` where they have more in them
/// than this knows.
fn of_chat(mut words: Vec<String>) -> Option<String> {
    let mut note = "";
    if let Some(place) = words.iter().position(|word| word == "-q")
        && words.get(place + 1).is_some_and(|next| is_number(next))
    {
        words.remove(place + 1);
        note = " (-q shows errors only, and takes no value)";
    } else {
        let [.., host, port] = &words[..] else { return None };
        let is_pair = !host.starts_with('-') && !is_address(host) && is_port(port);
        let address = is_pair.then(|| joined(host, Some(port)))?;
        words.truncate(words.len() - 2);
        words.push(address);
    }
    let line = format!("chat {}", typed(&words));
    is_taken(&line).then(|| format!("write `wirecat {line}`{note}"))
}
