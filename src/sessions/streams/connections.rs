//! One connection of a session: accepted, read, drained, closed.

use bytes::Bytes;

use super::dialing::{Dialed, in_doubt};
use super::ending::{self, EndMode};
use super::opening::{self, AskedConnection};
use super::reads::ReadControl;
use super::refusing::{self, REFUSED};
use super::{Connection, Context, Dialer, Flow, NewConnection, Redial, Scope, SendState};
use super::{StreamSession, deadlines, frames, linking};
use crate::close::{Cause, CloseReason};
use crate::error::Status;
use crate::event_loop::{End, Id, Pool, SendOutcome, TimerKey};
use crate::framing::Framing;
use crate::kind::Kind;
use crate::protocol::text::number;
use crate::report::{Name, Notice};
use crate::sessions::connector::Established;
use crate::sessions::receiver::Receiver;
use crate::sessions::services::{Breach, Losses};
use crate::sessions::timers;
use crate::sockets::Endpoint;

/// How a connection came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Accepted,
    /// It is what the run was begun for.
    Dialed,
    /// A command has asked for it.
    Asked,
}

impl StreamSession {
    /// Takes a new connection into the session.
    pub(super) fn accept(&mut self, pool: &mut Pool, id: Id, peer: Endpoint, local: Endpoint) {
        if !self.streams.admission.admits(&peer) {
            return refusing::deny(self, pool, id, (&peer, &local));
        }
        let present = self.present();
        if let Some(refusal) = self.streams.admission.turn_away(id, present) {
            self.report_new(pool, Notice::new(Name::Closed).closed(REFUSED), &peer, &local);
            return refusing::turn_away(pool, id, refusal, REFUSED);
        }
        if let Err(crowded) = self.streams.admission.count(id, &peer) {
            return refusing::refuse_one_more(self, pool, id, (&peer, &local), crowded);
        }
        self.core.peer_arrived(pool);
        let number = self.core.count_connection();
        self.report_new(pool, Notice::new(Name::Accepted).conn(number), &peer, &local);
        self.report_agreed(pool, id, Some(number), &peer);
        let new = NewConnection { id, number, peer, local };
        let is_elsewhere =
            self.with(pool, |service, context| service.serve_elsewhere(context, &new));
        if !is_elsewhere {
            self.insert(pool, id, number, (new.peer, new.local));
        }
        if self.is_complete() {
            // When its listener closes, Linux resets what waits in the backlog: those clients learn
            // at once that nobody will take them.
            self.streams.stop_listening(pool);
        }
        if !is_elsewhere {
            self.begin(pool, id, Origin::Accepted);
        }
    }

    /// Whether all clients of `--conns` have come.
    pub(super) fn is_complete(&self) -> bool {
        let (_, asked) = self.streams.openings.counts();
        self.streams.admission.is_complete(self.core.connections() - asked)
    }

    /// Follows what is being dialed.
    pub(super) fn on_dialed(&mut self, pool: &mut Pool, dialed: Dialed) {
        if let Some(dialer) = &mut self.streams.dialer {
            dialer.report_notes(pool, &mut self.core.console);
        }
        match dialed {
            Dialed::Pending => {}
            Dialed::Up(all) => self.connected(pool, all),
            Dialed::Retrying { failure, pause } => self.core.report_retry(pool, &failure, pause),
            // Others go on without it.
            Dialed::Failed(failure) if self.streams.scope() == Scope::Connection => {
                self.core.console.report_failure(pool, &failure);
                self.streams.note_loss(failure.status);
                opening::quit_when_made(self, pool);
                self.on_parted(pool);
            }
            Dialed::Failed(failure) => {
                self.core.fail(pool, &failure);
                self.end(pool, CloseReason::HOST);
            }
        }
    }

    /// Takes connections that were dialed into the session.
    pub(super) fn connected(&mut self, pool: &mut Pool, all: Vec<Established>) {
        let ids: Vec<Id> = all.iter().map(|new| new.id).collect();
        let locals: Vec<String> = all.iter().map(|new| new.local.to_string()).collect();
        let peer = all.first().map(|new| new.peer.to_string()).unwrap_or_default();
        for Established { id, peer, local, .. } in all {
            let number = self.core.count_connection();
            let shown = self.streams.is_numbered.then_some(number);
            let notice = Notice::new(Name::Connected).maybe_conn(shown).proto(peer.proto());
            self.report_new(pool, notice, &peer, &local);
            self.report_agreed(pool, id, shown, &peer);
            self.insert(pool, id, number, (peer, local));
        }
        self.core.forget_retry();
        if let Some(dialer) = &mut self.streams.dialer {
            dialer.on_connected(&peer, &ids);
        }
        if self.streams.dialer.as_ref().is_none_or(|dialer| !dialer.has_more_routes()) {
            self.core.ready(pool, &locals, &peer);
        }
        // All are in the table before the first one begins: probes are spread over their number.
        ids.into_iter().for_each(|id| self.begin(pool, id, Origin::Dialed));
    }

    /// Takes a connection that a command has asked for into the session.
    pub(super) fn admit(&mut self, pool: &mut Pool, new: Established, asked: &AskedConnection) {
        let Established { id, peer, local, .. } = new;
        self.core.note_connection();
        let notice = Notice::new(Name::Connected).conn(asked.number).proto(peer.proto());
        self.report_new(pool, notice.line(asked.line), &peer, &local);
        self.report_agreed(pool, id, Some(asked.number), &peer);
        self.insert(pool, id, asked.number, (peer, local));
        self.begin(pool, id, Origin::Asked);
    }

    pub(super) fn insert(
        &mut self,
        pool: &Pool,
        id: Id,
        number: u64,
        (peer, local): (Endpoint, Endpoint),
    ) {
        if self.core.input.has_commands() {
            self.streams.directory.add(number, &peer.to_string(), id);
        }
        let starts_paused = self.core.common.wire.paused;
        let (budget, passes_on) = (&self.streams.frames.budget, self.streams.profile.passes_on);
        let mut receiver = Receiver::new(&self.core.common, pool.now(), budget, passes_on);
        if self.streams.profile.shows_only && self.core.looks_at_no_message() {
            receiver.join_lines();
        }
        let connection = Connection {
            number,
            peer,
            local,
            receiver,
            ended: false,
            finished: false,
            send: SendState::Flowing,
            held: false,
            waits: false,
            reads: starts_paused.then(|| Box::new(ReadControl::paused(pool.now()))),
            skipped: 0,
        };
        self.streams.table.insert(id, connection);
    }

    /// Reports a new connection. Its addresses are written out only where something shows them.
    pub(super) fn report_new(
        &mut self,
        pool: &mut Pool,
        notice: Notice<'_>,
        peer: &Endpoint,
        local: &Endpoint,
    ) {
        if self.core.console.shows(notice.name()) {
            let (peer, local) = (peer.to_string(), local.to_string());
            self.core.console.report(pool, &notice.peer(&peer).local(&local));
        }
    }

    /// Reports what TLS on a new connection has come to, where there is any.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_self, unused_variables))]
    fn report_agreed(&mut self, pool: &mut Pool, id: Id, conn: Option<u64>, peer: &Endpoint) {
        #[cfg(feature = "tls")]
        super::report_agreed(&mut self.core, pool, id, conn, peer);
    }

    /// The timers of a new connection, and what it is sent first.
    pub(super) fn begin(&mut self, pool: &mut Pool, id: Id, origin: Origin) {
        pool.set_high_mark(id, self.streams.queue);
        pool.set_read_size(id, self.core.common.wire.read_size);
        // The connector has begun the handshake of what it dialed, within `--connect-timeout`.
        let is_accepted = origin == Origin::Accepted;
        if let Some(max_frame) = self.core.common.wire.negotiated().filter(|_| is_accepted) {
            pool.negotiate(id, max_frame, &self.streams.frames.budget);
            // A peer that connects and stays silent would hold its place for ever.
            pool.arm(TimerKey::of(id, timers::HELLO), deadlines::HELLO);
        }
        // Accepted while the output is full: it goes on with the others.
        if let Some(connection) = self.streams.table.get(id)
            && self.streams.is_full(id)
        {
            self.streams.update_reading(pool, id, connection);
        }
        // Before `opened`, so that the greeting precedes whatever the service sends.
        for (text, messages) in self.first.iter().filter(|_| is_accepted) {
            let outcome = pool.send_shared(id, text.clone());
            self.streams.sent(&mut self.core, pool, id, outcome);
            self.core.count_sent(*messages);
        }
        let has_carried = origin == Origin::Dialed && self.send_carried(pool, id);
        deadlines::begin(&self.core, pool, id);
        self.with(pool, |service, context| service.opened(context, id));
        // Whoever gives the commands learns by `drained` when the carried messages are out.
        if has_carried && self.core.input.has_commands() {
            pool.await_flush(id);
        }
        if is_accepted {
            self.warn_of_no_input(pool, id);
        }
        if self.streams.openings.is_quitting {
            opening::quit_when_made(self, pool);
        } else if self.input().ended {
            self.input_ended(pool, id);
        }
    }

    /// Sends what the connection before this one did not send. Returns whether there was any.
    fn send_carried(&mut self, pool: &mut Pool, id: Id) -> bool {
        let dialer = self.streams.dialer.as_mut();
        let carried = dialer.map(Dialer::take_carried).unwrap_or_default();
        let has_any = !carried.is_empty();
        carried.into_iter().for_each(|piece| self.send_piece(pool, id, piece));
        has_any
    }

    /// Sends a message that may have to be sent again. What a connection does not even take is for
    /// the next one.
    pub(super) fn send_piece(&mut self, pool: &mut Pool, id: Id, piece: Bytes) {
        let outcome = pool.send_shared(id, piece.clone());
        self.streams.sent(&mut self.core, pool, id, outcome);
        if outcome == SendOutcome::Gone {
            self.keep(piece);
        }
    }

    /// Keeps for the next connection what this one did not take.
    pub(super) fn keep(&mut self, piece: Bytes) {
        if let Some(dialer) = &mut self.streams.dialer {
            dialer.carry(piece);
        }
    }

    pub(super) fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        if let Some(connection) = self.streams.table.get_mut(id) {
            self.streams.slow.release(id, connection);
            if self.streams.profile.flow == Flow::Answers
                && let Some(connection) = self.streams.table.get(id)
            {
                self.streams.update_reading(pool, id, connection);
                self.streams.turns.go_on(id);
            }
            self.with(pool, |service, context| service.drained(context, id));
        }
        self.report_drained(pool, id);
        // The peer's time to answer begins when the input is out, not when it was read.
        if let (true, Some(patience)) = (self.input().ended, self.core.common.rules.quit_after) {
            pool.arm(TimerKey::of(id, timers::QUIT), patience);
        }
    }

    /// Closes a connection that has missed a deadline.
    pub(super) fn check_deadline(&mut self, pool: &mut Pool, deadline: u8, id: Id) {
        let activity = self.service.activity(pool, id);
        let missed = self.streams.missed(&self.core, pool, (deadline, id), activity);
        let Some((detail, cause)) = missed else { return };
        let breach = Breach::Deadline(&cause);
        if self.with(pool, |service, context| service.breach(context, id, breach)) {
            return;
        }
        let is_cut = ending::is_cut(&self.core, &self.streams, pool, &*self.service, id);
        linking::take_rest(&self.core, &self.streams, pool, id);
        let end = self.streams.late(&mut self.core, pool, (id, is_cut), (detail, cause));
        if let Some(reason) = end {
            self.give_up(pool, EndMode::AtOnce, reason);
        }
    }

    pub(super) fn on_closed(&mut self, pool: &mut Pool, id: Id, end: &End) {
        self.streams.admission.forget(id);
        let Some(mut connection) = self.streams.table.remove(id) else {
            return opening::on_closed(&mut self.core, &mut self.streams, pool, id);
        };
        // It would block what feeds the queues for ever: a queue that is gone never drains.
        self.streams.slow.release(id, &mut connection);
        self.streams.check();
        self.streams.turns.stop_making(id);
        self.streams.make_next();
        frames::on_moved(&mut self.streams, &mut self.core, pool, id);
        self.streams.openings.forget(id);
        let redial = self.redial(id, end);
        if self.core.input.has_commands() {
            self.streams.directory.remove(connection.number, &connection.peer.to_string(), id);
            if redial == Redial::Never {
                self.report_unsent(pool, &connection, end);
            }
        }
        self.core.console.totals.count(&end.traffic);
        if redial == Redial::Never {
            self.core.console.totals.unsent += end.unsent.len() as u64;
        }
        let Self { core, streams, .. } = self;
        let mut context = Context::new(core, streams, pool);
        context.report_closed(&connection, end);
        // A server that has enough cuts off what some clients do not take.
        let is_one_of_many = context.streams.scope() == Scope::Connection;
        let is_enough =
            is_one_of_many && context.core.has_enough() && end.reason.cause == Cause::Host;
        let is_lost = end.is_loss() && redial == Redial::Never;
        if is_lost && !is_enough && context.streams.profile.losses == Losses::Reported {
            context.report_loss(&connection, end);
        }
        // A server for any number of clients drops idle ones all day; one for a number of them
        // (`--conns`) has waited for each.
        if end.reason == deadlines::TOO_IDLE && self.streams.admission.is_limited() {
            self.streams.note_loss(Status::Timeout);
        }
        if connection.skipped > 0 && self.streams.profile.losses != Losses::Ignored {
            let skipped = number(connection.skipped, "message");
            let text = format!("{} missed {skipped}", connection.title());
            self.core.console.warn(pool, Kind::Skipped, &text);
            self.streams.note_loss(Status::Lost);
        }
        // The service forgets it before the next one is dialed, and the run ends only if none is.
        self.with(pool, |service, context| service.closed(context, id, end));
        self.follow_end(pool, redial, &connection, end);
        self.pass_end(pool);
        self.on_parted(pool);
    }

    /// What is to follow the end of a connection.
    fn redial(&mut self, id: Id, end: &End) -> Redial {
        let Some(dialer) = &mut self.streams.dialer else { return Redial::Never };
        if !dialer.on_closed(id) || self.core.is_ending() {
            return Redial::Never;
        }
        if dialer.reconnects() && dialer.carries() {
            // The end was one in order, and yet something is left to send.
            return Redial::AfterPause;
        }
        self.service.redial(&self.core, dialer.reconnects(), end)
    }

    /// The end of a connection that was dialed is the end of the run, or another one follows.
    fn follow_end(&mut self, pool: &mut Pool, redial: Redial, lost: &Connection, end: &End) {
        let Some(dialer) = &mut self.streams.dialer else { return };
        if !self.core.is_ending() {
            // The warning that the run waits for the peer to close is out of date.
            pool.disarm(TimerKey::global(timers::NOTE));
        }
        match redial {
            Redial::AtOnce if !self.core.is_ending() => {
                let dialed = dialer.dial_next(pool);
                self.on_dialed(pool, dialed);
            }
            Redial::AfterPause if !self.core.is_ending() => self.dial_again(pool, lost, end),
            _ if self.streams.table.is_empty() && !self.streams.may_come() => {
                self.core.begin_ending(pool);
            }
            _ => {}
        }
    }

    fn dial_again(&mut self, pool: &mut Pool, lost: &Connection, end: &End) {
        let framed = self.core.common.wire.frame.framing != Framing::None;
        let unsent = end.unsent.clone().into_pieces(framed);
        let unsent = self.with(pool, |service, context| service.carry(context, unsent));
        let Some(dialer) = &mut self.streams.dialer else { return };
        // A peer that closes each connection without a word is no success: the pauses go on
        // growing.
        let pause = dialer.dial_again(pool, end.traffic.received > 0, unsent);
        let count = in_doubt(end);
        if count > 0 && self.streams.profile.losses == Losses::Reported {
            let bytes = number(count, "byte");
            let text = format!("up to {bytes} sent to {} may be lost", lost.peer);
            self.core.console.warn(pool, Kind::MayBeLost, &text);
            self.core.decide(Status::Lost);
        }
        let text = format!("connection to {} ended: {}", lost.peer, end.reason);
        let notice = Notice::new(Name::Retry).kind(Kind::Lost).secs(pause).message(text);
        self.core.console.report(pool, &notice);
    }
}
