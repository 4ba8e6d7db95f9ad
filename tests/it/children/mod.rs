//! Programs that have a part in a run: readiness, `-- CMD` and `--on` (SPEC sections 2, 5 and 9).

mod command;
mod emitters;
mod hooks;
mod in_terminal;
mod readiness;

use std::fs;

use crate::support::proc::wait_until;
use crate::support::{Program, wirecat};

/// wirecat with these arguments, and a line for the shell behind `--`.
fn with_command(args: &str, line: &str) -> Program {
    wirecat(args.split_whitespace().chain(["--", "sh", "-c", line]))
}

/// A number of seconds that takes longer than any test, and that is in the command line of no other
/// test's processes, nor in those of another run.
fn long(number: u32) -> String {
    format!("1000.{}{number:02}", std::process::id())
}

/// The processes whose command line holds this word; wirecat is none of them.
fn processes_with(word: &str) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let named = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        line.contains(word) && !line.contains("wirecat")
    };
    numbers.filter(named).collect()
}
