//! What a loaded machine adds to the time that something takes.

use std::fs::read_to_string;
use std::path::Path;
use std::time::{Duration, Instant};

use super::PATIENCE;

/// How long the calling thread was ready to run and had no processor.
pub(crate) fn of_this_thread() -> Duration {
    queued(Path::new("/proc/thread-self"))
}

/// The same of all threads of a process, also of one that has ended and was not waited for yet.
pub(crate) fn of_process(pid: u32) -> Duration {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Duration::ZERO };
    tasks.flatten().map(|task| queued(&task.path())).sum()
}

/// The second number of `schedstat` is nanoseconds in the queue of a processor; a kernel without it
/// (`CONFIG_SCHED_INFO`) adds nothing. What it runs itself counts: a program that spins is not quick.
fn queued(task: &Path) -> Duration {
    let text = read_to_string(task.join("schedstat")).unwrap_or_default();
    let time = text.split_whitespace().nth(1).and_then(|time| time.parse().ok());
    Duration::from_nanos(time.unwrap_or(0))
}

/// Measures how long something takes this thread and a process that it talks with, without the time that
/// either was kept from a processor.
pub(crate) struct Stopwatch {
    began: Instant,
    pid: u32,
    queued: Duration,
}

impl Stopwatch {
    pub(crate) fn start(pid: u32) -> Self {
        Self { began: Instant::now(), pid, queued: of_this_thread() + of_process(pid) }
    }

    pub(crate) fn waited(&self) -> Duration {
        let queued = (of_this_thread() + of_process(self.pid)).saturating_sub(self.queued);
        self.began.elapsed().saturating_sub(queued)
    }
}

/// Tries until it is as it should be, for what a loaded machine may spoil many times in a row, but not
/// every time. The last outcome is quoted where it never is.
#[track_caller]
pub(crate) fn in_some_try<T: std::fmt::Debug>(
    is_right: impl Fn(&T) -> bool,
    mut attempt: impl FnMut() -> T,
) {
    let deadline = Instant::now() + 2 * PATIENCE;
    loop {
        let outcome = attempt();
        if is_right(&outcome) {
            return;
        }
        assert!(Instant::now() < deadline, "never right, at last {outcome:?}");
    }
}
