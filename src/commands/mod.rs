//! The commands: configuration to sockets, session and loop, and the exit status that follows.

mod assets;
mod datagrams;
mod mcast;
mod ready;
mod tcp_connect;
mod tcp_serve;
mod udp;

use std::io::Write;
use std::time::SystemTime;

use crate::cli::{Cli, Command, config, datagram_config};
use crate::error::{Failure, Status};
use crate::event_loop::EventLoop;
use crate::protocol::output::Output;
use crate::report::{Event, Name, Reporter, Settings};

/// Runs what the command line asks for.
pub fn run(cli: &Cli) -> Status {
    match &cli.command {
        Command::TcpConnect(args) => {
            let settings = config::report(&cli.report, &args.report);
            let outcome = config::connect(args, settings.clone()).and_then(tcp_connect::run);
            conclude(outcome, settings, args.stream.output)
        }
        Command::TcpServe(args) => {
            let settings = config::report(&cli.report, &args.report);
            let outcome = config::serve(args, settings.clone()).and_then(tcp_serve::run);
            conclude(outcome, settings, args.stream.output)
        }
        Command::UdpSend(args) => {
            let settings = datagram_config::report(&cli.report, &args.sender.datagram);
            let outcome = datagram_config::udp_send(args, settings.clone()).and_then(udp::send);
            conclude(outcome, settings, args.sender.datagram.output)
        }
        Command::UdpListen(args) => {
            let settings = datagram_config::report(&cli.report, &args.listener.datagram);
            let outcome = datagram_config::udp_listen(args, settings.clone()).and_then(udp::listen);
            conclude(outcome, settings, args.listener.datagram.output)
        }
        Command::McastJoin(args) => {
            let settings = datagram_config::report(&cli.report, &args.listener.datagram);
            let outcome = datagram_config::mcast_join(args, settings.clone()).and_then(mcast::join);
            conclude(outcome, settings, args.listener.datagram.output)
        }
        Command::McastSend(args) => {
            let settings = datagram_config::report(&cli.report, &args.sender.datagram);
            let outcome = datagram_config::mcast_send(args, settings.clone()).and_then(mcast::send);
            conclude(outcome, settings, args.sender.datagram.output)
        }
        Command::Completions { shell } => assets::print(assets::completions(*shell)),
        Command::Man { command } => assets::print(assets::man(*command)),
    }
}

/// Tells a failure from before the session, which tells its own.
fn conclude(
    outcome: Result<Status, Failure>,
    settings: Settings,
    output: Option<Output>,
) -> Status {
    let failure = match outcome {
        Ok(status) => return status,
        Err(failure) => failure,
    };
    let reporter = Reporter::new(settings);
    let code = u32::from(failure.status.code());
    let events = [Event::error(&failure), Event::new(Name::Summary).code(code)];
    let mut lines = Vec::new();
    for event in &events {
        reporter.report(event);
        reporter.json_line(event, SystemTime::now(), &mut lines);
    }
    if output == Some(Output::Json) {
        // The status tells already that the run failed.
        let _ = std::io::stdout().write_all(&lines);
    }
    failure.status
}

/// A loop that hears signals.
fn event_loop() -> Result<EventLoop, Failure> {
    let fail = |error| Failure::io(Status::Local, "start", "the event loop", &error);
    let mut event_loop = EventLoop::new().map_err(fail)?;
    event_loop.watch_signals().map_err(fail)?;
    Ok(event_loop)
}

/// The poll failed, which nothing can mend.
fn broken_loop(error: &std::io::Error) -> Failure {
    Failure::io(Status::Local, "run", "the event loop", error)
}
