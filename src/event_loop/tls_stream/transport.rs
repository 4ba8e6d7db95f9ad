//! What the channel sees of a stream inside TLS.

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::{DEADLINE, Stage, TlsStream, WRITTEN};
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
        if self.stage == Stage::Connecting && self.inner.connected()?.is_none() {
            return Ok(None);
        }
        let is_up = self.stage == Stage::Open
            || self.shake_hands().map_err(|error| self.before_open(error))?;
        Ok(is_up.then(|| self.inner.addresses()))
    }

    fn is_open(&self) -> bool {
        self.stage == Stage::Open && self.inner.is_open()
    }

    fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_deref()
    }

    fn has_answered(&self) -> bool {
        self.stage == Stage::Handshaking || self.inner.has_answered()
    }

    fn late(&self) -> io::Error {
        match self.stage {
            Stage::Handshaking => {
                let limit = DEADLINE.as_secs();
                let peer = if self.session.is_client() { "server" } else { "client" };
                let cause =
                    format!("the {peer} has not finished the TLS handshake within {limit} s");
                HandshakeError::new(Kind::Timeout, cause).into()
            }
            _ => self.inner.late(),
        }
    }

    fn take_handshake_limit(&mut self) -> Option<Duration> {
        self.limit.take()
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.plain.is_empty() {
                return Ok(self.deliver(into));
            }
            if let Some(error) = self.broken.take() {
                // The alert, as far as it can be written.
                let _ = self.flush_records();
                return Err(error);
            }
            if self.is_closed {
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
        self.is_drained && !self.has_buffered_input()
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
        self.stage != Stage::Open || !self.has_own_input()
    }

    fn read_ahead(&mut self) -> io::Result<()> {
        self.receive(&mut [])?;
        // Nothing came before it that a read would have to give first.
        match self.plain.is_empty() {
            true => self.broken.take().map_or(Ok(()), Err),
            false => Ok(()),
        }
    }

    fn has_ended(&self) -> io::Result<bool> {
        match self.plain.is_empty() && self.broken.is_none() {
            true if self.is_closed => Ok(true),
            true => self.inner.has_ended(),
            false => Ok(false),
        }
    }

    fn reset(&mut self) {
        self.is_reset = true;
        self.inner.reset();
    }

    /// Where FIN follows, close_notify comes before it.
    fn closed(&mut self, reason: CloseReason) {
        let is_owed = self.stage == Stage::Open && self.notified.is_none() && !self.is_reset;
        if is_owed && self.broken.is_none() {
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
        (self.plain.len() - self.taken) as u64 + self.inner.unread()
    }

    /// close_notify is no data: like FIN, it is not awaited.
    fn unacknowledged(&self) -> u64 {
        let kept = (self.outgoing.len() - self.written) as u64;
        let all = kept + self.inner.unacknowledged();
        all.saturating_sub(self.notified.unwrap_or(0) as u64)
    }

    fn buffered(&self) -> usize {
        self.plain.len() - self.taken + self.inner.buffered()
    }

    fn has_buffered_input(&self) -> bool {
        self.has_own_input() || self.inner.has_buffered_input()
    }
}
