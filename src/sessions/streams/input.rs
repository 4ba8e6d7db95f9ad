//! stdin to the connections: as messages, or as commands that a program gives while it runs.

use super::{Connection, StreamSession};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, End, Id, Pool, SendOutcome};
use crate::kind::Kind;
use crate::protocol::command::{Command, Recipient};
use crate::report::{Name, Notice};
use crate::sessions::control::{self, Controllable, bad_command, not_connected, send_failed};
use crate::sessions::core::Core;
use crate::sessions::input::{Batch, Due};
use crate::sessions::services::Stdin;
use crate::sessions::session::Session;
use bytes::Bytes;
use std::collections::HashMap;

/// The clients by the names that commands call them.
#[derive(Default)]
pub(super) struct Directory {
    numbers: HashMap<u64, Id>,
    peers: HashMap<String, Id>,
}

impl Directory {
    pub(super) fn add(&mut self, number: u64, peer: &str, id: Id) {
        self.numbers.insert(number, id);
        self.peers.insert(peer.to_owned(), id);
    }

    pub(super) fn remove(&mut self, number: u64, peer: &str, id: Id) {
        self.numbers.remove(&number);
        // Clients of a unix socket have one name, which is that of the last one.
        if self.peers.get(peer) == Some(&id) {
            self.peers.remove(peer);
        }
    }

    fn find(&self, recipient: &Recipient) -> Option<Id> {
        match recipient {
            Recipient::All => None,
            Recipient::Conn(number) => self.numbers.get(number).copied(),
            Recipient::Peer(peer) => self.peers.get(peer).copied(),
        }
    }
}

impl Controllable for StreamSession {
    fn core(&mut self) -> &mut Core {
        &mut self.core
    }

    fn execute(&mut self, pool: &mut Pool, line: u64, command: Command) -> Result<(), Failure> {
        match command {
            Command::Send { payload, to } => self.execute_send(pool, line, payload, &to),
            Command::Close(recipient) => return self.execute_close(pool, &recipient),
            Command::List => self.list(pool, line),
            Command::Stats => self.report_stats(pool),
            Command::Join(_) | Command::Leave(_) => {
                return Err(bad_command(line, "a stream has no groups: mcast-join has"));
            }
            Command::Quit => self.quit(pool),
        }
        Ok(())
    }

    fn is_held(&self) -> bool {
        self.streams.slow.is_blocking() || self.core.console.is_full()
    }

    fn quit(&mut self, pool: &mut Pool) {
        self.end(pool, CloseReason::HOST);
    }
}

impl StreamSession {
    fn execute_send(&mut self, pool: &mut Pool, line: u64, payload: Vec<u8>, to: &Recipient) {
        let len = payload.len();
        let outcome = self.core.input.encode(payload).map_err(|error| {
            Failure::new(Status::Lost, Kind::Frame, "send to", to.to_string(), error.to_string())
        });
        let sent = outcome.and_then(|message| match self.streams.directory.find(to) {
            Some(id) => self.send_to_one(pool, id, &message, to),
            None if *to == Recipient::All && !self.streams.table.is_empty() => {
                self.send_to_each(pool, message.into())
            }
            None => Err(not_connected("send to", to)),
        });
        match sent {
            Ok(event) => self.core.console.report_batched(pool, &event.line(line).len(len)),
            Err(failure) => {
                self.core.console.report_batched(pool, &send_failed(line, to, &failure))
            }
        }
    }

    /// Sends to one client, and returns its event.
    fn send_to_one(
        &mut self,
        pool: &mut Pool,
        id: Id,
        message: &[u8],
        to: &Recipient,
    ) -> Result<Notice<'static>, Failure> {
        if !self.streams.keeps_up(&mut self.core, pool, id) {
            let cause = "its queue is full, and it drains nothing";
            return Err(Failure::new(Status::Lost, Kind::Slow, "send to", to.to_string(), cause));
        }
        match pool.send(id, message) {
            SendOutcome::Gone => return Err(not_connected("send to", to)),
            outcome => self.streams.sent(&mut self.core, pool, id, outcome),
        }
        self.core.count_sent(1);
        let number = self.streams.table.get(id).map_or(0, |client| client.number);
        let waits = self.await_drained(pool, id);
        Ok(Notice::new(Name::Sent).conn(number).queued(waits))
    }

    /// Sends to every client, and returns the one event for all.
    fn send_to_each(
        &mut self,
        pool: &mut Pool,
        message: Bytes,
    ) -> Result<Notice<'static>, Failure> {
        let (mut count, mut waits) = (0, 0);
        let ids: Vec<Id> = self.streams.table.ids().collect();
        for id in ids {
            if !self.streams.keeps_up(&mut self.core, pool, id) {
                continue;
            }
            let outcome = pool.send_shared(id, message.clone());
            if outcome != SendOutcome::Gone {
                count += 1;
                // Only what is written now is known to wait no more.
                pool.flush(id);
                self.streams.sent(&mut self.core, pool, id, outcome);
                waits += self.await_drained(pool, id);
            }
        }
        self.core.count_sent(1);
        if count == 0 {
            return Err(not_connected("send to", &Recipient::All));
        }
        Ok(Notice::new(Name::Sent).queued(waits).count(count))
    }

    /// What waits for a client; where anything does, `drained` is called when it is written.
    fn await_drained(&mut self, pool: &mut Pool, id: Id) -> usize {
        let waits = pool.queued(id);
        if waits > 0 {
            pool.await_flush(id);
        }
        waits
    }

    /// Tells that a client's queue is empty. One that cannot be written to any more has nothing to
    /// tell: its `closed` follows.
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

    /// Tells that what was queued is lost with its connection.
    pub(super) fn report_unsent(&mut self, pool: &mut Pool, client: &Connection, end: &End) {
        let unsent = end.unsent.len();
        if unsent > 0 {
            let peer = client.peer.to_string();
            let text = format!("{unsent} bytes for {} were not sent", client.title());
            let event = Notice::send_failed(Kind::Unsent, text);
            let event = event.conn(client.number).peer(&peer).unsent(unsent as u64);
            self.core.console.report(pool, &event);
        }
    }

    fn execute_close(&mut self, pool: &mut Pool, recipient: &Recipient) -> Result<(), Failure> {
        match (recipient, self.streams.directory.find(recipient)) {
            (Recipient::All, _) => {
                for (id, client) in self.streams.table.iter() {
                    pool.close(id, reason_to_close(client), CloseMode::Linger);
                }
            }
            (_, Some(id)) => {
                let reason = self.streams.table.get(id).map_or(CloseReason::HOST, reason_to_close);
                pool.close(id, reason, CloseMode::Linger);
            }
            (_, None) => return Err(not_connected("close", recipient)),
        }
        Ok(())
    }

    /// One `list` event a client, in the order of their numbers, and one that counts them.
    fn list(&mut self, pool: &mut Pool, line: u64) {
        let mut ids: Vec<(u64, Id)> =
            self.streams.table.iter().map(|(id, client)| (client.number, id)).collect();
        ids.sort_unstable_by_key(|(number, _)| *number);
        for (number, id) in &ids {
            let (Some(client), Some(traffic)) = (self.streams.table.get(*id), pool.traffic(*id))
            else {
                continue;
            };
            let (peer, local) = (client.peer.to_string(), client.local.to_string());
            let event = Notice::new(Name::List)
                .conn(*number)
                .local(&local)
                .peer(&peer)
                .traffic(traffic.received, traffic.sent)
                .secs(pool.now().saturating_duration_since(traffic.opened))
                .queued(pool.queued(*id));
            self.core.console.report_batched(pool, &event);
        }
        self.core
            .console
            .report_batched(pool, &Notice::new(Name::List).line(line).count(ids.len()));
    }
}

/// If the peer's FIN came first, the reason is PEER.
fn reason_to_close(connection: &Connection) -> CloseReason {
    if connection.ended { connection.end_reason() } else { CloseReason::HOST }
}

impl StreamSession {
    pub(super) fn on_input(&mut self, pool: &mut Pool, bytes: &[u8], eof: bool) {
        if let Stdin::Service { .. } = self.service.stdin() {
            self.with(pool, |service, context| service.on_stdin(context, bytes, eof));
            return self.balance(pool);
        }
        self.core.input.note_bytes(bytes);
        if self.core.input.has_commands() {
            control::execute_lines(self, pool, bytes, eof);
            self.balance(pool);
            return;
        }
        if self.core.input.is_throttled() {
            self.core.input.hold(pool, bytes, eof);
            return self.balance(pool);
        }
        if !self.core.input.is_transparent() {
            let (batch, result) = self.core.input.convert(bytes, eof);
            self.send_batch(pool, &batch);
            if let Err(failure) = result {
                self.bad_input(pool, &failure);
            }
        } else {
            self.send_to_all(pool, bytes, 1);
        }
        if eof {
            self.all_read(pool);
        }
    }

    /// Reads on, or sends what is due (`--rate`) of what was read.
    pub(super) fn resume_input(&mut self, pool: &mut Pool) {
        if !self.core.input.is_throttled() {
            return self.core.input.resume(pool);
        }
        // Sending comes by here again.
        if std::mem::replace(&mut self.releasing, true) {
            return;
        }
        while self.may_feed() {
            match self.core.input.due(pool.now()) {
                Due::Batch(batch) => {
                    self.send_batch(pool, &batch);
                    continue;
                }
                Due::At(at) => self.core.wake_at(pool, at),
                Due::Nothing => self.core.input.resume(pool),
                Due::End(Err(failure)) => self.bad_input(pool, &failure),
                Due::End(Ok(())) => self.all_read(pool),
            }
            break;
        }
        self.releasing = false;
    }

    fn send_batch(&mut self, pool: &mut Pool, batch: &Batch) {
        self.core.count_sent(batch.ends.len());
        self.send_to_all(pool, &batch.bytes, batch.ends.len() as u64);
    }

    fn bad_input(&mut self, pool: &mut Pool, failure: &Failure) {
        self.core.fail(pool, failure);
        self.end(pool, CloseReason::HOST);
    }

    fn all_read(&mut self, pool: &mut Pool) {
        self.core.input.end();
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
            }
            _ => {
                let piece = Bytes::copy_from_slice(bytes);
                self.streams.broadcast(&mut self.core, pool, None, &piece, messages);
            }
        }
        self.balance(pool);
    }

    /// Whether stdin may be read, and what was read be sent.
    pub(super) fn may_feed(&self) -> bool {
        // Commands need no connection, but their answers need a place to go.
        let waits = match self.service.stdin() {
            Stdin::Service { wanted } => !wanted,
            _ if self.core.input.has_commands() => self.is_held(),
            _ => self.streams.slow.is_blocking() || self.streams.table.is_empty(),
        };
        !waits && !self.core.is_ending()
    }
}
