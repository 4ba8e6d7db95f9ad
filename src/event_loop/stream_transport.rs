//! A stream socket as a channel of bytes.
//!
//! What ends a read early, and so whether a short read means that nothing is left (Linux 6.12):
//!
//! | socket | besides an empty queue, a read ends | the poll gives notice |
//! |---|---|---|
//! | TCP | at FIN, a reset | with EPOLLRDHUP, EPOLLHUP, EPOLLERR |
//! | TCP | before an urgent byte, also with SO_OOBINLINE (`tcp_recvmsg_locked()`) | with EPOLLPRI |
//! | unix | behind bytes that carry descriptors (`unix_stream_read_generic()`) | no |
//! | pipe | behind a packet of a writer with O_DIRECT (`pipe_read()`) | no |

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};

use mio::{Interest, Registry, event::Source};
use rustix::io::Errno;
use rustix::net::SendFlags;

use super::transport::{KernelEnd, Readiness, Registration, Transport};
use crate::sockets::{Endpoint, StreamSocket};

impl Transport for StreamSocket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(into),
            Self::Unix(stream, _) => stream.read(into),
        }
    }

    fn is_empty_after_short_read(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        // For one piece send(2) is shorter than writev(2), which goes by way of the file system.
        match (self, pieces) {
            (Self::Tcp(stream), [piece]) => stream.write(piece),
            (Self::Unix(stream, _), [piece]) => stream.write(piece),
            (Self::Tcp(stream), _) => stream.write_vectored(pieces),
            (Self::Unix(stream, _), _) => stream.write_vectored(pieces),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn connected(&mut self) -> io::Result<Option<(Endpoint, Endpoint)>> {
        crate::sockets::connect::finished(self)
    }

    fn addresses(&self) -> (Endpoint, Endpoint) {
        (self.peer(), self.local())
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.as_fd())
    }

    fn kernel_end(&self) -> Option<KernelEnd<'_>> {
        Some(KernelEnd::Socket(self.as_fd()))
    }

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<Readiness> {
        let interest = self.interest();
        source(self).register(registration.registry, registration.token(), interest)?;
        Ok(Readiness::Evented)
    }

    fn leave(&mut self, registry: &Registry) -> bool {
        // Closing a descriptor takes it out of its poll; one that lives on has to be taken out.
        source(self).deregister(registry).is_ok()
    }

    fn reset(&mut self) {
        self.reset_on_close();
    }

    fn set_nodelay(&mut self) {
        if let Self::Tcp(stream) = self {
            // Without it the stream is slow, and works.
            let _ = stream.set_nodelay(true);
        }
    }

    fn acknowledge(&mut self) {
        #[cfg(target_os = "linux")]
        if let Self::Tcp(stream) = self {
            // Without it the acknowledgement comes some 40 ms later.
            let _ = rustix::net::sockopt::set_tcp_quickack(stream, true);
        }
    }

    fn take_error(&mut self) -> Option<io::Error> {
        StreamSocket::take_error(self).ok().flatten()
    }

    fn has_ended(&self) -> io::Result<bool> {
        crate::sys::socket::has_ended(self)
    }

    fn is_deserted(&self) -> bool {
        match self {
            Self::Tcp(_) => false,
            // A send of nothing is no message on a stream, and yet fails where the peer is gone
            // (unix_stream_sendmsg() in Linux).
            Self::Unix(stream, _) => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                rustix::net::send(stream, &[], flags) == Err(Errno::PIPE)
            }
        }
    }

    fn keep_alive(&mut self) {
        StreamSocket::keep_alive(self);
    }

    fn unpace(&mut self) {
        StreamSocket::unpace(self);
    }

    fn unread(&self) -> u64 {
        rustix::io::ioctl_fionread(self).unwrap_or(0)
    }

    fn unacknowledged(&self) -> u64 {
        match self {
            Self::Tcp(stream) => crate::sys::socket::unacknowledged(stream),
            Self::Unix(..) => 0,
        }
    }
}

impl StreamSocket {
    /// Both directions, and the notice of an urgent byte where a short read depends on it.
    fn interest(&self) -> Interest {
        let both = Interest::READABLE | Interest::WRITABLE;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if self.is_empty_after_short_read() {
            return both | Interest::PRIORITY;
        }
        both
    }
}

fn source(stream: &mut StreamSocket) -> &mut dyn Source {
    match stream {
        StreamSocket::Tcp(stream) => stream,
        StreamSocket::Unix(stream, _) => stream,
    }
}

#[cfg(test)]
mod tests;
