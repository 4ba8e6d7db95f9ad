//! A word more for an option that exists, but on another command.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Arg, CommandFactory};

use super::Cli;

/// Adds to an "unexpected argument" error which commands the argument belongs to.
pub(super) fn explain(mut error: Error) -> Error {
    let word = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::UnknownArgument => word,
        _ => return error,
    };
    let owners = owners(word);
    if !owners.is_empty() {
        let tip = format!("'{word}' is an option of {}", owners.join(" and "));
        let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
        error.insert(ContextKind::Suggested, tips);
        error.remove(ContextKind::SuggestedArg);
    }
    error
}

/// The commands that have an option spelled like this.
fn owners(word: &str) -> Vec<String> {
    let is_it = |arg: &Arg| {
        let long = arg.get_long().map(|long| format!("--{long}"));
        let short = arg.get_short().map(|short| format!("-{short}"));
        [long, short].into_iter().flatten().any(|spelling| spelling == word)
    };
    Cli::command()
        .get_subcommands()
        .filter(|command| command.get_arguments().any(is_it))
        .map(|command| command.get_name().to_owned())
        .collect()
}
