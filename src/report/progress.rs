//! `--progress`: a line at the foot of the terminal that is written over and over.
//!
//! It knows how to draw what it is told; when it is drawn, and what of, is up to its owner. Nothing
//! runs beside the program for it.

use std::time::Duration;

use bytesize::ByteSize;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often it is worth drawing.
pub const INTERVAL: Duration = Duration::from_millis(100);

const WITH_END: &str = "{msg} {binary_bytes_per_sec} [{wide_bar}] {percent}% ETA {eta}";
const WITHOUT_END: &str = "{msg} {binary_bytes_per_sec} {elapsed}";

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moved {
    /// Bytes received.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes of the input that are on their way.
    pub passed: u64,
}

/// The line, while there is one.
pub(super) struct Progress {
    bar: ProgressBar,
    has_end: bool,
}

impl Progress {
    /// Begins, if stderr is a terminal that can do it; `total` is the size of the input, where it
    /// is known.
    pub(super) fn begin(total: Option<u64>) -> Option<Self> {
        let target = ProgressDrawTarget::stderr();
        if target.is_hidden() {
            return None;
        }
        let template = if total.is_some() { WITH_END } else { WITHOUT_END };
        let style = ProgressStyle::with_template(template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(total, target).with_style(style);
        let progress = Self { bar, has_end: total.is_some() };
        progress.show(&Moved::default());
        Some(progress)
    }

    /// Begins a line of words, if stderr is a terminal that can do it.
    pub(super) fn begin_words() -> Option<Self> {
        let target = ProgressDrawTarget::stderr();
        if target.is_hidden() {
            return None;
        }
        let style = ProgressStyle::with_template("{wide_msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        Some(Self { bar, has_end: false })
    }

    /// Draws these words, as many as one line of the terminal takes.
    pub(super) fn say(&self, words: String) {
        self.bar.set_message(words);
        self.bar.tick();
    }

    /// Draws how far it has come.
    pub(super) fn show(&self, moved: &Moved) {
        let size = |bytes| ByteSize::b(bytes).display().iec();
        self.bar.set_message(format!("in {} out {}", size(moved.received), size(moved.sent)));
        let position = if self.has_end { moved.passed } else { moved.received + moved.sent };
        self.bar.set_position(position);
    }

    /// Lets something else be written: the line gives way to it, and stands below it afterwards.
    pub(super) fn give_way<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }
}

impl Drop for Progress {
    /// Leaves nothing of it behind.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
