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
mod outputs;
mod ping;
mod reading;
mod replay;
mod rules;
mod stream;
mod tcp_connect;
mod tcp_serve;
#[cfg(feature = "tls")]
mod tls;
mod udp_listen;
mod udp_send;
mod usage;
mod via;

pub use args::InputForm;
pub use cli::{Cli, CliCommand, Parsed, parse};
pub use rules::emitters;

use std::io::{self, IsTerminal, Write};

use crate::error::Status;
use crate::report::Settings;
use cli::Page;
use usage::Audience;

/// Runs what the command line asks for.
#[cold]
pub fn run(parsed: &Parsed) -> Status {
    let command = &parsed.cli.command;
    // Before the check: what it refuses is reported in the form that these options ask for.
    let (Some((_, args)), Some(settings)) = (command.shared(), parsed.settings()) else {
        return print(command);
    };
    let files = parsed.input_files();
    let checked = parsed.check().and_then(|()| outputs::check_input_files(args, &files));
    let ready = checked.map_err(Into::into).and_then(|()| {
        let configure = || configure(command, settings.clone());
        reading::watched(&reading::endless(&files), &settings, args, configure)
    });
    match ready.and_then(|run| run()) {
        Ok(status) => status,
        Err(error) => launch::report_failure(&error, Audience::new(settings, args)),
    }
}

/// A command that knows all that it is to do.
type Ready = Box<dyn FnOnce() -> anyhow::Result<Status>>;

/// Reads what the options name, and makes the configuration of a command.
fn configure(command: &CliCommand, report: Settings) -> anyhow::Result<Ready> {
    fn ready<C: 'static>(config: C, run: fn(C) -> anyhow::Result<Status>) -> Ready {
        Box::new(move || run(config))
    }
    Ok(match command {
        CliCommand::TcpConnect(args) => ready(tcp_connect::config(args, report)?, tcp_connect::run),
        CliCommand::TcpServe(args) => ready(tcp_serve::config(args, report)?, tcp_serve::run),
        CliCommand::UdpSend(args) => ready(udp_send::config(args, report)?, udp_send::run),
        CliCommand::UdpListen(args) => ready(udp_listen::config(args, report)?, udp_listen::run),
        CliCommand::McastJoin(args) => ready(mcast_join::config(args, report)?, mcast_join::run),
        CliCommand::McastSend(args) => ready(mcast_send::config(args, report)?, mcast_send::run),
        CliCommand::Chat(args) => ready(chat::config(args, report)?, chat::run),
        CliCommand::Echo(args) if args.ping => ready(ping::config(args, report)?, ping::run),
        CliCommand::Echo(args) => ready(echo::config(args, report)?, echo::run),
        CliCommand::Help { .. } | CliCommand::Completions { .. } | CliCommand::Man { .. } => {
            let status = print(command);
            Box::new(move || Ok(status))
        }
    })
}

/// Prints what is embedded.
fn print(command: &CliCommand) -> Status {
    match command {
        CliCommand::Help { command } => {
            let name = command.as_deref().unwrap_or("wirecat");
            assets::printed(help::print(&help::text(name, help::Size::Full)))
        }
        CliCommand::Completions { shell } => assets::print(assets::completions(*shell)),
        CliCommand::Man { command } => {
            let status = assets::print(assets::man(*command));
            // What a terminal shows of a page is its source. Not every man(1) elsewhere has -l.
            let is_page = status == Status::Done && *command != Some(Page::EventsSchema);
            if cfg!(target_os = "linux") && is_page && io::stdout().is_terminal() {
                let _ = writeln!(io::stderr(), "hint: to read it, append ` | man -l -`");
            }
            status
        }
        _ => Status::Done,
    }
}
