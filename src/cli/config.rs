//! From arguments to configurations: defaults that depend on each other, and combinations that
//! cannot work. Whatever cannot apply is refused here with exit status 2; nothing is ignored.

use std::time::Duration;

use super::args::{ConnectArgs, LogForm, OnPeerClose, ReportArgs, ServeArgs, StreamArgs, When};
use super::text;
use crate::error::{Failure, Status};
use crate::framing::{Framing, Input};
use crate::protocol::output::{Output, Written};
use crate::protocol::relay::Rules;
use crate::protocol::slow::{Policy, SlowRules};
use crate::report::{Color, Log, Settings, Verbosity};
use crate::sessions::config::{Common, Connect, Handling, Serve};
use crate::sockets::{Address, Family, SocketOptions};

const MAX_FRAME: u64 = 16 << 20;
const QUEUE: u64 = 1 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const SLOW_AFTER: Duration = Duration::from_secs(1);
pub(super) const NOT_IP: &str = "it speaks of IP addresses, and this is another kind of socket";

/// A combination that cannot work: `cannot use OPTION: CAUSE`.
pub(super) fn refuse(option: &str, cause: impl Into<String>) -> Failure {
    Failure::new(Status::Usage, "usage", "use", option, cause)
}

/// Refuses the first option that is given and cannot apply.
pub(super) fn refuse_any(given: &[(bool, &str)], cause: &str) -> Result<(), Failure> {
    match given.iter().find(|(is_given, _)| *is_given) {
        Some((_, option)) => Err(refuse(option, cause)),
        None => Ok(()),
    }
}

/// The settings for events, from before the command and after it; the later one wins.
pub fn report(before: &ReportArgs, after: &ReportArgs) -> Settings {
    let verbosity = match (before.quiet || after.quiet, before.verbose + after.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, 1) => Verbosity::Verbose,
        (false, _) => Verbosity::Debug,
    };
    let log = match after.log.or(before.log) {
        Some(LogForm::Json) => Log::Json,
        Some(LogForm::Text) | None => Log::Text,
    };
    let color = match after.color.or(before.color) {
        Some(When::Always) => Color::Always,
        Some(When::Never) => Color::Never,
        Some(When::Auto) | None => Color::Auto,
    };
    Settings { verbosity, log, color, tag: after.tag.clone().or_else(|| before.tag.clone()) }
}

/// The configuration of `tcp-connect`.
///
/// # Errors
/// A bad address, or options that cannot apply.
pub fn connect(args: &ConnectArgs, report: Settings) -> Result<Connect, Failure> {
    let address: Address = args.address.parse()?;
    address.check_connect()?;
    let stream = &args.stream;
    if !matches!(address, Address::Inet { .. }) {
        let names = [(args.bind.is_some(), "--bind"), (stream.v4, "-4"), (stream.v6, "-6")];
        refuse_any(&names, NOT_IP)?;
    }
    if matches!(address, Address::Fd(_)) {
        let given = [
            (stream.wait.is_some(), "--wait"),
            (args.connect_timeout.is_some(), "--connect-timeout"),
            (args.reconnect, "--reconnect"),
        ];
        refuse_any(&given, "an inherited socket is connected already")?;
    }
    let bind = args.bind.as_deref().map(Address::parse_bind).transpose();
    let bind = bind.map_err(|error| refuse("--bind", error.to_string()))?;
    let common = common(stream, report, true)?;
    common.options.check_connect().map_err(|error| refuse("-O", error.to_string()))?;
    Ok(Connect {
        common,
        address,
        bind,
        connect_timeout: args.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
        reconnect: args.reconnect,
    })
}

/// The configuration of `tcp-serve`.
///
/// # Errors
/// A bad address, options that cannot apply, a TEXT that cannot be read.
pub fn serve(args: &ServeArgs, report: Settings) -> Result<Serve, Failure> {
    let addresses: Vec<Address> =
        args.addresses.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let has_ports = addresses.iter().any(|address| !matches!(address, Address::Unix(_)));
    if args.port_file.is_some() && !has_ports {
        return Err(refuse("--port-file", "a unix socket has no port"));
    }
    if !addresses.iter().any(|address| matches!(address, Address::Inet { .. })) {
        refuse_any(&[(args.stream.v4, "-4"), (args.stream.v6, "-6")], NOT_IP)?;
    }
    check_texts(args)?;
    let handling = handling(args)?;
    check_handling(args, &handling)?;
    let mut common = common(&args.stream, report, handling.reads_stdin())?;
    common.rules.serving = true;
    let patience = if handling == Handling::Hub { Duration::ZERO } else { SLOW_AFTER };
    Ok(Serve {
        common,
        addresses,
        conns: if args.once { Some(1) } else { args.conns },
        max_clients: args.max_clients.map(as_usize),
        greet: args.greet.as_deref().map(text::read).transpose()?,
        slow: SlowRules { policy: args.slow, after: args.slow_after.unwrap_or(patience) },
        queue: as_usize(args.queue.unwrap_or(QUEUE)),
        port_file: args.port_file.clone(),
        handling,
    })
}

/// Two readers of stdin would each get a part of it.
fn check_texts(args: &ServeArgs) -> Result<(), Failure> {
    let takers = [args.greet.as_deref(), args.reply.as_deref()];
    let takers = takers.into_iter().filter(|text| text::takes_stdin(*text)).count();
    let relays = args.reply.is_none() && !args.discard && args.save.is_none();
    if takers + usize::from(relays && !args.stream.no_stdin && takers > 0) > 1 {
        return Err(refuse("@-", "stdin can be read for one purpose only (-n frees it)"));
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
    } else {
        Handling::Relay
    })
}

fn check_handling(args: &ServeArgs, handling: &Handling) -> Result<(), Failure> {
    let stream = &args.stream;
    if !handling.reads_stdin() {
        let given = [
            (stream.input.is_some(), "--input"),
            (stream.chomp, "--chomp"),
            (stream.crlf, "--crlf"),
            (stream.keep_open, "--keep-open"),
            (stream.quit_after.is_some(), "--quit-after"),
        ];
        refuse_any(&given, "this handler does not send stdin to its clients")?;
    }
    check_slow(args, handling)?;
    if *handling == Handling::Hub {
        let given =
            [(stream.keep_open, "--keep-open"), (stream.quit_after.is_some(), "--quit-after")];
        refuse_any(&given, "the end of stdin means nothing to the clients of a hub")?;
    }
    let discards = *handling == Handling::Discard;
    if discards && matches!(stream.output, Some(Output::Written(_))) {
        return Err(refuse("--output", "--discard writes nothing (json shows the events)"));
    }
    Ok(())
}

/// Options for slow clients need somebody to send much to them.
fn check_slow(args: &ServeArgs, handling: &Handling) -> Result<(), Failure> {
    let (slow, slow_after) =
        ((args.slow.is_some(), "--slow"), (args.slow_after.is_some(), "--slow-after"));
    match handling {
        Handling::Hub => {}
        Handling::Relay if !args.stream.no_stdin => {}
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

/// What all stream commands share. `sends_stdin` is false where the handler does without stdin.
fn common(args: &StreamArgs, report: Settings, sends_stdin: bool) -> Result<Common, Failure> {
    check_messages(args)?;
    check_stdin(args)?;
    let framed = args.frame != Framing::None;
    let options = socket_options(&args.socket_option)?;
    let input = args.input.unwrap_or(if framed { Input::Line } else { Input::Raw });
    // A message of a framed stream is a line without its end, unless the user asked for lines;
    // with `--frame line` it cannot be anything else.
    let implied = framed && (args.input.is_none() || args.frame == Framing::Line);
    Ok(Common {
        timeout: args.timeout,
        idle_timeout: args.idle_timeout,
        read_timeout: args.read_timeout,
        wait: args.wait,
        count: args.count,
        stdin: sends_stdin && !args.no_stdin,
        input,
        chomp: args.chomp || implied,
        output: args.output.unwrap_or(Output::Written(if framed {
            Written::Line
        } else {
            Written::Raw
        })),
        datagrams: false,
        framing: args.frame,
        max_frame: as_usize(args.max_frame.unwrap_or(MAX_FRAME)),
        keep_cr: args.keep_cr,
        crlf: args.crlf,
        rules: Rules {
            keep_open: args.keep_open,
            leave_on_peer_close: args.on_peer_close == OnPeerClose::Exit,
            quit_after: args.quit_after,
            serving: false,
        },
        family: family(args.v4, args.v6),
        options,
        report,
    })
}

/// `-4` and `-6`.
pub(super) fn family(v4: bool, v6: bool) -> Family {
    match (v4, v6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    }
}

/// All `-O` together.
pub(super) fn socket_options(texts: &[String]) -> Result<SocketOptions, Failure> {
    let mut options = SocketOptions::default();
    for text in texts {
        options.set(text).map_err(|error| refuse(&format!("-O {text}"), error.to_string()))?;
    }
    Ok(options)
}

/// Options that speak of messages need a stream that has them.
fn check_messages(args: &StreamArgs) -> Result<(), Failure> {
    if args.frame == Framing::None {
        let is_raw = args.input.unwrap_or(Input::Raw) == Input::Raw;
        let given = [
            (args.count.is_some(), "--count"),
            (args.read_timeout.is_some(), "--read-timeout"),
            (args.max_frame.is_some() && is_raw, "--max-frame"),
        ];
        refuse_any(&given, "a stream has no messages without a framing, such as --frame line")?;
    }
    if args.keep_cr && args.frame != Framing::Line {
        return Err(refuse("--keep-cr", "it needs --frame line"));
    }
    if args.chomp && args.input.unwrap_or(Input::Raw) != Input::Line {
        return Err(refuse("--chomp", "it needs --input line"));
    }
    let max = args.max_frame.unwrap_or(MAX_FRAME);
    match (args.frame, args.input) {
        (Framing::Fixed(size), _) | (_, Some(Input::Fixed(size))) if size as u64 > max => {
            Err(refuse(
                &format!("fixed:{size}"),
                format!("it is more than the {max} bytes of --max-frame"),
            ))
        }
        _ => Ok(()),
    }
}

/// Options that speak of stdin need one.
fn check_stdin(args: &StreamArgs) -> Result<(), Failure> {
    if !args.no_stdin {
        return Ok(());
    }
    let given = [
        (args.input.is_some(), "--input"),
        (args.chomp, "--chomp"),
        (args.crlf, "--crlf"),
        (args.keep_open, "--keep-open"),
        (args.quit_after.is_some(), "--quit-after"),
    ];
    refuse_any(&given, "-n says that there is no stdin")
}

/// A size as this machine counts; beyond its memory all sizes are alike.
pub(super) fn as_usize(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
