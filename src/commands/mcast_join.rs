//! `mcast-join`: what is sent to groups to stdout.

use std::time::Duration;

use clap::Args;

use super::args::{ReportArgs, parse_all};
use super::datagram::{ListenerArgs, UdpListenExtras, first_address, listen};
use super::launch::Launch;
use super::names::{Side, of_access};
use crate::error::{Failure, Status};
use crate::protocol::command::CommandForm;
use crate::report::Settings;
use crate::sessions::config::{InputSource, McastJoin};
use crate::sessions::datagrams::{Groups, ListenService, ListenSockets};
use crate::sessions::{DataTo, Session};
use crate::sockets::Family;
use crate::values::parse_duration;

/// `mcast-join`
#[derive(Args, Clone, Debug)]
pub struct McastJoinArgs {
    /// Which groups to join
    #[arg(value_name = "GROUP", required = true)]
    pub groups: Vec<String>,
    /// What both listeners take.
    #[command(flatten)]
    pub listener: ListenerArgs,
    /// Join all groups again every D, with new reports and no leave, and on an interface that was made
    /// anew
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Groups")]
    pub rejoin: Option<Duration>,
    /// Read commands from stdin: commands or json [default: stdin is not read]
    #[arg(long, value_name = "FORM", help_heading = "Input and output")]
    pub input: Option<CommandForm>,
    /// How events are reported.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// The configuration of `mcast-join`.
///
/// # Errors
/// A bad group, options that cannot apply, a TEXT that cannot be read.
#[cold]
pub(super) fn config(args: &McastJoinArgs, report: Settings) -> Result<McastJoin, Failure> {
    let groups = parse_all(&args.groups)?;
    let net = args.listener.run.net(Family::Any)?;
    let commands = |form| InputSource::Commands { form, chomp: true };
    let source = args.input.map_or(InputSource::Nothing, commands);
    let listen = listen(&args.listener, report, source, UdpListenExtras::default())?;
    Ok(McastJoin { listen, net, groups, rejoin: args.rejoin })
}

#[cold]
pub(super) fn run(mut config: McastJoin) -> anyhow::Result<Status> {
    // Each membership has a socket of its own, and one range may have 65,536 groups.
    crate::sys::process::raise_descriptor_limit();
    let mut launch = Launch::new(&config.listen.common)?;
    launch.look_up(&config.listen.common, Side::Server, of_access(&config.listen.access))?;
    launch.find_access(&mut config.listen.access)?;
    let groups = Groups::new(config.net.options.clone(), config.rejoin);
    let (console, input) = launch.streams(&config.listen.common, DataTo::Stdout)?;
    let sockets = ListenSockets { groups: Some(groups), ..ListenSockets::default() };
    let mut session = ListenService::session(config.listen, console, input, sockets);
    let pool = launch.pool();
    session.report_listening(pool, &[]);
    for group in &config.groups {
        session.join(pool, group)?;
    }
    session.start(pool);
    let locals: Vec<String> = config.groups.iter().map(first_address).collect();
    session.ready(pool, &locals);
    launch.run(&mut session)
}
