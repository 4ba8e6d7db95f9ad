//! How long it takes to start, beside the least that a program can do.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Fallible;
use crate::plan::{Binary, Outcome, Plan};
use crate::statistics::median;

const ROUNDS: usize = 300;
/// What wirecat may take longer than true(1).
const LIMIT: Duration = Duration::from_millis(3);
/// A busy machine may spoil one measurement, not all of them.
const TRIES: usize = 3;

/// Prints the outcome; too slow is an error.
pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    for _ in 0..TRIES {
        let (mut ours, mut least) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(spawn(Binary::own().command(&["--version"]))?);
            least.push(spawn(Command::new("true"))?);
        }
        let (ours, least) = (median(ours.into_iter()), median(least.into_iter()));
        let gap = ours.saturating_sub(least);
        println!(
            "\nwirecat --version: {:.2} ms, true: {:.2} ms, so {:.2} ms to start (medians of {ROUNDS})",
            milliseconds(ours),
            milliseconds(least),
            milliseconds(gap),
        );
        // --quick only sees that it works.
        if gap <= LIMIT || plan.quick {
            return Ok(vec![]);
        }
    }
    Err(format!("wirecat takes more than {LIMIT:?} longer to start than true").into())
}

fn spawn(mut command: Command) -> Fallible<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let started = Instant::now();
    let status = command.status()?;
    let took = started.elapsed();
    if status.success() { Ok(took) } else { Err(format!("{command:?}: {status}").into()) }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
