//! What was typed, in the words that the rules use.

use std::collections::HashSet;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use crate::commands::args::InputForm;
use crate::error::Failure;
use crate::framing::{Framing, InputFraming};
use crate::multicast::GroupAddress;
use crate::protocol::command::CommandForm;
use crate::protocol::output::Output;
use crate::protocol::pacer::Rate;
use crate::protocol::slow::Policy;
use crate::sockets::{Address, AddressError};

/// One command line.
pub(super) struct Typed {
    command: String,
    /// The spellings of the options that were typed, and the facts and values that hold.
    words: HashSet<String>,
}

/// A fact, and whether it holds of a command line.
type Fact = (&'static str, fn(&Line<'_>) -> bool);

/// What holds of a command line beside the options that were typed.
pub(super) const FACTS: &[Fact] = &[
    ("ip", |line| line.addresses.iter().any(is_ip) || line.addresses.is_empty()),
    ("not ip", |line| !line.addresses.iter().all(is_ip)),
    ("unix only", |line| {
        let is_unix = |place: &Place| matches!(place, Place::Address(Address::Unix(_)));
        !line.addresses.is_empty() && line.addresses.iter().all(is_unix)
    }),
    ("fd", |line| {
        line.addresses.iter().any(|place| matches!(place, Place::Address(Address::Fd(_))))
    }),
    ("group", |line| line.addresses.contains(&Place::Group)),
    ("groups only", |line| {
        !line.addresses.is_empty() && line.addresses.iter().all(|place| *place == Place::Group)
    }),
    ("forward to ip", |line| {
        let address = line.one::<String>("forward").map(|text| text.parse());
        matches!(address, Some(Ok(Address::Inet { .. })))
    }),
    ("framed", |line| match line.one::<Framing>("frame") {
        Some(framing) => *framing != Framing::None,
        // Where an option of echo speaks of messages, a stream has lines.
        None => ["drop", "prefix", "quit_word", "stop_word", "count"]
            .iter()
            .any(|id| line.command == "echo" && line.is_typed(id)),
    }),
    ("line frames", |line| line.one::<Framing>("frame") == Some(&Framing::Line)),
    ("tinyproto", |line| line.one::<Framing>("frame") == Some(&Framing::Tinyproto)),
    ("written", |line| matches!(line.one::<Output>("output"), Some(Output::Written(_)))),
    ("reported", |line| line.one::<Output>("output") == Some(&Output::Json)),
    ("line input", |line| match line.one::<InputForm>("input") {
        Some(form) => {
            matches!(
                form,
                InputForm::Messages(InputFraming::Line) | InputForm::Commands(CommandForm::Words)
            )
        }
        // The default of datagrams, and of streams that have messages.
        None => line.one::<Framing>("frame") != Some(&Framing::None),
    }),
    ("cut input", |line| {
        let form = line.one::<InputForm>("input");
        !matches!(form, None | Some(InputForm::Messages(InputFraming::Raw)))
    }),
    ("commands", |line| matches!(line.one::<InputForm>("input"), Some(InputForm::Commands(_)))),
    ("json commands", |line| {
        line.one::<InputForm>("input") == Some(&InputForm::Commands(CommandForm::Json))
    }),
    ("slow block", |line| line.one::<Policy>("slow") == Some(&Policy::Block)),
    ("handler", |line| {
        ["reply", "discard", "save", "forward", "exec"].iter().any(|id| line.is_typed(id))
    }),
    ("relay", |line| ["forward", "exec"].iter().any(|id| line.is_typed(id))),
    ("silent", |line| {
        let sends = ["reply", "hub", "forward", "exec"].iter().any(|id| line.is_typed(id));
        let drops = ["no_stdin", "discard", "save"].iter().any(|id| line.is_typed(id));
        drops && !sends
    }),
    // Options of which only some values are meant, by the words that a refusal names them with.
    ("--rate in messages", |line| matches!(line.one::<Rate>("rate"), Some(Rate::Messages(_)))),
    ("-O nodelay", |line| line.all::<String>("socket_option").any(|option| is_delay(option))),
    ("--input commands", |line| {
        line.one::<InputForm>("input") == Some(&InputForm::Commands(CommandForm::Words))
    }),
    ("--input json", |line| {
        line.one::<InputForm>("input") == Some(&InputForm::Commands(CommandForm::Json))
    }),
];

/// Whether a socket option turns nodelay off.
fn is_delay(option: &str) -> bool {
    let value = option.strip_prefix("nodelay=");
    value.is_some_and(|value| ["off", "no", "false", "0"].contains(&value))
}

/// Where a command listens, or what it connects to.
#[derive(PartialEq, Eq)]
enum Place {
    Address(Address),
    Group,
}

fn is_ip(place: &Place) -> bool {
    matches!(place, Place::Address(Address::Inet { .. }))
}

impl Place {
    fn parse(text: &str) -> Result<Self, Failure> {
        if text.parse::<GroupAddress>().is_ok() {
            return Ok(Self::Group);
        }
        match text.parse::<Address>() {
            Ok(address) => Ok(Self::Address(address)),
            Err(AddressError::Group(_)) => Ok(Self::Group),
            Err(wrong) => Err(wrong.into()),
        }
    }
}

/// A command line as clap read it.
pub(super) struct Line<'a> {
    command: &'a str,
    matches: &'a ArgMatches,
    addresses: Vec<Place>,
}

impl Line<'_> {
    fn is_typed(&self, id: &str) -> bool {
        is_typed(self.matches, id)
    }

    /// The value of an option that the command has, with its default.
    fn one<T: Clone + std::marker::Send + Sync + 'static>(&self, id: &str) -> Option<&T> {
        self.matches.try_get_one(id).ok().flatten()
    }

    fn all<T: Clone + std::marker::Send + Sync + 'static>(
        &self,
        id: &str,
    ) -> impl Iterator<Item = &T> {
        self.matches.try_get_many(id).ok().flatten().into_iter().flatten()
    }
}

/// Whether the value of an option comes from the command line, be it the default or not.
fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    let is_known = matches.try_contains_id(id).is_ok();
    is_known && matches.value_source(id) == Some(ValueSource::CommandLine)
}

impl Typed {
    /// # Errors
    /// A bad address.
    pub(super) fn new(command: &Command, matches: &ArgMatches) -> Result<Self, Failure> {
        let mut words = HashSet::new();
        for arg in command.get_arguments().filter(|arg| is_typed(matches, arg.get_id().as_str())) {
            words.extend(arg.get_long().map(|long| format!("--{long}")));
            words.extend(arg.get_short().map(|short| format!("-{short}")));
        }
        let mut line = Line { command: command.get_name(), matches, addresses: Vec::new() };
        let texts = ["address", "addresses"].into_iter().flat_map(|id| line.all::<String>(id));
        line.addresses = texts.map(|text| Place::parse(text)).collect::<Result<_, _>>()?;
        let holding = FACTS.iter().filter(|(_, holds)| holds(&line));
        words.extend(holding.map(|(word, _)| (*word).to_owned()));
        Ok(Self { command: command.get_name().to_owned(), words })
    }

    /// The name of the command.
    pub(super) fn command(&self) -> &str {
        &self.command
    }

    /// Whether an option was typed, or a fact holds.
    pub(super) fn has(&self, word: &str) -> bool {
        self.words.contains(word)
    }
}
