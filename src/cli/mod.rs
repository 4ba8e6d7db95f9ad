//! The command line: what can be typed, and what it means.
//!
//! Arguments become plain configurations in two steps: clap checks each by itself and whom it
//! belongs to ([`args`]), then [`config`] checks what they mean together. Nothing below this
//! floor knows of clap.

pub mod args;
pub mod config;
mod foreign;
mod text;

use clap::Parser;

pub use args::{Cli, Command};

/// Reads the command line, or ends the process as clap does: help and version with 0, a usage
/// error with 2.
pub fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| foreign::explain(error).exit())
}
