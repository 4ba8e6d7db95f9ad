//! A loop that serves connections: the session of any command, and the messages of the other loops.

use std::time::Instant;

use super::links::{ConsoleLink, LoopLinks};
use super::messages::{
    CROWD, Handover, LoopEnd, LoopUpdate, OVERHEAD, PORTION, ToLoop, send, send_update,
};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{Event, EventLoop, Handler, IdMap, Mail, Mailbox, Pool, Signal};
use crate::kind::Kind;
use crate::sessions::{Console, Core, Numbers, RemoteForm, ServingLoop, Session, StreamSession};

/// Makes the session of a loop, in its thread.
pub(crate) type MakeSession =
    Box<dyn FnOnce(&mut Pool, Console) -> Result<StreamSession, Failure> + Send>;

/// What a loop has to know to run.
pub(super) struct LoopSetup {
    /// Its number, from 0.
    pub(super) index: usize,
    /// The loops that serve, this one among them.
    pub(super) mailboxes: Vec<Mailbox>,
    pub(super) main: Mailbox,
    pub(super) console: RemoteForm,
    pub(super) numbers: Numbers,
    pub(super) make: MakeSession,
}

/// Sends the last message of a loop, whatever has ended it.
struct LastUpdate {
    index: usize,
    main: Mailbox,
    end: Option<LoopEnd>,
}

impl Drop for LastUpdate {
    fn drop(&mut self) {
        let end = self.end.take().unwrap_or_else(|| {
            let name = format!("loop {}", self.index + 1);
            let failure =
                Failure::new(Status::Local, Kind::Io, "run", name, "its thread has ended");
            LoopEnd { failure: Some(failure), loss: None, totals: <_>::default() }
        });
        send_update(&self.main, self.index, LoopUpdate::Ended(Box::new(end)));
    }
}

/// Runs a loop to its end.
pub(super) fn run(mut event_loop: EventLoop, setup: LoopSetup) {
    let mut last = LastUpdate { index: setup.index, main: setup.main.clone(), end: None };
    let failed = |failure| LoopEnd { failure: Some(failure), loss: None, totals: <_>::default() };
    let mut serving = match Serving::new(event_loop.pool(), setup) {
        Ok(serving) => serving,
        Err(failure) => return last.end = Some(failed(failure)),
    };
    let outcome = event_loop.run(&mut serving);
    let mut end = serving.end(event_loop.pool());
    let fail = |error| Failure::io(Status::Local, "run", "the event loop", &error);
    end.failure = outcome.map_err(fail).err();
    // Files and sockets are closed before the run may end.
    drop(serving);
    drop(event_loop);
    last.end = Some(end);
}

/// What the main loop and this one know of its end.
///
/// ```text
/// Serving ── `ToLoop::Last` ──> Last ── no connection is left ──────────────────> over
///    │                            ├── `ToLoop::Stop`, `ToLoop::Close` ──> Known ──^
///    └────────────────────────────┴── enough, a stop word: `LoopUpdate::Ending` ──> Known
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoopPhase {
    /// Connections may come.
    Serving,
    /// No more come: the end of the last one is that of the loop, which needs no report.
    Last,
    /// The main loop knows that this one ends: it has asked for that, or was told.
    Known,
}

impl LoopPhase {
    /// No more connections come.
    fn expect_no_more(&mut self) {
        if *self == Self::Serving {
            *self = Self::Last;
        }
    }

    /// Whether the main loop is to be told of the end of a session in this state, once.
    fn is_to_report(&mut self, state: SessionEnd) -> bool {
        let is_to_report = match (*self, state) {
            (Self::Known, _) | (_, SessionEnd::Open) | (Self::Last, SessionEnd::Over) => false,
            (Self::Serving | Self::Last, _) => true,
        };
        if is_to_report {
            *self = Self::Known;
        }
        is_to_report
    }
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SessionEnd {
    Open,
    /// It has seen what the run is for.
    Enough,
    Ending,
    Over,
}

impl SessionEnd {
    fn of(core: &Core) -> Self {
        match core.is_ending() {
            _ if core.has_enough() => Self::Enough,
            false => Self::Open,
            true if core.is_over() => Self::Over,
            true => Self::Ending,
        }
    }
}

/// A session beside others of the same run.
struct Serving {
    session: StreamSession,
    index: usize,
    mailboxes: Vec<Mailbox>,
    main: Mailbox,
    /// The connections that the main loop has handed over.
    numbers: IdMap<u64>,
    /// How many connections the main loop knows of, up to [`CROWD`], where this loop accepts.
    clients: Option<usize>,
    /// Bytes of what each loop has passed here, and that are not acknowledged.
    owed: Vec<usize>,
    /// When the first loss came, which sets it in order among those of other loops.
    lost_at: Option<Instant>,
    /// The main loop knows that accepting has failed.
    is_starved: bool,
    course: LoopPhase,
}

impl Serving {
    fn new(pool: &mut Pool, setup: LoopSetup) -> Result<Self, Failure> {
        let LoopSetup { index, mailboxes, main, console, numbers, make } = setup;
        let console =
            Console::remote(pool, console, Box::new(ConsoleLink::new(main.clone(), index)));
        let mut session = make(pool, console)?;
        session.core_mut().numbers = numbers;
        let listens = ServingLoop(&mut session).listens();
        ServingLoop(&mut session).set_others(Box::new(LoopLinks::new(&mailboxes, index)));
        session.start(pool);
        Ok(Self {
            session,
            index,
            owed: vec![0; mailboxes.len() + 1],
            mailboxes,
            main,
            numbers: IdMap::default(),
            clients: listens.then_some(0),
            lost_at: None,
            is_starved: false,
            course: LoopPhase::Serving,
        })
    }

    fn session(&mut self) -> ServingLoop<'_> {
        ServingLoop(&mut self.session)
    }

    fn on_message(&mut self, pool: &mut Pool, message: ToLoop) {
        match message {
            ToLoop::Serve(handed) => self.serve(pool, *handed),
            ToLoop::Pass { from, author, piece, messages } => {
                // Counted before the clients have it, and acknowledged once none of them blocks.
                if let Some(owed) = self.owed.get_mut(from) {
                    *owed += piece.len() + OVERHEAD;
                }
                self.session().broadcast(pool, author, &piece, messages);
            }
            ToLoop::Taken { by, bytes } => {
                if let Some(others) = self.session().others() {
                    others.note_taken(by, bytes);
                }
                self.session().resume(pool);
            }
            ToLoop::EntriesTaken(cost) => {
                if let Some(uplink) = self.session.core_mut().console.uplink() {
                    uplink.note_taken(cost);
                }
                self.session().resume(pool);
            }
            ToLoop::Crowd(crowd) => self.session().set_crowd(crowd),
            ToLoop::Last => {
                self.course.expect_no_more();
                self.session().expect_no_more(pool);
            }
            ToLoop::Stop => {
                self.course = LoopPhase::Known;
                self.session.on(pool, Event::Signal(Signal::Terminate));
            }
            ToLoop::Close(how) => {
                self.course = LoopPhase::Known;
                if !self.session.core().is_over() {
                    self.session.close(pool, how);
                }
            }
            ToLoop::Report => {
                let figures = self.session().figures(pool);
                send_update(&self.main, self.index, LoopUpdate::Figures(figures));
            }
            ToLoop::Gone(which) => {
                if let Some(others) = self.session().others() {
                    others.note_gone(which);
                }
                self.session().resume(pool);
            }
        }
    }

    fn serve(&mut self, pool: &mut Pool, handed: Handover) {
        let Handover { connection, number, peer, local } = handed;
        if self.session.core().is_over() {
            return self.closed(number);
        }
        match self.session().serve(pool, connection, (number, peer, local)) {
            Ok(id) => {
                self.numbers.insert(id, number);
                // It was in the mailbox when the end began.
                if self.session.core().is_ending() {
                    pool.abort(id, CloseReason::HOST);
                }
            }
            Err(failure) => {
                self.session.core_mut().console.report_failure(pool, &failure);
                self.closed(number);
            }
        }
    }

    /// The connection of this number is gone.
    fn closed(&mut self, number: u64) {
        // What was reported of it comes first.
        self.flush();
        send_update(&self.main, self.index, LoopUpdate::Closed(number));
    }

    fn flush(&mut self) {
        if let Some(uplink) = self.session.core_mut().console.uplink() {
            uplink.flush();
        }
    }

    /// What an event has changed for the other loops.
    fn event_done(&mut self, pool: &Pool) {
        self.flush();
        if self.lost_at.is_none() && self.session().loss().is_some() {
            self.lost_at = Some(pool.now());
        }
        if !self.is_starved
            && let Some(cause) = self.session().starvation().map(str::to_owned)
        {
            self.is_starved = true;
            send_update(&self.main, self.index, LoopUpdate::Starved(cause));
        }
        let clients = self.session().len().min(CROWD);
        if self.clients.is_some_and(|known| known != clients) {
            self.clients = Some(clients);
            send_update(&self.main, self.index, LoopUpdate::Clients(clients));
        }
        if !self.session().is_blocking() {
            self.report_taken();
        }
        let end = SessionEnd::of(self.session.core());
        if self.course.is_to_report(end) {
            let enough = end == SessionEnd::Enough;
            send_update(&self.main, self.index, LoopUpdate::Ending { enough });
        }
    }

    /// Acknowledges what was taken to those that pass messages to this loop.
    fn report_taken(&mut self) {
        let by = self.index;
        for (from, owed) in self.owed.iter_mut().enumerate().filter(|(_, owed)| **owed >= PORTION) {
            let bytes = std::mem::take(owed);
            match self.mailboxes.get(from) {
                Some(mailbox) => send(mailbox, ToLoop::Taken { by, bytes }),
                None => send_update(&self.main, by, LoopUpdate::Taken(bytes)),
            }
        }
    }

    fn end(&mut self, pool: &Pool) -> LoopEnd {
        self.flush();
        let status = Some(self.session.status()).filter(|status| *status != Status::Done);
        let loss = status.map(|status| (self.lost_at.unwrap_or(pool.now()), status));
        let totals = self.session().figures(pool).totals;
        LoopEnd { failure: None, loss, totals }
    }
}

impl Handler for Serving {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        match event {
            Event::Mail(Mail::Posted(message)) => {
                if let Ok(message) = message.downcast::<ToLoop>() {
                    self.on_message(pool, *message);
                }
            }
            Event::Closed { id, .. } => {
                let number: Option<u64> = self.numbers.remove(id);
                self.session.on(pool, event);
                if let Some(number) = number {
                    self.closed(number);
                }
            }
            event => self.session.on(pool, event),
        }
        self.event_done(pool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_reported_once_unless_it_was_asked_for_or_is_that_of_the_last_connection() {
        use SessionEnd::{Ending, Enough, Open, Over};
        for (course, updates) in [
            (LoopPhase::Serving, [false, true, true, true]),
            (LoopPhase::Last, [false, true, true, false]),
            (LoopPhase::Known, [false; 4]),
        ] {
            for (state, expected) in [Open, Enough, Ending, Over].into_iter().zip(updates) {
                let mut course = course;
                assert_eq!(course.is_to_report(state), expected, "{course:?} {state:?}");
                assert!(!expected || course == LoopPhase::Known && !course.is_to_report(Enough));
            }
        }
        let mut course = LoopPhase::Serving;
        course.expect_no_more();
        assert_eq!(course, LoopPhase::Last);
        assert!(course.is_to_report(Enough));
        course.expect_no_more();
        assert_eq!(course, LoopPhase::Known, "it stays known");
    }
}
