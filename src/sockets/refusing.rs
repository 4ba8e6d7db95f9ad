//! A port that refuses, for tests; those of the binary have this file as well.

use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener};
use std::ops::Deref;

use socket2::{Domain, SockRef, Socket, Type};

/// A port of loopback that a socket has which does not listen: one that is only free is given to whoever
/// asks next.
pub(crate) struct RefusingPort {
    socket: Socket,
}

impl RefusingPort {
    pub(crate) fn new() -> Self {
        Self::on(Ipv4Addr::LOCALHOST.into())
    }

    pub(crate) fn on(host: IpAddr) -> Self {
        Self { socket: shared(SocketAddr::new(host, 0)) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap().as_socket().unwrap()
    }

    /// A listener on it; once that is dropped, the port refuses again.
    pub(crate) fn listen(&self) -> RefusingListener {
        let listener = shared(self.address());
        listener.listen(128).unwrap();
        RefusingListener(listener.into())
    }
}

/// A listener whose port refuses once it is dropped: a process that is about to be started elsewhere has a
/// copy of it for a moment, and so it is shut down, which is for all copies (inet_shutdown() in Linux).
pub(crate) struct RefusingListener(TcpListener);

impl Deref for RefusingListener {
    type Target = TcpListener;

    fn deref(&self) -> &TcpListener {
        &self.0
    }
}

impl Drop for RefusingListener {
    fn drop(&mut self) {
        let _ = SockRef::from(&self.0).shutdown(Shutdown::Both);
    }
}

/// A bound socket, beside which another one may have the port as long as one of them listens at most.
fn shared(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket
}
