//! How fast datagrams are sent and received, beside nc.openbsd, socat, iperf3 and sockperf.

mod blaster;
mod kernel;
mod receiving;
mod sending;
mod tools;

use crate::Fallible;
use crate::contest::{self, Column, Sample};
use crate::plan::{Outcome, Plan};

pub(crate) use kernel::{Counters, free_port};
use tools::Tool;

/// Datagrams of one load.
const COUNT: usize = 300_000;
const COLUMNS: [Column; 2] = [Column::more("/s", 0), Column::less("µs CPU each", 2)];

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    /// The tool sends datagrams of this size.
    Send(usize),
    /// The tool receives datagrams of this size, each sent by a call of its own.
    Receive(usize),
    /// The same, as a sender with segmentation sends them.
    ReceiveRuns(usize),
}

impl Load {
    fn name(self) -> String {
        match self {
            Self::Send(size) => format!("sent, {size} B"),
            Self::Receive(size) => format!("received without loss, {size} B"),
            Self::ReceiveRuns(size) => format!("received without loss, {size} B in runs"),
        }
    }

    /// Whether a tool can do it, in a way that differs from another row.
    fn suits(self, tool: &Tool) -> bool {
        match self {
            Self::Send(_) => !matches!(tool, Tool::WirecatCounts(_)),
            // iperf3 hears no sender but itself.
            Self::ReceiveRuns(_) => *tool != Tool::Iperf3,
            Self::Receive(_) => true,
        }
    }
}

pub(crate) fn send_1200(plan: &Plan) -> Fallible<Vec<Outcome>> {
    measure(plan, Load::Send(1200))
}

pub(crate) fn send_64(plan: &Plan) -> Fallible<Vec<Outcome>> {
    measure(plan, Load::Send(64))
}

pub(crate) fn receive_1200(plan: &Plan) -> Fallible<Vec<Outcome>> {
    measure(plan, Load::Receive(1200))
}

pub(crate) fn receive_64(plan: &Plan) -> Fallible<Vec<Outcome>> {
    measure(plan, Load::Receive(64))
}

pub(crate) fn receive_runs(plan: &Plan) -> Fallible<Vec<Outcome>> {
    measure(plan, Load::ReceiveRuns(1200))
}

fn measure(plan: &Plan, load: Load) -> Fallible<Vec<Outcome>> {
    let mut entrants = tools::entrants(plan);
    entrants.retain(|entrant| load.suits(&entrant.what));
    let count = if plan.quick { plan.count(COUNT) } else { COUNT } as u64;
    let is_search = !matches!(load, Load::Send(_));
    // A search for the rate takes seconds for each tool.
    let rounds = if plan.brief && is_search { plan.rounds.min(2) } else { plan.rounds };
    let once = |tool: &Tool| match load {
        Load::Send(size) => sending::run(tool, size, count),
        Load::Receive(size) => receiving::run(tool, size, false, count),
        Load::ReceiveRuns(size) => receiving::run(tool, size, true, count),
    };
    let case = contest::measure_for(plan, rounds, &load.name(), &entrants, contest::no_proof, once);
    let intro = match load {
        Load::Send(_) => {
            "Datagrams over loopback to a bound socket that nobody reads (iperf3: to its server, \
             which does); CPU of the sender."
        }
        Load::Receive(_) | Load::ReceiveRuns(_) => {
            "The highest rate of a paced sender at which the socket of the receiver dropped nothing, \
             `+` where that sender can do no more; CPU of the receiver."
        }
    };
    Ok(vec![Outcome { intro: intro.into(), columns: COLUMNS.to_vec(), cases: vec![case] }])
}

/// The rate in datagrams a second, and user and system time of so many in seconds.
fn sample(rate: f64, count: u64, cpu: f64) -> Sample {
    vec![rate, cpu * 1e6 / count.max(1) as f64].into()
}
