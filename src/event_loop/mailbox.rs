//! The mailbox: how other threads reach the loop, and the names that such threads look up.
//!
//! A sender may be cloned and moved anywhere; a letter wakes the loop if it sleeps. getaddrinfo(3)
//! blocks, so each lookup has a thread; requests for a name that is being looked up share its answer.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, channel};
use std::{io, thread};

use mio::{Registry, Waker};

use super::WAKE;
use super::id::Id;
use super::lanes::SenderError;
use super::pool::Pool;
use crate::error::Failure;
use crate::sockets::{Family, Host, Purpose, resolve};

/// What other threads send to the loop.
#[derive(Debug)]
pub enum Mail {
    /// The answer of the resolver to a question.
    Resolved(Query, Result<Vec<SocketAddr>, Failure>),
    /// What another thread of the program has for the handler, which knows the type.
    Posted(Box<dyn Any + Send>),
}

/// How many calls may wait for the loop.
const CALLS: usize = 1024;

/// What travels: mail for the handler, and readiness for the pool itself.
pub(super) enum Letter {
    ForHandler(Mail),
    /// Work that another thread wants done in the loop.
    Job(Job),
    /// A transport that is served by a thread may be read or written again.
    Ready(Id),
}

/// Work that another thread wants done in the loop.
pub(super) struct Job {
    work: Box<dyn FnOnce(&mut Pool) + Send>,
    /// It counts among those that wait as long as it is there.
    _place: JobPlace,
}

struct JobPlace(Arc<AtomicUsize>);

impl Drop for JobPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Job {
    pub(super) fn run(self, pool: &mut Pool) {
        (self.work)(pool);
    }
}

/// The sending end; cheap to clone.
#[derive(Clone)]
pub struct Mailbox {
    sender: mpsc::Sender<Letter>,
    waker: Arc<Waker>,
    /// How many jobs wait.
    jobs: Arc<AtomicUsize>,
}

impl Mailbox {
    pub(super) fn open(registry: &Registry) -> io::Result<(Self, Receiver<Letter>)> {
        let (sender, receiver) = channel();
        let waker = Arc::new(Waker::new(registry, WAKE)?);
        Ok((Self { sender, waker, jobs: Arc::default() }, receiver))
    }

    /// Sends a letter to the handler, in the order of this thread. A loop that is gone needs no
    /// letters. Any number of letters wait: whoever sends many keeps count of them.
    pub fn send(&self, mail: Mail) {
        let _ = self.post(Letter::ForHandler(mail));
    }

    /// Has the loop do something with its pool, in its next turn. Up to 1,024 calls wait; each has to
    /// be short, because nothing else happens meanwhile.
    ///
    /// ```
    /// use wirecat::event_loop::{Event, EventLoop, Pool};
    ///
    /// let mut event_loop = EventLoop::new()?;
    /// let mailbox = event_loop.pool().mailbox();
    /// std::thread::spawn(move || mailbox.call(|pool| pool.stop()));
    /// event_loop.run(&mut |_: &mut Pool, _: Event<'_>| {})?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SenderError::Full`], or [`SenderError::Gone`] where the loop was dropped. A loop that was stopped
    /// does nothing more, and drops the work with itself.
    pub fn call(&self, work: impl FnOnce(&mut Pool) + Send + 'static) -> Result<(), SenderError> {
        let waiting = self.jobs.fetch_add(1, Ordering::Relaxed);
        // From here on it is counted until it is dropped.
        let place = JobPlace(self.jobs.clone());
        if waiting >= CALLS {
            return Err(SenderError::Full);
        }
        self.post(Letter::Job(Job { work: Box::new(work), _place: place }))
    }

    pub(super) fn ready(&self, id: Id) {
        let _ = self.post(Letter::Ready(id));
    }

    /// What wakes the loop.
    pub(super) fn waker(&self) -> Arc<Waker> {
        self.waker.clone()
    }

    fn post(&self, letter: Letter) -> Result<(), SenderError> {
        // The letter before the wake: a loop that is woken first may find nothing and sleep again.
        self.sender.send(letter).map_err(|_| SenderError::Gone)?;
        // Where the counter of the eventfd is full and the wake fails, one is pending already.
        let _ = self.waker.wake();
        Ok(())
    }
}

impl Pool {
    /// A way for other threads to reach the handler.
    pub fn mailbox(&self) -> Mailbox {
        self.mailbox.clone()
    }
}

/// A question to the resolver: the addresses of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The host.
    pub host: Host,
    /// The port that goes with each address.
    pub port: u16,
    /// Which addresses count.
    pub family: Family,
    /// What they are for.
    pub purpose: Purpose,
}

impl Query {
    /// Whether the answer takes time.
    pub fn takes_time(&self) -> bool {
        resolve::needs_lookup(&self.host)
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// Those of [`resolve::resolve`].
    pub fn ask(&self) -> Result<Vec<SocketAddr>, Failure> {
        resolve::resolve(&self.host, self.port, self.family, self.purpose)
    }
}

impl Pool {
    /// Asks the resolver; [`Mail::Resolved`] follows.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn look_up(&mut self, query: &Query) -> io::Result<()> {
        if self.lookups.contains(query) {
            return Ok(());
        }
        let (mailbox, question) = (self.mailbox(), query.clone());
        let work = move || {
            let answer = question.ask();
            mailbox.send(Mail::Resolved(question, answer));
        };
        // Not by thread::spawn(), which panics where no thread can be had.
        thread::Builder::new().name("resolver".into()).spawn(work)?;
        self.lookups.push(query.clone());
        Ok(())
    }

    /// Notes that an answer is on its way to the handler.
    pub(super) fn looked_up(&mut self, mail: &Mail) {
        if let Mail::Resolved(query, _) = mail {
            self.lookups.retain(|running| running != query);
        }
    }
}
