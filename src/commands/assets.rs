//! The completions and man pages: made from the definitions of the command line (`tests/assets`),
//! deflated by `src/build.rs`, and embedded.

use std::io::{self, Write};

use miniz_oxide::inflate;

use super::cli::{Page, Shell};
use crate::error::{Failure, Status};
use crate::sys::startup::check_writable;

/// An embedded text, still deflated.
pub(super) struct Asset(&'static [u8]);

macro_rules! deflated {
    ($name:literal) => {
        Asset(include_bytes!(concat!(env!("OUT_DIR"), "/", $name)))
    };
}

/// The completions for a shell.
pub(super) fn completions(shell: Shell) -> Asset {
    match shell {
        Shell::Bash => deflated!("wirecat.bash"),
        Shell::Zsh => deflated!("_wirecat"),
        Shell::Fish => deflated!("wirecat.fish"),
        Shell::Powershell => deflated!("_wirecat.ps1"),
        Shell::Elvish => deflated!("wirecat.elv"),
        Shell::Nushell => deflated!("wirecat.nu"),
    }
}

/// A man page, in roff; the schema of the events, in JSON.
pub(super) fn man(page: Option<Page>) -> Asset {
    match page {
        None => deflated!("wirecat.1"),
        Some(Page::TcpConnect) => deflated!("wirecat-tcp-connect.1"),
        Some(Page::TcpServe) => deflated!("wirecat-tcp-serve.1"),
        Some(Page::UdpSend) => deflated!("wirecat-udp-send.1"),
        Some(Page::UdpListen) => deflated!("wirecat-udp-listen.1"),
        Some(Page::McastJoin) => deflated!("wirecat-mcast-join.1"),
        Some(Page::Chat) => deflated!("wirecat-chat.1"),
        Some(Page::McastSend) => deflated!("wirecat-mcast-send.1"),
        Some(Page::Echo) => deflated!("wirecat-echo.1"),
        Some(Page::FromNc) => deflated!("wirecat-from-nc.7"),
        Some(Page::Events) => deflated!("wirecat-events.7"),
        Some(Page::EventsSchema) => deflated!("wirecat-events.schema.json"),
    }
}

/// Prints a text; a reader that leaves early has seen enough.
pub(super) fn print(asset: Asset) -> Status {
    let Ok(text) = inflate::decompress_to_vec(asset.0) else { return Status::Local };
    printed(std::io::stdout().write_all(&text))
}

/// What the outcome of printing to stdout means.
pub(super) fn printed(outcome: io::Result<()>) -> Status {
    match check_writable(io::stdout()).and(outcome).and_then(|()| io::stdout().flush()) {
        // Rust ignores SIGPIPE, so a pager that has ended shows as EPIPE; that is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let failure = Failure::io(Status::Local, "write to", "stdout", &error);
            // Where stderr fails too, the status is what is left.
            let _ = writeln!(io::stderr(), "wirecat: {failure}");
            Status::Local
        }
        _ => Status::Done,
    }
}
