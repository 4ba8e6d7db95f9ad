//! What the datagram commands share on the way to their sessions.

use std::net::SocketAddr;

use crate::error::{Failure, Status};
use crate::event_loop::Pool;
use crate::report::Reporter;
use crate::sessions::config::{Common, Send};
use crate::sessions::datagram::{SendSession, SendTo};
use crate::sessions::{Console, Feed};
use crate::sockets::{Address, Family, Purpose, Target, resolve};

/// stdout and stdin of a datagram command.
pub(super) fn streams(
    pool: &mut Pool,
    common: &Common,
    uses_stdout: bool,
) -> Result<(Console, Feed), Failure> {
    let reporter = Reporter::new(common.report.clone());
    let console = Console::open(pool, reporter, common.output, uses_stdout)?;
    let feed = Feed::open(pool, common, true)?;
    Ok((console, feed))
}

/// A sender's session over open sockets.
pub(super) fn sender(
    pool: &mut Pool,
    config: Send,
    to: Vec<SendTo>,
    warnings: &[String],
) -> Result<SendSession, Failure> {
    let (console, feed) = streams(pool, &config.common, config.reply.is_some())?;
    let mut session = SendSession::new(pool, config, console, feed, to);
    for warning in warnings {
        session.warn(pool, warning);
    }
    Ok(session)
}

/// The address of `--bind` that fits the family of a target.
pub(super) fn local_for(
    bind: Option<&Address>,
    target: &Target,
    family: Family,
) -> Result<Option<SocketAddr>, Failure> {
    let (Some(Address::Inet { host, port }), Target::Tcp(target)) = (bind, target) else {
        return Ok(None);
    };
    let local = resolve::resolve(host, *port, family, Purpose::Listen)?;
    match local.iter().find(|address| address.is_ipv6() == target.is_ipv6()) {
        Some(address) => Ok(Some(*address)),
        None => Err(Failure::new(
            Status::Connect,
            "address-not-available",
            "send to",
            target.to_string(),
            "--bind gives no address of this family",
        )),
    }
}
