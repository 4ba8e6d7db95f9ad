//! The datagram sockets: each message is answered to whom it came from.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;

use super::EchoSession;
use super::answering::Verdict;
use super::delayed::Answer;
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::sessions::console::Message;
use crate::sessions::datagram::drops;
use crate::sys::mmsg::{Arrival, Sender};

/// A socket, and the answers that the kernel has not taken yet.
#[derive(Default)]
pub(super) struct Ear {
    /// The group and the interface that it is joined on.
    joined: Option<(String, String)>,
    waiting: VecDeque<(Bytes, Sender)>,
    /// The kernel's counter of dropped datagrams when it was last seen.
    counter: u32,
    /// Datagrams that the kernel dropped.
    dropped: u64,
}

impl Ear {
    pub(super) fn new(joined: Option<(String, String)>) -> Self {
        Self { joined, ..Self::default() }
    }

    pub(super) fn is_held(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn give_up(&mut self) {
        self.waiting.clear();
    }
}

impl EchoSession {
    pub(super) fn on_datagrams(&mut self, pool: &mut Pool, id: Id, batch: &[Arrival<'_>]) {
        if self.core.is_ending() {
            return;
        }
        self.somebody_came(pool);
        if let Some(counter) = batch.iter().rev().find_map(|arrival| arrival.dropped) {
            self.note_drops(pool, id, counter);
        }
        let told = self.core.console.reports_messages();
        for arrival in batch {
            if !self.core.take_message(arrival.payload) {
                break;
            }
            if told {
                self.report_datagram(pool, id, arrival);
            }
            if arrival.truncated {
                let (peer, length) = (arrival.from, arrival.payload.len());
                let text =
                    format!("a datagram from {peer} was cut to {length} bytes, and not answered");
                self.core.console.warn(pool, Kind::Truncated, &text);
                continue;
            }
            match self.answering.judge(arrival.payload) {
                Verdict::Dropped | Verdict::Quit => {}
                Verdict::Stop => break,
                Verdict::Echo => self.answer_datagram(pool, id, arrival),
            }
        }
        self.balance(pool, id);
        self.set_alarm(pool);
        self.mind(pool);
    }

    fn report_datagram(&mut self, pool: &mut Pool, id: Id, arrival: &Arrival<'_>) {
        let joined = self.ears.get(&id).and_then(|ear| ear.joined.as_ref());
        let (group, iface) = joined.map(|(group, iface)| (&**group, &**iface)).unzip();
        let peer = arrival.from.to_string();
        let message = Message { group, iface, ..Message::new(arrival.payload, &peer) };
        self.core.console.deliver(pool, &message);
    }

    fn answer_datagram(&mut self, pool: &mut Pool, id: Id, arrival: &Arrival<'_>) {
        let bytes = self.answering.datagram(arrival.payload);
        if self.delayed.is_wanted() {
            let to = Some(arrival.from.clone());
            self.delayed.push(pool.now(), id, Answer { bytes, to });
        } else {
            self.send_datagram(pool, id, bytes, arrival.from);
        }
    }

    pub(super) fn send_datagram(&mut self, pool: &mut Pool, id: Id, bytes: Bytes, to: &Sender) {
        let Some(ear) = self.ears.get_mut(&id) else { return };
        if ear.is_held() {
            return ear.waiting.push_back((bytes, to.clone()));
        }
        match pool.answer(id, &bytes, to) {
            Ok(()) => self.core.count_sent(1),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                ear.waiting.push_back((bytes, to.clone()));
            }
            Err(error) => self.on_unanswered(pool, to, &error),
        }
    }

    /// The kernel takes answers again.
    pub(super) fn send_waiting(&mut self, pool: &mut Pool, id: Id) {
        while let Some((bytes, to)) = self.ears.get_mut(&id).and_then(|ear| ear.waiting.pop_front())
        {
            match pool.answer(id, &bytes, &to) {
                Ok(()) => self.core.count_sent(1),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Some(ear) = self.ears.get_mut(&id) {
                        ear.waiting.push_front((bytes, to));
                    }
                    break;
                }
                Err(error) => self.on_unanswered(pool, &to, &error),
            }
        }
    }

    /// One peer cannot be answered; the others go on, and of theirs nothing is told.
    fn on_unanswered(&mut self, pool: &mut Pool, to: &Sender, error: &io::Error) {
        if !std::mem::replace(&mut self.unanswered, true) {
            self.core.console.warn(pool, Kind::NoAnswer, &drops::unanswered(to, error));
        }
    }

    /// The kernel counts what it drops; that is told once, and at the end.
    fn note_drops(&mut self, pool: &mut Pool, id: Id, counter: u32) {
        let Some(ear) = self.ears.get_mut(&id) else { return };
        let more = u64::from(counter.wrapping_sub(std::mem::replace(&mut ear.counter, counter)));
        let is_first = ear.dropped == 0 && more > 0;
        ear.dropped += more;
        if is_first {
            self.core.console.warn(pool, Kind::KernelDrops, drops::DROPPING);
        }
    }

    /// Tells how many datagrams were dropped, also behind the last one that came.
    pub(super) fn report_drops(&mut self, pool: &mut Pool) {
        let ids: Vec<Id> = self.ears.keys().copied().collect();
        for id in ids {
            if let Some(counter) = pool.dropped(id) {
                self.note_drops(pool, id, counter);
            }
        }
        let dropped: u64 = self.ears.values().map(|ear| ear.dropped).sum();
        if dropped > 0 {
            self.core.console.warn(pool, Kind::KernelDrops, &drops::dropped_in_all(dropped));
        }
    }
}
