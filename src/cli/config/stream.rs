//! The configurations of the stream commands.

use std::time::Duration;

use super::partners::{self, CONNECT_TIMEOUT};
use super::{
    NO_STDIN, NOT_IP, ONE_PURPOSE, as_usize, check_nodelay, check_port_file, check_stdin_takers,
    goal, has_ports, helpers, input, limits, net, output, refuse, refuse_any, replay,
};
use crate::cli::args::{ConnectArgs, InputForm, OnPeerClose, ServeArgs, StreamArgs};
use crate::cli::text;
use crate::error::Failure;
use crate::framing::{self, Framing};
use crate::protocol::command::Form;
use crate::protocol::output::{Output, Written};
use crate::protocol::pacer::Rate;
use crate::protocol::recording::Role;
use crate::protocol::relay::Rules;
use crate::protocol::slow::{Policy, SlowRules};
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
    check_port_file(&stream.run, std::slice::from_ref(&address))?;
    if !matches!(address, Address::Inet { .. }) {
        let names =
            [(args.bind.is_some(), "--bind"), (stream.family.v4, "-4"), (stream.family.v6, "-6")];
        refuse_any(&names, NOT_IP)?;
    }
    if matches!(address, Address::Fd(_)) {
        let given = [
            (stream.run.wait.is_some(), "--wait"),
            (args.connect_timeout.is_some(), "--connect-timeout"),
            (args.reconnect, "--reconnect"),
        ];
        refuse_any(&given, "an inherited socket is connected already")?;
    }
    if args.probe {
        check_probe(args)?;
    }
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

/// `-z` does nothing with its connection.
fn check_probe(args: &ConnectArgs) -> Result<(), Failure> {
    let StreamArgs { run, input, .. } = &args.stream;
    let stream = &args.stream;
    let given = [
        (!input.send.is_empty(), "--send"),
        (input.input.is_some(), "--input"),
        (input.chomp, "--chomp"),
        (matches!(run.output, Some(Output::Written(_))), "--output"),
        (run.count.is_some(), "--count"),
        (run.expect.is_some(), "--expect"),
        (stream.frame != Framing::None, "--frame"),
        (stream.max_frame.is_some(), "--max-frame"),
        (stream.crlf, "--crlf"),
        (stream.rate.is_some(), "--rate"),
        (stream.progress, "--progress"),
        (stream.idle_timeout.is_some(), "--idle-timeout"),
        (stream.quit_after.is_some(), "--quit-after"),
        (stream.keep_open, "--keep-open"),
        (stream.on_peer_close == OnPeerClose::Exit, "--on-peer-close"),
        (args.reconnect, "--reconnect"),
        (args.exec.is_some(), "--exec"),
    ];
    refuse_any(&given, "-z sends and receives nothing")
}

/// The configuration of `tcp-serve`.
///
/// # Errors
/// A bad address, options that cannot apply, a TEXT that cannot be read.
pub fn serve(args: &ServeArgs, report: Settings) -> Result<Serve, Failure> {
    let addresses: Vec<Address> =
        args.addresses.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    check_port_file(&args.stream.run, &addresses)?;
    check_texts(args)?;
    let handling = handling(args)?;
    let inet = |address: &Address| matches!(address, Address::Inet { .. });
    let leads_to_inet = matches!(&handling, Handling::Forward(route) if inet(&route.address));
    if !(addresses.iter().any(inet) || leads_to_inet) {
        refuse_any(&[(args.stream.family.v4, "-4"), (args.stream.family.v6, "-6")], NOT_IP)?;
    }
    check_handling(args, &handling)?;
    let net = net(&args.stream.run, &args.stream.family)?;
    let sends = handling.reads_stdin() && args.replay.replay.is_none();
    let common = stream_common(&args.stream, report, true, sends)?;
    let patience = if handling == Handling::Hub { Duration::ZERO } else { SLOW_AFTER };
    let queue = if handling.relays() { RELAY_QUEUE } else { QUEUE };
    let access = partners::access(args, has_ports(&addresses))?;
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
        access,
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

fn check_handling(args: &ServeArgs, handling: &Handling) -> Result<(), Failure> {
    let stream = &args.stream;
    if !handling.reads_stdin() {
        let given = [
            (!stream.input.send.is_empty(), "--send"),
            (stream.input.input.is_some(), "--input"),
            (stream.input.chomp, "--chomp"),
            (stream.crlf, "--crlf"),
            (stream.rate.is_some(), "--rate"),
            (stream.keep_open, "--keep-open"),
            (stream.quit_after.is_some(), "--quit-after"),
        ];
        refuse_any(&given, "this handler does not send stdin to its clients")?;
    }
    if !stream.input.send.is_empty() {
        let rate = (stream.rate.is_some(), "--rate");
        refuse_any(&[rate], "each client is sent the texts of --send at once")?;
    }
    check_slow(args, handling)?;
    let connects = matches!(handling, Handling::Forward(_));
    let timeout = (!connects && args.connect_timeout.is_some(), "--connect-timeout");
    refuse_any(&[timeout], "only --forward connects to anybody")?;
    if *handling == Handling::Hub {
        let given =
            [(stream.keep_open, "--keep-open"), (stream.quit_after.is_some(), "--quit-after")];
        refuse_any(&given, "the end of stdin means nothing to the clients of a hub")?;
    }
    let discards = *handling == Handling::Discard;
    if discards && matches!(stream.run.output, Some(Output::Written(_))) {
        return Err(refuse("--output", "--discard writes nothing (json shows the events)"));
    }
    Ok(())
}

/// Options for slow clients need somebody to send much to them.
fn check_slow(args: &ServeArgs, handling: &Handling) -> Result<(), Failure> {
    let (slow, slow_after) =
        ((args.slow.is_some(), "--slow"), (args.slow_after.is_some(), "--slow-after"));
    match handling {
        Handling::Hub | Handling::Forward(_) | Handling::Exec(_) => {}
        Handling::Relay if !args.stream.input.no_stdin => {}
        Handling::Reply(_) => {
            refuse_any(
                &[slow, slow_after],
                "a client that does not read its replies is read no further",
            )?;
        }
        _ => {
            let queue = (args.queue.is_some() && args.greet.is_none(), "--queue");
            refuse_any(
                &[slow, slow_after, queue],
                "nothing is sent that clients could be slow for",
            )?;
        }
    }
    if args.slow == Some(Policy::Block) && args.slow_after.is_some() {
        return Err(refuse("--slow-after", "--slow block waits for ever"));
    }
    Ok(())
}

/// What both stream commands are asked to do. `sends` is false where they do without stdin.
fn stream_common(
    args: &StreamArgs,
    report: Settings,
    serving: bool,
    sends: bool,
) -> Result<Common, Failure> {
    check_messages(args)?;
    check_stdin(args)?;
    let helpers = helpers(&args.run)?;
    let source = stream_input(args)?;
    check_commands(args, &source)?;
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

/// Options that speak of messages need a stream that has them.
fn check_messages(args: &StreamArgs) -> Result<(), Failure> {
    if args.frame == Framing::None {
        let is_raw =
            matches!(args.input.input, None | Some(InputForm::Messages(framing::Input::Raw)));
        let given = [
            (args.run.count.is_some(), "--count"),
            (args.read_timeout.is_some(), "--read-timeout"),
            (matches!(args.rate, Some(Rate::Messages(_))), "--rate in messages"),
            (args.max_frame.is_some() && is_raw, "--max-frame"),
        ];
        refuse_any(&given, "a stream has no messages without a framing, such as --frame line")?;
    }
    if args.keep_cr && args.frame != Framing::Line {
        return Err(refuse("--keep-cr", "it needs --frame line"));
    }
    check_nodelay(args.frame, &args.run)?;
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

/// Options that speak of the end of stdin, or of its bytes, mean nothing where it gives commands.
fn check_commands(args: &StreamArgs, source: &InputSource) -> Result<(), Failure> {
    let InputSource::Commands { form, .. } = source else { return Ok(()) };
    if *form == Form::Json {
        let given = [(args.crlf, "--crlf")];
        refuse_any(&given, "--input json says byte by byte what is sent")?;
    }
    let rate = [(args.rate.is_some(), "--rate")];
    refuse_any(&rate, "commands are obeyed as they come")?;
    let given = [(args.keep_open, "--keep-open"), (args.quit_after.is_some(), "--quit-after")];
    refuse_any(&given, "with --input commands or json the end of stdin is /quit")
}

/// Options that speak of stdin need one.
fn check_stdin(args: &StreamArgs) -> Result<(), Failure> {
    let given = [
        (args.crlf, "--crlf"),
        (args.rate.is_some(), "--rate"),
        (args.keep_open, "--keep-open"),
        (args.quit_after.is_some(), "--quit-after"),
    ];
    if args.input.no_stdin { refuse_any(&given, NO_STDIN) } else { Ok(()) }
}
