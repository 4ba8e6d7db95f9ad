//! What connections are relayed to: `--forward` and `--exec`, and what cannot go with them.

use std::time::Duration;

use super::net;
use crate::cli::args::{ConnectArgs, ServeArgs};
use crate::cli::rules::refuse;
use crate::error::Failure;
use crate::sessions::children::Program;
use crate::sessions::config::Route;
use crate::sockets::Address;

pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The way that `--forward` gives. The family and the socket options are those of both sides.
pub(super) fn forward(args: &ServeArgs, address: &str) -> Result<Route, Failure> {
    let address: Address = address.parse()?;
    address.check_connect()?;
    if matches!(address, Address::Fd(_)) {
        return Err(refuse("--forward", "an inherited connection serves one client only"));
    }
    Ok(Route {
        address,
        bind: None,
        net: net(&args.stream.run, &args.stream.family)?,
        timeout: args.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
        negotiated: None,
    })
}

/// The program that each client gets.
pub(super) fn served_by(args: &ServeArgs, command: &str) -> Result<Program, Failure> {
    program(command, args.sh)
}

/// The program that the one connection gets.
pub(super) fn connected_to(args: &ConnectArgs) -> Result<Option<Program>, Failure> {
    let Some(command) = &args.exec else { return Ok(None) };
    program(command, args.sh).map(Some)
}

/// A command line as a shell reads it, or for a shell.
fn program(command: &str, shell: bool) -> Result<Program, Failure> {
    if shell {
        return Ok(Program::shell(command));
    }
    let words = shell_words::split(command)
        .map_err(|error| refuse("--exec", format!("{error} in {command:?}")))?;
    Program::new(words.into_iter().map(Into::into))
        .ok_or_else(|| refuse("--exec", "there is no word in it to name a program"))
}
