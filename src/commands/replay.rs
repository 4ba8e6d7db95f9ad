//! `--replay`: the same sockets as ever, with a session that plays a recording on them.

use super::{broken_loop, datagrams, event_loop, udp};
use crate::error::{Failure, Status};
use crate::event_loop::Pool;
use crate::kind::Kind;
use crate::report::Reporter;
use crate::sessions::config::{Common, Connect, Replay, UdpListen};
use crate::sessions::datagrams::ReplayListenSession;
use crate::sessions::replay::ReplaySession;
use crate::sessions::{Console, Feed, Session};

pub(super) fn connect(config: Connect, replay: &Replay) -> Result<Status, Failure> {
    let mut event_loop = event_loop(&config.common)?;
    let pool = event_loop.pool();
    let (console, feed) = streams(pool, &config.common)?;
    let mut session = ReplaySession::connect(pool, config, replay, console, feed);
    session.start(pool);
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
}

pub(super) fn listen(config: &UdpListen, replay: &Replay) -> Result<Status, Failure> {
    let common = &config.listen.common;
    let mut event_loop = event_loop(common)?;
    let pool = event_loop.pool();
    let udp::Listening { locals, sockets, warnings, guards: _guards } = udp::open(pool, config)?;
    let (console, feed) = datagrams::streams(pool, common, true)?;
    let ids = sockets.iter().map(|socket| socket.id);
    let mut session = ReplayListenSession::on_sockets(common.clone(), replay, console, feed, ids);
    session.report_listening(pool, &locals);
    warnings.iter().for_each(|text| session.warn(pool, Kind::SocketOption, text));
    session.start(pool);
    let locals: Vec<String> = locals.into_iter().map(|(_, local)| local).collect();
    session.ready(pool, &locals);
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
}

/// stdout, and no stdin.
fn streams(pool: &mut Pool, common: &Common) -> Result<(Console, Feed), Failure> {
    let reporter = Reporter::new(common.output.report.clone());
    let console = Console::open(pool, reporter, common.output.form, true)?;
    Ok((console, Feed::open(pool, common)?))
}
