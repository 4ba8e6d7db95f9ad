//! `mcast-send`: stdin, or probes, to groups.

use std::time::Duration;

use clap::Args;

use super::args::{ReportArgs, as_usize, parse_all};
use super::datagram::{SenderArgs, bind, first_address, send};
use super::launch::Launch;
use super::names::to_listen_on;
use super::rules::refuse;
use crate::error::{Failure, Status};
use crate::event_loop::Id;
use crate::multicast::{GroupAddress, GroupOptions, Interface, interfaces, open_sender};
use crate::protocol::pacer::Rate;
use crate::protocol::probe::Probe;
use crate::report::Settings;
use crate::sessions::config::{McastSend, Test};
use crate::sessions::datagrams::{DatagramSession, Destination, SendService, by_interface};
use crate::sockets::datagram::DatagramSocket;
use crate::sockets::{Address, Family, Purpose};
use crate::sys::mmsg::MAX_PAYLOAD;
use crate::values::{parse_duration, parse_nonzero_size};

const PROBE_SIZE: u64 = 100;
const PROBE_RATE: Rate = Rate::Messages(10.0);

/// `mcast-send`
#[derive(Args, Clone, Debug)]
pub struct McastSendArgs {
    /// Which groups to send to
    #[arg(value_name = "GROUP", required = true)]
    pub groups: Vec<String>,
    /// What both senders take.
    #[command(flatten)]
    pub sender: SenderArgs,
    /// How many routers may pass it on [default: 1, none]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..), help_heading = "Groups")]
    pub ttl: Option<u8>,
    /// Do not let this machine hear it
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
    /// How events are told.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// The configuration of `mcast-send`.
///
/// # Errors
/// A bad group, or options that cannot apply.
#[cold]
pub(super) fn config(args: &McastSendArgs, report: Settings) -> Result<McastSend, Failure> {
    let groups: Vec<GroupAddress> = parse_all(&args.groups)?;
    groups.iter().try_for_each(GroupAddress::check_send)?;
    let test = args.test.then(|| test(args)).transpose()?;
    let bind = bind(&args.sender)?;
    if matches!(bind, Some(Address::Unix(_))) {
        return Err(refuse("--bind", "it takes an IP address and port, such as 10.0.0.5:0"));
    }
    Ok(McastSend {
        net: args.sender.run.net(Family::Any)?,
        send: send(&args.sender, report, test)?,
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
    launch.look_up(&config.send.common, false, names)?;
    let (mut senders, mut to) = (Senders::default(), Vec::new());
    let interfaces = interfaces::list()?;
    let to_whom = config.groups.first().map(first_address).unwrap_or_default();
    for group in &config.groups {
        senders.open(&mut launch, &config, group, &interfaces, &mut to)?;
    }
    let (console, input) = launch.streams(&config.send.common, config.send.reply.is_some())?;
    let pool = launch.pool();
    let mut session = SendService::session(pool, config.send, console, input, to, None);
    launch.begin(&mut session, DatagramSession::start);
    session.ready_for(launch.pool(), &senders.locals, &to_whom);
    launch.run(&mut session)
}

/// One socket an interface and family, however many groups are sent to by it.
#[derive(Default)]
struct Senders {
    open: Vec<(u32, bool, Id)>,
    /// Their own addresses.
    locals: Vec<String>,
}

impl Senders {
    fn open(
        &mut self,
        launch: &mut Launch,
        config: &McastSend,
        group: &GroupAddress,
        interfaces: &[Interface],
        to: &mut Vec<Destination>,
    ) -> Result<(), Failure> {
        for (membership, title) in by_interface(group, interfaces)? {
            // IP_MULTICAST_LOOP is about a copy that the kernel makes for members on this machine.
            // What leaves by lo comes back in by itself.
            if config.no_loop && membership.interface.loopback {
                let name = &membership.interface.name;
                let text = format!("--no-loop does nothing on {name}, which is this machine");
                launch.warn_of_options(vec![text]);
            }
            let (index, is_v6) = (membership.interface.index, membership.group.is_ipv6());
            // The interface is an option of the socket (IP_MULTICAST_IF), so all groups that leave
            // by one share a socket.
            let known = self.open.iter().find(|(i, v6, _)| (*i, *v6) == (index, is_v6));
            let id = match known {
                Some((_, _, id)) => *id,
                None => {
                    let options = sender_options(launch, config, is_v6)?;
                    let (socket, warnings) =
                        open_sender(membership.group, &membership.interface, &options)?;
                    launch.warn_of_options(warnings);
                    let local = socket.local_addr().ok().and_then(|local| local.as_socket());
                    self.locals.extend(local.map(|local| local.to_string()));
                    let id = launch.pool().add_datagrams(DatagramSocket::from(socket)).map_err(
                        |error| Failure::io(Status::Local, "send to", title.clone(), &error),
                    )?;
                    self.open.push((index, is_v6, id));
                    id
                }
            };
            let address = membership.socket_address(group.port);
            to.push(Destination::new(vec![(id, Some(address))], title));
        }
        Ok(())
    }
}

fn sender_options(
    launch: &Launch,
    config: &McastSend,
    is_v6: bool,
) -> Result<GroupOptions, Failure> {
    let bind = match &config.bind {
        Some(address) => {
            let all = launch.names.addresses(address, config.net.family, Purpose::Listen)?;
            // An address of the other family goes on, and `open_sender` refuses it with its cause.
            all.iter().find(|address| address.is_ipv6() == is_v6).or(all.first()).copied()
        }
        None => None,
    };
    Ok(GroupOptions {
        ttl: config.ttl.unwrap_or(1),
        loopback: !config.no_loop,
        bind,
        options: config.net.options.clone(),
    })
}
