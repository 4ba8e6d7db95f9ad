//! What connections are relayed to: `--forward` and `--exec`, and what cannot go with them.

use std::time::Duration;

use super::{NOT_IP, net, refuse, refuse_any};
use crate::cli::args::{ConnectArgs, OnPeerClose, ServeArgs, StreamArgs};
use crate::error::Failure;
use crate::framing::Framing;
use crate::protocol::access::Access;
use crate::protocol::output::Output;
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
    check_served(args)?;
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
    check_served(args)?;
    program(command, args.sh)
}

/// The program that the one connection gets.
pub(super) fn connected_to(args: &ConnectArgs) -> Result<Option<Program>, Failure> {
    let Some(command) = &args.exec else { return Ok(None) };
    let (stream, cause) = (&args.stream, "with --exec stdin is not sent");
    let stdin = [
        (!stream.input.send.is_empty(), "--send"),
        (stream.input.input.is_some(), "--input"),
        (stream.input.chomp, "--chomp"),
        (stream.crlf, "--crlf"),
        (stream.rate.is_some(), "--rate"),
        (stream.keep_open, "--keep-open"),
        (stream.quit_after.is_some(), "--quit-after"),
    ];
    refuse_any(&stdin, cause)?;
    refuse_any(&[(args.reconnect, "--reconnect")], "--exec runs CMD for one connection")?;
    check_relayed(stream)?;
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

fn check_served(args: &ServeArgs) -> Result<(), Failure> {
    let slow = [(args.slow.is_some(), "--slow"), (args.slow_after.is_some(), "--slow-after")];
    refuse_any(&slow, "whoever sends to a slow side of a relay is read no faster")?;
    check_relayed(&args.stream)
}

/// Bytes that are relayed are no messages, and do not come by stdout.
fn check_relayed(stream: &StreamArgs) -> Result<(), Failure> {
    let looks =
        [(stream.frame != Framing::None, "--frame"), (stream.run.expect.is_some(), "--expect")];
    refuse_any(&looks, "what is relayed is passed on as it is")?;
    let written = matches!(stream.run.output, Some(Output::Written(_)));
    refuse_any(&[(written, "--output")], "nothing is written to stdout (json shows the events)")?;
    let leaves = stream.on_peer_close == OnPeerClose::Exit;
    refuse_any(&[(leaves, "--on-peer-close")], "a half-close is passed on to the other side")
}

/// Who is let in.
pub(super) fn access(args: &ServeArgs, has_ip: bool) -> Result<Access, Failure> {
    if !has_ip {
        let given = [(!args.allow.is_empty(), "--allow"), (!args.deny.is_empty(), "--deny")];
        refuse_any(&given, NOT_IP)?;
    }
    Ok(Access { allow: args.allow.clone(), deny: args.deny.clone() })
}
