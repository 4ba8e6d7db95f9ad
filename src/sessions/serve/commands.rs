//! What a program, or a person at a terminal, asks of a server while it runs.

use std::collections::HashMap;

use bytes::Bytes;

use super::ServeSession;
use super::client::Client;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{CloseMode, End, Id, Pool, SendOutcome};
use crate::kind::Kind;
use crate::protocol::command::{Command, Whom};
use crate::report::{Name, Notice};
use crate::sessions::core::Core;
use crate::sessions::orders::{Commanded, not_connected, send_failed, unfit};
use crate::sessions::session::Session;

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

    fn find(&self, whom: &Whom) -> Option<Id> {
        match whom {
            Whom::All => None,
            Whom::Conn(number) => self.numbers.get(number).copied(),
            Whom::Peer(peer) => self.peers.get(peer).copied(),
        }
    }
}

impl Commanded for ServeSession {
    fn core(&mut self) -> &mut Core {
        &mut self.core
    }

    fn obey(&mut self, pool: &mut Pool, line: u64, command: Command) -> Result<(), Failure> {
        match command {
            Command::Send { payload, to } => self.send_as_told(pool, line, payload, &to),
            Command::Close(whom) => return self.close_as_told(pool, &whom),
            Command::List => self.list(pool, line),
            Command::Stats => self.report_stats(pool),
            Command::Join(_) | Command::Leave(_) => {
                return Err(unfit(line, "a stream has no groups: mcast-join has"));
            }
            Command::Quit => self.quit(pool),
        }
        Ok(())
    }

    fn is_held(&self) -> bool {
        !self.holders.is_empty() || self.core.console.is_full()
    }

    fn quit(&mut self, pool: &mut Pool) {
        self.end(pool, CloseReason::HOST);
    }
}

impl ServeSession {
    fn send_as_told(&mut self, pool: &mut Pool, line: u64, payload: Vec<u8>, to: &Whom) {
        let len = payload.len();
        let outcome = self.core.feed.encode(payload).map_err(|error| {
            Failure::new(Status::Lost, Kind::Frame, "send to", to.to_string(), error.to_string())
        });
        let sent = outcome.and_then(|message| match self.directory.find(to) {
            Some(id) => self.send_to_one(pool, id, &message, to),
            None if *to == Whom::All && !self.clients.is_empty() => {
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

    /// Sends to one client, and gives the event that says so.
    fn send_to_one(
        &mut self,
        pool: &mut Pool,
        id: Id,
        message: &[u8],
        to: &Whom,
    ) -> Result<Notice<'static>, Failure> {
        if !self.keeps_up(pool, id, 1) {
            let cause = "its queue is full, and it drains nothing";
            return Err(Failure::new(Status::Lost, Kind::Slow, "send to", to.to_string(), cause));
        }
        match pool.send(id, message) {
            SendOutcome::Gone => return Err(not_connected("send to", to)),
            outcome => self.sent_to(pool, id, outcome),
        }
        self.core.count_sent(1);
        let number = self.clients.get(&id).map_or(0, |client| client.number);
        let waits = self.await_drained(pool, id);
        Ok(Notice::new(Name::Sent).conn(number).queued(waits))
    }

    /// Sends to every client, and gives the one event that says so.
    fn send_to_each(
        &mut self,
        pool: &mut Pool,
        message: Bytes,
    ) -> Result<Notice<'static>, Failure> {
        let (mut count, mut waits) = (0, 0);
        let ids: Vec<Id> = self.clients.keys().copied().collect();
        for id in ids {
            if !self.keeps_up(pool, id, 1) {
                continue;
            }
            let outcome = pool.send_shared(id, message.clone());
            if outcome != SendOutcome::Gone {
                count += 1;
                // Only what is written now is known to wait no more.
                pool.flush(id);
                self.sent_to(pool, id, outcome);
                waits += self.await_drained(pool, id);
            }
        }
        self.core.count_sent(1);
        if count == 0 {
            return Err(not_connected("send to", &Whom::All));
        }
        Ok(Notice::new(Name::Sent).queued(waits).count(count))
    }

    /// What waits for a client; where anything does, `drained` is told when it is written.
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
        if !self.core.feed.commands() || pool.queued(id) > 0 {
            return;
        }
        if let Some(client) = self.clients.get(&id) {
            let event = Notice::new(Name::Drained).conn(client.number).peer(&client.peer);
            self.core.console.report(pool, &event);
        }
    }

    /// Tells that what was queued is lost with its connection.
    pub(super) fn report_unsent(&mut self, pool: &mut Pool, client: &Client, end: &End) {
        let unsent = end.unsent.len();
        if self.core.feed.commands() && unsent > 0 {
            let text = format!("{unsent} bytes for {} were not sent", client.title());
            let event = Notice::send_failed(Kind::Unsent, text);
            let event = event.conn(client.number).peer(&client.peer).unsent(unsent as u64);
            self.core.console.report(pool, &event);
        }
    }

    fn close_as_told(&mut self, pool: &mut Pool, whom: &Whom) -> Result<(), Failure> {
        match (whom, self.directory.find(whom)) {
            (Whom::All, _) => {
                for id in self.clients.keys() {
                    pool.close(*id, self.reason_to_close(*id), CloseMode::Linger);
                }
            }
            (_, Some(id)) => pool.close(id, self.reason_to_close(id), CloseMode::Linger),
            (_, None) => return Err(not_connected("close", whom)),
        }
        Ok(())
    }

    /// Whoever closes second only agrees.
    fn reason_to_close(&self, id: Id) -> CloseReason {
        match self.clients.get(&id) {
            Some(client) if client.peer_ended => self.end_reason(id),
            _ => CloseReason::HOST,
        }
    }

    /// One `list` event a client, in the order of their numbers, and one that counts them.
    fn list(&mut self, pool: &mut Pool, line: u64) {
        let mut ids: Vec<(u64, Id)> =
            self.clients.iter().map(|(id, client)| (client.number, *id)).collect();
        ids.sort_unstable_by_key(|(number, _)| *number);
        for (number, id) in &ids {
            let (Some(client), Some(traffic)) = (self.clients.get(id), pool.traffic(*id)) else {
                continue;
            };
            let event = Notice::new(Name::List)
                .conn(*number)
                .local(&client.local)
                .peer(&client.peer)
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
