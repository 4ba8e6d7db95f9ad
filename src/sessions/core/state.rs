//! The phase of a run, and what has been decided about its end. It knows no pool and no clock: `shutdown`
//! and `stop` act on it.

use super::stop::SIGNALLED;
use crate::close::CloseReason;
use crate::error::Status;

/// Upper bound on loop turns spent draining input at shutdown. At 256 KiB a turn, 1000 turns exceed
/// any kernel buffer, so that only a peer that never stops sending reaches it.
const DRAIN_TURNS: u32 = 1000;

/// How far the run is.
///
/// ```text
///  Working ──────────────── begin_ending ───────> Closing ── finish ──> Waiting ──> Flushing ──> Over
///     │                                              ^                     │  programs    stdout   ^
///     └─ drain_then_end ─> Draining ─ begin_ending ──┘                     └──── no stdout ────────┘
/// ```
///
/// No phase is entered twice and none leads back. The session works up to `Closing`; after that
/// only the core does. How long the phases behind `Working` may take, `stop` draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Connections come and go, and data flows.
    Working,
    /// What has arrived is read before anything is closed.
    Draining(Drain),
    /// Connections are being closed, and nothing new begins.
    Closing {
        /// Input was drained before.
        drained: bool,
    },
    /// All is closed, and other programs still run.
    Waiting,
    /// Everything is reported but the summary, and stdout drains.
    Flushing,
    /// The summary is written; only its hooks may still run.
    Over,
}

/// What ends the draining of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Drain {
    /// Nothing is left to read, or this many more turns have passed.
    Within(u32),
    /// stdout is full; when it takes data again, reading goes on.
    AfterOutput,
}

/// What is known of the input that is drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// Nothing is left.
    Nothing,
    /// Something is.
    Some,
    /// Something is, but what was read has nowhere to go: a turn would be wasted.
    Blocked,
}

/// What follows a look at the input that is drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DrainStep {
    /// Another look in the next turn.
    LookAgain,
    /// Nothing, until stdout takes data again; or nothing is drained.
    Wait,
    /// The end.
    End,
}

/// How long stdout may take at the end of a run: the last column of the table of `stop`.
///
/// ```text
/// Unlimited ── limit_end ──> Grace ── abandon_output ──> Over
///     └──────────────── abandon_output ──────────────────^
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum OutputPatience {
    /// As long as its reader takes.
    Unlimited,
    /// No longer than what is queued for the peers.
    Grace,
    /// Nothing is waited for any more, not even stdout.
    Over,
}

/// The state of a run.
#[derive(Debug)]
pub(super) struct RunState {
    phase: Phase,
    /// The first decision stays, unless it is overruled.
    status: Option<Status>,
    /// Not everything is in the recording.
    is_unrecorded: bool,
    /// A signal has asked for the end.
    is_signalled: bool,
    patience: OutputPatience,
    /// The reason of what is cut off when the time to flush is over.
    grace: CloseReason,
}

impl RunState {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Working,
            status: None,
            is_unrecorded: false,
            is_signalled: false,
            patience: OutputPatience::Unlimited,
            grace: SIGNALLED,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Enters a later phase.
    pub(super) fn enter(&mut self, phase: Phase) {
        debug_assert!(phase > self.phase, "{:?} does not lead to {phase:?}", self.phase);
        self.phase = phase;
    }

    /// Whether the session has work to do.
    pub(super) fn is_working(&self) -> bool {
        self.phase < Phase::Waiting
    }

    /// Whether connections are closed, and nothing new begins.
    pub(super) fn is_closing(&self) -> bool {
        self.phase >= Phase::Closing { drained: false }
    }

    /// Whether the run was asked to end as soon as its input is drained.
    pub(super) fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Draining(_) | Phase::Closing { drained: true })
    }

    /// Begins to close. True the first time.
    pub(super) fn begin_closing(&mut self) -> bool {
        let is_first = !self.is_closing();
        if is_first {
            self.enter(Phase::Closing { drained: self.is_draining() });
        }
        is_first
    }

    /// Begins to drain the input, where the run works on. Returns whether it did.
    pub(super) fn begin_draining(&mut self) -> bool {
        let is_first = self.phase == Phase::Working;
        if is_first {
            self.enter(Phase::Draining(Drain::Within(DRAIN_TURNS)));
        }
        is_first
    }

    /// Whether draining goes on once stdout takes data again.
    pub(super) fn waits_for_output(&self) -> bool {
        self.phase == Phase::Draining(Drain::AfterOutput)
    }

    /// A look at the input that is drained.
    pub(super) fn drain_step(&mut self, unread: Unread) -> DrainStep {
        let Phase::Draining(drain) = &mut self.phase else { return DrainStep::Wait };
        let turns = match drain {
            Drain::Within(turns) => *turns,
            Drain::AfterOutput => DRAIN_TURNS,
        };
        match unread {
            Unread::Blocked => {
                *drain = Drain::AfterOutput;
                DrainStep::Wait
            }
            Unread::Some if turns > 0 => {
                *drain = Drain::Within(turns - 1);
                DrainStep::LookAgain
            }
            Unread::Some | Unread::Nothing => DrainStep::End,
        }
    }

    /// Decides the status, unless something has decided it before.
    pub(super) fn decide(&mut self, status: Status) {
        self.status.get_or_insert(status);
    }

    /// Decides the status whatever was decided before.
    pub(super) fn overrule(&mut self, status: Status) {
        self.status = Some(status);
    }

    /// The status that something has decided.
    pub(super) fn decided(&self) -> Option<Status> {
        self.status
    }

    /// The status so far. What is missing in a recording was lost, even where all else went well.
    pub(super) fn status(&self) -> Status {
        match self.status.unwrap_or(Status::Done) {
            Status::Done if self.is_unrecorded => Status::Local,
            status => status,
        }
    }

    /// Not everything is in the recording.
    pub(super) fn note_unrecorded(&mut self) {
        self.is_unrecorded = true;
    }

    /// A signal asks for the end. True for the second one and later ones.
    pub(super) fn note_signal(&mut self) -> bool {
        std::mem::replace(&mut self.is_signalled, true)
    }

    pub(super) fn is_signalled(&self) -> bool {
        self.is_signalled
    }

    /// Why what is queued is cut off when the time to flush is over.
    pub(super) fn grace(&self) -> CloseReason {
        self.grace
    }

    pub(super) fn set_grace(&mut self, reason: CloseReason) {
        self.grace = reason;
    }

    /// stdout has no more time than the peers.
    pub(super) fn limit_output(&mut self) {
        self.patience = self.patience.max(OutputPatience::Grace);
    }

    /// Whether stdout has no more time than the peers, or none.
    pub(super) fn is_output_limited(&self) -> bool {
        self.patience >= OutputPatience::Grace
    }

    /// stdout has no time any more.
    pub(super) fn abandon_output(&mut self) {
        self.patience = OutputPatience::Over;
    }

    /// Whether stdout has no time any more.
    pub(super) fn is_output_abandoned(&self) -> bool {
        self.patience == OutputPatience::Over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_closes_once_and_knows_whether_it_was_drained() {
        for drained in [false, true] {
            let mut state = RunState::new();
            assert!(!drained || state.begin_draining());
            assert!(state.is_working() && !state.is_closing());
            assert!(state.begin_closing() && !state.begin_closing() && !state.begin_draining());
            assert_eq!(state.phase(), Phase::Closing { drained });
            assert_eq!((state.is_working(), state.is_draining()), (true, drained));
            state.enter(Phase::Waiting);
            assert!(!state.is_working() && state.is_closing() && !state.is_draining());
        }
    }

    #[test]
    fn draining_has_a_bound_that_a_full_stdout_does_not_use_up() {
        let mut state = RunState::new();
        assert_eq!(state.drain_step(Unread::Nothing), DrainStep::Wait);
        state.begin_draining();
        for _ in 0..DRAIN_TURNS {
            assert_eq!(state.drain_step(Unread::Some), DrainStep::LookAgain);
        }
        assert_eq!(state.drain_step(Unread::Blocked), DrainStep::Wait);
        assert!(state.waits_for_output());
        for _ in 0..DRAIN_TURNS {
            assert_eq!(state.drain_step(Unread::Some), DrainStep::LookAgain);
        }
        assert!(!state.waits_for_output());
        assert_eq!(state.drain_step(Unread::Some), DrainStep::End);
        assert_eq!(state.drain_step(Unread::Nothing), DrainStep::End);
    }

    #[test]
    fn the_first_decision_stays_and_a_gap_in_the_recording_spoils_a_success_alone() {
        let mut state = RunState::new();
        assert_eq!((state.decided(), state.status()), (None, Status::Done));
        state.note_unrecorded();
        assert_eq!((state.decided(), state.status()), (None, Status::Local));
        state.decide(Status::Lost);
        state.decide(Status::Timeout);
        assert_eq!((state.decided(), state.status()), (Some(Status::Lost), Status::Lost));
        state.overrule(Status::Done);
        assert_eq!(state.status(), Status::Local);
    }

    #[test]
    fn the_time_of_stdout_only_gets_shorter() {
        let mut state = RunState::new();
        assert!(!state.is_output_limited());
        assert_eq!([state.note_signal(), state.note_signal()], [false, true]);
        state.limit_output();
        assert!(state.is_output_limited() && !state.is_output_abandoned());
        state.abandon_output();
        state.limit_output();
        assert!(state.is_output_limited() && state.is_output_abandoned());
    }
}
