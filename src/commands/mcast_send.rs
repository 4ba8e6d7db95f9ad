//! `mcast-send`: stdin, or probes, to groups.

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;

use super::args::{ReportArgs, as_usize, parse_all};
use super::datagram::{
    SenderArgs, behind_equals, bind, check_named, data_to, first_address, is_commanded, send,
};
use super::launch::Launch;
use super::names::{Side, to_listen_on};
use super::rules::refuse;
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::multicast::{GroupAddress, GroupOptions, interfaces};
use crate::protocol::pacer::Rate;
use crate::protocol::probe::Probe;
use crate::report::Settings;
use crate::sessions::config::{McastSend, Test};
use crate::sessions::datagrams::{
    CommandSendService, DatagramSession, Destination, GroupOutlet, GroupOutlets, GroupSenders,
    SendService,
};
use crate::sockets::{Address, Family, Purpose};
use crate::sys::mmsg::MAX_PAYLOAD;
use crate::values::{parse_duration, parse_nonzero_size};

const PROBE_SIZE: u64 = 100;
const PROBE_RATE: Rate = Rate::Messages(10.0);

/// `mcast-send`
#[derive(Args, Clone, Debug)]
pub struct McastSendArgs {
    /// Which groups to send to; with --input commands or json each command may name another
    #[arg(value_name = "GROUP", required_unless_present = "input")]
    pub groups: Vec<String>,
    /// What both senders take.
    #[command(flatten)]
    pub sender: SenderArgs,
    /// How many routers may pass it on [default: 1, none]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..), help_heading = "Groups")]
    pub ttl: Option<u8>,
    /// Do not deliver it to this machine
    #[arg(long, help_heading = "Groups")]
    pub no_loop: bool,
    /// Send probes with a sequence number and a time stamp, not stdin
    #[arg(long, help_heading = "Probes")]
    pub test: bool,
    /// Bytes of a probe [default: 100]
    #[arg(long, value_name = "SIZE", value_parser = parse_nonzero_size, requires = "test", help_heading = "Probes")]
    pub size: Option<u64>,
    /// How long to send probes
    #[arg(long, value_name = "D", value_parser = parse_duration, requires = "test", help_heading = "Probes")]
    pub duration: Option<Duration>,
    /// How events are reported.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// The configuration of `mcast-send`.
///
/// # Errors
/// A bad group, or options that cannot apply.
#[cold]
pub(super) fn config(args: &McastSendArgs, report: Settings) -> Result<McastSend, Failure> {
    let groups: Vec<GroupAddress> =
        parse_all(&args.groups).map_err(|wrong| match args.groups.first() {
            Some(first) if args.sender.reply.is_some() && parse_duration(first).is_ok() => {
                wrong.fix(behind_equals(first))
            }
            _ => wrong,
        })?;
    groups.iter().try_for_each(GroupAddress::check_send)?;
    let test = args.test.then(|| test(args)).transpose()?;
    let bind = bind(&args.sender)?;
    if matches!(bind, Some(Address::Unix(_))) {
        return Err(refuse("--bind", "it takes an IP address and port, such as 10.0.0.5:0"));
    }
    let send = send(&args.sender, report, test)?;
    check_named(!groups.is_empty(), "GROUP", &send)?;
    Ok(McastSend {
        net: args.sender.run.net(Family::Any)?,
        send,
        groups,
        bind,
        ttl: args.ttl,
        no_loop: args.no_loop,
    })
}

fn test(args: &McastSendArgs) -> Result<Test, Failure> {
    let size = as_usize(args.size.unwrap_or(PROBE_SIZE));
    if !(Probe::SIZE..=MAX_PAYLOAD).contains(&size) {
        let cause = format!("a probe has {} to {MAX_PAYLOAD} bytes", Probe::SIZE);
        return Err(refuse("--size", cause));
    }
    let (rate, count) = (args.sender.pace.rate.unwrap_or(PROBE_RATE), args.sender.repeat);
    Ok(Test { size, rate, count, duration: args.duration })
}

#[cold]
pub(super) fn run(config: McastSend) -> anyhow::Result<Status> {
    let mut launch = Launch::new(&config.send.common)?;
    let names = to_listen_on(&config.bind, config.net.family);
    launch.look_up(&config.send.common, Side::Client, names)?;
    let interfaces = interfaces::list()?;
    let to_whom = config.groups.first().map(first_address).unwrap_or_default();
    let mut senders = senders(&launch, &config)?;
    let mut outlets = Vec::new();
    for group in &config.groups {
        outlets.extend(senders.open(launch.pool(), group, &interfaces)?);
    }
    launch.warn_of_options(std::mem::take(&mut senders.warnings));
    let locals = std::mem::take(&mut senders.locals);
    launch.warnings.extend(endless(&config).map(|text| (Kind::Waiting, text)));
    let (console, input) = launch.streams(&config.send.common, data_to(&config.send))?;
    let pool = launch.pool();
    let mut session = if is_commanded(&config.send) {
        let outlets = GroupOutlets::new(senders, outlets);
        CommandSendService::group_session(pool, config.send, console, input, outlets)
    } else {
        let to = outlets.into_iter().map(destination).collect();
        SendService::session(pool, config.send, console, input, to, None)
    };
    launch.begin(&mut session, DatagramSession::start);
    session.ready_for(launch.pool(), &locals, &to_whom);
    launch.run(&mut session)
}

/// What a person is to know of probes that go on and on.
fn endless(config: &McastSend) -> Option<String> {
    let test = config.send.test.as_ref()?;
    let is_endless = test.count.is_none() && test.duration.is_none();
    let is_shown = is_endless && io::stderr().is_terminal();
    let rate = match test.rate {
        Rate::Messages(count) => format!("{count}/s"),
        Rate::Bytes(count) => format!("{count} B/s"),
    };
    let text =
        format!("sending probes at {rate} until stopped (^C; --duration or --repeat sets an end)");
    is_shown.then_some(text)
}

fn destination(outlet: GroupOutlet) -> Destination {
    Destination::new(vec![(outlet.id, Some(outlet.address))], outlet.title)
}

/// The sockets to come, which send from what `--bind` means.
fn senders(launch: &Launch, config: &McastSend) -> Result<GroupSenders, Failure> {
    let binds = match &config.bind {
        Some(address) => launch.names.addresses(address, config.net.family, Purpose::Listen)?,
        None => Vec::new(),
    };
    let asked = GroupOptions {
        ttl: config.ttl.unwrap_or(1),
        loopback: !config.no_loop,
        bind: None,
        options: config.net.options.clone(),
    };
    Ok(GroupSenders::new(asked, binds))
}
