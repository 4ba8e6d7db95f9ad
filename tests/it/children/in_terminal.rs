//! `-- CMD` in the hands of a person: ^C reaches both at once.

use std::os::unix::process::ExitStatusExt;

use crate::support::terminal::Terminal;
use crate::support::wirecat_path;

const SIGINT: i32 = 2;

/// ^C goes to the whole foreground group: the command hears it once, not twice.
#[test]
fn control_c_is_taken_once() {
    let line = "n=0; trap 'n=$((n+1)); echo heard $n' INT; echo set; \
                while [ $n = 0 ]; do sleep 0.05; done; \
                for i in 1 2 3 4 5 6; do sleep 0.05; done; echo in all $n; exit 3";
    let args = ["tcp-serve", "127.0.0.1:0", "--", "bash", "-c", line];
    let mut terminal = Terminal::start(wirecat_path(), &args);
    terminal.wait_for("set");
    terminal.type_in("\x03");
    terminal.wait_for("in all 1\r\n");
    let status = terminal.wait();
    assert_eq!(status.signal(), Some(SIGINT), "{status:?}: {}", terminal.shown());
}

/// The hooks of the end run after ^C as well, which is not meant for them.
#[test]
fn control_c_leaves_time_for_hooks() {
    let hook = "closed=sleep 0.2; echo the hook has run";
    let args = ["tcp-serve", "127.0.0.1:0", "--on", "stopped=sleep 0.2; echo late", "--on", hook];
    let mut terminal = Terminal::start(wirecat_path(), &args);
    terminal.wait_for("listening");
    terminal.type_in("\x03");
    terminal.wait_for("late\r\n");
    assert_eq!(terminal.wait().signal(), Some(SIGINT));
}

/// A second ^C waits for nothing.
#[test]
fn a_second_control_c_ends_it_at_once() {
    let time = super::long(7);
    let hook = format!("stopped=echo begun; exec sleep {time}");
    let args = ["tcp-serve", "127.0.0.1:0", "--on", &hook];
    let mut terminal = Terminal::start(wirecat_path(), &args);
    terminal.wait_for("listening");
    terminal.type_in("\x03");
    terminal.wait_for("begun\r\n");
    terminal.type_in("\x03");
    assert_eq!(terminal.wait().signal(), Some(SIGINT));
    super::wait_until("the hook ends", || super::processes_with(&time).is_empty());
}

/// The command reads the terminal where wirecat does not.
#[test]
fn a_command_may_read_the_terminal() {
    let line = "echo ask; read answer; echo \"<$answer>\"";
    let args = ["tcp-serve", "--discard", "127.0.0.1:0", "--", "sh", "-c", line];
    let mut terminal = Terminal::start(wirecat_path(), &args);
    terminal.wait_for("ask");
    terminal.type_in("yes\n");
    terminal.wait_for("<yes>");
    terminal.wait_for_code(0);
}
