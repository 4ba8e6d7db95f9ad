//! What other threads have sent, and the loop has not taken: one buffer for each connection.
//!
//! ```text
//!             a thread sends                the loop takes some
//! Empty ──────────────────────> Fresh ──────────────────────────> Empty, or Waiting
//!   gone: the connection         │ the queue is full                   │
//!   closes or finishes           └───────────> Waiting <───────────────┘
//!                                                 └── the queue has been written ──> Fresh
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use mio::Waker;

use super::id::{Id, IdMap};
use crate::framing::{FrameError, FrameSettings};

/// Bytes that the buffer of one connection holds, unless one message alone is longer.
pub(super) const STAGING_SIZE: usize = 256 * 1024;

/// Why another thread's bytes or work were not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SenderError {
    /// There is no room, now or in the time that was given.
    #[error("there is no room")]
    Full,
    /// The connection is closed or sends no more, or the loop has ended.
    #[error("the connection or its loop is gone")]
    Gone,
    /// The framing of the connection cannot carry the message.
    #[error("{0}")]
    Frame(#[from] FrameError),
}

/// What threads and the loop share.
pub(super) struct StagingBuffers {
    state: Mutex<StagingTable>,
    /// Something is fresh: the loop looks in this turn or has been woken.
    is_due: AtomicBool,
    waker: Arc<Waker>,
}

#[derive(Default)]
struct StagingTable {
    /// Of each connection that takes something.
    buffers: IdMap<StagingBuffer>,
    /// The buffers that the loop has to look at.
    fresh: Vec<Id>,
    /// Where the loop runs.
    thread: Option<ThreadId>,
}

#[derive(Default)]
struct StagingBuffer {
    bytes: BytesMut,
    is_fresh: bool,
    framing: Option<FrameSettings>,
    /// Threads that wait with a message longer than the buffer, which goes in alone: nobody else adds to
    /// the buffer meanwhile, or it would never be empty.
    reserved: usize,
    /// Threads that wait for room, from the first one on.
    room: Option<Arc<Condvar>>,
}

impl StagingBuffer {
    fn has_room(&self, len: usize) -> bool {
        match len <= STAGING_SIZE {
            true => self.reserved == 0 && self.bytes.len() + len <= STAGING_SIZE,
            false => self.bytes.is_empty(),
        }
    }

    /// A message that is longer than the buffer waits no more.
    fn end_reservation(&mut self) {
        self.reserved = self.reserved.saturating_sub(1);
        self.wake_waiting();
    }

    fn wake_waiting(&self) {
        if let Some(room) = &self.room {
            room.notify_all();
        }
    }
}

impl StagingBuffers {
    pub(super) fn new(waker: Arc<Waker>) -> Self {
        Self { state: Mutex::default(), is_due: AtomicBool::new(false), waker }
    }

    fn lock(&self) -> MutexGuard<'_, StagingTable> {
        // Whoever panicked left whole sends behind: bytes are added in one call.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that wait for one connection.
    pub(super) fn waiting(&self, id: Id) -> usize {
        self.lock().buffers.get(id).map_or(0, |buffer| buffer.bytes.len())
    }

    pub(super) fn encode(&self, id: Id, payload: &[u8]) -> Result<Vec<u8>, SenderError> {
        let framing = self.lock().buffers.get(id).ok_or(SenderError::Gone)?.framing.clone();
        // Outside of the lock: some framings take their time.
        let Some(framer) = framing.and_then(|framing| framing.framer()) else {
            return Ok(payload.to_vec());
        };
        let mut wire = Vec::new();
        framer.encode(payload, &mut wire)?;
        Ok(wire)
    }

    /// Adds bytes to a buffer, once there is room: `None` waits for none.
    pub(super) fn put(
        &self,
        id: Id,
        bytes: &[u8],
        within: Option<Duration>,
    ) -> Result<(), SenderError> {
        let (mut end, mut has_reserved) = (None, false);
        let mut state = self.lock();
        loop {
            let is_loop = state.thread.is_some_and(|thread| thread == thread::current().id());
            let buffer = state.buffers.get_mut(id).ok_or(SenderError::Gone)?;
            if buffer.has_room(bytes.len()) {
                if has_reserved {
                    buffer.end_reservation();
                }
                buffer.bytes.extend_from_slice(bytes);
                if !std::mem::replace(&mut buffer.is_fresh, true) {
                    state.fresh.push(id);
                }
                drop(state);
                self.wake();
                return Ok(());
            }
            let Some(within) = within.filter(|_| !is_loop) else { return Err(SenderError::Full) };
            // A time beyond what the clock can count has no end.
            let end = *end.get_or_insert_with(|| Instant::now().checked_add(within));
            let left = end.map_or(within, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                if has_reserved {
                    buffer.end_reservation();
                }
                return Err(SenderError::Full);
            }
            if bytes.len() > STAGING_SIZE && !std::mem::replace(&mut has_reserved, true) {
                buffer.reserved += 1;
            }
            let room = buffer.room.get_or_insert_default().clone();
            let waited = room.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            state = waited.0;
        }
    }

    fn wake(&self) {
        if !self.is_due.swap(true, Ordering::AcqRel) {
            // Where the counter of the eventfd is full and the wake fails, one is pending already.
            let _ = self.waker.wake();
        }
    }
}

/// The loop's end of all senders; they find everything gone once it is dropped.
pub(super) struct SenderInbox {
    staging: Arc<StagingBuffers>,
}

impl Drop for SenderInbox {
    fn drop(&mut self) {
        let buffers = std::mem::take(&mut self.staging.lock().buffers);
        for (_, buffer) in buffers.iter() {
            buffer.wake_waiting();
        }
    }
}

impl SenderInbox {
    pub(super) fn new(staging: Arc<StagingBuffers>) -> Self {
        Self { staging }
    }

    pub(super) fn staging(&self) -> Arc<StagingBuffers> {
        self.staging.clone()
    }

    /// The loop runs in this thread, which is never to wait for it.
    pub(super) fn set_thread(&self, thread: Option<ThreadId>) {
        self.staging.lock().thread = thread;
    }

    /// Whether something is fresh.
    pub(super) fn is_due(&self) -> bool {
        self.staging.is_due.load(Ordering::Acquire)
    }

    /// A connection has come to be.
    pub(super) fn open(&self, id: Id, framing: Option<FrameSettings>) {
        self.staging
            .lock()
            .buffers
            .insert(id, StagingBuffer { framing, ..StagingBuffer::default() });
    }

    pub(super) fn set_framing(&self, id: Id, framing: FrameSettings) {
        if let Some(buffer) = self.staging.lock().buffers.get_mut(id) {
            buffer.framing = Some(framing);
        }
    }

    /// Takes nothing more for a connection, and returns what there is.
    pub(super) fn close(&self, id: Id) -> Bytes {
        let Some(buffer) = self.staging.lock().buffers.remove(id) else { return Bytes::new() };
        buffer.wake_waiting();
        buffer.bytes.freeze()
    }

    /// The buffers that are fresh.
    pub(super) fn take_fresh(&self) -> Vec<Id> {
        self.staging.is_due.store(false, Ordering::Release);
        let mut state = self.staging.lock();
        let fresh = std::mem::take(&mut state.fresh);
        for id in &fresh {
            if let Some(buffer) = state.buffers.get_mut(*id) {
                buffer.is_fresh = false;
            }
        }
        fresh
    }

    /// Takes up to `most` bytes, and returns whether some are left.
    pub(super) fn take(&self, id: Id, most: usize) -> (Bytes, bool) {
        let mut state = self.staging.lock();
        let Some(buffer) = state.buffers.get_mut(id) else { return (Bytes::new(), false) };
        let bytes = match buffer.bytes.len() <= most {
            true => std::mem::take(&mut buffer.bytes),
            false => buffer.bytes.split_to(most),
        };
        if !bytes.is_empty() {
            buffer.wake_waiting();
        }
        (bytes.freeze(), !buffer.bytes.is_empty())
    }

    /// The queue of a connection has room again: the next turn looks.
    pub(super) fn refresh(&self, id: Id) {
        let mut state = self.staging.lock();
        if let Some(buffer) = state.buffers.get_mut(id)
            && !std::mem::replace(&mut buffer.is_fresh, true)
        {
            state.fresh.push(id);
        }
        self.staging.is_due.store(true, Ordering::Release);
    }
}
