//! What a loaded machine adds to the time that something takes.

use std::fs::read_to_string;
use std::path::Path;
use std::time::{Duration, Instant};

use super::PATIENCE;

/// How long the calling thread has run, and was ready to run and had no processor.
pub(crate) fn of_this_thread() -> Duration {
    busy(Path::new("/proc/thread-self"))
}

/// The same of all threads of a process, also of one that has ended and was not waited for yet.
pub(crate) fn of_process(pid: u32) -> Duration {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Duration::ZERO };
    tasks.flatten().map(|task| busy(&task.path())).sum()
}

/// The first two numbers of `schedstat` are nanoseconds on a processor and in its queue. A kernel without
/// them (`CONFIG_SCHED_INFO`) adds nothing.
fn busy(task: &Path) -> Duration {
    let text = read_to_string(task.join("schedstat")).unwrap_or_default();
    let times = text.split_whitespace().take(2).filter_map(|time| time.parse().ok());
    times.map(Duration::from_nanos).sum()
}

/// Measures how long this thread and a process that it talks with have waited for something else than
/// a processor. What either waits for while the other one runs does not count.
pub(crate) struct Stopwatch {
    began: Instant,
    pid: u32,
    busy: Duration,
}

impl Stopwatch {
    pub(crate) fn start(pid: u32) -> Self {
        Self { began: Instant::now(), pid, busy: of_this_thread() + of_process(pid) }
    }

    pub(crate) fn waited(&self) -> Duration {
        let busy = (of_this_thread() + of_process(self.pid)).saturating_sub(self.busy);
        self.began.elapsed().saturating_sub(busy)
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
