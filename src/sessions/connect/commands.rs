//! What a program, or a person at a terminal, asks of a client while it runs.
//!
//! Commands are read from the start. What is sent before there is a connection waits for it, as
//! what a lost connection did not send waits for the next one.

use bytes::Bytes;

use super::{ConnectSession, Link, QUEUE};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{End, Id, Pool, SendOutcome};
use crate::kind::Kind;
use crate::protocol::command::{Command, Recipient};
use crate::report::{Name, Notice};
use crate::sessions::control::{Controllable, bad_command, not_connected, send_failed};
use crate::sessions::core::Core;
use crate::sessions::session::Session;

impl Controllable for ConnectSession {
    fn core(&mut self) -> &mut Core {
        &mut self.core
    }

    fn execute(&mut self, pool: &mut Pool, line: u64, command: Command) -> Result<(), Failure> {
        match command {
            Command::Send { payload, to } => self.execute_send(pool, line, payload, &to),
            Command::Close(recipient) if self.is_peer(&recipient) => self.quit(pool),
            Command::Close(recipient) => return Err(not_connected("close", &recipient)),
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
        let full = self.link.as_ref().map_or(self.carry_full, |link| link.full);
        full || self.core.console.is_full()
    }

    fn quit(&mut self, pool: &mut Pool) {
        if self.link.is_none() && !self.carried.is_empty() {
            // It ends when the connection that this waits for has taken it, or cannot be made.
            self.quitting = true;
            self.core.input.close(pool);
        } else {
            self.end(pool, CloseReason::HOST);
        }
    }
}

impl ConnectSession {
    /// Whether a command means the one connection.
    fn is_peer(&self, recipient: &Recipient) -> bool {
        match (recipient, &self.link) {
            (Recipient::All, _) => true,
            (Recipient::Conn(number), Some(link)) => link.number == Some(*number),
            (Recipient::Peer(peer), Some(link)) => link.peer == *peer,
            (_, None) => false,
        }
    }

    fn execute_send(&mut self, pool: &mut Pool, line: u64, payload: Vec<u8>, to: &Recipient) {
        let len = payload.len();
        let sent = self.core.input.encode(payload).map_err(|error| {
            Failure::new(Status::Lost, Kind::Frame, "send to", to.to_string(), error.to_string())
        });
        match sent.and_then(|message| self.send_to_peer(pool, message, to)) {
            Ok(event) => self.core.console.report_batched(pool, &event.line(line).len(len)),
            Err(failure) => {
                self.core.console.report_batched(pool, &send_failed(line, to, &failure))
            }
        }
    }

    fn send_to_peer(
        &mut self,
        pool: &mut Pool,
        message: Vec<u8>,
        to: &Recipient,
    ) -> Result<Notice<'static>, Failure> {
        if !self.is_peer(to) {
            return Err(not_connected("send to", to));
        }
        let event = Notice::new(Name::Sent);
        let link = self.link.as_ref().map(|link| (link.id, link.number));
        let sent = match link {
            // A message that may have to be sent again is a piece of its own.
            Some((id, number)) if self.reconnect => {
                let piece = Bytes::from(message.clone());
                let outcome = pool.send_shared(id, piece);
                pool.flush(id);
                Some((id, number, outcome))
            }
            Some((id, number)) => Some((id, number, pool.send(id, &message))),
            None => None,
        };
        let event = match sent {
            Some((id, Some(number), outcome)) if outcome != SendOutcome::Gone => {
                self.sent(pool, outcome);
                event.conn(number).queued(self.await_drained(pool, id))
            }
            Some(_) if !self.reconnect => return Err(not_connected("send to", to)),
            _ => event.queued(self.carry(message.into())),
        };
        self.core.count_sent(1);
        Ok(event)
    }

    /// What waits for the connection; where anything does, `drained` is called when it is written.
    fn await_drained(&mut self, pool: &mut Pool, id: Id) -> usize {
        let waits = pool.queued(id);
        if waits > 0 {
            pool.await_flush(id);
        }
        waits
    }

    /// Keeps a message for the next connection; returns the bytes that wait for it.
    fn carry(&mut self, message: Bytes) -> usize {
        self.carried.push(message);
        let waits = self.carried.iter().map(Bytes::len).sum();
        self.carry_full = waits >= QUEUE;
        waits
    }

    /// The connection is up, and has been given what waited for it.
    pub(super) fn carried_over(&mut self, pool: &mut Pool, had_any: bool) {
        let Some(link) = &self.link else { return };
        let id = link.id;
        if had_any {
            pool.await_flush(id);
        }
        if std::mem::take(&mut self.quitting) {
            self.end(pool, CloseReason::HOST);
        } else {
            self.allow_commands(pool);
        }
    }

    /// Tells that everything queued is written.
    pub(super) fn report_drained(&mut self, pool: &mut Pool) {
        let Some(link) = self.link.as_ref().filter(|link| pool.queued(link.id) == 0) else {
            return;
        };
        if let Some(number) = link.number {
            let event = Notice::new(Name::Drained).conn(number).peer(&link.peer);
            self.core.console.report(pool, &event);
        }
    }

    /// Nothing more comes of it: what waited for a connection is lost.
    pub(super) fn give_up(&mut self, pool: &mut Pool) {
        let waits: usize = self.carried.drain(..).map(|message| message.len()).sum();
        if self.core.input.has_commands() && waits > 0 {
            let text = format!("{waits} bytes were not sent, for want of a connection");
            let event = Notice::send_failed(Kind::Unsent, text).unsent(waits as u64);
            self.core.console.report(pool, &event);
            self.core.decide(Status::Lost);
        }
        self.core.finish(pool);
    }

    /// Tells that what was queued is lost with the connection.
    pub(super) fn report_unsent(&mut self, pool: &mut Pool, link: &Link, end: &End) {
        let unsent = end.unsent.len();
        if let (Some(number), true) = (link.number, unsent > 0) {
            let text = format!("{unsent} bytes for {} were not sent", link.peer);
            let event = Notice::send_failed(Kind::Unsent, text).conn(number).peer(&link.peer);
            self.core.console.report(pool, &event.unsent(unsent as u64));
        }
    }

    /// Reads on or waits: commands need no connection, but room for their answers and messages.
    pub(super) fn allow_commands(&mut self, pool: &mut Pool) {
        if self.is_held() || self.core.is_ending() {
            self.core.input.pause(pool);
        } else {
            self.core.input.resume(pool);
        }
    }

    fn list(&mut self, pool: &mut Pool, line: u64) {
        let link = self.link.as_ref();
        let listed = link.and_then(|link| Some((link, link.number?, pool.traffic(link.id)?)));
        if let Some((link, number, traffic)) = listed {
            let event = Notice::new(Name::List)
                .conn(number)
                .local(&link.local)
                .peer(&link.peer)
                .traffic(traffic.received, traffic.sent)
                .secs(pool.now().saturating_duration_since(traffic.opened))
                .queued(pool.queued(link.id));
            self.core.console.report_batched(pool, &event);
        }
        let number = usize::from(listed.is_some());
        self.core.console.report_batched(pool, &Notice::new(Name::List).line(line).count(number));
    }
}
