//! A port that refuses, for unit tests.

use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

/// A port of 127.0.0.1 that a socket has which does not listen: one that is only free is given to
/// whoever asks next.
pub(crate) struct RefusingPort {
    socket: Socket,
}

impl RefusingPort {
    pub(crate) fn new() -> Self {
        Self { socket: shared(([127, 0, 0, 1], 0).into()) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap().as_socket().unwrap()
    }

    /// A listener on it; once that is dropped, the port refuses again.
    pub(crate) fn listen(&self) -> std::net::TcpListener {
        let listener = shared(self.address());
        listener.listen(128).unwrap();
        listener.into()
    }
}

fn shared(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket
}
