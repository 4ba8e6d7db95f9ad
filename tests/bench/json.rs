//! How many messages a second become `data` events (`--output json`): one client floods a server
//! with messages of 64 bytes on the wire, and the events go to a pipe or to the null device.

use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use crate::Fallible;
use crate::contest::{self, Column, Entrant, Kind, Sample};
use crate::ends::{aligned, connect, wait_for_listener};
use crate::limit;
use crate::peers::Reserved;
use crate::plan::{Binary, Outcome, Plan};
use crate::process::Process;

const MESSAGES: usize = 2_000_000;
/// A message with what marks it.
const SIZE: usize = 64;
/// Messages in one write of the client.
const BURST: usize = 1024;
/// What one core must do.
const LEAST: f64 = 300_000.0;
const COLUMNS: [Column; 2] = [Column::more("messages/s", 0), Column::less("ns CPU each", 0)];

/// How messages are marked.
const FRAMINGS: [&str; 2] = ["line", "u32"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Pipe,
    Null,
}

enum Reader {
    Wirecat(Binary),
    /// It reads and makes nothing of it.
    Limit,
}

/// Too slow is an error.
pub(crate) fn measure(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let messages = plan.count(MESSAGES);
    let mut cases = Vec::new();
    for framing in FRAMINGS {
        for (to, place) in [(To::Pipe, "a pipe"), (To::Null, "/dev/null")] {
            let others = vec![("limit", Entrant::new("bare read", Kind::Limit, Reader::Limit))];
            let entrants = plan.entrants(Reader::Wirecat, others);
            let once = |reader: &Reader| run(reader, framing, to, messages);
            let name = format!("--frame {framing}, events to {place}");
            cases.push(contest::measure(plan, &name, &entrants, contest::no_proof, once));
        }
    }
    let own = cases.iter().flat_map(|case| &case.rows).filter(|row| row.kind == Kind::Own);
    let slowest = own.filter_map(|row| row.median(1)).fold(0.0, f64::max);
    // --quick only sees that it works.
    if slowest > 1e9 / LEAST && !plan.quick {
        return Err(format!("{slowest:.0} ns of CPU are too many for a message").into());
    }
    let intro = format!("{messages} messages of {SIZE} B of one client as JSON events.");
    Ok(vec![Outcome { intro, columns: COLUMNS.to_vec(), cases }])
}

fn run(reader: &Reader, framing: &str, to: To, messages: usize) -> Fallible<Sample> {
    let port = Reserved::new()?;
    let (number, address) = (port.port.to_string(), format!("127.0.0.1:{}", port.port));
    let mut server = match reader {
        Reader::Wirecat(binary) => binary.command(&["-q", "tcp-serve", "-1n", "--frame", framing]),
        Reader::Limit => limit::command("receive-lines", &[&number])?,
    };
    let is_limit = matches!(reader, Reader::Limit);
    if !is_limit {
        server.args(["--output", "json", &address]);
    }
    server.stdin(Stdio::null()).stderr(Stdio::null()).stdout(match to {
        To::Pipe => Stdio::piped(),
        To::Null => Stdio::null(),
    });
    let mut server = Process::start(server)?;
    wait_for_listener(port.port, &mut server)?;
    let counted = server.stdout().map(|stdout| thread::spawn(move || count_lines(stdout)));
    let burst = message(framing)?.repeat(BURST);
    let mut client = connect(port.port)?;
    let started = Instant::now();
    for sent in (0..messages).step_by(BURST) {
        let bytes = SIZE * BURST.min(messages - sent);
        client.write_all(burst.get(..bytes).unwrap_or_default())?;
    }
    drop(client);
    let used = server.wait()?;
    let seconds = started.elapsed().as_secs_f64();
    if let Some(counted) = counted.filter(|_| !is_limit) {
        let lines = counted.join().map_err(|_| "the counting thread failed")?;
        // Beside them there are the events of the run and of the connection.
        if !(messages..messages + 20).contains(&lines) {
            return Err(format!("{lines} events of {messages} messages").into());
        }
    }
    let count = messages as f64;
    Ok(vec![count / seconds, used.cpu.as_secs_f64() * 1e9 / count].into())
}

/// One message as it is on the wire.
fn message(framing: &str) -> Fallible<Vec<u8>> {
    let text = |len| "abcdefgh".bytes().cycle().take(len);
    match framing {
        "line" => Ok(text(SIZE - 1).chain([b'\n']).collect()),
        "u32" => {
            Ok(u32::try_from(SIZE - 4)?.to_be_bytes().into_iter().chain(text(SIZE - 4)).collect())
        }
        other => Err(format!("no message is known for {other}").into()),
    }
}

fn count_lines(mut from: impl Read) -> usize {
    let mut memory = vec![0; 128 * 1024];
    let chunk = aligned(&mut memory);
    let mut lines = 0;
    while let Ok(count @ 1..) = from.read(chunk) {
        lines += memchr::memchr_iter(b'\n', chunk.get(..count).unwrap_or_default()).count();
    }
    lines
}
