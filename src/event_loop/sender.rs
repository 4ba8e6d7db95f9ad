//! Sending from other threads.
//!
//! Each connection has a buffer: bytes that threads have put there and the loop has not taken yet. The
//! loop takes them where the connection's own queue has room, and so both are bounded.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::id::Id;
use super::marks::Marks;
use super::pool::{Pool, PoolSource};
use super::staging::{SenderError, SenderInbox, StagingBuffers};

/// What a piece in a queue costs beside its bytes, and a little more.
const PIECE: usize = 128;
/// Bytes that an empty queue takes, whatever its high mark is.
const LEAST: usize = 4096;

/// Sends on the connections of a pool, from any thread; clones are one sender.
///
/// What one thread sends on one connection arrives in its order, each send in one piece. A connection
/// takes up to 256 KiB here and its own high mark in the loop; others are not held up by one that is
/// full. The loop is woken once for all that was sent since it last looked.
///
/// Four threads share one client:
///
/// ```
/// use std::time::Duration;
/// use wirecat::event_loop::{Event, EventLoop, Pool};
///
/// let mut event_loop = EventLoop::new()?;
/// let listener = event_loop.pool().listen("127.0.0.1:0")?[0];
/// let sender = event_loop.pool().sender();
/// # let address = event_loop.pool().local(listener).unwrap_or_default().to_string();
/// # let client = std::thread::spawn(move || {
/// #     std::io::read_to_string(std::net::TcpStream::connect(address).unwrap()).unwrap()
/// # });
/// event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
///     Event::Accepted { id, .. } => {
///         let workers: Vec<_> = (0..4)
///             .map(|worker| {
///                 let sender = sender.clone();
///                 std::thread::spawn(move || {
///                     for number in 0..100 {
///                         let line = format!("worker {worker} has done {number}\n");
///                         // Waits for room, but not for ever.
///                         if sender.send(id, line.as_bytes(), Duration::from_secs(10)).is_err() {
///                             return;
///                         }
///                     }
///                 })
///             })
///             .collect();
///         let mailbox = pool.mailbox();
///         std::thread::spawn(move || {
///             for worker in workers {
///                 let _ = worker.join();
///             }
///             mailbox.call(move |pool| pool.finish(id))
///         });
///     }
///     Event::Eof { id } => pool.finish(id),
///     Event::Closed { .. } => pool.stop(),
///     _ => {}
/// })?;
/// # let got = client.join().unwrap();
/// # for worker in 0..4 {
/// #     let start = format!("worker {worker} ");
/// #     assert_eq!(got.lines().filter(|line| line.starts_with(&start)).count(), 100);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Sender {
    staging: Arc<StagingBuffers>,
}

impl Sender {
    /// Sends bytes if there is room.
    ///
    /// # Errors
    /// [`SenderError::Full`] and [`SenderError::Gone`]; nothing is sent then.
    pub fn try_send(&self, id: Id, bytes: &[u8]) -> Result<(), SenderError> {
        self.staging.put(id, bytes, None)
    }

    /// Sends bytes, and waits up to `within` for room. In the thread of the loop, which makes the room,
    /// it does not wait.
    ///
    /// # Errors
    /// As those of [`Sender::try_send`].
    pub fn send(&self, id: Id, bytes: &[u8], within: Duration) -> Result<(), SenderError> {
        self.staging.put(id, bytes, Some(within))
    }

    /// Sends one message if there is room, marked as the framing of the connection has it
    /// ([`Pool::frame`]).
    ///
    /// # Errors
    /// As those of [`Sender::try_send`], and [`SenderError::Frame`].
    pub fn try_send_message(&self, id: Id, payload: &[u8]) -> Result<(), SenderError> {
        self.try_send(id, &self.staging.encode(id, payload)?)
    }

    /// Sends one message, and waits up to `within` for room.
    ///
    /// # Errors
    /// As those of [`Sender::try_send_message`].
    pub fn send_message(
        &self,
        id: Id,
        payload: &[u8],
        within: Duration,
    ) -> Result<(), SenderError> {
        self.send(id, &self.staging.encode(id, payload)?, within)
    }

    /// Bytes that the loop has not taken yet.
    pub fn waiting(&self, id: Id) -> usize {
        self.staging.waiting(id)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl Pool {
    /// A handle by which other threads send on the connections of this pool, also on those that come to be
    /// later.
    pub fn sender(&mut self) -> Sender {
        let staging = match &self.inbox {
            Some(inbox) => inbox.staging(),
            None => self.open_inbox(),
        };
        Sender { staging }
    }

    fn open_inbox(&mut self) -> Arc<StagingBuffers> {
        let staging = Arc::new(StagingBuffers::new(self.mailbox.waker()));
        let inbox = SenderInbox::new(staging.clone());
        inbox.set_thread(self.thread);
        for id in self.sources.ids().filter(|id| self.takes(*id)) {
            inbox.open(id, self.framing(id).cloned());
        }
        self.inbox = Some(inbox);
        staging
    }

    /// The loop runs in the current thread from now on.
    pub(super) fn note_thread(&mut self) {
        let here = Some(thread::current().id());
        if std::mem::replace(&mut self.thread, here) != here
            && let Some(inbox) = &self.inbox
        {
            inbox.set_thread(here);
        }
    }

    /// The loop has ended: whoever waits for room in a buffer, or will send, learns of it.
    pub(super) fn end_senders(&mut self) {
        self.inbox = None;
    }

    /// The beginning of a turn: takes what threads have sent.
    pub(super) fn take_sent(&mut self) {
        let Some(inbox) = &self.inbox else { return };
        if !inbox.is_due() {
            return;
        }
        for id in inbox.take_fresh() {
            self.take_staged(id);
        }
    }

    fn take_staged(&mut self, id: Id) {
        let (now, inbox) = (self.now, self.inbox.as_ref());
        let (Some(inbox), Some(PoolSource::Channel(channel))) = (inbox, self.sources.get_mut(id))
        else {
            return;
        };
        if !channel.takes() {
            return self.close_staging(id);
        }
        let room = channel.room().saturating_sub(PIECE);
        let most = if channel.queue.is_empty() { room.max(LEAST) } else { room };
        let (bytes, is_more) = inbox.take(id, most);
        channel.marks.set(Marks::STAGING_WAITS, is_more);
        // It returns `Full` only where the mark is lower than `LEAST`.
        let _ = channel.send_shared(bytes, now);
        self.mark_dirty(id);
    }

    /// The connection was flushed while its buffer waits: the next turn goes on once half of the queue is
    /// free.
    pub(super) fn refresh_staged(&mut self, id: Id) {
        let Some(PoolSource::Channel(channel)) = self.sources.get_mut(id) else { return };
        let is_free = channel.room() >= channel.queue.cost() || channel.queue.is_empty();
        if let (true, Some(inbox)) = (is_free, &self.inbox) {
            channel.marks.set(Marks::STAGING_WAITS, false);
            inbox.refresh(id);
        }
    }

    /// Nothing more is sent on a connection: what threads have sent before is queued.
    pub(super) fn close_staging(&mut self, id: Id) {
        let Some(inbox) = &self.inbox else { return };
        let bytes = inbox.close(id);
        if let Some(PoolSource::Channel(channel)) = self.sources.get_mut(id)
            && !bytes.is_empty()
        {
            let now = self.now;
            // Whatever the mark: it was accepted.
            let _ = channel.enqueue(bytes.len(), now, |queue| queue.push(bytes));
            self.mark_dirty(id);
        }
    }
}

#[cfg(test)]
mod tests;
