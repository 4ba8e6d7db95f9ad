//! Moving bytes between descriptors inside the kernel, by way of a pipe (splice(2)).
//!
//! Linux alone has it. Elsewhere no pipe is opened for it, and nothing is moved.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Moves up to `max` bytes from one descriptor to another, of which at least one is a pipe, and waits
/// for no pipe. A socket has to be non-blocking: SPLICE_F_NONBLOCK is not for sockets (tcp_splice_read()
/// in Linux 6.18). 0 is the end of what is read, or an urgent byte with the end behind it.
///
/// # Errors
/// `WouldBlock`: nothing to read, or no room. `EINVAL`: one of them cannot be spliced. Others are those
/// of read(2) and write(2).
pub fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, max: usize) -> io::Result<usize> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let flags = rustix::pipe::SpliceFlags::NONBLOCK;
        Ok(rustix::pipe::splice(from, None, to, None, max, flags)?)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = (from, to, max);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Opens a pipe of up to `size` bytes, and of no less than `least`: its end to read from, its end to
/// write to, and how many bytes it takes.
///
/// # Errors
/// There is no descriptor for it, or no pipe of that size.
pub fn open_pipe(size: usize, least: usize) -> io::Result<(OwnedFd, OwnedFd, usize)> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::pipe::{PipeFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with};
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let mut wanted = size;
        // EPERM above /proc/sys/fs/pipe-max-size, and for a user whose pipes have pipe-user-pages-soft
        // pages; beyond that limit a new pipe has two pages (pipe(7)).
        while wanted >= least && fcntl_setpipe_size(&writer, wanted).is_err() {
            wanted /= 2;
        }
        match fcntl_getpipe_size(&writer)? {
            size if size >= least => Ok((reader, writer, size)),
            _ => Err(io::ErrorKind::OutOfMemory.into()),
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = (size, least);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The state of the writing side of a descriptor, found without a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteSide {
    /// It takes something.
    Open,
    /// It takes nothing now. A poll that asks so has the kernel report when that changes.
    Full,
    /// A write fails.
    Broken,
}

/// Looks at the writing side of a descriptor.
pub fn write_side(fd: impl AsFd) -> WriteSide {
    let mut fds = [PollFd::new(&fd, PollFlags::OUT)];
    match poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
        Ok(0) => WriteSide::Full,
        Ok(_) if fds.iter().any(|fd| fd.revents().contains(PollFlags::ERR)) => WriteSide::Broken,
        // Where poll(2) fails, the write itself returns why.
        _ => WriteSide::Open,
    }
}
