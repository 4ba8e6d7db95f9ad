//! `-- CMD`: the command that runs beside a run, from the moment it is ready.
//!
//! The run decides what its end means.

use crate::error::{Failure, Status};
use crate::event_loop::{Pool, Signal};

use super::children::{ChildId, ChildPurpose, ChildSpec, Children, Exit, Program, Stream};
use super::ready;
use crate::sys::signals::{SIGHUP, SIGINT, SIGTERM};

/// The command of a run, if it has one.
///
/// ```text
///  Pending ── start ──> Running ── pass_on, terminate ──> Asked
///     │                    └─────────────┬──────────────────┘
///     └── it cannot be started ──> Over <┘ on_exit
/// ```
#[derive(Debug)]
pub(crate) struct MainCommand {
    title: String,
    state: CommandState,
}

#[derive(Debug)]
enum CommandState {
    /// The run is not ready yet.
    Pending(Program),
    Running(ChildId),
    /// It was asked to end: by us, or by the signal that ends us too.
    Asked(ChildId),
    /// It has ended, or there is none.
    Over,
}

impl MainCommand {
    pub(crate) fn new(program: Option<Program>) -> Self {
        let title = program.as_ref().map(Program::title).unwrap_or_default();
        Self { title, state: program.map_or(CommandState::Over, CommandState::Pending) }
    }

    /// Starts the command, if there is one, with an address in its environment. It shares stdin
    /// and stdout where they are `free`: not used for data.
    pub(crate) fn start(
        &mut self,
        pool: &mut Pool,
        children: &mut Children,
        address: &str,
        free: (bool, bool),
    ) -> Result<(), Failure> {
        // `Over` until the child runs: where it cannot be started, no exit follows that could be
        // awaited.
        let program = match std::mem::replace(&mut self.state, CommandState::Over) {
            CommandState::Pending(program) => program,
            started => {
                self.state = started;
                return Ok(());
            }
        };
        let launch = ChildSpec {
            purpose: ChildPurpose::MainCommand,
            program,
            env: ready::environment(address),
            // Two readers of one stdin would share its bytes out by chance.
            stdin: if free.0 { Stream::Inherit } else { Stream::Null },
            // What the command prints must not get between the bytes of our data.
            stdout: if free.1 { Stream::Inherit } else { Stream::Stderr },
            // In the foreground it reads the terminal and gets ^C as we do. Elsewhere what it
            // starts itself is to get our signals too, and not to outlive it.
            group: !crate::sys::process::in_foreground(),
        };
        self.state = CommandState::Running(children.spawn(pool, launch)?.id);
        Ok(())
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state, CommandState::Running(_) | CommandState::Asked(_))
    }

    /// What it is called in messages.
    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    /// A signal that ends this process is passed on, unless the terminal has sent it to both.
    pub(crate) fn pass_on(&mut self, pool: &mut Pool, children: &mut Children, signal: Signal) {
        let number = match signal {
            Signal::Interrupt => SIGINT,
            Signal::Terminate => SIGTERM,
            Signal::Hangup => SIGHUP,
            _ => return,
        };
        // The terminal signals its whole foreground process group, of which the command is a
        // member: a second ^C from here would make two of one. A later signal gives the command no
        // more time, since the grace counts from the first.
        if let CommandState::Running(id) | CommandState::Asked(id) = self.state {
            self.state = CommandState::Asked(id);
            children.ask_to_end(pool, id, (!pool.is_signal_from_tty()).then_some(number));
        }
    }

    /// Asks it to end, unless it was asked already, and kills it if it does not.
    pub(crate) fn terminate(&mut self, pool: &mut Pool, children: &mut Children) {
        if let CommandState::Running(id) = self.state {
            self.state = CommandState::Asked(id);
            children.terminate(pool, id);
        }
    }

    /// Notes its end, and returns what that means for a run of this status so far, where it means
    /// anything. One that failed by itself is what the run was for; that it obeyed when it was
    /// asked to end means nothing.
    pub(crate) fn on_exit(&mut self, exit: &Exit, so_far: Option<Status>) -> Option<Status> {
        debug_assert!(self.is_running(), "{exit} of a command that is {:?}", self.state);
        let asked = matches!(self.state, CommandState::Asked(_));
        self.state = CommandState::Over;
        let status = exit.status();
        let overrules = match so_far {
            _ if status == Status::Done => false,
            // The same signal has ended us, and what the command makes of it adds nothing.
            Some(Status::Interrupt | Status::Terminate | Status::Hangup) => false,
            // A command that catches the signal and exits with a status of its own still means it.
            Some(Status::Done) | None => !(asked && exit.was_killed()),
            // The run has failed before, and that is why the command was asked to end.
            Some(_) => !asked,
        };
        overrules.then_some(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Raw statuses of wait(2): exit 0, exit 3, and SIGTERM.
    const ENDS: [i32; 3] = [0, 3 << 8, SIGTERM];

    #[test]
    fn a_command_decides_the_status_where_it_failed_by_itself() {
        let (three, killed) = (Some(Status::Command(3)), Some(Status::Command(143)));
        let table = [
            (None, false, [None, three, killed]),
            (None, true, [None, three, None]),
            (Some(Status::Done), false, [None, three, killed]),
            (Some(Status::Done), true, [None, three, None]),
            (Some(Status::Lost), false, [None, three, killed]),
            (Some(Status::Lost), true, [None, None, None]),
            (Some(Status::Interrupt), false, [None, None, None]),
            (Some(Status::Terminate), true, [None, None, None]),
        ];
        for (so_far, asked, expected) in table {
            for (raw, expected) in ENDS.into_iter().zip(expected) {
                let exit = Exit::of_main_command(raw);
                let state = if asked { CommandState::Asked } else { CommandState::Running };
                let mut command = MainCommand { title: String::new(), state: state(exit.id) };
                let status = command.on_exit(&exit, so_far);
                assert_eq!(status, expected, "{exit}, asked: {asked}, so far {so_far:?}");
                assert!(!command.is_running());
            }
        }
    }
}
