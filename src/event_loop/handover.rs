//! Connections that move from one loop to another.
//!
//! A program with several loops has one accept and all serve, or moves a connection to where there is
//! room. [`Pool::detach`] takes a connection out of a loop, [`Mailbox::call`](super::Mailbox::call)
//! carries it over, and [`Pool::attach`] puts it into the other one, whose handler gets
//! [`Event::Connected`](super::Event::Connected).
//!
//! ```text
//! in a pool ── detach ──> Detached ── attach ──> Connecting ── Connected ──> in another pool
//!                            └── dropped ──> closed
//! ```

use super::id::Id;
use super::lifecycle::ChannelPhase;
use super::marks::Marks;
use super::pool::{Pool, PoolSource};
use super::transport::Transport;
use crate::error::{Failure, Status};

/// An open connection that belongs to no loop. Dropped, it closes.
pub struct Detached(Box<dyn Transport>);

impl std::fmt::Debug for Detached {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (peer, _) = self.0.addresses();
        out.debug_tuple("Detached").field(&peer.to_string()).finish()
    }
}

impl Pool {
    /// Takes an open connection out of the pool, without an event; its id means nothing any more.
    /// What it has sent and nobody has read goes with it. `None` where it is no open connection of both
    /// directions, or where bytes of it wait in this pool: to be written, or read and not delivered, such
    /// as the beginning of a message. Its framing, link and deadlines stay behind.
    ///
    /// One loop accepts, and hands the clients to three others in turn:
    ///
    /// ```
    /// use wirecat::{Event, EventLoop, Mailbox, Pool};
    ///
    /// /// Each of the loops that serve sends back what comes.
    /// fn echo(pool: &mut Pool, event: Event<'_>) {
    ///     match event {
    ///         Event::Data { id, bytes } => {
    ///             // A queue that is full is reported; a real server pauses the connection then.
    ///             let _ = pool.send(id, bytes);
    ///         }
    ///         Event::Eof { id } => pool.finish(id),
    ///         _ => {}
    ///     }
    /// }
    ///
    /// let mut mailboxes: Vec<Mailbox> = Vec::new();
    /// let mut threads = Vec::new();
    /// for _ in 0..3 {
    ///     let mut event_loop = EventLoop::new()?;
    ///     mailboxes.push(event_loop.pool().mailbox());
    ///     threads.push(std::thread::spawn(move || event_loop.run(&mut echo)));
    /// }
    /// let mut event_loop = EventLoop::new()?;
    /// let listener = event_loop.pool().listen("127.0.0.1:0")?[0];
    /// # let address = event_loop.pool().local(listener).unwrap_or_default().to_string();
    /// # let clients: Vec<_> = (0..6)
    /// #     .map(|_| {
    /// #         let address = address.clone();
    /// #         std::thread::spawn(move || {
    /// #             use std::io::{Read, Write};
    /// #             let mut stream = std::net::TcpStream::connect(address).unwrap();
    /// #             stream.write_all(b"to and fro").unwrap();
    /// #             stream.shutdown(std::net::Shutdown::Write).unwrap();
    /// #             std::io::read_to_string(stream).unwrap()
    /// #         })
    /// #     })
    /// #     .collect();
    /// let mut accepted = 0;
    /// event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| {
    ///     let Event::Accepted { id, .. } = event else { return };
    ///     let Some(connection) = pool.detach(id) else { return };
    ///     let next = &mailboxes[accepted % mailboxes.len()];
    ///     accepted += 1;
    ///     // A loop that is gone drops the connection, which closes it.
    ///     let handed = next.call(move |pool| {
    ///         if let Err(failure) = pool.attach(connection) {
    ///             eprintln!("{failure}");
    ///         }
    ///     });
    ///     if let Err(error) = handed {
    ///         eprintln!("a client is lost: {error}");
    ///     }
    /// #   // The example ends with its sixth client; a real server goes on.
    /// #   if accepted == 6 { pool.stop() }
    /// })?;
    /// # for client in clients {
    /// #     assert_eq!(client.join().unwrap(), "to and fro");
    /// # }
    /// for mailbox in mailboxes {
    ///     mailbox.call(|pool| pool.stop())?;
    /// }
    /// for thread in threads {
    ///     thread.join().expect("no handler panics")?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn detach(&mut self, id: Id) -> Option<Detached> {
        self.take_sent();
        let is_bare = self.queued(id) == 0 && self.undelivered(id) == 0;
        let Some(PoolSource::Channel(channel)) = self.sources.get_mut(id) else { return None };
        let is_whole = channel.reading.is_open() && channel.writing.is_open();
        let is_open = channel.phase == ChannelPhase::Open && channel.closed.is_none() && is_whole;
        let held = Marks::HELD.0 | Marks::NEGOTIATED.0 | Marks::STAGING_WAITS.0;
        let is_bare = is_bare && !channel.marks.has(Marks(held));
        let is_connection = channel.marks.has(Marks::CONNECTION);
        if !(is_open && is_bare && is_connection && channel.transport.leave(&self.registry)) {
            return None;
        }
        self.close_staging(id);
        self.forget_links(id);
        self.forget_intake(id);
        self.timers.forget(id);
        match self.sources.remove(id) {
            Some(PoolSource::Channel(channel)) => Some(Detached(channel.transport)),
            _ => None,
        }
    }

    /// Takes over a connection that another pool has let go. [`Event::Connected`](super::Event::Connected)
    /// follows, and then what has come meanwhile.
    ///
    /// # Errors
    /// It cannot be registered with the poll, and is closed.
    pub fn attach(&mut self, connection: Detached) -> Result<Id, Failure> {
        let id = self.add_detached(connection, ChannelPhase::Connecting)?;
        self.latch_writable(id);
        Ok(id)
    }

    /// The same without the event, for whoever knows the connection.
    pub(crate) fn attach_open(&mut self, connection: Detached) -> Result<Id, Failure> {
        self.add_detached(connection, ChannelPhase::Open)
    }

    fn add_detached(&mut self, connection: Detached, phase: ChannelPhase) -> Result<Id, Failure> {
        let name = connection.0.addresses().0;
        let added = self.add_connection(connection.0, phase);
        let id = added
            .map_err(|error| Failure::io(Status::Local, "take over", name.to_string(), &error))?;
        // No event of the poll reports what has left the kernel, such as what came behind a header.
        if self.channel(id).is_some_and(|it| it.transport.has_buffered_input()) {
            self.latch_readable(id);
        }
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpStream;

    use crate::event_loop::{Event, EventLoop};
    use crate::framing::Framing;

    /// Its second half would be a message of its own in the other loop.
    #[test]
    fn the_beginning_of_a_message_keeps_its_connection() {
        let mut event_loop = EventLoop::new().unwrap();
        let listener = event_loop.pool().listen("127.0.0.1:0").unwrap()[0];
        event_loop.pool().frame(listener, Framing::Line).unwrap();
        let address = event_loop.pool().local(listener).unwrap().to_string();
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"whole\nbegun").unwrap();
        let mut last = None;
        event_loop.turn_until(&mut |_, event| match event {
            Event::Message { id, .. } => last.replace(id).is_none(),
            _ => false,
        });
        let (id, pool) = (last.unwrap(), event_loop.pool());
        assert!(pool.undelivered(id) == 5 && pool.detach(id).is_none() && pool.is_alive(id));
        client.write_all(b"\n").unwrap();
        event_loop.turn_until(&mut |_, event| matches!(event, Event::Message { .. }));
        assert!(event_loop.pool().detach(id).is_some());
    }
}
