//! Commands to a listener or a sender while it runs, from a program or a user at a terminal. Peers
//! have no numbers here: an answer goes to the address that the `data` event of a datagram carries.
//!
//! A [`CommandedService`] decides whom a command may send to, and what else it can do. What becomes
//! of a message is an event, and never decides how the run ends.

use std::io;

use bytes::Bytes;

use super::groups::Groups;
use super::{DatagramContext, DatagramService, Sockets, UnsentDatagram};
use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool};
use crate::kind::Kind;
use crate::protocol::command::{Command, Recipient};
use crate::report::{Name, Notice};
use crate::sessions::control::{self, Controllable, bad_command, not_connected, unsendable};
use crate::sessions::core::Core;
use crate::sessions::session::{Piece, ShutdownMode};
use crate::sys::mmsg::ReturnPath;

const NO_CONNECTIONS: &str = "datagrams have no connections: name the peer, as IP:PORT";

/// A receiver of a command that sends.
#[derive(Clone, Debug)]
pub(super) struct DatagramReceiver {
    pub(super) socket: Id,
    /// `None` on a connected socket.
    pub(super) path: Option<ReturnPath>,
    /// What events call it.
    pub(super) title: String,
}

/// A message of a command, as it goes to the wire.
pub(super) struct DeferredMessage {
    /// The line of the command.
    pub(super) line: u64,
    pub(super) bytes: Bytes,
    pub(super) to: Recipient,
}

/// A service that obeys commands.
pub(super) trait CommandedService: DatagramService {
    /// The receivers that a command names, with their sockets; none where the name is unknown.
    ///
    /// # Errors
    /// The name cannot be a receiver here (`Usage`), or there is no socket to send from.
    fn receivers(
        &mut self,
        context: &mut DatagramContext<'_>,
        to: &Recipient,
    ) -> Result<Vec<DatagramReceiver>, Failure>;

    /// Takes a message that waits for the resolver, or behind one that does; gives back any other.
    ///
    /// # Errors
    /// Too many wait.
    fn defer(
        &mut self,
        _: &mut DatagramContext<'_>,
        message: DeferredMessage,
    ) -> Result<Option<DeferredMessage>, Failure> {
        Ok(Some(message))
    }

    /// Reports each group and each peer by a notice of its own.
    fn list(&self, sockets: &Sockets, report: &mut dyn FnMut(&Notice<'_>));

    /// The groups that commands join and leave, where there are any.
    fn groups(&mut self) -> Option<&mut Groups> {
        None
    }

    /// Whether its receivers are groups, and named so.
    fn sends_to_groups(&self) -> bool {
        false
    }

    /// Whether something waits to be sent.
    fn has_unsent(&self, sockets: &Sockets) -> bool;

    /// Whether commands wait for what is still to be sent.
    fn holds_commands(&self, sockets: &Sockets) -> bool {
        self.has_unsent(sockets)
    }

    /// Ends the run once nothing waits to be sent.
    fn quit(&mut self, context: &mut DatagramContext<'_>);

    /// The same at the end of the commands.
    fn commands_ended(&mut self, context: &mut DatagramContext<'_>) {
        self.quit(context);
    }
}

/// A service and what it acts on, as commands control it.
struct Controlled<'a> {
    service: &'a mut dyn CommandedService,
    core: &'a mut Core,
    sockets: &'a mut Sockets,
    end: &'a mut Option<ShutdownMode>,
}

/// Executes the commands of a piece of stdin.
pub(super) fn execute_lines(
    service: &mut dyn CommandedService,
    context: &mut DatagramContext<'_>,
    piece: Piece<'_>,
) {
    let DatagramContext { core, sockets, pool, end } = context;
    control::execute_lines(&mut Controlled { service, core, sockets, end }, pool, piece);
}

/// stdin is read while nothing waits to be sent, and stdout takes the answers.
pub(super) fn allow_commands(service: &dyn CommandedService, context: &mut DatagramContext<'_>) {
    if service.holds_commands(context.sockets) || context.core.console.is_full() {
        context.core.input.pause(context.pool);
    } else {
        context.core.input.resume(context.pool);
    }
}

/// What waited did not go out.
pub(super) fn report_unsent(context: &mut DatagramContext<'_>, unsent: &UnsentDatagram) {
    let failure = unsent.failure();
    if context.core.input.has_commands() {
        let peer = unsent.peer();
        let notice = Notice::send_failed(failure.kind, failure.to_string()).peer(&peer);
        context.report(&notice);
    } else {
        context.report_failure(&failure);
    }
}

/// Reports that the run ends with `unsent` bytes of accepted messages left.
pub(super) fn report_rest(context: &mut DatagramContext<'_>, unsent: usize) {
    if unsent > 0 && context.core.input.has_commands() {
        let cause = format!("its time is over, and these bytes are left: {unsent}");
        let failure = Failure::new(Status::Lost, Kind::Unsent, "send", "what is queued", cause);
        context.core.fail(context.pool, &failure);
    }
}

impl Controlled<'_> {
    fn with<T>(
        &mut self,
        pool: &mut Pool,
        act: impl FnOnce(&mut dyn CommandedService, &mut DatagramContext<'_>) -> T,
    ) -> T {
        let Self { service, core, sockets, end } = self;
        act(&mut **service, &mut DatagramContext { core, sockets, pool, end })
    }
}

impl Controllable for Controlled<'_> {
    fn core(&mut self) -> &mut Core {
        self.core
    }

    fn execute(&mut self, pool: &mut Pool, line: u64, command: Command) -> Result<(), Failure> {
        self.with(pool, |service, context| execute(service, context, line, command))
    }

    fn is_held(&self) -> bool {
        self.service.holds_commands(self.sockets) || self.core.console.is_full()
    }

    fn quit(&mut self, pool: &mut Pool) {
        self.core.input.close(pool);
        self.with(pool, |service, context| service.quit(context));
    }

    fn input_ended(&mut self, pool: &mut Pool) {
        self.core.input.close(pool);
        self.with(pool, |service, context| service.commands_ended(context));
    }
}

fn execute(
    service: &mut dyn CommandedService,
    context: &mut DatagramContext<'_>,
    line: u64,
    command: Command,
) -> Result<(), Failure> {
    match command {
        Command::Send { payload, to } => {
            return execute_send(service, context, line, payload, to);
        }
        Command::Close(_)
        | Command::Finish(_)
        | Command::Pause(_)
        | Command::Resume(_)
        | Command::Read { .. } => {
            return Err(bad_command(line, "datagrams have no connections"));
        }
        Command::Connect { .. } | Command::Listen(_) => {
            let cause = "it makes no connections: tcp-serve and tcp-connect do";
            return Err(bad_command(line, cause));
        }
        Command::List => list(service, context, line),
        Command::Stats => {
            context.report_sums();
            service.report_stats(context);
        }
        Command::Join(group) => groups(service, line)?.join(context, &group.parse()?)?,
        Command::Leave(group) => groups(service, line)?.leave(context, &group.parse()?)?,
        // The lines see to those.
        Command::Quit | Command::Tick(_) => {}
    }
    Ok(())
}

fn groups(service: &mut dyn CommandedService, line: u64) -> Result<&mut Groups, Failure> {
    let none = || bad_command(line, "it has no groups to join or leave: mcast-join has");
    service.groups().ok_or_else(none)
}

/// One `list` event a group and one a peer, and one that counts them.
fn list(service: &dyn CommandedService, context: &mut DatagramContext<'_>, line: u64) {
    let DatagramContext { core, sockets, pool, .. } = context;
    let mut number = 0;
    service.list(sockets, &mut |notice| {
        core.console.report_batched(pool, notice);
        number += 1;
    });
    core.console.report_batched(pool, &Notice::new(Name::List).line(line).count(number));
}

fn execute_send(
    service: &mut dyn CommandedService,
    context: &mut DatagramContext<'_>,
    line: u64,
    message: Vec<u8>,
    to: Recipient,
) -> Result<(), Failure> {
    if let Recipient::Conn(_) = to {
        return Err(bad_command(line, NO_CONNECTIONS));
    }
    let encoded = context.core.input.encode(message);
    let encoded = encoded.map_err(|error| bad_command(line, error.to_string()))?;
    // Nothing takes long without a framing.
    let bytes = Bytes::from(encoded.unwrap_or_default());
    match service.defer(context, DeferredMessage { line, bytes, to })? {
        Some(message) => send(service, context, &message),
        None => Ok(()),
    }
}

/// Sends a message, and answers its command.
///
/// # Errors
/// The name of its receiver cannot be one here (`Usage`).
pub(super) fn send(
    service: &mut dyn CommandedService,
    context: &mut DatagramContext<'_>,
    DeferredMessage { line, bytes, to }: &DeferredMessage,
) -> Result<(), Failure> {
    let of_groups = service.sends_to_groups();
    let answer = SendAnswer { len: bytes.len(), line: *line, of_groups };
    match send_to_all(service, context, &answer, bytes, to) {
        Err(failure) if failure.status == Status::Usage => Err(failure),
        Err(failure) => {
            answer.report_failed(context, whom(to), &failure);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

fn whom(to: &Recipient) -> Option<&str> {
    match to {
        Recipient::Peer(peer) => Some(peer),
        Recipient::All | Recipient::Conn(_) => None,
    }
}

/// Sends to all receivers of a command, and reports that by one event. Of several receivers, each
/// that fails has an event of its own.
fn send_to_all(
    service: &mut dyn CommandedService,
    context: &mut DatagramContext<'_>,
    answer: &SendAnswer,
    message: &Bytes,
    to: &Recipient,
) -> Result<(), Failure> {
    let max = context.core.common.wire.frame.max;
    if message.len() > max {
        let cause = format!("a datagram holds {max} bytes at most");
        return Err(unsendable(to, Kind::TooLarge, cause));
    }
    let receivers = service.receivers(context, to)?;
    let (mut count, mut last) = (0, None);
    for receiver in &receivers {
        match context.send(receiver.socket, message, receiver.path.as_ref()) {
            Ok(_) => count += 1,
            Err(error) => {
                let failure = match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        let cause = "it takes nothing, and its queue is full";
                        let title = receiver.title.as_str();
                        Failure::new(Status::Lost, Kind::Slow, "send to", title, cause)
                    }
                    _ => crate::sockets::datagram::failure(&receiver.title, &error),
                };
                if receivers.len() > 1 {
                    answer.report_failed(context, Some(&receiver.title), &failure);
                }
                last = Some(failure);
            }
        }
    }
    match (count, last) {
        (0, Some(failure)) => return Err(failure),
        (0, None) => return Err(not_connected("send to", to)),
        _ => {}
    }
    let only = if let [one] = &receivers[..] { Some(&*one.title) } else { None };
    let event = Notice::new(Name::Sent).queued(context.sockets.queued());
    let event = if whom(to).is_none() { event.count(count) } else { event };
    answer.report(context, event, whom(to).or(only));
    Ok(())
}

/// The answer to one command that sends.
struct SendAnswer {
    len: usize,
    line: u64,
    /// The receivers are groups, and named so.
    of_groups: bool,
}

impl SendAnswer {
    fn report(&self, context: &mut DatagramContext<'_>, event: Notice<'_>, whom: Option<&str>) {
        let event = event.line(self.line).len(self.len);
        let event = match whom {
            Some(group) if self.of_groups => event.group(group),
            Some(peer) => event.peer(peer),
            None => event,
        };
        context.core.console.report_batched(context.pool, &event);
    }

    fn report_failed(
        &self,
        context: &mut DatagramContext<'_>,
        whom: Option<&str>,
        failure: &Failure,
    ) {
        let event = Notice::send_failed(failure.kind, failure.to_string());
        self.report(context, event, whom);
    }
}
