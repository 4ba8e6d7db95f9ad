//! `-- CMD`: the command that runs beside a run, from the moment it is ready.
//!
//! It owns that one child. What its end means for the run, the run decides.

use crate::error::{Failure, Status};
use crate::event_loop::{Pool, Signal};

use super::children::{ChildId, Children, Exit, Launch, Program, Stream};
use super::ready;
use super::timers;

/// The command, before, while and after it runs.
#[derive(Debug)]
pub(crate) struct MainCommand {
    program: Option<Program>,
    title: String,
    children: Children,
    running: Option<ChildId>,
    /// It was asked to end: by us, or by the signal that ends us too.
    asked: bool,
}

impl MainCommand {
    pub(crate) fn new(program: Option<Program>) -> Self {
        let title = program.as_ref().map(Program::title).unwrap_or_default();
        let children = Children::new(timers::MAIN_COMMAND);
        Self { program, title, children, running: None, asked: false }
    }

    /// Starts the command, if there is one, with an address in its environment. It shares stdin
    /// and stdout where they are `free`: not used for data.
    pub(crate) fn start(
        &mut self,
        pool: &mut Pool,
        address: &str,
        free: (bool, bool),
    ) -> Result<(), Failure> {
        let Some(program) = self.program.take() else { return Ok(()) };
        let launch = Launch {
            program,
            env: ready::environment(address),
            stdin: if free.0 { Stream::Inherit } else { Stream::Null },
            stdout: if free.1 { Stream::Inherit } else { Stream::Stderr },
            // In the foreground it reads the terminal and gets ^C as we do. Elsewhere what it
            // starts itself is to get our signals too, and not to outlive it.
            group: !crate::sys::process::in_foreground(),
        };
        self.running = Some(self.children.spawn(pool, launch)?.id);
        Ok(())
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// What it is called in messages.
    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    /// A signal that ends this process is passed on, unless the terminal has sent it to both.
    pub(crate) fn pass_on(&mut self, pool: &mut Pool, signal: Signal) {
        let number = match signal {
            Signal::Interrupt => libc::SIGINT,
            Signal::Terminate => libc::SIGTERM,
            Signal::Hangup => libc::SIGHUP,
            _ => return,
        };
        self.ask(pool, (!pool.is_signal_from_tty()).then_some(number));
    }

    /// Asks it to end, and kills it if it does not.
    pub(crate) fn terminate(&mut self, pool: &mut Pool) {
        if !self.asked {
            self.ask(pool, Some(libc::SIGTERM));
        }
    }

    fn ask(&mut self, pool: &mut Pool, signal: Option<i32>) {
        if let Some(id) = self.running {
            self.asked = true;
            self.children.ask_to_end(pool, id, signal);
        }
    }

    /// Its end, if it has come.
    pub(crate) fn reap(&mut self) -> Option<Exit> {
        let exit = self.children.reap().pop()?;
        self.running = None;
        Some(exit)
    }

    /// What its end means for a run of this status so far, where it means anything. One that
    /// failed by itself is what the run was for; that it obeyed when it was asked to end says
    /// nothing.
    pub(crate) fn final_status(&self, exit: &Exit, so_far: Option<Status>) -> Option<Status> {
        let status = exit.status();
        let overrules = match so_far {
            _ if status == Status::Done => false,
            Some(Status::Interrupt | Status::Terminate | Status::Hangup) => false,
            Some(Status::Done) | None => !(self.asked && exit.was_killed()),
            Some(_) => !self.asked,
        };
        overrules.then_some(status)
    }

    pub(crate) fn on_timer(&mut self, pool: &mut Pool) {
        self.children.on_timer(pool);
    }
}
