//! The event loop: one thread, one poll, one handler.
//!
//! Every turn does the same things in the same order: wait, set the time, note what is ready,
//! read what is ready under a budget, fire timers, deliver mail and signals, flush what was
//! queued, and remove what has ended. A handler sees them as [`Event`]s and answers through the
//! [`Pool`].
//!
//! mio is edge-triggered: each source is registered once, for reading and writing (a datagram
//! socket for writing only once the kernel took no more), and is used until `WouldBlock`, or until a
//! short read where that means the same ([`Transport::is_empty_after_short_read`]).
//! Only readable and writable are facts; error and hang-up are taken as hints to read and write,
//! which return the error itself.

mod acceptor;
mod attempts;
mod batch_wait;
mod channel;
mod closing;
mod datagram_opening;
mod datagram_transport;
mod datagrams;
mod deadlines;
#[cfg(feature = "cli")]
mod dialogue_stream;
mod event;
mod groups;
mod handover;
mod handshake;
mod id;
mod inspect;
mod intake;
mod kernel_pipe;
mod latch;
mod lifecycle;
mod link;
mod lookups;
mod mailbox;
mod marks;
mod messages;
mod observer;
mod opening;
mod pool;
mod racing;
mod read_buffer;
mod recorder;
mod sender;
mod signals;
mod staging;
pub mod stdio;
mod stopping;
mod stream_transport;
mod timers;
mod tinyproto_transport;
#[cfg(feature = "tls")]
mod tls_stream;
mod transport;
mod turn;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::sys::mmsg::ReceiveBatch;
use crate::sys::timerfd::TimerFd;
use read_buffer::ReadBuffer;
use stopping::DRAIN;
use timers::{AnyTimer, OwnPurpose};

pub use crate::buffers::Unsent;
pub use crate::multicast::GroupOptions;
pub use crate::sys::mmsg::{Arrival, Outgoing, ReturnPath, SenderAddress, SourceAddress};
pub use attempts::ConnectPolicy;
pub use datagram_transport::DatagramTransport;
pub use datagrams::BatchSent;
pub use event::{End, Event, Handler, SendOutcome, Traffic};
pub use handover::Detached;
pub use handshake::TransportLayer;
pub use id::{Id, IdMap};
pub use lifecycle::{CloseMode, Directions};
pub use lookups::Query;
pub use mailbox::{Mail, Mailbox};
pub use observer::Observed;
pub use opening::Network;
pub use pool::Pool;
pub use recorder::{Recorder, SharedRecorder, StreamRecording};
pub use sender::Sender;
pub use signals::Signal;
pub use staging::SenderError;
pub use stdio::Memory;
pub use timers::TimerKey;
pub use transport::{KernelEnd, Readiness, Ready, Registration, Transport};

/// Tokens that no source can have: the upper half of a source's token is a generation, which
/// never has its top bit set.
const WAKE: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);
const TIMERFD: Token = Token(usize::MAX - 2);

/// Events taken from the poll at a time.
const EVENTS: usize = 1024;
/// How long before an exact timer the loop stops sleeping: to be woken takes the kernel up to
/// 100 µs, more on an idle virtual machine than on a busy one.
const EARLY: Duration = Duration::from_micros(150);
/// Bytes that one read takes at most, unless the handler sets another size
/// ([`Pool::set_read_size`]).
pub const READ_SIZE: usize = 128 * 1024;

/// A pool of sources and the poll that watches them.
pub struct EventLoop {
    poll: Poll,
    events: Events,
    pool: Pool,
    scratch: ReadBuffer,
    /// Memory for receiving datagrams, from the first one on.
    batch: Option<Box<ReceiveBatch>>,
    inbound: Receiver<mailbox::MailboxMessage>,
    signals: Option<signals::Signals>,
    /// Wakes the loop in time, from the first exact timer on.
    timerfd: Option<TimerFd>,
    /// Signals, each with whether the terminal sent it.
    arrived: Vec<(Signal, bool)>,
}

impl EventLoop {
    /// An empty loop.
    ///
    /// # Errors
    /// The kernel gives no poll, most often because the process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let (mailbox, inbound) = Mailbox::open(poll.registry())?;
        let pool = Pool::new(poll.registry().try_clone()?, mailbox, Instant::now());
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            pool,
            scratch: ReadBuffer::new(READ_SIZE),
            batch: None,
            inbound,
            signals: None,
            timerfd: None,
            arrived: Vec::new(),
        })
    }

    /// The sources of this loop.
    pub fn pool(&mut self) -> &mut Pool {
        &mut self.pool
    }

    /// Turns SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGCHLD into events, and survives SIGPIPE,
    /// SIGXFSZ, SIGTTIN and SIGTTOU. A second terminating signal of a kind ends the process at once.
    ///
    /// # Errors
    /// Those of `sigaction(2)` and of the poll.
    pub fn watch_signals(&mut self) -> io::Result<()> {
        self.signals = Some(signals::Signals::watch(self.poll.registry())?);
        Ok(())
    }

    /// Turns SIGWINCH, SIGTSTP and SIGCONT into events too, once signals are watched, and leaves it
    /// to the handler to stop, and to end at a second signal: a terminal that was taken over has to
    /// be put back.
    ///
    /// # Errors
    /// Those of `sigaction(2)`.
    pub fn watch_terminal(&mut self) -> io::Result<()> {
        self.signals.as_mut().map_or(Ok(()), signals::Signals::watch_terminal)
    }

    /// Turns until the handler ends the loop: with [`Pool::stop`] what is queued is written first, with
    /// [`Pool::halt`] it is not.
    ///
    /// # Errors
    /// The poll itself failed, which no handler can mend.
    pub fn run(&mut self, handler: &mut dyn Handler) -> io::Result<()> {
        self.pool.note_thread();
        self.pool.now = Instant::now();
        if !self.pool.stopped {
            handler.on(&mut self.pool, Event::Started);
        }
        while !self.pool.stopped {
            self.wait(None)?;
            self.turn(Instant::now(), handler);
        }
        let outcome = if self.pool.drains { self.drain(handler) } else { Ok(()) };
        self.pool.end_senders();
        outcome
    }

    /// Writes what is queued, and ends what it is queued for.
    fn drain(&mut self, handler: &mut dyn Handler) -> io::Result<()> {
        handler.on(&mut self.pool, Event::Stopping);
        // The timer counts from here, so that it fires no earlier than at `end`.
        self.pool.now = Instant::now();
        let end = self.pool.now + DRAIN;
        self.pool.arm_own(None, OwnPurpose::Stop, DRAIN);
        while self.pool.close_all() && Instant::now() < end {
            self.wait(None)?;
            self.turn(Instant::now(), &mut |_: &mut Pool, _: Event<'_>| {});
        }
        self.pool.timers.disarm(AnyTimer::own(None, OwnPurpose::Stop));
        handler.on(&mut self.pool, Event::Stopped);
        Ok(())
    }

    /// One turn, for a program with a loop of its own: waits up to `timeout` for something to do,
    /// does it, and returns whether the handler got an event. A loop that was stopped does nothing;
    /// [`EventLoop::run`] then ends it in order.
    ///
    /// ```
    /// use std::time::Duration;
    /// use wirecat::event_loop::{Event, EventLoop, Pool};
    ///
    /// let mut event_loop = EventLoop::new()?;
    /// event_loop.pool().listen("127.0.0.1:0")?;
    /// let mut log = |_: &mut Pool, event: Event<'_>| println!("{event:?}");
    /// # let mut frames = 0;
    /// while !event_loop.pool().is_stopped() {
    ///     while event_loop.run_once(Duration::from_millis(5), &mut log)? {}
    ///     // … the program's own work …
    /// #   frames += 1;
    /// #   if frames == 3 { event_loop.pool().stop() }
    /// }
    /// event_loop.run(&mut log)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A program that waits in a poll of its own watches the descriptor of the loop ([`AsFd`]) for
    /// reading, no longer than [`EventLoop::timeout`], and then calls this with
    /// [`Duration::ZERO`].
    ///
    /// # Errors
    /// As those of [`EventLoop::run`].
    pub fn run_once(&mut self, timeout: Duration, handler: &mut dyn Handler) -> io::Result<bool> {
        if self.pool.stopped {
            return Ok(false);
        }
        let mut has_event = false;
        self.pool.note_thread();
        self.wait(Some(timeout))?;
        self.turn(Instant::now(), &mut |pool: &mut Pool, event: Event<'_>| {
            has_event = true;
            handler.on(pool, event);
        });
        Ok(has_event)
    }

    /// How long the loop may be left alone while its descriptor has nothing to read: to the next
    /// timer, and not at all where something was left for the next turn. `None` is without a limit.
    pub fn timeout(&mut self) -> Option<Duration> {
        self.pool.poll_timeout(Instant::now)
    }

    /// Sleeps until there is something to do, for no longer than `limit`, and notes what is ready.
    fn wait(&mut self, limit: Option<Duration>) -> io::Result<()> {
        if let Some(rest) = self.pool.wait_for_batch() {
            std::thread::sleep(rest);
        }
        let timeout = match self.pool.exact {
            true => self.exact_timeout(),
            false => self.pool.poll_timeout(Instant::now),
        };
        let timeout = timeout.into_iter().chain(limit).min();
        match self.poll.poll(&mut self.events, timeout) {
            // A signal ended epoll_wait(2), which SA_RESTART never restarts (signal(7)). Its
            // handler has written to the pair that the next poll reports.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            outcome => outcome?,
        }
        for event in &self.events {
            match event.token() {
                // Neither has to be read: the poll is edge-triggered, and does not report them
                // again.
                WAKE => {}
                TIMERFD => self.timerfd.iter_mut().for_each(TimerFd::note_expired),
                SIGNALS => self.arrived.extend(self.signals.iter_mut().flat_map(|s| s.pending())),
                token => {
                    // EPOLLERR and EPOLLHUP come whatever was asked for (epoll_ctl(2)). Each means
                    // that the next call returns at once: with what is left to read, the end or the
                    // error.
                    let hint =
                        event.is_error() || event.is_read_closed() || event.is_write_closed();
                    let id = Id::of(token);
                    self.pool.latch(id, event.is_readable() || hint, event.is_writable() || hint);
                    if hint || event.is_priority() {
                        self.pool.latch_notice(id);
                    }
                    if event.is_error() || event.is_write_closed() {
                        self.pool.latch_hang_up(id);
                    }
                }
            }
        }
        Ok(())
    }

    /// What is left to the poll's own timeout, which is of whole milliseconds, where timers are to
    /// be exact: a clock wakes it just before the next one, and from then on it does not sleep.
    fn exact_timeout(&mut self) -> Option<Duration> {
        // A closed loop of messages has the same next timer for many turns, and need not know how
        // far off it is.
        let next = self.pool.next_timer();
        if self.timerfd.as_ref().is_some_and(|clock| clock.goes_off_for(next))
            && !self.pool.has_work()
        {
            return None;
        }
        let after = self.pool.poll_timeout(Instant::now)?.saturating_sub(EARLY);
        if after.is_zero() {
            return Some(after);
        }
        // Where there is no such clock, the grain of the poll has to do.
        if self.set_timerfd(after).is_ok() { None } else { Some(after) }
    }

    fn set_timerfd(&mut self, after: Duration) -> io::Result<()> {
        let Some(at) = self.pool.next_timer() else { return Ok(()) };
        let timerfd = match &mut self.timerfd {
            Some(timerfd) => timerfd,
            none => {
                let timerfd = TimerFd::open()?;
                let fd = timerfd.as_raw_fd();
                self.poll.registry().register(&mut SourceFd(&fd), TIMERFD, Interest::READABLE)?;
                none.insert(timerfd)
            }
        };
        timerfd.set(at, after)
    }
}

impl Pool {
    /// How long the loop may sleep: not at all while there is work, else to the next timer.
    fn poll_timeout(&mut self, now: impl Fn() -> Instant) -> Option<Duration> {
        if self.has_work() {
            return Some(Duration::ZERO);
        }
        self.timers.next().map(|at| at.saturating_duration_since(now()))
    }

    /// Whether something is to be done without an event of the kernel.
    fn has_work(&self) -> bool {
        let is_due = self.inbox.as_ref().is_some_and(staging::SenderInbox::is_due);
        self.has_ready() || is_due || !(self.dirty.is_empty() && self.closed.is_empty())
    }

    /// How long the loop is to rest before it polls, where it has the time to.
    fn wait_for_batch(&mut self) -> Option<Duration> {
        let rest = self.batching.take()?;
        let has_time = self.poll_timeout(Instant::now).is_none_or(|timeout| timeout > rest);
        has_time.then_some(rest)
    }
}

impl AsFd for EventLoop {
    /// The poll: it can be read while a source has something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.registry().as_fd()
    }
}
