//! The datagram sockets: each message is answered to whom it came from.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;

use super::EchoSession;
use super::answering::Kind;
use super::delayed::Answer;
use crate::event_loop::{Id, Pool};
use crate::sessions::console::Message;
use crate::sys::mmsg::{Arrival, Sender};

/// A socket, and the answers that the kernel has not taken yet.
#[derive(Default)]
pub(super) struct Ear {
    waiting: VecDeque<(Bytes, Sender)>,
    /// What was lost of what came, as far as it was told.
    dropped: Option<u32>,
}

impl Ear {
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
        if self.run.is_ending() {
            return;
        }
        self.somebody_came(pool);
        self.note_drops(pool, id, batch);
        for arrival in batch {
            if !self.run.take_message(arrival.payload) {
                break;
            }
            let peer = arrival.from.to_string();
            self.run.console.deliver(pool, &Message::new(arrival.payload, &peer));
            if arrival.truncated {
                let length = arrival.payload.len();
                let text =
                    format!("a datagram from {peer} was cut to {length} bytes, and not answered");
                self.run.console.warn(pool, "truncated", &text);
                continue;
            }
            match self.answering.judge(arrival.payload) {
                Kind::Dropped | Kind::Quit => {}
                Kind::Stop => break,
                Kind::Echo => self.answer_datagram(pool, id, arrival),
            }
        }
        self.balance(pool, id);
        self.set_alarm(pool);
        self.mind(pool);
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
            Ok(()) => self.run.count_sent(1),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                ear.waiting.push_back((bytes, to.clone()));
            }
            Err(error) => self.on_trouble(pool, &to.to_string(), &error),
        }
    }

    /// The kernel takes answers again.
    pub(super) fn send_waiting(&mut self, pool: &mut Pool, id: Id) {
        while let Some((bytes, to)) = self.ears.get_mut(&id).and_then(|ear| ear.waiting.pop_front())
        {
            match pool.answer(id, &bytes, &to) {
                Ok(()) => self.run.count_sent(1),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Some(ear) = self.ears.get_mut(&id) {
                        ear.waiting.push_front((bytes, to));
                    }
                    break;
                }
                Err(error) => self.on_trouble(pool, &to.to_string(), &error),
            }
        }
    }

    /// One peer cannot be answered, or was not there to be; the others go on.
    pub(super) fn on_trouble(&mut self, pool: &mut Pool, peer: &str, error: &io::Error) {
        let text = format!("{peer} was not answered: {}", crate::error::plain(error));
        self.run.console.warn(pool, crate::error::io_kind(error), &text);
    }

    /// The kernel counts what it dropped; each time that it is more, it is told.
    fn note_drops(&mut self, pool: &mut Pool, id: Id, batch: &[Arrival<'_>]) {
        let Some(count) = batch.iter().rev().find_map(|arrival| arrival.dropped) else { return };
        let Some(ear) = self.ears.get_mut(&id) else { return };
        let lost = count.wrapping_sub(ear.dropped.replace(count).unwrap_or(0));
        if lost > 0 {
            let text = format!("the kernel dropped {lost} datagrams, its buffer being full");
            self.run.console.warn(pool, "kernel-drops", &text);
        }
    }
}
