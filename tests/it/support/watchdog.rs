//! The last resort against a test that does not end. What a test waits for has a limit of its own; where
//! one was forgotten, the whole program would stand still, and nobody would know which test it was.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{read_dir, read_to_string};
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::PATIENCE;

/// How long a test may take: longer than its longest wait, which fails by itself.
const LIMIT: Duration = PATIENCE.saturating_mul(5);

/// How long a test may take to fail once its children are killed.
const GRACE: Duration = PATIENCE.saturating_mul(2);

/// A test that runs.
struct Watched {
    since: Instant,
    children: Vec<u32>,
    is_late: bool,
}

/// The tests that run, by name.
static WATCHED: Mutex<BTreeMap<String, Watched>> = Mutex::new(BTreeMap::new());

fn watched() -> MutexGuard<'static, BTreeMap<String, Watched>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes its test off the list at the end of the thread, which is that of the test.
struct Entry(Option<String>);

impl Entry {
    /// Of this thread, if it is that of a test: the harness names it so.
    fn new() -> Self {
        let name = thread::current().name().filter(|name| name.contains("::")).map(str::to_owned);
        if let Some(name) = &name {
            let test = Watched { since: Instant::now(), children: Vec::new(), is_late: false };
            watched().insert(name.clone(), test);
            static ONCE: Once = Once::new();
            ONCE.call_once(|| {
                thread::Builder::new().name("watchdog".into()).spawn(watch_all).expect("a thread");
            });
        }
        Self(name)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(name) = &self.0 {
            watched().remove(name);
        }
    }
}

thread_local! {
    static ENTRY: Entry = Entry::new();
}

/// Watches the test of this thread from its first call on.
pub(crate) fn watch() {
    ENTRY.with(|_| {});
}

/// The same from now on: the limit is one of each part of the test.
pub(crate) fn watch_anew() {
    with_test(|test| test.since = Instant::now());
}

/// The test of this thread has this child.
pub(super) fn has_started(child: u32) {
    with_test(|test| test.children.push(child));
}

fn with_test(change: impl FnOnce(&mut Watched)) {
    ENTRY.with(|entry| {
        if let Some(name) = &entry.0
            && let Some(test) = watched().get_mut(name)
        {
            change(test);
        }
    });
}

fn watch_all() {
    loop {
        thread::sleep(Duration::from_secs(1));
        for (name, test) in watched().iter_mut() {
            let time = test.since.elapsed();
            if time > LIMIT && !test.is_late {
                test.is_late = true;
                let children = children();
                report(name, time, &children);
                // What reads from them, or waits for their end, goes on, and the test fails.
                kill(
                    children.iter().map(|child| child.0).filter(|pid| test.children.contains(pid)),
                );
            }
            if time > LIMIT + GRACE {
                let children = children();
                report(name, time, &children);
                kill(children.iter().map(|child| child.0));
                std::process::abort();
            }
        }
    }
}

/// Tells on the real stderr, which the harness does not collect, what the threads and the children do.
fn report(name: &str, time: Duration, children: &[(u32, String)]) {
    let mut text = format!("\ntest {name} does not end: it has taken {time:.0?}. Threads:\n");
    for thread in numbers("/proc/self/task") {
        let _ = writeln!(text, "  {}", doing(&format!("/proc/self/task/{thread}")));
    }
    text += "Children:\n";
    for (_, child) in children {
        let _ = writeln!(text, "  {child}");
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The children of this process, each with what it does.
fn children() -> Vec<(u32, String)> {
    let own = std::process::id().to_string();
    let is_own = |pid: &u32| stat(&format!("/proc/{pid}")).get(1) == Some(&own);
    let describe = |pid: u32| {
        let words = read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        (pid, format!("{}: {}", doing(&format!("/proc/{pid}")), words.replace('\0', " ")))
    };
    numbers("/proc").into_iter().filter(is_own).map(describe).collect()
}

/// The entries of a directory that are numbers.
fn numbers(directory: &str) -> Vec<u32> {
    let entries = read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The fields of `stat` behind the name: state, parent and so on.
fn stat(path: &str) -> Vec<String> {
    let stat = read_to_string(format!("{path}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    fields.split_whitespace().map(str::to_owned).collect()
}

/// What a thread or a process waits for, as far as it may be seen.
fn doing(path: &str) -> String {
    let field = |name| read_to_string(format!("{path}/{name}")).unwrap_or_else(|_| "?".to_owned());
    let state = stat(path).first().cloned().unwrap_or_default();
    let id = path.rsplit('/').next().unwrap_or_default();
    let (name, place, call) = (field("comm"), field("wchan"), field("syscall"));
    format!("{id} {} {state} in {}, syscall {}", name.trim(), place.trim(), call.trim())
}

fn kill(children: impl Iterator<Item = u32>) {
    for pid in children.filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
        let _ = kill_process(pid, Signal::KILL);
    }
}
