//! Recording: a [`Recorder`] sees all that goes over the network, and changes nothing of it.
//!
//! A stream is recorded by a transport around its own, which sees what was really read and really
//! written; a datagram socket reports by itself. What is opened while the pool has no recorder is
//! left as it is, and costs nothing. stdin, stdout and pipes are no network and are never recorded.

use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::event::{Event, Handler};
use super::observer::PoolObserver;
use super::pool::Pool;
use super::timers::OwnPurpose;
use super::transport::Transport;
use crate::close::CloseReason;
use crate::error::Failure;
use crate::recording::{Direction, Observation, Proto, RecordedFlow, Role};
use crate::sockets::{Endpoint, StreamSocket};
use crate::sys::mmsg::SourceAddress;

/// Sees what goes through the sockets of a pool, in its order.
pub trait Recorder: Send {
    /// Something happened on a flow.
    fn record(&mut self, flow: &RecordedFlow, observation: Observation<'_>);

    /// The turn is over: what was seen may be written.
    ///
    /// # Errors
    /// It was not written. This is reported once; nothing more is recorded.
    fn flush(&mut self) -> Result<(), Failure>;

    /// Bytes that the place where they go has not taken yet.
    fn waiting(&self) -> usize {
        0
    }

    /// Whether it sees the bytes of the wire, also where they are those of TLS, and not what TLS carries.
    fn sees_wire(&self) -> bool {
        true
    }

    /// Nothing more will be seen.
    ///
    /// # Errors
    /// As those of [`Recorder::flush`].
    fn end(&mut self) -> Result<(), Failure>;
}

/// While this many bytes wait to be written, the pool reads nothing, so that there is nothing more to
/// record. It reads again at a quarter of that.
pub(super) const FULL: usize = 1 << 20;
/// How often a recorder whose bytes wait is asked to write them. The loop has no event for that.
const RETRY: Duration = Duration::from_millis(10);

/// A recorder and the number of its flows; clones share both.
#[derive(Clone)]
pub struct SharedRecorder {
    recorder: Arc<Mutex<dyn Recorder>>,
    count: Arc<AtomicU64>,
    sees_wire: bool,
}

impl SharedRecorder {
    /// Wraps a recorder so that the transports of a pool can share it.
    pub fn new(recorder: impl Recorder + 'static) -> Self {
        let sees_wire = recorder.sees_wire();
        Self { recorder: Arc::new(Mutex::new(recorder)), count: Arc::default(), sees_wire }
    }

    /// The number of the next flow.
    pub(super) fn number(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn record(&self, flow: &RecordedFlow, observation: Observation<'_>) {
        self.lock().record(flow, observation);
    }

    fn lock(&self) -> MutexGuard<'_, dyn Recorder + 'static> {
        // A recorder that has panicked has ended the program's thread; what it has seen is still
        // true.
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The recorder of a pool, as long as it has one.
#[derive(Default)]
pub(super) struct PoolRecorder {
    pub(super) recorder: Option<SharedRecorder>,
    /// The recorder takes nothing more for now, and so nothing is read.
    pub(super) is_full: bool,
    /// Why it has ended, until it is taken.
    failure: Option<Failure>,
    pub(super) observed: PoolObserver,
}

/// A datagram socket that is recorded.
pub(super) struct SocketRecorder {
    pub(super) recorder: SharedRecorder,
    pub(super) flow: RecordedFlow,
}

impl SocketRecorder {
    pub(super) fn new(recorder: SharedRecorder, flow: RecordedFlow) -> Self {
        recorder.record(&flow, Observation::Opened);
        Self { recorder, flow }
    }

    /// A datagram went through; without a name of its own, the other side is the only one.
    /// `local` is our address of this datagram, where the socket has several.
    pub(super) fn datagram(
        &self,
        way: Direction,
        peer: Option<String>,
        local: Option<SourceAddress>,
        payload: &[u8],
    ) {
        let peer = peer.as_deref().or(self.flow.peer.as_deref()).unwrap_or_default();
        let at = |local: SourceAddress| {
            let local = local.on_socket(&self.flow.local)?.to_string();
            Some(RecordedFlow { local, ..self.flow.clone() })
        };
        let asked = local.and_then(at);
        let flow = asked.as_ref().unwrap_or(&self.flow);
        self.recorder.record(flow, Observation::Datagram(way, peer, payload));
    }
}

/// The recording of a stream, which moves from its wire to what TLS on it carries.
pub struct StreamRecording {
    recorder: SharedRecorder,
    proto: Proto,
    role: Role,
    flow: Option<RecordedFlow>,
}

/// A stream's transport, recorded.
pub(super) struct RecordedStream {
    inner: Box<dyn Transport>,
    recorder: SharedRecorder,
    /// Another transport records in the place of this one.
    is_silent: bool,
    proto: Proto,
    role: Role,
    /// Known once the connection is up.
    flow: Option<RecordedFlow>,
    /// It is cut off, rather than closed.
    reset: bool,
}

impl RecordedStream {
    pub(super) fn new(
        inner: Box<dyn Transport>,
        recorder: SharedRecorder,
        proto: Proto,
        role: Role,
    ) -> Self {
        let (is_silent, flow, reset) = (false, None, false);
        let mut recorded = Self { inner, recorder, is_silent, proto, role, flow, reset };
        if role == Role::Accepted {
            // getpeername(2) gives ENOTCONN once a reset has come (inet_getname() in Linux).
            recorded.flow();
        }
        recorded
    }

    /// Has this stream recorded, which stands on one that was.
    #[cfg(feature = "cli")]
    pub(super) fn around(inner: Box<dyn Transport>, recording: StreamRecording) -> Self {
        let StreamRecording { recorder, proto, role, flow } = recording;
        Self { inner, recorder, is_silent: false, proto, role, flow, reset: false }
    }

    /// The flow, which is opened when it is first needed.
    fn flow(&mut self) -> &RecordedFlow {
        let Self { inner, recorder, proto, role, flow, .. } = self;
        flow.get_or_insert_with(|| {
            let (peer, local) = inner.addresses();
            let flow = RecordedFlow {
                number: recorder.number(),
                proto: *proto,
                role: *role,
                local: local.to_string(),
                peer: Some(peer.to_string()),
            };
            recorder.record(&flow, Observation::Opened);
            flow
        })
    }

    fn record(&mut self, observation: Observation<'_>) {
        if self.is_silent {
            return;
        }
        let recorder = self.recorder.clone();
        recorder.record(self.flow(), observation);
    }
}

impl Transport for RecordedStream {
    fn inner(&self) -> Option<&dyn Transport> {
        Some(&*self.inner)
    }

    fn inner_mut(&mut self) -> Option<&mut dyn Transport> {
        Some(&mut *self.inner)
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        match into.get(..count) {
            Some(bytes) if count > 0 => self.record(Observation::Bytes(Direction::In, bytes)),
            _ => self.record(Observation::Ended(Direction::In)),
        }
        Ok(count)
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = self.inner.write(pieces)?;
        match pieces {
            [piece] if count > 0 => self
                .record(Observation::Bytes(Direction::Out, piece.get(..count).unwrap_or_default())),
            pieces if count > 0 => {
                let written = pieces.iter().flat_map(|piece| piece.iter()).copied().take(count);
                self.record(Observation::Bytes(Direction::Out, &written.collect::<Vec<u8>>()));
            }
            _ => {}
        }
        Ok(count)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.inner.finish()?;
        self.record(Observation::Ended(Direction::Out));
        Ok(())
    }

    fn connected(&mut self) -> io::Result<Option<(Endpoint, Endpoint)>> {
        let connected = self.inner.connected()?;
        if connected.is_some() && !self.is_silent {
            self.flow();
        }
        Ok(connected)
    }

    fn take_recording(&mut self) -> Option<StreamRecording> {
        if self.recorder.sees_wire || std::mem::replace(&mut self.is_silent, true) {
            return None;
        }
        let (recorder, flow) = (self.recorder.clone(), self.flow.take());
        Some(StreamRecording { recorder, proto: self.proto, role: self.role, flow })
    }

    fn reset(&mut self) {
        self.reset = true;
        self.inner.reset();
    }

    fn closed(&mut self, reason: CloseReason) {
        // An attempt that came to nothing was never a flow.
        if self.flow.is_some() {
            self.record(Observation::Closed { reason, reset: self.reset });
        }
        self.inner.closed(reason);
    }
}

impl Pool {
    /// Records whatever is opened from now on.
    pub fn set_recorder(&mut self, recorder: SharedRecorder) {
        self.recording.recorder = Some(recorder);
    }

    /// Whether what is opened is recorded.
    pub(crate) fn is_recorded(&self) -> bool {
        self.recording.recorder.is_some()
    }

    /// Ends the recording.
    pub fn end_recording(&mut self) {
        if let Some(recorder) = self.recording.recorder.take() {
            self.recording.failure = self.recording.failure.take().or(recorder.lock().end().err());
        }
    }

    /// Whether nothing is read, because what is recorded or observed has no place to go.
    pub(crate) fn is_held_by_recording(&self) -> bool {
        self.recording.is_full || self.recording.observed.is_full
    }

    /// Why the recording is incomplete, where it is; given once.
    pub fn take_recording_failure(&mut self) -> Option<Failure> {
        self.recording.failure.take()
    }

    /// The end of a turn.
    pub(super) fn flush_recorder(&mut self, handler: &mut dyn Handler) {
        let Some(recorder) = &self.recording.recorder else { return };
        let (outcome, waiting) = {
            let mut recorder = recorder.lock();
            (recorder.flush(), recorder.waiting())
        };
        self.recording.is_full = waiting >= if self.recording.is_full { FULL / 4 } else { FULL };
        if waiting > 0 {
            // The end of the turn in which it fires flushes again.
            self.arm_own_once(None, OwnPurpose::Recorder, RETRY);
        }
        if let Err(failure) = outcome {
            (self.recording.recorder, self.recording.is_full) = (None, false);
            self.recording.failure = Some(failure);
            handler.on(self, Event::RecordingFailed);
        }
    }

    /// A stream as a transport, recorded where the pool has a recorder.
    pub(super) fn recorded(&self, stream: StreamSocket, role: Role) -> Box<dyn Transport> {
        let proto = match &stream {
            StreamSocket::Tcp(_) => Proto::Tcp,
            StreamSocket::Unix(..) => Proto::Unix,
        };
        let transport = Box::new(stream);
        match &self.recording.recorder {
            None => transport,
            Some(recorder) => {
                Box::new(RecordedStream::new(transport, recorder.clone(), proto, role))
            }
        }
    }
}

#[cfg(test)]
mod tests;
