//! The command line: what can be typed, and what it means.
//!
//! Arguments become plain configurations in three steps: clap checks each by itself and whom it
//! belongs to ([`args`]), [`rules`] which of them go together, and [`config`] what they mean.
//! Nothing below this floor knows of clap.

pub mod args;
pub mod config;
mod foreign;
mod rules;
mod text;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

pub use args::{Cli, Command};

use crate::error::Failure;

/// A command line that is right in itself.
pub struct Parsed {
    /// What was asked for.
    pub cli: Cli,
    command: clap::Command,
    matches: ArgMatches,
}

impl Parsed {
    /// Whether all options that were typed can apply.
    ///
    /// # Errors
    /// A bad address, or an option that cannot.
    pub fn check(&self) -> Result<(), Failure> {
        let subcommand = self.matches.subcommand();
        let found =
            subcommand.and_then(|(name, typed)| Some((self.command.find_subcommand(name)?, typed)));
        found.map_or(Ok(()), |(command, typed)| rules::check(command, typed))
    }
}

/// Reads the command line, or ends the process as clap does: help and version with 0, a usage
/// error with 2.
pub fn parse() -> Parsed {
    let mut command = Cli::command();
    let read = command
        .try_get_matches_from_mut(std::env::args_os())
        .and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    match read {
        Ok((cli, matches)) => Parsed { cli, command, matches },
        Err(error) => foreign::explain(error).exit(),
    }
}
