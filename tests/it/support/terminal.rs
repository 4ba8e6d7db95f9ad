//! Pseudo-terminals: a bare one to hand to a program as its stdin, and a whole session on one, as
//! a person at a terminal has it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use regex::Regex;
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::Winsize;

use super::proc::{self, let_children_hear_signals, spawn};
use super::{PATIENCE, forget_colors, pipes};

/// The two ends of a new terminal: the person's and the program's.
pub(crate) fn pty() -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC);
    let master = master.expect("a pty");
    grantpt(&master).expect("a pty of our own");
    unlockpt(&master).expect("a usable pty");
    let name = ptsname(&master, Vec::new()).expect("its name");
    let name = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
    let mut options = OpenOptions::new();
    let flags = i32::try_from(OFlags::NOCTTY.bits()).expect("a flag");
    let slave = options.read(true).write(true).custom_flags(flags).open(name);
    (master.into(), slave.expect("the other end"))
}

/// A session whose controlling terminal is a pty, with one program in the foreground. Dropping it
/// hangs up.
pub(crate) struct Terminal {
    pub(crate) child: Child,
    pub(crate) master: File,
    slave: File,
    screen: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

impl Terminal {
    /// Starts a program as the leader of a session of its own (setsid(1) of util-linux).
    pub(crate) fn start(program: &str, args: &[&str]) -> Self {
        Self::of_kind("dumb", program, args)
    }

    /// The same on a terminal that can do what `kind` (TERM) says.
    pub(crate) fn of_kind(kind: &str, program: &str, args: &[&str]) -> Self {
        let_children_hear_signals();
        let (master, slave) = pty();
        let end = || slave.try_clone().expect("a descriptor");
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program).args(args);
        command.env("PS1", "$ ").env("TERM", kind);
        forget_colors(&mut command);
        command.stdin(end()).stdout(end()).stderr(end());
        let child = spawn(&mut command).expect("setsid of util-linux");
        let mut reader = master.try_clone().expect("a descriptor");
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            // EIO tells that nobody has the other end any more.
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                if sender.send(chunk[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, master, slave, screen, seen: Vec::new() }
    }

    /// Types what a person would; `\x03` is ^C and `\x04` is ^D.
    pub(crate) fn type_in(&mut self, keys: &str) {
        pipes::patient(&self.master).write_all(keys.as_bytes()).expect("the terminal takes it");
    }

    /// Gives the window another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.master, size).expect("a terminal");
    }

    /// The bytes that the screen was sent so far, once there are more than `known`, or it is late.
    pub(crate) fn more_than(&mut self, known: usize, deadline: Instant) -> &[u8] {
        self.seen.extend(self.screen.try_iter().flatten());
        if self.seen.len() <= known {
            let left = deadline.saturating_duration_since(Instant::now());
            self.seen.extend(self.screen.recv_timeout(left).into_iter().flatten());
        }
        &self.seen
    }

    /// What the screen has shown so far.
    pub(crate) fn shown(&mut self) -> String {
        self.seen.extend(self.screen.try_iter().flatten());
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Waits until the screen has shown these words, and returns all that it has shown.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, words: &str) -> String {
        self.wait_for_match(&regex::escape(words))
    }

    /// Waits until the screen has shown what this regular expression matches, and returns all that
    /// it has shown.
    #[track_caller]
    pub(crate) fn wait_for_match(&mut self, pattern: &str) -> String {
        let expression = Regex::new(pattern).expect("an expression");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.shown();
            if expression.is_match(&shown) {
                return shown;
            }
            match self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(more) => self.seen.extend(more),
                Err(error) => panic!("no {pattern:?} on the screen ({error}):\n{shown}"),
            }
        }
    }

    /// Waits for the end of the program that was started.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        assert!(proc::ends_within(PATIENCE, &mut self.child), "it does not end:\n{}", self.shown());
        self.child.wait().expect("a child")
    }

    /// Waits for its end, which has to be of this status.
    #[track_caller]
    pub(crate) fn wait_for_code(&mut self, code: i32) {
        let status = self.wait();
        let shown = self.shown();
        assert_eq!(status.code(), Some(code), "signal {:?}:\n{shown}", status.signal());
    }

    /// The settings of the terminal, such as echo, as text to compare.
    pub(crate) fn settings(&self) -> String {
        format!("{:?}", rustix::termios::tcgetattr(&self.slave).expect("a terminal"))
    }

    /// Whether the terminal itself, that all its programs share, is blocking.
    pub(crate) fn is_blocking(&self) -> bool {
        let flags = rustix::fs::fcntl_getfl(&self.slave).expect("flags");
        !flags.contains(OFlags::NONBLOCK)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        proc::end(&mut self.child);
    }
}
