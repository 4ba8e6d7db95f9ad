//! A server of many clients: level-triggered epoll, and for each wake-up one read, and one write
//! where it answers.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, poll};

use crate::Fallible;

/// One read.
const CHUNK: usize = 64 * 1024;
/// Connections that wait for accept(2).
const BACKLOG: i32 = 4096;

/// A poll and the connections that it watches, each at the number of its descriptor.
pub(super) struct Loop {
    epoll: OwnedFd,
    listener: TcpListener,
    clients: Vec<Option<TcpStream>>,
    events: Vec<epoll::Event>,
}

impl Loop {
    pub(super) fn new(port: u16) -> Fallible<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        // The backlog of the standard library is 128; a second call changes it.
        rustix::net::listen(&listener, BACKLOG)?;
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let this = Self { epoll, listener, clients: Vec::new(), events: Vec::with_capacity(1024) };
        this.watch(&this.listener)?;
        Ok(this)
    }

    fn watch(&self, source: &(impl AsFd + AsRawFd)) -> Fallible<()> {
        let number = u64::try_from(source.as_raw_fd())?;
        Ok(epoll::add(&self.epoll, source, EventData::new_u64(number), EventFlags::IN)?)
    }

    /// Waits, and gives the numbers of what is ready.
    fn wait(&mut self) -> Fallible<Vec<usize>> {
        self.events.clear();
        epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), None)?;
        self.events.iter().map(|event| Ok(usize::try_from(event.data.u64())?)).collect()
    }

    /// Takes all clients that wait.
    fn accept(&mut self) -> Fallible<()> {
        loop {
            match self.listener.accept() {
                Ok((client, _)) => {
                    client.set_nonblocking(true)?;
                    self.watch(&client)?;
                    let number = usize::try_from(client.as_raw_fd())?;
                    if self.clients.len() <= number {
                        self.clients.resize_with(number + 1, || None);
                    }
                    if let Some(place) = self.clients.get_mut(number) {
                        *place = Some(client);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Serves: `take` gets the clients, the number of the one that was read, and what it sent.
    pub(super) fn serve(
        mut self,
        mut take: impl FnMut(&mut [Option<TcpStream>], usize, &[u8]) -> Fallible<()>,
    ) -> Fallible<()> {
        let listener = usize::try_from(self.listener.as_raw_fd())?;
        let mut chunk = vec![0; CHUNK];
        loop {
            for number in self.wait()? {
                if number == listener {
                    self.accept()?;
                    continue;
                }
                let Some(place) = self.clients.get_mut(number) else { continue };
                let Some(client) = place else { continue };
                match client.read(&mut chunk) {
                    Ok(count @ 1..) => {
                        let bytes = chunk.get(..count).unwrap_or_default();
                        take(&mut self.clients, number, bytes)?;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Ok(_) | Err(_) => *place = None,
                }
            }
        }
    }
}

/// Sends back what comes, or throws it away.
pub(super) fn serve(port: u16, answers: bool) -> Fallible<()> {
    Loop::new(port)?.serve(|clients, number, bytes| match clients.get_mut(number) {
        Some(Some(client)) if answers => write_all(client, bytes),
        _ => Ok(()),
    })
}

/// Writes all, and waits for a client that is slow.
fn write_all(client: &mut TcpStream, mut bytes: &[u8]) -> Fallible<()> {
    while !bytes.is_empty() {
        match client.write(bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(client, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
