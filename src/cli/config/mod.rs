//! From arguments to configurations: defaults that depend on each other, and combinations that
//! cannot work. Whatever cannot apply is refused here with exit status 2; nothing is ignored.
//!
//! This file has what all commands share; `stream` and `datagram` have the rest, `partners` what
//! connections are relayed to.

mod chat;
mod datagram;
mod echo;
mod partners;
mod replay;
mod stream;

use super::args::{FamilyArgs, InputArgs, InputForm, LogForm, ReportArgs, RunArgs, When};
use super::text;
use crate::error::{Failure, Status};
use crate::framing::{Framing, Input};
use crate::kind::Kind;
use crate::protocol::command::Form;
use crate::protocol::output::{Output, Written};
use crate::protocol::relay::Rules;
use crate::report::{Color, Log, Settings, Verbosity};
use crate::sessions::children::Program;
use crate::sessions::config::{Common, Scripting};
use crate::sessions::ready::{Readiness, ReadyFd};
use crate::sockets::{Address, Family, SocketOptions};

pub use chat::chat;
pub use datagram::{mcast_join, mcast_send, udp_listen, udp_send};
pub use echo::{echo, ping};
pub use stream::{connect, serve};

const NOT_IP: &str = "it speaks of IP addresses, and this is another kind of socket";
const ONE_PURPOSE: &str = "stdin can be read for one purpose only (-n frees it)";
const NO_STDIN: &str = "-n says that there is no stdin";

/// A combination that cannot work: `cannot use OPTION: CAUSE`.
fn refuse(option: &str, cause: impl Into<String>) -> Failure {
    Failure::new(Status::Usage, Kind::Usage, "use", option, cause)
}

/// Refuses the first option that is given and cannot apply.
fn refuse_any(given: &[(bool, &str)], cause: &str) -> Result<(), Failure> {
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

/// What all commands share, before a command adds its own: no stdin, no framing.
fn common(args: &RunArgs, family: &FamilyArgs, report: Settings) -> Result<Common, Failure> {
    Ok(Common {
        timeout: args.timeout,
        idle_timeout: None,
        read_timeout: None,
        wait: args.wait,
        count: args.count,
        expect: args.expect.clone(),
        send: Vec::new(),
        rate: None,
        progress: false,
        stdin: false,
        input: Input::Raw,
        commands: None,
        chomp: false,
        output: args.output.unwrap_or(Output::Written(Written::Raw)),
        datagrams: false,
        framing: Framing::None,
        max_frame: 0,
        keep_cr: false,
        crlf: false,
        rules: Rules::default(),
        family: family_of(family),
        options: socket_options(&args.socket_option)?,
        record: args.record.clone(),
        report,
        scripting: scripting(args)?,
    })
}

/// Other programs that have a part in the run.
fn scripting(args: &RunArgs) -> Result<Scripting, Failure> {
    Ok(Scripting {
        readiness: Readiness {
            port_file: args.port_file.clone(),
            ready_fd: args.ready_fd.map(ReadyFd::new).transpose()?,
        },
        command: Program::new(args.command.iter().cloned()),
        hooks: args.on.clone(),
    })
}

/// Whether there may be a port: an inherited socket is not looked at before it is used.
fn has_ports(addresses: &[Address]) -> bool {
    addresses.iter().any(|address| !matches!(address, Address::Unix(_)))
}

/// A port file needs a port.
fn check_port_file(args: &RunArgs, addresses: &[Address]) -> Result<(), Failure> {
    if !has_ports(addresses) {
        refuse_any(&[(args.port_file.is_some(), "--port-file")], "a unix socket has no port")?;
    }
    Ok(())
}

/// How stdin is cut into messages, where it is there at all.
fn set_input(common: &mut Common, args: &InputArgs, default: Input) -> Result<(), Failure> {
    if !args.send.is_empty() {
        return set_texts(common, args);
    }
    let (input, commands) = match args.input {
        Some(InputForm::Commands(form)) => (Input::Line, Some(form)),
        Some(InputForm::Messages(input)) => (input, None),
        None => (default, None),
    };
    if args.no_stdin {
        let given = [(args.input.is_some(), "--input"), (args.chomp, "--chomp")];
        refuse_any(&given, NO_STDIN)?;
    }
    if args.chomp && (input != Input::Line || commands == Some(Form::Json)) {
        return Err(refuse("--chomp", "it needs --input line or commands"));
    }
    common.stdin = !args.no_stdin;
    common.input = input;
    common.commands = commands;
    common.chomp = args.chomp;
    Ok(())
}

/// `--send` in place of stdin.
fn set_texts(common: &mut Common, args: &InputArgs) -> Result<(), Failure> {
    let given = [(args.no_stdin, "-n"), (args.input.is_some(), "--input"), (args.chomp, "--chomp")];
    refuse_any(&given, "--send stands in the place of stdin")?;
    check_stdin_takers(&args.send)?;
    common.send = args.send.iter().map(|text| text::read(text)).collect::<Result<_, _>>()?;
    common.stdin = true;
    Ok(())
}

/// Two readers of stdin would each get a part of it.
fn check_stdin_takers<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<(), Failure> {
    let takers = texts.into_iter().filter(|text| text::takes_stdin(Some(text))).count();
    if takers > 1 { Err(refuse("@-", ONE_PURPOSE)) } else { Ok(()) }
}

/// `-4` and `-6`.
fn family_of(args: &FamilyArgs) -> Family {
    match (args.v4, args.v6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    }
}

/// All `-O` together.
fn socket_options(texts: &[String]) -> Result<SocketOptions, Failure> {
    let mut options = SocketOptions::default();
    for text in texts {
        options.set(text).map_err(|error| refuse(&format!("-O {text}"), error.to_string()))?;
    }
    Ok(options)
}

/// Where each message is offered first, one held back would wait for an answer to the last.
fn check_nodelay(framing: Framing, args: &RunArgs) -> Result<(), Failure> {
    match framing {
        Framing::Tinyproto => refuse_delay(args, "--frame tinyproto waits for each answer"),
        _ => Ok(()),
    }
}

fn refuse_delay(args: &RunArgs, why: &str) -> Result<(), Failure> {
    let is_off = |option: &String| {
        let value = option.strip_prefix("nodelay=");
        value.is_some_and(|value| ["off", "no", "false", "0"].contains(&value))
    };
    match args.socket_option.iter().any(is_off) {
        true => Err(refuse("-O nodelay", why)),
        false => Ok(()),
    }
}

/// A size as this machine counts; beyond its memory all sizes are alike.
fn as_usize(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
