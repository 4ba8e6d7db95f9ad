//! One stream: from stdin to a connection, and from a connection to stdout.

use std::io::{Read, Write, stdin, stdout};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::FileType;
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, pipe, splice};

use super::PIPE;
use crate::Fallible;
use crate::ends::aligned;

/// One read from a file; smaller ones cost more calls, larger ones leave the cache.
const READ: usize = 512 * 1024;
/// One read of lines.
const LINES: usize = 128 * 1024;

pub(super) fn connect(port: u16) -> Fallible<TcpStream> {
    unpaced(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?)
}

/// A connection whose congestion control does not pace what is sent, as BBR does, which a machine may
/// have by default: no program that does pace is the least of anything.
pub(super) fn unpaced(stream: TcpStream) -> Fallible<TcpStream> {
    // Any user may have this one, and each kernel has it (tcp(7)).
    rustix::net::sockopt::set_tcp_congestion(&stream, "reno")?;
    Ok(stream)
}

/// The first client of a port.
pub(super) fn accept(port: u16) -> Fallible<TcpStream> {
    unpaced(TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.accept()?.0)
}

/// A pipe of 1 MiB, or of what the kernel gives.
pub(super) fn large_pipe() -> Fallible<(OwnedFd, OwnedFd)> {
    let (output, input) = pipe()?;
    // Refused where the user has too many of them (pipe-user-pages-soft).
    let _ = fcntl_setpipe_size(&input, PIPE);
    Ok((output, input))
}

/// Moves what one end has to the other, which of them is a pipe; how much it was.
pub(super) fn move_once(from: impl AsFd, to: impl AsFd, most: usize) -> Fallible<usize> {
    Ok(splice(from, None, to, None, most, SpliceFlags::MOVE)?)
}

/// From a pipe to a connection.
pub(super) fn send_splice(port: u16) -> Fallible<()> {
    let to = connect(port)?;
    while move_once(stdin(), &to, PIPE)? > 0 {}
    Ok(to.shutdown(Shutdown::Write)?)
}

/// From anything to a connection, by copying.
pub(super) fn send_read(port: u16) -> Fallible<()> {
    let mut to = connect(port)?;
    let mut memory = vec![0; READ];
    let chunk = aligned(&mut memory);
    loop {
        let count = stdin().read(chunk)?;
        if count == 0 {
            return Ok(to.shutdown(Shutdown::Write)?);
        }
        to.write_all(chunk.get(..count).unwrap_or_default())?;
    }
}

/// From a file to a connection.
pub(super) fn send_sendfile(port: u16) -> Fallible<()> {
    let to = connect(port)?;
    while rustix::fs::sendfile(&to, stdin(), None, PIPE)? > 0 {}
    Ok(to.shutdown(Shutdown::Write)?)
}

/// From a connection to a pipe, or by way of one to a file or the null device.
pub(super) fn receive_splice(port: u16) -> Fallible<()> {
    splice_to_stdout(&accept(port)?)
}

/// stdin, which is a socket or a pipe, to stdout.
pub(super) fn cat() -> Fallible<()> {
    splice_to_stdout(&stdin())
}

fn splice_to_stdout(from: &impl AsFd) -> Fallible<()> {
    let kind = FileType::from_raw_mode(rustix::fs::fstat(stdout())?.st_mode);
    if kind == FileType::Fifo {
        while move_once(from, stdout(), PIPE)? > 0 {}
        return Ok(());
    }
    let (output, input) = large_pipe()?;
    through(from, (&output, &input), &stdout())
}

/// All from one end by way of a pipe to the other, neither of which need be one.
pub(super) fn through(
    from: &impl AsFd,
    (output, input): (&OwnedFd, &OwnedFd),
    to: &impl AsFd,
) -> Fallible<()> {
    loop {
        let mut held = move_once(from, input, PIPE)?;
        if held == 0 {
            return Ok(());
        }
        while held > 0 {
            held -= move_once(output, to, held)?;
        }
    }
}

/// Reads a connection to its end and counts its lines, which is the least that has to be done for
/// each message. Their number goes to stderr.
pub(super) fn receive_lines(port: u16) -> Fallible<()> {
    let mut from = accept(port)?;
    let mut memory = vec![0; LINES];
    let chunk = aligned(&mut memory);
    let mut lines = 0;
    while let count @ 1.. = from.read(chunk)? {
        lines += memchr::memchr_iter(b'\n', chunk.get(..count).unwrap_or_default()).count();
    }
    eprintln!("{lines} lines");
    Ok(())
}
