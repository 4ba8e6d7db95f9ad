//! What a listener sends: answers, and stdin to the last peer, to all, or to one address.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;

use super::Sockets;
use super::peers::Peers;
use crate::error::plain;
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::protocol::text::number;
use crate::sessions::console::Console;
use crate::sessions::input::Batch;
use crate::sys::mmsg::{Arrival, ReturnPath, SenderAddress};

/// Answers that did not go out: the first one is reported, and later ones are as the first.
#[derive(Default)]
pub(crate) struct Unanswered {
    is_reported: bool,
}

impl Unanswered {
    /// Warns of the first answer that cannot be sent.
    pub(crate) fn report(
        &mut self,
        console: &mut Console,
        pool: &mut Pool,
        to: &SenderAddress,
        error: &io::Error,
    ) {
        if std::mem::replace(&mut self.is_reported, true) {
            return;
        }
        let cause = match error.kind() {
            io::ErrorKind::WouldBlock => "the queue to it is full".to_owned(),
            _ => plain(error),
        };
        let text = format!("{to} gets no answer: {cause} (later ones are not reported)");
        console.warn(pool, Kind::NoAnswer, &text);
    }
}

/// Warns of a datagram that did not fit whole, where it is one; `consequence` follows on that.
pub(crate) fn report_cut(
    console: &mut Console,
    pool: &mut Pool,
    peer: &str,
    arrival: &Arrival<'_>,
    consequence: &str,
) {
    if arrival.truncated {
        let length = number(arrival.payload.len() as u64, "byte");
        let text = format!("a datagram from {peer} was cut to {length}{consequence}");
        console.warn(pool, Kind::Truncated, &text);
    }
}

/// The receivers of stdin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InputTo {
    /// The peer of the last datagram.
    #[default]
    Last,
    /// Every peer that sent a datagram.
    All,
    /// This address, from this socket.
    Address(Id, SocketAddr),
}

/// The receivers of the listener, and the part of stdin that is still to be sent.
pub(super) struct Replies {
    to: InputTo,
    reply: Option<Bytes>,
    /// The socket that received the last message, and the way back to its sender.
    last: Option<(Id, ReturnPath)>,
    /// Sockets that can send to any address of a family, IPv6 or not.
    families: Vec<(bool, Id)>,
    /// Something was sent by command or from stdin.
    has_sent: bool,
    pub(super) unanswered: Unanswered,
    batch: Batch,
    /// Messages of `batch` that are done with.
    done: usize,
    receivers: Vec<(Id, ReturnPath)>,
}

impl Replies {
    pub(super) fn new(to: InputTo, reply: Option<Bytes>, families: Vec<(bool, Id)>) -> Self {
        Self {
            to,
            reply,
            last: None,
            families,
            has_sent: false,
            unanswered: Unanswered::default(),
            batch: Batch::default(),
            done: 0,
            receivers: Vec::new(),
        }
    }

    /// Notes where a message came from, and gives the answer to it.
    pub(super) fn note(&mut self, id: Id, arrival: &Arrival<'_>) -> Option<Bytes> {
        let is_last = self.last.as_ref().is_some_and(|(socket, last)| {
            *socket == id && last.to == *arrival.from && last.from == arrival.local
        });
        if !is_last {
            self.last = Some((id, arrival.return_path()));
        }
        self.reply.clone()
    }

    /// Whether nothing is ever sent, so that no peer waits for more.
    pub(super) fn is_silent(&self) -> bool {
        self.reply.is_none() && !self.has_sent
    }

    /// Whether stdin has a receiver.
    pub(super) fn has_receiver(&self) -> bool {
        match self.to {
            InputTo::Address(..) => true,
            InputTo::Last | InputTo::All => self.last.is_some(),
        }
    }

    /// The socket by which a peer is sent to that has sent nothing.
    pub(super) fn socket_for(&self, address: &SocketAddr) -> Option<Id> {
        let fits = |(is_v6, _): &&(bool, Id)| *is_v6 == address.is_ipv6();
        self.families.iter().find(fits).map(|(_, id)| *id)
    }

    /// Notes that a command sends something.
    pub(super) fn note_sent(&mut self) {
        self.has_sent = true;
    }

    /// Takes messages of stdin. The last batch must be sent; `peers` are those that have sent something.
    pub(super) fn load(&mut self, batch: Batch, peers: &Peers, sockets: &Sockets) {
        debug_assert!(!self.is_loaded());
        self.has_sent |= !batch.ends.is_empty();
        (self.batch, self.done) = (batch, 0);
        self.receivers = match &self.to {
            InputTo::Last => self.last.iter().cloned().collect(),
            InputTo::All => peers.all(),
            // A known peer is sent to from the address that it asked.
            InputTo::Address(socket, to) => {
                let known = peers.find_address(*to, sockets.ids());
                vec![known.unwrap_or_else(|| (*socket, (*to).into()))]
            }
        };
    }

    /// Whether a message of stdin is still to be sent.
    pub(super) fn is_loaded(&self) -> bool {
        self.done < self.batch.ends.len()
    }

    /// Bytes of the messages that are still to be sent.
    pub(super) fn waiting(&self) -> usize {
        let sent = self.done.checked_sub(1).and_then(|last| self.batch.ends.get(last));
        self.batch.bytes.len() - sent.copied().unwrap_or(0)
    }

    /// The next message of stdin, and its receivers.
    pub(super) fn next(&mut self) -> Option<(Bytes, &[(Id, ReturnPath)])> {
        if !self.is_loaded() {
            return None;
        }
        let message = Bytes::copy_from_slice(self.batch.message(self.done));
        self.done += 1;
        Some((message, &self.receivers))
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::super::FullPeer;
    use super::*;

    fn peer(port: u16) -> ReturnPath {
        SocketAddr::from(([127, 0, 0, 1], port)).into()
    }

    fn note(replies: &mut Replies, id: Id, port: u16) -> Option<Bytes> {
        replies.note(id, &arrival(&peer(port).to))
    }

    fn arrival(from: &SenderAddress) -> Arrival<'_> {
        let (payload, local, time, dropped) = (&[][..], None, None, None);
        Arrival { payload, from, local, truncated: false, time, dropped }
    }

    fn sockets(ids: &[Id]) -> Sockets {
        Sockets::of(FullPeer::Wait, ids.iter().copied())
    }

    fn batch() -> Batch {
        Batch { bytes: b"oneb".to_vec(), ends: vec![3, 4] }
    }

    #[test]
    fn stdin_goes_to_the_last_peer_or_to_all() {
        let id = Id::for_tests(1);
        for (to, expected) in [(InputTo::Last, vec![2]), (InputTo::All, vec![1, 2])] {
            let mut replies = Replies::new(to, None, Vec::new());
            assert!(!replies.has_receiver() && replies.is_silent());
            let mut peers = Peers::new(false, None);
            for port in [1, 2] {
                assert_eq!(note(&mut replies, id, port), None);
                peers.arrive(id, &Rc::default(), &arrival(&peer(port).to));
            }
            assert!(replies.has_receiver());
            replies.load(batch(), &peers, &sockets(&[id]));
            let expected: Vec<_> = expected.into_iter().map(|port| (id, peer(port))).collect();
            for text in [&b"one"[..], b"b"] {
                let (message, receivers) = replies.next().unwrap();
                assert_eq!((&message[..], receivers), (text, &expected[..]));
            }
            assert!(!replies.is_loaded() && replies.next().is_none() && !replies.is_silent());
        }
    }

    #[test]
    fn an_address_of_the_user_is_a_receiver_from_the_start() {
        let (v4, v6) = (Id::for_tests(4), Id::for_tests(6));
        let to: SocketAddr = "[::1]:7".parse().unwrap();
        let families = vec![(false, v4), (true, v6)];
        let mut replies = Replies::new(InputTo::Address(v6, to), None, families);
        assert!(replies.has_receiver());
        assert_eq!(replies.socket_for(&to), Some(v6));
        replies.load(batch(), &Peers::new(false, None), &sockets(&[v4, v6]));
        assert_eq!(replies.next().unwrap().1, [(v6, to.into())]);
    }

    #[test]
    fn a_listener_that_answers_is_not_silent() {
        let answer = Bytes::from_static(b"ok");
        let mut replies = Replies::new(InputTo::Last, Some(answer), Vec::new());
        assert_eq!(note(&mut replies, Id::for_tests(1), 1), Some(Bytes::from_static(b"ok")));
        assert!(!replies.is_silent());
    }
}
