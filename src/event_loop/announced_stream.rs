//! A stream that begins with a header, which names whom this side speaks for (`--proxy-protocol`).

use std::io::{self, ErrorKind, IoSlice};

use super::id::Id;
use super::pool::Pool;
use super::transport::{KernelEnd, Transport};
use crate::sockets::Endpoint;
use crate::sockets::proxy_header::{HeaderVersion, write};

/// A stream that begins with a header of the PROXY protocol.
///
/// ```text
/// Connecting ── it is up ──> Announcing ── the header is written ──> Open
/// ```
pub(super) struct AnnouncedStream {
    inner: Box<dyn Transport>,
    version: HeaderVersion,
    /// The client that this side speaks for, and where it has connected to; `None` is this side.
    client: Option<(Endpoint, Endpoint)>,
    /// What is left of the header, once the connection is up.
    header: Option<Vec<u8>>,
}

impl Pool {
    /// Has a connection that is being made begin with a header of the PROXY protocol, which names a
    /// client and the address that it has connected to, or else the two ends of this connection.
    pub(crate) fn announce(
        &mut self,
        id: Id,
        version: HeaderVersion,
        client: Option<(Endpoint, Endpoint)>,
    ) {
        self.wrap_transport(id, |inner| {
            Box::new(AnnouncedStream { inner, version, client, header: None })
        });
    }
}

impl Transport for AnnouncedStream {
    fn inner(&self) -> Option<&dyn Transport> {
        Some(&*self.inner)
    }

    fn inner_mut(&mut self) -> Option<&mut dyn Transport> {
        Some(&mut *self.inner)
    }

    fn connected(&mut self) -> io::Result<Option<(Endpoint, Endpoint)>> {
        let Some((peer, local)) = self.inner.connected()? else { return Ok(None) };
        let (version, client) = (self.version, &self.client);
        let header = self.header.get_or_insert_with(|| match client {
            Some((client, server)) => write(version, client, server),
            None => write(version, &local, &peer),
        });
        while !header.is_empty() {
            match self.inner.write(&[IoSlice::new(header)]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                outcome => drop(header.drain(..outcome?.min(header.len()))),
            }
        }
        Ok(Some((peer, local)))
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.inner.read(into)
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.inner.write(pieces)
    }

    /// Nothing is moved before it is up, and then the header is written.
    fn kernel_end(&self) -> Option<KernelEnd<'_>> {
        self.inner.kernel_end()
    }
}
