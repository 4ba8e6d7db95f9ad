//! The options that all commands have, or all that read stdin, and what they mean.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Arg, ArgAction, Args, ValueEnum, ValueHint};

use super::claims::{check_stdin_takers, texts_of_stdin};
use super::outputs::check_given;
use super::reading::read_text;
use super::rules::refuse;
use crate::error::Failure;
use crate::framing::InputFraming;
use crate::protocol::command::CommandForm;
use crate::protocol::expect::Expect;
use crate::protocol::output::{self, Written};
use crate::protocol::pacer::Rate;
use crate::protocol::relay::Rules;
use crate::report::{Color, EventSelection, Log, Settings, Terminals, Verbosity};
use crate::sessions::children::Program;
use crate::sessions::config::{
    Common, Goal, Helpers, Hook, InputConfig, InputSource, Limits, Net, OutputConfig, Wire,
};
use crate::sessions::ready::{ReadyFd, ReadyTargets};
use crate::sessions::recorder::RecordTarget;
use crate::sockets::{Family, SocketOptions};
use crate::values::{parse_count, parse_duration};

/// How events are reported
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Events")]
pub struct ReportArgs {
    /// Show connections and the summary too (-vv: every message as well)
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Show only errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Report these events alone, as accepted,data, or all but these, as -data,-sent; error and
    /// summary always. Events that are named need no -v; hooks of --on run all the same
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    pub events: Option<EventSelection>,
    /// The form of the events on stderr: text or json [default: text]
    #[arg(long, value_name = "FORM", hide_possible_values = true)]
    pub log: Option<LogForm>,
    /// When to colour the events: auto, always or never [default: auto]
    #[arg(long, value_name = "WHEN", hide_possible_values = true)]
    pub color: Option<When>,
    /// Put TEXT into every event
    #[arg(long, value_name = "TEXT")]
    pub tag: Option<String>,
}

/// What every command takes
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// End the whole run after D, with exit status 124
    #[arg(short = 'w', long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub timeout: Option<Duration>,
    /// Patience for the other side
    #[arg(long, value_name = "D", value_parser = parse_duration, help_heading = "Limits")]
    pub wait: Option<Duration>,
    /// Stop after N messages received; fewer is exit status 1
    #[arg(short, long, value_name = "N", value_parser = parse_count, help_heading = "Limits")]
    pub count: Option<u64>,
    /// Stop once what is received has a match, anywhere in it; none is exit status 1. ^ and $ are the ends of lines, LF or CRLF
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true, help_heading = "Limits")]
    pub expect: Option<Expect>,

    /// How messages are written: raw, line, nul, hex, dump, json or none [default: raw; line with --frame]
    #[arg(long, value_name = "FORM", help_heading = "Input and output")]
    pub output: Option<output::Output>,

    /// Record both directions to FILE as NDJSON, or as pcapng where its name ends in .pcapng;
    /// pcapng:FILE and ndjson:FILE choose the form, - is a stdout that has no data
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Input and output")]
    pub record: Option<OsString>,

    /// Set a socket option
    #[arg(short = 'O', value_name = "KEY=VALUE", help_heading = "Sockets")]
    pub socket_option: Vec<String>,

    /// When ready, write the local ports to FILE, one a line; - is a stdout that has no data
    #[arg(long, value_name = "FILE", help_heading = "Scripting")]
    pub port_file: Option<PathBuf>,
    /// When ready, write a newline to descriptor N and close it (NOTIFY_SOCKET needs no option)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(3..), help_heading = "Scripting")]
    pub ready_fd: Option<i32>,
    /// Run CMD on each EVENT (those of a command: man events), its JSON on stdin; repeatable
    #[arg(long, value_name = "EVENT=CMD", help_heading = "Scripting")]
    pub on: Vec<Hook>,
    /// Run CMD when ready, with WIRECAT_ADDR, WIRECAT_HOST and WIRECAT_PORT. Its end ends the run,
    /// its status is the exit status; a run that ends first waits for it, or ends it on a failure
    #[arg(last = true, value_name = "CMD", help_heading = None::<&str>)]
    pub command: Vec<OsString>,
}

/// What is sent
#[derive(Args, Clone, Debug)]
pub struct SourceArgs {
    /// Send TEXT in place of stdin; repeatable, one message each
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub send: Vec<OsString>,
    /// Ignore stdin: nothing is sent, and nothing half-closed
    #[arg(short, long)]
    pub no_stdin: bool,
}

/// How fast it is sent
#[derive(Args, Clone, Debug)]
pub struct PaceArgs {
    /// Limit sending: 10MiB/s is bytes, 100/s is messages (with --frame)
    #[arg(long, value_name = "R")]
    pub rate: Option<Rate>,
    /// Show bytes, rate and time left on stderr, where it is a terminal
    #[arg(long, help_heading = "Events")]
    pub progress: bool,
}

/// How long silence may last
#[derive(Args, Clone, Debug)]
pub struct SilenceArgs {
    /// End a connection that has no traffic for D
    #[arg(long, value_name = "D", value_parser = parse_duration)]
    pub idle_timeout: Option<Duration>,
}

/// How stdin is read
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Input and output")]
pub struct InputArgs {
    /// Whether it is read.
    #[command(flatten)]
    pub source: SourceArgs,
    /// How stdin is cut into messages: raw, line, nul, hex or fixed:N
    #[arg(long, value_name = "FORM")]
    pub input: Option<InputForm>,
    /// Send lines without their LF
    #[arg(long)]
    pub chomp: bool,
    /// Send CR LF for each LF
    #[arg(short = 'C', long)]
    pub crlf: bool,
}

/// What stdin gives: messages, or commands
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputForm {
    /// Messages, cut in this way.
    Messages(InputFraming),
    /// Commands, written in this way.
    Commands(CommandForm),
}

impl FromStr for InputForm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(form) => Ok(Self::Commands(form)),
            Err(_) => match text.parse() {
                Ok(input) => Ok(Self::Messages(input)),
                // The list of an unknown word goes on; what is wrong with a size is no list.
                Err(wrong) if text.starts_with("fixed:") => Err(wrong),
                Err(wrong) => Err(format!("{wrong}, commands or json")),
            },
        }
    }
}

/// Playing a recording
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Input and output")]
pub struct ReplayArgs {
    /// Play this side of the recording in FILE (of --record), and compare what the other side sends;
    /// - is stdin
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// Keep the recorded pauses (with --replay)
    #[arg(long)]
    pub replay_timing: bool,
}

/// Which addresses of a name count
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Sockets")]
pub struct FamilyArgs {
    /// Use IPv4 only
    #[arg(short = '4', conflicts_with = "v6")]
    pub v4: bool,
    /// Use IPv6 only
    #[arg(short = '6')]
    pub v6: bool,
}

/// The form of the events
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogForm {
    /// Lines of words
    Text,
    /// One JSON object a line
    Json,
}

/// When something is done
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal (NO_COLOR and CLICOLOR_FORCE are honoured)
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How an option is written, the long name first.
pub(super) fn spellings(arg: &Arg) -> impl Iterator<Item = String> + use<> {
    let long = arg.get_long().map(|long| format!("--{long}"));
    let short = arg.get_short().map(|short| format!("-{short}"));
    [long, short].into_iter().flatten()
}

/// Where a number belongs, `-5s` is a bad number and not an option `-5` in disguise.
pub(super) fn take_hyphens(arg: Arg) -> Arg {
    let names = arg.get_value_names().unwrap_or_default();
    let is_number =
        names.iter().any(|name| ["D", "N", "PCT", "SIZE", "MODE"].contains(&name.as_str()));
    if is_number { arg.allow_hyphen_values(true) } else { arg }
}

/// The settings for events, from before the command and after it; the later one wins.
pub(super) fn report(before: &ReportArgs, after: &ReportArgs, run: &RunArgs) -> Settings {
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
    let events = after.events.or(before.events).unwrap_or_default();
    let is_on_stdout = run.output == Some(output::Output::Json);
    let events = if is_on_stdout { events } else { events.on_stderr() };
    let tag = after.tag.clone().or_else(|| before.tag.clone());
    let terminals = Terminals::look();
    Settings { verbosity, events, log, color, tag, terminals, ..Settings::default() }
}

fn record_target(typed: &OsStr) -> Result<RecordTarget, Failure> {
    let target = RecordTarget::new(typed);
    match target.file.as_os_str().is_empty() {
        true => Err(refuse("--record", "the name of the file is missing")),
        false => check_given("--record", &target.file).map(|()| target),
    }
}

impl RunArgs {
    /// What the run is asked to do by these options alone, on such a wire. `default` is how messages
    /// are written without `--output`.
    #[cold]
    pub(super) fn common(
        &self,
        report: Settings,
        default: Written,
        wire: Wire,
    ) -> Result<Common, Failure> {
        let command = Program::new(self.command.iter().cloned());
        command.as_ref().map_or(Ok(()), Program::check)?;
        self.port_file.as_deref().map_or(Ok(()), |file| check_given("--port-file", file))?;
        Ok(Common {
            limits: Limits { timeout: self.timeout, wait: self.wait, ..Limits::default() },
            goal: Goal { count: self.count, left: None, expect: self.expect.clone() },
            input: InputConfig::default(),
            output: OutputConfig {
                form: self.output.unwrap_or(output::Output::Written(default)),
                is_raw: self.output == Some(output::Output::Written(Written::Raw)),
                report,
                progress: false,
            },
            wire,
            rules: Rules::default(),
            helpers: Helpers {
                readiness: ReadyTargets {
                    port_file: self.port_file.clone(),
                    ready_fd: self.ready_fd.map(ReadyFd::new).transpose()?,
                },
                command,
                hooks: self.on.clone(),
                record: self.record.as_deref().map(record_target).transpose()?,
            },
            warnings: Vec::new(),
        })
    }

    /// How sockets are opened.
    #[cold]
    pub(super) fn net(&self, family: Family) -> Result<Net, Failure> {
        let mut options = SocketOptions::default();
        for text in &self.socket_option {
            let option = format!("-O {text}");
            options.set(text).map_err(|error| refuse(option.trim_end(), error.to_string()))?;
        }
        Ok(Net { family, options, ..Net::default() })
    }
}

/// What silence means to a listener, which has no connections.
pub(super) fn ends_a_listener(arg: Arg) -> Arg {
    match arg.get_id() == "idle_timeout" {
        true => arg.help("End when nothing has come for D: 0 if a message came before, else 1"),
        false => arg,
    }
}

impl SilenceArgs {
    pub(super) fn apply(&self, common: &mut Common) {
        common.limits.idle = self.idle_timeout;
    }
}

impl PaceArgs {
    /// Sets the rate of the input, and whether its progress is shown.
    pub(super) fn apply(&self, common: &mut Common) {
        common.input.rate = self.rate;
        common.output.progress = self.progress;
    }
}

impl SourceArgs {
    /// What is sent: the texts of `--send`, nothing, or what stdin `gives`.
    pub(super) fn source(&self, gives: InputSource) -> Result<InputSource, Failure> {
        if self.send.is_empty() {
            return Ok(if self.no_stdin { InputSource::Nothing } else { gives });
        }
        check_stdin_takers(texts_of_stdin(&self.send))?;
        let texts = self.send.iter().map(|text| read_text(text)).collect::<Result<_, _>>()?;
        Ok(InputSource::Texts(texts))
    }

    /// Whether stdin is read.
    pub(super) fn reads_stdin(&self) -> bool {
        self.send.is_empty() && !self.no_stdin
    }
}

impl InputArgs {
    /// How stdin is cut into messages, where it is there at all.
    pub(super) fn source(&self, default: InputFraming) -> Result<InputSource, Failure> {
        let chomp = self.chomp;
        self.source.source(match self.input {
            Some(InputForm::Commands(form)) => InputSource::Commands { form, chomp },
            Some(InputForm::Messages(form)) => InputSource::Messages { form, chomp },
            None => InputSource::Messages { form: default, chomp },
        })
    }
}

impl FamilyArgs {
    pub(super) fn family(&self) -> Family {
        match (self.v4, self.v6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        }
    }
}

/// Addresses, as they are written.
pub(super) fn parse_addresses<'a, T: TryFrom<&'a OsStr>>(
    texts: &'a [OsString],
) -> Result<Vec<T>, Failure>
where
    Failure: From<T::Error>,
{
    texts.iter().map(|text| Ok(T::try_from(text)?)).collect()
}

/// Groups, as they are written.
pub(super) fn parse_all<T: FromStr>(texts: &[String]) -> Result<Vec<T>, Failure>
where
    Failure: From<T::Err>,
{
    texts.iter().map(|text| Ok(text.parse()?)).collect()
}

/// A size as this machine counts; beyond its memory all sizes are alike.
pub(super) fn as_usize(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
