//! What a listener's sockets lose and what is judged of it: the kernel's drops, and
//! answers that cannot go out.

use std::io;
use std::rc::Rc;

use super::listen::ListenSession;
use crate::error::{Failure, Status, plain};
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::sys::mmsg::Sender;

/// What is said when the kernel drops the first datagrams.
pub(in crate::sessions) const DROPPING: &str = "the kernel drops datagrams, because they come faster than they are taken (-O rcvbuf=SIZE \
     gives them more room); the end says how many";

/// What is said of them at the end.
pub(in crate::sessions) fn dropped_in_all(count: u64) -> String {
    format!("datagrams dropped by the kernel: {count}")
}

/// What is said of the first answer that did not go out.
pub(in crate::sessions) fn unanswered(to: &Sender, error: &io::Error) -> String {
    let cause = match error.kind() {
        io::ErrorKind::WouldBlock => "the queue to it is full".to_owned(),
        _ => plain(error),
    };
    format!("{to} gets no answer: {cause} (later ones are not told)")
}

/// Where a socket hears.
pub(super) struct Place {
    /// The group, on multicast sockets.
    pub(super) group: Option<String>,
    /// The interface it is joined on.
    pub(super) iface: Option<String>,
}

/// What is known of a socket while it lives.
pub(super) struct Hearing {
    pub(super) place: Rc<Place>,
    /// The kernel's counter of dropped datagrams when it was last seen.
    counter: u32,
    /// Datagrams that the kernel dropped.
    pub(super) dropped: u64,
    /// The same at the end of the last interval.
    pub(super) dropped_before: u64,
}

impl Hearing {
    pub(super) fn new(group: Option<String>, iface: Option<String>) -> Self {
        let place = Rc::new(Place { group, iface });
        Self { place, counter: 0, dropped: 0, dropped_before: 0 }
    }
}

impl ListenSession {
    /// The kernel counts what it dropped for want of room; the counter comes with the datagrams.
    pub(super) fn note_drops(&mut self, pool: &mut Pool, id: Id, counter: u32) {
        let Some(hearing) = self.ears.get_mut(&id) else { return };
        let more = counter.wrapping_sub(hearing.counter);
        hearing.counter = counter;
        if more == 0 {
            return;
        }
        let first = hearing.dropped == 0;
        hearing.dropped += u64::from(more);
        if first {
            self.core.console.warn(pool, Kind::KernelDrops, DROPPING);
        }
    }

    /// What was dropped behind the last datagram, of which none tells.
    pub(super) fn note_last_drops(&mut self, pool: &mut Pool) {
        let ids: Vec<Id> = self.ears.keys().copied().collect();
        for id in ids {
            if let Some(counter) = pool.dropped(id) {
                self.note_drops(pool, id, counter);
            }
        }
    }

    /// Says how many datagrams the kernel dropped, if any.
    pub(super) fn report_drops(&mut self, pool: &mut Pool) {
        let hearings = self.ears.values().chain(self.left.values());
        let dropped: u64 = hearings.map(|hearing| hearing.dropped).sum();
        if dropped > 0 {
            self.core.console.warn(pool, Kind::KernelDrops, &dropped_in_all(dropped));
        }
    }

    /// An answer that did not go out; the first of them is told.
    pub(super) fn warn_unanswered(&mut self, pool: &mut Pool, to: &Sender, error: &io::Error) {
        self.core.console.warn(pool, Kind::NoAnswer, &unanswered(to, error));
    }

    /// More loss than `--max-loss` allows decides the status.
    pub(super) fn judge_loss(&mut self, pool: &mut Pool) {
        let Some(most) = self.max_loss else { return };
        let loss = self.peers.loss_percent();
        if loss > most {
            let cause = format!("{loss:.2} % were lost");
            let target = format!("--max-loss {most} %");
            let failure = Failure::new(Status::Unmet, Kind::Loss, "keep to", target, cause);
            self.core.fail(pool, &failure);
        }
    }
}
