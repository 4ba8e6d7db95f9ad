//! Which connections are read, where commands say so: `pause` and `resume`, and with `--paused` one
//! message for each `read`.

use std::time::{Duration, Instant};

use crate::protocol::command::ReadForm;

/// Whether commands let a connection be read. A connection that no command has paused has none.
///
/// ```text
///              pause                      read (only with --paused)
/// Flowing ───────────────> Paused ─────────────────────────────────> Armed
///    ^ <──── resume ──────── │ ^ <── its message, the end, pause ───── │
///    └───────────────────────┼──────────────── resume ─────────────────┘
///                      --paused: begins here
/// ```
///
/// | state | what is read | deadlines |
/// |---|---|---|
/// | Flowing | everything, in messages of `--frame` or as it comes | run since `since` |
/// | Paused | nothing | do not run |
/// | Armed | one message of `form`; what was read behind it waits for the next read | run since `since`, and `within` |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadControl {
    state: ReadState,
    /// What messages are; without it those of `--frame`, or whatever comes.
    form: Option<ReadForm>,
    /// When it was last let be read.
    since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadState {
    Flowing,
    Paused,
    Armed(Armed),
}

/// A read that waits for its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Armed {
    /// The line of its command.
    pub(super) line: u64,
    pub(super) within: Option<Duration>,
}

impl ReadControl {
    /// A connection that is paused.
    pub(super) fn paused(now: Instant) -> Self {
        Self { state: ReadState::Paused, form: None, since: now }
    }

    /// Nothing is read from now on; a read that is armed is given up.
    pub(super) fn pause(&mut self) {
        self.state = ReadState::Paused;
    }

    /// Everything is read; a read that is armed is given up. True where messages are other ones than
    /// before.
    pub(super) fn resume(&mut self, now: Instant) -> bool {
        if self.state != ReadState::Flowing {
            (self.state, self.since) = (ReadState::Flowing, now);
        }
        self.form.take().is_some()
    }

    /// One message is read. True where its form is another one than before.
    ///
    /// # Errors
    /// Why that cannot be.
    pub(super) fn arm(
        &mut self,
        read: Armed,
        form: Option<ReadForm>,
        now: Instant,
    ) -> Result<bool, &'static str> {
        match self.state {
            ReadState::Armed(_) => return Err("a read is armed on it already"),
            ReadState::Flowing => return Err("it is read all the time: pause it first"),
            ReadState::Paused => {}
        }
        (self.state, self.since) = (ReadState::Armed(read), now);
        Ok(std::mem::replace(&mut self.form, form) != form)
    }

    /// The message of a read has come, or none will: it is paused. True where one was armed.
    pub(super) fn disarm(&mut self) -> bool {
        let is_armed = self.armed().is_some();
        if is_armed {
            self.state = ReadState::Paused;
        }
        is_armed
    }

    /// The read that waits for its message.
    pub(super) fn armed(&self) -> Option<Armed> {
        match self.state {
            ReadState::Armed(read) => Some(read),
            ReadState::Flowing | ReadState::Paused => None,
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.state == ReadState::Paused
    }

    pub(super) fn form(&self) -> Option<ReadForm> {
        self.form
    }

    /// When it was last let be read.
    pub(super) fn since(&self) -> Instant {
        self.since
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const READ: Armed = Armed { line: 3, within: None };

    #[test]
    fn one_read_brings_one_message() {
        let now = Instant::now();
        let mut control = ReadControl::paused(now);
        assert!(!control.disarm());
        assert_eq!(control.arm(READ, Some(ReadForm::Line), now), Ok(true));
        assert_eq!((control.armed(), control.is_paused()), (Some(READ), false));
        let error = control.arm(READ, Some(ReadForm::Line), now).unwrap_err();
        assert_eq!(error, "a read is armed on it already");
        assert!(control.disarm() && !control.disarm() && control.is_paused());
        assert_eq!(control.arm(READ, Some(ReadForm::Line), now), Ok(false));
        control.disarm();
        assert_eq!(control.arm(READ, Some(ReadForm::Fixed(3)), now), Ok(true));
    }

    #[test]
    fn to_pause_and_to_resume_give_a_read_up() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut control = ReadControl::paused(now);
        control.arm(READ, Some(ReadForm::Raw), now).unwrap();
        control.pause();
        assert_eq!((control.armed(), control.is_paused()), (None, true));
        control.arm(READ, Some(ReadForm::Raw), now).unwrap();
        assert!(control.resume(later));
        assert_eq!((control.armed(), control.is_paused()), (None, false));
        assert!(control.arm(READ, None, later).unwrap_err().contains("pause it first"));
        // A second one moves no deadline.
        assert!(!control.resume(later + Duration::from_secs(1)));
        assert_eq!((control.since(), control.form()), (later, None));
    }

    proptest! {
        /// Whatever is asked for, at most one read is armed, and only where it was paused.
        #[test]
        fn the_states_follow_each_other_as_drawn(steps in prop::collection::vec(0..4_u8, 0..40)) {
            let now = Instant::now();
            let mut control = ReadControl::paused(now);
            for (line, step) in (1..).zip(steps) {
                let before = control;
                match step {
                    0 => control.pause(),
                    1 => drop(control.resume(now)),
                    2 => prop_assert_eq!(control.disarm(), before.armed().is_some()),
                    _ => {
                        let read = Armed { line, within: None };
                        let armed = control.arm(read, None, now);
                        prop_assert_eq!(armed.is_ok(), before.is_paused());
                        let left = if armed.is_ok() { Some(read) } else { before.armed() };
                        prop_assert_eq!(control.armed(), left);
                    }
                }
                prop_assert!(!(control.is_paused() && control.armed().is_some()));
            }
        }
    }
}
