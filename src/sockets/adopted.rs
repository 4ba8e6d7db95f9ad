//! Sockets that the program itself has opened, with the standard library or otherwise.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use socket2::{Socket, Type};

use super::binding::{Bindable, opened};
use super::datagram::{self, DatagramSocket};
use super::inherited::{is_listener, type_of};
use super::listen::{Listener, OpenListener};
use super::options::SocketOptions;
use super::stream::StreamSocket;
use crate::error::{Failure, Status};

/// A socket that was taken over, by what it is.
#[derive(Debug)]
pub(crate) enum AdoptedSocket {
    /// A stream socket that is connected.
    Stream(StreamSocket),
    /// A stream socket that listens.
    Listener(OpenListener),
    /// A datagram socket.
    Datagrams(datagram::Opened),
}

/// Takes over a socket, and makes it non-blocking and close-on-exec.
///
/// # Errors
/// `Status::Local`: it is no socket, none of the internet and no unix one, or a stream socket that
/// neither is connected nor listens.
pub(crate) fn adopt(fd: OwnedFd) -> Result<AdoptedSocket, Failure> {
    let name = format!("fd {}", fd.as_raw_fd());
    take(fd.into()).map_err(|error| Failure::io(Status::Local, "take over", name, &error))
}

fn take(socket: Socket) -> io::Result<AdoptedSocket> {
    let (kind, domain) = type_of(&socket)?;
    // O_NONBLOCK is of the open file description: a duplicate that was kept sees it too.
    socket.set_cloexec(true)?;
    socket.set_nonblocking(true)?;
    let options = SocketOptions::default();
    match kind {
        Type::DGRAM => {
            DatagramSocket::inherit(&socket, &options)?;
            opened(socket, None).map(AdoptedSocket::Datagrams)
        }
        Type::STREAM if is_listener(&socket)? => {
            Listener::inherit(&socket, &options)?;
            opened(socket, None).map(AdoptedSocket::Listener)
        }
        Type::STREAM => {
            // ENOTCONN where it has no peer (getpeername(2)).
            socket.peer_addr()?;
            Ok(AdoptedSocket::Stream(StreamSocket::from_socket(socket, domain, None)))
        }
        _ => Err(io::Error::other("neither a stream nor a datagram socket")),
    }
}
