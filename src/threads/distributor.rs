//! The main loop: the service that hands each connection to a loop, and takes what the loops report.
//!
//! ```text
//! Nothing ── no more may come: `Last` is sent ──> Last ── the end: `Stop` or `Close` is sent ──> End
//!    └──────────────────── the end ───────────────────────────────────────────────────────────────^
//! ```

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use super::messages::{CROWD, Handover, LoopEnd, LoopUpdate, PORTION, ToLoop, ToMain, send};
use crate::close::CloseReason;
use crate::error::Status;
use crate::event_loop::{Event, Id, Mail, Mailbox};
use crate::kind::Kind;
use crate::report::Name;
use crate::sessions::console::Message;
use crate::sessions::{
    ConsoleEntry, Context, EndMode, LoopFigures, NewConnection, OpenTraffic, Profile, Remains,
    ShutdownMode, StreamService,
};

/// What of the end was sent to the loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EndSent {
    Nothing,
    /// No more connections come.
    Last,
    /// They are to end.
    End,
}

/// One of the loops that serve.
struct ServingLoop {
    mailbox: Mailbox,
    /// Connections that were handed to it.
    clients: usize,
    /// Connections that it has, up to [`CROWD`], where it accepts by itself.
    accepted: usize,
    is_alive: bool,
    /// Cost of the entries that the console has taken of it, and that it does not know of.
    owed: usize,
    /// What it has moved, as far as it was asked.
    figures: LoopFigures,
    /// It is to answer before statistics are reported.
    is_asked: bool,
}

/// Hands connections to loops in the place of serving them.
pub(super) struct Distributor {
    profile: Profile,
    loops: Vec<ServingLoop>,
    /// By the number of each connection that a loop has: which one, and the address that it counts for
    /// (`--max-per-address`).
    out: BTreeMap<u64, (usize, Option<IpAddr>)>,
    losses: Vec<(Instant, Status)>,
    end_sent: EndSent,
    /// Statistics are to be reported so many times.
    reports: usize,
}

impl Distributor {
    pub(super) fn new(profile: Profile, mailboxes: &[Mailbox]) -> Self {
        let served = |mailbox: &Mailbox| ServingLoop {
            mailbox: mailbox.clone(),
            clients: 0,
            accepted: 0,
            is_alive: true,
            owed: 0,
            figures: LoopFigures::default(),
            is_asked: false,
        };
        Self {
            profile,
            loops: mailboxes.iter().map(served).collect(),
            out: BTreeMap::new(),
            losses: Vec::new(),
            end_sent: EndSent::Nothing,
            reports: 0,
        }
    }

    /// Sends a message to each loop that is there.
    fn send_all(&self, message: impl Fn() -> ToLoop) {
        self.loops.iter().filter(|one| one.is_alive).for_each(|one| send(&one.mailbox, message()));
    }

    /// The number of connections has changed.
    fn update_crowd(&self, context: &mut Context<'_>) {
        let accepted: usize = self.loops.iter().map(|one| one.accepted).sum();
        let (before, now) = (context.streams.loops.crowd, self.out.len().max(accepted));
        context.streams.loops.crowd = now;
        if before.min(CROWD) != now.min(CROWD) {
            self.send_all(|| ToLoop::Crowd(now.min(CROWD)));
        }
    }

    /// A connection is gone.
    fn forget(&mut self, context: &mut Context<'_>, number: u64) {
        if let Some((at, ip)) = self.out.remove(&number) {
            ip.into_iter().for_each(|ip| context.streams.admission.leave(ip));
            if let Some(one) = self.loops.get_mut(at) {
                one.clients -= 1;
            }
            self.update_crowd(context);
        }
    }

    /// What one event of a loop has brought for the console.
    fn take_entries(&mut self, context: &mut Context<'_>, from: usize, entries: &[ConsoleEntry]) {
        let console = &mut context.core.console;
        entries.iter().for_each(|entry| console.take_entry(context.pool, entry));
        let cost: usize = entries.iter().map(ConsoleEntry::cost).sum();
        if let Some(one) = self.loops.get_mut(from) {
            one.owed += cost;
        }
        // Unreported, what is in flight fills the window of that loop, which then stops reading.
        if !context.core.console.is_full() {
            self.report_taken(PORTION);
        }
    }

    /// Lets the loops go on of whose entries the console has taken so much at least.
    fn report_taken(&mut self, least: usize) {
        for one in self.loops.iter_mut().filter(|one| one.owed >= least) {
            send(&one.mailbox, ToLoop::EntriesTaken(std::mem::take(&mut one.owed)));
        }
    }

    /// A loop has answered, or ended: the statistics are reported once none is missing.
    fn answered(&mut self, context: &mut Context<'_>, from: usize) {
        if let Some(one) = self.loops.get_mut(from) {
            one.is_asked = false;
        }
        if self.reports == 0 || self.loops.iter().any(|one| one.is_asked) {
            return;
        }
        let clients = self.loops.iter().map(|one| one.figures.clients as u64).sum();
        for _ in 0..std::mem::take(&mut self.reports) {
            self.with_sums(context, |context, open| {
                let stats = context.core.console.sums(Name::Stats, context.pool, open);
                context.core.console.report(context.pool, &stats.clients(clients));
            });
        }
    }

    /// Calls `act` while the totals have what all loops had moved when they last answered.
    fn with_sums(
        &self,
        context: &mut Context<'_>,
        act: impl FnOnce(&mut Context<'_>, OpenTraffic),
    ) {
        let (before, mut open) = (context.core.console.totals, OpenTraffic::default());
        for LoopFigures { totals, open: moving, .. } in self.loops.iter().map(|one| &one.figures) {
            context.core.console.totals.add(totals);
            open.add(moving);
        }
        act(context, open);
        context.core.console.totals = before;
    }

    /// A loop has ended, in order or not.
    fn ended(&mut self, context: &mut Context<'_>, from: usize, end: &LoopEnd) {
        let Some(one) = self.loops.get_mut(from) else { return };
        debug_assert!(one.is_alive, "loop {from} ends twice");
        one.is_alive = false;
        (one.figures, one.accepted) = (LoopFigures::default(), 0);
        self.update_crowd(context);
        context.core.console.totals.add(&end.totals);
        self.losses.extend(end.loss);
        let left =
            |(number, (at, _)): (&u64, &(usize, Option<IpAddr>))| (*at == from).then_some(*number);
        let left: Vec<u64> = self.out.iter().filter_map(left).collect();
        left.into_iter().for_each(|number| self.forget(context, number));
        if let Some(others) = context.streams.loops.others() {
            others.note_gone(from);
        }
        self.send_all(|| ToLoop::Gone(from));
        self.answered(context, from);
        if let Some(failure) = &end.failure {
            context.core.fail(context.pool, failure);
            context.end = Some(ShutdownMode::InOrder(CloseReason::HOST));
        }
        if !self.loops.iter().any(|one| one.is_alive) {
            // The first loss of all loops counts, as that of all connections does in one loop.
            self.losses.sort_by_key(|(at, _)| *at);
            self.losses.iter().for_each(|(_, status)| context.streams.note_loss(*status));
            context.parted = true;
        }
    }

    fn on_update(&mut self, context: &mut Context<'_>, ToMain { from, update }: &ToMain) {
        let from = *from;
        match update {
            LoopUpdate::Entries(entries) => self.take_entries(context, from, entries),
            LoopUpdate::Closed(number) => self.forget(context, *number),
            LoopUpdate::Clients(clients) => {
                context.core.peer_arrived(context.pool);
                if let Some(one) = self.loops.get_mut(from) {
                    one.accepted = *clients;
                }
                self.update_crowd(context);
            }
            LoopUpdate::Starved(cause) => {
                if context.streams.admission.starve(cause) {
                    let text = format!(
                        "cannot accept more clients: {cause} (`ulimit -n` sets the limit); the rest wait"
                    );
                    context.core.console.warn(context.pool, Kind::Starved, &text);
                }
            }
            LoopUpdate::Taken(bytes) => {
                if let Some(others) = context.streams.loops.others() {
                    others.note_taken(from, *bytes);
                }
            }
            LoopUpdate::Figures(figures) => {
                if let Some(one) = self.loops.get_mut(from) {
                    one.figures = *figures;
                }
                self.answered(context, from);
            }
            LoopUpdate::Ending { enough: true } => {
                context.core.note_match();
                context.end = Some(ShutdownMode::Enough);
            }
            LoopUpdate::Ending { enough: false } => {
                context.streams.forgive_peers();
                context.end = Some(ShutdownMode::InOrder(CloseReason::HOST));
            }
            LoopUpdate::Ended(end) => self.ended(context, from, end),
        }
    }
}

impl StreamService for Distributor {
    /// The loops read what has come before they end.
    fn profile(&self) -> Profile {
        self.profile
    }

    fn serve_elsewhere(&mut self, context: &mut Context<'_>, new: &NewConnection) -> bool {
        // The loop with the fewest connections; of several, the first (`min_by_key`).
        let alive = self.loops.iter_mut().enumerate().filter(|(_, one)| one.is_alive);
        let Some((at, one)) = alive.min_by_key(|(_, one)| one.clients) else { return false };
        // It was accepted a moment ago: nothing of it has been read or written.
        let Some(connection) = context.pool.detach(new.id) else { return false };
        let (number, peer, local) = (new.number, new.peer.clone(), new.local.clone());
        one.clients += 1;
        let handed = Handover { connection, number, peer, local };
        send(&one.mailbox, ToLoop::Serve(Box::new(handed)));
        self.out.insert(number, (at, context.streams.admission.hand_over(new.id)));
        self.update_crowd(context);
        true
    }

    /// Nothing comes here: whoever sends is in a loop.
    fn message(&mut self, _context: &mut Context<'_>, _id: Id, _message: &Message<'_>) {}

    /// The console takes entries again.
    fn resume(&mut self, _context: &mut Context<'_>) {
        self.report_taken(1);
    }

    fn event(&mut self, context: &mut Context<'_>, event: &Event<'_>) -> bool {
        let Event::Mail(Mail::Posted(message)) = event else { return false };
        if let Some(message) = message.downcast_ref::<ToMain>() {
            self.on_update(context, message);
        }
        true
    }

    fn event_done(&mut self, context: &mut Context<'_>) {
        let is_complete = context.streams.admission.is_limited() && !context.streams.may_come();
        if is_complete && self.end_sent == EndSent::Nothing {
            self.end_sent = EndSent::Last;
            self.send_all(|| ToLoop::Last);
        }
    }

    fn end(&mut self, context: &mut Context<'_>) {
        if self.end_sent == EndSent::End {
            return;
        }
        self.end_sent = EndSent::End;
        let (enough, signalled) = (context.core.has_enough(), context.core.is_signalled());
        self.send_all(|| match (enough, signalled) {
            (true, _) => ToLoop::Close(ShutdownMode::Enough),
            (false, true) => ToLoop::Stop,
            (false, false) => ToLoop::Close(ShutdownMode::InOrder(CloseReason::HOST)),
        });
    }

    fn abort(&mut self, _context: &mut Context<'_>, how: EndMode, reason: CloseReason) {
        self.end_sent = EndSent::End;
        self.send_all(|| match how {
            EndMode::AtOnce => ToLoop::Close(ShutdownMode::Now(reason)),
            EndMode::InOrder | EndMode::GiveUp => ToLoop::Close(ShutdownMode::GiveUp(reason)),
        });
    }

    fn report_stats(&mut self, _context: &mut Context<'_>) -> bool {
        self.reports += 1;
        for one in self.loops.iter_mut().filter(|one| one.is_alive && !one.is_asked) {
            one.is_asked = true;
            send(&one.mailbox, ToLoop::Report);
        }
        true
    }

    /// It shows what the loops had moved when they were asked last.
    fn show_progress(&mut self, context: &mut Context<'_>) -> bool {
        self.with_sums(context, |context, open| {
            context.core.show_progress(context.pool, open, 0);
        });
        self.send_all(|| ToLoop::Report);
        true
    }

    fn remains(&self) -> Remains {
        Remains { are_needed: self.loops.iter().any(|one| one.is_alive), ..Remains::default() }
    }
}

impl Drop for Distributor {
    /// Where the main loop fails, the others are not to go on.
    fn drop(&mut self) {
        self.send_all(|| ToLoop::Close(ShutdownMode::Now(CloseReason::HOST)));
    }
}
