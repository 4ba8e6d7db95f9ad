//! Which commands report which event: one table, which decides whether a hook of `--on` can ever run, and
//! which the page of the events shows. The tests hold every event that any command prints to it.

use super::refuse;
use super::table::{CHAT, CONNECT, ECHO, SENDERS, SERVE, STREAMS, UDP_LISTEN};
use super::typed::Typed;
use crate::error::Failure;
use crate::report::{EventSelection, Name};

/// Commands that report an event, and when.
struct Emitter {
    event: Name,
    /// The commands that report it.
    by: &'static [&'static str],
    /// When: as in the rules, all of these hold, and those behind a `!` do not.
    when: &'static [&'static str],
    /// The same in words; empty where it is always.
    words: &'static str,
}

const ALL: &[&str] = &[
    "tcp-connect",
    "tcp-serve",
    "udp-send",
    "udp-listen",
    "mcast-join",
    "mcast-send",
    "chat",
    "echo",
];
/// Commands that take commands.
const CONTROLLED: &[&str] =
    &["tcp-connect", "tcp-serve", "udp-send", "udp-listen", "mcast-join", "mcast-send"];

const fn emitter(
    event: Name,
    by: &'static [&'static str],
    when: &'static [&'static str],
    words: &'static str,
) -> Emitter {
    Emitter { event, by, when, words }
}

const COMMANDS: &str = "with --input commands or json";
const TINYPROTO: &str = "with --frame tinyproto";
const LISTENS_TOO: &str = "with --frame tinyproto and --input commands or json";
const HOSTS_TOO: &str = "with --host and --frame tinyproto";
const SERVES_TOO: &str = "with --frame tinyproto, without --ping";
const OF_SERVER: &str = "with --tls-cert or --tls-self-signed";
const HOSTED: &str = "in a room that is hosted elsewhere";

/// The table, in the order of the events.
const EMITTERS: &[Emitter] = &[
    emitter(Name::Starting, ALL, &[], ""),
    emitter(Name::Listening, SERVE, &[], ""),
    emitter(Name::Listening, UDP_LISTEN, &[], ""),
    emitter(Name::Listening, CONNECT, &["commands"], COMMANDS),
    emitter(Name::Listening, CHAT, &["--host"], "with --host"),
    emitter(Name::Listening, ECHO, &["!--ping"], "without --ping"),
    emitter(Name::Connecting, STREAMS, &["commands"], COMMANDS),
    emitter(Name::Connected, CONNECT, &[], ""),
    emitter(Name::Connected, SERVE, &["--forward"], "with --forward"),
    emitter(Name::Connected, SERVE, &["commands"], COMMANDS),
    emitter(Name::Connected, CHAT, &["!--host", "!group"], HOSTED),
    emitter(Name::Connected, ECHO, &["--ping"], "with --ping"),
    emitter(Name::ConnectFailed, CONNECT, &[], ""),
    emitter(Name::ConnectFailed, SERVE, &["--forward"], "with --forward"),
    emitter(Name::ConnectFailed, SERVE, &["commands"], COMMANDS),
    emitter(Name::ConnectFailed, CHAT, &["!--host", "!group"], HOSTED),
    emitter(Name::ConnectFailed, ECHO, &["--ping"], "with --ping"),
    emitter(Name::Accepted, SERVE, &[], ""),
    emitter(Name::Accepted, CONNECT, &["commands"], COMMANDS),
    emitter(Name::Accepted, CHAT, &["--host"], "with --host"),
    emitter(Name::Accepted, ECHO, &["!--ping", "!no streams"], "where it serves streams"),
    emitter(Name::Negotiated, SERVE, &["tinyproto"], TINYPROTO),
    emitter(Name::Negotiated, CONNECT, &["tinyproto", "commands"], LISTENS_TOO),
    emitter(Name::Negotiated, CHAT, &["--host", "tinyproto"], HOSTS_TOO),
    emitter(Name::Negotiated, ECHO, &["!--ping", "tinyproto"], SERVES_TOO),
    emitter(Name::Tls, CONNECT, &["--tls"], "with --tls"),
    emitter(Name::Tls, CONNECT, &["--starttls"], "with --starttls"),
    emitter(Name::Tls, SERVE, &["tls server"], OF_SERVER),
    emitter(Name::Tls, SERVE, &["forward tls"], "with --forward tls:"),
    emitter(Name::Tls, CHAT, &["--tls"], "with --tls"),
    emitter(Name::Tls, CHAT, &["tls server"], OF_SERVER),
    emitter(Name::Tls, ECHO, &["--ping", "--tls"], "with --ping and --tls"),
    emitter(Name::Tls, ECHO, &["!--ping", "tls server"], OF_SERVER),
    emitter(Name::Joined, &["mcast-join"], &[], ""),
    emitter(Name::Joined, CHAT, &["group"], "in a group"),
    emitter(Name::Joined, ECHO, &["group"], "in a group"),
    emitter(Name::Left, &["mcast-join"], &["commands"], COMMANDS),
    emitter(Name::List, CONTROLLED, &["commands"], COMMANDS),
    emitter(Name::Data, CONNECT, &["!relay", "!-z"], "where it takes messages"),
    emitter(Name::Data, SERVE, &["!--discard", "!--save"], "without --discard and --save"),
    emitter(Name::Data, UDP_LISTEN, &["!--exec"], "without --exec"),
    emitter(Name::Data, &["mcast-join"], &[], ""),
    emitter(Name::Data, SENDERS, &["--reply"], "with --reply"),
    emitter(Name::Data, SENDERS, &["--wait"], "with --wait"),
    emitter(Name::Data, SENDERS, &["--count"], "with --count"),
    emitter(Name::Data, SENDERS, &["--expect"], "with --expect"),
    emitter(Name::Data, SENDERS, &["commands"], COMMANDS),
    emitter(Name::Data, CHAT, &["!--headless"], "without --headless"),
    emitter(Name::Data, ECHO, &["!--ping"], "without --ping"),
    emitter(Name::Tick, CONTROLLED, &["commands"], COMMANDS),
    emitter(Name::Sent, CONTROLLED, &["commands"], COMMANDS),
    emitter(Name::Drained, CONTROLLED, &["commands"], COMMANDS),
    emitter(Name::SendFailed, CONTROLLED, &["commands"], COMMANDS),
    emitter(Name::Eof, CONNECT, &["!-z"], "without -z"),
    emitter(Name::Eof, SERVE, &[], ""),
    emitter(Name::Eof, CHAT, &["!--host", "!group"], HOSTED),
    emitter(Name::Eof, ECHO, &["--ping", "!--udp"], "with --ping, without --udp"),
    emitter(Name::Eof, ECHO, &["!--ping", "!no streams"], "where it serves streams"),
    emitter(Name::Closed, STREAMS, &[], ""),
    emitter(Name::Closed, CHAT, &["!group"], "outside of a group"),
    emitter(Name::Closed, ECHO, &["--ping"], "with --ping"),
    emitter(Name::Closed, ECHO, &["!no streams"], "where it serves streams"),
    emitter(Name::Retry, CONNECT, &["--wait"], "with --wait"),
    emitter(Name::Retry, CONNECT, &["--reconnect"], "with --reconnect"),
    emitter(Name::Retry, &["udp-send"], &["--wait"], "with --wait"),
    emitter(Name::Retry, CHAT, &["--wait"], "with --wait"),
    emitter(Name::Retry, CHAT, &["--reconnect"], "with --reconnect"),
    emitter(Name::Retry, ECHO, &["--ping", "--wait"], "with --ping and --wait"),
    emitter(Name::Warning, ALL, &[], ""),
    emitter(Name::Error, ALL, &[], ""),
    emitter(Name::Stats, ALL, &[], ""),
    emitter(Name::Stopping, ALL, &[], ""),
    emitter(Name::Stopped, ALL, &[], ""),
    emitter(Name::Summary, ALL, &[], ""),
];

/// Whether the command line can report an event.
pub(super) fn emits(typed: &Typed<'_>, event: Name) -> bool {
    let holds = |emitter: &&Emitter| {
        emitter.event == event
            && emitter.by.contains(&typed.command())
            && typed.all_hold(emitter.when)
    };
    EMITTERS.iter().any(|emitter| holds(&emitter))
}

/// A hook on an event that is never reported would never run.
pub(super) fn check_hooks(typed: &Typed<'_>) -> Result<(), Failure> {
    check_named(typed, "--on", typed.hooked())
}

/// An event that is never reported can neither be selected nor left out.
pub(super) fn check_events(typed: &Typed<'_>, events: &EventSelection) -> Result<(), Failure> {
    check_named(typed, "--events", events.typed())
}

/// Whether an option names events that this command line can report.
fn check_named(
    typed: &Typed<'_>,
    option: &str,
    mut names: impl Iterator<Item = Name>,
) -> Result<(), Failure> {
    let Some(event) = names.find(|event| !emits(typed, *event)) else { return Ok(()) };
    let command = typed.command();
    let entries =
        EMITTERS.iter().filter(|emitter| emitter.event == event && emitter.by.contains(&command));
    let words: Vec<&str> = entries.map(|emitter| emitter.words).collect();
    let cause = match words.is_empty() {
        true => {
            let reported = Name::ALL.iter().filter(|event| emits(typed, **event));
            let reported: Vec<&str> = reported.map(|event| event.as_str()).collect();
            format!("{command} never reports it, but {}", reported.join(" "))
        }
        false => format!("{command} reports it only {}", words.join(", or ")),
    };
    Err(refuse(&format!("{option} {event}"), cause))
}

/// Which commands report an event, in words, as `tcp-serve; chat with --host`.
pub fn emitters(event: Name) -> String {
    let entries = || EMITTERS.iter().filter(move |emitter| emitter.event == event);
    if entries().any(|emitter| emitter.by == ALL) {
        return "every command".to_owned();
    }
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for name in ALL.iter().filter(|name| entries().any(|emitter| emitter.by.contains(name))) {
        let mine =
            entries().filter(|emitter| emitter.by.contains(name)).map(|emitter| emitter.words);
        let words = mine.filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" or ");
        match groups.iter_mut().find(|(own, _)| *own == words) {
            Some((_, names)) => names.push(name),
            None => groups.push((words, vec![name])),
        }
    }
    let groups = groups.into_iter().map(|(words, names)| format!("{} {words}", names.join(", ")));
    groups.map(|group| group.trim_end().to_owned()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Cli;
    use crate::commands::rules::typed::FACTS;
    use clap::CommandFactory;

    #[test]
    fn each_event_has_emitters_that_there_are() {
        let root = Cli::command();
        for event in Name::ALL {
            assert!(EMITTERS.iter().any(|emitter| emitter.event == *event), "{event}");
        }
        for emitter in EMITTERS {
            assert_eq!(emitter.when.is_empty(), emitter.words.is_empty(), "{}", emitter.event);
            for name in emitter.by {
                let command = root.find_subcommand(name).expect("a command");
                for when in emitter.when.iter().map(|when| when.trim_start_matches('!')) {
                    let is_fact = FACTS.iter().any(|(fact, _)| *fact == when);
                    let mut args = command.get_arguments();
                    let is_known = is_fact
                        || STREAMS.contains(name)
                        || args.any(|arg| super::super::spellings(arg).any(|own| own == when));
                    assert!(is_known, "{name} has no {when}");
                }
            }
        }
    }

    #[test]
    fn the_emitters_of_an_event_in_words() {
        assert_eq!(emitters(Name::Summary), "every command");
        assert_eq!(emitters(Name::Joined), "mcast-join; chat, echo in a group");
        let listening = "tcp-connect with --input commands or json; tcp-serve, udp-listen; chat with \
                         --host; echo without --ping";
        assert_eq!(emitters(Name::Listening), listening);
        assert!(
            emitters(Name::Data).contains("udp-send, mcast-send with --reply or with --wait or")
        );
    }
}
