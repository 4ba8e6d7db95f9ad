//! Notes on the way to a connection, and their reports.

use std::collections::BTreeSet;

use crate::error::Failure;
use crate::event_loop::Pool;
use crate::kind::Kind;
use crate::report::{Name, Notice};
use crate::sessions::console::Console;

/// Something that happened on the way.
#[derive(Debug)]
pub(crate) enum Note {
    /// The kernel changed what was asked of a socket.
    Warning(String),
    /// One address did not answer, or refused.
    Failed { peer: String, failure: Failure },
}

impl Note {
    /// An address has failed together with its attempt.
    pub(super) fn failed(peer: &str, failure: &Failure) -> Self {
        Self::Failed { peer: peer.to_owned(), failure: failure.clone() }
    }

    /// Reports it, unless it is a warning that was reported before: all sockets cause the same ones.
    pub(crate) fn report_once(
        &self,
        pool: &mut Pool,
        console: &mut Console,
        conn: Option<u64>,
        reported: &mut BTreeSet<String>,
    ) {
        let is_new = match self {
            Self::Warning(text) => reported.insert(text.clone()),
            Self::Failed { .. } => true,
        };
        if is_new {
            self.report(pool, console, conn);
        }
    }

    /// Reports it, of the connection with this number where it has one.
    pub(crate) fn report(&self, pool: &mut Pool, console: &mut Console, conn: Option<u64>) {
        match self {
            Self::Warning(text) => console.warn(pool, Kind::SocketOption, text),
            Self::Failed { peer, failure } => {
                let event = Notice::new(Name::ConnectFailed)
                    .maybe_conn(conn)
                    .peer(peer)
                    .kind(failure.kind)
                    .message(failure.cause.as_str());
                console.report(pool, &event);
            }
        }
    }
}
