//! Commands that a program, or a person at a terminal, gives to a stream session while it runs.
//!
//! What is sent before a dialed connection is there waits for it, as what a lost one did not send
//! waits for the next one.

use super::reads::{self, Armed};
use super::{Connection, Scope, StreamSession, opening};
use crate::close::CloseReason;
use crate::error::Failure;
use crate::event_loop::{CloseMode, Id, Pool, SendOutcome};
use crate::kind::Kind;
use crate::protocol::command::{Command, Recipient};
use crate::report::{Name, Notice};
use crate::sessions::control::{Controllable, answer_send, bad_command, not_connected, unsendable};
use crate::sessions::core::Core;
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

/// A stream session, as commands control it.
pub(super) struct ControlledSession<'a>(pub(super) &'a mut StreamSession);

impl Controllable for ControlledSession<'_> {
    fn core(&mut self) -> &mut Core {
        &mut self.0.core
    }

    fn execute(&mut self, pool: &mut Pool, line: u64, command: Command) -> Result<(), Failure> {
        match command {
            Command::Send { payload, to } => self.execute_send(pool, line, payload, &to),
            Command::Close(to) if self.is_whole_run(&to) => self.quit(pool),
            Command::Close(to) => return self.execute_close(pool, &to),
            Command::List => self.list(pool, line),
            Command::Stats => self.0.report_stats(pool),
            Command::Join(_) | Command::Leave(_) => {
                return Err(bad_command(line, "a stream has no groups: mcast-join has"));
            }
            Command::Connect { address, another } => {
                return opening::connect(self.0, pool, line, &address, another);
            }
            Command::Listen(address) => return opening::listen(self.0, pool, line, &address),
            Command::Pause(of) => {
                let ids = self.each(pool, "pause", &of)?;
                reads::pause(self.0, pool, &ids);
            }
            Command::Resume(of) => {
                let ids = self.each(pool, "resume", &of)?;
                reads::resume(self.0, pool, &ids);
            }
            Command::Finish(of) => {
                let ids = self.each(pool, "finish", &of)?;
                reads::finish(self.0, pool, &ids);
            }
            Command::Read { of, form, within } => {
                let ids = self.each(pool, "read from", &of)?;
                let read = Armed { line, within };
                return reads::read(self.0, pool, (&of, &ids), (read, form));
            }
            Command::Quit => self.quit(pool),
            // The lines see to that one.
            Command::Tick(_) => {}
        }
        Ok(())
    }

    fn is_held(&self) -> bool {
        self.0.is_held()
    }

    fn quit(&mut self, pool: &mut Pool) {
        match &self.0.streams.dialer {
            // What waits for a connection goes out first.
            Some(dialer) if self.0.streams.table.is_empty() && dialer.carries() => {
                self.quit_when_made(pool);
            }
            _ => {
                // What stands behind the command is not to be obeyed, so nothing of it is unsent.
                self.0.core.input.dismiss(pool);
                self.0.end(pool, CloseReason::HOST);
            }
        }
    }

    /// Whoever has no command to give still wants to know whether there is anybody, and who has seen
    /// an attempt fail gives up.
    fn input_ended(&mut self, pool: &mut Pool) {
        let is_first = self.0.core.connections() == 0 && !self.0.core.is_retrying();
        match &self.0.streams.dialer {
            Some(dialer) if dialer.is_dialing() && is_first => self.quit_when_made(pool),
            _ if self.0.streams.openings.is_busy() => self.quit_when_made(pool),
            _ => self.quit(pool),
        }
    }
}

impl ControlledSession<'_> {
    /// Ends when the connections in the making are there, or cannot be made.
    fn quit_when_made(&mut self, pool: &mut Pool) {
        self.0.streams.openings.is_quitting = true;
        // With the input closed, no later line is executed while this one waits.
        self.0.core.input.dismiss(pool);
    }

    /// The connection that a command means, where that is one. The one that a run is for has no
    /// others beside it.
    fn find(&self, to: &Recipient) -> Option<Id> {
        let streams = &self.0.streams;
        match (to, streams.scope()) {
            (Recipient::All, Scope::Run) => streams.table.ids().next(),
            _ => streams.directory.find(to),
        }
    }

    /// The connections that a command means, without those that are being closed.
    fn each(
        &self,
        pool: &Pool,
        operation: &'static str,
        of: &Recipient,
    ) -> Result<Vec<Id>, Failure> {
        let mut ids: Vec<Id> = match of {
            Recipient::All => self.0.streams.table.ids().collect(),
            _ => self.find(of).into_iter().collect(),
        };
        ids.retain(|id| !pool.is_closing(*id));
        if ids.is_empty() { Err(not_connected(operation, of)) } else { Ok(ids) }
    }

    /// Whether a connection was finished, by a command.
    fn is_finished(&self, id: Id) -> bool {
        self.0.streams.table.get(id).is_some_and(|one| one.finished)
    }

    /// Whether to close what a command means is to end the run.
    fn is_whole_run(&self, to: &Recipient) -> bool {
        self.0.streams.scope() == Scope::Run && (*to == Recipient::All || self.find(to).is_some())
    }

    fn execute_send(&mut self, pool: &mut Pool, line: u64, payload: Vec<u8>, to: &Recipient) {
        let input = &mut self.0.core.input;
        let len = payload.len() + input.unframed();
        let Some(encoded) = input.encode(payload).transpose() else {
            return input.control().into_iter().for_each(|control| control.put_back(line, to));
        };
        let encoded = encoded.map_err(|error| unsendable(to, Kind::Frame, error.to_string()));
        let sent = encoded.and_then(|message| match self.find(to) {
            Some(id) => self.send_to_one(pool, id, message, to),
            None if *to == Recipient::All && !self.0.streams.table.is_empty() => {
                self.send_to_each(pool, message.into())
            }
            // There is no connection yet, or no longer.
            None if *to == Recipient::All => self.carry(message.into(), to),
            None => Err(not_connected("send to", to)),
        });
        let sent = sent.map(|notice| notice.len(len));
        answer_send(&mut self.0.core.console, pool, line, to, sent);
    }

    /// Sends to one connection, and returns its event.
    fn send_to_one(
        &mut self,
        pool: &mut Pool,
        id: Id,
        message: Vec<u8>,
        to: &Recipient,
    ) -> Result<Notice<'static>, Failure> {
        if self.is_finished(id) {
            return Err(unsendable(
                to,
                Kind::Finished,
                "it was finished, so nothing more is sent to it",
            ));
        }
        if !self.0.streams.keeps_up(&mut self.0.core, pool, id, 1) {
            let cause = "its queue is full, and it drains nothing";
            return Err(unsendable(to, Kind::Slow, cause));
        }
        let outcome = if self.0.streams.redials(id) {
            // A message that may have to be sent again is a piece of its own.
            let piece = Bytes::from(message);
            let outcome = pool.send_shared(id, piece.clone());
            if outcome == SendOutcome::Gone {
                return self.carry(piece, to);
            }
            // Only what is written now is known to wait no more.
            pool.flush(id);
            outcome
        } else {
            pool.send(id, &message)
        };
        if outcome == SendOutcome::Gone {
            return Err(not_connected("send to", to));
        }
        self.0.streams.sent(&mut self.0.core, pool, id, outcome);
        self.0.core.count_sent(1);
        let number = self.0.streams.table.get(id).map_or(0, |connection| connection.number);
        let waits = self.await_drained(pool, id);
        Ok(Notice::new(Name::Sent).conn(number).queued(waits))
    }

    /// Keeps a message for the next connection, where one is dialed.
    fn carry(&mut self, message: Bytes, to: &Recipient) -> Result<Notice<'static>, Failure> {
        let dialer = self.0.streams.dialer.as_mut().filter(|dialer| dialer.is_dialing());
        let Some(dialer) = dialer else { return Err(not_connected("send to", to)) };
        let waits = dialer.carry(message);
        self.0.core.count_sent(1);
        Ok(Notice::new(Name::Sent).queued(waits))
    }

    /// Sends to every client, and returns the one event for all.
    fn send_to_each(
        &mut self,
        pool: &mut Pool,
        message: Bytes,
    ) -> Result<Notice<'static>, Failure> {
        let (mut count, mut waits) = (0, 0);
        let mut ids: Vec<Id> = self.0.streams.table.ids().collect();
        ids.retain(|id| !self.is_finished(*id));
        if ids.is_empty() {
            let cause = "all were finished, so nothing more is sent to them";
            return Err(unsendable(&Recipient::All, Kind::Finished, cause));
        }
        for id in ids {
            if !self.0.streams.keeps_up(&mut self.0.core, pool, id, 1) {
                continue;
            }
            let outcome = pool.send_shared(id, message.clone());
            if outcome != SendOutcome::Gone {
                count += 1;
                // Only what is written now is known to wait no more.
                pool.flush(id);
                self.0.streams.sent(&mut self.0.core, pool, id, outcome);
                waits += self.await_drained(pool, id);
            }
        }
        self.0.core.count_sent(1);
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

    fn execute_close(&mut self, pool: &mut Pool, recipient: &Recipient) -> Result<(), Failure> {
        match (recipient, self.find(recipient)) {
            (Recipient::All, _) => {
                for (id, client) in self.0.streams.table.iter() {
                    close_one(pool, id, client);
                }
                if let Some(dialer) = &mut self.0.streams.dialer {
                    dialer.cancel(pool);
                }
                opening::close(self.0, pool, recipient);
                self.0.on_parted(pool);
            }
            (_, Some(id)) => {
                if let Some(client) = self.0.streams.table.get(id) {
                    close_one(pool, id, client);
                }
            }
            (_, None) if opening::close(self.0, pool, recipient) => {}
            (_, None) => return Err(not_connected("close", recipient)),
        }
        Ok(())
    }

    /// One `list` event a client, in the order of their numbers, and one that counts them.
    fn list(&mut self, pool: &mut Pool, line: u64) {
        let mut ids: Vec<(u64, Id)> =
            self.0.streams.table.iter().map(|(id, client)| (client.number, id)).collect();
        ids.sort_unstable_by_key(|(number, _)| *number);
        for (number, id) in &ids {
            let (Some(client), Some(traffic)) = (self.0.streams.table.get(*id), pool.traffic(*id))
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
                .queued(pool.queued(*id))
                .unread(pool.unread(*id) + client.receiver.lost())
                .fd(pool.descriptor(*id));
            self.0.core.console.report_batched(pool, &event);
        }
        self.0
            .core
            .console
            .report_batched(pool, &Notice::new(Name::List).line(line).count(ids.len()));
    }
}

/// Closes in order, but resets a connection that is paused over what it has sent: a FIN would make a
/// transfer that was cut look whole to its sender.
fn close_one(pool: &mut Pool, id: Id, client: &Connection) {
    let has_unread = pool.unread(id) > 0 || client.receiver.lost() > 0;
    let is_cut = client.is_paused() && has_unread && pool.takes(id);
    let mode = if is_cut { CloseMode::ResetWhenAcked } else { CloseMode::Linger };
    pool.close(id, reason_to_close(client), mode);
}

/// If the peer's FIN came first, the reason is PEER.
fn reason_to_close(connection: &Connection) -> CloseReason {
    if connection.ended { connection.end_reason() } else { CloseReason::HOST }
}
