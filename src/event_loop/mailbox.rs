//! The mailbox: how other threads reach the loop.
//!
//! A sender may be cloned and moved anywhere; a letter wakes the loop if it sleeps.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use mio::{Registry, Waker};

use super::WAKE;
use super::id::Id;
use super::lookups::Query;
use super::pool::Pool;
use crate::error::Failure;

/// What other threads send to the loop.
#[derive(Debug)]
pub enum Mail {
    /// The answer of the resolver to a question.
    Resolved(Query, Result<Vec<SocketAddr>, Failure>),
}

/// What travels: mail for the handler, and readiness for the pool itself.
pub(super) enum Letter {
    ForHandler(Mail),
    /// A transport that is served by a thread may be read or written again.
    Ready(Id),
}

/// The sending end; cheap to clone.
#[derive(Clone)]
pub struct Mailbox {
    sender: Sender<Letter>,
    waker: Arc<Waker>,
}

impl Mailbox {
    pub(super) fn open(registry: &Registry) -> io::Result<(Self, Receiver<Letter>)> {
        let (sender, receiver) = channel();
        let waker = Arc::new(Waker::new(registry, WAKE)?);
        Ok((Self { sender, waker }, receiver))
    }

    /// Sends a letter to the handler. A loop that is gone needs no letters.
    pub fn send(&self, mail: Mail) {
        self.post(Letter::ForHandler(mail));
    }

    pub(super) fn ready(&self, id: Id) {
        self.post(Letter::Ready(id));
    }

    fn post(&self, letter: Letter) {
        if self.sender.send(letter).is_ok() {
            // Where the counter of the eventfd is full and the wake fails, one is pending already.
            let _ = self.waker.wake();
        }
    }
}

impl Pool {
    /// A way for other threads to reach the handler.
    pub fn mailbox(&self) -> Mailbox {
        self.mailbox.clone()
    }
}
