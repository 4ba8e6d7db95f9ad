//! `--on EVENT=CMD`: commands that run on events, with the event as JSON on their stdin.
//!
//! At most [`AT_ONCE`] run at once and the rest queue. A queue beyond its mark is "full", and the
//! session pauses what makes events, so that no flood of them costs memory without bound. That a
//! hook failed is reported by its owner as a warning that starts no hook.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::children::{ChildId, Children, Launch, Program, Stream};
use super::config::Hook;
use super::timers;
use crate::close::CloseReason;
use crate::event_loop::{Id, Pool, TimerKey};
use crate::report::Name;

/// Hooks that run at once.
const AT_ONCE: usize = 16;
/// Bytes of events that make the queue full; it is no longer full at a quarter of that.
const HIGH_MARK: usize = 1 << 20;
/// What a queued event costs beside its bytes.
const OVERHEAD: usize = 256;

/// The hooks of a run.
pub(crate) struct Hooks {
    hooks: Vec<Hook>,
    children: Children,
    running: Vec<Running>,
    queue: VecDeque<(Hook, Bytes)>,
    queued: usize,
    full: bool,
    /// No more hooks are started.
    cut: bool,
    shares_stdout: bool,
}

struct Running {
    child: ChildId,
    stdin: Option<Id>,
    title: String,
}

impl Hooks {
    /// Hooks that share stdout, or where it is for data write to stderr.
    pub(crate) fn new(hooks: Vec<Hook>, shares_stdout: bool) -> Self {
        Self {
            hooks,
            children: Children::new(timers::HOOKS),
            running: Vec::new(),
            queue: VecDeque::new(),
            queued: 0,
            full: false,
            cut: false,
            shares_stdout,
        }
    }

    /// Whether a hook takes events of this name.
    pub(crate) fn want(&self, name: Name) -> bool {
        self.hooks.iter().any(|hook| hook.event == name)
    }

    /// Runs the hooks of an event, or queues them. Returns what could not be started.
    pub(crate) fn fire(&mut self, pool: &mut Pool, name: Name, line: &Bytes) -> Vec<String> {
        if self.cut {
            return Vec::new();
        }
        for hook in self.hooks.iter().filter(|hook| hook.event == name) {
            self.queued += line.len() + OVERHEAD;
            self.queue.push_back((hook.clone(), line.clone()));
        }
        let failures = self.start_queued(pool);
        self.full |= self.queued >= HIGH_MARK;
        failures
    }

    fn start_queued(&mut self, pool: &mut Pool) -> Vec<String> {
        let mut failures = Vec::new();
        while self.running.len() < AT_ONCE {
            let Some((hook, line)) = self.queue.pop_front() else { break };
            self.queued -= line.len() + OVERHEAD;
            failures.extend(self.start(pool, &hook, line).err());
        }
        if self.full && self.queued <= HIGH_MARK / 4 {
            self.full = false;
            pool.arm(TimerKey::global(timers::HOOKS_DRAINED), Duration::ZERO);
        }
        failures
    }

    fn start(&mut self, pool: &mut Pool, hook: &Hook, line: Bytes) -> Result<(), String> {
        let program = Program::shell(&hook.line);
        let title = format!("--on {}={}", hook.event.as_str(), program.title());
        let launch = Launch {
            program,
            env: Vec::new(),
            stdin: Stream::Pipe,
            stdout: if self.shares_stdout { Stream::Inherit } else { Stream::Stderr },
            // ^C ends the run, and the hooks of its end are yet to come.
            group: true,
        };
        let started = self.children.spawn(pool, launch).map_err(|failure| failure.to_string())?;
        if let Some(stdin) = started.stdin {
            // One that does not read its event need not.
            let _ = pool.send_shared(stdin, line);
            pool.finish(stdin);
        }
        self.running.push(Running { child: started.id, stdin: started.stdin, title });
        Ok(())
    }

    /// Takes the hooks that have ended, and starts others. Returns what failed.
    pub(crate) fn reap(&mut self, pool: &mut Pool) -> Vec<String> {
        let mut failures = Vec::new();
        for exit in self.children.reap() {
            let Some(at) = self.running.iter().position(|one| one.child == exit.id) else {
                continue;
            };
            let ended = self.running.swap_remove(at);
            if let Some(stdin) = ended.stdin {
                pool.abort(stdin, CloseReason::HOST);
            }
            if !exit.is_success() {
                failures.push(format!("{}: {exit}", ended.title));
            }
        }
        failures.extend(self.start_queued(pool));
        failures
    }

    /// Whether `id` is the stdin of a hook.
    pub(crate) fn own(&self, id: Id) -> bool {
        self.running.iter().any(|one| one.stdin == Some(id))
    }

    /// Whether what makes events should pause.
    pub(crate) fn are_full(&self) -> bool {
        self.full
    }

    /// Whether none runs and none waits.
    pub(crate) fn are_idle(&self) -> bool {
        self.running.is_empty() && self.queue.is_empty()
    }

    /// Starts no more, and ends those that run. Returns how many events had no run.
    pub(crate) fn cut(&mut self, pool: &mut Pool) -> usize {
        self.cut = true;
        self.children.terminate_all(pool);
        self.queued = 0;
        std::mem::take(&mut self.queue).len()
    }

    pub(crate) fn on_timer(&mut self, pool: &mut Pool) {
        self.children.on_timer(pool);
    }
}
