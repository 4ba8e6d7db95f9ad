//! A stream whose peer is a proxy that names its client first (`--accept-proxy`).

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::id::Id;
use super::pool::Pool;
use super::transport::{KernelEnd, Transport};
use crate::sockets::Endpoint;
use crate::sockets::proxy_header::{MOST, parse};

/// How long a client may take for its header. A proxy sends it right behind the handshake of TCP.
const DEADLINE: Duration = Duration::from_secs(3);
/// Bytes of one read of the header.
const PORTION: usize = 512;

/// A stream behind the header of the PROXY protocol.
///
/// ```text
/// Header ── it is whole ──> Rest ── what came behind it is read ──> Open
///    └── it is broken, or the stream ends ──> the error of `connected`
/// ```
///
/// | state | `is_up` | `received` | `is_past_rest` |
/// |---|---|---|---|
/// | Header | no | what has come of the header | no |
/// | Rest | yes | what has come behind it | no |
/// | Open | yes | nothing | from the first read on |
pub(super) struct ProxiedStream {
    inner: Box<dyn Transport>,
    received: Vec<u8>,
    /// Whom the proxy speaks for, where it names anybody.
    named: Option<Box<(Endpoint, Endpoint)>>,
    is_up: bool,
    /// A read was that of the inner stream.
    is_past_rest: bool,
}

impl Pool {
    /// Has each client of a listener begin with a header of the PROXY protocol, within 3 s: whom it names
    /// is the peer from then on.
    pub(crate) fn accept_proxied(&mut self, listener: Id) {
        self.accept_through(listener, DEADLINE, |inner| Box::new(ProxiedStream::new(inner)));
    }
}

impl ProxiedStream {
    fn new(inner: Box<dyn Transport>) -> Self {
        Self { inner, received: Vec::new(), named: None, is_up: false, is_past_rest: false }
    }

    /// Reads on, and returns whether the header is whole.
    fn receive(&mut self) -> io::Result<bool> {
        let mut portion = [0; PORTION];
        loop {
            let count = match self.inner.read(&mut portion) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                outcome => outcome?,
            };
            if count == 0 {
                let text = "the client closed before its header of the PROXY protocol was whole";
                return Err(io::Error::new(ErrorKind::UnexpectedEof, text));
            }
            self.received.extend_from_slice(portion.get(..count).unwrap_or_default());
            let parsed = parse(&self.received);
            if let Some(header) =
                parsed.map_err(|text| io::Error::new(ErrorKind::InvalidData, text))?
            {
                self.received.drain(..header.length);
                self.received.shrink_to_fit();
                self.named = header.named.map(Box::new);
                return Ok(true);
            }
            debug_assert!(self.received.len() < MOST, "the parser has its bound");
        }
    }
}

impl Transport for ProxiedStream {
    fn inner(&self) -> Option<&dyn Transport> {
        Some(&*self.inner)
    }

    fn inner_mut(&mut self) -> Option<&mut dyn Transport> {
        Some(&mut *self.inner)
    }

    fn connected(&mut self) -> io::Result<Option<(Endpoint, Endpoint)>> {
        if !self.is_up {
            self.is_up = self.receive()?;
        }
        Ok(self.is_up.then(|| self.addresses()))
    }

    fn addresses(&self) -> (Endpoint, Endpoint) {
        self.named.as_ref().map_or_else(|| self.inner.addresses(), |named| (**named).clone())
    }

    fn is_open(&self) -> bool {
        self.is_up && self.inner.is_open()
    }

    fn needs_read(&self) -> bool {
        !self.is_up || self.inner.needs_read()
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.received.is_empty() {
            self.is_past_rest = true;
            return self.inner.read(into);
        }
        debug_assert!(self.is_up, "what has come of the header is no data");
        let count = self.received.len().min(into.len());
        let (from, to) = (self.received.get(..count), into.get_mut(..count));
        if let (Some(from), Some(to)) = (from, to) {
            to.copy_from_slice(from);
        }
        self.received.drain(..count);
        if self.received.is_empty() {
            self.received = Vec::new();
        }
        Ok(count)
    }

    /// Behind the rest the kernel may have more, of which no event of the poll follows.
    fn is_empty_after_short_read(&self) -> bool {
        self.is_past_rest && self.inner.is_empty_after_short_read()
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.inner.write(pieces)
    }

    /// Its header and what came behind it are read by then.
    fn kernel_end(&self) -> Option<KernelEnd<'_>> {
        self.inner.kernel_end().filter(|_| self.is_past_rest)
    }

    /// None while bytes that came behind the header have left the kernel.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inner.descriptor().filter(|_| self.received.is_empty())
    }

    fn has_ended(&self) -> io::Result<bool> {
        if self.received.is_empty() { self.inner.has_ended() } else { Ok(false) }
    }

    fn unread(&self) -> u64 {
        self.received.len() as u64 + self.inner.unread()
    }

    fn buffered(&self) -> usize {
        self.received.len() + self.inner.buffered()
    }

    fn has_buffered_input(&self) -> bool {
        !self.received.is_empty() || self.inner.has_buffered_input()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpStream;

    use super::*;
    use crate::event_loop::{Event, EventLoop};

    /// What is sent to all connections is for those that have named their client.
    #[test]
    fn a_client_without_its_header_is_no_connection() {
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        let listener = pool.listen("127.0.0.1:0").unwrap()[0];
        pool.accept_proxied(listener);
        let address = pool.local(listener).unwrap().to_string();
        let mut clients = [0; 2].map(|_| TcpStream::connect(&address).unwrap());
        clients[0].write_all(b"PROXY TCP4 192.0.2.1 192.0.2.2 7 80").unwrap();
        let (mut begun, mut accepted) = (0, Vec::new());
        let run = event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
            Event::Handshaking { .. } => {
                begun += 1;
                assert_eq!(pool.connections().count(), 0);
                if begun == clients.len() {
                    clients[0].write_all(b"\r\n").unwrap();
                }
            }
            Event::Accepted { id, peer, .. } => {
                assert_eq!(pool.connections().collect::<Vec<_>>(), [id]);
                assert_eq!(pool.peer(id), Some(peer.clone()));
                assert_eq!(pool.handshakes(), 1);
                accepted.push(peer.to_string());
                pool.stop();
            }
            _ => {}
        });
        run.unwrap();
        assert_eq!(accepted, ["192.0.2.1:7"]);
    }
}
