//! `tcp-connect`: a console, stdin and one connection on a loop.

use super::{broken_loop, event_loop};
use crate::error::{Failure, Status};
use crate::report::Reporter;
use crate::sessions::config::Connect;
use crate::sessions::{ConnectSession, Console, Feed};

pub(super) fn run(config: Connect) -> Result<Status, Failure> {
    let mut event_loop = event_loop()?;
    let pool = event_loop.pool();
    let common = &config.common;
    let (reporter, talks) =
        (Reporter::new(common.report.clone()), !config.probe && config.exec.is_none());
    let console = Console::open(pool, reporter, common.output, talks)?;
    let feed = Feed::open(pool, common, talks)?;
    let mut session = ConnectSession::new(pool, config, console, feed);
    session.start(pool);
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
}
