//! stdin and stdout as channels, each served by what its descriptor allows.
//!
//! | what it is | how it is served |
//! |---|---|
//! | regular file, null device | always ready (epoll refuses them: `EPERM`) |
//! | pipe, terminal | opened once more with `O_NONBLOCK`, and polled |
//! | socket | polled as it is, with `MSG_DONTWAIT` |
//! | anything that cannot be reopened | a thread and a bounded buffer |
//!
//! Pipes and sockets to children have one end that is ours alone, which is polled as it is.
//!
//! # From a file to a socket
//!
//! CPU time of both ends in seconds for 1 GiB over loopback (Linux 6.18, 2 cores, medians of 5), by what
//! the receiver does and where the file lies:
//!
//! | by | drops it, tmpfs | drops it, ext4 | reads it, tmpfs | reads it, ext4 |
//! |---|---|---|---|---|
//! | read, send of 64 KiB | 0.47 | 0.40 | | |
//! | of 128 KiB | 0.41 | 0.31 | 0.51 | 0.45 |
//! | of 256 KiB | 0.40 | 0.31 | 0.48 | 0.39 |
//! | of 512 KiB | 0.38 | 0.30 | 0.46 | 0.37 |
//! | of 1 MiB | 0.39 | 0.29 | 0.46 | 0.37 |
//! | sendfile of 512 KiB | 0.33 | 0.27 | 0.57 | 0.49 |
//! | splice of 512 KiB, pipe of 1 MiB | 0.24 | 0.21 | 0.57 | 0.49 |
//!
//! That is with BBR, whose timers weigh more on what has the least to do besides. Where a connection stays
//! on the machine, links turn them off, and 0.75 GiB on ext4 takes s/GB of both ends, and GB/s:
//!
//! | by | drops it | reads it |
//! |---|---|---|
//! | read, send of 512 KiB | 0.48, 2.8 | 0.59, 2.2 |
//! | sendfile of 1 MiB | 0.36, 4.6 | 0.25, 4.3 |
//!
//! But pages that pass without a copy change with the file, and on one machine those that the receiver has
//! are the very pages of the file. Of 1 MiB by sendfile(2), all of it acknowledged, a receiver that reads
//! later gets what was written over the file since, or, where the file was cut to 10,000 bytes, 1,038,576
//! zeros (ext4; 2,288 on tmpfs): neither is what was counted, and the sender has ended with 0. That holds
//! for splice(2) as well. So a file is read, 512 KiB at a time, at 1.05 times the CPU of a bare program that
//! reads. To send from a mapping is one copy less, and faults instead: 0.33 s/GB against 0.37.
//!
//! `O_NONBLOCK` is never set on an inherited descriptor, because the flag is shared with every
//! process on that pipe or terminal.

mod polled;
mod threaded;

use std::io::{self, IoSlice};
use std::os::fd::{BorrowedFd, OwnedFd};

use bytes::{Buf, Bytes};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::net::Shutdown;
use rustix::pipe::PipeFlags;

use super::id::Id;
use super::lifecycle::Directions;
use super::pool::Pool;
use super::transport::Transport;
use crate::error::{Failure, Status};
use crate::sys::fd::{FdAccess, reopen_nonblocking, widen_pipe};
use crate::sys::startup::check_writable;

use polled::{Plain, Reopened, SocketHalf, StdioSocket};

/// The pipe buffer to ask for: the most that an unprivileged process gets (pipe(7)).
const PIPE_SIZE: usize = 1024 * 1024;

/// Bytes that one read of a file takes; the table above has why.
const FILE_READ_SIZE: usize = 512 * 1024;

/// What a standard stream is, as far as the rules for its end go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StdioKind {
    /// A person sits there.
    Terminal,
    /// A program is on the other side.
    Pipe,
    /// A regular file or block device.
    File,
    /// A socket, as under inetd.
    Socket,
    /// The null device and its like.
    Device,
}

/// Opens stdin as a channel. One that was closed from the start is an empty one: Rust's runtime has
/// the null device in its place, and nothing that was to be sent can be lost by that.
///
/// # Errors
/// The descriptor is not usable at all.
pub fn input() -> io::Result<(Box<dyn Transport>, StdioKind)> {
    open(rustix::stdio::stdin(), FdAccess::Read)
}

impl Pool {
    /// Adds stdin as a source of bytes, or with [`Pool::frame`] of messages.
    ///
    /// # Errors
    /// The descriptor is not usable at all.
    pub fn stdin(&mut self) -> Result<Id, Failure> {
        let opened = input().and_then(|(stdin, _)| self.add_channel(stdin, Directions::Read));
        opened.map_err(|error| Failure::io(Status::Local, "read", "stdin", &error))
    }

    /// Adds stdout: what is sent to it waits in a queue like that of a connection.
    ///
    /// # Errors
    /// The descriptor is not usable at all, was closed from the start, or is open for reading only.
    pub fn stdout(&mut self) -> Result<Id, Failure> {
        let opened = output().and_then(|(stdout, _)| self.add_channel(stdout, Directions::Write));
        opened.map_err(|error| Failure::io(Status::Local, "write to", "stdout", &error))
    }
}

/// How many bytes are left to read from stdin, where it is a regular file.
pub fn input_size() -> Option<u64> {
    left(rustix::stdio::stdin())
}

/// How many bytes are left to read, where it is a regular file.
fn left(fd: BorrowedFd<'_>) -> Option<u64> {
    let stat = rustix::fs::fstat(fd).ok()?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let size = u64::try_from(stat.st_size).ok()?;
    let at = rustix::fs::tell(fd).unwrap_or(0);
    Some(size.saturating_sub(at))
}

/// Opens stdout as a channel.
///
/// # Errors
/// The descriptor is not usable at all, was closed from the start, or is open for reading only.
pub fn output() -> io::Result<(Box<dyn Transport>, StdioKind)> {
    check_writable(rustix::stdio::stdout())?;
    open(rustix::stdio::stdout(), FdAccess::Write)
}

/// Gives up descriptor 1, so that the reader of a pipe sees the end once no other process holds it:
/// a description of our own goes with its channel, and children have other descriptors in its place.
/// A stderr that goes to the same pipe keeps it open.
///
/// The null device takes its number, or the next open(2) would get it. A socket is shared with
/// whoever holds it, stdin and stderr under inetd: only its writing ends, for all of them.
pub fn release_output(kind: StdioKind) {
    // Where either fails, the reader sees the end when the process ends.
    let _ = match kind {
        StdioKind::Socket => rustix::net::shutdown(rustix::stdio::stdout(), Shutdown::Write),
        _ => rustix::fs::open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
            // An empty root directory has none. Nothing is written any more that could be missed.
            .or_else(|_| rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map(|(_, sink)| sink))
            .and_then(|null| rustix::stdio::dup2_stdout(&null)),
    };
}

/// A channel on our end of a pipe to a child, whose own end stays blocking.
///
/// # Errors
/// Those of `fcntl(2)`.
pub fn own_pipe(fd: OwnedFd) -> io::Result<Box<dyn Transport>> {
    // The ends of a pipe are two open file descriptions, so the child's end keeps its own flags.
    rustix::io::ioctl_fionbio(&fd, true)?;
    Ok(Box::new(Reopened::new(fd, StdioKind::Pipe)))
}

/// Channels on our end of a socket to a child, whose own end stays blocking: one to write to it, and
/// one to read from it. The socket is closed with the second of them.
///
/// # Errors
/// Those of `fcntl(2)`.
pub fn own_socket(fd: OwnedFd) -> io::Result<[Box<dyn Transport>; 2]> {
    rustix::io::ioctl_fionbio(&fd, true)?;
    // Each has a descriptor of its own, under which the poll knows it.
    let sink = SocketHalf::new(fd.try_clone()?, Shutdown::Write);
    Ok([Box::new(sink), Box::new(SocketHalf::new(fd, Shutdown::Read))])
}

fn open(fd: BorrowedFd<'static>, access: FdAccess) -> io::Result<(Box<dyn Transport>, StdioKind)> {
    let kind = kind(fd)?;
    let transport: Box<dyn Transport> = match kind {
        // O_NONBLOCK means nothing for a regular file: reading waits for the disk (open(2)).
        StdioKind::File => Box::new(Plain::new(fd)),
        StdioKind::Socket => Box::new(StdioSocket::new(fd)),
        StdioKind::Terminal | StdioKind::Pipe | StdioKind::Device => {
            if kind == StdioKind::Pipe {
                widen_pipe(fd, PIPE_SIZE);
            }
            match (reopen_nonblocking(fd, access), access) {
                (Ok(own), _) => Box::new(Reopened::new(own, kind)),
                (Err(_), FdAccess::Read) => Box::new(threaded::ThreadedStdin::new(fd)),
                (Err(_), FdAccess::Write) => Box::new(threaded::ThreadedStdout::new(fd)),
            }
        }
    };
    Ok((transport, kind))
}

fn kind(fd: BorrowedFd<'_>) -> io::Result<StdioKind> {
    Ok(match FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) {
        FileType::Fifo => StdioKind::Pipe,
        FileType::Socket => StdioKind::Socket,
        FileType::CharacterDevice if rustix::termios::isatty(fd) => StdioKind::Terminal,
        FileType::CharacterDevice => StdioKind::Device,
        _ => StdioKind::File,
    })
}

/// A channel that delivers these bytes.
pub struct Memory(Bytes);

impl Memory {
    /// A source of `bytes`.
    pub const fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl Transport for Memory {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(self.0.len());
        self.0.copy_to_slice(into.get_mut(..count).unwrap_or_default());
        Ok(count)
    }

    fn unread(&self) -> u64 {
        self.0.len() as u64
    }

    fn write(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
