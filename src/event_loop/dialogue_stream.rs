//! A stream that begins with a dialogue of the two sides: with a proxy (`--via`), before TLS
//! (`--starttls`), or the header of the PROXY protocol, on the side that sends it and on the one that reads it.

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use super::handshake::TransportLayer;
use super::id::Id;
use super::pool::Pool;
use super::recorder::RecordedStream;
use super::transport::{KernelEnd, Transport};
use crate::error::HandshakeError;
use crate::sockets::Endpoint;
use crate::sockets::dialogue::{Conversation, Dialogue, HeaderReader};

/// How long a client may take for its header. A proxy sends it right behind the handshake of TCP.
const DEADLINE: Duration = Duration::from_secs(3);
/// Bytes of one read of the dialogue.
const PORTION: usize = 512;

/// A stream behind a dialogue.
///
/// ```text
/// Connecting ── it is up ──> Speaking ── all is said ──> Rest ── what came behind it is read ──> Open
///                                └── a refusal, or the stream ends ──> the error of `connected`
/// ```
///
/// | state | `phase` | `conversation.rest()` | `is_past_rest` |
/// |---|---|---|---|
/// | Connecting, Speaking | the same | what has come of a reply | no |
/// | Rest | Up | what has come behind the dialogue | no |
/// | Open | Up | nothing | from the first read on, or from the begin where nothing was read |
pub(super) struct DialogueStream {
    inner: Box<dyn Transport>,
    conversation: Conversation,
    /// The two ends, once it is up: as the dialogue has them, once it is over.
    ends: Option<Box<(Endpoint, Endpoint)>>,
    phase: DialoguePhase,
    /// Some of the dialogue was read.
    has_read: bool,
    /// A read was that of the inner stream.
    is_past_rest: bool,
}

/// How far a [`DialogueStream`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DialoguePhase {
    Connecting,
    Speaking,
    Up,
}

impl Pool {
    /// Has a connection that is being made go through a dialogue before it is up.
    pub(crate) fn converse(&mut self, id: Id, dialogue: Box<dyn Dialogue>) {
        self.wrap_transport(id, |inner| over(inner, dialogue));
    }

    /// Has each client of a listener begin with a header of the PROXY protocol, within 3 s: whom it names
    /// is the peer from then on.
    pub(crate) fn accept_proxied(&mut self, listener: Id) {
        let layer: Arc<TransportLayer> =
            Arc::new(|inner| over(inner, Box::<HeaderReader>::default()));
        self.add_handshake(listener, DEADLINE, (true, layer));
    }
}

/// A stream behind a dialogue. A recording of text is one of the stream, and has no passwords of proxies.
fn over(mut inner: Box<dyn Transport>, dialogue: Box<dyn Dialogue>) -> Box<dyn Transport> {
    let recording = inner.take_recording();
    let stream = Box::new(DialogueStream::new(inner, dialogue));
    match recording {
        Some(recording) => Box::new(RecordedStream::around(stream, recording)),
        None => stream,
    }
}

impl DialogueStream {
    fn new(inner: Box<dyn Transport>, dialogue: Box<dyn Dialogue>) -> Self {
        let (conversation, phase) = (Conversation::new(dialogue), DialoguePhase::Connecting);
        Self { inner, conversation, ends: None, phase, has_read: false, is_past_rest: false }
    }

    /// Sends and reads as much of the dialogue as it can now; true once the dialogue is over.
    fn speak(&mut self) -> io::Result<bool> {
        let mut portion = [0; PORTION];
        loop {
            if !self.send()? {
                return Ok(false);
            }
            if self.conversation.is_over() {
                return Ok(true);
            }
            match self.inner.read(&mut portion) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) => return Err(self.conversation.cut().into()),
                outcome => {
                    let count = outcome?;
                    self.has_read = true;
                    let came = portion.get(..count).unwrap_or_default();
                    self.conversation.receive(came)?;
                }
            }
        }
    }

    /// Sends what is to be sent; true where nothing of it is left.
    fn send(&mut self) -> io::Result<bool> {
        let outgoing = self.conversation.outgoing();
        while !outgoing.is_empty() {
            match self.inner.write(&[IoSlice::new(outgoing)]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                outcome => drop(outgoing.drain(..outcome?.min(outgoing.len()))),
            }
        }
        Ok(true)
    }

    /// A connection that is cut in the middle of a dialogue has not been up, although it is one that the
    /// other side has made.
    fn failure(&self, error: io::Error) -> io::Error {
        let is_cut = matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
        let is_met = is_cut && HandshakeError::of(&error).is_none();
        if is_met { self.conversation.cut().into() } else { error }
    }
}

impl Transport for DialogueStream {
    fn inner(&self) -> Option<&dyn Transport> {
        Some(&*self.inner)
    }

    fn inner_mut(&mut self) -> Option<&mut dyn Transport> {
        Some(&mut *self.inner)
    }

    fn connected(&mut self) -> io::Result<Option<(Endpoint, Endpoint)>> {
        if self.phase == DialoguePhase::Connecting {
            match self.inner.connected() {
                Ok(Some(ends)) => {
                    self.phase = DialoguePhase::Speaking;
                    self.conversation.begin(&ends)?;
                    self.ends = Some(Box::new(ends));
                }
                Ok(None) => return Ok(None),
                Err(error) => return Err(self.failure(error)),
            }
        }
        if self.phase == DialoguePhase::Speaking {
            if !self.speak().map_err(|error| self.failure(error))? {
                return Ok(None);
            }
            self.phase = DialoguePhase::Up;
            self.is_past_rest = !self.has_read;
            self.ends = self.ends.take().map(|ends| Box::new(self.conversation.ends(*ends)));
        }
        Ok(Some(self.addresses()))
    }

    fn addresses(&self) -> (Endpoint, Endpoint) {
        self.ends.as_ref().map_or_else(|| self.inner.addresses(), |ends| (**ends).clone())
    }

    fn has_answered(&self) -> bool {
        self.phase != DialoguePhase::Connecting || self.inner.has_answered()
    }

    fn is_open(&self) -> bool {
        self.phase == DialoguePhase::Up && self.inner.is_open()
    }

    fn needs_read(&self) -> bool {
        self.phase != DialoguePhase::Up || self.inner.needs_read()
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = self.conversation.rest();
        if rest.is_empty() {
            self.is_past_rest = true;
            return self.inner.read(into);
        }
        debug_assert_eq!(self.phase, DialoguePhase::Up, "what is said before is no data");
        let count = rest.len().min(into.len());
        let (from, to) = (rest.get(..count), into.get_mut(..count));
        if let (Some(from), Some(to)) = (from, to) {
            to.copy_from_slice(from);
        }
        rest.drain(..count);
        if rest.is_empty() {
            *rest = Vec::new();
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

    /// All is said and what came behind it is read by then.
    fn kernel_end(&self) -> Option<KernelEnd<'_>> {
        self.inner.kernel_end().filter(|_| self.is_past_rest)
    }

    /// None while bytes that came behind the dialogue have left the kernel.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inner.descriptor().filter(|_| self.conversation.unread() == 0)
    }

    fn has_ended(&self) -> io::Result<bool> {
        if self.conversation.unread() == 0 { self.inner.has_ended() } else { Ok(false) }
    }

    fn unread(&self) -> u64 {
        self.conversation.unread() as u64 + self.inner.unread()
    }

    fn buffered(&self) -> usize {
        self.conversation.unread() + self.inner.buffered()
    }

    fn has_buffered_input(&self) -> bool {
        self.conversation.unread() > 0 || self.inner.has_buffered_input()
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
            Event::Handshaking { peer, .. } => {
                begun += 1;
                assert_eq!(peer, None, "the header names it");
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
