//! One connection relayed to another one, or to a command, with splice(2) both ways.

use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, splice};

use super::PIPE;
use super::stream::{accept, connect, large_pipe, move_once, unpaced};
use crate::Fallible;

/// Relays so many clients of a port to another port, one after the other.
pub(super) fn relay(port: u16, to: u16, count: usize) -> Fallible<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    // Each is empty again at the end of a client.
    let pipes = [large_pipe()?, large_pipe()?];
    for _ in 0..count {
        both_ways(&unpaced(listener.accept()?.0)?, &connect(to)?, &pipes)?;
    }
    Ok(())
}

/// What one end sends while the other takes nothing would have it wait for ever: the clients of the
/// bench send and take in turn.
fn both_ways(
    client: &TcpStream,
    upstream: &TcpStream,
    pipes: &[(OwnedFd, OwnedFd); 2],
) -> Fallible<()> {
    // SPLICE_F_NONBLOCK alone is about the pipe.
    client.set_nonblocking(true)?;
    upstream.set_nonblocking(true)?;
    let ways = [(client, upstream), (upstream, client)];
    let mut open = [true; 2];
    loop {
        for ((open, (from, to)), pipe) in open.iter_mut().zip(ways).zip(pipes) {
            while *open && pass(from, to, pipe, open)? {}
        }
        let waiting = ways.iter().zip(open).filter(|(_, open)| *open);
        let mut ends: Vec<PollFd<'_>> =
            waiting.map(|((from, _), _)| PollFd::new(*from, PollFlags::IN)).collect();
        if ends.is_empty() {
            return Ok(());
        }
        poll(&mut ends, None)?;
    }
}

/// Passes on what is there; whether there may be more.
fn pass(
    from: &TcpStream,
    to: &TcpStream,
    (output, input): &(OwnedFd, OwnedFd),
    open: &mut bool,
) -> Fallible<bool> {
    let mut held = match splice(from, None, input, None, PIPE, SpliceFlags::MOVE) {
        Ok(0) => {
            *open = false;
            // One that has ended as well is not connected any more.
            let _ = to.shutdown(Shutdown::Write);
            return Ok(false);
        }
        Ok(held) => held,
        Err(Errno::AGAIN) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    while held > 0 {
        match splice(output, None, to, None, held, SpliceFlags::MOVE) {
            Ok(count) => held -= count,
            Err(Errno::AGAIN) => drop(poll(&mut [PollFd::new(to, PollFlags::OUT)], None)?),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// Has cat(1) answer the first client of a port.
pub(super) fn exec(port: u16) -> Fallible<()> {
    let client = accept(port)?;
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let stdin = child.stdin.take().ok_or("no stdin of cat")?;
    let stdout = child.stdout.take().ok_or("no stdout of cat")?;
    let _ = fcntl_setpipe_size(&stdin, PIPE);
    let _ = fcntl_setpipe_size(&stdout, PIPE);
    thread::scope(|scope| -> Fallible<()> {
        let client = &client;
        let there = scope.spawn(move || -> Result<(), String> {
            // Its end is that of cat as well.
            let stdin = stdin;
            while move_once(client, &stdin, PIPE).map_err(|error| error.to_string())? > 0 {}
            Ok(())
        });
        while move_once(&stdout, client, PIPE)? > 0 {}
        client.shutdown(Shutdown::Write)?;
        there.join().map_err(|_| "the way there failed")??;
        Ok(())
    })?;
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("cat: {status}").into()) }
}
