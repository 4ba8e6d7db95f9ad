//! The life that all sessions share: signals, limits of the run, statistics, progress.
//!
//! [`Core`] looks at each event first. An event that the core has not handled reaches the session
//! by [`Session::event`], without the timers and signals that are answered here.

use super::core::{Core, Disposition, SIGNALLED};
use super::datagrams::DatagramSession;
use super::streams::StreamSession;
use super::timers;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Handler, Pool, Signal, TimerKey};
use crate::kind::Kind;
use crate::report::{Name, Notice};

/// How a session closes its connections and sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownMode {
    /// In order: what is queued goes out first. A listener allows 2 s for that.
    InOrder(CloseReason),
    /// `--count` or `--expect` is met: what is queued goes out to peers that take it within 2 s.
    Enough,
    /// `--wait` expired without a peer.
    Late,
    /// Input that is left is given up; what is queued has 2 s.
    GiveUp(CloseReason),
    /// At once: what is queued is lost.
    Now(CloseReason),
}

/// What a source has brought: a connection, stdin, or the output of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Bytes(&'a [u8]),
    /// Nothing, and nothing follows.
    End,
    /// Nothing new: what it brought before, and had to wait, goes on.
    Held,
}

impl<'a> Piece<'a> {
    /// Its bytes, where it has any.
    pub(crate) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::End | Self::Held => &[],
        }
    }

    /// Whether it is the last one.
    pub(crate) fn is_end(self) -> bool {
        self == Self::End
    }
}

/// An address that a session listens on, as it is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// `tcp`, `udp` or `unix`.
    pub proto: &'static str,
    /// The address, or the group.
    pub address: String,
    /// The interface that the group is joined on, where it is one.
    pub iface: Option<String>,
    /// The hash of the key of its certificate, where it speaks TLS.
    pub pin: Option<String>,
}

/// A configuration of connections or sockets, with what is done about their messages.
pub trait Session: Handler {
    /// The common part.
    fn core(&self) -> &Core;

    /// The common part, to be changed.
    fn core_mut(&mut self) -> &mut Core;

    /// Handles an event that the core has not handled.
    fn event(&mut self, pool: &mut Pool, event: Event<'_>);

    /// Reads on what was paused because stdout or the hooks were full.
    fn resume(&mut self, pool: &mut Pool);

    /// Closes everything, and calls `Core::finish` once all is closed.
    fn close(&mut self, pool: &mut Pool, how: ShutdownMode);

    /// SIGTERM asks a listener to stop.
    fn stop(&mut self, pool: &mut Pool) {
        self.close(pool, ShutdownMode::InOrder(SIGNALLED));
    }

    /// `--wait` ran out: reports what may be the cause. Returns the failure to end with, where
    /// there is a better one than the silence.
    fn diagnose(&mut self, _pool: &mut Pool) -> Option<Failure> {
        None
    }

    /// Somebody asks for statistics: SIGUSR1 or `/stats`.
    fn report_stats(&mut self, pool: &mut Pool);

    /// Draws `--progress` once more.
    fn show_progress(&mut self, pool: &mut Pool);

    /// Reports what the run waits for, 3 s after something was begun that may take long.
    fn report_waiting(&mut self, pool: &mut Pool) {
        if self.core().is_ending() {
            self.core_mut().report_waiting(pool);
        }
    }

    /// Reports the start of the run, the open listeners and the joined groups.
    fn report_listening(&mut self, pool: &mut Pool, locals: &[Local]) {
        self.core_mut().report_starting(pool);
        for Local { proto, address, iface, pin } in locals {
            let notice = match (iface, pin) {
                (Some(iface), _) => Notice::new(Name::Joined).group(address).iface(iface),
                (None, Some(pin)) => Notice::new(Name::Listening).local(address).pin(pin),
                (None, None) => Notice::new(Name::Listening).local(address),
            };
            self.core_mut().console.report(pool, &notice.proto(proto));
        }
    }

    /// Warns of something that does not end the run.
    fn warn(&mut self, pool: &mut Pool, kind: Kind, text: &str) {
        self.core_mut().console.warn(pool, kind, text);
    }

    /// All listeners and sockets are open, at these addresses.
    fn ready(&mut self, pool: &mut Pool, locals: &[String]) {
        let address = locals.first().cloned().unwrap_or_default();
        self.core_mut().ready(pool, locals, &address);
    }

    /// How the run ended.
    fn status(&self) -> Status {
        self.core().status()
    }
}

// One for each session, because closures have the one for all types.
impl Handler for StreamSession {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        on(self, pool, event);
    }
}

impl Handler for DatagramSession {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        on(self, pool, event);
    }
}

/// Handles an event for any session.
fn on(session: &mut impl Session, pool: &mut Pool, event: Event<'_>) {
    let event = match event {
        Event::Timer { key: TimerKey { id: None, purpose: timers::CHILDREN } } => {
            session.core_mut().children.on_timer(pool);
            // No signal reports the end of a whole group.
            Event::Signal(Signal::Child)
        }
        event => event,
    };
    match session.core_mut().on(pool, &event) {
        Disposition::Own => match event {
            Event::Signal(Signal::Report) => session.report_stats(pool),
            Event::Timer { key: TimerKey { id: None, purpose } } => match purpose {
                timers::PROGRESS => session.show_progress(pool),
                timers::NOTE => session.report_waiting(pool),
                timers::GRACE => {
                    let reason = session.core().grace_reason();
                    session.close(pool, ShutdownMode::Now(reason));
                }
                timers::FIRST_PEER => {
                    let better = session.diagnose(pool);
                    session.core_mut().fail_waiting(pool, better);
                    session.close(pool, ShutdownMode::Late);
                }
                _ => session.event(pool, event),
            },
            _ => session.event(pool, event),
        },
        Disposition::Nothing => {}
        Disposition::Resume => session.resume(pool),
        Disposition::Stop => session.stop(pool),
        Disposition::End => session.close(pool, ShutdownMode::InOrder(CloseReason::HOST)),
        Disposition::GiveUp(reason) => session.close(pool, ShutdownMode::GiveUp(reason)),
        Disposition::EndNow(reason) => session.close(pool, ShutdownMode::Now(reason)),
    }
}
