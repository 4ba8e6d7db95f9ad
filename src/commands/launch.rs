//! From a configuration to an exit status, once for all commands: the loop with its signals and its
//! recorder, stdout and stdin, the listeners, and the session that runs on them; or the report of
//! the failure that kept it from running.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use anyhow::Context;

use super::claims::claim_stdout;
use super::names::{Names, Side, Signalled, check_startup};
use super::outputs::check_outputs;
use super::usage::Audience;
use crate::error::{Failure, Status};
use crate::event_loop::{EventLoop, Id, Pool, SharedRecorder};
use crate::kind::Kind;
use crate::report::{Name, Notice, Reporter};
use crate::sessions::config::{Common, Hook, Net};
use crate::sessions::recorder::{FileRecorder, RecordTarget};
use crate::sessions::{
    Console, DataTo, InputReader, Local, Session, StartupFailure, open_recording,
};
use crate::sockets::datagram::{self, DatagramSocket, Opened};
use crate::sockets::{self, Address, OpenListener, Purpose, UnixGuard};

/// A loop that is about to run, with what is open so far.
pub(super) struct Launch {
    event_loop: EventLoop,
    /// What is listened on.
    pub(super) locals: Vec<Local>,
    /// What the kernel changed about what was asked, and what else is to be known.
    pub(super) warnings: Vec<(Kind, String)>,
    /// What the names mean that were looked up.
    pub(super) names: Names,
    /// These remove socket files once the run is over.
    guards: Vec<UnixGuard>,
}

impl Launch {
    /// A loop that watches signals, and is recorded where that was asked for.
    ///
    /// # Errors
    /// The system has no room for one, or the record cannot be written; a signal or `-w` has come
    /// before a reader of its FIFO.
    pub(super) fn new(common: &Common) -> anyhow::Result<Self> {
        let mut event_loop = bare()?;
        // A file that is refused is not emptied before.
        check_outputs(common)?;
        if let Some(target) = &common.helpers.record {
            // Before anything is opened: a source takes the recorder when it enters the pool.
            let recorder = open_record(&mut event_loop, target, common)?;
            check_outputs(common)?;
            event_loop.pool().set_recorder(SharedRecorder::new(recorder));
        }
        let (locals, warnings, names, guards) = Default::default();
        Ok(Self { event_loop, locals, warnings, names, guards })
    }

    pub(super) fn event_loop(&mut self) -> &mut EventLoop {
        &mut self.event_loop
    }

    pub(super) fn pool(&mut self) -> &mut Pool {
        self.event_loop.pool()
    }

    /// stdout, where it is used, and stdin, as the configuration has them.
    ///
    /// # Errors
    /// One of them cannot be used, or stdout is asked for twice.
    pub(super) fn streams(
        &mut self,
        common: &Common,
        data: DataTo,
    ) -> Result<(Console, InputReader), Failure> {
        let pool = self.pool();
        let reporter = Reporter::new(common.output.report.clone());
        let mut console = Console::open(pool, reporter, common.output.form, data)?;
        console.view.is_raw = common.output.is_raw;
        claim_stdout(common, &mut console)?;
        Ok((console, InputReader::open(pool, common)?))
    }

    /// Listens for streams on all addresses, whose names were looked up.
    ///
    /// # Errors
    /// One of them cannot be listened on.
    pub(super) fn listen(&mut self, addresses: &[Address], net: &Net) -> Result<Vec<Id>, Failure> {
        let mut opened = Vec::new();
        for address in addresses {
            opened.extend(self.open_listeners(address, net)?);
        }
        opened.into_iter().map(|one| self.add_listener(one, net)).collect()
    }

    /// Listens for streams in each loop of the run, where the port can be shared, and otherwise in this
    /// one alone.
    ///
    /// # Errors
    /// One of the addresses cannot be listened on.
    pub(super) fn listen_in_loops(
        &mut self,
        addresses: &[Address],
        net: &Net,
        shares: &mut [Vec<OpenListener>],
    ) -> Result<Vec<Id>, Failure> {
        let mut own = Vec::new();
        for address in addresses {
            let opened = self.open_listeners(address, net)?;
            own.extend(self.share_listeners(address, net, opened, shares)?);
        }
        Ok(own)
    }

    /// Opens listeners of one address for each loop beside the first one, which gets those that are open:
    /// they stay open, so that no client is refused meanwhile. Adds them to this one where a port cannot
    /// be shared.
    ///
    /// # Errors
    /// It cannot be listened on.
    pub(super) fn share_listeners(
        &mut self,
        address: &Address,
        net: &Net,
        opened: Vec<OpenListener>,
        shares: &mut [Vec<OpenListener>],
    ) -> Result<Vec<Id>, Failure> {
        let Some(shared) = on_port(address, opened.first().and_then(|one| one.port)) else {
            return opened.into_iter().map(|one| self.add_listener(one, net)).collect();
        };
        for one in &opened {
            one.share_port()?;
            let (proto, address) = (one.proto, one.local.clone());
            self.locals.push(Local { proto, address, iface: None, pin: net.pin() });
        }
        let options = net.options.sharing()?;
        let found = self.names.addresses(&shared, net.family, Purpose::Listen)?;
        let Some((first, others)) = shares.split_first_mut() else { return Ok(Vec::new()) };
        first.extend(opened);
        for share in others {
            // What the kernel changes was reported of the first ones.
            share.extend(sockets::listen::listen_at(&shared, &found, &options)?.0);
        }
        Ok(Vec::new())
    }

    /// Opens the listeners of one address.
    ///
    /// # Errors
    /// It cannot be listened on.
    #[cold]
    pub(super) fn open_listeners(
        &mut self,
        address: &Address,
        net: &Net,
    ) -> Result<Vec<OpenListener>, Failure> {
        let found = self.names.addresses(address, net.family, Purpose::Listen)?;
        let (opened, warnings) = sockets::listen::listen_at(address, &found, &net.options)?;
        self.warn_of_options(warnings);
        Ok(opened)
    }

    /// Opens the datagram sockets of one address.
    ///
    /// # Errors
    /// It cannot be listened on.
    #[cold]
    pub(super) fn open_datagrams(
        &mut self,
        address: &Address,
        net: &Net,
    ) -> Result<Vec<Opened>, Failure> {
        let found = self.names.addresses(address, net.family, Purpose::Listen)?;
        let (opened, warnings) = datagram::listen(address, &found, &net.options)?;
        self.warn_of_options(warnings);
        Ok(opened)
    }

    /// Has the loop watch a listener.
    ///
    /// # Errors
    /// The system has no room for it.
    pub(super) fn add_listener(&mut self, one: OpenListener, net: &Net) -> Result<Id, Failure> {
        let (proto, address) = (one.proto, one.local.clone());
        self.locals.push(Local { proto, address, iface: None, pin: net.pin() });
        net.add_listener(self.pool(), one)
    }

    /// Has the loop watch a datagram socket.
    ///
    /// # Errors
    /// The system has no room for it.
    pub(super) fn add_datagrams(&mut self, one: Opened) -> Result<Id, Failure> {
        let (socket, local) = self.take_datagrams(one);
        let fail = |error| Failure::io(Status::Local, "open", local, &error);
        self.pool().add_datagrams(socket).map_err(fail)
    }

    /// Notes a datagram socket that some loop is to watch, and gives it with its address.
    pub(super) fn take_datagrams(&mut self, mut one: Opened) -> (DatagramSocket, String) {
        self.guards.extend(one.cleanup.take());
        self.note_local(&one);
        (one.socket, one.local)
    }

    /// Notes where a datagram socket listens.
    pub(super) fn note_local(&mut self, one: &Opened) {
        self.locals.push(Local {
            proto: one.proto,
            address: one.local.clone(),
            iface: None,
            pin: None,
        });
    }

    /// Warns of socket options; families that are opened one after the other cause the same one.
    pub(super) fn warn_of_options(&mut self, texts: Vec<String>) {
        self.warnings.extend(texts.into_iter().map(|text| (Kind::SocketOption, text)));
        self.warnings.dedup();
    }

    /// Reports what a session listens on, and starts it.
    pub(super) fn begin<S: Session>(
        &mut self,
        session: &mut S,
        start: impl FnOnce(&mut S, &mut Pool),
    ) {
        let pool = self.event_loop.pool();
        session.report_listening(pool, &self.locals);
        for (kind, text) in &self.warnings {
            session.warn(pool, *kind, text);
        }
        start(session, pool);
    }

    /// Starts a session that is ready from the start, and runs it to its end.
    ///
    /// # Errors
    /// The loop does not work.
    pub(super) fn serve<S: Session>(
        mut self,
        mut session: S,
        start: impl FnOnce(&mut S, &mut Pool),
    ) -> anyhow::Result<Status> {
        self.begin(&mut session, start);
        let locals: Vec<String> = self.locals.iter().map(|local| local.address.clone()).collect();
        session.ready(self.pool(), &locals);
        self.run(&mut session)
    }

    /// Runs a session that has started to its end.
    ///
    /// # Errors
    /// The loop does not work.
    #[cold]
    pub(super) fn run<S: Session>(mut self, session: &mut S) -> anyhow::Result<Status> {
        self.event_loop.run(session).context("cannot run the event loop")?;
        Ok(session.status())
    }
}

/// An address of the internet with the port that was chosen for it.
pub(super) fn on_port(address: &Address, port: Option<u16>) -> Option<Address> {
    match (address, port) {
        (Address::Inet { host, .. }, Some(port)) => {
            Some(Address::Inet { host: host.clone(), port })
        }
        _ => None,
    }
}

/// Opens the file of `--record`.
fn open_record(
    event_loop: &mut EventLoop,
    target: &RecordTarget,
    common: &Common,
) -> anyhow::Result<FileRecorder> {
    let mut reporter = Reporter::new(common.output.report.clone());
    let limit = common.limits.timeout;
    let failed = |error| Failure::io(Status::Local, "record to", target.name(), &error);
    let (end, opened) = open_recording(event_loop, target, limit, &mut reporter).map_err(failed)?;
    let missing = format!("nobody reads {} (--record)", target.name());
    // SIGTERM ends a server in order once it listens.
    check_startup(end, limit, Side::Client, &missing)?;
    Ok(opened.unwrap_or_else(|| Err(failed(io::ErrorKind::Interrupted.into())))?)
}

/// A loop that watches signals.
///
/// # Errors
/// The system has no room for one.
fn bare() -> Result<EventLoop, Failure> {
    let fail = |error| Failure::io(Status::Local, "start", "the event loop", &error);
    let mut event_loop = EventLoop::new().map_err(fail)?;
    event_loop.watch_signals().map_err(fail)?;
    Ok(event_loop)
}

/// Reports why a command did not run, and returns the status that follows.
pub(super) fn report_failure(error: &anyhow::Error, audience: Audience) -> Status {
    // A signal is no failure to explain.
    let signalled = error.downcast_ref::<Signalled>().map(|Signalled(status)| *status);
    let failure = if signalled.is_some() { None } else { Some(failure_of(error)) };
    let failed = failure.as_ref().map_or(Status::Done, |failure| failure.status);
    let status = signalled.unwrap_or(failed);
    let Audience { settings, hooks, stdout, timeout } = audience;
    let reporter = Reporter::new(settings);
    let summary = Notice::new(Name::Summary).code(status.code().into());
    let notices: Vec<_> =
        failure.as_ref().map(Notice::last_error).into_iter().chain([summary]).collect();
    let mut lines = Vec::new();
    for notice in &notices {
        reporter.json_line(notice, SystemTime::now(), &mut lines);
    }
    report_alone(reporter, hooks, timeout, &notices);
    if stdout {
        // The status shows already that the run failed.
        let _ = io::stdout().write_all(&lines);
    }
    status
}

/// The failure of a floor below; what is none is trouble of this machine.
fn failure_of(error: &anyhow::Error) -> Failure {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.clone();
    }
    // A context reads `cannot run the event loop`.
    let text = error.to_string();
    let target = text.strip_prefix("cannot run ").unwrap_or(&text);
    match error.root_cause().downcast_ref::<io::Error>() {
        Some(cause) => Failure::io(Status::Local, "run", target, cause),
        None => {
            let cause = error.root_cause().to_string();
            Failure::new(Status::Local, Kind::Io, "run", target, cause)
        }
    }
}

/// Reports without a session, to hooks as well.
fn report_alone(
    mut reporter: Reporter,
    hooks: Vec<Hook>,
    timeout: Option<Duration>,
    notices: &[Notice<'_>],
) {
    // A hook is a child to wait for, which takes a loop. Without hooks stderr is enough.
    let event_loop = if hooks.is_empty() { None } else { bare().ok() };
    match event_loop {
        Some(mut event_loop) => {
            // No place is left where this failure could be reported.
            let _ = StartupFailure::report(&mut event_loop, reporter, hooks, timeout, notices);
        }
        None => notices.iter().for_each(|notice| reporter.report(notice)),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_failure_is_found_below_its_contexts() {
        let own = Failure::new(Status::Connect, Kind::Refused, "connect to", "here", "refused");
        let error = Err::<(), _>(own.clone()).context("cannot run the probe").unwrap_err();
        assert_eq!(failure_of(&error), own);
    }

    #[test]
    fn any_other_error_is_trouble_of_this_machine() {
        let full = io::Error::from(rustix::io::Errno::MFILE);
        let error = Err::<(), _>(full).context("cannot run the event loop").unwrap_err();
        let failure = failure_of(&error);
        assert_eq!(failure.status.code(), 7);
        let text = "cannot run the event loop: too many open files (raise the limit of open files, \
                    `ulimit -n`)";
        assert_eq!(failure.to_string(), text);
        assert_eq!(failure_of(&anyhow::anyhow!("odd")).to_string(), "cannot run odd: odd");
    }
}
