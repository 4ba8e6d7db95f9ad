//! A program and its arguments, before it is started.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::error::{Failure, Status};
use crate::protocol::text::escape;

/// Variables that are for one process only, and not for its children: socket activation and readiness
/// (sd_listen_fds(3), sd_notify(3)), and those that another wirecat sets.
const PRIVATE: [&str; 7] = [
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WIRECAT_ADDR",
    "WIRECAT_HOST",
    "WIRECAT_PORT",
];

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub(super) name: OsString,
    pub(super) args: Vec<OsString>,
}

impl Program {
    /// A program that is looked up in `PATH`; `None` without a word to name it.
    pub fn new(words: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut words = words.into_iter();
        Some(Self { name: words.next()?, args: words.collect() })
    }

    /// A line for the shell.
    pub fn shell(line: impl AsRef<OsStr>) -> Self {
        Self { name: "/bin/sh".into(), args: vec!["-c".into(), line.as_ref().to_owned()] }
    }

    /// Looks whether it is there and can be run, as execvp(3) would find it.
    ///
    /// # Errors
    /// It is not there (127), or it cannot be run (126).
    pub fn check(&self) -> Result<(), Failure> {
        let path = match self.name.as_bytes().contains(&b'/') {
            true => OsString::new(),
            false => std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into()),
        };
        // An empty path in PATH is this directory, and so is the one of a name with a slash.
        let mut denied = false;
        for directory in std::env::split_paths(&path) {
            let file = directory.join(&self.name);
            match std::fs::metadata(&file) {
                Ok(found) if found.is_file() && access(&file, Access::EXEC_OK).is_ok() => {
                    return Ok(());
                }
                Ok(_) => denied = true,
                Err(error) => denied |= error.kind() == io::ErrorKind::PermissionDenied,
            }
        }
        let errno = if denied { Errno::ACCESS } else { Errno::NOENT };
        Err(self.failure(&errno.into()))
    }

    /// What it is called in messages.
    pub fn title(&self) -> String {
        let text = match self.args.as_slice() {
            [flag, line] if self.name == "/bin/sh" && flag == "-c" => line,
            _ => &self.name,
        };
        escape(text.as_encoded_bytes())
    }

    pub(super) fn command(&self, env: &[(&'static str, OsString)]) -> Command {
        let mut command = Command::new(&self.name);
        // A program that inherited NOTIFY_SOCKET could report READY=1 or STOPPING=1 in our name.
        for name in PRIVATE {
            command.env_remove(name);
        }
        command.args(&self.args).envs(env.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(super) fn failure(&self, error: &io::Error) -> Failure {
        let target = escape(self.name.as_encoded_bytes());
        if error.kind() != io::ErrorKind::NotFound {
            return Failure::io(Status::NotRunnable, "run", target, error);
        }
        let fix = match target.contains('/') {
            true => "the file is missing, or for a script its interpreter",
            false => "no directory of PATH has it",
        };
        Failure::io(Status::NotFound, "run", target, error).fix(fix)
    }
}
