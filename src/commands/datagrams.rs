//! What the datagram commands share on the way to their sessions.

use crate::error::Failure;
use crate::event_loop::Pool;
use crate::kind::Kind;
use crate::report::Reporter;
use crate::sessions::config::{Common, Send};
use crate::sessions::datagrams::{SendSession, SendTo};
use crate::sessions::{Console, Feed, Session};

/// stdout and stdin of a datagram command.
pub(super) fn streams(
    pool: &mut Pool,
    common: &Common,
    uses_stdout: bool,
) -> Result<(Console, Feed), Failure> {
    let reporter = Reporter::new(common.output.report.clone());
    let console = Console::open(pool, reporter, common.output.form, uses_stdout)?;
    let feed = Feed::open(pool, common)?;
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
    let mut session = SendSession::to_destinations(pool, config, console, feed, to, None);
    for warning in warnings {
        session.warn(pool, Kind::SocketOption, warning);
    }
    session.report_listening(pool, &[]);
    Ok(session)
}
