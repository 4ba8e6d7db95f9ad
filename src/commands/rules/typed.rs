//! What was typed, in the words that the rules use.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use crate::commands::args::{InputForm, spellings};
use crate::commands::datagram::{REPLY_WITHOUT_TIME, behind_equals};
use crate::commands::rules::refuse;
use crate::error::Failure;
use crate::framing::{Framing, InputFraming};
use crate::protocol::command::CommandForm;
use crate::protocol::output::Output;
use crate::protocol::pacer::Rate;
use crate::protocol::slow::Policy;
use crate::report::Name;
use crate::sessions::config::Hook;
use crate::sockets::{Address, AddressError, UnixName};
use crate::values::parse_duration;

/// One command line as clap read it.
pub(super) struct Typed<'a> {
    command: &'a Command,
    matches: &'a ArgMatches,
    addresses: Vec<Place>,
}

/// A fact, and whether it holds of a command line.
type Fact = (&'static str, fn(&Typed<'_>) -> bool);

/// What holds of a command line beside the options that were typed.
pub(super) const FACTS: &[Fact] = &[
    // Of the commands with addresses echo alone may have none; it listens on loopback then.
    ("ip", |line| line.addresses.iter().any(is_ip) || line.addresses.is_empty()),
    ("not ip", |line| !line.addresses.iter().all(is_ip)),
    ("unix only", |line| {
        let is_unix = |place: &Place| matches!(place, Some(Address::Unix(_)));
        !line.addresses.is_empty() && line.addresses.iter().all(is_unix)
    }),
    ("unix path", |line| {
        let is_path = |place: &Place| matches!(place, Some(Address::Unix(UnixName::Path(_))));
        line.addresses.iter().any(is_path)
    }),
    ("fd", |line| line.addresses.iter().any(|place| matches!(place, Some(Address::Fd(_))))),
    ("no address", |line| line.addresses.is_empty()),
    ("group", |line| line.addresses.contains(&None)),
    ("no streams", |line| {
        let has_streams = line.addresses.is_empty() || line.addresses.iter().any(Option::is_some);
        line.is_typed("udp") || !has_streams
    }),
    ("forward to ip", |line| {
        let Some(text) = line.one::<OsString>("forward") else { return false };
        // `tls:` is no part of the address.
        let text =
            text.to_str().and_then(|text| text.strip_prefix("tls:")).map_or(&**text, OsStr::new);
        matches!(text.try_into(), Ok(Address::Inet { .. }))
    }),
    ("forward tls", |line| {
        let address = line.one::<OsString>("forward");
        address.is_some_and(|text| text.to_string_lossy().starts_with("tls:"))
    }),
    ("tls server", |line| line.is_typed("tls_cert") || line.is_typed("tls_self_signed")),
    ("framed", |line| match line.one::<Framing>("frame") {
        Some(framing) => *framing != Framing::None,
        // Where an option of echo speaks of messages, a stream has lines.
        None => ["drop", "prefix", "quit_word", "stop_word", "count"]
            .iter()
            .any(|id| line.command() == "echo" && line.is_typed(id)),
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
    ("commands", |line| {
        // mcast-join reads nothing else.
        line.one::<CommandForm>("input").is_some()
            || matches!(line.one::<InputForm>("input"), Some(InputForm::Commands(_)))
    }),
    ("json commands", |line| {
        line.one::<InputForm>("input") == Some(&InputForm::Commands(CommandForm::Json))
    }),
    ("dump", |line| line.one::<Output>("output") == Some(&Output::DUMP)),
    ("threads", |line| line.one::<u64>("threads").is_some_and(|count| *count > 1)),
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
    ("--replay -", |line| {
        line.one::<PathBuf>("replay").is_some_and(|path| path.as_os_str() == "-")
    }),
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

/// Where a command listens, or what it connects to; `None` is a group.
type Place = Option<Address>;

fn is_ip(place: &Place) -> bool {
    matches!(place, Some(Address::Inet { .. }))
}

fn place(text: &OsStr) -> Result<Place, AddressError> {
    match text.try_into() {
        Ok(address) => Ok(Some(address)),
        // A command that takes no group refuses it in its `config()`, which reads the address
        // again.
        Err(AddressError::Group(_)) => Ok(None),
        Err(wrong) => Err(wrong),
    }
}

impl<'a> Typed<'a> {
    /// # Errors
    /// A bad address.
    pub(super) fn new(command: &'a Command, matches: &'a ArgMatches) -> Result<Self, Failure> {
        let mut typed = Self { command, matches, addresses: Vec::new() };
        let texts = ["address", "addresses"].into_iter().flat_map(|id| typed.all::<OsString>(id));
        let texts: Vec<&OsString> = texts.collect();
        typed.addresses = (0..texts.len())
            .map(|at| place(texts[at]).map_err(|wrong| typed.explained(wrong, &texts[at..])))
            .collect::<Result<_, _>>()?;
        typed.check_reply(&texts)?;
        Ok(typed)
    }

    /// A number behind `--reply` is an address, a port of this machine; beside one with a host it is a
    /// time.
    fn check_reply(&self, texts: &[&OsString]) -> Result<(), Failure> {
        let place = |id| self.matches.indices_of(id).and_then(|mut places| places.next());
        if self.command() != "udp-send" || !self.is_typed("reply") {
            return Ok(());
        }
        let mut values = self.matches.get_raw("reply").into_iter().flatten();
        if values.next().is_none_or(|value| value != REPLY_WITHOUT_TIME) {
            return Ok(());
        }
        let is_number = |text: &&OsString| text.as_encoded_bytes().iter().all(u8::is_ascii_digit);
        let Some(first) = texts.first().filter(|first| is_number(first)) else { return Ok(()) };
        let is_behind = place("reply").zip(place("addresses"));
        let is_behind = is_behind.is_some_and(|(reply, address)| reply + 1 == address);
        if !is_behind || texts.iter().all(is_number) {
            return Ok(());
        }
        let first = first.to_string_lossy();
        let cause = format!("behind --reply it is the address of port {first} on this machine");
        let fix = format!("{}; the port is localhost:{first}", behind_equals(&first));
        Err(refuse(&first, cause).fix(fix))
    }

    /// What is wrong with the first of these addresses, with the words of this command for it.
    fn explained(&self, wrong: AddressError, texts: &[&OsString]) -> Failure {
        let fix = match &wrong {
            AddressError::NoPort(text) => {
                let next = texts.get(1).and_then(|next| next.to_str());
                let is_port = |next: &&str| next.bytes().all(|byte| byte.is_ascii_digit());
                match next.filter(is_port) {
                    _ if self.is_typed("reply") && parse_duration(text).is_ok() => {
                        Some(behind_equals(text))
                    }
                    Some(port) if !text.ends_with(':') => {
                        Some(format!("did you mean {text}:{port}?"))
                    }
                    _ if ["tcp-serve", "udp-listen"].contains(&self.command()) => {
                        Some(format!("{}:0 listens on a free port", text.trim_end_matches(':')))
                    }
                    _ => None,
                }
            }
            AddressError::Scheme { scheme: "tls" | "ssl", rest } => {
                Some(format!("write {}{rest}", self.tls_option()))
            }
            AddressError::Scheme { rest, .. } => Some(format!("write {rest}")),
            AddressError::Url(url) => of_url(url, self.tls_option()),
            _ => None,
        };
        Failure::from(wrong).maybe_fix(fix.as_deref())
    }

    /// What asks for TLS with a server, where the command line may have that and lacks it.
    fn tls_option(&self) -> &'static str {
        let is_known = self.command.get_arguments().any(|arg| arg.get_id() == "tls");
        let connects = self.command() != "echo" || self.is_typed("ping");
        if is_known && connects && !self.is_typed("tls") { "--tls " } else { "" }
    }

    /// The name of the command.
    pub(super) fn command(&self) -> &str {
        self.command.get_name()
    }

    /// Whether an option was typed, or a fact holds.
    pub(super) fn has(&self, word: &str) -> bool {
        match FACTS.iter().find(|(fact, _)| *fact == word) {
            Some((_, holds)) => holds(self),
            None => self.first(|arg| spellings(arg).any(|own| own == word)).is_some(),
        }
    }

    /// Whether all words hold, and those behind a `!` do not.
    pub(super) fn all_hold(&self, words: &[&str]) -> bool {
        words.iter().all(|word| match word.strip_prefix('!') {
            Some(word) => !self.has(word),
            None => self.has(word),
        })
    }

    /// The events that have hooks.
    pub(super) fn hooked(&self) -> impl Iterator<Item = Name> {
        self.all::<Hook>("on").map(|hook| hook.event)
    }

    /// How the first option of some kind that was typed is written.
    pub(super) fn first(&self, of_kind: impl Fn(&Arg) -> bool) -> Option<String> {
        let typed = |arg: &&Arg| self.is_typed(arg.get_id().as_str()) && of_kind(arg);
        self.command.get_arguments().filter(typed).find_map(|arg| spellings(arg).next())
    }

    /// Whether the value of an option comes from the command line, even where it is the default.
    fn is_typed(&self, id: &str) -> bool {
        // In a debug build clap panics on an id that the command does not define.
        let is_known = self.matches.try_contains_id(id).is_ok();
        is_known && self.matches.value_source(id) == Some(ValueSource::CommandLine)
    }

    /// The value of an option that the command has, with its default.
    fn one<T: Clone + std::marker::Send + Sync + 'static>(&self, id: &str) -> Option<&T> {
        self.matches.try_get_one(id).ok().flatten()
    }

    fn all<T: Clone + std::marker::Send + Sync + 'static>(
        &self,
        id: &str,
    ) -> impl Iterator<Item = &'a T> + use<'a, T> {
        self.matches.try_get_many(id).ok().flatten().into_iter().flatten()
    }
}

/// What to write in the place of a URL of the web, where `tls` asks this command for TLS.
fn of_url(url: &str, tls: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (port, option) = match scheme {
        "http" | "ws" => ("80", ""),
        "https" | "wss" if cfg!(feature = "tls") => ("443", tls),
        _ => return None,
    };
    let host = rest.split(['/', '?', '#']).next().filter(|host| !host.contains('@'))?;
    let is_whole = host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let address = if is_whole { host.to_owned() } else { format!("{host}:{port}") };
    // All interfaces are no host that a URL names.
    let is_good = !address.starts_with(':') && Address::try_from(OsStr::new(&address)).is_ok();
    is_good.then(|| format!("write {option}{address}"))
}
