//! One connection relayed to another one, or to a command, with splice(2) both ways.

use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use rustix::pipe::fcntl_setpipe_size;

use super::PIPE;
use super::stream::{accept, connect, large_pipe, move_once, through};
use crate::Fallible;

/// Relays so many clients of a port to another port, one after the other.
pub(super) fn relay(port: u16, to: u16, count: usize) -> Fallible<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    for _ in 0..count {
        both_ways(&listener.accept()?.0, &connect(to)?)?;
    }
    Ok(())
}

fn both_ways(client: &TcpStream, upstream: &TcpStream) -> Fallible<()> {
    thread::scope(|scope| {
        let back = scope.spawn(|| one_way(upstream, client).map_err(|error| error.to_string()));
        one_way(client, upstream)?;
        back.join().map_err(|_| "the way back failed")??;
        Ok(())
    })
}

fn one_way(from: &TcpStream, to: &TcpStream) -> Fallible<()> {
    let (output, input) = large_pipe()?;
    through(from, (&output, &input), to)?;
    Ok(to.shutdown(Shutdown::Write)?)
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
