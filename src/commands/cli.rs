//! Every command, with the words of `--help`, the man pages and the completions.

use std::ffi::OsString;
use std::io::Write;

use clap::error::{Error, ErrorKind};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use super::args::{self, ReportArgs, RunArgs};
use super::assets;
use super::chat::ChatArgs;
use super::echo::EchoArgs;
use super::help::{self, Size};
use super::help_text::{self, EXAMPLES, EXIT_STATUS};
use super::mcast_join::McastJoinArgs;
use super::mcast_send::McastSendArgs;
use super::reading::{self, InputFile};
use super::rules;
use super::tcp_connect::ConnectArgs;
use super::tcp_serve::ServeArgs;
use super::udp_listen::UdpListenArgs;
use super::udp_send::UdpSendArgs;
use super::usage;
use crate::error::{Failure, Remedy, Status};
use crate::report::{Name, Settings, Verbosity};

/// A netcat for people who script: stdin to the wire, the wire to stdout, events to stderr, and
/// an exit status that shows whether anything was lost
#[derive(Debug, Parser)]
#[command(name = "wirecat", version, propagate_version = true)]
#[command(disable_help_flag = true, disable_help_subcommand = true, arg = help::option())]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}"))]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(mut_subcommands(help_text::adapt), mut_subcommands(rules::adapt))]
pub struct Cli {
    /// Options that may stand before the command as well.
    #[command(flatten)]
    pub report: ReportArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: CliCommand,
}

/// The commands that there is help for.
const COMMANDS: [&str; 11] = [
    "tcp-connect",
    "tcp-serve",
    "udp-send",
    "udp-listen",
    "mcast-join",
    "mcast-send",
    "chat",
    "echo",
    "help",
    "completions",
    "man",
];

/// The commands.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Connect to a stream server: stdin to it, its answer to stdout
    #[command(name = "tcp-connect")]
    TcpConnect(Box<ConnectArgs>),
    /// Serve stream clients: stdin to all of them, all of them to stdout
    #[command(name = "tcp-serve")]
    TcpServe(Box<ServeArgs>),
    /// Send datagrams: each line of stdin is one
    #[command(name = "udp-send")]
    UdpSend(Box<UdpSendArgs>),
    /// Receive datagrams of all peers to stdout, and send them stdin
    #[command(name = "udp-listen")]
    UdpListen(Box<UdpListenArgs>),
    /// Join multicast groups: what is sent to them to stdout
    #[command(name = "mcast-join")]
    McastJoin(Box<McastJoinArgs>),
    /// Send datagrams to multicast groups: each line of stdin is one
    #[command(name = "mcast-send")]
    McastSend(Box<McastSendArgs>),
    /// Chat: join a room, host one, or meet in a multicast group
    Chat(Box<ChatArgs>),
    /// Send back what comes, or with --ping measure how long that takes
    Echo(Box<EchoArgs>),
    /// Print the help of a command
    Help {
        /// The command [default: wirecat itself]
        #[arg(value_parser = COMMANDS, hide_possible_values = true)]
        command: Option<String>,
    },
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print a man page (try `wirecat man tcp-serve | man -l -`)
    Man {
        /// What the page is about [default: wirecat itself]
        command: Option<Page>,
    },
}

impl CliCommand {
    /// What every command that runs a session takes.
    pub(super) fn shared(&self) -> Option<(&ReportArgs, &RunArgs)> {
        match self {
            Self::TcpConnect(args) => Some((&args.report, &args.stream.run)),
            Self::TcpServe(args) => Some((&args.report, &args.stream.run)),
            Self::UdpSend(args) => Some((&args.report, &args.sender.run)),
            Self::UdpListen(args) => Some((&args.report, &args.listener.run)),
            Self::McastJoin(args) => Some((&args.report, &args.listener.run)),
            Self::McastSend(args) => Some((&args.report, &args.sender.run)),
            Self::Chat(args) => Some((&args.report, &args.run)),
            Self::Echo(args) => Some((&args.report, &args.run)),
            Self::Help { .. } | Self::Completions { .. } | Self::Man { .. } => None,
        }
    }
}

/// The shells with completions
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
    /// Elvish
    Elvish,
    /// Nushell
    Nushell,
}

/// What there is a page of
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Page {
    /// `wirecat-tcp-connect(1)`
    TcpConnect,
    /// `wirecat-tcp-serve(1)`
    TcpServe,
    /// `wirecat-udp-send(1)`
    UdpSend,
    /// `wirecat-udp-listen(1)`
    UdpListen,
    /// `wirecat-mcast-join(1)`
    McastJoin,
    /// `wirecat-mcast-send(1)`
    McastSend,
    /// `wirecat-chat(1)`
    Chat,
    /// `wirecat-echo(1)`
    Echo,
    /// `wirecat-from-nc(7)`: what nc, ncat and socat are here
    FromNc,
    /// `wirecat-events(7)`: what programs read
    Events,
    /// The events as a JSON Schema
    EventsSchema,
}

/// A command line that is right in itself.
pub struct Parsed {
    /// What was asked for.
    pub cli: Cli,
    command: clap::Command,
    matches: ArgMatches,
}

impl Parsed {
    /// Reads a command line; the first word is the name of the program.
    ///
    /// # Errors
    /// Help or the version is asked for, or the usage is wrong.
    pub fn of(words: impl IntoIterator<Item = OsString>) -> Result<Self, Error> {
        // Not by `Cli::parse()`: the rules ask the matches which values were typed and which are
        // defaults.
        let mut command = Cli::command();
        let matches = command.try_get_matches_from_mut(words)?;
        let cli = Cli::from_arg_matches(&matches)?;
        if let CliCommand::TcpConnect(args) = &cli.command
            && let Some(word) = args.extra_address()
        {
            return Err(usage::superfluous(&mut command, "tcp-connect", word));
        }
        Ok(Self { cli, command, matches })
    }

    /// Whether all options that were typed can apply.
    ///
    /// # Errors
    /// A bad address, or an option that cannot.
    #[cold]
    pub fn check(&self) -> Result<(), Failure> {
        let (Some((command, typed)), Some(settings)) = (self.typed(), self.settings()) else {
            return Ok(());
        };
        rules::check(command, typed)?;
        let is_quiet = settings.verbosity == Verbosity::Quiet;
        rules::check_events((command, typed), &settings.events, is_quiet)
    }

    /// What it says about events, before the command and after it.
    pub(super) fn settings(&self) -> Option<Settings> {
        let (after, run) = self.cli.command.shared()?;
        Some(args::report(&self.cli.report, after, run))
    }

    /// The files that it reads before it begins.
    pub(super) fn input_files(&self) -> Vec<InputFile> {
        self.typed().map(|(_, typed)| reading::input_files(typed)).unwrap_or_default()
    }

    /// Whether this command line can report an event.
    pub fn emits(&self, event: Name) -> bool {
        let is_selected = self.settings().is_some_and(|settings| settings.events.has(event));
        let can = |(command, typed)| rules::emits(command, typed, event);
        is_selected && self.typed().is_some_and(can)
    }

    fn typed(&self) -> Option<(&clap::Command, &ArgMatches)> {
        let (name, typed) = self.matches.subcommand()?;
        Some((self.command.find_subcommand(name)?, typed))
    }
}

/// Reads the command line, or ends the process: help and version with 0, a usage error with 2.
pub fn parse() -> Parsed {
    Remedy::set_words(words);
    let words: Vec<OsString> = std::env::args_os().collect();
    let status = match Parsed::of(words.iter().cloned()) {
        Ok(parsed) => return parsed,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            let (name, size) = help::asked(&words).unwrap_or(("wirecat".to_owned(), Size::Full));
            assets::printed(help::print(&help::text(&name, size)))
        }
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
            assets::printed(writeln!(std::io::stdout(), "wirecat {}", env!("CARGO_PKG_VERSION")))
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // Where stderr fails, the status is what is left.
            let _ = write!(anstream::stderr(), "{}", help::text("wirecat", Size::Brief).ansi());
            Status::Usage
        }
        Err(error) => usage::report(&error, words.get(1..).unwrap_or_default()),
    };
    std::process::exit(status.code().into())
}

/// The commands and options that a user has for it.
fn words(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::Groups => "use mcast-join or mcast-send",
        Remedy::Machines => "use udp-listen or udp-send",
        Remedy::SendFrom => "to send from {} use --bind {}",
        Remedy::Datagrams => "it is a datagram socket: use udp-send",
        Remedy::Streams => "it is a stream socket: use tcp-connect",
        Remedy::Packets => "it is a SEQPACKET socket, which no command supports",
        Remedy::Broadcast => "a broadcast address needs --broadcast",
        Remedy::Busy => "try again later, or use --wait",
        Remedy::Inherited => "the parent process must open it before it starts wirecat",
        Remedy::Activation => {
            "start wirecat from a .socket unit or systemd-socket-activate, or name an fd:N"
        }
        Remedy::BindFamily => "--bind gives no address of this family",
        Remedy::Options => "-O",
    }
}
