//! `tcp-connect`: a console, stdin and one connection on a loop.

use super::{broken_loop, event_loop, replay};
use crate::error::{Failure, Status};
use crate::report::Reporter;
use crate::sessions::config::Connect;
use crate::sessions::{ConnectSession, Console, Feed, Session};

pub(super) fn run(mut config: Connect) -> Result<Status, Failure> {
    if let Some(replay) = config.replay.take() {
        return replay::connect(config, &replay);
    }
    let mut event_loop = event_loop(&config.common)?;
    let pool = event_loop.pool();
    // A probe hands over to its command; elsewhere the two run side by side.
    let scripting = &mut config.common.helpers;
    let successor = if config.probe { scripting.command.take() } else { None };
    let common = &config.common;
    let (reporter, talks) =
        (Reporter::new(common.output.report.clone()), !config.probe && config.exec.is_none());
    let console = Console::open(pool, reporter, common.output.form, talks)?;
    let feed = Feed::open(pool, common)?;
    let mut session = ConnectSession::new(pool, config, console, feed);
    session.start(pool);
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    match successor {
        Some(program) if session.status() == Status::Done => Err(session.hand_over(&program)),
        _ => Ok(session.status()),
    }
}
