//! The completions and man pages, made from the definitions of the command line and embedded.

use std::io::Write;

use crate::cli::args::{Page, Shell};
use crate::error::Status;

/// The completions for a shell.
pub(super) fn completions(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => include_str!("../../completions/wirecat.bash"),
        Shell::Zsh => include_str!("../../completions/_wirecat"),
        Shell::Fish => include_str!("../../completions/wirecat.fish"),
        Shell::Powershell => include_str!("../../completions/_wirecat.ps1"),
        Shell::Elvish => include_str!("../../completions/wirecat.elv"),
        Shell::Nushell => include_str!("../../completions/wirecat.nu"),
    }
}

/// A man page, in roff; the schema of the events, in JSON.
pub(super) fn man(page: Option<Page>) -> &'static str {
    match page {
        None => include_str!("../../man/wirecat.1"),
        Some(Page::TcpConnect) => include_str!("../../man/wirecat-tcp-connect.1"),
        Some(Page::TcpServe) => include_str!("../../man/wirecat-tcp-serve.1"),
        Some(Page::UdpSend) => include_str!("../../man/wirecat-udp-send.1"),
        Some(Page::UdpListen) => include_str!("../../man/wirecat-udp-listen.1"),
        Some(Page::McastJoin) => include_str!("../../man/wirecat-mcast-join.1"),
        Some(Page::Chat) => include_str!("../../man/wirecat-chat.1"),
        Some(Page::McastSend) => include_str!("../../man/wirecat-mcast-send.1"),
        Some(Page::Echo) => include_str!("../../man/wirecat-echo.1"),
        Some(Page::Events) => include_str!("../../man/wirecat-events.7"),
        Some(Page::EventsSchema) => include_str!("../../man/wirecat-events.schema.json"),
    }
}

/// Prints a text; a reader that leaves early has seen enough.
pub(super) fn print(text: &str) -> Status {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Status::Local,
        _ => Status::Done,
    }
}
