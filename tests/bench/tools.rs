//! wirecat, its peers and the limit programs, each as a receiving server and a sending client.

use std::process::Command;

use crate::Fallible;
use crate::contest::{Entrant, Kind};
use crate::limit;
use crate::peers::{Peer, Role};
use crate::plan::Binary;
use crate::tls::Pair;

/// The block size at which socat is fast.
pub(crate) const BLOCK: u32 = 262_144;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Wirecat(Binary),
    Peer(Peer),
    Tls(Pair),
    /// The names of the limit programs that send and receive.
    Limit(&'static str, &'static str),
}

/// The netcats, as all tables of streams have them.
pub(crate) fn peers() -> Vec<(&'static str, Entrant<Tool>)> {
    let all =
        [Peer::Nc, Peer::Ncat, Peer::Socat { block: None }, Peer::Socat { block: Some(BLOCK) }];
    all.map(|peer| {
        let name = match peer {
            Peer::Socat { block: Some(_) } => "socat -b262144",
            peer => peer.program(),
        };
        (peer.program(), Entrant::new(name, Kind::Peer, Tool::Peer(peer)))
    })
    .into()
}

impl Tool {
    /// A server of one connection that writes what it receives to its stdout.
    pub(crate) fn receiver(&self, port: u16) -> Fallible<Command> {
        Ok(match self {
            Self::Wirecat(binary) => {
                // The summary on stderr says how much came.
                let serve = ["tcp-serve", "-1", "--events", "summary", "--log", "json"];
                let mut command = binary.command(&serve);
                command.arg(format!("127.0.0.1:{port}"));
                command
            }
            Self::Peer(peer) => peer.serve(Role::Receive, port),
            Self::Tls(pair) => pair.receiver(port),
            Self::Limit(_, receive) => limit::command(receive, &[&port.to_string()])?,
        })
    }

    /// A client that sends its stdin.
    pub(crate) fn sender(&self, port: u16) -> Fallible<Command> {
        Ok(match self {
            Self::Wirecat(binary) => {
                binary.command(&["-q", "tcp-connect", &format!("127.0.0.1:{port}")])
            }
            Self::Peer(peer) => peer.connect(Role::Send, port),
            Self::Tls(pair) => pair.sender(port),
            Self::Limit(send, _) => limit::command(send, &[&port.to_string()])?,
        })
    }
}
