//! The datagram sockets: each message is answered to its sender.

use std::io;

use bytes::Bytes;

use super::EchoSession;
use super::delay_queue::Answer;
use super::responder::MessageClass;
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::sessions::console::Message;
use crate::sessions::datagrams::unanswered;
use crate::sessions::datagrams::{DatagramOutcome, UnsentDatagram};
use crate::sys::mmsg::{Arrival, Sender};

impl EchoSession {
    pub(super) fn on_datagrams(&mut self, pool: &mut Pool, id: Id, batch: &[Arrival<'_>]) {
        if self.core.is_ending() {
            return;
        }
        self.core.peer_arrived(pool);
        self.sockets.note_drops(pool, &mut self.core.console, id, batch);
        let reported = self.core.console.reports_messages();
        for arrival in batch {
            if !self.core.take_message(arrival.payload) {
                break;
            }
            if reported {
                self.report_datagram(pool, id, arrival);
            }
            if arrival.truncated {
                let (peer, length) = (arrival.from, arrival.payload.len());
                let text =
                    format!("a datagram from {peer} was cut to {length} bytes, and not answered");
                self.core.console.warn(pool, Kind::Truncated, &text);
                continue;
            }
            match self.responder.classify(arrival.payload) {
                MessageClass::Dropped | MessageClass::Quit => {}
                MessageClass::Stop => break,
                MessageClass::Echo => self.answer_datagram(pool, id, arrival),
            }
        }
        self.balance(pool, id);
        self.arm_answer_timer(pool);
        self.after_receive(pool);
    }

    fn report_datagram(&mut self, pool: &mut Pool, id: Id, arrival: &Arrival<'_>) {
        let Some(place) = self.sockets.place(id) else { return };
        let peer = arrival.from.to_string();
        let message = Message {
            group: place.group.as_deref(),
            iface: place.iface.as_deref(),
            ..Message::new(arrival.payload, &peer)
        };
        self.core.console.deliver(pool, &message);
    }

    fn answer_datagram(&mut self, pool: &mut Pool, id: Id, arrival: &Arrival<'_>) {
        let bytes = self.responder.datagram(arrival.payload);
        if self.delay_queue.is_enabled() {
            let to = Some(arrival.from.clone());
            self.delay_queue.push(pool.now(), id, Answer { bytes, to });
        } else {
            self.send_datagram(pool, id, bytes, arrival.from);
        }
    }

    pub(super) fn send_datagram(&mut self, pool: &mut Pool, id: Id, bytes: Bytes, to: &Sender) {
        match self.sockets.send(pool, id, &bytes, to) {
            Ok(DatagramOutcome::Sent) => self.core.count_sent(1),
            Ok(DatagramOutcome::Queued) => {}
            Err(error) => self.on_unanswered(pool, to, &error),
        }
    }

    /// The kernel takes answers again.
    pub(super) fn send_waiting(&mut self, pool: &mut Pool, id: Id) {
        let flushed = self.sockets.flush(pool, id);
        self.core.count_sent(flushed.sent);
        for UnsentDatagram { to, error } in flushed.failed {
            if let Some(to) = to {
                self.on_unanswered(pool, &to, &error);
            }
        }
    }

    /// One peer cannot be answered; the others go on. Only the first failed answer is reported.
    fn on_unanswered(&mut self, pool: &mut Pool, to: &Sender, error: &io::Error) {
        if !std::mem::replace(&mut self.unanswered, true) {
            self.core.console.warn(pool, Kind::NoAnswer, &unanswered(to, error));
        }
    }
}
