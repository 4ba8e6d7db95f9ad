//! `echo --ping`: a probe of an echo server.

use std::time::Duration;

use super::args::as_usize;
use super::echo::EchoArgs;
use super::launch::Launch;
use super::rules::refuse;
use super::stream::CONNECT_TIMEOUT;
use crate::error::{Failure, Status};
use crate::framing::Framing;
use crate::protocol::output::Written;
use crate::protocol::ping::LEAST;
use crate::report::Settings;
use crate::sessions::config::{Goal, Ping, Route, RouteOptions, Wire};
use crate::sessions::{DataTo, PingService};
use crate::sockets::{Address, AddressError};
use crate::sys::mmsg::MAX_PAYLOAD;

const COUNT: u64 = 10;
const SIZE: u64 = 56;
const INTERVAL: Duration = Duration::from_secs(1);
/// The largest probe on a stream.
const LARGEST: usize = 16 << 20;

/// The configuration of `echo --ping`.
///
/// # Errors
/// A bad address, or options that cannot apply.
#[cold]
pub(super) fn config(args: &EchoArgs, report: Settings) -> Result<Ping, Failure> {
    let [text] = args.addresses.as_slice() else {
        return Err(refuse("--ping", "it takes the one address to probe"));
    };
    let address: Address = match text.as_os_str().try_into() {
        Err(AddressError::Group(_)) => {
            return Err(refuse(
                &text.to_string_lossy(),
                "a group has many answers: probe one of its members",
            ));
        }
        other => other?,
    };
    address.check_connect()?;
    let conns = as_usize(args.conns.unwrap_or(1));
    if matches!(address, Address::Fd(_)) && conns > 1 {
        return Err(refuse("--conns", "an inherited socket can be used once"));
    }
    let largest = if args.udp { MAX_PAYLOAD } else { LARGEST };
    let size = as_usize(args.size.unwrap_or(SIZE));
    if !(LEAST..=largest).contains(&size) {
        return Err(refuse("--size", format!("a probe has {LEAST} to {largest} bytes")));
    }
    let net = args.run.net(args.family.family())?;
    let wire = Wire { datagrams: args.udp, ..Wire::of_stream(Framing::None, size) };
    let mut common = args.run.common(report, Written::Raw, wire)?;
    // --count is that of the probes.
    common.goal = Goal::default();
    net.options.check_connect()?;
    let timeout = args.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
    let via = args.via.chain(&mut common)?;
    #[cfg_attr(not(feature = "tls"), expect(unused_mut))]
    let mut options = RouteOptions { net, timeout, via, ..RouteOptions::default() };
    options.check(&address).map_err(|(option, why)| refuse(option, why))?;
    #[cfg(feature = "tls")]
    if let Some(name) = args.tls.client.name() {
        let to = (&mut options, &mut common);
        args.tls.trust.apply(name, &args.tls.identity, std::slice::from_ref(&address), to)?;
    }
    Ok(Ping {
        common,
        route: Route { address, options },
        datagrams: args.udp,
        count: args.run.count.unwrap_or(COUNT),
        interval: args.interval.unwrap_or(INTERVAL),
        size,
        conns,
        max_loss: args.max_loss.unwrap_or(0.0),
    })
}

#[cold]
pub(super) fn run(config: Ping) -> anyhow::Result<Status> {
    crate::sys::process::raise_descriptor_limit();
    let mut launch = Launch::new(&config.common)?;
    let (console, input) = launch.streams(&config.common, DataTo::Elsewhere)?;
    let mut session = PingService::session(launch.pool(), config, console, input);
    session.start(launch.pool());
    launch.run(&mut session)
}
