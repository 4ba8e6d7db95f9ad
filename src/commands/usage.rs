//! A command line that clap refuses, as a failure like any other: one line of text, and a hint.

use std::ffi::{OsStr, OsString};
use std::num::{IntErrorKind, ParseIntError};
use std::time::Duration;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Arg, Args, Command, CommandFactory, FromArgMatches};

use super::args::{self, ReportArgs, RunArgs, spellings};
use super::cli::Cli;
use super::{hints, launch};
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::protocol::output::Output;
use crate::report::Settings;
use crate::sessions::config::Hook;

/// Who is to know that a run did not start.
#[derive(Default)]
pub(super) struct Audience {
    pub(super) settings: Settings,
    pub(super) hooks: Vec<Hook>,
    /// stdout takes the events, too.
    pub(super) stdout: bool,
    /// The time that hooks have.
    pub(super) timeout: Option<Duration>,
}

impl Audience {
    pub(super) fn new(settings: Settings, run: &RunArgs) -> Self {
        let stdout = run.output == Some(Output::Json);
        Self { settings, hooks: run.on.clone(), stdout, timeout: run.timeout }
    }

    /// Reads what can be read of a wrong line: each option that sets how events are reported, by itself and
    /// wherever it stands.
    fn of_line(line: &[OsString]) -> Self {
        let command = Command::new("wirecat").no_binary_name(true).disable_help_flag(true);
        let mut command = ReportArgs::augment_args(RunArgs::augment_args(command));
        let mut known = Vec::new();
        let mut understands = |words: &[OsString]| {
            let tried = known.iter().chain(words).cloned().collect::<Vec<_>>();
            let is_right = command.try_get_matches_from_mut(&tried).is_ok();
            if is_right {
                known = tried;
            }
            is_right
        };
        let options = line.split(|word| word == "--").next().unwrap_or_default();
        for (at, word) in options.iter().enumerate() {
            let is_option = word.as_encoded_bytes().starts_with(b"-");
            if is_option && !understands(std::slice::from_ref(word)) {
                understands(options.get(at..at + 2).unwrap_or_default());
            }
        }
        let Ok(matches) = command.try_get_matches_from_mut(known) else { return Self::default() };
        let report = ReportArgs::from_arg_matches(&matches);
        let (Ok(report), Ok(run)) = (report, RunArgs::from_arg_matches(&matches)) else {
            return Self::default();
        };
        Self::new(args::report(&ReportArgs::default(), &report, &run), &run)
    }
}

/// Reports the error of clap about a command line (`line` has no name of the program).
#[cold]
pub(super) fn report(error: &Error, line: &[OsString]) -> Status {
    launch::report_failure(&failure(error, line).into(), Audience::of_line(line))
}

/// The error of clap about one argument too many, where clap would take any number.
pub(super) fn superfluous(root: &mut Command, command: &str, word: &OsStr) -> Error {
    let mut error = Error::new(ErrorKind::UnknownArgument);
    let word = word.to_string_lossy().into_owned();
    error.insert(ContextKind::InvalidArg, ContextValue::String(word));
    if let Some(command) = root.find_subcommand_mut(command) {
        error.insert(ContextKind::Usage, ContextValue::StyledStr(command.render_usage()));
    }
    error
}

/// The error of clap, in the form of all failures.
pub(super) fn failure(error: &Error, line: &[OsString]) -> Failure {
    let root = Cli::command();
    let names = line.iter().filter_map(|word| root.find_subcommand(word));
    let command = names.map(Command::get_name).next();
    let program = command.map_or("wirecat".to_owned(), |name| format!("wirecat {name}"));
    let help = format!("`{program} --help` says more");
    let refused = Refused { error, program: &program };
    let failure = match error.kind() {
        ErrorKind::UnknownArgument => refused.word(&root, command, line),
        ErrorKind::InvalidSubcommand => {
            let word = refused.text(ContextKind::InvalidSubcommand);
            let hint = hints::hint(error, command, &word, line);
            let hint = hint.or_else(|| refused.alike(ContextKind::SuggestedSubcommand));
            refused.failure(&word, "there is no such command").maybe_fix(hint.as_deref())
        }
        ErrorKind::MissingSubcommand => refused.missing_one("the command"),
        ErrorKind::MissingRequiredArgument => refused.missing(),
        ErrorKind::ArgumentConflict => refused.conflict(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => refused.value(command, line),
        ErrorKind::TooManyValues => refused.failure(&refused.option(), "it takes no value"),
        ErrorKind::InvalidUtf8 => refused.failure("a word of the command line", "it is not UTF-8"),
        _ => {
            let text = error.to_string();
            let text = text.lines().next().unwrap_or_default();
            let cause = text.strip_prefix("error: ").unwrap_or(text);
            refused.failure("the command line", cause)
        }
    };
    if failure.fix.is_some() { failure } else { failure.fix(help) }
}

/// What clap refuses.
struct Refused<'a> {
    error: &'a Error,
    /// The program and the command.
    program: &'a str,
}

impl Refused<'_> {
    fn failure(&self, target: &str, cause: &str) -> Failure {
        Failure::new(Status::Usage, Kind::Usage, "use", target, cause)
    }

    /// The words that clap has for this, one after the other.
    fn texts(&self, kind: ContextKind) -> Vec<String> {
        match self.error.get(kind) {
            Some(ContextValue::String(text)) => vec![text.clone()],
            Some(ContextValue::Strings(texts)) => texts.clone(),
            Some(ContextValue::StyledStr(text)) => vec![text.to_string()],
            Some(ContextValue::StyledStrs(texts)) => {
                texts.iter().map(StyledStr::to_string).collect()
            }
            _ => Vec::new(),
        }
    }

    fn text(&self, kind: ContextKind) -> String {
        self.texts(kind).join(", ")
    }

    /// The option that it is about, as it is typed.
    fn option(&self) -> String {
        spelling(&self.text(ContextKind::InvalidArg))
    }

    /// The usage of the command, as one line.
    fn usage(&self) -> String {
        let usage = self.text(ContextKind::Usage);
        let words: Vec<&str> = usage.trim_start_matches("Usage:").split_whitespace().collect();
        words.join(" ")
    }

    /// What there is that looks like it.
    fn alike(&self, kind: ContextKind) -> Option<String> {
        let alike: Vec<String> = self.texts(kind).iter().map(|text| spelling(text)).collect();
        if alike.is_empty() { None } else { Some(format!("did you mean {}?", alike.join(" or "))) }
    }

    /// A word that this command does not take.
    fn word(&self, root: &Command, command: Option<&str>, line: &[OsString]) -> Failure {
        let word = self.text(ContextKind::InvalidArg);
        let hint = hints::hint(self.error, command, &word, line);
        if !word.starts_with('-') {
            let hint = hint.unwrap_or_else(|| format!("its usage is `{}`", self.usage()));
            return self.failure(&word, "it is one argument too many").fix(hint);
        }
        let owners = owners(root, &word);
        let cause = match (owners.is_empty(), command) {
            (false, _) => format!("it is an option of {}", listed(&owners)),
            (true, Some(name)) => format!("{name} has no such option"),
            (true, None) => "there is no such option".to_owned(),
        };
        // The option of this command that looks most like one of another is not what was meant.
        // To clap, words with a few letters in common are alike.
        let is_slip =
            owners.is_empty() && is_slip(&word, &spelling(&self.text(ContextKind::SuggestedArg)));
        let alike = || self.alike(ContextKind::SuggestedArg).filter(|_| is_slip);
        self.failure(&word, &cause).maybe_fix(hint.or_else(alike).as_deref())
    }

    fn missing(&self) -> Failure {
        let missing = self.texts(ContextKind::InvalidArg);
        let missing: Vec<&str> = missing.iter().map(|text| text.trim_end_matches("...")).collect();
        let hint = format!("the usage is `{}`; --help says more", self.usage());
        self.missing_one(&listed(&missing)).fix(hint)
    }

    fn missing_one(&self, what: &str) -> Failure {
        let cause = format!("{what} is missing");
        Failure::new(Status::Usage, Kind::Usage, "run", self.program, cause)
    }

    fn conflict(&self) -> Failure {
        let others = self.texts(ContextKind::PriorArg);
        let others: Vec<String> = others.iter().map(|text| spelling(text)).collect();
        let (option, others) = (self.option(), listed(&others));
        if others.is_empty() || others == option {
            return self.failure(&option, "it can be given only once");
        }
        let cause = format!("it cannot be used with {others}");
        self.failure(&option, &cause).fix("leave one of them out")
    }

    /// A value that the option does not take, or none.
    fn value(&self, command: Option<&str>, line: &[OsString]) -> Failure {
        let (option, value) = (self.option(), self.text(ContextKind::InvalidValue));
        if value.is_empty() {
            let hint = format!("write {}", self.text(ContextKind::InvalidArg));
            return self.failure(&option, "its value is missing").fix(hint);
        }
        let valid = self.text(ContextKind::ValidValue);
        let source = std::error::Error::source(self.error);
        let number = source.and_then(|source| source.downcast_ref::<ParseIntError>());
        let cause = match (number.map(ParseIntError::kind), source) {
            (Some(IntErrorKind::PosOverflow), _) => format!("{value:?} is too large"),
            (Some(IntErrorKind::NegOverflow), _) => format!("{value:?} is too small"),
            (Some(_), _) => format!("{value:?} is not a whole number"),
            (None, Some(source)) => between(source.to_string()),
            (None, None) => format!("it is none of {valid}"),
        };
        // ncat takes a command by -c.
        let is_command =
            option == "--count" && value.starts_with(|c: char| c.is_alphabetic() || c == '/');
        let target = if option.starts_with('-') { format!("{option} {value}") } else { value };
        let hint = is_command.then(|| hints::hint(self.error, command, "-c", line)).flatten();
        let hint = hint.or_else(|| self.alike(ContextKind::SuggestedValue));
        self.failure(&target, &cause).maybe_fix(hint.as_deref())
    }
}

/// The words of clap for a number beyond its bounds have them as a range of Rust: `9 is not in 1..=8`.
fn between(cause: String) -> String {
    let bounds = cause.split_once(" is not in ").and_then(|(number, range)| {
        let (least, most) = range.split_once("..=")?;
        Some(format!("{number} is not between {least} and {most}"))
    });
    bounds.unwrap_or(cause)
}

/// An option as it is typed: `--frame` of `--frame <FRAMING>`; a positional argument as it is.
fn spelling(text: &str) -> String {
    let text = text.trim_end_matches("...");
    match text.starts_with('-') {
        true => text.split([' ', '=', '[']).next().unwrap_or(text).to_owned(),
        false => text.to_owned(),
    }
}

/// Words as they stand in a sentence: `a, b and c`.
fn listed<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => words.concat(),
    }
}

/// Whether one option was meant by the other: it was cut short, or up to two letters are wrong. A slip
/// keeps the first letter.
fn is_slip(typed: &str, meant: &str) -> bool {
    let begin = typed.get(..3).unwrap_or(typed);
    meant.starts_with(begin) && (meant.starts_with(typed) || distance(typed, meant) <= 2)
}

/// How many letters are wrong, missing or too many (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], above + 1);
        for (place, &wanted) in other.iter().enumerate() {
            let change = diagonal + usize::from(letter != wanted);
            diagonal = row[place + 1];
            row[place + 1] = change.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

/// The commands that have an option spelled like this.
fn owners<'a>(root: &'a Command, word: &str) -> Vec<&'a str> {
    let is_it = |arg: &Arg| spellings(arg).any(|spelling| spelling == word);
    root.get_subcommands()
        .filter(|command| command.get_arguments().any(is_it))
        .map(Command::get_name)
        .collect()
}
