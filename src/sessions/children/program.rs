//! A program before it is started: its arguments, and what it has for stdin and stdout, with the channels
//! of the pool on our side of them.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};

use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::error::{Failure, Status};
use crate::event_loop::{Directions, Id, Pool, stdio};
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

/// What a child has for stdin or stdout.
#[derive(Debug)]
pub(crate) enum Stream {
    /// The null device.
    Null,
    /// The same as this process.
    Inherit,
    /// The stderr of this process.
    Stderr,
    /// A pipe whose other end is a channel of the pool.
    Pipe,
    /// A socket that is stdin and stdout, as inetd has it; its other end is two channels of the
    /// pool. To be asked for on both.
    Socket,
}

impl Stream {
    /// Null for a stdout is never asked for: stdin alone is empty.
    fn into_stdio(self) -> io::Result<Stdio> {
        Ok(match self {
            Self::Null => empty_stdin()?,
            Self::Inherit => Stdio::inherit(),
            // A duplicate shares the open file, and so the offset: neither writer overwrites the
            // other.
            Self::Stderr => io::stderr().as_fd().try_clone_to_owned()?.into(),
            Self::Pipe | Self::Socket => Stdio::piped(),
        })
    }
}

/// The null device, or where there is none a pipe that has ended.
fn empty_stdin() -> io::Result<Stdio> {
    // Opened here: spawn(2) would report that the command is not there.
    match std::fs::File::open("/dev/null") {
        Ok(null) => Ok(null.into()),
        Err(_) => Ok(io::pipe()?.0.into()),
    }
}

/// Gives a command its stdin and stdout; returns our end of the socket, where they are one.
pub(super) fn set_streams(
    command: &mut Command,
    stdin: Stream,
    stdout: Stream,
) -> io::Result<Option<OwnedFd>> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    if !matches!((&stdin, &stdout), (Stream::Socket, Stream::Socket)) {
        command.stdin(stdin.into_stdio()?);
        command.stdout(stdout.into_stdio()?);
        return Ok(None);
    }
    let (family, flags) = (AddressFamily::UNIX, SocketFlags::CLOEXEC);
    let (ours, theirs) = socketpair(family, SocketType::STREAM, flags, None)?;
    command.stdin(theirs.try_clone()?).stdout(theirs);
    Ok(Some(ours))
}

/// The channels to a child's stdin and from its stdout.
pub(super) fn channels(
    pool: &mut Pool,
    process: &mut Child,
    socket: Option<OwnedFd>,
) -> io::Result<(Option<Id>, Option<Id>)> {
    if let Some(socket) = socket {
        let [sink, source] = stdio::own_socket(socket)?;
        let sink = pool.add_channel(sink, Directions::Write)?;
        return Ok((Some(sink), Some(pool.add_channel(source, Directions::Read)?)));
    }
    let mut channel = |fd: Option<OwnedFd>, sides| {
        fd.map(|fd| pool.add_channel(stdio::own_pipe(fd)?, sides)).transpose()
    };
    let stdin = channel(process.stdin.take().map(OwnedFd::from), Directions::Write)?;
    Ok((stdin, channel(process.stdout.take().map(OwnedFd::from), Directions::Read)?))
}
