//! `--input commands` as a person has it: keyboard and screen in one place.

use crate::support::net::{connect, read_all};
use crate::support::terminal::Terminal;
use crate::support::wirecat_path;

#[test]
fn a_person_at_a_terminal_gives_commands() {
    let args = ["tcp-serve", "-v", "--input", "commands", "--color", "never", "127.0.0.1:0"];
    let mut terminal = Terminal::start(wirecat_path(), &args);
    let shown = terminal.wait_for("listening tcp 127.0.0.1:");
    let port = shown.rsplit(':').next().expect("a port").trim().to_owned();
    let client = connect(&format!("127.0.0.1:{port}"));
    terminal.wait_for("accepted #1");
    terminal.type_in("hello\n/nonsense\n");
    terminal.wait_for("wirecat: cannot obey line 2: unknown command `/nonsense`");
    terminal.type_in("/list\n");
    terminal.wait_for("list 1 in all");
    // ^D ends the commands, and with them the run.
    terminal.type_in("\x04");
    terminal.wait_for_code(0);
    assert_eq!(read_all(&client), b"hello\n");
}
