//! TLS on a stream: the handshake belongs to connecting, and from then on the channel sees plaintext.
//!
//! rustls agrees with the peer, and [`crate::sockets::tls`] decides who is trusted. This file moves bytes: a
//! read takes as many records as the channel has room for, and a write as many as it has sent. A
//! connection that is idle holds no buffer.

mod ends;
mod failing;
mod handshake_state;
mod incoming;
mod outgoing;
mod transport;
mod waiting;

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::time::Duration;

use super::READ_SIZE;
use super::id::Id;
use super::pool::Pool;
use super::recorder::RecordedStream;
use super::transport::Transport;
use crate::error::HandshakeError;
use crate::kind::Kind;
use crate::sockets::tls::records::{OVERHEAD, RECORD, Sinks, sealed};
use crate::sockets::tls::{ClientTls, ServerTls, TOO_LONG, TlsProgress, TlsSession};

use ends::StreamEnds;
use failing::FailingStream;
use handshake_state::HandshakeState;
use incoming::{IncomingRecords, RecordIntake};
use outgoing::OutgoingRecords;

/// How long the two sides may take for their handshake.
const DEADLINE: Duration = Duration::from_secs(10);
/// Plaintext that is encrypted for one write.
const WRITTEN: usize = 64 * 1024;
/// Bytes of the wire that one read takes at least.
const LEAST: usize = RECORD + OVERHEAD;
/// What one side may keep of a handshake whose next message is not whole: a client takes long chains
/// of certificates, and a server, which anybody may send to, what a client needs.
const CLIENT_HANDSHAKE: usize = 96 * 1024;
const SERVER_HANDSHAKE: usize = 18 * 1024;
/// The header of a record, and what may follow it (RFC 5246, section 6.2.3).
const HEADER: usize = 5;
const LONGEST: usize = RECORD + 2048;
/// Bytes that are read and thrown away behind a fatal alert of this side: unread, they would have the
/// kernel send RST, which may overtake it.
const DISCARDED: usize = 256 * 1024;

const CUT: &str = "the stream was cut: it ended without the close_notify of TLS";

thread_local! {
    /// Records on their way in and out; one buffer each serves all connections of a thread. A
    /// transport takes it for the time of a call.
    static INCOMING: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static OUTGOING: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A stream inside TLS.
///
/// ```text
/// Connecting ── the inner stream is up ──> Handshaking ── done, and checked ──> Open
///                                              └── refused, or the stream ends: the error of `connected`
/// ```
///
/// | in Open | `ends` | `read` | `write` |
/// |---|---|---|---|
/// | both directions | is not over | what came | what fits |
/// | the peer's close_notify came | is closed | what waits, then the end | as before |
/// | the rules are broken, or FIN came alone | is broken | what waits, then the error | as before |
/// | close_notify is sent | is notified | as before | is not called |
pub(super) struct TlsStream {
    inner: Box<dyn Transport>,
    session: TlsSession,
    handshake: HandshakeState,
    incoming: IncomingRecords,
    outgoing: OutgoingRecords,
    ends: StreamEnds,
}

impl Pool {
    /// Has a connection that is being made go through TLS with a host, within 10 s from when the other
    /// side has answered.
    pub(crate) fn encrypt(&mut self, id: Id, tls: &ClientTls, host: &str) {
        let session = tls.session(host);
        self.wrap_transport(id, |inner| over(inner, session));
    }

    /// Has each client of a listener go through TLS, within 10 s.
    pub fn accept_encrypted(&mut self, listener: Id, tls: ServerTls) {
        self.accept_through(listener, DEADLINE, move |inner| over(inner, tls.session()));
    }
}

/// TLS over a stream, where it can begin.
fn over(
    mut inner: Box<dyn Transport>,
    session: Result<TlsSession, HandshakeError>,
) -> Box<dyn Transport> {
    let recording = inner.take_recording();
    let stream: Box<dyn Transport> = match session {
        Ok(session) => Box::new(TlsStream::new(inner, session)),
        Err(error) => Box::new(FailingStream::new(inner, error)),
    };
    match recording {
        Some(recording) => Box::new(RecordedStream::around(stream, recording)),
        None => stream,
    }
}

impl TlsStream {
    fn new(mut inner: Box<dyn Transport>, session: TlsSession) -> Self {
        // Each flight of a handshake waits for the other side's; Nagle's algorithm would hold the tail of
        // one back until the rest is acknowledged.
        inner.set_nodelay();
        Self {
            inner,
            session,
            handshake: HandshakeState::new(),
            incoming: IncomingRecords::default(),
            outgoing: OutgoingRecords::default(),
            ends: StreamEnds::default(),
        }
    }

    /// Reads the wire once, and puts what comes of it into `into`; what finds no room there waits. 0 bytes
    /// may be records without data, or the end.
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        debug_assert!(self.incoming.plain.is_empty() && !self.ends.is_over());
        let held = self.incoming.partial.len();
        // No more than `into` has room for.
        let room = into.len().saturating_sub(held).clamp(LEAST, READ_SIZE);
        let mut wire = INCOMING.take();
        if wire.len() < held + room {
            wire.resize(held + room, 0);
        }
        let (front, back) = wire.split_at_mut(held);
        front.copy_from_slice(&self.incoming.partial);
        let outcome = self.inner.read(back.get_mut(..room).unwrap_or_default());
        let filled = match outcome {
            Ok(0) => {
                self.ends.break_off(self.cut());
                Ok(0)
            }
            Ok(count) => {
                if !self.handshake.is_open() {
                    self.session.note_first(back.get(..count).unwrap_or_default());
                }
                self.incoming.is_drained = count < room && self.inner.is_empty_after_short_read();
                Ok(self.process(wire.get_mut(..held + count).unwrap_or_default(), into))
            }
            Err(error) => Err(error),
        };
        INCOMING.set(wire);
        filled
    }

    /// Processes what has come, and keeps what is not whole. Returns how many bytes of `into` it fills.
    fn process(&mut self, wire: &mut [u8], into: &mut [u8]) -> usize {
        let mut intake = RecordIntake::new(into, &mut self.incoming.plain);
        let mut data = |bytes: &[u8]| intake.take(bytes);
        let mut sinks = Sinks { data: &mut data, outgoing: self.outgoing.back() };
        let (done, outcome) = self.session.process(wire, &mut sinks);
        let filled = intake.filled;
        match outcome {
            Ok(TlsProgress::More) => {}
            Ok(TlsProgress::Closed) => self.ends.close(),
            Err(error) => self.ends.break_off(error),
        }
        let rest = wire.get(done..).unwrap_or_default();
        if rest.len() > self.most() && !self.ends.is_over() {
            self.refuse_length(rest);
        }
        self.keep(rest);
        filled
    }

    /// Keeps the beginning of a record.
    fn keep(&mut self, rest: &[u8]) {
        let rest = if self.ends.is_over() { &[] } else { rest };
        self.incoming.keep(rest);
    }

    /// Bytes of a message that is not whole which may be kept.
    fn most(&self) -> usize {
        let is_client = self.session.is_client() || self.handshake.is_open();
        if is_client { CLIENT_HANDSHAKE } else { SERVER_HANDSHAKE }
    }

    /// Ends a stream whose peer sends more than may be kept. rustls has no alert for that: what cannot be
    /// a record follows in the place of the rest, and has it send one.
    #[cold]
    fn refuse_length(&mut self, rest: &[u8]) {
        let mut wire = rest.to_vec();
        wire.resize(rest.len() + LONGEST + HEADER, u8::MAX);
        let mut sinks = Sinks { data: &mut |_| {}, outgoing: self.outgoing.back() };
        let (_, outcome) = self.session.process(&mut wire, &mut sinks);
        debug_assert!(outcome.is_err(), "it is no record");
        self.ends.break_off(HandshakeError::new(Kind::Tls, TOO_LONG).into());
    }

    /// Whether a read gives bytes that were read before.
    fn has_own_input(&self) -> bool {
        !self.incoming.plain.is_empty() || self.ends.is_over()
    }

    /// The stream has ended, and TLS on it has not.
    #[cold]
    fn cut(&self) -> io::Error {
        match self.handshake.is_open() {
            true => io::Error::new(ErrorKind::UnexpectedEof, CUT),
            false => self.session.cut().into(),
        }
    }

    /// The error of `connected` for one of the inner stream: a reset during the handshake is no end of a
    /// connection that was up.
    fn before_open(&self, error: io::Error) -> io::Error {
        use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        match error.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset => self.cut(),
            _ => error,
        }
    }

    /// Encrypts `plain`, or else a close_notify, and writes as much as fits; what does not waits.
    fn seal(&mut self, plain: Option<&[u8]>) -> io::Result<usize> {
        let mut wire = OUTGOING.take();
        let room = sealed(plain.map_or(0, <[u8]>::len));
        if wire.len() < room {
            wire.resize(room, 0);
        }
        let sealed = self.session.encrypt(plain, &mut self.incoming.partial, &mut wire);
        let outcome = sealed.and_then(|count| {
            let records = wire.get(..count).unwrap_or_default();
            self.outgoing.send(&mut *self.inner, records).map(|()| count)
        });
        OUTGOING.set(wire);
        outcome
    }

    /// Writes what waits.
    fn flush_records(&mut self) -> io::Result<()> {
        self.outgoing.flush(&mut *self.inner)
    }

    fn send_close_notify(&mut self) -> io::Result<()> {
        self.flush_records()?;
        if self.ends.notified().is_none() {
            let bytes = self.seal(None)?;
            self.ends.notify(bytes);
        }
        self.flush_records()
    }

    /// Goes on with the handshake; returns whether it is done.
    fn shake_hands(&mut self) -> io::Result<bool> {
        if self.handshake.is_connecting() {
            self.handshake.begin();
            // A client speaks first.
            self.process(&mut [], &mut []);
        }
        loop {
            let flushed = self.flush_records();
            if !self.session.is_handshaking() {
                // Whatever came behind it, data and an error, is for the reads of the connection, which
                // also meet what a write has met.
                self.handshake.open(self.session.agreed());
                return Ok(true);
            }
            if let Some(error) = self.ends.take_error() {
                // Without an alert a FIN is all that the peer would see, and the pool may want none.
                if Kind::from(&error).has_alert() {
                    self.discard();
                }
                return Err(error);
            }
            match flushed {
                // The peer may wait until what it has sent is read.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                flushed => flushed?,
            }
            match self.receive(&mut []) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                outcome => drop(outcome?),
            }
        }
    }

    /// Ends this direction, and throws away what the peer has sent already.
    fn discard(&mut self) {
        if self.inner.finish().is_err() {
            return;
        }
        let (mut into, mut left) = ([0; 4096], DISCARDED);
        while let Ok(count @ 1..) = self.inner.read(&mut into) {
            left = left.saturating_sub(count);
            if left == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
