//! What Linux tells about a process from outside.

use std::fs::read_to_string;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Once, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use libc::{SIGHUP, SIGINT};
use rustix::process::{Resource, getrlimit};

use super::{PATIENCE, Program, skip, watchdog};

/// A field of `/proc/PID/status`, such as `VmHWM`, without its unit.
pub(crate) fn status(pid: u32, field: &str) -> String {
    let status = read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    word.unwrap_or_else(|| panic!("no {field} in {status}")).to_owned()
}

/// Waits until a process is in this state, such as `T` (stopped) or `Z` (ended, and not waited for).
#[track_caller]
pub(crate) fn wait_for_state(pid: u32, state: &str) {
    let deadline = Instant::now() + PATIENCE;
    while status(pid, "State") != state {
        assert!(Instant::now() < deadline, "{pid} does not come to be {state}");
        std::thread::yield_now();
    }
}

/// Polls for what has no event: processes and files tell nobody when they change.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// What a file holds as soon as it is there.
#[track_caller]
pub(crate) fn once_there(path: &Path) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match read_to_string(path) {
            Ok(text) => return text,
            Err(error) => assert!(Instant::now() < deadline, "{}: {error}", path.display()),
        }
        thread::sleep(Duration::from_micros(100));
    }
}

/// The most memory that the process ever had resident, in KiB. The kernel sums up what its
/// processors have counted, and may see a little less later (Linux 6.2 and on).
pub(crate) fn peak_kib(pid: u32) -> u64 {
    status(pid, "VmHWM").parse().expect("a number")
}

/// Whether the process ignores a signal.
pub(crate) fn ignores(pid: u32, signal: i32) -> bool {
    let mask = u64::from_str_radix(&status(pid, "SigIgn"), 16).expect("a mask");
    mask & (1 << (signal - 1)) != 0
}

/// The flags of an open descriptor (`/proc/PID/fdinfo`).
pub(crate) fn fd_flags(pid: u32, fd: u32) -> u32 {
    let info = read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).expect("an open descriptor");
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    u32::from_str_radix(flags.expect("flags").trim(), 8).expect("an octal number")
}

/// The processor time that the process has used, to the grain of 10 ms.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    let stat = read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    // The name in parentheses may hold blanks; utime and stime are fields 14 and 15.
    let rest = stat.rsplit(')').next().expect("fields");
    let fields = rest.split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

/// Sees to it that children hear SIGINT and SIGHUP. A run in the background of a script, or under
/// nohup, ignores them, and so would the children; a handler is not inherited (execve(2)).
pub(crate) fn let_children_hear_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [SIGINT, SIGHUP] {
            if ignores(std::process::id(), signal) {
                signal_hook::flag::register(signal, Arc::default()).expect("a handler");
            }
        }
    });
}

/// Whether this process, whose tests run at the same time, may have so many descriptors more; its limit is
/// then as high as it may be. The test is skipped if not.
pub(crate) fn may_open(count: u64) -> bool {
    wirecat::sys::process::raise_descriptor_limit();
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let is_enough = most >= count + 400;
    if !is_enough {
        skip("descriptors", &format!("{most} are too few (ulimit -Hn)"));
    }
    is_enough
}

/// Held where a child is made, which has all sockets of this process until its program runs.
static CHILDREN: RwLock<()> = RwLock::new(());

/// Starts a child; [`unshared`] waits meanwhile.
pub(crate) fn spawn(command: &mut Command) -> std::io::Result<Child> {
    let child = spawn_apart(command)?;
    watchdog::has_started(child.id());
    Ok(child)
}

/// The same of a child that serves all tests, and that the watchdog does not kill.
pub(crate) fn spawn_apart(command: &mut Command) -> std::io::Result<Child> {
    sharing(|| command.spawn())
}

/// Does what makes a child in its own way.
pub(crate) fn sharing<T>(make: impl FnOnce() -> T) -> T {
    let _guard = CHILDREN.read().unwrap_or_else(PoisonError::into_inner);
    make()
}

/// Runs a child to its end. It is made by [`spawn`], as all are, for [`unshared`] to wait for.
pub(crate) fn output(command: &mut Command) -> std::io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    spawn(command)?.wait_with_output()
}

/// Waits so long for the end of a child, and says whether it came.
pub(crate) fn ends_within(time: Duration, child: &mut Child) -> bool {
    let deadline = Instant::now() + time;
    while let Ok(None) = child.try_wait() {
        if Instant::now() >= deadline {
            return false;
        }
        // There is no wait(2) with a deadline.
        thread::sleep(Duration::from_millis(2));
    }
    true
}

/// Kills a child and waits for its end. The kernel may keep one that waits for a disk or a mount; the
/// test is not to stay with it.
pub(crate) fn end(child: &mut Child) {
    let _ = child.kill();
    ends_within(PATIENCE, child);
}

/// Makes something, and takes it away, that no child has a copy of, which would keep it alive.
pub(crate) fn unshared<T>(make: impl FnOnce() -> T) -> T {
    let _guard = CHILDREN.write().unwrap_or_else(PoisonError::into_inner);
    make()
}

impl Program {
    /// This variable is in its environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }
}
