//! `--exec`: the partner of a client is a child, which is told whom it serves.

use super::ServeSession;
use super::door::UNSERVED;
use super::partners::{Partners, Recipe};
use super::service::Service;
use crate::error::Status;
use crate::event_loop::{Event, Id, Pool};
use crate::kind::Kind;
use crate::sessions::runners::Tie;

impl ServeSession {
    /// Starts the command for a client.
    pub(super) fn start_command(&mut self, pool: &mut Pool, id: Id) {
        let (Service::Relay(partners), Some(client)) = (&mut self.service, self.clients.get(&id))
        else {
            return;
        };
        let Partners { recipe: Recipe::Exec(runners), .. } = &mut **partners else { return };
        let env = vec![
            ("WIRECAT_PEER", client.peer.clone().into()),
            ("WIRECAT_LOCAL", client.local.clone().into()),
            ("WIRECAT_CONN", client.number.to_string().into()),
        ];
        match runners.start(pool, (id, client.title()), env) {
            Ok(partner) => partners.join(pool, id, partner),
            Err(failure) => self.partner_missing(pool, id, &failure, UNSERVED),
        }
    }

    /// Hears of the ends of children; they are nobody else's affair, but signals may be.
    pub(super) fn on_runners(&mut self, pool: &mut Pool, event: &Event<'_>) -> bool {
        let Service::Relay(partners) = &mut self.service else { return false };
        let Partners { recipe: Recipe::Exec(runners), pairs, .. } = &mut **partners else {
            return false;
        };
        let exits = runners.on(pool, event);
        for (served, exit) in &exits {
            pairs.partner_ended(pool, served.near);
            let is_expected = served.tie == Tie::Lost || self.core.is_ending();
            if exit.status() != Status::Done && !is_expected {
                let text = format!("the command of {} ended: {exit}", served.title);
                self.core.console.warn(pool, Kind::Command, &text);
            }
        }
        if !exits.is_empty() {
            self.somebody_left(pool);
        }
        false
    }

    /// Says why there is no end yet.
    pub(super) fn report_awaited(&mut self, pool: &mut Pool) {
        let command = match &self.service {
            Service::Relay(partners) => partners.awaited(),
            _ => None,
        };
        match command {
            Some(text) if self.clients.is_empty() => {
                self.core.console.warn(pool, Kind::Waiting, &text);
            }
            _ if self.core.is_ending() => self.core.report_waiting(pool),
            _ => {}
        }
    }
}
