//! The datagram sockets: each message is answered to its sender.

use super::EchoService;
use super::responder::{Answer, MessageClass};
use crate::close::CloseReason;
use crate::event_loop::{Event, Id, Pool};
use crate::kind::Kind;
use crate::report::Name;
use crate::sessions::datagrams::{DatagramOutcome, DatagramPayload, UnsentDatagram, report_cut};
use crate::sessions::session::ShutdownMode;
use crate::sessions::streams::Context;
use crate::sys::mmsg::{Arrival, ReturnPath};

impl EchoService {
    /// Takes an event of one of the sockets; false where it is of none.
    pub(super) fn on_socket(&mut self, context: &mut Context<'_>, event: &Event<'_>) -> bool {
        match event {
            Event::Datagrams { id, batch } => self.on_datagrams(context, *id, batch),
            Event::DatagramError { error, .. } => {
                let text = format!("a peer: {}", crate::error::plain(error));
                context.core.console.warn(context.pool, Kind::from(error), &text);
            }
            Event::Drained { id } if self.sockets.is_open(*id) => {
                self.on_socket_drained(context, *id)
            }
            Event::Closed { id, end } => {
                return self.sockets.on_closed(&mut context.core.console, *id, end);
            }
            _ => return false,
        }
        true
    }

    fn on_datagrams(&mut self, context: &mut Context<'_>, id: Id, batch: &[Arrival<'_>]) {
        let Context { core, pool, .. } = context;
        if core.is_ending() {
            return;
        }
        core.peer_arrived(pool);
        self.sockets.note_drops(pool, &mut core.console, id, batch);
        for arrival in batch {
            if !self.on_datagram(context, id, arrival) {
                break;
            }
        }
        let Context { core, pool, .. } = context;
        core.console.commit(pool);
        if core.console.is_full() {
            self.sockets.set_paused(pool, true);
        }
        self.balance_socket(pool, id);
        self.arm_timer(context);
        if context.core.has_enough() {
            context.end = Some(ShutdownMode::Enough);
        }
        self.end_if_stopped(context);
    }

    /// Takes a datagram, and answers it; false where no more are wanted.
    fn on_datagram(&mut self, context: &mut Context<'_>, id: Id, arrival: &Arrival<'_>) -> bool {
        let Context { core, pool, .. } = context;
        if !self.peers.admits(id, arrival.from) {
            return true;
        }
        if !core.take_message(arrival.payload) {
            return false;
        }
        if core.console.shows(Name::Data)
            && let Some(place) = self.sockets.place(id)
        {
            let peer = arrival.from.to_string();
            core.console.deliver(pool, &place.message(arrival.payload, &peer));
        }
        // The kernel has thrown the rest away: it cannot be sent back as it came.
        if arrival.truncated {
            let (console, peer) = (&mut core.console, arrival.from.to_string());
            report_cut(console, pool, &peer, arrival, ", and not answered");
            return true;
        }
        match self.responder.classify(arrival.payload) {
            MessageClass::Dropped | MessageClass::Quit => {}
            MessageClass::Stop => return false,
            MessageClass::Echo => {
                let answer = self.responder.prefixed(arrival.payload);
                let path = arrival.return_path();
                if self.delay_queue.is_enabled() {
                    let bytes = answer.into_owned().into();
                    self.delay_queue.push(pool.now(), id, Answer { bytes, path: Some(path) });
                } else {
                    self.send_datagram(context, id, DatagramPayload::Lent(&answer), &path);
                }
            }
        }
        true
    }

    pub(super) fn send_datagram(
        &mut self,
        context: &mut Context<'_>,
        id: Id,
        payload: DatagramPayload<'_>,
        path: &ReturnPath,
    ) {
        let Context { core, pool, .. } = context;
        match self.sockets.send(pool, id, payload, Some(path)) {
            Ok(DatagramOutcome::Sent) => core.count_sent(1),
            Ok(DatagramOutcome::Queued) => {}
            // One peer cannot be answered; the others go on.
            Err(error) => self.unanswered.report(&mut core.console, pool, &path.to, &error),
        }
    }

    /// The kernel takes answers again.
    fn on_socket_drained(&mut self, context: &mut Context<'_>, id: Id) {
        let Context { core, pool, .. } = context;
        let flushed = self.sockets.flush(pool, id);
        core.count_sent(flushed.sent);
        for UnsentDatagram { to, error } in flushed.failed {
            if let Some(to) = to {
                self.unanswered.report(&mut core.console, pool, &to, &error);
            }
        }
        self.balance_socket(pool, id);
        self.close_sockets_if_done(context);
    }

    /// Receives on a socket, or leaves datagrams in the kernel: while answers wait in the
    /// outbox or to be due, and while stdout is full.
    pub(super) fn balance_socket(&self, pool: &mut Pool, id: Id) {
        let held = self.sockets.has_queued(id) || self.delay_queue.is_full(id);
        // What is unread waits in the receive buffer. The kernel drops what exceeds that, and
        // counts the drops, which are reported.
        if held || self.sockets.is_paused() {
            pool.pause(id);
        } else {
            pool.resume(id);
        }
    }

    /// Closes the sockets at the end of the run, when all answers are sent and no connection is left.
    pub(super) fn close_sockets_if_done(&mut self, context: &mut Context<'_>) {
        let Context { core, streams, pool, .. } = context;
        let is_quiet = streams.table.is_empty() && self.delay_queue.is_empty();
        if !(core.is_ending() && is_quiet && self.sockets.is_flushed()) {
            return;
        }
        self.sockets.read_counters(pool, &mut core.console);
        self.sockets.report_drops(pool, &mut core.console);
        self.sockets.close_all(pool, &mut core.console, CloseReason::HOST);
        context.parted = true;
    }
}
