//! Standard streams that need no thread: reopened ones, sockets, and files.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry};
use rustix::net::{RecvFlags, SendFlags, Shutdown};

use super::StdioKind;
use crate::event_loop::READ_SIZE;
use crate::event_loop::transport::{KernelEnd, Readiness, Registration, Transport};
use crate::sockets::keep_urgent_byte;
use crate::sys::process::in_background;

/// A file or device that never blocks for long.
pub(super) struct Plain {
    fd: BorrowedFd<'static>,
}

impl Plain {
    pub(super) fn new(fd: BorrowedFd<'static>) -> Self {
        Self { fd }
    }
}

impl Transport for Plain {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(self.fd, into)?)
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(rustix::io::writev(self.fd, pieces)?)
    }

    fn kernel_end(&self) -> Option<KernelEnd<'_>> {
        Some(KernelEnd::File(self.fd))
    }

    fn unread(&self) -> u64 {
        super::left(self.fd).unwrap_or(0)
    }

    fn read_size(&self) -> usize {
        // A short file needs no larger buffer than anything else.
        let left = super::left(self.fd).map(|left| usize::try_from(left).unwrap_or(usize::MAX));
        left.unwrap_or(usize::MAX).clamp(READ_SIZE, super::FILE_READ_SIZE)
    }
}

/// A pipe, terminal or device behind a non-blocking description of our own.
///
/// | `read` of the kernel | gives | until |
/// |---|---|---|
/// | bytes, 0 | bytes, the end | |
/// | EAGAIN | `WouldBlock` | the next event of the poll |
/// | EIO in the background | `WouldBlock` | the job is in the foreground and something is typed |
/// | EIO elsewhere: the terminal hung up | the error | |
pub(super) struct Reopened {
    fd: OwnedFd,
    kind: StdioKind,
}

impl Reopened {
    pub(super) fn new(fd: OwnedFd, kind: StdioKind) -> Self {
        Self { fd, kind }
    }
}

impl Transport for Reopened {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match rustix::io::read(&self.fd, into) {
            // A background job may not read its terminal, and SIGTTIN is ignored: the kernel
            // returns EIO until the shell brings the job to the front.
            Err(rustix::io::Errno::IO) if in_background(&self.fd) => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            outcome => Ok(outcome?),
        }
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        // In the background a terminal with `stty tostop` would signal SIGTTOU. As that is ignored,
        // the kernel lets the write pass (__tty_check_change(), Linux 6.18).
        Ok(rustix::io::writev(&self.fd, pieces)?)
    }

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<Readiness> {
        register(registration, self.fd.as_fd())
    }

    fn kernel_end(&self) -> Option<KernelEnd<'_>> {
        match self.kind {
            StdioKind::Pipe => Some(KernelEnd::Pipe(self.fd.as_fd())),
            // A device that cannot be spliced to refuses the first try.
            StdioKind::Device => Some(KernelEnd::File(self.fd.as_fd())),
            StdioKind::Terminal | StdioKind::File | StdioKind::Socket => None,
        }
    }

    fn unread(&self) -> u64 {
        // A device without a count gives a byte, as /dev/zero does, or none, as /dev/null.
        let device = || rustix::io::read(&self.fd, &mut [0_u8][..]).unwrap_or(0) as u64;
        rustix::io::ioctl_fionread(&self.fd).unwrap_or_else(|_| device())
    }
}

/// One direction of a unix socket whose other end a child has, beside the channel of the other one.
///
/// | what the kernel returns | becomes |
/// |---|---|
/// | ECONNRESET behind the last bytes: the child left input unread | the end |
/// | EPIPE: the child reads no more | the error, which is no loss |
pub(super) struct SocketHalf {
    fd: OwnedFd,
    direction: Shutdown,
}

impl SocketHalf {
    pub(super) fn new(fd: OwnedFd, direction: Shutdown) -> Self {
        Self { fd, direction }
    }
}

impl Drop for SocketHalf {
    fn drop(&mut self) {
        // The other channel keeps the socket open. Where nothing is read any more a child that goes
        // on writing gets SIGPIPE or EPIPE, and where nothing is written it finds an end (unix(7)).
        let _ = rustix::net::shutdown(&self.fd, self.direction);
    }
}

impl Transport for SocketHalf {
    fn kernel_end(&self) -> Option<KernelEnd<'_>> {
        Some(KernelEnd::ChildSocket(self.fd.as_fd()))
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // What is in the queue comes before the error (unix_stream_read_generic()).
        match rustix::io::read(&self.fd, into) {
            Err(rustix::io::Errno::CONNRESET) => Ok(0),
            outcome => Ok(outcome?),
        }
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(rustix::io::writev(&self.fd, pieces)?)
    }

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<Readiness> {
        register(registration, self.fd.as_fd())
    }

    fn deregister(&mut self, registry: &Registry) {
        let _ = registry.deregister(&mut SourceFd(&self.fd.as_raw_fd()));
    }
}

/// A socket, which cannot be reopened but takes MSG_DONTWAIT with each call.
pub(super) struct StdioSocket {
    fd: BorrowedFd<'static>,
}

impl StdioSocket {
    pub(super) fn new(fd: BorrowedFd<'static>) -> Self {
        keep_urgent_byte(fd);
        Self { fd }
    }
}

impl Transport for StdioSocket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (count, _) = rustix::net::recv(self.fd, into, RecvFlags::DONTWAIT)?;
        Ok(count)
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(first) = pieces.iter().find(|piece| !piece.is_empty()) else { return Ok(0) };
        // MSG_DONTWAIT is of the call alone: other holders of the socket keep it blocking.
        Ok(rustix::net::send(self.fd, first, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    fn finish(&mut self) -> io::Result<()> {
        // stdin may be the same socket, so its end is the end of the process.
        Ok(())
    }

    fn unread(&self) -> u64 {
        rustix::io::ioctl_fionread(self.fd).unwrap_or(0)
    }

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<Readiness> {
        register(registration, self.fd)
    }

    fn deregister(&mut self, registry: &Registry) {
        // To drop it closes nothing, and only the close of the last descriptor takes it out of
        // epoll. The descriptor is not ours to close.
        let _ = registry.deregister(&mut SourceFd(&self.fd.as_raw_fd()));
    }
}

/// Polls a descriptor, or takes it as always ready where epoll refuses it (`EPERM`,
/// epoll_ctl(2): the target file does not support epoll).
fn register(registration: &Registration<'_>, fd: BorrowedFd<'_>) -> io::Result<Readiness> {
    let both = Interest::READABLE | Interest::WRITABLE;
    match registration.registry.register(&mut SourceFd(&fd.as_raw_fd()), registration.token(), both)
    {
        Ok(()) => Ok(Readiness::Evented),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(Readiness::Always),
        Err(error) => Err(error),
    }
}
