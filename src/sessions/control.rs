//! stdin as commands (`--input commands`, `--input json`): read line by line and obeyed in order.
//!
//! Each command is answered once: by the event of what it does, or by an `error` or `send-failed`
//! that names its line. A mistake ends nothing. The end of the commands is `/quit`: whoever gave
//! them is gone, and a server without its program would stay for ever.
//!
//! Nothing is lost to a slow reader. Answers gather in stdout's queue, and while that is full no
//! command is read; neither is one while the queue of a connection is.

use super::console::Console;
use super::core::Core;
use super::session::Piece;
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::Pool;
use crate::framing::{Line, Lines};
use crate::kind::Kind;
use crate::protocol::command::{Command, CommandForm, Recipient};
use crate::report::Notice;

/// stdin on its way to becoming commands.
#[derive(Debug)]
pub(crate) struct ControlInput {
    lines: Lines,
    reader: Reader,
    /// Lines wait for a full queue, or for a long message.
    waits: bool,
    /// The line of a long message that is framed in many steps, and its receivers.
    begun: Option<(u64, Recipient)>,
}

/// How a line is read.
#[derive(Clone, Copy, Debug)]
struct Reader {
    form: CommandForm,
    /// Text is sent as the line it was typed as.
    keeps_lf: bool,
}

/// A session that obeys commands.
pub(crate) trait Controllable {
    fn core(&mut self) -> &mut Core;

    /// Obeys one command, which is neither `/quit` nor `/tick`.
    ///
    /// A failure is only reported.
    fn execute(&mut self, pool: &mut Pool, line: u64, command: Command) -> Result<(), Failure>;

    /// Whether commands must wait: a queue is full, or stdout.
    fn is_held(&self) -> bool;

    /// Drains and stops.
    fn quit(&mut self, pool: &mut Pool);

    /// All commands have been given and obeyed.
    fn input_ended(&mut self, pool: &mut Pool) {
        self.quit(pool);
    }
}

impl ControlInput {
    /// Commands whose messages have `max` bytes at most.
    pub(crate) fn new(form: CommandForm, max: usize, chomp: bool) -> Self {
        let keeps_lf = form == CommandForm::Words && !chomp;
        let lines = Lines::new(form.longest(max));
        Self { lines, reader: Reader { form, keeps_lf }, waits: false, begun: None }
    }

    /// Whether there is something to do before stdin is read on.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waits
    }

    /// The message of a line is not framed yet: its command is the next one again, and its payload is
    /// known.
    pub(crate) fn put_back(&mut self, line: u64, to: &Recipient) {
        self.begun = Some((line, to.clone()));
    }

    /// Bytes of commands that are not obeyed yet.
    pub(crate) fn pending(&self) -> usize {
        self.lines.pending()
    }

    /// Takes the next piece of stdin.
    fn push(&mut self, piece: Piece<'_>) {
        // While commands are executed, none waits for its turn.
        self.waits = false;
        self.lines.push(piece.bytes());
        if piece.is_end() {
            self.lines.end();
        }
    }

    /// The number of the next line, and the command that it is.
    fn next_command(&mut self) -> Option<(u64, Result<Command, Failure>)> {
        if let Some((line, to)) = self.begun.take() {
            return Some((line, Ok(Command::Send { payload: Vec::new(), to })));
        }
        let line = self.lines.next_line()?;
        Some((line.number, self.reader.command(&line)))
    }
}

impl Reader {
    fn command(self, line: &Line) -> Result<Command, Failure> {
        let Some(bytes) = &line.bytes else {
            return Err(bad_command(line.number, "it is too long, and is skipped"));
        };
        let mut command =
            self.form.parse(bytes).map_err(|cause| bad_command(line.number, cause))?;
        if let (true, Command::Send { payload, .. }) = (self.keeps_lf, &mut command) {
            payload.push(b'\n');
        }
        Ok(command)
    }
}

/// Executes the commands of a piece of stdin. It stops at the first command that has to wait, and is
/// called again when [`InputReader::resume`] finds some waiting.
///
/// [`InputReader::resume`]: super::input::InputReader::resume
pub(crate) fn execute_lines(session: &mut impl Controllable, pool: &mut Pool, piece: Piece<'_>) {
    let input = &mut session.core().input;
    input.note_bytes(piece.bytes());
    let Some(control) = input.control() else { return };
    control.push(piece);
    if piece.is_end() {
        input.end();
    }
    while let Some((line, command)) = next_command(session) {
        let outcome = match command {
            Ok(Command::Quit) => {
                session.core().limit_end(pool, CloseReason::HOST);
                session.quit(pool);
                Ok(())
            }
            Ok(Command::Tick(every)) => {
                session.core().ticks.set(pool, every, line);
                Ok(())
            }
            Ok(command) => session.execute(pool, line, command),
            Err(failure) => Err(failure),
        };
        let console = &mut session.core().console;
        if let Err(failure) = outcome {
            console.report_batched(pool, &Notice::error(&failure).line(line));
        }
        console.commit_many(pool);
        if session.core().input.unframed() > 0 {
            break;
        }
    }
    session.core().console.commit(pool);
    let waits = session.is_held() || session.core().input.unframed() > 0;
    let input = &mut session.core().input;
    let is_open = input.is_open();
    let Some(control) = input.control() else { return };
    if is_open && control.lines.is_over() && control.begun.is_none() {
        session.input_ended(pool);
    } else {
        control.waits = waits;
    }
}

/// The next command that may be executed now. `/quit` closes the input: no later line is executed.
fn next_command(session: &mut impl Controllable) -> Option<(u64, Result<Command, Failure>)> {
    if session.is_held() || !session.core().input.is_open() {
        return None;
    }
    session.core().input.control()?.next_command()
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

/// A message that cannot be sent to a receiver.
pub(crate) fn unsendable(recipient: &Recipient, kind: Kind, cause: impl Into<String>) -> Failure {
    Failure::new(Status::Lost, kind, "send to", recipient.to_string(), cause)
}

/// A connection of which nothing can be read.
pub(crate) fn unreadable(target: &str, kind: Kind, cause: &str) -> Failure {
    Failure::new(Status::Lost, kind, "read from", target, cause)
}

/// Answers a command to send: with the event of what it did, or with its failure.
pub(crate) fn answer_send(
    console: &mut Console,
    pool: &mut Pool,
    line: u64,
    to: &Recipient,
    outcome: Result<Notice<'_>, Failure>,
) {
    match outcome {
        Ok(notice) => console.report_batched(pool, &notice.line(line)),
        Err(failure) => console.report_batched(pool, &send_failed(line, to, &failure)),
    }
}

/// The `send-failed` of a command, which names its receiver.
fn send_failed<'a>(line: u64, recipient: &'a Recipient, failure: &Failure) -> Notice<'a> {
    let event = Notice::send_failed(failure.kind, failure.to_string()).line(line);
    match recipient {
        Recipient::All => event,
        Recipient::Conn(number) => event.conn(*number),
        Recipient::Peer(peer) => event.peer(peer),
    }
}
