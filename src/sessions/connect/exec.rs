//! `--exec`: the connection becomes stdin and stdout of a child, in place of ours.
//!
//! The run then ends when both the connection and the child have ended, with the child's status
//! unless something was lost before.

use std::time::Instant;

use super::ConnectSession;
use crate::close::CloseReason;
use crate::error::Status;
use crate::event_loop::{End, Event, Id, Pool, Signal};
use crate::kind::Kind;
use crate::report::{Name, Notice};
use crate::sessions::children::{Children, Program, Purpose};
use crate::sessions::exec::ExecChildren;
use crate::sessions::relay::Relays;

/// Bytes that may wait for the child, or for the connection, before the other one is paused.
const QUEUE: usize = 256 * 1024;

/// The command, and the pair that it makes with the connection.
pub(super) struct Exec {
    children: ExecChildren,
    relays: Relays,
}

impl Exec {
    pub(super) fn new(program: Program) -> Self {
        Self { children: ExecChildren::new(program), relays: Relays::default() }
    }

    /// Whether nothing of the child is left.
    pub(super) fn is_over(&self) -> bool {
        self.children.is_empty() && self.relays.left_behind() == 0
    }

    /// When a byte last moved between the connection and the child.
    pub(super) fn last_active(&self, pool: &Pool, client: Id) -> Option<Instant> {
        self.relays.last_active(pool, client)
    }

    /// Asks the child to end, and drops what is still in its pipes.
    pub(super) fn abort(&mut self, pool: &mut Pool, children: &mut Children) {
        children.terminate_all(pool, Purpose::Connection);
        self.relays.abort(pool, CloseReason::HOST);
    }

    /// The connection is gone. A child that it was lost to has nothing left to do.
    pub(super) fn client_closed(
        &mut self,
        pool: &mut Pool,
        children: &mut Children,
        client: Id,
        end: &End,
    ) {
        self.relays.client_closed(pool, client, end);
        self.children.client_closed(client, end);
        self.children.terminate_orphans(pool, children);
    }
}

impl ConnectSession {
    /// The connection is there: starts the command, where there is one.
    pub(super) fn start_command(&mut self, pool: &mut Pool) {
        let (Some(exec), Some(link)) = (&mut self.exec, &self.link) else { return };
        let env = vec![
            ("WIRECAT_PEER", link.peer.clone().into()),
            ("WIRECAT_LOCAL", link.local.clone().into()),
        ];
        match exec.children.start(pool, &mut self.core.children, (link.id, link.peer.clone()), env)
        {
            Ok(partner) => exec.relays.join(pool, link.id, partner, QUEUE),
            Err(failure) => {
                self.core.fail(pool, &failure);
                self.end(pool, CloseReason::HOST);
            }
        }
    }

    /// Takes an event that is an affair of the command's; false where it is not.
    pub(super) fn on_command(&mut self, pool: &mut Pool, event: &Event<'_>) -> bool {
        let Some(exec) = &mut self.exec else { return false };
        let exits = match event {
            Event::Signal(Signal::Child) => exec.children.take_exits(&mut self.core.children),
            _ => Vec::new(),
        };
        for (served, exit) in exits {
            exec.relays.reader_gone(pool, served.client);
            if exit.status() != Status::Done {
                self.core.decide(exit.status());
            }
        }
        let is_upstream = match event {
            Event::Closed { id, end } if exec.relays.client_of(*id).is_some() => {
                exec.relays.upstream_closed(pool, *id, end);
                true
            }
            _ => exec.relays.on(pool, event),
        };
        if let (Event::Eof { id }, Some(link)) = (event, &mut self.link)
            && *id == link.id
        {
            link.peer_ended = true;
            self.core.console.report(pool, &Notice::new(Name::Eof).peer(&link.peer));
        }
        self.finish_if_over(pool);
        is_upstream
    }

    /// Ends the run once the connection and the command have ended.
    pub(super) fn finish_if_over(&mut self, pool: &mut Pool) {
        let is_over = self.exec.as_ref().is_none_or(Exec::is_over);
        if self.core.is_ending() && self.link.is_none() && is_over {
            self.give_up(pool);
        }
    }

    /// Says what keeps the run from ending, or that the peer does.
    pub(super) fn report_awaited(&mut self, pool: &mut Pool) {
        let command = self.exec.as_ref().and_then(|exec| exec.children.awaited());
        match command {
            _ if !self.core.is_ending() => self.report_unclosed(pool),
            Some(text) => self.core.console.warn(pool, Kind::Waiting, &text),
            None => self.core.report_waiting(pool),
        }
    }

    fn report_unclosed(&mut self, pool: &mut Pool) {
        if self.link.is_some() && self.is_worth_a_note() {
            let text = "waiting for the peer to close (--quit-after limits this)";
            self.core.console.warn(pool, Kind::Waiting, text);
        }
    }
}
