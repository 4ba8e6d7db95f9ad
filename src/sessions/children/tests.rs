//! Children on a real loop.

use super::*;
use crate::event_loop::{Event, EventLoop, Handler, SendOutcome, Signal};

/// Runs children until all have ended and all that they wrote has been read.
struct Nursery {
    children: Children,
    open: Vec<Id>,
    output: Vec<u8>,
    exits: Vec<Exit>,
}

/// The test has failed if it takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

impl Handler for Nursery {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        match event {
            Event::Data { bytes, .. } => self.output.extend_from_slice(bytes),
            Event::Closed { id, .. } => self.open.retain(|open| *open != id),
            Event::Signal(Signal::Child) => {
                self.children.reap(pool);
                self.exits.extend(self.children.take_exits(ChildPurpose::Hook));
            }
            Event::Timer { key } if key.purpose == timers::CHILDREN => {
                self.children.on_timer(pool);
                self.children.reap(pool);
                self.exits.extend(self.children.take_exits(ChildPurpose::Hook));
            }
            Event::Timer { .. } => panic!("it takes too long: {:?}", self.children),
            _ => {}
        }
        if self.children.living.is_empty() && self.open.is_empty() {
            pool.stop();
        }
    }
}

fn launch(line: &str) -> ChildSpec {
    ChildSpec {
        purpose: ChildPurpose::Hook,
        program: Program::shell(line),
        env: Vec::new(),
        stdin: Stream::Null,
        stdout: Stream::Pipe,
        group: false,
    }
}

/// Starts a child, does something to it, and runs it to its end.
fn run(launch: ChildSpec, then: impl FnOnce(&mut Pool, &mut Children, Started)) -> Nursery {
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.watch_signals().unwrap();
    let mut nursery = Nursery {
        children: Children::default(),
        open: Vec::new(),
        output: Vec::new(),
        exits: Vec::new(),
    };
    let pool = event_loop.pool();
    pool.arm(TimerKey::global(timers::TOTAL), PATIENCE);
    let started = nursery.children.spawn(pool, launch).unwrap();
    nursery.open.extend(started.stdin.into_iter().chain(started.stdout));
    then(pool, &mut nursery.children, started);
    event_loop.run(&mut nursery).unwrap();
    nursery
}

#[test]
fn what_is_sent_is_read_and_what_is_written_comes_back() {
    let sent = vec![b'x'; 1 << 20];
    let launch = ChildSpec { stdin: Stream::Pipe, ..launch("cat; exit 3") };
    let ended = run(launch, |pool, _, started| {
        let stdin = started.stdin.unwrap();
        assert_eq!(pool.send(stdin, &sent), SendOutcome::Full);
        pool.finish(stdin);
    });
    assert_eq!(ended.output.len(), sent.len());
    assert_eq!(ended.exits.len(), 1);
    assert_eq!(ended.exits[0].status(), Status::Command(3));
}

#[test]
fn an_end_is_told_as_a_shell_tells_it() {
    let table = [
        ("exit 0", 0, "exit status 0"),
        ("exit 255", 255, "exit status 255"),
        ("kill -9 $$", 137, "killed by signal 9"),
        ("kill -15 $$", 143, "killed by signal 15"),
    ];
    for (line, code, words) in table {
        let exit = run(launch(line), |_, _, _| {}).exits[0];
        assert_eq!((exit.status().code(), exit.to_string().as_str()), (code, words), "{line}");
    }
}

#[test]
fn what_cannot_be_run_says_why() {
    let mut event_loop = EventLoop::new().unwrap();
    let mut children = Children::default();
    let mut refusal = |name: &str| {
        let program = Program::new([OsString::from(name)]).unwrap();
        let launch = ChildSpec { program, ..launch("") };
        let failure = children.spawn(event_loop.pool(), launch).unwrap_err();
        (failure.status, failure.to_string())
    };
    assert_eq!(refusal("/").0, Status::NotRunnable);
    assert_eq!(refusal("/etc/passwd").1, "cannot run /etc/passwd: permission denied");
    assert_eq!(
        refusal("no-such-program"),
        (
            Status::NotFound,
            "cannot run no-such-program: no such file or directory (no directory of PATH has it)"
                .to_owned()
        )
    );
    assert_eq!(refusal("/no/such").0, Status::NotFound);
    assert!(Program::new([]).is_none());
}

#[test]
fn a_child_that_does_not_end_when_asked_is_killed() {
    // It prints a line once it ignores the signal, and the signal is sent on that line.
    let deaf = "trap '' TERM; echo deaf; while :; do sleep 0.05; done";
    let started = Instant::now();
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.watch_signals().unwrap();
    struct Ask(Nursery);
    impl Handler for Ask {
        fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
            let is_data = matches!(event, Event::Data { .. });
            self.0.on(pool, event);
            if is_data {
                self.0.children.terminate_all(pool, ChildPurpose::Hook);
            }
        }
    }
    let mut children = Children::default();
    let launch = ChildSpec { group: true, ..launch(deaf) };
    event_loop.pool().arm(TimerKey::global(timers::TOTAL), PATIENCE);
    let open = children.spawn(event_loop.pool(), launch).unwrap().stdout;
    let open = open.into_iter().collect();
    let mut ask = Ask(Nursery { children, open, output: Vec::new(), exits: Vec::new() });
    event_loop.run(&mut ask).unwrap();
    assert_eq!(ask.0.exits[0].status(), Status::Command(137));
    assert!(started.elapsed() >= GRACE);
}

/// Each part of a session takes its own, however many ends one SIGCHLD stands for.
#[test]
fn exits_are_for_whom_the_children_were() {
    let mut event_loop = EventLoop::new().unwrap();
    let pool = event_loop.pool();
    let mut children = Children::default();
    let purposes = [ChildPurpose::MainCommand, ChildPurpose::Hook, ChildPurpose::Connection];
    for (purpose, line) in purposes.into_iter().zip(["exit 1", "exit 2", "exit 3"]) {
        children.spawn(pool, ChildSpec { purpose, ..launch(line) }).unwrap();
    }
    for one in &mut children.living {
        one.process.wait().unwrap();
    }
    children.reap(pool);
    assert!(children.living.is_empty());
    for (purpose, code) in purposes.into_iter().zip(1..) {
        let exits = children.take_exits(purpose);
        let statuses: Vec<Status> = exits.iter().map(Exit::status).collect();
        assert_eq!(statuses, [Status::Command(code)], "{purpose:?}");
    }
    assert!(children.ended.is_empty());
}

#[test]
fn nobody_outlives_the_owner() {
    let mut event_loop = EventLoop::new().unwrap();
    let mut children = Children::default();
    children.spawn(event_loop.pool(), launch("exec sleep 1000")).unwrap();
    let pid = children.living[0].process.id();
    drop(children);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_child_begins_with_the_signals_and_the_environment_that_we_were_given() {
    let line = "kill -PIPE $$; echo deaf to PIPE";
    let ended =
        run(launch(line), |_, _, _| assert!(sys::signals::is_ignored(sys::signals::SIGTTIN)));
    assert_eq!(ended.exits[0].to_string(), "killed by signal 13");
    let env = vec![("WIRECAT_PORT", "80".into())];
    let line = "echo $WIRECAT_PORT; grep -e SigBlk -e SigIgn /proc/self/status";
    let ended = run(ChildSpec { env, ..launch(line) }, |_, _, _| {});
    let text = String::from_utf8(ended.output).unwrap();
    assert!(text.starts_with("80\nSigBlk:\t0000000000000000\n"), "{text}");
}
