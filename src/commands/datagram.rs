//! What the datagram commands take, and what it means.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;

use super::args::{InputArgs, InputForm, RunArgs, goal, helpers, input, limits, output, read_text};
use super::rules::refuse;
use crate::error::Failure;
use crate::framing::{Framing, InputFraming};
use crate::multicast::GroupAddress;
use crate::protocol::access::{Access, parse_network};
use crate::protocol::output::Written;
use crate::protocol::pacer::Rate;
use crate::protocol::relay::Rules;
use crate::protocol::sequence_field::SequenceField;
use crate::protocol::values::{parse_duration, parse_percent};
use crate::report::Settings;
use crate::sessions::config::{self, Common, InputSource, Listen, Send, Test, To, Wire};
use crate::sockets::Address;
use crate::sys::mmsg::MAX_PAYLOAD;

const DEFAULT_ANSWER: Duration = Duration::from_secs(1);
/// Each message is a datagram.
const DATAGRAMS: Wire =
    Wire { datagrams: true, framing: Framing::None, max: MAX_PAYLOAD, keep_cr: false, crlf: false };

/// What both senders take
#[derive(Args, Clone, Debug)]
pub struct SenderArgs {
    /// What every command takes.
    #[command(flatten)]
    pub run: RunArgs,
    /// How stdin is read.
    #[command(flatten)]
    pub input: InputArgs,
    /// Send each message N times
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Sending")]
    pub repeat: Option<u64>,
    /// Limit sending: 100/s is messages, 10MiB/s is bytes
    #[arg(long, value_name = "R", help_heading = "Sending")]
    pub rate: Option<Rate>,
    /// Show bytes, rate and time left on stderr, where it is a terminal
    #[arg(long, help_heading = "Events")]
    pub progress: bool,
    /// Print answers until D passes without one [default: 1s]; none is exit status 1
    #[arg(long, value_name = "D", value_parser = parse_duration, num_args = 0..=1, require_equals = true, default_missing_value = "1s", help_heading = "Answers")]
    pub reply: Option<Duration>,
    /// Send from this local address and port
    #[arg(long, value_name = "ADDR", help_heading = "Sockets")]
    pub bind: Option<String>,
}

/// What both listeners take
#[derive(Args, Clone, Debug)]
pub struct ListenerArgs {
    /// What every command takes.
    #[command(flatten)]
    pub run: RunArgs,
    /// End when nothing has come for D: 0 if a message came before, else 1
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub idle_timeout: Option<Duration>,
    /// Answer each message with TEXT
    #[arg(long, value_name = "TEXT", help_heading = "Peers")]
    pub reply: Option<String>,
    /// Listen only to these networks; repeatable
    #[arg(long, value_name = "CIDR", value_parser = parse_network, help_heading = "Peers")]
    pub allow: Vec<IpNet>,
    /// Do not listen to these networks, whatever is allowed; repeatable
    #[arg(long, value_name = "CIDR", value_parser = parse_network, help_heading = "Peers")]
    pub deny: Vec<IpNet>,
    /// Tell per source: messages, rate, loss, duplicates, reordering, jitter, latency
    #[arg(long, help_heading = "Statistics")]
    pub stats: bool,
    /// Tell the statistics of each D as well (with --stats)
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Statistics")]
    pub interval: Option<Duration>,
    /// Where the stream keeps its sequence number: rtp, u32@8, u64le@0 [default: that of --test]
    #[arg(long, value_name = "FIELD", help_heading = "Statistics")]
    pub seq: Option<SequenceField>,
    /// More loss than PCT at the end is exit status 1
    #[arg(long, value_name = "PCT", value_parser = parse_percent, help_heading = "Statistics")]
    pub max_loss: Option<f64>,
}

pub(super) fn parse_all(texts: &[String]) -> Result<Vec<Address>, Failure> {
    Ok(texts.iter().map(|text| text.parse()).collect::<Result<_, _>>()?)
}

pub(super) fn parse_groups(texts: &[String]) -> Result<Vec<GroupAddress>, Failure> {
    Ok(texts.iter().map(|text| text.parse()).collect::<Result<_, _>>()?)
}

pub(super) fn bind(args: &SenderArgs) -> Result<Option<Address>, Failure> {
    let bind = args.bind.as_deref().map(Address::parse_bind).transpose()?;
    match bind {
        Some(Address::Inet { .. }) | None => Ok(bind),
        Some(_) => Err(refuse("--bind", "it takes an IP address and port, such as 10.0.0.5:0")),
    }
}

pub(super) fn send(
    args: &SenderArgs,
    report: Settings,
    test: Option<Test>,
) -> Result<Send, Failure> {
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

/// The peers that a listener receives from and answers.
pub(super) struct PeerSelection {
    pub(super) to: To,
    pub(super) first_peer: bool,
}

pub(super) fn listen(
    args: &ListenerArgs,
    report: Settings,
    source: InputSource,
    peers: PeerSelection,
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
        to: peers.to,
        reply: args.reply.as_deref().map(read_text).transpose()?,
        first_peer: peers.first_peer,
        access: Access { allow: args.allow.clone(), deny: args.deny.clone() },
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
    let source = input(args, InputFraming::Line)?;
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
