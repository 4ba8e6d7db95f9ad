//! The configurations of `echo`: a server, or with `--ping` a probe.

use std::time::Duration;

use bytes::Bytes;

use super::partners::CONNECT_TIMEOUT;
use super::{as_usize, goal, helpers, limits, net, output};
use crate::cli::args::EchoArgs;
use crate::cli::rules::refuse;
use crate::cli::text;
use crate::error::Failure;
use crate::framing::{Deframer, Frame, Framing};
use crate::protocol::output::Written;
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
    let places = places(args)?;
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

/// The configuration of `echo --ping`.
///
/// # Errors
/// A bad address, or options that cannot apply.
pub fn ping(args: &EchoArgs, report: Settings) -> Result<Ping, Failure> {
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
    let conns = as_usize(args.conns.unwrap_or(1));
    if matches!(address, Address::Fd(_)) && conns > 1 {
        return Err(refuse("--conns", "an inherited socket can be used once"));
    }
    let largest = if args.udp { MAX_PAYLOAD } else { LARGEST };
    let size = as_usize(args.size.unwrap_or(SIZE));
    if !(LEAST..=largest).contains(&size) {
        return Err(refuse("--size", format!("a probe has {LEAST} to {largest} bytes")));
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
