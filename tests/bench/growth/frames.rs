//! Frames with a length before them, from small to large.

use std::io::Write;
use std::net::Shutdown;
use std::process::Stdio;
use std::time::Instant;

use super::{size_name, steps};
use crate::Fallible;
use crate::contest::{self, Column, Entrant, Kind, Sample};
use crate::ends::{connect, wait_for_listener};
use crate::limit;
use crate::peers::Reserved;
use crate::plan::{Binary, Outcome, Plan};
use crate::process::Process;

/// Bytes of a frame, its length included.
const SIZES: [usize; 5] = [16, 256, 4 << 10, 64 << 10, 1 << 20];
const FRAMES: usize = 2_000_000;
const COLUMNS: [Column; 3] =
    [Column::more("frames/s", 0), Column::only("GB/s", 2), Column::less("ns CPU each", 0)];

enum Reader {
    Wirecat(Binary),
    /// It reads and looks for no frames.
    Limit,
}

pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let mut cases = Vec::new();
    for size in SIZES {
        let count = plan.count(FRAMES).min(usize::try_from(plan.part(2))? / size).max(1);
        let others =
            vec![("limit", Entrant::new("bare read, no framing", Kind::Limit, Reader::Limit))];
        let entrants = plan.entrants(Reader::Wirecat, others);
        let once = |reader: &Reader| run(reader, size, count);
        let name = format!("frames of {}", size_name(size as u64));
        cases.push(contest::measure(plan, &name, &entrants, contest::no_proof, once));
    }
    let sizes = SIZES.map(|size| size as f64);
    let intro = format!(
        "Frames that a client sends over loopback and a server counts, CPU of the server.\n\n{}",
        steps(&cases, 2, &sizes, "CPU of a frame")
    );
    Ok(vec![Outcome { intro, columns: COLUMNS.to_vec(), cases }])
}

fn run(reader: &Reader, size: usize, count: usize) -> Fallible<Sample> {
    let port = Reserved::new()?;
    let (number, wanted) = (port.port.to_string(), count.to_string());
    let mut command = match reader {
        Reader::Wirecat(binary) => {
            // Fewer frames than these are status 1.
            let mut command = binary.command(&["-q", "tcp-serve", "-1n", "--frame", "u32"]);
            command.args(["--output", "none", "-c", &wanted, &format!("127.0.0.1:{number}")]);
            command
        }
        Reader::Limit => limit::command("receive-lines", &[&number])?,
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = Process::start(command)?;
    wait_for_listener(port.port, &mut process)?;
    let mut frame = u32::try_from(size - 4)?.to_be_bytes().to_vec();
    frame.resize(size, b'x');
    let burst = (256 * 1024 / size).max(1);
    let frames = frame.repeat(burst);
    let client = connect(port.port)?;
    let started = Instant::now();
    for sent in (0..count).step_by(burst) {
        let bytes = size * burst.min(count - sent);
        (&client).write_all(frames.get(..bytes).unwrap_or_default())?;
    }
    client.shutdown(Shutdown::Write)?;
    let used = process.wait()?;
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), used.cpu.as_secs_f64());
    let rate = count as f64 / seconds;
    Ok(vec![rate, rate * size as f64 / 1e9, cpu * 1e9 / count as f64].into())
}
