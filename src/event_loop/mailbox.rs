//! The mailbox: how other threads reach the loop.
//!
//! A mailbox may be cloned and moved anywhere; a message wakes the loop if it sleeps. The first message
//! since the loop has looked wakes it, and those behind cost no system call.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, channel};

use mio::{Registry, Waker};

use super::WAKE;
use super::id::Id;
use super::lookups::Query;
use super::pool::Pool;
use super::staging::SenderError;
use crate::error::Failure;

/// What other threads send to the loop.
#[derive(Debug)]
pub enum Mail {
    /// The answer of the resolver to a question.
    Resolved(Query, Result<Vec<SocketAddr>, Failure>),
    /// A value that another thread of the program sends to the handler, which knows its type.
    Posted(Box<dyn Any + Send>),
}

/// How many calls may wait for the loop.
const CALLS: usize = 1024;

/// What is posted: mail for the handler, work of other threads, and what the pool itself has to know.
pub(super) enum MailboxMessage {
    ForHandler(Mail),
    /// Work that another thread wants done in the loop.
    Job(Job),
    /// A transport that is served by a thread may be read or written again.
    Ready(Id),
    /// Another loop needs the descriptors of this one's pipes.
    PipesWanted,
}

/// Work that another thread wants done in the loop.
pub(super) struct Job {
    work: Box<dyn FnOnce(&mut Pool) + Send>,
    /// As long as this is there, the job counts among those that wait.
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
    sender: mpsc::Sender<MailboxMessage>,
    waker: Arc<Waker>,
    /// A message has come since the loop began to look: it is woken, or about to be.
    is_due: Arc<AtomicBool>,
    /// How many jobs wait.
    jobs: Arc<AtomicUsize>,
}

impl Mailbox {
    pub(super) fn open(registry: &Registry) -> io::Result<(Self, Receiver<MailboxMessage>)> {
        let (sender, receiver) = channel();
        let waker = Arc::new(Waker::new(registry, WAKE)?);
        Ok((Self { sender, waker, is_due: Arc::default(), jobs: Arc::default() }, receiver))
    }

    /// Sends a message to the handler, in the order of this thread. A loop that is gone needs no
    /// messages. Any number of messages wait: whoever sends many keeps count of them.
    pub fn send(&self, mail: Mail) {
        let _ = self.post(MailboxMessage::ForHandler(mail));
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
        self.post(MailboxMessage::Job(Job { work: Box::new(work), _place: place }))
    }

    pub(super) fn ready(&self, id: Id) {
        let _ = self.post(MailboxMessage::Ready(id));
    }

    pub(super) fn ask_for_pipes(&self) {
        let _ = self.post(MailboxMessage::PipesWanted);
    }

    /// Whether both are of one loop.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.waker, &other.waker)
    }

    /// What wakes the loop.
    pub(super) fn waker(&self) -> Arc<Waker> {
        self.waker.clone()
    }

    fn post(&self, message: MailboxMessage) -> Result<(), SenderError> {
        // The message before the flag, and the flag before the wake. Each change of the flag reads and
        // writes in one, so that they have one order, in which every later one sees what came before
        // an earlier one. If this one finds it unset, it wakes. If it finds it set, whoever set it
        // wakes the loop, or has done so, and the loop has not unset it since; when it does, it sees
        // this message.
        self.sender.send(message).map_err(|_| SenderError::Gone)?;
        if !self.is_due.swap(true, Ordering::AcqRel) && self.waker.wake().is_err() {
            // mio itself makes room in the counter of the eventfd. After any other error the next
            // message has to try again.
            self.is_due.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// The loop is awake and looks at the messages after this call: the next one wakes it again.
    pub(super) fn begin_to_look(&self) {
        self.is_due.swap(false, Ordering::AcqRel);
    }
}

impl Pool {
    /// A handle by which other threads reach the handler.
    pub fn mailbox(&self) -> Mailbox {
        self.mailbox.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::SyncSender;
    use std::thread;
    use std::time::Duration;

    use super::super::{Event, EventLoop};
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn the_first_message_since_the_loop_has_looked_wakes_it() {
        let mut event_loop = EventLoop::new().unwrap();
        let mailbox = event_loop.pool().mailbox();
        let is_due = mailbox.is_due.clone();
        for round in 0..3 {
            assert!(!is_due.load(Ordering::Relaxed), "before round {round}");
            for number in 0..100 {
                mailbox.send(Mail::Posted(Box::new(number)));
                assert!(is_due.load(Ordering::Relaxed), "message {number} of round {round}");
            }
            let mut count = 0;
            let mut take = |_: &mut Pool, event: Event<'_>| {
                if matches!(event, Event::Mail(_)) {
                    count += 1;
                    // A message of the loop to itself is for the next turn.
                    if count == 1 {
                        mailbox.send(Mail::Posted(Box::new("one more")));
                    }
                }
            };
            event_loop.run_once(LONG, &mut take).unwrap();
            event_loop.run_once(LONG, &mut take).unwrap();
            assert_eq!(count, 101);
        }
    }

    /// Each thread waits for an answer before its next message, so that the loop sleeps again and again;
    /// it has no timer, and a wake that is lost leaves all threads without an answer.
    #[test]
    fn no_message_of_many_threads_is_left() {
        const THREADS: usize = 8;
        const MESSAGES: usize = 3000;
        let mut event_loop = EventLoop::new().unwrap();
        let senders = (0..THREADS).map(|thread| {
            let mailbox = event_loop.pool().mailbox();
            thread::spawn(move || {
                let (answer, answers) = mpsc::sync_channel::<()>(2);
                for message in 0..MESSAGES {
                    // Some come in pairs.
                    let count = 1 + (message + thread) % 2;
                    for _ in 0..count {
                        mailbox.send(Mail::Posted(Box::new(answer.clone())));
                    }
                    for _ in 0..count {
                        answers.recv_timeout(LONG).unwrap();
                    }
                }
            })
        });
        let senders: Vec<_> = senders.collect();
        let mailbox = event_loop.pool().mailbox();
        let all = thread::spawn(move || {
            let outcomes: Vec<_> = senders.into_iter().map(thread::JoinHandle::join).collect();
            mailbox.call(Pool::stop).unwrap();
            assert!(outcomes.iter().all(Result::is_ok), "a message had no answer");
        });
        let mut answer = |_: &mut Pool, event: Event<'_>| {
            if let Event::Mail(Mail::Posted(message)) = event {
                message.downcast::<SyncSender<()>>().unwrap().send(()).unwrap();
            }
        };
        event_loop.run(&mut answer).unwrap();
        all.join().unwrap();
    }
}
