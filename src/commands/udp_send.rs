//! `udp-send`: stdin as datagrams, and their answers.

use clap::Args;
use std::ffi::OsString;

use super::args::{FamilyArgs, ReportArgs, parse_addresses};
use super::datagram::{SenderArgs, bind, check_named, data_to, is_commanded, send};
use super::launch::Launch;
use super::rules::refuse;
use crate::error::{Failure, Status};
use crate::report::Settings;
use crate::sessions::config::UdpSend;
use crate::sessions::datagrams::{
    CommandSendService, DatagramSession, Opener, SendService, UdpOutlets,
};
use crate::sockets::Address;
use crate::sockets::datagram::Reach;

/// `udp-send`
#[derive(Args, Clone, Debug)]
pub struct UdpSendArgs {
    /// Where to send to; with --input commands or json each command may name another
    #[arg(value_name = "ADDR", required_unless_present = "input")]
    pub addresses: Vec<OsString>,
    /// What both senders take.
    #[command(flatten)]
    pub sender: SenderArgs,
    /// Which addresses of a name count.
    #[command(flatten)]
    pub family: FamilyArgs,
    /// Print answers from any address and port, such as those of TFTP
    #[arg(long, help_heading = "Answers")]
    pub any_source: bool,
    /// Allow broadcast addresses; answers may come from any address
    #[arg(long, help_heading = "Sockets")]
    pub broadcast: bool,
    /// How events are reported.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// The configuration of `udp-send`.
///
/// # Errors
/// A bad address, or options that cannot apply.
#[cold]
pub(super) fn config(args: &UdpSendArgs, report: Settings) -> Result<UdpSend, Failure> {
    let addresses: Vec<Address> = parse_addresses(&args.addresses)?;
    addresses.iter().try_for_each(Address::check_connect)?;
    let bind = bind(&args.sender)?;
    if let Some(bind) = &bind {
        check_bind(bind, &addresses)?;
    }
    let send = send(&args.sender, report, None)?;
    check_named(!addresses.is_empty(), "ADDR", &send)?;
    Ok(UdpSend {
        net: args.sender.run.net(args.family.family())?,
        send,
        addresses,
        bind,
        reach: Reach { broadcast: args.broadcast, any_source: args.any_source },
    })
}

/// A socket file is one socket, and each address has one of its own.
fn check_bind(bind: &Address, addresses: &[Address]) -> Result<(), Failure> {
    let refused = |why: String| refuse("--bind", why);
    addresses.iter().try_for_each(|to| bind.check_bound(to)).map_err(refused)?;
    match (bind, addresses) {
        (Address::Unix(_), [_, _, ..]) => {
            Err(refuse("--bind", "a unix name is for one socket, and each ADDR has its own"))
        }
        _ => Ok(()),
    }
}

#[cold]
pub(super) fn run(config: UdpSend) -> anyhow::Result<Status> {
    let send = config.send.clone();
    let mut launch = Launch::new(&send.common)?;
    let (console, input) = launch.streams(&send.common, data_to(&send))?;
    let pool = launch.pool();
    let mut session = if is_commanded(&send) {
        let takes_all = !config.reach.is_connected();
        let outlets = UdpOutlets::new(config);
        CommandSendService::udp_session(pool, send, console, input, outlets, takes_all)
    } else {
        let opener = Some(Opener::new(config));
        SendService::session(pool, send, console, input, Vec::new(), opener)
    };
    launch.begin(&mut session, DatagramSession::start);
    launch.run(&mut session)
}
