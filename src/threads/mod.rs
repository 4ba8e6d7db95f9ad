//! `--threads N`: N loops that serve the connections of one run.
//!
//! The main loop has what there is once: stdin, stdout and stderr, signals, other programs, and the
//! limits of the run. Each loop runs the session of the command as it is, in a thread of its own, with
//! a [`Console`](crate::sessions::Console) whose other end is the main loop.
//!
//! ```text
//!             connections, stdin, the end                console entries, what is closed, the end
//! main loop ─────────────────────────────> loop 1..N ─────────────────────────────────> main loop
//!                                           │  ^
//!                                           └──┘ what a client of a hub sends: one message a loop
//! ```
//!
//! They share mailboxes, and two counters that no loop waits for: the numbers of connections, and with
//! `--count` the messages that are left, for it is exact to the message. What is sent is plain data
//! (`messages`), in the order of each sender. Each queue has a bound (`links`): a loop that is behind has
//! those wait that feed it, and a stdout that is full has all loops wait.
//!
//! The main loop ends when all others have: it sends them what a signal, a limit or a failure asks for,
//! they end as a session does that is alone, and the status is that of the first loss among all.
//!
//! # Who accepts
//!
//! | clients come by | and | who accepts |
//! |---|---|---|
//! | TCP on Linux | nothing counts them | each loop, by a listener of its own (SO_REUSEPORT) |
//! | TCP | `--conns`, `--max-clients`, `--max-per-address`, or each takes two descriptors | the main loop |
//! | unix sockets, inherited listeners | | the main loop |
//! | UDP on Linux | | each loop, by a socket of its own (SO_REUSEPORT) |
//! | groups, unix datagrams | | the first loop |
//!
//! What counts clients is exact where one loop counts. A listener that pauses in one loop would keep its
//! part of the clients waiting while another has room, for the kernel chooses by a hash of the
//! addresses, once (socket(7)). The main loop hands each connection to the loop that has the fewest,
//! which costs two of them; a listener for each loop costs none, and spreads clients by chance.
//!
//! The first socket of a port is bound without SO_REUSEPORT: it fails where another program has the
//! port, and has the kernel choose one for port 0. It is given the option before the others are bound,
//! and is the one of the first loop: at no moment is the port free, or a client refused.
//! Systems other than Linux know the option, and do not spread connections by it. A group delivers each
//! datagram to all of its sockets, and so has one.

mod distributor;
mod links;
mod messages;
mod serving;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;

use crate::error::{Failure, Status};
use crate::event_loop::{EventLoop, Id, Pool};
use crate::sessions::config::{
    AdmissionRules, Backlog, Common, Goal, Handling, Helpers, InputConfig, InputSource, Limits,
    Net, Serve,
};
use crate::sessions::{InputReader, Numbers, ServingLoop, Session, StreamSession};
use crate::sockets::OpenListener;
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
        warnings: Vec::new(),
        ..common.clone()
    };
    common.goal.left = goal.count.map(|count| Arc::new(AtomicU64::new(count)));
    common.output.progress = false;
    common
}

/// Whether sockets that share a port (SO_REUSEPORT) share what comes.
pub(crate) const SHARES_PORTS: bool = cfg!(any(target_os = "android", target_os = "linux"));

/// Whether each loop of `tcp-serve` may accept: nothing counts clients over all loops.
pub(crate) fn may_accept(config: &Serve) -> bool {
    let AdmissionRules { conns, max_clients, max_per_address, .. } = config.admission;
    let is_counted = conns.is_some()
        || max_clients.is_some()
        || max_per_address.is_some()
        // A limit on descriptors is one on clients.
        || matches!(config.handling, Handling::Save(_) | Handling::Forward(_) | Handling::Exec(_));
    SHARES_PORTS && !is_counted
}

/// The sessions of `tcp-serve`, one for each loop with its listeners.
pub(crate) fn of_serve(config: &Serve, listeners: Vec<Vec<OpenListener>>) -> Vec<MakeSession> {
    let common = of_loop(&config.common);
    let frames = share(config.backlog.frames, config.threads, &common);
    let backlog = Backlog { frames, ..config.backlog };
    let config = Serve { common, backlog, ..config.clone() };
    let make = |listeners| -> MakeSession {
        let config = config.clone();
        Box::new(move |pool, console| {
            let input = InputReader::open(pool, &config.common)?;
            let listeners = add_all(pool, &config.routes.net, listeners)?;
            StreamSession::serve(config, console, input, listeners)
        })
    };
    listeners.into_iter().map(make).collect()
}

/// Has a loop watch its listeners.
///
/// # Errors
/// The system has no room for one.
pub(crate) fn add_all(
    pool: &mut Pool,
    net: &Net,
    listeners: Vec<OpenListener>,
) -> Result<Vec<Id>, Failure> {
    listeners.into_iter().map(|one| net.add_listener(pool, one)).collect()
}

/// The part of each loop in what all unfinished messages may hold; one of the longest fits.
pub(crate) fn share(total: usize, loops: usize, common: &Common) -> usize {
    (total / loops.max(1)).max(common.wire.frame.max.min(total))
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
        let failure = Failure::io(Status::Local, "start", name, &error);
        let fix = match &failure.fix {
            Some(fix) => format!("{fix}, or use fewer --threads"),
            None => "--threads sets how many".to_owned(),
        };
        failure.fix(fix)
    };
    let loops: Result<Vec<EventLoop>, _> =
        (0..count).map(|at| EventLoop::new().map_err(|error| fail(at, error))).collect();
    let mut loops = loops?;
    let mailboxes: Vec<_> = loops.iter_mut().map(|one| one.pool().mailbox()).collect();
    let numbers = Numbers::shared();
    session.core_mut().numbers = numbers.clone();
    // No loop knows how many clients the others have.
    session.core_mut().console.view.mark_clients();
    let core = session.core();
    let console = core.console.remote_form(&core.common.output.report);
    ServingLoop(session).replace_service(|profile| {
        let profile = crate::sessions::Profile { drains: false, ..profile };
        (profile, Box::new(Distributor::new(profile, &mailboxes)))
    });
    ServingLoop(session).set_others(Box::new(LoopLinks::new(&mailboxes, count)));
    for (index, (event_loop, make)) in loops.into_iter().zip(sessions).enumerate() {
        let (mailboxes, main, console) = (mailboxes.clone(), pool.mailbox(), console.clone());
        let numbers = numbers.clone();
        let setup = LoopSetup { index, mailboxes, main, console, numbers, make };
        let thread = thread::Builder::new().name(format!("loop {}", index + 1));
        // Not by thread::spawn(), which panics where no thread can be had.
        thread
            .spawn(move || serving::run(event_loop, setup))
            .map_err(|error| fail(index, error))?;
    }
    Ok(())
}
