//! The commands: configuration to sockets, session and loop, and the exit status that follows.

mod assets;
mod chat;
mod datagrams;
mod echo;
mod mcast;
mod replay;
mod tcp_connect;
mod tcp_serve;
mod udp;

use std::io::Write;
use std::time::SystemTime;

use crate::cli::args::{ReportArgs, RunArgs};
use crate::cli::{Command, Parsed, config};
use crate::error::{Failure, Status};
use crate::event_loop::{EventLoop, SharedRecorder};
use crate::protocol::output::Output;
use crate::report::{Name, Notice, Reporter, Settings};
use crate::sessions::LastWords;
use crate::sessions::config::Common;
use crate::sessions::recorder::FileRecorder;

/// Runs what the command line asks for.
pub fn run(parsed: &Parsed) -> Status {
    match &parsed.cli.command {
        Command::TcpConnect(args) => start(parsed, &args.report, &args.stream.run, |report| {
            config::connect(args, report).and_then(tcp_connect::run)
        }),
        Command::TcpServe(args) => start(parsed, &args.report, &args.stream.run, |report| {
            config::serve(args, report).and_then(tcp_serve::run)
        }),
        Command::UdpSend(args) => start(parsed, &args.report, &args.sender.run, |report| {
            config::udp_send(args, report).and_then(udp::send)
        }),
        Command::UdpListen(args) => start(parsed, &args.report, &args.listener.run, |report| {
            config::udp_listen(args, report).and_then(udp::listen)
        }),
        Command::McastJoin(args) => start(parsed, &args.report, &args.listener.run, |report| {
            config::mcast_join(args, report).and_then(mcast::join)
        }),
        Command::McastSend(args) => start(parsed, &args.report, &args.sender.run, |report| {
            config::mcast_send(args, report).and_then(mcast::send)
        }),
        Command::Chat(args) => start(parsed, &args.report, &args.run, |report| {
            config::chat(args, report).and_then(chat::run)
        }),
        Command::Echo(args) => start(parsed, &args.report, &args.run, |report| match args.ping {
            true => config::ping(args, report).and_then(echo::ping),
            false => config::echo(args, report).and_then(echo::serve),
        }),
        Command::Completions { shell } => assets::print(assets::completions(*shell)),
        Command::Man { command } => assets::print(assets::man(*command)),
    }
}

/// Runs a command, and tells a failure from before the session, which tells its own.
fn start(
    parsed: &Parsed,
    report: &ReportArgs,
    args: &RunArgs,
    command: impl FnOnce(Settings) -> Result<Status, Failure>,
) -> Status {
    let settings = config::report(&parsed.cli.report, report);
    let failure = match parsed.check().and_then(|()| command(settings.clone())) {
        Ok(status) => return status,
        Err(failure) => failure,
    };
    let reporter = Reporter::new(settings);
    let code = u32::from(failure.status.code());
    let events = [Notice::error(&failure), Notice::new(Name::Summary).code(code)];
    let mut lines = Vec::new();
    for event in &events {
        reporter.json_line(event, SystemTime::now(), &mut lines);
    }
    report_alone(reporter, args, &events);
    if args.output == Some(Output::Json) {
        // The status tells already that the run failed.
        let _ = std::io::stdout().write_all(&lines);
    }
    failure.status
}

/// Tells events without a session, to hooks as well.
fn report_alone(reporter: Reporter, args: &RunArgs, events: &[Notice<'_>]) {
    let hooks = args.on.clone();
    let event_loop = if hooks.is_empty() { None } else { bare_event_loop().ok() };
    match event_loop {
        Some(mut event_loop) => {
            // There is nobody left to tell that this failed.
            let _ = LastWords::report(&mut event_loop, reporter, hooks, args.timeout, events);
        }
        None => events.iter().for_each(|event| reporter.report(event)),
    }
}

/// A loop that hears signals.
fn bare_event_loop() -> Result<EventLoop, Failure> {
    let fail = |error| Failure::io(Status::Local, "start", "the event loop", &error);
    let mut event_loop = EventLoop::new().map_err(fail)?;
    event_loop.watch_signals().map_err(fail)?;
    Ok(event_loop)
}

/// A loop that hears signals, and is recorded where that was asked for.
fn event_loop(common: &Common) -> Result<EventLoop, Failure> {
    let mut event_loop = bare_event_loop()?;
    if let Some(path) = &common.helpers.record {
        event_loop.pool().set_recorder(SharedRecorder::new(FileRecorder::create(path)?));
    }
    Ok(event_loop)
}

/// The poll failed, which nothing can mend.
fn broken_loop(error: &std::io::Error) -> Failure {
    Failure::io(Status::Local, "run", "the event loop", error)
}
