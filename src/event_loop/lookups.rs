//! Looking names up without stopping the loop: getaddrinfo(3) blocks, so each lookup has a thread.
//!
//! Requests for a name that is being looked up share one answer: a thousand connections to
//! one name cost one thread.

use std::io;
use std::net::SocketAddr;
use std::thread;

use super::mailbox::Mail;
use super::pool::Pool;
use crate::error::Failure;
use crate::sockets::{Family, Host, Purpose, resolve};

/// A question to the resolver: the addresses of a host to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The host.
    pub host: Host,
    /// The port that goes with each address.
    pub port: u16,
    /// Which addresses count.
    pub family: Family,
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
        resolve::resolve(&self.host, self.port, self.family, Purpose::Connect)
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
        thread::Builder::new().name("resolver".into()).spawn(work)?;
        self.lookups.push(query.clone());
        Ok(())
    }

    /// Notes that an answer is on its way to the handler.
    pub(super) fn looked_up(&mut self, mail: &Mail) {
        let Mail::Resolved(query, _) = mail;
        self.lookups.retain(|running| running != query);
    }
}
