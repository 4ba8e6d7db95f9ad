//! The configurations of `echo`: a server, or with `--ping` a probe.

use std::time::Duration;

use bytes::Bytes;

use super::partners::CONNECT_TIMEOUT;
use super::{
    NOT_IP, as_usize, check_port_file, goal, helpers, limits, net, output, refuse, refuse_any,
    refuse_delay,
};
use crate::cli::args::EchoArgs;
use crate::cli::text;
use crate::error::Failure;
use crate::framing::{Deframer, Frame, Framing};
use crate::protocol::output::{Output, Written};
use crate::protocol::ping::LEAST;
use crate::protocol::relay::Rules;
use crate::report::Settings;
use crate::sessions::config::{Common, Echo, EchoPlace, Goal, Input, Ping, Route, Wire};
use crate::sockets::{Address, AddressError};
use crate::sys::mmsg::MAX_PAYLOAD;

const MAX_FRAME: u64 = 16 << 20;
const COUNT: u64 = 10;
const SIZE: u64 = 56;
const INTERVAL: Duration = Duration::from_secs(1);
/// The largest probe on a stream.
const LARGEST: usize = 16 << 20;

/// The configuration of `echo` as a server.
///
/// # Errors
/// A bad address, options that cannot apply, a TEXT that cannot be read.
pub fn echo(args: &EchoArgs, report: Settings) -> Result<Echo, Failure> {
    let given = [
        (args.interval.is_some(), "--interval"),
        (args.size.is_some(), "--size"),
        (args.conns.is_some(), "--conns"),
        (args.max_loss.is_some(), "--max-loss"),
        (args.connect_timeout.is_some(), "--connect-timeout"),
    ];
    refuse_any(&given, "it needs --ping")?;
    check_run(args)?;
    let places = places(args)?;
    check_kinds(args, &places)?;
    let (streams, datagrams) = (!args.udp, !args.tcp);
    let has_messages = [
        args.drop.is_some(),
        args.prefix.is_some(),
        args.quit_word.is_some(),
        args.stop_word.is_some(),
        args.run.count.is_some(),
    ];
    // Where an option speaks of messages, a stream needs some.
    let implied = if has_messages.contains(&true) { Framing::Line } else { Framing::None };
    let framing = args.frame.unwrap_or(if streams { implied } else { Framing::None });
    let (net, helpers) = (net(&args.run, &args.family)?, helpers(&args.run)?);
    // Bytes go back as they came.
    let max = as_usize(args.max_frame.unwrap_or(MAX_FRAME));
    let wire = Wire { datagrams: !streams, framing, max, keep_cr: true, crlf: false };
    let max_frame = (args.max_frame.is_some() && wire.framing == Framing::None, "--max-frame");
    refuse_any(&[max_frame], "a stream has no messages without a framing, such as --frame line")?;
    let prefix = args.prefix.as_deref().map(text::read).transpose()?.unwrap_or_default();
    let takes_prefix = !matches!(wire.framing, Framing::Fixed(_) | Framing::Obj);
    if !takes_prefix && !prefix.is_empty() {
        let cause = format!("no message of --frame {} can have one", wire.framing);
        return Err(refuse("--prefix", cause));
    }
    Ok(Echo {
        net,
        places,
        streams,
        datagrams,
        delay: args.delay.unwrap_or_default(),
        drop: args.drop.unwrap_or_default(),
        prefix,
        quit_word: word("--quit-word", args.quit_word.as_deref(), &wire)?,
        stop_word: word("--stop-word", args.stop_word.as_deref(), &wire)?,
        common: Common {
            limits: limits(&args.run, args.idle_timeout, None),
            goal: goal(&args.run),
            input: Input::default(),
            output: output(&args.run, Written::Raw, report, false),
            wire,
            rules: Rules::default(),
            helpers,
        },
    })
}

/// A word as it will come: in the form that the framing gives it.
fn word(option: &str, text: Option<&str>, wire: &Wire) -> Result<Option<Bytes>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let word = text::read(text)?;
    if word.is_empty() {
        return Err(refuse(option, "an empty word would be met by chance"));
    }
    let Some(framer) = wire.framer() else { return Ok(Some(word)) };
    let mut deframer = Deframer::new(framer);
    let (mut wire, mut comes) = (Vec::new(), None);
    deframer
        .encode(&word, &mut wire)
        .and_then(|()| {
            let deliver = &mut |frame: Frame<'_>| comes = Some(frame.payload.to_vec().into());
            deframer.feed(&wire, true, deliver)
        })
        .map_err(|error| refuse(option, format!("it never comes by --frame: {error}")))?;
    Ok(comes)
}

/// An echo server has nothing to write to stdout but events, and time is what it is about.
fn check_run(args: &EchoArgs) -> Result<(), Failure> {
    refuse_delay(&args.run, "no answer is to wait for the one before")?;
    match args.run.output {
        Some(Output::Written(_)) => {
            Err(refuse("--output", "echo writes no messages to stdout (json shows the events)"))
        }
        _ => Ok(()),
    }
}

fn places(args: &EchoArgs) -> Result<Vec<EchoPlace>, Failure> {
    if args.addresses.is_empty() {
        return Ok(vec![EchoPlace::Address("0".parse()?)]);
    }
    let place = |text: &String| match text.parse::<Address>() {
        Ok(address) => Ok(EchoPlace::Address(address)),
        Err(AddressError::Group(_)) => Ok(EchoPlace::Group(text.parse()?)),
        Err(error) => Err(error.into()),
    };
    args.addresses.iter().map(place).collect()
}

/// Options that speak of a kind of socket need one.
fn check_kinds(args: &EchoArgs, places: &[EchoPlace]) -> Result<(), Failure> {
    let addresses: Vec<Address> = places
        .iter()
        .filter_map(|place| match place {
            EchoPlace::Address(address) => Some(address.clone()),
            EchoPlace::Group(_) => None,
        })
        .collect();
    let has_groups = addresses.len() < places.len();
    if has_groups && args.tcp {
        return Err(refuse("--tcp", "a group is for datagrams"));
    }
    if addresses.len() == places.len() {
        check_port_file(&args.run, &addresses)?;
    }
    if !addresses.iter().any(|address| matches!(address, Address::Inet { .. })) {
        refuse_any(&[(args.family.v4, "-4"), (args.family.v6, "-6")], NOT_IP)?;
    }
    if args.udp || addresses.is_empty() {
        let given = [
            (args.frame.is_some(), "--frame"),
            (args.max_frame.is_some(), "--max-frame"),
            (args.quit_word.is_some(), "--quit-word"),
            (args.idle_timeout.is_some(), "--idle-timeout"),
        ];
        refuse_any(&given, "datagrams have no connection")?;
    }
    Ok(())
}

/// The configuration of `echo --ping`.
///
/// # Errors
/// A bad address, or options that cannot apply.
pub fn ping(args: &EchoArgs, report: Settings) -> Result<Ping, Failure> {
    check_probe(args)?;
    check_run(args)?;
    let [text] = args.addresses.as_slice() else {
        return Err(refuse("--ping", "it takes the one address to probe"));
    };
    let address: Address = match text.parse() {
        Err(AddressError::Group(_)) => {
            return Err(refuse(text, "a group has many answers: probe one of its members"));
        }
        other => other?,
    };
    address.check_connect()?;
    check_port_file(&args.run, std::slice::from_ref(&address))?;
    if !matches!(address, Address::Inet { .. }) {
        refuse_any(&[(args.family.v4, "-4"), (args.family.v6, "-6")], NOT_IP)?;
    }
    let conns = as_usize(args.conns.unwrap_or(1));
    if matches!(address, Address::Fd(_)) && conns > 1 {
        return Err(refuse("--conns", "an inherited socket can be used once"));
    }
    let largest = if args.udp { MAX_PAYLOAD } else { LARGEST };
    let size = as_usize(args.size.unwrap_or(SIZE));
    if !(LEAST..=largest).contains(&size) {
        return Err(refuse("--size", format!("a probe has {LEAST} to {largest} bytes")));
    }
    if args.udp {
        let given = [
            (args.run.wait.is_some(), "--wait"),
            (args.connect_timeout.is_some(), "--connect-timeout"),
        ];
        refuse_any(&given, "datagrams are sent without a connection")?;
    }
    let (net, helpers) = (net(&args.run, &args.family)?, helpers(&args.run)?);
    net.options.check_connect()?;
    let timeout = args.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
    let framing = Framing::None;
    Ok(Ping {
        common: Common {
            limits: limits(&args.run, None, None),
            goal: Goal { count: None, expect: None },
            input: Input::default(),
            output: output(&args.run, Written::Raw, report, false),
            wire: Wire { datagrams: args.udp, framing, max: size, keep_cr: false, crlf: false },
            rules: Rules::default(),
            helpers,
        },
        route: Route { address, bind: None, net, timeout, negotiated: None },
        datagrams: args.udp,
        count: args.run.count.unwrap_or(COUNT),
        interval: args.interval.unwrap_or(INTERVAL),
        size,
        conns,
        max_loss: args.max_loss.unwrap_or(0.0),
    })
}

/// What a server does, a probe does not.
fn check_probe(args: &EchoArgs) -> Result<(), Failure> {
    let given = [
        (args.delay.is_some(), "--delay"),
        (args.drop.is_some(), "--drop"),
        (args.frame.is_some(), "--frame"),
        (args.max_frame.is_some(), "--max-frame"),
        (args.prefix.is_some(), "--prefix"),
        (args.quit_word.is_some(), "--quit-word"),
        (args.stop_word.is_some(), "--stop-word"),
        (args.idle_timeout.is_some(), "--idle-timeout"),
        (args.run.expect.is_some(), "--expect"),
    ];
    refuse_any(&given, "--ping knows what it expects, and serves nobody")
}
