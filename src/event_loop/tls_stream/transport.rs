//! What the channel sees of a stream inside TLS.

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::{DEADLINE, TlsStream, WRITTEN};
use crate::close::CloseReason;
use crate::error::HandshakeError;
use crate::event_loop::transport::{KernelEnd, Transport};
use crate::kind::Kind;
use crate::sockets::Endpoint;
use crate::sockets::tls::Agreed;
use crate::sockets::tls::records::RECORD;

impl Transport for TlsStream {
    fn inner(&self) -> Option<&dyn Transport> {
        Some(&*self.inner)
    }

    fn inner_mut(&mut self) -> Option<&mut dyn Transport> {
        Some(&mut *self.inner)
    }

    fn connected(&mut self) -> io::Result<Option<(Endpoint, Endpoint)>> {
        if self.handshake.is_connecting() {
            // One that was reset at once has been up below TLS, and not inside.
            let below = self.inner.connected().map_err(|error| self.before_open(error))?;
            if below.is_none() {
                return Ok(None);
            }
        }
        let is_up = self.handshake.is_open()
            || self.shake_hands().map_err(|error| self.before_open(error))?;
        Ok(is_up.then(|| self.inner.addresses()))
    }

    fn is_open(&self) -> bool {
        self.handshake.is_open() && self.inner.is_open()
    }

    fn agreed(&self) -> Option<&Agreed> {
        self.handshake.agreed()
    }

    fn has_answered(&self) -> bool {
        self.handshake.is_handshaking() || self.inner.has_answered()
    }

    fn late(&self) -> io::Error {
        if !self.handshake.is_handshaking() {
            return self.inner.late();
        }
        let limit = DEADLINE.as_secs();
        let peer = if self.session.is_client() { "server" } else { "client" };
        let cause = format!("the {peer} has not finished the TLS handshake within {limit} s");
        HandshakeError::new(Kind::Timeout, cause).into()
    }

    fn take_handshake_limit(&mut self) -> Option<Duration> {
        self.handshake.take_limit()
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.incoming.plain.is_empty() {
                // The wire was not looked at: whatever has come since it was is announced already.
                self.incoming.is_drained = false;
                return Ok(self.incoming.plain.deliver(into));
            }
            if let Some(error) = self.ends.take_error() {
                // The alert, as far as it can be written.
                let _ = self.flush_records();
                return Err(error);
            }
            if self.ends.is_over() {
                return Ok(0);
            }
            let count = self.receive(into)?;
            if count > 0 {
                return Ok(count);
            }
            if !self.has_own_input() {
                // Records without data, or a part of one: whether there is more is for the loop to look.
                return Err(ErrorKind::Interrupted.into());
            }
        }
    }

    /// A read ends where the wire had no more, or where the channel had no more room.
    fn is_empty_after_short_read(&self) -> bool {
        self.incoming.is_drained && !self.has_buffered_input()
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.flush_records()?;
        let mut pieces = pieces.iter().filter(|piece| !piece.is_empty());
        let Some(first) = pieces.next() else { return Ok(0) };
        let first: &[u8] = first.get(..first.len().min(WRITTEN)).unwrap_or_default();
        // A record costs as much as some hundred bytes: small pieces share one.
        let mut gathered = Vec::new();
        let plain = match pieces.next() {
            Some(second) if first.len() < RECORD => {
                gathered.extend_from_slice(first);
                for piece in std::iter::once(second).chain(pieces) {
                    let room = RECORD - gathered.len();
                    gathered
                        .extend_from_slice(piece.get(..piece.len().min(room)).unwrap_or_default());
                    if gathered.len() == RECORD {
                        break;
                    }
                }
                &gathered
            }
            _ => first,
        };
        self.seal(Some(plain))?;
        Ok(plain.len())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.send_close_notify()?;
        self.inner.finish()
    }

    fn needs_flush(&self) -> bool {
        !self.outgoing.is_empty() || self.inner.needs_flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flush_records()?;
        self.inner.flush()
    }

    /// A paused channel has one read kept for it, so that what is no data is not kept waiting behind it:
    /// tickets, updates of keys, the end.
    fn needs_read(&self) -> bool {
        !self.handshake.is_open() || !self.has_own_input()
    }

    fn read_ahead(&mut self) -> io::Result<()> {
        self.receive(&mut [])?;
        // Nothing came before it that a read would have to give first.
        match self.incoming.plain.is_empty() {
            true => self.ends.take_error().map_or(Ok(()), Err),
            false => Ok(()),
        }
    }

    fn has_ended(&self) -> io::Result<bool> {
        match self.incoming.plain.is_empty() && !self.ends.is_broken() {
            true if self.ends.is_closed() => Ok(true),
            true => self.inner.has_ended(),
            false => Ok(false),
        }
    }

    fn reset(&mut self) {
        self.ends.reset();
        self.inner.reset();
    }

    /// Where FIN follows, close_notify comes before it.
    fn closed(&mut self, reason: CloseReason) {
        if self.handshake.is_open() && self.ends.owes_notify() {
            // What cannot be written now never will be: to the peer, the stream is cut.
            let _ = self.send_close_notify();
        }
        self.inner.closed(reason);
    }

    /// Nobody but TLS reads and writes there.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn kernel_end(&self) -> Option<KernelEnd<'_>> {
        None
    }

    fn unread(&self) -> u64 {
        self.incoming.plain.len() as u64 + self.inner.unread()
    }

    /// close_notify is no data: like FIN, it is not awaited.
    fn unacknowledged(&self) -> u64 {
        let all = self.outgoing.len() as u64 + self.inner.unacknowledged();
        all.saturating_sub(self.ends.notified().unwrap_or(0) as u64)
    }

    fn buffered(&self) -> usize {
        self.incoming.plain.len() + self.inner.buffered()
    }

    fn has_buffered_input(&self) -> bool {
        self.has_own_input() || self.inner.has_buffered_input()
    }
}
