//! What becomes of a connection in the making, and what happens on the way there.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::error::Failure;
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::report::{Name, Notice};
use crate::sessions::console::Console;
use crate::sockets::{Endpoint, Target};

/// What has become of the connection.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Nothing new.
    Pending,
    /// It is up.
    Connected(Established),
    /// An attempt failed; the next one follows after the pause.
    Retrying { failure: Failure, pause: Duration },
    /// It cannot be made.
    Failed(Failure),
}

/// A connection that is up.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) id: Id,
    pub(crate) peer: Endpoint,
    pub(crate) local: Endpoint,
    /// What was dialed: the peer, or the first proxy on the route to it.
    pub(crate) dialed: Target,
}

impl Established {
    /// A connection that was made to what was `dialed`. A peer that has reset already is forgotten by the
    /// kernel: it keeps the name by which it was dialed.
    pub(crate) fn new(id: Id, peer: &Endpoint, local: &Endpoint, dialed: Target) -> Self {
        let named = || Endpoint::named(dialed.to_string());
        let peer = if peer.is_unknown() { named() } else { peer.clone() };
        Self { id, peer, local: local.clone(), dialed }
    }
}

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
