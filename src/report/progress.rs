//! `--progress`: a line at the foot of a terminal that is written over and over. Nothing runs beside the
//! program to draw it: its owner decides when.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::figures::size;

/// How often the progress is worth drawing.
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);

const WITH_END: &str = "{msg} {binary_bytes_per_sec} [{wide_bar}] {percent}% ETA {eta}";
const WITHOUT_END: &str = "{msg} {binary_bytes_per_sec} {elapsed}";

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moved {
    /// Bytes received.
    pub(crate) received: u64,
    /// Bytes sent.
    pub(crate) sent: u64,
    /// Bytes of the input that are on their way.
    pub(crate) passed: u64,
}

/// The progress line, while there is one.
///
/// ```text
/// none ── begin, stderr is a terminal ──> shown ── suspend: a line is written ──> shown
///                                           └── drop ──> none, and the line is wiped
/// ```
///
/// | limit | of what | by whom |
/// |---|---|---|
/// | one in 100 ms (`INTERVAL`) | figures from the run | the owner's timer |
/// | 20 a second | drawing on the terminal; figures in between are left out | indicatif |
/// | none | notices: each is a line | |
pub(super) struct ProgressLine {
    bar: ProgressBar,
    has_end: bool,
}

impl ProgressLine {
    /// Begins, if stderr is a terminal that can do it. `total` is the size of the input in bytes,
    /// where it is known.
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

    /// Begins a line of text, if stderr is a terminal that can do it.
    pub(super) fn begin_text() -> Option<Self> {
        let target = ProgressDrawTarget::stderr();
        if target.is_hidden() {
            return None;
        }
        let style = ProgressStyle::with_template("{wide_msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        Some(Self { bar, has_end: false })
    }

    /// Draws this text, as much as one line of the terminal takes.
    pub(super) fn show_text(&self, text: String) {
        self.bar.set_message(text);
        self.bar.tick();
    }

    /// Draws how far it has come.
    pub(super) fn show(&self, moved: &Moved) {
        self.bar.set_message(format!("in {} out {}", size(moved.received), size(moved.sent)));
        let position = if self.has_end { moved.passed } else { moved.received + moved.sent };
        self.bar.set_position(position);
    }

    /// Takes the line away, lets something else be written, and draws the line below it.
    pub(super) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }
}

impl Drop for ProgressLine {
    /// Leaves nothing of it behind.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Runs `write` with the progress out of its way.
pub(super) fn beside<T>(progress: Option<&ProgressLine>, write: impl FnOnce() -> T) -> T {
    match progress {
        Some(progress) => progress.suspend(write),
        None => write(),
    }
}
