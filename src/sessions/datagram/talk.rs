//! What a listener says: answers, and stdin to the last peer, to all, or to one address.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;

use super::peers::Peers;
use crate::event_loop::{Id, Pool};
use crate::sessions::config::To;
use crate::sessions::feed::Batch;
use crate::sys::mmsg::Sender;

/// Whom the listener speaks to, and what waits to be said.
pub(super) struct Talk {
    to: To,
    reply: Option<Bytes>,
    /// The peer that was heard last, and by which socket.
    last: Option<(Id, Sender)>,
    /// The socket that speaks to an address of the user's.
    mouth: Option<Id>,
    /// Sockets that can send to anybody of a family, IPv6 or not.
    mouths: Vec<(bool, Id)>,
    /// Something was to be said to somebody.
    spoken: bool,
    /// An answer has failed, which was told.
    failed: bool,
    waiting: VecDeque<(Id, Sender, Bytes)>,
}

impl Talk {
    pub(super) fn new(to: To, reply: Option<Bytes>, mouths: Vec<(bool, Id)>) -> Self {
        let (spoken, waiting) = (false, VecDeque::new());
        Self { to, reply, last: None, mouth: None, mouths, spoken, failed: false, waiting }
    }

    /// Gives the socket that `--to ADDR` is sent from.
    pub(super) fn speak_by(&mut self, mouth: Option<Id>) {
        self.mouth = mouth;
    }

    /// Notes who spoke, and answers; returns whether an answer went out. An answer that the
    /// kernel does not take now is dropped, as datagrams are.
    ///
    /// # Errors
    /// The first answer that did not go out, for the user to know; later ones are as the first.
    pub(super) fn hear(&mut self, pool: &mut Pool, id: Id, from: &Sender) -> io::Result<bool> {
        let is_last =
            self.last.as_ref().is_some_and(|(socket, last)| *socket == id && last == from);
        if !is_last {
            self.last = Some((id, from.clone()));
        }
        let Some(reply) = &self.reply else { return Ok(false) };
        match pool.answer(id, reply, from) {
            Ok(()) => Ok(true),
            Err(_) if std::mem::replace(&mut self.failed, true) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether nothing has been said to anybody, so that nobody waits for more.
    pub(super) fn is_silent(&self) -> bool {
        self.reply.is_none() && !self.spoken
    }

    /// Whether stdin may be read: somebody is there, and nothing waits.
    pub(super) fn is_ready(&self) -> bool {
        let somebody = match self.to {
            To::Address(_) => self.mouth.is_some(),
            To::Last | To::All => self.last.is_some(),
        };
        somebody && self.waiting.is_empty()
    }

    /// The socket that somebody who was never heard is sent to by.
    pub(super) fn mouth_for(&self, address: &SocketAddr) -> Option<Id> {
        let fits = |(is_v6, _): &&(bool, Id)| *is_v6 == address.is_ipv6();
        self.mouths.iter().find(fits).map(|(_, id)| *id)
    }

    /// Whether something waits to be said.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Bytes that wait to be said.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.iter().map(|(_, _, message)| message.len()).sum()
    }

    /// Says a message to one peer, behind what waits.
    ///
    /// # Errors
    /// It cannot be said. What the kernel does not take now is not meant: it waits.
    pub(super) fn tell(
        &mut self,
        pool: &mut Pool,
        (id, to): (Id, Sender),
        message: &Bytes,
    ) -> io::Result<()> {
        self.spoken = true;
        if self.waiting.is_empty() {
            match pool.answer(id, message, &to) {
                Err(error) if is_for_later(&error, &to) => {}
                outcome => return outcome,
            }
        }
        self.waiting.push_back((id, to, message.clone()));
        Ok(())
    }

    /// Takes messages to be said.
    pub(super) fn say(&mut self, batch: Batch, peers: &Peers) {
        let to: Vec<(Id, Sender)> = match &self.to {
            To::Last => self.last.iter().cloned().collect(),
            To::All => peers.all(),
            To::Address(address) => {
                self.mouth.iter().map(|id| (*id, Sender::Inet(*address))).collect()
            }
        };
        for message in batch.messages() {
            self.spoken = true;
            let message = Bytes::copy_from_slice(message);
            for (id, sender) in &to {
                self.waiting.push_back((*id, sender.clone(), message.clone()));
            }
        }
    }

    /// Sends what the kernel takes; returns how many went out, and what failed. A unix peer whose
    /// queue is full misses the message: no event tells when it reads again, and the others are
    /// not to wait for it.
    pub(super) fn pump(&mut self, pool: &mut Pool) -> (usize, Vec<(String, io::Error)>) {
        let (mut sent, mut errors) = (0, Vec::new());
        while let Some((id, to, message)) = self.waiting.front() {
            match pool.answer(*id, message, to) {
                Ok(()) => sent += 1,
                Err(error) if is_for_later(&error, to) => break,
                Err(error) => errors.push((to.to_string(), error)),
            }
            self.waiting.pop_front();
        }
        (sent, errors)
    }
}

/// Whether `Drained` will tell when to try again.
fn is_for_later(error: &io::Error, to: &Sender) -> bool {
    error.kind() == io::ErrorKind::WouldBlock && matches!(to, Sender::Inet(_))
}
