//! The configurations of the datagram commands.

use std::net::SocketAddr;

use super::{
    as_usize, check_stdin_takers, family_of, goal, helpers, input, limits, net, output, replay,
};
use crate::cli::args::{
    FamilyArgs, InputArgs, InputForm, ListenerArgs, McastJoinArgs, McastSendArgs, SenderArgs,
    UdpListenArgs, UdpSendArgs,
};
use crate::cli::rules::{ONE_PURPOSE, refuse};
use crate::cli::text;
use crate::error::Failure;
use crate::framing::{Framing, Input};
use crate::multicast::GroupAddress;
use crate::protocol::access::Access;
use crate::protocol::output::Written;
use crate::protocol::pacer::Rate;
use crate::protocol::probe::Probe;
use crate::protocol::relay::Rules;
use crate::report::Settings;
use crate::sessions::config::{
    self, Common, InputSource, Listen, McastJoin, McastSend, Send, Test, To, UdpListen, UdpSend,
    Wire,
};
use crate::sockets::{Address, Family, Host, Purpose, resolve};
use crate::sys::mmsg::MAX_PAYLOAD;

const DEFAULT_ANSWER: std::time::Duration = std::time::Duration::from_secs(1);
const PROBE_SIZE: u64 = 100;
const PROBE_RATE: Rate = Rate::Messages(10.0);
/// Each message is a datagram.
const DATAGRAMS: Wire =
    Wire { datagrams: true, framing: Framing::None, max: MAX_PAYLOAD, keep_cr: false, crlf: false };

/// The configuration of `udp-send`.
///
/// # Errors
/// A bad address, or options that cannot apply.
pub fn udp_send(args: &UdpSendArgs, report: Settings) -> Result<UdpSend, Failure> {
    let addresses = parse_all(&args.addresses)?;
    addresses.iter().try_for_each(Address::check_connect)?;
    Ok(UdpSend {
        net: net(&args.sender.run, &args.family)?,
        send: send(&args.sender, report, None)?,
        addresses,
        bind: bind(&args.sender)?,
        broadcast: args.broadcast,
    })
}

/// The configuration of `udp-listen`.
///
/// # Errors
/// A bad address, options that cannot apply, a TEXT that cannot be read.
pub fn udp_listen(args: &UdpListenArgs, report: Settings) -> Result<UdpListen, Failure> {
    let addresses = parse_all(&args.addresses)?;
    let to = match args.to.as_deref() {
        Some("last") | None => To::Last,
        Some("all") => To::All,
        Some(address) => To::Address(peer_address(address, family_of(&args.family))?),
    };
    let typed = &args.input;
    check_stdin_takers(typed.send.iter().chain(&args.listener.reply))?;
    let reads_stdin = !typed.no_stdin && typed.send.is_empty();
    if text::takes_stdin(args.listener.reply.as_deref()) && reads_stdin {
        return Err(refuse("@-", ONE_PURPOSE));
    }
    let net = net(&args.listener.run, &args.family)?;
    let source = datagram_input(&args.input)?;
    let replay = replay::datagrams(&args.replay, &args.listener.run)?;
    let source = if replay.is_some() { InputSource::Nothing } else { source };
    let heard = Heard { to, first_peer: args.first_peer };
    Ok(UdpListen { listen: listen(&args.listener, report, source, heard)?, net, addresses, replay })
}

/// The configuration of `mcast-join`.
///
/// # Errors
/// A bad group, options that cannot apply, a TEXT that cannot be read.
pub fn mcast_join(args: &McastJoinArgs, report: Settings) -> Result<McastJoin, Failure> {
    let groups = parse_groups(&args.groups)?;
    let net = net(&args.listener.run, &FamilyArgs::default())?;
    let commands = |form| InputSource::Commands { form, chomp: true };
    let source = args.input.map_or(InputSource::Nothing, commands);
    let heard = Heard { to: To::Last, first_peer: false };
    let listen = listen(&args.listener, report, source, heard)?;
    Ok(McastJoin { listen, net, groups, rejoin: args.rejoin })
}

/// The configuration of `mcast-send`.
///
/// # Errors
/// A bad group, or options that cannot apply.
pub fn mcast_send(args: &McastSendArgs, report: Settings) -> Result<McastSend, Failure> {
    let groups = parse_groups(&args.groups)?;
    groups.iter().try_for_each(GroupAddress::check_send)?;
    let test = args.test.then(|| test(args)).transpose()?;
    Ok(McastSend {
        net: net(&args.sender.run, &FamilyArgs::default())?,
        send: send(&args.sender, report, test)?,
        groups,
        bind: bind(&args.sender)?,
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
    let (rate, count) = (args.sender.rate.unwrap_or(PROBE_RATE), args.sender.repeat);
    Ok(Test { size, rate, count, duration: args.duration })
}

fn parse_all(texts: &[String]) -> Result<Vec<Address>, Failure> {
    Ok(texts.iter().map(|text| text.parse()).collect::<Result<_, _>>()?)
}

fn parse_groups(texts: &[String]) -> Result<Vec<GroupAddress>, Failure> {
    Ok(texts.iter().map(|text| text.parse()).collect::<Result<_, _>>()?)
}

/// One address of a peer, given as `HOST:PORT`.
fn peer_address(text: &str, family: Family) -> Result<SocketAddr, Failure> {
    let wrong = || refuse("--to", "use last, all, or an address such as 10.0.0.5:5000");
    match text.parse().map_err(|_| wrong())? {
        Address::Inet { host, port } if !matches!(host, Host::Any) => {
            let all = resolve::resolve(&host, port, family, Purpose::Connect)?;
            all.first().copied().ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

fn bind(args: &SenderArgs) -> Result<Option<Address>, Failure> {
    let bind = args.bind.as_deref().map(Address::parse_bind).transpose()?;
    match bind {
        Some(Address::Inet { .. }) | None => Ok(bind),
        Some(_) => Err(refuse("--bind", "it takes an IP address and port, such as 10.0.0.5:0")),
    }
}

fn send(args: &SenderArgs, report: Settings, test: Option<Test>) -> Result<Send, Failure> {
    // Whoever waits for an answer, counts them, or looks for something in them, wants to hear them.
    let run = &args.run;
    let wants_answers = run.wait.is_some() || run.count.is_some() || run.expect.is_some();
    let reply = args.reply.or(wants_answers.then_some(DEFAULT_ANSWER));
    let source = datagram_input(&args.input)?;
    let source = if test.is_some() { InputSource::Nothing } else { source };
    let common = Common {
        limits: limits(run, None, None),
        goal: goal(run),
        input: config::Input { source, rate: args.rate },
        output: output(run, Written::Raw, report, args.progress),
        wire: DATAGRAMS,
        rules: Rules::default(),
        helpers: helpers(run)?,
    };
    Ok(Send { common, repeat: args.repeat.unwrap_or(1), reply, test })
}

/// Whom a listener hears, and answers.
struct Heard {
    to: To,
    first_peer: bool,
}

fn listen(
    args: &ListenerArgs,
    report: Settings,
    source: InputSource,
    heard: Heard,
) -> Result<Listen, Failure> {
    if args.interval.is_some_and(|interval| interval.is_zero()) {
        return Err(refuse("--interval", "it must be longer than 0"));
    }
    Ok(Listen {
        common: Common {
            limits: limits(&args.run, args.idle_timeout, None),
            goal: goal(&args.run),
            input: config::Input { source, rate: None },
            output: output(&args.run, Written::Raw, report, false),
            wire: DATAGRAMS,
            rules: Rules::default(),
            helpers: helpers(&args.run)?,
        },
        to: heard.to,
        reply: args.reply.as_deref().map(text::read).transpose()?,
        first_peer: heard.first_peer,
        access: Access { allow: args.allow.clone(), deny: args.deny.clone() },
        stats: args.stats,
        interval: args.interval,
        sequence: args.seq,
        max_loss: args.max_loss,
    })
}

/// How stdin becomes datagrams.
fn datagram_input(args: &InputArgs) -> Result<InputSource, Failure> {
    if let Some(InputForm::Messages(Input::Fixed(size))) = args.input
        && size > MAX_PAYLOAD
    {
        let cause = format!("a datagram holds {MAX_PAYLOAD} bytes at most");
        return Err(refuse(&format!("fixed:{size}"), cause));
    }
    let source = input(args, Input::Line)?;
    let texts = if let InputSource::Texts(texts) = &source { texts.as_slice() } else { &[] };
    match texts.iter().find(|text| text.len() > MAX_PAYLOAD) {
        Some(text) => {
            let cause =
                format!("{} bytes are more than a datagram holds ({MAX_PAYLOAD})", text.len());
            Err(refuse("--send", cause))
        }
        None => Ok(source),
    }
}
