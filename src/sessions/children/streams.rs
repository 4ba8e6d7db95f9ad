//! stdin and stdout of a child, and the channels of the pool on our side of them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use crate::event_loop::{Directions, Id, Pool, stdio};

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
