//! The configurations of the stream commands.

use std::time::Duration;

use super::partners::{self, CONNECT_TIMEOUT};
use super::{as_usize, check_stdin_takers, goal, helpers, input, limits, net, output, replay};
use crate::cli::args::{ConnectArgs, InputForm, OnPeerClose, ServeArgs, StreamArgs};
use crate::cli::rules::{ONE_PURPOSE, refuse};
use crate::cli::text;
use crate::error::Failure;
use crate::framing::{self, Framing};
use crate::protocol::access::Access;
use crate::protocol::output::Written;
use crate::protocol::recording::Role;
use crate::protocol::relay::Rules;
use crate::protocol::slow::SlowRules;
use crate::report::Settings;
use crate::sessions::config::{
    Common, Connect, Dialing, Handling, Input, InputSource, Route, Serve, Wire,
};
use crate::sockets::Address;

const MAX_FRAME: u64 = 16 << 20;
const QUEUE: u64 = 1 << 20;
const RELAY_QUEUE: u64 = 256 << 10;
/// What a proxy needs to find out that nothing stands behind it.
const SETTLE: Duration = Duration::from_millis(100);
const SLOW_AFTER: Duration = Duration::from_secs(1);

/// The configuration of `tcp-connect`.
///
/// # Errors
/// A bad address, or options that cannot apply.
pub fn connect(args: &ConnectArgs, report: Settings) -> Result<Connect, Failure> {
    let address: Address = args.address.parse()?;
    address.check_connect()?;
    let stream = &args.stream;
    let settle = if args.probe && stream.run.wait.is_some() { SETTLE } else { Duration::ZERO };
    let bind = args.bind.as_deref().map(Address::parse_bind).transpose();
    let bind = bind.map_err(|error| refuse("--bind", error.to_string()))?;
    let net = net(&stream.run, &stream.family)?;
    let sends = !args.probe && args.exec.is_none() && args.replay.replay.is_none();
    let common = stream_common(stream, report, false, sends)?;
    net.options.check_connect().map_err(|error| refuse("-O", error.to_string()))?;
    let timeout = args.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
    let negotiated = common.wire.negotiated();
    Ok(Connect {
        common,
        route: Route { address, bind, net, timeout, negotiated },
        dialing: Dialing { reconnect: args.reconnect, settle: args.settle.unwrap_or(settle) },
        probe: args.probe,
        exec: partners::connected_to(args)?,
        replay: replay::streams(&args.replay, &stream.run, Role::Connected)?,
    })
}

/// The configuration of `tcp-serve`.
///
/// # Errors
/// A bad address, options that cannot apply, a TEXT that cannot be read.
pub fn serve(args: &ServeArgs, report: Settings) -> Result<Serve, Failure> {
    let addresses: Vec<Address> =
        args.addresses.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    check_texts(args)?;
    let handling = handling(args)?;
    let net = net(&args.stream.run, &args.stream.family)?;
    let sends = handling.reads_stdin() && args.replay.replay.is_none();
    let common = stream_common(&args.stream, report, true, sends)?;
    let patience = if handling == Handling::Hub { Duration::ZERO } else { SLOW_AFTER };
    let queue = if handling.relays() { RELAY_QUEUE } else { QUEUE };
    Ok(Serve {
        common,
        net,
        addresses,
        conns: if args.once { Some(1) } else { args.conns },
        max_clients: args.max_clients.map(as_usize),
        replay: replay::streams(&args.replay, &args.stream.run, Role::Accepted)?,
        greet: args.greet.as_deref().map(text::read).transpose()?,
        slow: SlowRules { policy: args.slow, after: args.slow_after.unwrap_or(patience) },
        queue: as_usize(args.queue.unwrap_or(queue)),
        access: Access { allow: args.allow.clone(), deny: args.deny.clone() },
        handling,
    })
}

/// Two readers of stdin would each get a part of it.
fn check_texts(args: &ServeArgs) -> Result<(), Failure> {
    let input = &args.stream.input;
    check_stdin_takers(input.send.iter().chain(&args.greet).chain(&args.reply))?;
    let others = [args.discard, args.save.is_some(), args.forward.is_some(), args.exec.is_some()];
    let relays = args.reply.is_none() && !others.contains(&true);
    let reads_stdin = relays && !input.no_stdin && input.send.is_empty();
    if text::takes_stdin(args.greet.as_deref()) && reads_stdin {
        return Err(refuse("@-", ONE_PURPOSE));
    }
    Ok(())
}

fn handling(args: &ServeArgs) -> Result<Handling, Failure> {
    Ok(if let Some(reply) = &args.reply {
        Handling::Reply(text::read(reply)?)
    } else if args.hub {
        Handling::Hub
    } else if args.discard {
        Handling::Discard
    } else if let Some(directory) = &args.save {
        Handling::Save(directory.clone())
    } else if let Some(address) = &args.forward {
        Handling::Forward(Box::new(partners::forward(args, address)?))
    } else if let Some(command) = &args.exec {
        Handling::Exec(partners::served_by(args, command)?)
    } else {
        Handling::Relay
    })
}

/// What both stream commands are asked to do. `sends` is false where they do without stdin.
fn stream_common(
    args: &StreamArgs,
    report: Settings,
    serving: bool,
    sends: bool,
) -> Result<Common, Failure> {
    check_sizes(args)?;
    let helpers = helpers(&args.run)?;
    let source = stream_input(args)?;
    let wire = Wire {
        datagrams: false,
        framing: args.frame,
        max: as_usize(args.max_frame.unwrap_or(MAX_FRAME)),
        keep_cr: args.keep_cr,
        crlf: args.crlf,
    };
    check_sendable(&source, &wire)?;
    let written = if wire.has_messages() { Written::Line } else { Written::Raw };
    Ok(Common {
        limits: limits(&args.run, args.idle_timeout, args.read_timeout),
        goal: goal(&args.run),
        input: Input { source: if sends { source } else { InputSource::Nothing }, rate: args.rate },
        output: output(&args.run, written, report, args.progress),
        wire,
        rules: Rules {
            keep_open: args.keep_open,
            leave_on_peer_close: args.on_peer_close == OnPeerClose::Exit,
            quit_after: args.quit_after,
            serving,
            undivided: args.frame == Framing::Tinyproto,
        },
        helpers,
    })
}

/// A message of a framed stream is a line without its end, unless the user asked for lines; with
/// `--frame line` it cannot be anything else.
fn stream_input(args: &StreamArgs) -> Result<InputSource, Failure> {
    let framed = args.frame != Framing::None;
    let mut source =
        input(&args.input, if framed { framing::Input::Line } else { framing::Input::Raw })?;
    let implied = match &mut source {
        InputSource::Messages { chomp, .. } => Some((chomp, args.input.input.is_none())),
        InputSource::Commands { chomp, .. } => Some((chomp, true)),
        InputSource::Nothing | InputSource::Texts(_) => None,
    };
    if let Some((chomp, implied)) = implied {
        *chomp |= framed && (implied || args.frame == Framing::Line);
    }
    Ok(source)
}

/// Texts that the framing cannot carry.
fn check_sendable(source: &InputSource, wire: &Wire) -> Result<(), Failure> {
    let (InputSource::Texts(texts), Some(framer)) = (source, wire.framer()) else {
        return Ok(());
    };
    let encode = |text| framer.encode(text, &mut Vec::new());
    match texts.iter().find_map(|text| encode(text).err()) {
        Some(error) => {
            let what = format!("--send with --frame {}", wire.framing);
            Err(refuse(&what, error.to_string()).maybe_fix(error.fix()))
        }
        None => Ok(()),
    }
}

/// Messages of a fixed size cannot be larger than all messages.
fn check_sizes(args: &StreamArgs) -> Result<(), Failure> {
    let max = args.max_frame.unwrap_or(MAX_FRAME);
    match (args.frame, args.input.input) {
        (Framing::Fixed(size), _) | (_, Some(InputForm::Messages(framing::Input::Fixed(size))))
            if size as u64 > max =>
        {
            Err(refuse(
                &format!("fixed:{size}"),
                format!("it is more than the {max} bytes of --max-frame"),
            ))
        }
        _ => Ok(()),
    }
}
