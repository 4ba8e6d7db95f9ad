//! `--on EVENT=CMD`: commands that run on events, with the event as JSON on their stdin.
//!
//! An event only queues its hooks, so that reporting one starts no child. The core starts
//! them in the next turn, at most [`AT_ONCE`] at once. A queue beyond its mark is "full", and the
//! session pauses what makes events, so that no flood of them costs memory without bound. That a
//! hook failed is reported as a warning that starts no hook.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::children::{ChildId, ChildPurpose, ChildSpec, Children, Program, Stream};
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
    running: Vec<Running>,
    queue: VecDeque<(Hook, Bytes)>,
    queued: usize,
    full: bool,
    /// No more hooks are started.
    cut: bool,
    output: HookOutput,
}

struct Running {
    child: ChildId,
    stdin: Option<Id>,
    title: String,
}

/// Where hooks write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HookOutput {
    /// stdout, which is theirs where no data goes to it.
    Stdout,
    Stderr,
}

impl Hooks {
    pub(crate) fn new(hooks: Vec<Hook>, output: HookOutput) -> Self {
        Self {
            hooks,
            running: Vec::new(),
            queue: VecDeque::new(),
            queued: 0,
            full: false,
            cut: false,
            output,
        }
    }

    /// Whether a hook takes events of this name.
    pub(crate) fn want(&self, name: Name) -> bool {
        self.hooks.iter().any(|hook| hook.event == name)
    }

    /// Queues the hooks of an event.
    pub(crate) fn queue(&mut self, pool: &mut Pool, name: Name, line: &Bytes) {
        if self.cut {
            return;
        }
        for hook in self.hooks.iter().filter(|hook| hook.event == name) {
            // `Bytes` is shared: several hooks of one event keep its text once. Each counts it in
            // full, which makes the queue full too early rather than too late.
            self.queued += line.len() + OVERHEAD;
            self.queue.push_back((hook.clone(), line.clone()));
        }
        self.full |= self.queued >= HIGH_MARK;
        self.start_soon(pool);
    }

    fn start_soon(&self, pool: &mut Pool) {
        // With all places taken, the next exit has the rest started. A timer of zero fires in the
        // next turn, when whoever reports the event no longer borrows what it takes to start a
        // child.
        if self.running.len() < AT_ONCE && !self.queue.is_empty() {
            pool.arm(TimerKey::global(timers::HOOKS), Duration::ZERO);
        }
    }

    /// [`timers::HOOKS`] has fired: starts as many hooks as may run. Returns what could not be
    /// started.
    pub(crate) fn start(&mut self, pool: &mut Pool, children: &mut Children) -> Vec<String> {
        let mut failures = Vec::new();
        while self.running.len() < AT_ONCE {
            let Some((hook, line)) = self.queue.pop_front() else { break };
            self.queued -= line.len() + OVERHEAD;
            failures.extend(self.start_one(pool, children, &hook, line).err());
        }
        debug_assert!(self.running.len() <= AT_ONCE, "{} hooks run", self.running.len());
        debug_assert!(!self.queue.is_empty() || self.queued == 0, "{} bytes of none", self.queued);
        // The gap between the marks keeps listeners and connections from pausing at every event.
        self.full &= self.queued > HIGH_MARK / 4;
        failures
    }

    fn start_one(
        &mut self,
        pool: &mut Pool,
        children: &mut Children,
        hook: &Hook,
        line: Bytes,
    ) -> Result<(), String> {
        let program = Program::shell(&hook.line);
        let title = format!("--on {}={}", hook.event.as_str(), program.title());
        let launch = ChildSpec {
            purpose: ChildPurpose::Hook,
            program,
            env: Vec::new(),
            stdin: Stream::Pipe,
            stdout: match self.output {
                HookOutput::Stdout => Stream::Inherit,
                HookOutput::Stderr => Stream::Stderr,
            },
            // ^C ends the run, and the hooks of its end are yet to come.
            group: true,
        };
        let started = children.spawn(pool, launch).map_err(|failure| failure.to_string())?;
        if let Some(stdin) = started.stdin {
            // One that does not read its event need not.
            let _ = pool.send_shared(stdin, line);
            // The pipe closes behind the event: a hook that reads all of its stdin waits for that.
            pool.finish(stdin);
        }
        self.running.push(Running { child: started.id, stdin: started.stdin, title });
        Ok(())
    }

    /// Takes the hooks that have ended, and has others started. Returns what failed.
    pub(crate) fn on_exits(&mut self, pool: &mut Pool, children: &mut Children) -> Vec<String> {
        let mut failures = Vec::new();
        for exit in children.take_exits(ChildPurpose::Hook) {
            // A child whose pipe could not be registered was killed by `spawn`, and is not listed.
            let Some(at) = self.running.iter().position(|one| one.child == exit.id) else {
                continue;
            };
            let ended = self.running.swap_remove(at);
            if let Some(stdin) = ended.stdin {
                // What the hook left in the background may hold the other end open. The pipe then
                // does not break, and an event larger than its buffer (64 KiB on Linux) would wait
                // for ever.
                pool.abort(stdin, CloseReason::HOST);
            }
            if !exit.is_success() {
                failures.push(format!("{}: {exit}", ended.title));
            }
        }
        self.start_soon(pool);
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
    pub(crate) fn cut(&mut self, pool: &mut Pool, children: &mut Children) -> usize {
        self.cut = true;
        // They are only asked to end: each exit still comes, and the end of the run waits for it.
        children.terminate_all(pool, ChildPurpose::Hook);
        self.queued = 0;
        std::mem::take(&mut self.queue).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_loop::EventLoop;

    #[test]
    fn a_flood_of_events_is_full_until_most_have_their_hooks() {
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        let mut children = Children::default();
        let mut hooks = Hooks::new(
            vec![Hook { event: Name::Data, line: "exec true".to_owned() }],
            HookOutput::Stderr,
        );
        let line = Bytes::from(vec![b'x'; HIGH_MARK / 20]);
        for _ in 0..19 {
            hooks.queue(pool, Name::Data, &line);
            hooks.queue(pool, Name::Eof, &line);
        }
        assert!(!hooks.are_full());
        hooks.queue(pool, Name::Data, &line);
        assert!(hooks.are_full() && !hooks.are_idle());
        assert_eq!(hooks.start(pool, &mut children), [""; 0]);
        // 16 run, and the other four are a fifth of the mark.
        assert!(!hooks.are_full());
        assert_eq!(hooks.cut(pool, &mut children), 4);
        hooks.queue(pool, Name::Data, &line);
        assert!(hooks.queue.is_empty());
    }
}
