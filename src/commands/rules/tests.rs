//! The table against the definitions of the command line: every rule can be broken.

use clap::{Arg, ArgMatches, Command, CommandFactory};

use super::table::REPLAYING;
use super::typed::{FACTS, Typed};
use super::{BESIDE_REPLAY, Rule, all, check, is_below, names};
use crate::commands::Cli;
use crate::commands::args::spellings;

/// The option that a word of the table is about, if it is one.
fn option<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let spelling = word.split(' ').next()?;
    command.get_arguments().find(|arg| spellings(arg).any(|own| own == spelling))
}

/// What is typed for an option that is to be refused, or for a fact that is to hold.
fn sample(command: &Command, word: &str) -> Vec<String> {
    let words = match word {
        "tinyproto" => "--frame tinyproto",
        "framed" => "--frame line",
        "written" => "--output hex",
        "commands" | "--input commands" => "--input commands",
        "json commands" | "--input json" => "--input json",
        "--replay -" => "--replay -",
        "--via-password-file" => "--via-password-file f --via socks5://127.0.0.1:1",
        "--tls-key" => "--tls-key f --tls-cert f",
        "threads" | "--threads" => "--threads 2",
        "slow block" => "--slow block",
        "handler" | "silent" => "--discard",
        "relay" if command.get_name() == "tcp-serve" => "--forward 127.0.0.1:1",
        "relay" => "--exec true",
        "!line input" if command.get_name() != "tcp-connect" => "--input hex",
        "--rate in messages" => "--rate 10/s",
        "-O nodelay" => "-O nodelay=off",
        _ => {
            let Some(arg) = option(command, word) else { return Vec::new() };
            let takes_value = arg.get_action().takes_values();
            let name = arg.get_value_names().and_then(|names| names.first());
            let value = match name.filter(|_| takes_value).map(|name| name.as_str()) {
                None => None,
                Some(_) if arg.is_require_equals_set() => None,
                Some("D" | "N" | "PCT") => Some("1"),
                Some("SIZE") => Some("100"),
                Some("MODE") => Some("0600"),
                Some("VERSION") => Some("v1"),
                Some("PROTOCOL") => Some("smtp"),
                Some("NAME") => Some("me"),
                Some("FRAMING") => Some("none"),
                Some("WHAT") => Some("continue"),
                Some("FORM") => Some("hex"),
                Some("POLICY") => Some("kick"),
                Some("CIDR") => Some("10.0.0.0/8"),
                Some("PIN") => {
                    Some("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
                }
                Some("FIELD") => Some("rtp"),
                Some("R") => Some("10k/s"),
                Some(_) => Some("127.0.0.1:1"),
            };
            let flags = [Some(word), value].into_iter().flatten();
            return flags.map(str::to_owned).collect();
        }
    };
    words.split(' ').map(str::to_owned).collect()
}

fn address(command: &Command, rule: &Rule) -> &'static str {
    let group = command.get_name().starts_with("mcast");
    match rule.when {
        when if when.contains(&"fd") => "fd:3",
        when if when.contains(&"no address") => "--input=json",
        when if group || when.contains(&"group") || when.contains(&"no streams") => {
            "239.1.2.3:5000"
        }
        when if when.contains(&"!ip") || when.contains(&"not ip") => "unix:@a",
        when if when.contains(&"unix only") => "unix:@a",
        _ => "127.0.0.1:1",
    }
}

fn matches(line: &[String]) -> ArgMatches {
    let matches = Cli::command().try_get_matches_from(line);
    let matches = matches.unwrap_or_else(|error| panic!("{line:?}: {error}"));
    matches.subcommand().expect("a command").1.clone()
}

/// What a rule refuses, with each heading as the options below it.
fn refused(command: &Command, rule: &Rule) -> Vec<String> {
    let below = |word: &'static str| {
        let args = command.get_arguments().filter(|arg| !arg.is_positional());
        let named = args.filter(move |arg| is_below(word, arg) && names(rule.options, arg));
        let all: Vec<String> = named.filter_map(|arg| spellings(arg).next()).collect();
        assert!(!all.is_empty(), "{} has nothing below {word}", command.get_name());
        all
    };
    let words = rule.options.iter().filter(|word| !word.starts_with('!'));
    words
        .flat_map(|word| match word.starts_with('-') {
            true => vec![(*word).to_owned()],
            false => below(word),
        })
        .collect()
}

#[test]
fn each_rule_names_options_of_its_commands_and_can_be_broken() {
    for rule in all() {
        for name in rule.on {
            let root = Cli::command();
            let command = root.find_subcommand(name).expect("a command");
            let taken_out = rule.options.iter().filter_map(|word| word.strip_prefix('!'));
            for word in taken_out {
                let known = command.get_arguments().any(|arg| is_below(word, arg));
                assert!(known || option(command, word).is_some(), "{name} has no {word}");
            }
            for refused in refused(command, rule) {
                check_refusal(command, rule, &refused);
            }
        }
    }
}

/// What breaks a rule is refused, by the name of the option.
fn check_refusal(command: &Command, rule: &Rule, refused: &str) {
    let name = command.get_name();
    assert!(option(command, refused).is_some(), "{name} has no {refused}");
    let mut line = vec!["wirecat".to_owned(), name.to_owned()];
    let given = sample(command, refused);
    for when in rule.when {
        let more = match *when {
            "--forward" if rule.when.contains(&"!forward to ip") => {
                vec!["--forward".to_owned(), "unix:@b".to_owned()]
            }
            when => sample(command, when),
        };
        if more.first() != given.first() {
            line.extend(more);
        }
    }
    // A fact may be about the very option.
    let facts = rule.when.iter().map(|when| sample(command, when));
    let own = facts.clone().find(|more| more.first() == given.first());
    line.extend(own.filter(|_| !given.is_empty()).unwrap_or(given));
    line.push(address(command, rule).to_owned());
    let matches = matches(&line);
    let typed = Typed::new(command, &matches);
    let typed = typed.unwrap_or_else(|failure| panic!("{line:?}: {failure}"));
    // It is never typed without the option that it needs, which stands before it in the help.
    let named = match (refused, rule.refused(&typed).as_deref()) {
        ("--via-password-file", Some("--via")) | ("--tls-key", Some("--tls-cert")) => {
            Some(refused.to_owned())
        }
        (_, named) => named.map(str::to_owned),
    };
    assert_eq!(named.as_deref(), Some(refused), "{line:?}");
    assert!(check(command, &matches).is_err(), "{line:?}");
}

#[test]
fn each_condition_is_known() {
    for rule in all() {
        for when in rule.when.iter().map(|when| when.trim_start_matches('!')) {
            let is_option = |name: &&str| {
                let root = Cli::command();
                option(root.find_subcommand(name).expect("a command"), when).is_some()
            };
            let is_fact = FACTS.iter().any(|(fact, _)| *fact == when);
            assert!(is_fact || rule.on.iter().all(is_option), "{when}");
        }
    }
}

#[test]
fn what_a_recording_leaves_open_is_known() {
    let root = Cli::command();
    let commands: Vec<&Command> =
        REPLAYING.iter().map(|name| root.find_subcommand(name).expect("a command")).collect();
    for word in BESIDE_REPLAY.iter().map(|word| word.trim_start_matches('!')) {
        let has = |command: &&Command| {
            let is_heading = command.get_arguments().any(|arg| is_below(word, arg));
            is_heading || option(command, word).is_some()
        };
        assert!(commands.iter().any(has), "{word}");
    }
}

#[test]
fn each_fact_decides_something() {
    for (fact, _) in FACTS {
        let uses = |rule: &'static Rule| {
            let when = rule.when.iter().map(|when| when.trim_start_matches('!'));
            when.chain(rule.options.iter().copied()).any(|word| word == *fact)
        };
        assert!(all().any(uses), "{fact}");
    }
}
