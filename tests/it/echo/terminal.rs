//! What a person sees: a line while it runs, and a histogram at its end.

use super::serve;
use crate::support::terminal::Terminal;
use crate::support::wirecat_path;

#[test]
fn a_line_while_it_runs_and_a_histogram_at_the_end() {
    let (_server, address) = serve("");
    let line = format!("TERM=xterm exec {} echo --ping --interval 50ms {address}", wirecat_path());
    let mut terminal = Terminal::start("sh", &["-c", &line]);
    let probes = r"\d+ probes lost 0 \(0\.00 %\)( unanswered yet \d+)?";
    terminal.wait_for_match(&format!("{} {probes} p50 ", regex::escape(&address)));
    terminal.type_in("\x03");
    terminal.wait();
    let shown = terminal.wait_for("█");
    let (_, end) = shown.rsplit_once("stats ").expect("the figures");
    assert!(end.contains(" probes lost 0") && end.contains("≤ "), "{shown:?}");
}
