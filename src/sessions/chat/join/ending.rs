//! The end of the connection: what it cost, and whether another one follows.

use bytes::Bytes;

use super::{JoinSession, Link};
use crate::close::Detail;
use crate::error::{Failure, Status};
use crate::event_loop::{End, Id, Pool};
use crate::kind::Kind;
use crate::report::{Name, Notice};
use crate::sessions::console::{closed_event, is_loss};

impl JoinSession {
    pub(super) fn on_closed(&mut self, pool: &mut Pool, id: Id, end: &End) {
        if self.link.as_ref().is_some_and(|link| link.id == id) {
            self.link_closed(pool, end);
        }
    }

    fn link_closed(&mut self, pool: &mut Pool, end: &End) {
        let Some(link) = self.link.take() else { return };
        self.core.console.count(&end.traffic);
        let undelivered = link.receiver.undelivered();
        let event = closed_event(&link.peer, &link.local, end, undelivered, pool.now());
        self.core.console.report(pool, &event);
        if self.reconnect && !self.core.is_ending() && !self.core.input.progress().ended {
            return self.connect_again(pool, &link, end);
        }
        if is_loss(end) && !self.core.is_decided() {
            self.report_loss(pool, &link, end);
        } else if end.reason.detail == Detail::Fin && !self.core.input.progress().ended {
            let text = format!("{} has closed the connection", link.peer);
            self.core.console.warn(pool, Kind::Closed, &text);
        }
        self.report_unsent(pool);
        self.core.begin_ending(pool);
        self.core.finish(pool);
    }

    fn connect_again(&mut self, pool: &mut Pool, link: &Link, end: &End) {
        let pause = self.connector.begin_again(pool, end.traffic.received > 0);
        let text = format!("connection to {} ended: {}", link.peer, end.reason);
        let event = Notice::new(Name::Retry).kind(Kind::Lost).secs(pause).message(text);
        self.core.console.report(pool, &event);
        for line in end.unsent.clone().into_pieces(true).into_iter().rev() {
            // The next connection is introduced anew.
            if !line.starts_with(b"/nick ") {
                self.waiting.push_front(line);
            }
        }
        self.frontend.on_disconnected();
        self.frontend.refresh(pool, &mut self.core);
    }

    fn report_loss(&mut self, pool: &mut Pool, link: &Link, end: &End) {
        let cause = match &end.error {
            Some(error) => crate::error::plain(error),
            None => end.reason.to_string(),
        };
        let peer = link.peer.clone();
        let failure =
            Failure::new(Status::Lost, Kind::Reset, "keep the connection to", peer, cause);
        let unsent = end.unsent.len();
        let failure = match unsent {
            0 => failure,
            _ => failure.fix(format!("{unsent} bytes of input were not sent")),
        };
        self.core.fail(pool, &failure);
    }

    /// Says that lines were left, where nothing else has decided how the run ends.
    pub(super) fn report_unsent(&mut self, pool: &mut Pool) {
        let is_message = |line: &&Bytes| self.dialect.is_message(line);
        let count = self.waiting.iter().filter(is_message).count();
        if count > 0 && !self.core.is_decided() && !self.core.has_enough() {
            let target = if count == 1 { "a line".to_owned() } else { format!("{count} lines") };
            let cause = "there is no connection";
            self.core.fail(pool, &Failure::new(Status::Lost, Kind::Unsent, "send", target, cause));
        }
    }
}
