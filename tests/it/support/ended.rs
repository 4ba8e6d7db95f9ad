//! How a program has ended, and what a test asserts of it.

use std::ffi::OsString;
use std::time::Duration;

use serde_json::Value;

use super::schema;

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit status, or `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    /// From start to end.
    pub(crate) took: Duration,
    /// How much of that it owes to other load: the time that it and those that watched it were ready to
    /// run, and had no processor.
    pub(crate) queued: Duration,
}

impl Ended {
    /// Whatever it told as JSON is as the schema says, and an event that it can tell, in every test.
    #[track_caller]
    pub(super) fn keeps_the_contract(&self, mut words: Vec<OsString>) {
        words.insert(0, "wirecat".into());
        let stdout = String::from_utf8_lossy(&self.stdout);
        for output in [&*stdout, &format!("{}\n", self.stderr)] {
            if let Some(breach) = schema::first_breach(output) {
                panic!("an event is not as the schema says: {breach}");
            }
            if let Some(event) = schema::first_stranger(&words, output) {
                panic!("{words:?} is not known to tell {event}");
            }
        }
    }

    /// How long it took beside what other load may have added.
    pub(crate) fn waited(&self) -> Duration {
        self.took.saturating_sub(self.queued)
    }

    /// Asserts the exit status.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "signal {:?}; stderr:\n{}", self.signal, self.stderr);
        self
    }

    /// Asserts what stderr contains.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "{words:?} is not in:\n{}", self.stderr);
        self
    }

    /// stdout as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("UTF-8 on stdout")
    }
}

/// The events of this name.
pub(crate) fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}
