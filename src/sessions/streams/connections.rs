//! One connection of a session: accepted, read, drained, closed.

use super::{Connection, Context, Flow, SendState, StreamSession};
use crate::close::{Cause, CloseReason, Detail};
use crate::error::Status;
use crate::event_loop::{End, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::output::{Output, Written};
use crate::report::{Name, Notice};
use crate::sessions::console::{Message, is_loss};
use crate::sessions::receiver::{self, Receiver};
use crate::sessions::timers;
use crate::sockets::Endpoint;

/// The end of a client that is not let in.
const REFUSED: CloseReason = CloseReason::new(Cause::Host, Detail::Refused);

impl StreamSession {
    /// Takes a new connection into the session.
    pub(super) fn accept(&mut self, pool: &mut Pool, id: Id, peer: Endpoint, local: Endpoint) {
        if !self.streams.admission.admits(&peer) {
            self.report_new(pool, Notice::new(Name::Closed).closed(REFUSED), &peer, &local);
            return pool.abort(id, REFUSED);
        }
        let number = self.core.count_connection();
        self.core.peer_arrived(pool);
        self.report_new(pool, Notice::new(Name::Accepted).conn(number), &peer, &local);
        if self.core.input.has_commands() {
            self.streams.directory.add(number, &peer.to_string(), id);
        }
        let connection = Connection {
            number,
            peer,
            local,
            receiver: Receiver::new(&self.core.common, pool.now()),
            ended: false,
            send: SendState::Flowing,
            held: false,
            skipped: 0,
        };
        self.streams.table.insert(id, connection);
        if self.streams.admission.is_complete(self.core.connections()) {
            self.streams.stop_listening(pool);
        }
        self.begin(pool, id);
        self.balance(pool);
    }

    /// Reports a new connection. Its addresses are written out only where something shows them.
    fn report_new(
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

    /// The timers of a new connection, and what it is sent first.
    fn begin(&mut self, pool: &mut Pool, id: Id) {
        pool.set_high_mark(id, self.streams.queue);
        if let Some(max_frame) = self.core.common.wire.negotiated() {
            pool.negotiate(id, max_frame);
            pool.arm(TimerKey::of(id, timers::HELLO), super::deadlines::HELLO);
        }
        if self.streams.paused {
            pool.pause(id);
        }
        if let Some(text) = self.greet.clone() {
            let outcome = pool.send(id, &text);
            self.streams.sent(&mut self.core, pool, id, outcome);
        }
        if let Some((text, messages)) = self.preset.clone() {
            let outcome = pool.send_shared(id, text);
            self.streams.sent(&mut self.core, pool, id, outcome);
            self.core.count_sent(messages);
        }
        let limits = self.core.common.limits;
        for (limit, purpose) in [(limits.idle, timers::IDLE), (limits.read, timers::READ)] {
            if let Some(limit) = limit {
                pool.arm(TimerKey::of(id, purpose), limit);
            }
        }
        self.with(pool, |service, context| service.opened(context, id));
        if self.input().ended {
            self.input_ended(pool, id);
        }
    }

    pub(super) fn on_data(&mut self, pool: &mut Pool, id: Id, bytes: &[u8], eof: bool) {
        // The receiver is taken out while its messages go to the others, and put back.
        let Some(connection) = self.streams.table.get_mut(id) else { return };
        let (mut receiver, number) = (connection.receiver.take(), connection.number);
        let name = self.shows_peers().then(|| self.streams.take_peer_name(id));
        let peer = name.as_deref().unwrap_or_default();
        let now = pool.now();
        let framed = self.with(pool, |service, context| {
            receiver.feed(bytes, eof, now, &mut |frame| {
                if service.takes(id) && context.core.take_message(frame.payload) {
                    let message = Message { conn: Some(number), ..Message::framed(&frame, peer) };
                    service.message(context, id, &message);
                }
            })
        });
        self.core.note_match(receiver.has_matched());
        if let Some(name) = name {
            self.streams.peer_name = name;
        }
        if let Some(connection) = self.streams.table.get_mut(id) {
            connection.receiver = receiver;
        }
        self.core.console.commit(pool);
        if !self.with(pool, |service, context| service.received(context, id)) {
            // The service has closed it.
        } else if self.core.has_enough() {
            self.end_with_enough(pool);
        } else if let Err(error) = framed {
            self.bad_frame(pool, id, &error);
        } else if eof {
            let input = self.input();
            self.with(pool, |service, context| service.half_closed(context, id, input));
        }
        self.balance(pool);
    }

    /// Whether the output names the sender of a message.
    fn shows_peers(&self) -> bool {
        let form = self.core.common.output.form;
        let is_bare = matches!(form, Output::None | Output::Written(Written::Raw | Written::Line));
        !is_bare || self.core.console.shows(Name::Data)
    }

    fn bad_frame(&mut self, pool: &mut Pool, id: Id, error: &crate::framing::FrameError) {
        if self.with(pool, |service, context| service.bad_frame(context, id, error)) {
            return;
        }
        let Some(connection) = self.streams.table.get(id) else { return };
        let failure = receiver::bad_frame(connection.title(), error);
        self.core.console.report_failure(pool, &failure);
        pool.abort(id, CloseReason::FRAME);
    }

    pub(super) fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        if let Some(connection) = self.streams.table.get_mut(id) {
            self.streams.slow.release(connection);
            if self.streams.flow == Flow::Answers
                && let Some(connection) = self.streams.table.get(id)
            {
                self.streams.update_reading(pool, id, connection);
            }
            self.with(pool, |service, context| service.drained(context, id));
            self.balance(pool);
        }
        self.report_drained(pool, id);
        if let (true, Some(patience)) = (self.input().ended, self.core.common.rules.quit_after) {
            pool.arm(TimerKey::of(id, timers::QUIT), patience);
        }
    }

    pub(super) fn on_closed(&mut self, pool: &mut Pool, id: Id, end: &End) {
        let Some(mut connection) = self.streams.table.remove(id) else { return };
        self.streams.slow.release(&mut connection);
        self.streams.check();
        if self.core.input.has_commands() {
            self.streams.directory.remove(connection.number, &connection.peer.to_string(), id);
            self.report_unsent(pool, &connection, end);
        }
        self.core.console.count(&end.traffic);
        let Self { core, streams, service, .. } = self;
        let mut context = Context::new(core, streams, pool);
        context.report_closed(&connection, end);
        // Who has enough cuts off what the others do not take.
        let is_enough = context.core.has_enough() && end.reason.cause == Cause::Host;
        if is_loss(end) && !is_enough && !service.reports_loss() {
            context.streams.note_loss(Status::Lost);
            context.report_loss(&connection, end);
        }
        if connection.skipped > 0 {
            let text = format!("{} missed {} messages", connection.title(), connection.skipped);
            self.core.console.warn(pool, Kind::Skipped, &text);
            self.streams.note_loss(Status::Lost);
        }
        self.with(pool, |service, context| service.closed(context, id, end));
        self.on_parted(pool);
    }
}
