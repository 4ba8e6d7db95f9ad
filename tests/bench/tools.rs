//! wirecat and its peers, each as a receiving server and a sending client.

use std::process::Command;

use crate::peers::{Peer, Role};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Wirecat,
    Peer(Peer),
}

impl Tool {
    pub(crate) const ALL: [Self; 5] = [
        Self::Wirecat,
        Self::Peer(Peer::Nc),
        Self::Peer(Peer::Ncat),
        Self::Peer(Peer::Socat { block: None }),
        Self::Peer(Peer::Socat { block: Some(262_144) }),
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wirecat => "wirecat",
            Self::Peer(Peer::Socat { block: Some(_) }) => "socat -b262144",
            Self::Peer(peer) => peer.program(),
        }
    }

    pub(crate) fn is_installed(self) -> bool {
        match self {
            Self::Wirecat => true,
            Self::Peer(peer) => peer.is_installed(),
        }
    }

    /// A server of one connection that writes what it receives to its stdout.
    pub(crate) fn receiver(self, port: u16) -> Command {
        match self {
            Self::Wirecat => wirecat(&["-q", "tcp-serve", "-1", &format!("127.0.0.1:{port}")]),
            Self::Peer(peer) => peer.serve(Role::Receive, port),
        }
    }

    /// A client that sends its stdin.
    pub(crate) fn sender(self, port: u16) -> Command {
        match self {
            Self::Wirecat => wirecat(&["-q", "tcp-connect", &format!("127.0.0.1:{port}")]),
            Self::Peer(peer) => peer.connect(Role::Send, port),
        }
    }
}

/// The wirecat that cargo has just built.
pub(crate) fn wirecat(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirecat"));
    command.args(args);
    command
}
