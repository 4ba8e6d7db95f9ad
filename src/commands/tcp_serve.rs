//! `tcp-serve`: listeners, a console and stdin on a loop.

use super::{broken_loop, event_loop};
use crate::error::{Failure, Status};
use crate::event_loop::Pool;
use crate::kind::Kind;
use crate::report::Reporter;
use crate::sessions::config::{Handling, Serve};
use crate::sessions::{Console, Feed, Session, StreamSession};
use crate::sockets::{self, Listening};
use crate::sys;

pub(super) fn run(config: Serve) -> Result<Status, Failure> {
    let limit = sys::process::raise_descriptor_limit();
    if let Handling::Save(directory) = &config.handling {
        std::fs::create_dir_all(directory).map_err(|error| {
            Failure::io(Status::Local, "create", directory.display().to_string(), &error)
        })?;
    }
    let mut event_loop = event_loop(&config.common)?;
    let pool = event_loop.pool();
    let (listening, warnings) = listen(&config)?;
    let addresses: Vec<(&str, String)> =
        listening.iter().map(|one| (one.proto, one.local.clone())).collect();
    let mut session = open(pool, config, listening)?;
    session.report_listening(pool, &addresses);
    for warning in &warnings {
        session.warn(pool, Kind::SocketOption, warning);
    }
    session.limit_descriptors(limit);
    session.start(pool);
    let locals: Vec<String> = addresses.into_iter().map(|(_, local)| local).collect();
    session.ready(pool, &locals);
    event_loop.run(&mut session).map_err(|error| broken_loop(&error))?;
    Ok(session.status())
}

fn listen(config: &Serve) -> Result<(Vec<Listening>, Vec<String>), Failure> {
    let (mut all, mut warnings) = (Vec::new(), Vec::new());
    for address in &config.addresses {
        let net = &config.net;
        let (listening, said) = sockets::listen::listen(address, net.family, &net.options)?;
        all.extend(listening);
        warnings.extend(said);
    }
    warnings.dedup();
    Ok((all, warnings))
}

fn open(
    pool: &mut Pool,
    config: Serve,
    listening: Vec<Listening>,
) -> Result<StreamSession, Failure> {
    let listeners =
        listening.into_iter().map(|one| pool.add_listener(one)).collect::<Result<_, _>>()?;
    let common = &config.common;
    let reporter = Reporter::new(common.output.report.clone());
    let console =
        Console::open(pool, reporter, common.output.form, config.handling.writes_stdout())?;
    let feed = Feed::open(pool, common)?;
    StreamSession::serve(config, console, feed, listeners)
}
