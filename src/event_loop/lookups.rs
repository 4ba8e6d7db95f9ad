//! Questions to the resolver.
//!
//! getaddrinfo(3) blocks and cannot be interrupted, so each question has a thread for as long as it takes.
//! There are [`ASKED`] of them at most, and further questions wait for one.
//!
//! ```text
//!            a thread is free            the answer is there
//! Waiting ────────────────────> Asked ───────────────────────> (Mail::Resolved)
//!    └──── nobody waits for it any more ──> (forgotten)
//! ```

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::{io, thread};

use super::mailbox::{Mail, Mailbox};
use super::pool::Pool;
use crate::error::{Failure, Status};
use crate::sockets::{Address, Family, Host, Purpose, resolve};

/// Upper bound on questions that are asked at once, each by a thread of its own.
const ASKED: usize = 512;
/// Upper bound on questions that wait for a thread.
const WAITING: usize = 16 * 1024;

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

    /// Has a thread ask.
    fn ask_elsewhere(&self, mailbox: Mailbox) -> io::Result<()> {
        let question = self.clone();
        let work = move || {
            let answer = question.ask();
            mailbox.send(Mail::Resolved(question, answer));
        };
        // Not by thread::spawn(), which panics where no thread can be had.
        thread::Builder::new().name("resolver".into()).spawn(work).map(drop)
    }
}

/// The questions of a pool that have no answer yet. None is there twice.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    asked: Vec<Query>,
    /// In the order in which they came, and how many wait for each answer.
    waiting: VecDeque<(Query, usize)>,
}

impl Lookups {
    fn check(&self) {
        debug_assert!(self.asked.len() <= ASKED, "{} threads", self.asked.len());
        debug_assert!(self.waiting.len() <= WAITING, "{} questions wait", self.waiting.len());
    }
}

impl Pool {
    /// Asks the resolver; [`Mail::Resolved`] follows. While 512 questions are open, further ones
    /// wait.
    ///
    /// # Errors
    /// No thread can be had, or too many questions wait.
    pub fn look_up(&mut self, query: &Query) -> io::Result<()> {
        let mailbox = self.mailbox();
        let Lookups { asked, waiting } = &mut self.lookups;
        if asked.contains(query) {
            return Ok(());
        }
        if let Some((_, wanted)) = waiting.iter_mut().find(|(other, _)| other == query) {
            *wanted += 1;
        } else if asked.len() < ASKED {
            query.ask_elsewhere(mailbox)?;
            asked.push(query.clone());
        } else if waiting.len() < WAITING {
            waiting.push_back((query.clone(), 1));
        } else {
            return Err(io::Error::other("too many names wait for the resolver"));
        }
        self.lookups.check();
        Ok(())
    }

    /// One of those who asked does not wait for the answer any more. A question that is asked
    /// already keeps its thread, and is answered.
    pub fn forget_look_up(&mut self, query: &Query) {
        let waiting = &mut self.lookups.waiting;
        if let Some(at) = waiting.iter().position(|(other, _)| other == query)
            && let Some((_, wanted)) = waiting.get_mut(at)
        {
            *wanted -= 1;
            if *wanted == 0 {
                waiting.remove(at);
            }
        }
    }

    /// Notes that an answer is on its way to the handler, and asks the next question.
    pub(super) fn looked_up(&mut self, mail: &Mail) {
        let Mail::Resolved(query, _) = mail else { return };
        let mailbox = self.mailbox();
        let Lookups { asked, waiting } = &mut self.lookups;
        asked.retain(|running| running != query);
        if asked.len() < ASKED
            && let Some((next, _)) = waiting.pop_front()
        {
            if let Err(error) = next.ask_elsewhere(mailbox.clone()) {
                let failure = next.unasked(&error);
                mailbox.send(Mail::Resolved(next.clone(), Err(failure)));
            }
            // Also where no thread could be had: the answer that says so takes it out again.
            asked.push(next);
        }
        self.lookups.check();
    }
}

impl Query {
    /// Why it could not be asked.
    pub(crate) fn unasked(&self, error: &io::Error) -> Failure {
        let Self { host, port, .. } = self.clone();
        let target = Address::Inet { host, port }.to_string();
        Failure::io(Status::Resolve, "resolve", target, error)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Event, EventLoop};
    use super::*;

    fn query(number: usize) -> Query {
        // No resolver is asked for the name of this machine with a port of its own.
        let port = u16::try_from(number).unwrap();
        let host = Host::Name("localhost".to_owned());
        Query { host, port, family: Family::Any, purpose: Purpose::Connect }
    }

    #[test]
    fn a_question_that_waits_is_asked_when_another_one_is_answered() {
        const COUNT: usize = ASKED + 100;
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        (1..=COUNT).for_each(|number| pool.look_up(&query(number)).unwrap());
        assert_eq!(pool.lookups.asked.len(), ASKED);
        assert_eq!(pool.lookups.waiting.len(), COUNT - ASKED);
        // Asked twice, and forgotten once.
        pool.look_up(&query(COUNT)).unwrap();
        pool.forget_look_up(&query(COUNT));
        // Forgotten by all; one that is asked is answered all the same.
        pool.forget_look_up(&query(COUNT - 1));
        pool.forget_look_up(&query(1));
        let mut answered = Vec::new();
        let mut take = |pool: &mut Pool, event: Event<'_>| {
            if let Event::Mail(Mail::Resolved(query, _)) = event {
                answered.push(usize::from(query.port));
                if answered.len() == COUNT - 1 {
                    pool.stop();
                }
            }
        };
        event_loop.run(&mut take).unwrap();
        answered.sort_unstable();
        assert_eq!(answered, (1..=COUNT).filter(|it| *it != COUNT - 1).collect::<Vec<_>>());
        assert!(event_loop.pool().lookups.asked.is_empty());
    }

    #[test]
    fn the_questions_that_wait_have_a_bound() {
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        let most = ASKED + WAITING;
        pool.lookups.asked.extend((1..=ASKED).map(query));
        pool.lookups.waiting.extend((ASKED + 1..=most).map(|number| (query(number), 1)));
        let error = pool.look_up(&query(most + 1)).unwrap_err();
        assert_eq!(error.to_string(), "too many names wait for the resolver");
        assert!(pool.look_up(&query(most)).is_ok() && pool.look_up(&query(1)).is_ok());
    }
}
