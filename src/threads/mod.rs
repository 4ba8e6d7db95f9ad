//! `--threads N`: N loops that serve the connections of one run.
//!
//! The main loop has what there is once: stdin, stdout and stderr, signals, other programs, the
//! listeners, and the limits of the run. It accepts, and hands each connection to the loop that has
//! the fewest. Each loop runs the session of the command as it is, in a thread of its own, with a
//! [`Console`](crate::sessions::Console) whose other end is the main loop.
//!
//! ```text
//!             connections, stdin, the end                console entries, what is closed, the end
//! main loop ─────────────────────────────> loop 1..N ─────────────────────────────────> main loop
//!                                           │  ^
//!                                           └──┘ what a client of a hub says: one letter a loop
//! ```
//!
//! They share mailboxes and nothing else, with one exception: `--count` is exact to the message, and
//! so its messages are tickets from one counter. All that is sent is plain data
//! (`letters`), in the order of each sender, and each way has a bound (`links`): a
//! loop that is behind has those wait that feed it, and a stdout that is full has the loops wait.
//!
//! # Who accepts
//!
//! One loop, for all kinds of listeners. A listener of its own for each loop (SO_REUSEPORT) would
//! save the letter of a connection, and cost what the options promise:
//!
//! * `--max-clients`, `--max-per-address` and `--conns` are exact where one loop counts. A listener that
//!   pauses in one loop keeps its part of the clients waiting while others have room: the kernel
//!   chooses by a hash of the addresses, and never again (socket(7)).
//! * Clients are spread evenly. By a hash, two clients of two loops share one of them half of the time.
//! * A second program on the same port is refused. With SO_REUSEPORT it takes a part of the clients,
//!   where it has the same user and asks for it as well.
//! * When a listener closes, its backlog is reset, while those of the others live on.
//! * Unix sockets and inherited listeners have no SO_REUSEPORT.
//!
//! Datagrams have no connection to hand over, so there each loop has a socket of its own by
//! SO_REUSEPORT. All datagrams of one peer reach the same socket, which answers. Groups and sockets that
//! cannot be shared so are in the first loop.

mod distributor;
mod letters;
mod links;
mod serving;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;

use crate::error::{Failure, Status};
use crate::event_loop::{EventLoop, Pool};
use crate::sessions::config::{Common, Goal, Helpers, InputConfig, InputSource, Limits, Serve};
use crate::sessions::{ServingLoop, Session, StreamSession};
use distributor::Distributor;
use links::LoopLinks;
use serving::LoopSetup;
pub(crate) use serving::MakeSession;

/// The part of the loops in a configuration: what the main loop does for all is left out.
pub(crate) fn of_loop(common: &Common) -> Common {
    let Common { limits, goal, input, helpers, .. } = common;
    let source = match &input.source {
        // Each client is sent the texts, by the loop that serves it.
        InputSource::Texts(texts) => InputSource::Texts(texts.clone()),
        _ => InputSource::Nothing,
    };
    let mut common = Common {
        limits: Limits { timeout: None, wait: None, ..*limits },
        goal: Goal { count: None, left: None, expect: goal.expect.clone() },
        input: InputConfig { source, rate: None },
        // Their events are made in the loops, and their commands run by the main loop.
        helpers: Helpers { hooks: helpers.hooks.clone(), ..Helpers::default() },
        ..common.clone()
    };
    common.goal.left = goal.count.map(|count| Arc::new(AtomicU64::new(count)));
    common.output.progress = false;
    common
}

/// The sessions of `tcp-serve`, one for each loop.
pub(crate) fn of_serve(config: &Serve) -> Vec<MakeSession> {
    let common = of_loop(&config.common);
    let frame_total = share(config.frame_total, config.threads, &common);
    let config = Serve { common, frame_total, ..config.clone() };
    let make = |_| -> MakeSession {
        let config = config.clone();
        Box::new(move |pool, console| {
            let input = crate::sessions::InputReader::open(pool, &config.common)?;
            StreamSession::serve(config, console, input, Vec::new())
        })
    };
    (0..config.threads).map(make).collect()
}

/// The part of each loop in what all unfinished messages may hold; one of the longest fits.
pub(crate) fn share(total: usize, loops: usize, common: &Common) -> usize {
    (total / loops.max(1)).max(common.wire.max.min(total))
}

/// Starts the loops, and has `session` hand its connections to them.
///
/// # Errors
/// The system has no room for one more loop or thread.
pub(crate) fn start(
    session: &mut StreamSession,
    pool: &Pool,
    sessions: Vec<MakeSession>,
) -> Result<(), Failure> {
    let count = sessions.len();
    let fail = |at: usize, error| {
        let name = format!("thread {} of {count}", at + 1);
        Failure::io(Status::Local, "start", name, &error).fix("--threads sets how many")
    };
    let loops: Result<Vec<EventLoop>, _> =
        (0..count).map(|at| EventLoop::new().map_err(|error| fail(at, error))).collect();
    let mut loops = loops?;
    let mailboxes: Vec<_> = loops.iter_mut().map(|one| one.pool().mailbox()).collect();
    let core = session.core();
    let console = core.console.remote_form(&core.common.output.report);
    ServingLoop(session).replace_service(|profile| {
        let profile = crate::sessions::Profile { drains: false, ..profile };
        (profile, Box::new(Distributor::new(profile, &mailboxes)))
    });
    ServingLoop(session).set_others(Box::new(LoopLinks::new(&mailboxes, count)));
    for (own, (event_loop, make)) in loops.into_iter().zip(sessions).enumerate() {
        let (mailboxes, main, console) = (mailboxes.clone(), pool.mailbox(), console.clone());
        let setup = LoopSetup { own, mailboxes, main, console, make };
        let thread = thread::Builder::new().name(format!("loop {}", own + 1));
        // Not by thread::spawn(), which panics where no thread can be had.
        thread.spawn(move || serving::run(event_loop, setup)).map_err(|error| fail(own, error))?;
    }
    Ok(())
}
