//! A stream whose two sides agree on each message before it is sent (`--frame tinyproto`).
//!
//! The transport keeps the exchange with the peer and shows its channel the messages only, each
//! behind a length of four bytes. So queues, marks and ends are those of any other stream: what
//! waits for go waits in the channel's queue.

use std::io::{self, ErrorKind, IoSlice};

use super::event::{Event, Handler};
use super::id::Id;
use super::lifecycle::ChannelPhase;
use super::marks::Marks;
use super::pool::Pool;
use super::transport::Transport;
use crate::buffers::{Budget, Share};
use crate::framing::{Exchange, ExchangeError};
use crate::sockets::Endpoint;

/// Bytes read at once while the channel is paused.
const READ_AHEAD: usize = 4096;
/// Pieces in one write.
const PIECES: usize = 16;

impl Pool {
    /// Puts the exchange of `--frame tinyproto` between a new connection and its peer;
    /// `max_frame` limits the messages that are taken, and `budget` what is read ahead of them on all
    /// connections.
    pub fn negotiate(&mut self, id: Id, max_frame: usize, budget: &Budget) {
        let share = budget.share();
        self.wrap_transport(id, |inner| Box::new(TinyprotoTransport::new(inner, max_frame, share)));
        if let Some(channel) = self.channel_mut(id) {
            let greets = channel.phase == ChannelPhase::Open;
            channel.marks.set(Marks::GREETS, greets);
        }
        self.mark_dirty(id);
    }

    /// A channel with these marks was flushed.
    pub(super) fn after_flush(&mut self, id: Id, marks: Marks, handler: &mut dyn Handler) {
        if marks.has(Marks::STAGING_WAITS) {
            self.refresh_staged(id);
        }
        if marks.has(Marks::GREETS) {
            self.note_negotiated(id, handler);
        }
        if marks.has(Marks::FED) {
            self.wake_feeder(id);
        }
    }

    /// Reports the end of the handshake of an accepted connection, where it is over.
    pub(super) fn note_negotiated(&mut self, id: Id, handler: &mut dyn Handler) {
        let Some(channel) = self.channel_mut(id) else { return };
        let is_over = channel.marks.has(Marks::GREETS) && channel.transport.is_open();
        if is_over && channel.phase == ChannelPhase::Open && channel.closed.is_none() {
            channel.marks.set(Marks::GREETS, false);
            handler.on(self, Event::Negotiated { id });
        }
    }
}

/// The exchange of one connection, as its channel sees it.
///
/// ```text
/// Handshake ── both hellos ──> Exchange ── FIN comes ──> Ended
///     │                            │                       └── an offer is open: also Unwritable
///     └── FIN, or no hello ────────┴── the rules are broken, or RST ──> Broken
/// ```
///
/// | state | fields | `read` | `write` |
/// |---|---|---|---|
/// | Handshake | `exchange` is not open | is not called: `connected` reads | is not called |
/// | Exchange | none of those below | messages | what the exchange allows now |
/// | Ended | `ended` | `received`, then the end | a message that has its go |
/// | Unwritable | `unwritable` | as before | the error, once |
/// | Broken | `broken` | `received`, then the error | as before |
struct TinyprotoTransport {
    inner: Box<dyn Transport>,
    exchange: Exchange,
    max_frame: usize,
    /// What was received and not yet read by the channel.
    received: Vec<u8>,
    /// How much of that was read.
    taken: usize,
    /// The part of `received` in what all connections hold.
    share: Share,
    /// The peer's FIN came.
    ended: bool,
    /// What is wrong with what comes behind `received`.
    broken: Option<io::Error>,
    /// Why nothing can be written any more; the next flush returns it.
    unwritable: Option<io::Error>,
    /// Something was received since the channel last tried to write.
    has_news: bool,
}

impl TinyprotoTransport {
    fn new(mut inner: Box<dyn Transport>, max_frame: usize, share: Share) -> Self {
        // A length is as short as a message that waits for its answer can be. Nagle holds a small
        // write back while an earlier one is unacknowledged, some 40 ms with a peer that delays its
        // acknowledgements.
        inner.set_nodelay();
        let max = u32::try_from(max_frame).unwrap_or(u32::MAX);
        Self {
            inner,
            exchange: Exchange::new(max),
            max_frame,
            received: Vec::new(),
            taken: 0,
            share,
            ended: false,
            broken: None,
            unwritable: None,
            has_news: false,
        }
    }

    /// Writes hellos and answers where they belong.
    fn answer(&mut self) -> io::Result<()> {
        while let Some(byte) = self.exchange.own() {
            if self.inner.write(&[IoSlice::new(&[byte])])? == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.exchange.own_written();
        }
        Ok(())
    }

    /// Reads once from the wire. A failure of the connection comes behind what was `received`.
    fn receive(&mut self, into: &mut [u8]) -> io::Result<()> {
        let outcome = match self.inner.read(into) {
            Err(error) if is_temporary(&error) => return Err(error),
            // An answer has met the reset, and the kernel reports that once (tcp_reset() in Linux):
            // this end is none.
            Ok(0) => self.unwritable.take_if(|met| is_reset(met)).map_or(Ok(0), Err),
            outcome => outcome,
        };
        self.has_news = true;
        match outcome {
            Ok(count @ 1..) => {
                let wire = into.get(..count).unwrap_or_default();
                let received = self.exchange.receive(wire, &mut self.received);
                self.broken = received.err().map(Into::into);
            }
            outcome => {
                self.ended = true;
                let ending = self.exchange.receive_end(&mut self.received).err();
                match (outcome, ending) {
                    (Err(error), _) => {
                        self.broken = Some(error);
                        // There is nobody left to answer.
                        self.exchange.finish();
                    }
                    (_, Some(silent @ ExchangeError::Silent)) => self.broken = Some(silent.into()),
                    (_, Some(ending)) => self.unwritable = Some(ending.into()),
                    (_, None) => {}
                }
            }
        }
        // What cannot be written now is written with the next flush, which returns a failure.
        if let Err(error) = self.answer()
            && !is_temporary(&error)
        {
            self.unwritable.get_or_insert(error);
        }
        // The library leaves Nagle's algorithm on: its next offer waits until what it sent before is
        // acknowledged, and nothing of ours may be due that carries the acknowledgement.
        self.inner.acknowledge();
        self.share.set(self.received.capacity());
        Ok(())
    }

    /// Gives the channel some of what was received.
    fn deliver(&mut self, into: &mut [u8]) -> usize {
        let waiting = self.received.get(self.taken..).unwrap_or_default();
        let count = waiting.len().min(into.len());
        let (from, to) = (waiting.get(..count), into.get_mut(..count));
        if let (Some(from), Some(to)) = (from, to) {
            to.copy_from_slice(from);
        }
        self.taken += count;
        if self.taken == self.received.len() {
            self.received = Vec::new();
            self.taken = 0;
            self.share.set(0);
        }
        count
    }

    /// Whether reading may help the writing that waits. A paused channel has one message kept for
    /// it, after which the peer's offers wait.
    fn may_read_ahead(&self) -> bool {
        let has_room = self.received.len() <= self.max_frame.saturating_add(READ_AHEAD);
        has_room
            && !self.share.is_short()
            && !self.ended
            && self.broken.is_none()
            && self.exchange.waits()
    }
}

impl Transport for TinyprotoTransport {
    fn inner(&self) -> Option<&dyn Transport> {
        Some(&*self.inner)
    }

    fn inner_mut(&mut self) -> Option<&mut dyn Transport> {
        Some(&mut *self.inner)
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.exchange.resume_answers();
        loop {
            if !self.received.is_empty() {
                return Ok(self.deliver(into));
            }
            if let Some(error) = self.broken.take() {
                return Err(error);
            }
            if self.ended {
                return Ok(0);
            }
            self.receive(into)?;
        }
    }

    /// A read ends with a message, and more may have been received.
    fn is_empty_after_short_read(&self) -> bool {
        false
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let first = pieces.iter().find_map(|piece| piece.first());
        if first.is_some_and(|first| self.exchange.would_pass_for_go(*first)) {
            self.exchange.resume_answers();
        }
        self.flush()?;
        let mut allowed = self.exchange.window()?;
        let mut cut = [IoSlice::new(&[]); PIECES];
        for (slot, piece) in cut.iter_mut().zip(pieces) {
            let part = piece.get(..piece.len().min(allowed)).unwrap_or_default();
            allowed -= part.len();
            *slot = IoSlice::new(part);
        }
        if cut.iter().all(|part| part.is_empty()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.inner.write(&cut)?;
        let mut left = count;
        for part in &cut {
            let written = part.get(..part.len().min(left)).unwrap_or_default();
            left -= written.len();
            self.exchange.wrote(written);
        }
        Ok(count)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        if !self.exchange.may_finish() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.exchange.finish();
        self.inner.finish()
    }

    /// Without a go nothing more would come.
    fn may_half_close(&self) -> bool {
        self.ended || self.broken.is_some()
    }

    /// The hellos belong to connecting: a peer that sends none, or a wrong one, counts as absent.
    fn connected(&mut self) -> io::Result<Option<(Endpoint, Endpoint)>> {
        let Some(addresses) = self.inner.connected()? else { return Ok(None) };
        let answered = self.answer();
        let mut byte = [0];
        while !self.exchange.is_open() {
            match self.receive(&mut byte) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return match answered {
                        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
                        _ => Ok(None),
                    };
                }
                outcome => outcome?,
            }
            if let Some(error) = self.broken.take() {
                // A connection that was reset has been up: its first read returns the reset.
                self.broken = is_reset(&error).then(|| error.kind().into());
                return Err(error);
            }
        }
        Ok(Some(addresses))
    }

    fn has_ended(&self) -> io::Result<bool> {
        match self.received.is_empty() {
            true if self.ended => Ok(true),
            true => self.inner.has_ended(),
            false => Ok(false),
        }
    }

    fn is_open(&self) -> bool {
        self.exchange.is_open()
    }

    fn needs_flush(&self) -> bool {
        self.has_news || self.exchange.own().is_some()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.has_news = false;
        self.unwritable.take().map_or_else(|| self.answer(), Err)
    }

    fn needs_read(&self) -> bool {
        self.may_read_ahead()
    }

    fn read_ahead(&mut self) -> io::Result<()> {
        let mut wire = [0; READ_AHEAD];
        while self.may_read_ahead() {
            match self.received.is_empty() {
                true => self.exchange.resume_answers(),
                false => self.exchange.withhold_answers(),
            }
            self.receive(&mut wire)?;
        }
        Ok(())
    }

    fn buffered(&self) -> usize {
        self.received.len() - self.taken
    }

    fn has_buffered_input(&self) -> bool {
        !self.received.is_empty() || self.ended || self.broken.is_some()
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn is_reset(error: &io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionReset
}

/// The kind decides how the end of the channel is reported: as refused, as a bad frame or as a reset.
impl From<ExchangeError> for io::Error {
    fn from(error: ExchangeError) -> Self {
        let kind = match &error {
            ExchangeError::NotWelcome | ExchangeError::Refused { .. } => {
                ErrorKind::ConnectionRefused
            }
            ExchangeError::Closed => ErrorKind::BrokenPipe,
            _ => ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Shutdown, TcpStream};

    use super::*;
    use crate::event_loop::EventLoop;
    use crate::framing::Framing;

    /// The hellos of an accepted connection are over before its first message, which may come with
    /// them.
    #[test]
    fn a_handshake_that_is_over_is_an_event() {
        let mut event_loop = EventLoop::new().unwrap();
        let listener = event_loop.pool().listen("127.0.0.1:0").unwrap()[0];
        event_loop.pool().frame(listener, Framing::Tinyproto).unwrap();
        let address = event_loop.pool().local(listener).unwrap().to_string();
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"\xff\0\0\0\x02hi").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut log = Vec::new();
        let mut on = |pool: &mut Pool, event: Event<'_>| match event {
            Event::Accepted { .. } => log.push("accepted".to_owned()),
            Event::Negotiated { .. } => log.push("negotiated".to_owned()),
            Event::Message { payload, .. } => log.push(String::from_utf8_lossy(payload).into()),
            Event::Eof { id } => pool.finish(id),
            Event::Closed { .. } => pool.stop(),
            _ => {}
        };
        event_loop.run(&mut on).unwrap();
        assert_eq!(log, ["accepted", "negotiated", "hi"]);
    }
}
