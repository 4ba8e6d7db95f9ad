//! Which options cannot apply beside which others: one table, checked on what was typed, so that a
//! default that is written out is refused like any other value.
//!
//! clap refuses by itself what needs nothing but two names (`conflicts_with`, `requires`), and all
//! that would change what a recording plays ([`adapt`]). What depends on the value of an
//! option alone (a size, an address, a text) is checked where the value is used.

mod emitters;
mod table;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls")]
mod tls;
mod typed;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::args::spellings;
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::report::{EventSelection, Name};
pub use emitters::emitters;
pub(super) use table::ONE_PURPOSE;
use typed::Typed;

/// Options that cannot apply.
struct Rule {
    /// The commands that the rule is for.
    on: &'static [&'static str],
    /// Each of these is refused; the first that was typed is named. A word without a hyphen is a
    /// heading of the help, and stands for the options below it; `*` stands for all, and a `!` takes
    /// options out.
    options: &'static [&'static str],
    /// When: all of these hold, and those behind a `!` do not. Each is an option that was typed, or
    /// a word of [`typed::FACTS`].
    when: &'static [&'static str],
    why: &'static str,
}

/// What a recording leaves open. All other options would change what is sent or how it is taken,
/// and cannot go with one.
const BESIDE_REPLAY: &[&str] = &[
    "Limits",
    "!--count",
    "!--expect",
    "!--read-timeout",
    "!--settle",
    "--output",
    "--record",
    "--replay",
    "--replay-timing",
    "--no-stdin",
    "Sockets",
    "TLS",
    "Scripting",
    "Events",
    "!--progress",
    // To how many clients it is played changes nothing about what is played.
    "--once",
    "--conns",
];

const fn rule(
    on: &'static [&'static str],
    options: &'static [&'static str],
    when: &'static [&'static str],
    why: &'static str,
) -> Rule {
    Rule { on, options, when, why }
}

impl Rule {
    /// The option that this rule refuses, if it does.
    fn refused(&self, typed: &Typed<'_>) -> Option<String> {
        if !self.on.contains(&typed.command()) || !typed.all_hold(self.when) {
            return None;
        }
        self.options.iter().find_map(|word| match word.starts_with('-') {
            true => typed.has(word).then(|| (*word).to_owned()),
            // A word behind `!` is no heading and finds nothing here; `names` alone reads it.
            false => typed.first(|arg| is_below(word, arg) && names(self.options, arg)),
        })
    }
}

fn all() -> impl Iterator<Item = &'static Rule> {
    let rules = table::RULES.iter();
    #[cfg(feature = "tls")]
    let rules = rules.chain(tls::RULES);
    rules
}

/// A combination that cannot work: `cannot use OPTION: CAUSE`.
#[cold]
pub(super) fn refuse(option: &str, cause: impl Into<String>) -> Failure {
    Failure::new(Status::Usage, Kind::Usage, "use", option, cause)
}

/// Checks all rules for what was typed behind the name of `command`.
///
/// # Errors
/// A bad address, or the first rule that is broken.
#[cold]
pub(crate) fn check(command: &Command, matches: &ArgMatches) -> Result<(), Failure> {
    let typed = Typed::new(command, matches)?;
    let broken = all().find_map(|rule| Some((rule.refused(&typed)?, rule.why)));
    match broken {
        Some((option, why)) => Err(refuse(&option, why)),
        None => emitters::check_hooks(&typed),
    }
}

/// Checks `--events`, which may stand before the name of `command` as well.
///
/// # Errors
/// It names an event that is never reported, or selects from what `quiet` does not show.
pub(crate) fn check_events(
    (command, matches): (&Command, &ArgMatches),
    events: &EventSelection,
    is_quiet: bool,
) -> Result<(), Failure> {
    let typed = Typed::new(command, matches)?;
    if is_quiet && !typed.has("reported") && *events != EventSelection::default() {
        return Err(refuse("--events", "-q shows errors only (but for --output json)"));
    }
    emitters::check_events(&typed, events)
}

/// Whether what was typed behind the name of `command` can report an event.
pub(crate) fn emits(command: &Command, matches: &ArgMatches, event: Name) -> bool {
    Typed::new(command, matches).is_ok_and(|typed| emitters::emits(&typed, event))
}

/// Has whatever is not made for `--replay` exclude it.
pub(super) fn adapt(command: Command) -> Command {
    if !command.get_arguments().any(|arg| arg.get_id() == "replay") {
        return command;
    }
    command.mut_args(|arg| match arg.is_positional() || names(BESIDE_REPLAY, &arg) {
        true => arg,
        // clap takes a conflict as mutual, so that one side of each pair is enough.
        false => arg.conflicts_with("replay"),
    })
}

/// Whether an option stands under a heading of the help, or among all that can stand beside others.
fn is_below(word: &str, arg: &Arg) -> bool {
    let is_any = word == "*" && !matches!(arg.get_action(), ArgAction::Help);
    is_any || arg.get_help_heading() == Some(word)
}

/// Whether a list has an option, by its name or by the heading that it stands under in the help, or
/// as one of all (`*`). Words behind a `!` take options out; of all words the last one counts.
fn names(list: &[&str], arg: &Arg) -> bool {
    let fits = |word: &str| is_below(word, arg) || spellings(arg).any(|own| own == word);
    let decides = |word: &&str| match word.strip_prefix('!') {
        Some(word) => fits(word).then_some(false),
        None => fits(word).then_some(true),
    };
    list.iter().rev().find_map(decides).unwrap_or(false)
}
