//! stdin to the connections, what they send to the service, and what has to wait: stdin, connections,
//! or new clients.

use std::cell::Cell;

use bytes::Bytes;

use super::commands::ControlledSession;
use super::{
    Author, Connection, Context, Dialer, Flow, StreamSession, frames, linking, reads, refusing,
};
use crate::close::CloseReason;
use crate::error::Failure;
use crate::event_loop::{End, Id, Pool, SendOutcome};
use crate::kind::Kind;
use crate::protocol::output::{Output, Written};
use crate::protocol::relay::{InputState, Source};
use crate::protocol::text::bytes_not;
use crate::report::{Name, Notice};
use crate::sessions::console::Message;
use crate::sessions::control;
use crate::sessions::input::{Batch, Due, Portion};
use crate::sessions::services::{Breach, Stdin};
use crate::sessions::session::Piece;

/// Bytes of messages that were made of one read, after which the rest waits for the next turn.
const MOST_MADE: usize = 1 << 20;

impl StreamSession {
    pub(super) fn on_input(&mut self, pool: &mut Pool, piece: Piece<'_>) {
        if let Stdin::Service { .. } = self.service.stdin() {
            self.with(pool, |service, context| service.on_stdin(context, piece));
        } else if self.core.input.has_commands() {
            control::execute_lines(&mut ControlledSession(self), pool, piece);
        } else {
            self.core.input.note_linked(pool);
            let portion = self.core.input.read(piece);
            self.send_portion(pool, portion);
            if piece.is_end() && !self.core.is_ending() {
                self.core.confirm_end_of_typing(pool, self.after_typing());
            }
        }
    }

    /// Warns once that a client gets nothing of a stdin that has ended before it came.
    pub(super) fn warn_of_no_input(&mut self, pool: &mut Pool, id: Id) {
        if !self.service.stdin().is_sent() || !self.core.input.is_missed() {
            return;
        }
        let Some(connection) = self.streams.table.get(id) else { return };
        let text = format!(
            "{} gets nothing of stdin, which went to those that came before \
             (--reply @FILE sends a file to each client)",
            connection.title()
        );
        self.core.console.warn(pool, Kind::Input, &text);
    }

    /// What the end of what is typed means, in words.
    fn after_typing(&self) -> &'static str {
        let rules = &self.core.common.rules;
        let keeps = rules.keep_open || self.service.stdin() == Stdin::Shared;
        match (self.core.listens && self.streams.may_come(), keeps) {
            (true, true) => "nothing more is sent; serving goes on (^C ends it)",
            (true, false) => "clients see the end of input; serving goes on (^C ends it)",
            (false, true) => "nothing more is sent; what comes is still shown (^C ends it)",
            (false, false) => "the peer sees the end; what it sends is still shown (^C ends it)",
        }
    }

    /// Sends what is due (`--rate`) of what was read, or reads on.
    fn resume_input(&mut self, pool: &mut Pool) {
        while self.may_feed() {
            match self.core.input.due(pool.now()) {
                Due::Portion(portion) => self.send_portion(pool, portion),
                Due::At(at) => {
                    self.core.input.pause(pool);
                    return self.core.wake_at(pool, at);
                }
                Due::Nothing => return self.core.input.resume(pool),
            }
        }
    }

    /// Sends a portion of the input; its end means something to each connection.
    fn send_portion(&mut self, pool: &mut Pool, portion: Portion<'_>) {
        self.send_to_all(pool, portion.raw, 1);
        self.send_batch(pool, &portion.batch);
        match portion.end {
            Some(Ok(())) => self.all_read(pool),
            Some(Err(failure)) => self.bad_input(pool, &failure),
            None => {}
        }
    }

    fn send_batch(&mut self, pool: &mut Pool, batch: &Batch) {
        self.core.count_sent(batch.ends.len());
        let only = self.streams.table.ids().next().filter(|_| self.streams.reconnects());
        let Some(id) = only else {
            return self.send_to_all(pool, &batch.bytes, batch.ends.len() as u64);
        };
        // Each message is a piece of its own, so that one that was cut can be sent again.
        for message in batch.messages() {
            self.send_piece(pool, id, Bytes::copy_from_slice(message));
        }
    }

    fn bad_input(&mut self, pool: &mut Pool, failure: &Failure) {
        self.core.fail(pool, failure);
        // What precedes it is whole messages, and what follows was not meant to stand alone.
        self.core.input.dismiss(pool);
        self.end(pool, CloseReason::HOST);
    }

    fn all_read(&mut self, pool: &mut Pool) {
        if self.input().ended {
            let ids: Vec<Id> = self.streams.table.ids().collect();
            ids.into_iter().for_each(|id| self.input_ended(pool, id));
        }
    }

    fn send_to_all(&mut self, pool: &mut Pool, bytes: &[u8], messages: u64) {
        if bytes.is_empty() {
            return;
        }
        let only = self.streams.table.iter().next().filter(|_| self.streams.table.len() == 1);
        match only {
            // One connection alone can be written to without a copy that many could share.
            Some((id, connection)) if !connection.send.skips() => {
                let outcome = pool.send(id, bytes);
                self.streams.sent(&mut self.core, pool, id, outcome);
                if outcome == SendOutcome::Gone && self.streams.reconnects() {
                    self.keep(Bytes::copy_from_slice(bytes));
                }
            }
            _ => {
                let piece = Bytes::copy_from_slice(bytes);
                self.streams.broadcast(&mut self.core, pool, Author::Run, (&piece, messages));
            }
        }
    }

    /// Whether stdin may be read, and what was read be sent.
    fn may_feed(&self) -> bool {
        // Commands need no connection, but their answers need a place to go.
        let waits = match self.service.stdin() {
            Stdin::Service { wanted } => !wanted,
            _ if self.core.input.has_commands() => self.is_held(),
            // What a connection that is being closed takes no more is kept for the next one.
            _ => {
                let is_kept = self.streams.dialer.as_ref().is_some_and(Dialer::is_full);
                self.streams.is_blocking() || self.streams.count() == 0 || is_kept
            }
        };
        !waits && !self.core.is_ending()
    }

    /// Whether commands have to wait for a queue or for stdout.
    pub(super) fn is_held(&self) -> bool {
        let is_full = match &self.streams.dialer {
            Some(dialer) if self.streams.table.is_empty() => dialer.is_full(),
            _ => self.streams.is_blocking(),
        };
        is_full || self.streams.openings.is_full() || self.core.console.is_full()
    }

    /// Reports that a client's queue is empty. One that cannot be written to any more is left out: its
    /// `closed` follows.
    pub(super) fn report_drained(&mut self, pool: &mut Pool, id: Id) {
        if !self.core.input.has_commands() || pool.queued(id) > 0 {
            return;
        }
        if let Some(client) = self.streams.table.get(id) {
            let peer = client.peer.to_string();
            let event = Notice::new(Name::Drained).conn(client.number).peer(&peer);
            self.core.console.report(pool, &event);
        }
    }

    /// Reports that what was queued is lost with its connection.
    pub(super) fn report_unsent(&mut self, pool: &mut Pool, client: &Connection, end: &End) {
        let unsent = end.unsent.len();
        if unsent > 0 {
            let peer = client.peer.to_string();
            let whom = format!(" for {}", self.streams.title(client));
            let text = bytes_not(unsent as u64, &whom, "sent");
            let event = Notice::send_failed(Kind::Unsent, text);
            let event = event.conn(client.number).peer(&peer).unsent(unsent as u64);
            self.core.console.report(pool, &event);
        }
    }

    /// stdin as a connection sees it.
    pub(super) fn input(&self) -> InputState {
        match self.service.stdin() {
            Stdin::Relayed => self.core.input.progress(),
            Stdin::Shared | Stdin::Service { .. } => InputState::new(Source::Absent),
        }
    }

    pub(super) fn input_ended(&mut self, pool: &mut Pool, id: Id) {
        let input = self.input();
        self.with(pool, |_, context| context.input_ended(id, input));
    }

    /// The end reaches the reader of stdout, while stdin may go on: no connection sends more,
    /// and no other one can come.
    pub(super) fn pass_end(&mut self, pool: &mut Pool) {
        let streams = &self.streams;
        let may_come = streams.may_come() || streams.reconnects() || self.core.input.has_commands();
        let is_relayed = matches!(self.service.stdin(), Stdin::Relayed);
        if is_relayed && !may_come && streams.table.iter().all(|(_, one)| one.ended) {
            self.core.console.end_output(pool);
        }
    }

    /// A client reads no more, and has sent FIN before: it only holds a place. Where no other one can
    /// come, the status is to show whether it was left with something to send.
    pub(super) fn on_hung_up(&mut self, pool: &mut Pool, id: Id) {
        let has_ended = self.streams.table.get(id).is_some_and(|client| client.ended);
        if has_ended && self.streams.may_come() && self.service.stdin() == Stdin::Relayed {
            pool.abort(id, CloseReason::PEER);
        }
    }

    /// How many clients are served: those that have left something behind count, and connections that
    /// commands asked for do not.
    pub(super) fn present(&self) -> usize {
        let (asked, _) = self.streams.openings.counts();
        self.streams.count() - asked + self.service.remains().orphans
    }

    /// New clients wait in the backlog while there are as many as can be served, and while nobody
    /// reads the events: each would add some. Hooks that do not keep up are such readers.
    pub(super) fn update_accepting(&mut self, pool: &mut Pool) {
        // One in its handshake has its place already.
        let present = self.present() + pool.handshakes();
        let console = &self.core.console;
        let is_unread = self.core.common.output.form == Output::Json && console.is_full();
        let blocked = is_unread || console.hooks.are_full();
        let Some(change) = self.streams.admission.update(present, blocked) else { return };
        for listener in &self.streams.listeners {
            if change.accepting { pool.resume(listener.id) } else { pool.pause(listener.id) }
        }
        if change.exhausted {
            // Reported as if accept(2) had found no descriptor. To stop in time leaves some for
            // the upstreams of the clients that are in.
            self.accept_failed(pool, &rustix::io::Errno::MFILE.into());
        }
    }

    /// Accepting fails, most often for want of descriptors.
    pub(super) fn accept_failed(&mut self, pool: &mut Pool, error: &std::io::Error) {
        // Whoever gives commands knows of the FIN, and closes by itself.
        let is_relayed = self.service.stdin() == Stdin::Relayed && !self.core.input.has_commands();
        refusing::accept_failed(&mut self.core, &mut self.streams, pool, (error, is_relayed));
    }

    pub(super) fn on_data(&mut self, pool: &mut Pool, id: Id, piece: Piece<'_>) {
        let (bytes, eof) = (piece.bytes(), piece.is_end());
        // The receiver is taken out while its messages go to the others, and put back.
        let Some(connection) = self.streams.table.get_mut(id) else { return };
        let had_unread = connection.receiver.has_unread();
        let (mut receiver, number) = (connection.receiver.take(), connection.number);
        let line = connection.armed().map(|read| read.line);
        let conn = self.streams.is_numbered.then_some(number);
        let name = self.shows_peers().then(|| self.streams.take_peer_name(id));
        let peer = name.as_deref().unwrap_or_default();
        let Self { core, streams, service, .. } = self;
        let (mut context, mut has_come) = (Context::new(core, streams, pool), false);
        // Answers may be many times as long as the messages of one read, and so may be messages that
        // are made of them.
        let mut made = 0;
        let (is_answered, stop) = (context.streams.profile.flow == Flow::Answers, Cell::new(false));
        let framed = receiver.feed(bytes, eof, &stop, &mut |frame| {
            has_come = true;
            made += frame.made.map_or(0, Bytes::len);
            let is_counted = context.streams.profile.counts_messages;
            if is_counted || context.core.take_messages(frame.payload, frame.count) {
                let message = Message { conn, line, ..Message::framed(&frame, peer) };
                service.message(&mut context, id, &message);
            }
            let is_full = is_answered && context.streams.is_full(id);
            stop.set(is_full || made >= MOST_MADE || line.is_some());
        });
        let asked = context.asked();
        self.follow(pool, asked);
        receiver.note_read(pool.now(), has_come);
        let is_short = (1..pool.read_size(id)).contains(&bytes.len());
        if is_short && receiver.undelivered() > 0 {
            // A peer that writes the length and then the message sends the second one only once the
            // first is acknowledged, where Nagle's algorithm is on: 40 ms a message, else. Behind a
            // full read there is more to read already.
            pool.acknowledge(id);
        }
        if receiver.has_matched() {
            self.core.note_match();
        }
        if let Some(name) = name {
            self.streams.peer_name = name;
        }
        self.streams.note_making(id, &mut receiver, has_come);
        if let Some(connection) = self.streams.table.get_mut(id) {
            connection.receiver = receiver;
        }
        let wire = &self.core.common.wire;
        if line.is_some() {
            match has_come || eof {
                true => reads::end_read(&mut self.streams, pool, wire, id),
                false => reads::continue_read(&self.streams, pool, wire, id),
            }
        } else if let Some(connection) = self.streams.table.get(id)
            && (had_unread || connection.receiver.has_unread())
        {
            self.streams.update_reading(pool, id, connection);
        }
        frames::on_moved(&mut self.streams, &mut self.core, pool, id);
        // Good messages go out before the bad frame behind them is reported.
        self.core.console.commit(pool);
        let is_reported = framed.as_ref().is_err_and(|error| {
            self.with(pool, |service, context| service.breach(context, id, Breach::Frame(error)))
        });
        let is_open = self.with(pool, |service, context| service.received(context, id));
        // A match outranks a frame that is broken behind it.
        if self.core.has_enough() {
            self.end_with_enough(pool);
        } else if !is_open || is_reported {
            // The service has closed it.
        } else if let Err(error) = framed {
            self.with(pool, |_, context| context.bad_frame(id, &error));
        } else if eof {
            let input = self.input();
            self.with(pool, |service, context| service.half_closed(context, id, input));
            self.pass_end(pool);
        }
    }

    /// Whether the output names the sender of a message.
    fn shows_peers(&self) -> bool {
        let form = self.core.common.output.form;
        let is_bare = matches!(form, Output::None | Output::Written(Written::Raw | Written::Line));
        !is_bare || self.core.console.shows(Name::Data)
    }

    /// Takes the messages that were read and had to wait, of connections that are read again.
    pub(super) fn read_on(&mut self, pool: &mut Pool) {
        while let Some(id) = self.streams.turns.next() {
            let connection = self.streams.table.get(id);
            if connection.is_some_and(|one| self.streams.goes_on(id, one)) {
                self.on_data(pool, id, Piece::Held);
            }
        }
    }

    /// What an event has changed is shown, and decides what is read.
    pub(super) fn event_done(&mut self, pool: &mut Pool) {
        self.with(pool, |service, context| service.event_done(context));
        self.balance(pool);
        if self.core.input.is_last_read(pool) && self.service.stdin().is_wanted() {
            self.close_with_enough(pool);
        }
    }

    /// Pauses what would overflow a queue, and resumes what may flow again: once behind each event.
    pub(super) fn balance(&mut self, pool: &mut Pool) {
        self.update_accepting(pool);
        linking::update(self, pool);
        if self.may_feed() {
            self.resume_input(pool);
        }
        // Sending may have filled a queue since.
        if !self.may_feed() {
            self.core.input.pause(pool);
        }
        let blocks = self.streams.is_blocking() && self.streams.profile.flow == Flow::Peers;
        // A relay has its own backpressure: each side waits for its partner alone.
        let full = self.core.console.is_full() || blocks;
        self.streams.set_paused(pool, full && self.streams.profile.flow != Flow::Relayed);
        self.read_on(pool);
    }
}
