//! `--udp`: the sockets of the probe, and the address of a name at which something listens.

use std::collections::VecDeque;
use std::time::Instant;

use super::{PingService, left};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{End, Event, Id};
use crate::protocol::ping::Tally;
use crate::report::{Name, Notice};
use crate::sessions::config::Route;
use crate::sessions::connector::Note;
use crate::sessions::console::closed_event;
use crate::sessions::datagrams::PeerSockets;
use crate::sessions::streams::Context;
use crate::sockets::datagram::Reach;
use crate::sockets::{Target, datagram};
use crate::sys::mmsg::Arrival;

/// How the sockets come to be.
///
/// ```text
/// looking up ──> open ── ICMP before any answer, and more addresses ──> refused
///                  ^                                                       │
///                  └──────────── the next address, all closed ─────────────┘
/// ```
pub(super) struct ProbeSockets {
    opener: PeerSockets,
    /// Addresses of the name that were not tried.
    addresses: VecDeque<Target>,
    /// Why the address before is left, until its sockets are closed.
    refused: Option<Failure>,
}

impl ProbeSockets {
    pub(super) fn new(route: &Route) -> Self {
        let opener = PeerSockets::new(route.options.net.clone(), None, Reach::default());
        Self { opener, addresses: VecDeque::new(), refused: None }
    }

    /// Whether a refusal means that another address is to be tried.
    fn may_move(&self) -> bool {
        self.refused.is_some() || !self.addresses.is_empty()
    }

    /// Opens `count` sockets to one address.
    fn open(
        &mut self,
        context: &mut Context<'_>,
        target: &Target,
        count: usize,
    ) -> Result<Vec<Id>, Failure> {
        let mut ids = Vec::new();
        for _ in 0..count {
            match self.opener.connect(context.pool, target) {
                Ok(id) => ids.push(id),
                Err(failure) => {
                    ids.into_iter().for_each(|id| context.pool.abort(id, CloseReason::HOST));
                    // The addresses of sockets that did open are not to pass for those of the next
                    // attempt.
                    self.opener.take_ends();
                    return Err(failure);
                }
            }
        }
        self.opener.report_warnings(context.pool, &mut context.core.console);
        Ok(ids)
    }
}

impl PingService {
    /// Looks the address up, where this session opens sockets by itself.
    pub(super) fn find_address(&mut self, context: &mut Context<'_>) {
        let address = &self.config.route.address;
        let sockets = self.sockets.as_mut();
        let found = sockets.and_then(|sockets| sockets.opener.look_up(context.pool, address));
        if let Some(found) = found {
            self.on_found(context, found);
        }
    }

    fn on_found(&mut self, context: &mut Context<'_>, answer: Result<Vec<Target>, Failure>) {
        match (answer, &mut self.sockets) {
            (Ok(targets), Some(sockets)) => {
                sockets.addresses = targets.into();
                self.open_next(context);
            }
            (Err(failure), _) => Self::fail(context, &failure),
            (Ok(_), None) => {}
        }
    }

    /// Opens the sockets to the next address that has a route.
    fn open_next(&mut self, context: &mut Context<'_>) {
        // Probes to the address before had no listener: they are not lost ones.
        self.tally = Tally::new(self.config.interval);
        let Some(sockets) = &mut self.sockets else { return };
        while let Some(target) = sockets.addresses.pop_front() {
            match sockets.open(context, &target, self.config.conns) {
                Ok(ids) => {
                    sockets.refused = None;
                    let ends = sockets.opener.take_ends();
                    return self.begin(context, &ids, ends);
                }
                Err(failure) => sockets.refused = Some(failure),
            }
        }
        if let Some(failure) = sockets.refused.take() {
            Self::fail(context, &failure);
        }
    }

    /// All sockets are open, with these two addresses each: the probes begin.
    fn begin(&mut self, context: &mut Context<'_>, ids: &[Id], ends: Vec<(String, String)>) {
        let (locals, peers): (Vec<String>, Vec<String>) = ends.iter().cloned().unzip();
        for (at, (id, (local, peer))) in ids.iter().zip(ends).enumerate() {
            let number = context.core.count_connection();
            let proto = if peer.starts_with("unix") { "unix" } else { "udp" };
            let event = Notice::new(Name::Connected).proto(proto).peer(&peer).local(&local);
            context.core.console.report(context.pool, &event.conn(number));
            self.add(context.pool, *id, (number, peer, local), (at, ids.len()));
        }
        let address = peers.first().map_or("", String::as_str);
        context.core.ready(context.pool, &locals, address);
        context.core.console.begin_line(context.pool);
        ids.iter().for_each(|id| self.advance(context, *id));
    }

    /// Takes an event of a socket or of the resolver; false where it is of neither.
    pub(super) fn on_socket(&mut self, context: &mut Context<'_>, event: &Event<'_>) -> bool {
        if let Event::Closed { id, end } = event {
            return self.on_socket_closed(context, *id, end);
        }
        if context.core.is_ending() {
            return false;
        }
        let sockets = self.sockets.as_mut();
        let answer = sockets.and_then(|sockets| sockets.opener.on(context.pool, event));
        if let Some(answer) = answer {
            self.on_found(context, answer);
            return true;
        }
        match event {
            Event::Datagrams { id, batch } => self.on_datagrams(context, *id, batch),
            Event::DatagramError { id, error } => self.on_trouble(context, *id, error),
            Event::Drained { id } => self.on_socket_drained(context, *id),
            _ => return false,
        }
        true
    }

    fn on_datagrams(&mut self, context: &mut Context<'_>, id: Id, batch: &[Arrival<'_>]) {
        let Some(target) = self.targets.get_mut(id) else { return };
        // Not the kernel's time of arrival: what a program sees of the network ends when it wakes
        // up, on datagrams as on streams.
        let at = Instant::now();
        for arrival in batch {
            target.pinger.stream.answer(arrival.payload, at, &mut self.tally);
            context.core.take_message(arrival.payload);
        }
        self.advance(context, id);
    }

    fn on_socket_drained(&mut self, context: &mut Context<'_>, id: Id) {
        let Some(target) = self.targets.get_mut(id) else { return };
        let flushed = target.outbox.flush(context.pool, id);
        target.pinger.is_full = !target.outbox.is_empty();
        context.core.count_sent(flushed.sent);
        if let Some(unsent) = flushed.failed.first() {
            self.on_trouble(context, id, &unsent.error);
        } else if !target.pinger.is_full {
            self.advance(context, id);
        }
    }

    /// ICMP reports that a datagram did not arrive.
    pub(super) fn on_trouble(&mut self, context: &mut Context<'_>, id: Id, error: &std::io::Error) {
        let Some(target) = self.targets.get_mut(id) else { return };
        // Linux reports ICMP errors to connected sockets only, by the next call on the socket:
        // which probe it was, nobody knows.
        let mut failure = datagram::failure(&target.peer, error);
        let is_silent = self.tally.answered() == 0;
        if is_silent && self.sockets.as_ref().is_some_and(ProbeSockets::may_move) {
            return self.leave_address(context, failure);
        }
        target.pinger.is_done = true;
        // Who has answered before was there.
        if !is_silent {
            failure.status = Status::Lost;
        }
        Self::fail(context, &failure);
    }

    /// An address has no listener: the next one follows as soon as its sockets are closed.
    fn leave_address(&mut self, context: &mut Context<'_>, failure: Failure) {
        // Each socket gets an error of its own, and the first one moves all of them.
        let Some(sockets) = self.sockets.as_mut().filter(|sockets| sockets.refused.is_none())
        else {
            return;
        };
        sockets.refused = Some(failure.clone());
        for (id, target) in self.targets.iter_mut() {
            (target.pinger.is_full, target.pinger.is_done) = (true, true);
            context.pool.abort(id, CloseReason::REFUSED);
        }
        let peer = self.targets.iter().next().map(|(_, target)| target.peer.clone());
        let note = Note::Failed { peer: peer.unwrap_or_default(), failure };
        note.report(context.pool, &mut context.core.console, None);
    }

    fn on_socket_closed(&mut self, context: &mut Context<'_>, id: Id, end: &End) -> bool {
        let Some(target) = self.targets.remove(id) else { return false };
        context.core.console.totals.count(&end.traffic);
        let event = closed_event(&target.peer, &target.local, end, 0, context.pool.now());
        context.core.console.report(context.pool, &event.conn(target.number));
        let is_refused = self.sockets.as_ref().is_some_and(|sockets| sockets.refused.is_some());
        if context.core.is_ending() {
            context.parted = true;
        } else if is_refused && self.targets.is_empty() {
            self.open_next(context);
        } else if !target.pinger.is_done {
            let failure = match &end.error {
                Some(error) => Failure::io(Status::Lost, "probe", target.peer.as_str(), error),
                None => left(&target.peer),
            };
            Self::fail(context, &failure);
        }
        true
    }
}
