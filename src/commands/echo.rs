//! `echo`: a server that sends back what it receives, or with `--ping` a probe of one.

mod sockets;

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;

use super::args::{FamilyArgs, ReportArgs, RunArgs, SilenceArgs, as_usize, parse_addresses};
use super::launch::Launch;
use super::listening::{AccessArgs, ListenArgs};
use super::names::{Side, of_access, to_listen_on};
use super::reading::read_text;
use super::rules::refuse;
use super::stream;
#[cfg(feature = "tls")]
use super::tls::EitherTlsArgs;
use super::via::ViaArgs;
use crate::error::{Failure, Status};
use crate::event_loop::READ_SIZE;
use crate::framing::{Deframer, Frame, Framing};
use crate::multicast::Interface;
use crate::protocol::output::Written;
use crate::report::Settings;
use crate::sessions::config::{AnyAddress, Echo, EchoSockets, Wire};
use crate::sessions::{DataTo, EchoService, InputReader, StreamSession};
use crate::sockets::OpenListener;
use crate::threads::{self, MakeSession};
use crate::values::{
    parse_count, parse_duration, parse_nonzero_size, parse_percent, parse_read_size, parse_threads,
};
use sockets::{Open, UnwatchedSocket, add_all};

const MAX_FRAME: u64 = 16 << 20;

/// `echo`
#[derive(Args, Clone, Debug)]
pub struct EchoArgs {
    /// Where to listen [default: 0, a free port on loopback]; with --ping, whom to probe
    #[arg(value_name = "ADDR")]
    pub addresses: Vec<OsString>,
    /// Streams only
    #[arg(long, conflicts_with = "udp", help_heading = "Sockets")]
    pub tcp: bool,
    /// Datagrams only; with --ping, probes are datagrams
    #[arg(long, help_heading = "Sockets")]
    pub udp: bool,

    /// Hold each answer back for D
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Server")]
    pub delay: Option<Duration>,
    /// Do not answer PCT of the messages, chosen at random
    #[arg(long, value_name = "PCT", value_parser = parse_percent, help_heading = "Server")]
    pub drop: Option<f64>,
    /// How messages are marked on the stream, as for tcp-serve [default: none; line where an
    /// option speaks of messages]
    #[arg(long, value_name = "FRAMING", help_heading = "Server")]
    pub frame: Option<Framing>,
    /// The largest message to take from a stream [default: 16MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_nonzero_size, help_heading = "Server")]
    pub max_frame: Option<u64>,
    /// The most that the unfinished messages of all clients hold: past it those that hold most wait
    /// [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_nonzero_size, help_heading = "Server")]
    pub max_frame_total: Option<u64>,
    /// The most bytes that one read of a stream without messages gives, up to 1MiB
    /// [default: 128KiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_read_size, help_heading = "Server")]
    pub read_size: Option<usize>,
    /// Put TEXT before each message
    // A prefix such as `-> ` begins like an option.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Server")]
    pub prefix: Option<OsString>,
    /// The message W closes its connection, and is not answered
    #[arg(long, value_name = "W", help_heading = "Server")]
    pub quit_word: Option<OsString>,
    /// The message W ends the run with 0, and is not answered
    #[arg(long, value_name = "W", help_heading = "Server")]
    pub stop_word: Option<OsString>,
    /// Serve in N threads, 1 to 64 [default: 1]
    #[arg(long, value_name = "N", value_parser = parse_threads, help_heading = "Server")]
    pub threads: Option<u64>,
    /// What a listener takes.
    #[command(flatten, next_help_heading = "Server")]
    pub listen: ListenArgs,
    /// Who is let in.
    #[command(flatten, next_help_heading = "Server")]
    pub access: AccessArgs,
    /// How long silence may last.
    #[command(flatten, next_help_heading = "Server")]
    pub silence: SilenceArgs,

    /// Probe an echo server: round trips, loss, duplicates, reordering, corruption
    #[arg(long, help_heading = "Probe")]
    pub ping: bool,
    /// The time from one probe to the next; 0 sends each when the last one is answered [default: 1s]
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Probe")]
    pub interval: Option<Duration>,
    /// Bytes of a probe [default: 56]
    #[arg(long, value_name = "SIZE", value_parser = parse_nonzero_size, help_heading = "Probe")]
    pub size: Option<u64>,
    /// Probe on N connections at once [default: 1]
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = "Probe")]
    pub conns: Option<u64>,
    /// More loss than PCT is exit status 1 [default: 0]
    #[arg(long, value_name = "PCT", value_parser = parse_percent, help_heading = "Probe")]
    pub max_loss: Option<f64>,
    /// Give up an attempt to connect after D [default: 10s]
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Probe")]
    pub connect_timeout: Option<Duration>,

    /// What the connections of probes lead through.
    #[command(flatten, next_help_heading = "Probe")]
    pub via: ViaArgs,
    /// TLS.
    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub tls: EitherTlsArgs,

    /// What every command takes.
    #[command(flatten)]
    pub run: RunArgs,
    /// Which addresses of a name count.
    #[command(flatten)]
    pub family: FamilyArgs,
    /// How events are reported.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// The configuration of `echo` as a server.
///
/// # Errors
/// A bad address, options that cannot apply, a TEXT that cannot be read.
#[cold]
pub(super) fn config(args: &EchoArgs, report: Settings) -> Result<Echo, Failure> {
    let places = match args.addresses.as_slice() {
        [] => vec![AnyAddress::One("0".parse()?)],
        texts => parse_addresses(texts)?,
    };
    let sockets = match (args.tcp, args.udp) {
        (true, _) => EchoSockets::Streams,
        (false, true) => EchoSockets::Datagrams,
        (false, false) => EchoSockets::Both,
    };
    let streams = sockets.has_streams();
    let has_messages = [
        args.drop.is_some(),
        args.prefix.is_some(),
        args.quit_word.is_some(),
        args.stop_word.is_some(),
        args.run.count.is_some(),
    ];
    // Where an option speaks of messages, a stream needs some.
    let implied = if has_messages.contains(&true) { Framing::Line } else { Framing::None };
    let framing = args.frame.clone().unwrap_or(if streams { implied } else { Framing::None });
    let mut net = args.run.net(args.family.family())?;
    args.listen.apply(&mut net);
    // Bytes go back as they came.
    let max = as_usize(args.max_frame.unwrap_or(MAX_FRAME));
    let read_size = args.read_size.unwrap_or(READ_SIZE);
    let wire = Wire {
        datagrams: !streams,
        frame: framing.max_frame(max).keep_cr(),
        read_size,
        ..Wire::of_stream(Framing::None, max)
    };
    stream::check_least(&wire)?;
    let mut common = args.run.common(report, Written::Raw, wire.clone())?;
    args.silence.apply(&mut common);
    #[cfg(feature = "tls")]
    {
        let addresses = places.iter().filter_map(AnyAddress::one);
        args.tls.server.apply(&args.tls.identity, addresses, (&mut net, &mut common))?;
    }
    let prefix = args.prefix.as_deref().map(read_text).transpose()?.unwrap_or_default();
    let takes_prefix =
        !matches!(wire.frame.framing, Framing::Fixed(_) | Framing::LengthField(_) | Framing::Obj);
    if !takes_prefix && !prefix.is_empty() {
        let cause = format!("no message of --frame {} can have one", wire.frame.framing);
        return Err(refuse("--prefix", cause));
    }
    Ok(Echo {
        net,
        places,
        sockets,
        delay: args.delay.unwrap_or_default(),
        drop: args.drop.unwrap_or_default(),
        prefix,
        quit_word: word("--quit-word", args.quit_word.as_deref(), &wire)?,
        stop_word: word("--stop-word", args.stop_word.as_deref(), &wire)?,
        frame_total: stream::frame_total(args.max_frame_total, &wire)?,
        access: args.access.access(),
        threads: as_usize(args.threads.unwrap_or(1)),
        common,
    })
}

/// A word as it will come: in the form that the framing gives it.
fn word(option: &str, text: Option<&OsStr>, wire: &Wire) -> Result<Option<Bytes>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let word = read_text(text)?;
    if word.is_empty() {
        return Err(refuse(option, "an empty word would match every message"));
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

#[cold]
pub(super) fn run(mut config: Echo) -> anyhow::Result<Status> {
    crate::sys::process::raise_descriptor_limit();
    let mut launch = Launch::new(&config.common)?;
    let places = config.places.iter().filter_map(AnyAddress::one);
    let names = to_listen_on(places, config.net.family);
    launch.look_up(&config.common, Side::Server, names.chain(of_access(&config.access)))?;
    launch.find_access(&mut config.access)?;
    let mut open = Open::new(config.threads);
    for place in &config.places {
        match place {
            AnyAddress::One(address) => open.address(&mut launch, address, &config)?,
            AnyAddress::Group(group) => open.group(&mut launch, group, &config)?,
        }
    }
    let (console, input) = launch.streams(&config.common, DataTo::Elsewhere)?;
    let Open { listeners, waiting, shares, groups } = open;
    let joined = groups.iter().map(|group| group.membership().interface.clone()).collect();
    if config.threads == 1 {
        let sockets = add_all(launch.pool(), shares.into_iter().flatten())?;
        let session = EchoService::session(config, console, input, listeners, sockets, joined);
        return launch.serve(session, StreamSession::start);
    }
    let loops = in_loops(&config, waiting.into_iter().zip(shares), joined);
    let (none, nowhere) = (Vec::new(), Vec::new());
    let mut session = EchoService::session(config, console, input, listeners, none, nowhere);
    threads::start(&mut session, launch.pool(), loops)?;
    launch.serve(session, StreamSession::start)
}

/// The sessions of an echo server, one for each loop with sockets of its own. What is `joined` is in
/// the first one.
fn in_loops(
    config: &Echo,
    shares: impl Iterator<Item = (Vec<OpenListener>, Vec<UnwatchedSocket>)>,
    mut joined: Vec<Interface>,
) -> Vec<MakeSession> {
    let common = threads::of_loop(&config.common);
    let frame_total = threads::share(config.frame_total, config.threads, &common);
    let config = Echo { common, frame_total, ..config.clone() };
    let make = |(listeners, sockets)| -> MakeSession {
        let (config, joined) = (config.clone(), std::mem::take(&mut joined));
        Box::new(move |pool, console| {
            let input = InputReader::open(pool, &config.common)?;
            let listeners = threads::add_all(pool, &config.net, listeners)?;
            let sockets = add_all(pool, sockets)?;
            Ok(EchoService::session(config, console, input, listeners, sockets, joined))
        })
    };
    shares.map(make).collect()
}
