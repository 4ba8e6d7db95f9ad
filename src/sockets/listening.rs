//! An open listener, and what is to be known of it.

use std::io;
use std::os::fd::OwnedFd;

use mio::net::{TcpListener, UnixListener};
use socket2::Socket;

use super::endpoint::Endpoint;
use super::unix::UnixGuard;

/// A listening socket of either kind.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A unix socket.
    Unix(UnixListener),
}

/// An open listener, non-blocking, and what is to be known of it.
#[derive(Debug)]
pub struct Listening {
    /// The socket.
    pub listener: Listener,
    /// Where it listens: `127.0.0.1:43211` or `unix:/path`.
    pub local: String,
    /// `tcp` or `unix`.
    pub proto: &'static str,
    /// The TCP port.
    pub port: Option<u16>,
    /// Removes the socket file.
    pub cleanup: Option<UnixGuard>,
}

impl Listening {
    /// Takes a listening socket with its address as the kernel has it.
    pub(super) fn from_socket(socket: Socket) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let fd = OwnedFd::from(socket);
        Ok(match address.as_socket() {
            Some(address) => Self {
                listener: Listener::Tcp(TcpListener::from_std(fd.into())),
                local: address.to_string(),
                proto: "tcp",
                port: Some(address.port()),
                cleanup: None,
            },
            None => {
                let listener = UnixListener::from_std(fd.into());
                let local = Endpoint::unix(listener.local_addr()).to_string();
                let listener = Listener::Unix(listener);
                Self { listener, local, proto: "unix", port: None, cleanup: None }
            }
        })
    }
}
