//! What could not run here, printed once the last test has ended.

use std::io::Write;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// The stdin of a sort(1) that prints all lines on the real stderr when this process has ended and
/// with it their source. The harness has no hook for its end, captures what the macros print, and
/// leaves by exit(3), past all destructors.
static LINES: Mutex<Option<ChildStdin>> = Mutex::new(None);

/// Notes that a test could not run here, and why. What the tests that were skipped are called is
/// the third word of each line, for those who run them elsewhere.
pub(crate) fn skip(subject: &str, why: &str) {
    // The harness names its threads by their tests; with one thread it has no name for them.
    let thread = std::thread::current();
    let test = thread.name().filter(|name| name.contains("::")).unwrap_or(subject);
    let why = why.trim_end().replace('\n', " ");
    let line = format!("SKIPPED {test} ({subject}): {why}\n");
    let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    if lines.is_none() {
        *lines = sorter();
    }
    let kept = lines.as_mut().is_some_and(|lines| lines.write_all(line.as_bytes()).is_ok());
    if !kept {
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

fn sorter() -> Option<ChildStdin> {
    // Signals are for the tests, and what they have skipped until then is printed.
    let script = "trap '' HUP INT TERM; exec sort -u >&2";
    let mut sort = Command::new("sh");
    sort.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::null());
    sort.spawn().ok()?.stdin
}
