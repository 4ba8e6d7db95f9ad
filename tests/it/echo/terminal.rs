//! What a person sees: a line while it runs, and a histogram at its end.

use super::serve;
use crate::support::terminal::Terminal;
use crate::support::wirecat_path;

#[test]
fn a_line_while_it_runs_and_a_histogram_at_the_end() {
    let (_server, address) = serve("");
    let command = format!("echo --ping --interval 50ms -c 12 {address}");
    let line = format!("TERM=xterm exec {} {command}", wirecat_path());
    let mut terminal = Terminal::start("sh", &["-c", &line]);
    terminal.wait_for(&format!("{address} 2 probes lost 0 (0.00 %) p50 "));
    terminal.wait_for_code(0);
    let shown = terminal.wait_for("█");
    let (_, end) = shown.rsplit_once("stats ").expect("the figures");
    assert!(end.contains("12 probes lost 0") && end.contains("≤ "), "{shown:?}");
}
