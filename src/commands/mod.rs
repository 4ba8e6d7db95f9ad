//! The commands: one file each has its arguments, what they mean, and what is run.
//!
//! clap checks each argument by itself and whom it belongs to, `rules` which of them go together,
//! and `config` of a command makes a plain configuration of them. `run` of a command opens what the
//! configuration names and hands a session to `launch`. Each of these runs once, and is `#[cold]` to keep
//! the binary small. Nothing below this floor knows of clap, or of anyhow: the floors below report a
//! [`Failure`](crate::error::Failure), which is found again here.

mod args;
mod assets;
mod chat;
mod claims;
mod cli;
mod datagram;
mod echo;
mod fold;
mod help;
mod help_ends;
mod help_text;
mod hints;
mod launch;
pub mod limits;
mod listening;
mod mcast_join;
mod mcast_send;
mod names;
mod ping;
mod remedies;
mod replay;
mod rules;
mod stream;
mod tcp_connect;
mod tcp_serve;
mod texts;
#[cfg(feature = "tls")]
mod tls;
mod udp_listen;
mod udp_send;
mod usage;
mod via;

pub use args::InputForm;
pub use cli::{Cli, CliCommand, Parsed, parse};
pub use rules::emitters;

use crate::error::Status;
use crate::report::Settings;
use usage::Audience;

/// Runs what the command line asks for.
#[cold]
pub fn run(parsed: &Parsed) -> Status {
    let command = &parsed.cli.command;
    // Before the check: what it refuses is reported in the form that these options ask for.
    let (Some((_, args)), Some(settings)) = (command.shared(), parsed.settings()) else {
        return print(command);
    };
    let outcome = parsed.check().map_err(Into::into);
    match outcome.and_then(|()| start(command, settings.clone())) {
        Ok(status) => status,
        Err(error) => launch::report_failure(&error, Audience::new(settings, args)),
    }
}

fn start(command: &CliCommand, report: Settings) -> anyhow::Result<Status> {
    match command {
        CliCommand::TcpConnect(args) => tcp_connect::run(tcp_connect::config(args, report)?),
        CliCommand::TcpServe(args) => tcp_serve::run(tcp_serve::config(args, report)?),
        CliCommand::UdpSend(args) => udp_send::run(udp_send::config(args, report)?),
        CliCommand::UdpListen(args) => udp_listen::run(udp_listen::config(args, report)?),
        CliCommand::McastJoin(args) => mcast_join::run(mcast_join::config(args, report)?),
        CliCommand::McastSend(args) => mcast_send::run(mcast_send::config(args, report)?),
        CliCommand::Chat(args) => chat::run(chat::config(args, report)?),
        CliCommand::Echo(args) if args.ping => ping::run(ping::config(args, report)?),
        CliCommand::Echo(args) => echo::run(echo::config(args, report)?),
        CliCommand::Help { .. } | CliCommand::Completions { .. } | CliCommand::Man { .. } => {
            Ok(print(command))
        }
    }
}

/// Prints what is embedded.
fn print(command: &CliCommand) -> Status {
    match command {
        CliCommand::Help { command } => {
            let name = command.as_deref().unwrap_or("wirecat");
            assets::printed(help::print(&help::text(name, help::Size::Full)))
        }
        CliCommand::Completions { shell } => assets::print(assets::completions(*shell)),
        CliCommand::Man { command } => assets::print(assets::man(*command)),
        _ => Status::Done,
    }
}
