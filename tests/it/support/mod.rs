//! Driving the real binary: start it with a chosen stdin, wait for what it says, and judge how it
//! ends. Every wait has a deadline, and a program that misses one is killed and quoted.

mod binary;
pub(crate) mod daemon;
pub(crate) mod data;
pub(crate) mod datagrams;
mod ended;
pub(crate) mod gate;
pub(crate) mod load;
pub(crate) mod namespaces;
pub(crate) mod net;
pub(crate) mod peers;
pub(crate) mod pipes;
pub(crate) mod proc;
#[path = "../../../src/sockets/refusing.rs"]
mod refusing;
pub(crate) mod resolver;
mod running;
pub(crate) mod schema;
mod skipped;
pub(crate) mod terminal;
pub(crate) mod unix;
mod watchdog;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use self::running::collect;

#[cfg(feature = "tls")]
pub(crate) use self::binary::is_full_size;
pub(crate) use self::binary::wirecat_path;
pub(crate) use self::ended::{Ended, named};
pub(crate) use self::running::Running;
pub(crate) use self::watchdog::watch_anew;

/// How long anything may take that should be quick, on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Notes that a test could not run here, and why; a child keeps the lines.
pub(crate) fn skip(subject: &str, why: &str) {
    proc::sharing(|| skipped::skip(subject, why));
}

/// A wirecat that has not started yet; stdin is the null device.
pub(crate) fn wirecat<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Program {
    let mut command = Command::new(wirecat_path());
    command.args(args);
    forget_colors(&mut command);
    program(command)
}

/// Takes away what decides about colours in the environment of whoever runs the tests. With `CI` even a
/// dumb terminal has them.
pub(crate) fn forget_colors(command: &mut Command) {
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        command.env_remove(name);
    }
}

/// Any program, driven alike; stdin is the null device.
pub(crate) fn program(mut command: Command) -> Program {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Program { command, input: None }
}

pub(crate) struct Program {
    command: Command,
    input: Option<Vec<u8>>,
}

impl Program {
    /// stdin is a pipe that the test writes to.
    pub(crate) fn piped(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    /// stdin is a pipe with these bytes, then its end.
    pub(crate) fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self.piped()
    }

    /// stdin is this file, pipe or socket.
    pub(crate) fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.command.stdin(stdin);
        self
    }

    /// stdout is this file, pipe or socket, and not collected.
    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    /// Anything else about the process.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    pub(crate) fn start(mut self) -> Running {
        proc::let_children_hear_signals();
        let (started, queued) = (Instant::now(), load::of_this_thread());
        let mut child = proc::spawn(&mut self.command).expect("the program starts");
        let stdin = child.stdin.take();
        let stdin = match (self.input, stdin) {
            (Some(bytes), Some(mut stdin)) => {
                // The program may end without reading all of it, which is its own affair.
                thread::spawn(move || stdin.write_all(&bytes));
                None
            }
            (_, stdin) => stdin,
        };
        let stdout = child.stdout.take().map(collect);
        let (sender, lines) = channel();
        let stderr = child.stderr.take().expect("stderr is piped");
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
            load::of_this_thread()
        });
        let is_ours = self.command.get_program() == wirecat_path();
        let words = is_ours.then(|| self.command.get_args().map(Into::into).collect());
        let seen = Vec::new();
        Running { child, words, stdin, stdout, lines, reader: Some(reader), seen, started, queued }
    }

    /// Starts a server; its [address](Running::address) as well.
    #[track_caller]
    pub(crate) fn serve(self) -> (Running, String) {
        let mut server = self.start();
        let address = server.address();
        (server, address)
    }

    /// Starts it and waits for its end.
    pub(crate) fn run(self) -> Ended {
        self.start().wait()
    }
}

/// A directory that ends with its test, whose path leaves room for the name of a socket: of 108 bytes
/// (unix(7)) a TMPDIR may take most.
pub(crate) fn tempdir() -> std::io::Result<tempfile::TempDir> {
    watchdog::watch();
    let is_long = std::env::temp_dir().as_os_str().len() > 60;
    if is_long { tempfile::tempdir_in("/tmp") } else { tempfile::tempdir() }
}
