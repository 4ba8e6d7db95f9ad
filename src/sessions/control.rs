//! stdin as commands (`--input commands`, `--input json`): read line by line and obeyed in order.
//!
//! Each command is answered once: by the event of what it does, or by an `error` or `send-failed`
//! that names its line. A mistake ends nothing. The end of the commands is `/quit`: whoever gave
//! them is gone, and a server without its program would stay for ever.
//!
//! Nothing is lost to a slow reader. Answers gather in stdout's queue, and while that is full no
//! command is read; neither is one while the queue of a connection is.

use super::core::Core;
use crate::error::{Failure, Status};
use crate::event_loop::Pool;
use crate::framing::{Line, Lines};
use crate::kind::Kind;
use crate::protocol::command::{Command, Form, Recipient};
use crate::report::Notice;

/// stdin on its way to becoming commands.
#[derive(Debug)]
pub(crate) struct ControlInput {
    lines: Lines,
    reader: Reader,
    /// Lines wait for a full queue.
    waits: bool,
}

/// How a line is read.
#[derive(Clone, Copy, Debug)]
struct Reader {
    form: Form,
    /// Text is sent as the line it was typed as.
    keeps_lf: bool,
}

/// A session that obeys commands.
pub(crate) trait Controllable {
    fn core(&mut self) -> &mut Core;

    /// Obeys one command, which is not `/quit`.
    ///
    /// A failure is only reported.
    fn execute(&mut self, pool: &mut Pool, line: u64, command: Command) -> Result<(), Failure>;

    /// Whether commands must wait: a queue is full, or stdout.
    fn is_held(&self) -> bool;

    /// Drains and stops.
    fn quit(&mut self, pool: &mut Pool);
}

impl ControlInput {
    /// Commands whose messages have `max` bytes at most.
    pub(crate) fn new(form: Form, max: usize, chomp: bool) -> Self {
        let keeps_lf = form == Form::Words && !chomp;
        let lines = Lines::new(form.longest(max));
        Self { lines, reader: Reader { form, keeps_lf }, waits: false }
    }

    /// Whether there is something to do before stdin is read on.
    pub(crate) fn wait(&self) -> bool {
        self.waits
    }
}

impl Reader {
    fn command(self, line: &Line) -> Result<Command, Failure> {
        let Some(bytes) = &line.bytes else {
            return Err(bad_command(line.number, "it is too long, and passed over"));
        };
        let mut command =
            self.form.parse(bytes).map_err(|cause| bad_command(line.number, cause))?;
        if let (true, Command::Send { payload, .. }) = (self.keeps_lf, &mut command) {
            payload.push(b'\n');
        }
        Ok(command)
    }
}

/// Executes the commands of a piece of stdin; `eof` says that it is the last one. It stops at the
/// first command that has to wait, and is called again when [`Feed::resume`] finds some waiting.
///
/// [`Feed::resume`]: super::feed::Feed::resume
pub(crate) fn execute_lines(
    session: &mut impl Controllable,
    pool: &mut Pool,
    piece: &[u8],
    eof: bool,
) {
    let Some(mut control) = session.core().feed.take_control() else { return };
    control.lines.push(piece);
    if eof {
        control.lines.end();
        session.core().feed.end();
    }
    // `/quit` closes the feed: no later line is executed.
    while session.core().feed.is_open() && !session.is_held() {
        let Some(line) = control.lines.next_line() else { break };
        let outcome = match control.reader.command(&line) {
            Ok(Command::Quit) => {
                session.quit(pool);
                Ok(())
            }
            Ok(command) => session.execute(pool, line.number, command),
            Err(failure) => Err(failure),
        };
        let console = &mut session.core().console;
        if let Err(failure) = outcome {
            console.report_batched(pool, &Notice::error(&failure).line(line.number));
        }
        console.commit_many(pool);
    }
    session.core().console.commit(pool);
    if session.core().feed.is_open() && control.lines.is_over() {
        session.quit(pool);
    } else {
        control.waits = session.is_held();
        session.core().feed.put_control(control);
    }
}

/// A line that is no command, or one that this kind of run has no use for.
pub(crate) fn bad_command(line: u64, cause: impl Into<String>) -> Failure {
    Failure::new(Status::Usage, Kind::BadCommand, "obey", format!("line {line}"), cause)
}

/// A receiver that is not connected.
pub(crate) fn not_connected(operation: &'static str, recipient: &Recipient) -> Failure {
    let cause = match recipient {
        Recipient::All => "nobody is connected",
        Recipient::Conn(_) | Recipient::Peer(_) => "it is not connected",
    };
    Failure::new(Status::Lost, Kind::NotConnected, operation, recipient.to_string(), cause)
}

/// The `send-failed` of a command, which names its receiver.
pub(crate) fn send_failed<'a>(
    line: u64,
    recipient: &'a Recipient,
    failure: &Failure,
) -> Notice<'a> {
    let event = Notice::send_failed(failure.kind, failure.to_string()).line(line);
    match recipient {
        Recipient::All => event,
        Recipient::Conn(number) => event.conn(*number),
        Recipient::Peer(peer) => event.peer(peer),
    }
}
