//! The options that the datagram commands have, and what they mean.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::args::{InputArgs, InputForm, PaceArgs, RunArgs, SilenceArgs, ends_a_listener};
use super::listening::AccessArgs;
use super::reading::read_text;
use super::rules::refuse;
use crate::error::{Failure, Status};
use crate::framing::InputFraming;
use crate::kind::Kind;
use crate::multicast::GroupAddress;
use crate::protocol::output::Written;
use crate::protocol::sequence_field::SequenceField;
use crate::report::Settings;
use crate::sessions::DataTo;
use crate::sessions::config::{InputSource, Listen, PeerCommand, SendConfig, Test, Wire};
use crate::sockets::Address;
use crate::sys::mmsg::MAX_PAYLOAD;
use crate::values::{parse_count, parse_duration, parse_percent};

const DEFAULT_ANSWER: Duration = Duration::from_secs(1);
/// Each message is a datagram.
const DATAGRAMS: Wire = Wire::of_datagrams(MAX_PAYLOAD);

/// What both senders take
#[derive(Args, Clone, Debug)]
pub struct SenderArgs {
    /// What every command takes.
    #[command(flatten)]
    pub run: RunArgs,
    /// How long silence may last.
    #[command(flatten, next_help_heading = "Limits")]
    pub silence: SilenceArgs,
    /// How stdin is read.
    #[command(flatten)]
    pub input: InputArgs,
    /// Send each message N times
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = "Sending")]
    pub repeat: Option<u64>,
    /// How fast it is sent.
    #[command(flatten, next_help_heading = "Sending")]
    pub pace: PaceArgs,
    /// Print answers until D passes without one [default: 1s]; none is exit status 1
    // A value needs the `=`: else clap takes the address that follows `--reply` for it.
    #[arg(long, value_name = "D", value_parser = reply_time, num_args = 0..=1, require_equals = true, default_missing_value = REPLY_WITHOUT_TIME, help_heading = "Answers")]
    pub reply: Option<Duration>,
    /// Send from this local address and port
    #[arg(long, value_name = "ADDR", help_heading = "Sockets")]
    pub bind: Option<OsString>,
}

/// What both listeners take
#[derive(Args, Clone, Debug)]
#[command(mut_args(ends_a_listener))]
pub struct ListenerArgs {
    /// What every command takes.
    #[command(flatten)]
    pub run: RunArgs,
    /// How long silence may last.
    #[command(flatten, next_help_heading = "Limits")]
    pub silence: SilenceArgs,
    /// Answer each message with TEXT
    #[arg(long, value_name = "TEXT", help_heading = "Peers")]
    pub reply: Option<OsString>,
    /// Who is listened to.
    #[command(flatten, next_help_heading = "Peers")]
    pub access: AccessArgs,
    /// Report messages, rate, loss, duplicates, reordering, jitter and latency of each source
    #[arg(long, help_heading = "Statistics")]
    pub stats: bool,
    /// Report the statistics of each D as well (with --stats)
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Statistics")]
    pub interval: Option<Duration>,
    /// Where the stream keeps its sequence number: rtp, u32@8, u64le@0 [default: that of --test]
    #[arg(long, value_name = "FIELD", help_heading = "Statistics")]
    pub seq: Option<SequenceField>,
    /// More loss than PCT at the end is exit status 1
    #[arg(long, value_name = "PCT", value_parser = parse_percent, help_heading = "Statistics")]
    pub max_loss: Option<f64>,
}

pub(super) fn bind(args: &SenderArgs) -> Result<Option<Address>, Failure> {
    let bind = args.bind.as_deref().map(Address::parse_bind).transpose();
    bind.map_err(|error| refuse("--bind", error.to_string()))
}

pub(super) fn send(
    args: &SenderArgs,
    report: Settings,
    test: Option<Test>,
) -> Result<SendConfig, Failure> {
    // Whoever waits for an answer, counts them, or looks for something in them, wants to receive them.
    let run = &args.run;
    let wants_answers = run.wait.is_some() || run.count.is_some() || run.expect.is_some();
    let reply = args.reply.or(wants_answers.then_some(DEFAULT_ANSWER));
    let source = datagram_input(&args.input)?;
    let source = if test.is_some() { InputSource::Nothing } else { source };
    let wire = Wire { crlf: args.input.crlf, ..DATAGRAMS };
    let mut common = run.common(report, Written::Raw, wire)?;
    common.input.source = source;
    args.pace.apply(&mut common);
    args.silence.apply(&mut common);
    Ok(SendConfig { common, repeat: args.repeat.unwrap_or(1), reply, test })
}

/// Whether each message is a command of its own.
pub(super) fn is_commanded(config: &SendConfig) -> bool {
    matches!(config.common.input.source, InputSource::Commands { .. })
}

/// Whether anything is written to stdout: answers, and all of them where commands are given.
pub(super) fn data_to(config: &SendConfig) -> DataTo {
    DataTo::stdout_if(config.reply.is_some() || is_commanded(config))
}

/// Only commands can name what they are for.
pub(super) fn check_named(is_named: bool, what: &str, config: &SendConfig) -> Result<(), Failure> {
    if is_named || is_commanded(config) {
        return Ok(());
    }
    let cause = format!("{what} is missing (only commands of --input commands or json name one)");
    Err(Failure::new(Status::Usage, Kind::Usage, "send", "stdin", cause))
}

/// What `udp-listen` has beyond `mcast-join`.
#[derive(Default)]
pub(super) struct UdpListenExtras {
    pub(super) first_peer: bool,
    pub(super) crlf: bool,
    pub(super) exec: Option<PeerCommand>,
}

pub(super) fn listen(
    args: &ListenerArgs,
    report: Settings,
    source: InputSource,
    more: UdpListenExtras,
) -> Result<Listen, Failure> {
    if args.interval.is_some_and(|interval| interval.is_zero()) {
        return Err(refuse("--interval", "it must be longer than 0"));
    }
    let UdpListenExtras { first_peer, crlf, exec } = more;
    let mut common = args.run.common(report, Written::Raw, Wire { crlf, ..DATAGRAMS })?;
    common.input.source = source;
    if exec.is_none() {
        // That of a command is for each peer, and does not end the run.
        args.silence.apply(&mut common);
    }
    Ok(Listen {
        common,
        reply: args.reply.as_deref().map(read_text).transpose()?,
        exec,
        first_peer,
        access: args.access.access(),
        stats: args.stats,
        interval: args.interval,
        sequence: args.seq,
        max_loss: args.max_loss,
    })
}

/// How stdin becomes datagrams.
pub(super) fn datagram_input(args: &InputArgs) -> Result<InputSource, Failure> {
    if let Some(InputForm::Messages(InputFraming::Fixed(size))) = args.input
        && size > MAX_PAYLOAD
    {
        let cause = format!("a datagram holds {MAX_PAYLOAD} bytes at most");
        return Err(refuse(&format!("fixed:{size}"), cause));
    }
    let source = args.source(InputFraming::Line)?;
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

/// The first group and its port.
pub(super) fn first_address(group: &GroupAddress) -> String {
    SocketAddr::new(group.first, group.port).to_string()
}

/// What stands for the time of a `--reply` that has none: no argument has a NUL in it (execve(2)).
pub(super) const REPLY_WITHOUT_TIME: &str = "\0";

fn reply_time(text: &str) -> Result<Duration, String> {
    if text == REPLY_WITHOUT_TIME { Ok(DEFAULT_ANSWER) } else { parse_duration(text) }
}

/// What helps where the time of `--reply` is taken for an address.
pub(super) fn behind_equals(time: &str) -> String {
    format!("a time for --reply needs an =: write --reply={time}")
}
