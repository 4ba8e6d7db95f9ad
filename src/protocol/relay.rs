//! When a stream connection half-closes and when it ends: SPEC section 6 as a table.
//!
//! Pure. One [`Rules`] serves the client and every connection of a server; they differ only in
//! what an empty input means.

use std::time::Duration;

/// What stands behind the input (stdin).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A person, who may type for ever.
    Terminal,
    /// A pipe, a file, the null device: it ends by itself.
    Stream,
    /// There is none (`-n`), so it never ends either.
    Absent,
}

/// The input, as far as it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputState {
    /// What stands behind it.
    pub source: Source,
    /// It has ended.
    pub ended: bool,
    /// No byte of it has been seen.
    pub empty: bool,
}

impl InputState {
    /// An input that has not been read yet.
    pub fn new(source: Source) -> Self {
        Self { source, ended: false, empty: true }
    }

    /// Whether more can come that the peer would miss: a person or an absent input owes nothing.
    fn may_send_more(self) -> bool {
        self.source == Source::Stream && !self.ended
    }
}

/// What the options set for the two ends of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// `--keep-open`: the end of the input sends no FIN.
    pub keep_open: bool,
    /// `--on-peer-close exit`.
    pub leave_on_peer_close: bool,
    /// `--quit-after`.
    pub quit_after: Option<Duration>,
    /// This is the server's side of a connection.
    pub serving: bool,
    /// The two directions end together: to receive takes answers (`--frame tinyproto`).
    pub undivided: bool,
}

/// What a connection does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayStep {
    /// Goes on as it is.
    Continue,
    /// Sends FIN behind what is queued, and reads on.
    HalfClose,
    /// Is done: writes what is queued, and closes.
    Close,
    /// Closes at once; what is still queued counts as unsent.
    Leave,
}

impl Rules {
    /// The input has ended; `peer_ended` is true where the peer's FIN has come already.
    pub fn input_ended(&self, input: InputState, peer_ended: bool) -> RelayStep {
        if peer_ended {
            // Both directions are over, and nobody could use the connection any more.
            RelayStep::Close
        } else if self.keep_open || self.undivided || self.is_empty_from_start(input) {
            RelayStep::Continue
        } else {
            // FIN ends one direction only (RFC 9293, section 3.6): answers of the peer are still
            // read.
            RelayStep::HalfClose
        }
    }

    /// The peer's FIN has come.
    pub fn peer_ended(&self, input: InputState) -> RelayStep {
        // A FIN does not show whether the peer still reads: a half-close and a full close look alike
        // until a write meets an RST.
        if self.leave_on_peer_close {
            RelayStep::Leave
        } else if input.may_send_more() && !(self.undivided && self.serving) {
            RelayStep::Continue
        } else {
            RelayStep::Close
        }
    }

    /// A server under cron, CI or systemd has an input that is empty from the start. It is not
    /// there to be sent, so its end means nothing for the connection.
    pub fn is_empty_from_start(&self, input: InputState) -> bool {
        self.serving && input.empty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        keep_open: false,
        leave_on_peer_close: false,
        quit_after: None,
        serving: false,
        undivided: false,
    };

    fn input(source: Source, ended: bool) -> InputState {
        InputState { source, ended, empty: false }
    }

    #[test]
    fn the_end_of_the_input_half_closes_unless_something_forbids_it() {
        let ended = input(Source::Stream, true);
        let empty = InputState { empty: true, ..ended };
        let serving = Rules { serving: true, ..RULES };
        let undivided = Rules { undivided: true, ..RULES };
        let keep = Rules { keep_open: true, ..RULES };
        for (rules, input, peer_ended, step) in [
            (RULES, ended, false, RelayStep::HalfClose),
            (RULES, empty, false, RelayStep::HalfClose),
            (RULES, ended, true, RelayStep::Close),
            (keep, ended, false, RelayStep::Continue),
            (keep, ended, true, RelayStep::Close),
            (serving, ended, false, RelayStep::HalfClose),
            (serving, empty, false, RelayStep::Continue),
            (serving, empty, true, RelayStep::Close),
            (undivided, ended, false, RelayStep::Continue),
            (undivided, ended, true, RelayStep::Close),
        ] {
            assert_eq!(rules.input_ended(input, peer_ended), step, "{rules:?} {input:?}");
        }
    }

    #[test]
    fn the_peers_fin_ends_all_but_an_input_that_still_runs() {
        let leave = Rules { leave_on_peer_close: true, ..RULES };
        let undivided = Rules { undivided: true, ..RULES };
        let serving = Rules { serving: true, ..undivided };
        for (rules, input, step) in [
            (RULES, input(Source::Stream, false), RelayStep::Continue),
            (RULES, input(Source::Stream, true), RelayStep::Close),
            (RULES, input(Source::Terminal, false), RelayStep::Close),
            (RULES, input(Source::Absent, false), RelayStep::Close),
            (leave, input(Source::Stream, false), RelayStep::Leave),
            (undivided, input(Source::Stream, false), RelayStep::Continue),
            (serving, input(Source::Stream, false), RelayStep::Close),
        ] {
            assert_eq!(rules.peer_ended(input), step, "{rules:?} {input:?}");
        }
    }
}
