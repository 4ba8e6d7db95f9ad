//! TLS on a stream: the handshake belongs to connecting, and from then on the channel sees plaintext.
//!
//! What the two sides agree on is rustls' business, and who is trusted that of [`crate::sockets::tls`].
//! Here bytes are moved: records are read as many at a time as the channel has room for, and written
//! as many at a time as it has sent. A connection that is idle holds no buffer.

mod failing;
mod transport;

use std::cell::Cell;
use std::io::{self, ErrorKind, IoSlice};
use std::time::Duration;

use super::READ_SIZE;
use super::id::Id;
use super::pool::Pool;
use super::recorder::RecordedStream;
use super::transport::Transport;
use crate::error::HandshakeError;
use crate::kind::Kind;
use crate::sockets::tls::records::{OVERHEAD, RECORD, Sinks, sealed};
use crate::sockets::tls::{Agreed, ClientTls, Progress, ServerTls, TlsSession};

use failing::FailingStream;

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
/// | in Open | fields | `read` | `write` |
/// |---|---|---|---|
/// | both directions | none of those below | what came | what fits |
/// | the peer's close_notify came | `is_closed` | `plain`, then the end | as before |
/// | the rules are broken, or FIN came alone | `broken` | `plain`, then the error | as before |
/// | close_notify is sent | `notified` | as before | is not called |
pub(super) struct TlsStream {
    inner: Box<dyn Transport>,
    session: TlsSession,
    stage: Stage,
    /// What has come of a record, or of a message of the handshake, that is not whole.
    incoming: Vec<u8>,
    /// Plaintext that no read has taken yet, and how much of it one has.
    plain: Vec<u8>,
    taken: usize,
    /// Records that are not written yet, and how much of them is.
    outgoing: Vec<u8>,
    written: usize,
    /// The last read of the inner stream left nothing behind.
    is_drained: bool,
    is_closed: bool,
    /// Bytes of the close_notify that this side has sent.
    notified: Option<usize>,
    /// The end of the stream is to be RST.
    is_reset: bool,
    broken: Option<io::Error>,
    /// What the handshake came to.
    agreed: Option<Box<Agreed>>,
    /// How long the handshake may take, until somebody has asked.
    limit: Option<Duration>,
}

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Handshaking,
    Open,
}

impl Pool {
    /// Has a connection that is being made go through TLS with a host, within 10 s from when the other
    /// side has answered.
    pub(crate) fn encrypt(&mut self, id: Id, tls: &ClientTls, host: &str) {
        let session = tls.session(host);
        self.wrap_transport(id, |inner| over(inner, session));
    }

    /// Has each client of a listener go through TLS, within 10 s.
    pub(crate) fn accept_encrypted(&mut self, listener: Id, tls: ServerTls) {
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
            stage: Stage::Connecting,
            incoming: Vec::new(),
            plain: Vec::new(),
            taken: 0,
            outgoing: Vec::new(),
            written: 0,
            is_drained: false,
            is_closed: false,
            notified: None,
            is_reset: false,
            broken: None,
            agreed: None,
            limit: None,
        }
    }

    /// Reads the wire once, and puts what comes of it into `into`, and into `plain` where that is full.
    /// 0 bytes may be records without data, or the end.
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        debug_assert!(self.plain.is_empty() && self.broken.is_none() && !self.is_closed);
        let held = self.incoming.len();
        // No more than `into` has room for.
        let room = into.len().saturating_sub(held).clamp(LEAST, READ_SIZE);
        let mut wire = INCOMING.take();
        if wire.len() < held + room {
            wire.resize(held + room, 0);
        }
        let (front, back) = wire.split_at_mut(held);
        front.copy_from_slice(&self.incoming);
        let outcome = self.inner.read(back.get_mut(..room).unwrap_or_default());
        let filled = match outcome {
            Ok(0) => {
                self.broken = Some(self.cut());
                Ok(0)
            }
            Ok(count) => {
                if self.stage != Stage::Open {
                    self.session.note_first(back.get(..count).unwrap_or_default());
                }
                self.is_drained = count < room && self.inner.is_empty_after_short_read();
                Ok(self.process(wire.get_mut(..held + count).unwrap_or_default(), into))
            }
            Err(error) => Err(error),
        };
        INCOMING.set(wire);
        filled
    }

    /// Processes what has come, and keeps what is not whole. Returns how many bytes of `into` it fills.
    fn process(&mut self, wire: &mut [u8], into: &mut [u8]) -> usize {
        let mut filled = 0;
        let plain = &mut self.plain;
        let mut data = |bytes: &[u8]| {
            let room = into.get_mut(filled..).unwrap_or_default();
            let (now, later) = bytes.split_at(bytes.len().min(room.len()));
            if let Some(room) = room.get_mut(..now.len()) {
                room.copy_from_slice(now);
            }
            filled += now.len();
            plain.extend_from_slice(later);
        };
        let mut sinks = Sinks { data: &mut data, outgoing: &mut self.outgoing };
        let (done, outcome) = self.session.process(wire, &mut sinks);
        match outcome {
            Ok(progress) => self.is_closed |= progress == Progress::Closed,
            Err(error) => self.broken = Some(error),
        }
        self.keep(wire.get(done..).unwrap_or_default());
        filled
    }

    /// Keeps the beginning of a record.
    fn keep(&mut self, rest: &[u8]) {
        let is_over = self.is_closed || self.broken.is_some();
        if rest.is_empty() || is_over {
            self.incoming = Vec::new();
            return;
        }
        self.incoming.clear();
        self.incoming.extend_from_slice(rest);
        let is_client = self.session.is_client() || self.stage == Stage::Open;
        if rest.len() > if is_client { CLIENT_HANDSHAKE } else { SERVER_HANDSHAKE } {
            let cause = "the messages of its handshake are too long";
            self.broken = Some(HandshakeError::new(Kind::Tls, cause).into());
        }
    }

    /// Whether a read gives something that is here already.
    fn has_own_input(&self) -> bool {
        !self.plain.is_empty() || self.is_closed || self.broken.is_some()
    }

    /// Gives the channel some of what waits for it.
    fn deliver(&mut self, into: &mut [u8]) -> usize {
        let waiting = self.plain.get(self.taken..).unwrap_or_default();
        let count = waiting.len().min(into.len());
        if let (Some(from), Some(to)) = (waiting.get(..count), into.get_mut(..count)) {
            to.copy_from_slice(from);
        }
        self.taken += count;
        if self.taken == self.plain.len() {
            (self.plain, self.taken) = (Vec::new(), 0);
        }
        count
    }

    /// The stream has ended, and TLS on it has not.
    #[cold]
    fn cut(&self) -> io::Error {
        match self.stage {
            Stage::Open => io::Error::new(ErrorKind::UnexpectedEof, CUT),
            _ => self.session.cut().into(),
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
        debug_assert!(self.outgoing.is_empty(), "records keep their order");
        let mut wire = OUTGOING.take();
        let room = sealed(plain.map_or(0, <[u8]>::len));
        if wire.len() < room {
            wire.resize(room, 0);
        }
        let outcome =
            self.session.encrypt(plain, &mut self.incoming, &mut wire).and_then(|count| {
                let records = wire.get(..count).unwrap_or_default();
                self.send(records).map(|()| count)
            });
        OUTGOING.set(wire);
        outcome
    }

    /// Writes records, and keeps those that do not fit.
    fn send(&mut self, records: &[u8]) -> io::Result<()> {
        let mut rest = records;
        while !rest.is_empty() {
            match self.inner.write(&[IoSlice::new(rest)]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Ok(0) => break,
                outcome => rest = rest.get(outcome?..).unwrap_or_default(),
            }
        }
        if !rest.is_empty() {
            (self.outgoing, self.written) = (rest.to_vec(), 0);
        }
        Ok(())
    }

    /// Writes what waits.
    fn flush_records(&mut self) -> io::Result<()> {
        while let Some(rest @ [_, ..]) = self.outgoing.get(self.written..) {
            match self.inner.write(&[IoSlice::new(rest)]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) => return Err(ErrorKind::WouldBlock.into()),
                outcome => self.written += outcome?,
            }
        }
        (self.outgoing, self.written) = (Vec::new(), 0);
        Ok(())
    }

    fn send_close_notify(&mut self) -> io::Result<()> {
        self.flush_records()?;
        if self.notified.is_none() {
            self.notified = Some(self.seal(None)?);
        }
        self.flush_records()
    }

    /// Goes on with the handshake; returns whether it is done.
    fn shake_hands(&mut self) -> io::Result<bool> {
        if self.stage == Stage::Connecting {
            self.stage = Stage::Handshaking;
            self.limit = Some(DEADLINE);
            // A client speaks first.
            self.process(&mut [], &mut []);
        }
        loop {
            let flushed = self.flush_records();
            if !self.session.is_handshaking() {
                // Whatever came behind it, data and an error, is for the reads of the connection, which
                // also meet what a write has met.
                self.stage = Stage::Open;
                self.agreed = self.session.agreed().map(Box::new);
                return Ok(true);
            }
            if let Some(error) = self.broken.take() {
                self.discard();
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
