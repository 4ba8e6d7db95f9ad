//! Connections and listeners that commands ask for while the run goes on.
//!
//! ```text
//!            a place is free               the first address answers
//! Waiting ────────────────────> Making ────────────────────────────> a connection like any other
//!    │                            ├─── all of them have failed ────> connect-failed, or error
//!    └──── close, the end ────────┴────────────────────────────────> connect-failed (cancelled)
//! ```
//!
//! A connection has its number from the beginning, which `connecting` reports: a command can close
//! it in each of these states. Once a command has opened something, the run is a pool: no
//! connection is more than another, and the one that the command line asked for is one of many.

mod queue;
mod state;

use super::{OpenedListener, StreamSession, Streams};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Id, Mail, Pool, Query};
use crate::kind::Kind;
use crate::protocol::command::Recipient;
use crate::report::{Name, Notice};
use crate::sessions::config::Route;
use crate::sessions::connector::{Connector, Note, Progress};
use crate::sessions::core::Core;
use crate::sessions::lookup::{Addresses, Lookup};
use crate::sockets::{Address, Purpose, listen};

pub(super) use queue::AskedConnection;
use queue::OpeningAttempt;
pub(super) use state::Openings;
use state::PendingListener;

/// The longest address of a command, in bytes. A host name has 253 at most, and the name of a unix
/// socket 108.
const LONGEST: usize = 1024;

/// Has a connection be made (`connect`).
///
/// # Errors
/// A bad address, or one that is connected already where `another` does not ask for one more.
pub(super) fn connect(
    session: &mut StreamSession,
    pool: &mut Pool,
    line: u64,
    text: &str,
    another: bool,
) -> Result<(), Failure> {
    let address = parse(text)?;
    address.check_connect()?;
    let StreamSession { core, streams, .. } = session;
    streams.openings.routes.check(&address).map_err(|(option, why)| {
        let kind = if option == "--bind" { Kind::Bind } else { Kind::Usage };
        Failure::new(Status::Usage, kind, "use", option, why)
    })?;
    if !another && let Some(number) = number_of(streams, &address) {
        return Err(already_connected(&address, number));
    }
    let asked = AskedConnection { number: core.next_number(), line, address };
    let peer = asked.address.to_string();
    let notice = Notice::new(Name::Connecting).conn(asked.number).peer(&peer).line(line);
    core.console.report_batched(pool, &notice);
    streams.openings.await_turn(asked);
    advance(session, pool);
    Ok(())
}

/// Reads the address of a command.
fn parse(text: &str) -> Result<Address, Failure> {
    if text.len() > LONGEST {
        let cause = format!("it has {} bytes, and {LONGEST} are the most", text.len());
        return Err(Failure::new(Status::Usage, Kind::BadAddress, "use", "the address", cause));
    }
    Ok(text.parse::<Address>()?)
}

fn already_connected(address: &Address, number: Option<u64>) -> Failure {
    let name = number.map(|number| format!(", as #{number}")).unwrap_or_default();
    let cause = format!("it is connected already, or being connected{name}");
    let target = address.to_string();
    Failure::new(Status::Usage, Kind::AlreadyConnected, "connect to", target, cause)
        .fix("{\"connect\":ADDR,\"another\":true} makes one more")
}

/// Whether an address was dialed and is connected, or being connected: the number of that
/// connection, where it has one by now.
fn number_of(streams: &Streams, address: &Address) -> Option<Option<u64>> {
    let openings = &streams.openings;
    if let Some(number) = openings.queue.number_of(address) {
        return Some(Some(number));
    }
    let made = openings.connections_to(address).next();
    let own = streams.dialer.as_ref().filter(|dialer| dialer.is_for(address));
    let id = made.or_else(|| own.and_then(|dialer| dialer.connections().next()));
    let number = id.and_then(|id| streams.table.get(id)).map(|connection| connection.number);
    (id.is_some() || own.is_some()).then_some(number)
}

/// Begins attempts as long as there are places for them.
fn advance(session: &mut StreamSession, pool: &mut Pool) {
    while let Some(asked) = session.streams.openings.queue.next() {
        let StreamSession { streams, .. } = &mut *session;
        let owner = pool.reserve();
        let options = streams.openings.routes.clone();
        let route = Route { address: asked.address.clone(), options };
        let budget = streams.frames.budget.clone();
        let connector = Connector::on_behalf(route, owner, pool.now());
        let mut connector = connector.with(streams.openings.settle, budget);
        let progress = connector.begin(pool);
        streams.openings.queue.begin(owner, OpeningAttempt { asked, connector, noted: Vec::new() });
        follow(session, pool, owner, progress);
    }
}

/// Takes an event of what is being made; false where it is for others, too.
pub(super) fn on(session: &mut StreamSession, pool: &mut Pool, event: &Event<'_>) -> bool {
    if !session.streams.openings.is_busy() {
        return false;
    }
    let owners = session.streams.openings.queue.concerned(event);
    for owner in &owners {
        if let Some(attempt) = session.streams.openings.queue.attempt(*owner) {
            let progress = attempt.connector.on(pool, event);
            follow(session, pool, *owner, progress);
        }
    }
    let is_mail = matches!(event, Event::Mail(Mail::Resolved(..)));
    if is_mail {
        on_answer(session, pool, event);
    }
    if !owners.is_empty() {
        advance(session, pool);
        quit_when_made(session, pool);
    }
    !owners.is_empty() && !is_mail
}

/// Follows what has become of an attempt.
fn follow(session: &mut StreamSession, pool: &mut Pool, owner: Id, progress: Progress) {
    session.streams.openings.queue.note_attempts(owner);
    let Some(attempt) = session.streams.openings.queue.attempt(owner) else { return };
    let (number, mut notes) = (attempt.asked.number, attempt.connector.take_notes());
    if let (Progress::Failed(_), Some(Note::Failed { .. })) = (&progress, notes.last()) {
        // The answer to the command has the same about the last address.
        notes.pop();
    }
    for note in notes {
        let (console, reported) =
            (&mut session.core.console, &mut session.streams.openings.reported_warnings);
        note.report_once(pool, console, Some(number), reported);
    }
    match progress {
        Progress::Pending | Progress::Retrying { .. } => {}
        Progress::Connected(new) => {
            if let Some(asked) = session.streams.openings.queue.conclude(pool, owner) {
                session.streams.openings.note_made(new.id, &asked);
                session.admit(pool, new, &asked);
            }
        }
        Progress::Failed(failure) => {
            if let Some(asked) = session.streams.openings.queue.conclude(pool, owner) {
                report_failed(&mut session.core, pool, &asked, &failure);
                session.on_parted(pool);
            }
        }
    }
}

/// Answers a command with the failure of its connection. A peer that was not reached is one thing,
/// and what kept this side from trying is another.
fn report_failed(core: &mut Core, pool: &mut Pool, asked: &AskedConnection, failure: &Failure) {
    let AskedConnection { number, line, address } = asked;
    let peer = address.to_string();
    let notice = match failure.status {
        Status::Connect | Status::Timeout | Status::Lost | Status::Handshake => {
            let notice = Notice::new(Name::ConnectFailed).peer(&peer).kind(failure.kind);
            notice.message(failure.cause.as_str())
        }
        _ => Notice::error(failure),
    };
    core.console.report(pool, &notice.conn(*number).line(*line));
}

/// `/quit` waits for connections in the making: ends the run where there is none any more.
pub(super) fn quit_when_made(session: &mut StreamSession, pool: &mut Pool) {
    let streams = &session.streams;
    let is_dialing = streams.dialer.as_ref().is_some_and(super::Dialer::is_dialing);
    let is_quitting = streams.openings.is_quitting && !is_dialing && !streams.openings.is_busy();
    if is_quitting && !session.core.is_ending() {
        session.end(pool, CloseReason::HOST);
    }
}

/// Gives up what a command wants closed, as far as it is in the making, or listeners that a command
/// has opened. False where there is none of them.
pub(super) fn close(session: &mut StreamSession, pool: &mut Pool, which: &Recipient) -> bool {
    let StreamSession { core, streams, .. } = &mut *session;
    let cancelled = streams.openings.queue.cancel(pool, which);
    report_cancelled(core, pool, &cancelled, "a command closes it");
    let are_closed = matches!(which, Recipient::Conn(number) if
        close_listeners(streams, pool, *number));
    let is_any = are_closed || !cancelled.is_empty();
    if is_any {
        advance(session, pool);
        quit_when_made(session, pool);
        session.on_parted(pool);
    }
    is_any
}

/// The run ends: gives up everything that commands have asked for.
pub(super) fn cancel_all(core: &mut Core, streams: &mut Streams, pool: &mut Pool) {
    let cancelled = streams.openings.queue.cancel(pool, &Recipient::All);
    report_cancelled(core, pool, &cancelled, "the run ends");
    for PendingListener { line, address, .. } in streams.openings.take_pending() {
        let (target, cause) = (address.to_string(), "the run ends");
        let failure = Failure::new(Status::Listen, Kind::Cancelled, "listen on", target, cause);
        core.console.report(pool, &Notice::error(&failure).line(line));
    }
}

fn report_cancelled(
    core: &mut Core,
    pool: &mut Pool,
    cancelled: &[AskedConnection],
    cause: &'static str,
) {
    for AskedConnection { number, line, address } in cancelled {
        let peer = address.to_string();
        let notice = Notice::new(Name::ConnectFailed).conn(*number).peer(&peer).line(*line);
        core.console.report(pool, &notice.kind(Kind::Cancelled).message(cause));
    }
}

/// Has the run listen on one more address (`listen`).
///
/// # Errors
/// A bad address, or why it cannot be listened on.
pub(super) fn listen(
    session: &mut StreamSession,
    pool: &mut Pool,
    line: u64,
    text: &str,
) -> Result<(), Failure> {
    let address = parse(text)?;
    if session.is_complete() {
        let cause = "all connections of --conns have come";
        let target = address.to_string();
        return Err(Failure::new(Status::Usage, Kind::Usage, "listen on", target, cause));
    }
    let Address::Inet { host, port } = address.clone() else {
        return open(session, pool, line, &address, Ok(Vec::new()));
    };
    let (family, mut lookup) = (session.streams.openings.routes.net.family, Lookup::default());
    match lookup.begin(pool, Query { host, port, family, purpose: Purpose::Listen }) {
        Some(found) => open(session, pool, line, &address, found),
        None => {
            session.streams.openings.await_name(PendingListener { line, address, lookup });
            Ok(())
        }
    }
}

/// Opens the listeners whose names are found by now.
fn on_answer(session: &mut StreamSession, pool: &mut Pool, event: &Event<'_>) {
    for (PendingListener { line, address, .. }, found) in session.streams.openings.found(event) {
        if let Err(failure) = open(session, pool, line, &address, found) {
            session.core.console.report(pool, &Notice::error(&failure).line(line));
            session.on_parted(pool);
        }
    }
    quit_when_made(session, pool);
}

/// Opens all listeners that an address means, or none.
fn open(
    session: &mut StreamSession,
    pool: &mut Pool,
    line: u64,
    address: &Address,
    found: Addresses,
) -> Result<(), Failure> {
    let StreamSession { core, streams, .. } = session;
    let net = &streams.openings.routes.net;
    let (opened, warnings) = listen::listen_at(address, &found?, &net.options)?;
    let mut listeners: Vec<(Id, &'static str)> = Vec::new();
    for one in opened {
        let proto = one.proto;
        match net.add_listener(pool, one) {
            Ok(id) => listeners.push((id, proto)),
            Err(failure) => {
                listeners.iter().for_each(|(id, _)| pool.abort(*id, CloseReason::HOST));
                return Err(failure);
            }
        }
    }
    for warning in warnings.into_iter().map(Note::Warning) {
        let reported = &mut streams.openings.reported_warnings;
        warning.report_once(pool, &mut core.console, None, reported);
    }
    streams.openings.is_pool = true;
    core.listens = true;
    let number = core.next_number();
    for (id, proto) in listeners {
        streams.listeners.push(OpenedListener { id, number: Some(number) });
        if !streams.admission.is_accepting() {
            pool.pause(id);
        }
        let local = pool.local(id).unwrap_or_default().to_string();
        let notice = Notice::new(Name::Listening).proto(proto).local(&local);
        core.console.report(pool, &notice.conn(number).line(line));
    }
    Ok(())
}

/// Closes the listeners of one command; false where there are none of this number.
fn close_listeners(streams: &mut Streams, pool: &mut Pool, number: u64) -> bool {
    let is_meant = |listener: &mut OpenedListener| listener.number == Some(number);
    let closing: Vec<OpenedListener> = streams.listeners.extract_if(.., is_meant).collect();
    for OpenedListener { id, .. } in &closing {
        let local = pool.local(*id).unwrap_or_default().to_string();
        streams.openings.note_closing(*id, number, local);
        pool.abort(*id, CloseReason::HOST);
    }
    !closing.is_empty()
}

/// A source is gone that is no connection: a listener, maybe.
pub(super) fn on_closed(core: &mut Core, streams: &mut Streams, pool: &mut Pool, id: Id) {
    if let Some((number, local)) = streams.openings.take_closing(id) {
        #[cfg(feature = "tls")]
        streams.admission.forget_all_but(|id| pool.is_alive(id));
        let notice = Notice::new(Name::Closed).conn(number).local(&local);
        core.console.report(pool, &notice.closed(CloseReason::HOST));
    }
}
