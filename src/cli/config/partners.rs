//! What connections are relayed to: `--forward`, and what cannot go with it.

use std::time::Duration;

use super::{NOT_IP, family_of, refuse, refuse_any, socket_options};
use crate::cli::args::{OnPeerClose, ServeArgs, StreamArgs};
use crate::error::Failure;
use crate::framing::Framing;
use crate::protocol::access::Access;
use crate::protocol::output::Output;
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
    let slow = [(args.slow.is_some(), "--slow"), (args.slow_after.is_some(), "--slow-after")];
    refuse_any(&slow, "whoever sends to a slow side of a relay is read no faster")?;
    check_relayed(&args.stream)?;
    Ok(Route {
        address,
        bind: None,
        family: family_of(&args.stream.family),
        options: socket_options(&args.stream.run.socket_option)?,
        timeout: args.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
    })
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
