//! Which commands can tell of which event: one table, from which `--on` is checked and the page of the
//! events says it. The tests hold every event that any command prints to it.

use super::typed::Typed;
use super::{CHAT, CONNECT, ECHO, SENDERS, SERVE, STREAMS, UDP_LISTEN, refuse};
use crate::error::Failure;
use crate::report::Name;

/// One way in which an event is told.
struct Teller {
    event: Name,
    /// The commands that tell it.
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
const CONTROLLED: &[&str] = &["tcp-connect", "tcp-serve", "udp-listen", "mcast-join"];

const fn told(
    event: Name,
    by: &'static [&'static str],
    when: &'static [&'static str],
    words: &'static str,
) -> Teller {
    Teller { event, by, when, words }
}

const COMMANDS: &str = "with --input commands or json";
const HOSTED: &str = "in a room that is hosted elsewhere";

/// The table, in the order of the events.
const TOLD: &[Teller] = &[
    told(Name::Starting, ALL, &[], ""),
    told(Name::Listening, SERVE, &[], ""),
    told(Name::Listening, UDP_LISTEN, &[], ""),
    told(Name::Listening, CHAT, &["--host"], "with --host"),
    told(Name::Listening, ECHO, &["!--ping"], "without --ping"),
    told(Name::Connected, CONNECT, &[], ""),
    told(Name::Connected, SERVE, &["--forward"], "with --forward"),
    told(Name::Connected, CHAT, &["!--host", "!group"], HOSTED),
    told(Name::Connected, ECHO, &["--ping"], "with --ping"),
    told(Name::ConnectFailed, CONNECT, &[], ""),
    told(Name::ConnectFailed, SERVE, &["--forward"], "with --forward"),
    told(Name::ConnectFailed, CHAT, &["!--host", "!group"], HOSTED),
    told(Name::ConnectFailed, ECHO, &["--ping"], "with --ping"),
    told(Name::Accepted, SERVE, &[], ""),
    told(Name::Accepted, CHAT, &["--host"], "with --host"),
    told(Name::Accepted, ECHO, &["!--ping", "!no streams"], "where it serves streams"),
    told(Name::Joined, &["mcast-join"], &[], ""),
    told(Name::Joined, CHAT, &["group"], "in a group"),
    told(Name::Joined, ECHO, &["group"], "in a group"),
    told(Name::Left, &["mcast-join"], &["commands"], COMMANDS),
    told(Name::List, CONTROLLED, &["commands"], COMMANDS),
    told(Name::Data, CONNECT, &["!relay", "!-z"], "where it takes messages"),
    told(Name::Data, SERVE, &["!relay", "!--discard", "!--save"], "where it takes messages"),
    told(Name::Data, UDP_LISTEN, &["!--exec"], "without --exec"),
    told(Name::Data, &["mcast-join"], &[], ""),
    told(Name::Data, SENDERS, &["--reply"], "with --reply"),
    told(Name::Data, SENDERS, &["--wait"], "with --wait"),
    told(Name::Data, SENDERS, &["--count"], "with --count"),
    told(Name::Data, SENDERS, &["--expect"], "with --expect"),
    told(Name::Data, CHAT, &["!--headless"], "without --headless"),
    told(Name::Data, ECHO, &["!--ping"], "without --ping"),
    told(Name::Sent, CONTROLLED, &["commands"], COMMANDS),
    told(Name::Drained, CONTROLLED, &["commands"], COMMANDS),
    told(Name::SendFailed, CONTROLLED, &["commands"], COMMANDS),
    told(Name::Eof, CONNECT, &["!-z"], "without -z"),
    told(Name::Eof, SERVE, &[], ""),
    told(Name::Eof, CHAT, &["!--host", "!group"], HOSTED),
    told(Name::Eof, ECHO, &["--ping", "!--udp"], "with --ping, without --udp"),
    told(Name::Eof, ECHO, &["!--ping", "!no streams"], "where it serves streams"),
    told(Name::Closed, STREAMS, &[], ""),
    told(Name::Closed, CHAT, &["!group"], "outside of a group"),
    told(Name::Closed, ECHO, &["--ping"], "with --ping"),
    told(Name::Closed, ECHO, &["!no streams"], "where it serves streams"),
    told(Name::Retry, CONNECT, &["--wait"], "with --wait"),
    told(Name::Retry, CONNECT, &["--reconnect"], "with --reconnect"),
    told(Name::Retry, &["udp-send"], &["--wait"], "with --wait"),
    told(Name::Retry, CHAT, &["--wait"], "with --wait"),
    told(Name::Retry, CHAT, &["--reconnect"], "with --reconnect"),
    told(Name::Retry, ECHO, &["--ping", "--wait"], "with --ping and --wait"),
    told(Name::Warning, ALL, &[], ""),
    told(Name::Error, ALL, &[], ""),
    told(Name::Stats, ALL, &[], ""),
    told(Name::Stopping, ALL, &[], ""),
    told(Name::Stopped, ALL, &[], ""),
    told(Name::Summary, ALL, &[], ""),
];

/// Whether the command line can tell an event.
pub(super) fn tells(typed: &Typed<'_>, event: Name) -> bool {
    let holds = |teller: &&Teller| {
        teller.event == event && teller.by.contains(&typed.command()) && typed.all_hold(teller.when)
    };
    TOLD.iter().any(|teller| holds(&teller))
}

/// A hook on an event that is never told would never run.
pub(super) fn check_hooks(typed: &Typed<'_>) -> Result<(), Failure> {
    let Some(event) = typed.hooked().find(|event| !tells(typed, *event)) else { return Ok(()) };
    let command = typed.command();
    let ways = TOLD.iter().filter(|teller| teller.event == event && teller.by.contains(&command));
    let words: Vec<&str> = ways.map(|teller| teller.words).collect();
    let cause = match words.is_empty() {
        true => {
            let told = Name::ALL.iter().filter(|event| tells(typed, **event));
            let told: Vec<&str> = told.map(|event| event.as_str()).collect();
            format!("{command} never tells it; it tells {}", told.join(" "))
        }
        false => format!("{command} tells it only {}", words.join(", or ")),
    };
    Err(refuse(&format!("--on {event}"), cause))
}

/// Who tells an event, in words, as `tcp-serve; chat with --host`.
pub fn tellers(event: Name) -> String {
    let ways = || TOLD.iter().filter(move |teller| teller.event == event);
    if ways().any(|teller| teller.by == ALL) {
        return "every command".to_owned();
    }
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for name in ALL.iter().filter(|name| ways().any(|teller| teller.by.contains(name))) {
        let mine = ways().filter(|teller| teller.by.contains(name)).map(|teller| teller.words);
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
    fn each_event_has_tellers_that_there_are() {
        let root = Cli::command();
        for event in Name::ALL {
            assert!(TOLD.iter().any(|teller| teller.event == *event), "{event}");
        }
        for teller in TOLD {
            assert_eq!(teller.when.is_empty(), teller.words.is_empty(), "{}", teller.event);
            for name in teller.by {
                let command = root.find_subcommand(name).expect("a command");
                for when in teller.when.iter().map(|when| when.trim_start_matches('!')) {
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
    fn who_tells_what_is_said_in_words() {
        assert_eq!(tellers(Name::Summary), "every command");
        assert_eq!(tellers(Name::Joined), "mcast-join; chat, echo in a group");
        let listening = "tcp-serve, udp-listen; chat with --host; echo without --ping";
        assert_eq!(tellers(Name::Listening), listening);
        assert!(
            tellers(Name::Data).contains("udp-send, mcast-send with --reply or with --wait or")
        );
    }
}
