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

use std::time::Duration;

use super::args::{FamilyArgs, InputArgs, InputForm, LogForm, ReportArgs, RunArgs, When};
use super::rules::{ONE_PURPOSE, refuse};
use super::text;
use crate::error::Failure;
use crate::framing::Input;
use crate::protocol::output::{self, Written};
use crate::report::{Color, Log, Settings, Verbosity};
use crate::sessions::children::Program;
use crate::sessions::config::{Goal, Helpers, InputSource, Limits, Net, Output};
use crate::sessions::ready::{Readiness, ReadyFd};
use crate::sockets::{Family, SocketOptions};

pub use chat::chat;
pub use datagram::{mcast_join, mcast_send, udp_listen, udp_send};
pub use echo::{echo, ping};
pub use stream::{connect, serve};

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

/// How long things may take. Only streams have a limit for one message.
fn limits(args: &RunArgs, idle: Option<Duration>, read: Option<Duration>) -> Limits {
    Limits { timeout: args.timeout, idle, read, wait: args.wait }
}

/// What the run is for.
fn goal(args: &RunArgs) -> Goal {
    Goal { count: args.count, expect: args.expect.clone() }
}

/// What is shown; `default` is how messages are written where nothing was said.
fn output(args: &RunArgs, default: Written, report: Settings, progress: bool) -> Output {
    Output { form: args.output.unwrap_or(output::Output::Written(default)), report, progress }
}

/// How sockets are opened.
fn net(args: &RunArgs, family: &FamilyArgs) -> Result<Net, Failure> {
    Ok(Net { family: family_of(family), options: socket_options(&args.socket_option)? })
}

/// Other programs that have a part in the run.
fn helpers(args: &RunArgs) -> Result<Helpers, Failure> {
    Ok(Helpers {
        readiness: Readiness {
            port_file: args.port_file.clone(),
            ready_fd: args.ready_fd.map(ReadyFd::new).transpose()?,
        },
        command: Program::new(args.command.iter().cloned()),
        hooks: args.on.clone(),
        record: args.record.clone(),
    })
}

/// How stdin is cut into messages, where it is there at all.
fn input(args: &InputArgs, default: Input) -> Result<InputSource, Failure> {
    if !args.send.is_empty() {
        return texts(args);
    }
    let chomp = args.chomp;
    if args.no_stdin {
        return Ok(InputSource::Nothing);
    }
    Ok(match args.input {
        Some(InputForm::Commands(form)) => InputSource::Commands { form, chomp },
        Some(InputForm::Messages(form)) => InputSource::Messages { form, chomp },
        None => InputSource::Messages { form: default, chomp },
    })
}

/// `--send` in place of stdin.
fn texts(args: &InputArgs) -> Result<InputSource, Failure> {
    check_stdin_takers(&args.send)?;
    read_texts(&args.send)
}

/// All texts of `--send`.
fn read_texts(texts: &[String]) -> Result<InputSource, Failure> {
    let texts = texts.iter().map(|text| text::read(text)).collect::<Result<_, _>>()?;
    Ok(InputSource::Texts(texts))
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

/// A size as this machine counts; beyond its memory all sizes are alike.
fn as_usize(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
