//! How sources come into the pool: listeners, connections, and channels of any kind.

use std::io;

use bytes::Bytes;

use super::acceptor::Acceptor;
use super::attempts::ConnectPolicy;
use super::channel::Channel;
use super::event::{Event, Handler};
use super::id::Id;
use super::kernel_pipe::are_scarce;
use super::lifecycle::{ChannelPhase, Directions};
use super::marks::Marks;
use super::pool::{Pool, PoolSource};
use super::stdio::Memory;
use super::timers::{AnyTimer, OwnPurpose};
use super::transport::{Readiness, Registration, Transport};
use crate::error::{Failure, Status};
use crate::recording::Role;
use crate::sockets::{self, Endpoint, OpenListener, SocketOptions, StreamSocket, Target};

/// What makes connections in a simulation.
pub trait Network: Send {
    /// Begins a connection.
    ///
    /// # Errors
    /// Why it cannot be begun.
    fn dial(&mut self, target: &Target) -> io::Result<Box<dyn Transport>>;
}

impl Pool {
    /// Listens on everything that an address such as `:8080` or `unix:/run/app` means.
    ///
    /// # Errors
    /// A bad address, or why it cannot be listened on.
    pub fn listen(&mut self, address: &str) -> Result<Vec<Id>, Failure> {
        let address = address.parse::<sockets::Address>()?;
        let options = SocketOptions::default();
        let (listening, _) = sockets::listen::listen(&address, sockets::Family::Any, &options)?;
        listening.into_iter().map(|one| self.add_listener(one)).collect()
    }

    /// Adds an open listener.
    ///
    /// # Errors
    /// It cannot be registered with the poll.
    pub fn add_listener(&mut self, listening: OpenListener) -> Result<Id, Failure> {
        let local = listening.local.clone();
        let id = self.sources.insert(PoolSource::Acceptor(Box::new(Acceptor::new(listening))));
        let registered = match self.sources.get_mut(id) {
            Some(PoolSource::Acceptor(acceptor)) => acceptor.register(&self.registry, id.token()),
            _ => Ok(()),
        };
        registered.map_err(|error| {
            self.sources.remove(id);
            Failure::io(Status::Listen, "listen on", local, &error)
        })?;
        Ok(id)
    }

    /// Begins a connection to an address such as `localhost:80` or `unix:/run/app`; `Connected`
    /// or `ConnectFailed` follows. What is sent meanwhile waits.
    ///
    /// A name is looked up in place. Where it has several addresses, they are raced as by
    /// [`Pool::connect_with`].
    ///
    /// # Errors
    /// A bad address, or a connection that cannot even be begun.
    pub fn connect(&mut self, address: &str) -> Result<Id, Failure> {
        let targets = sockets::targets(&address.parse()?)?;
        match targets.as_slice() {
            [target] => Ok(self.dial(target, None, &SocketOptions::default())?.0),
            _ => self.try_targets(targets, ConnectPolicy::default()),
        }
    }

    /// Begins a connection to one address, from `bind` on where that is given; `Connected` or
    /// `ConnectFailed` follows. Returns warnings of what the kernel changed as well.
    ///
    /// # Errors
    /// It cannot even be begun.
    pub fn dial(
        &mut self,
        target: &Target,
        bind: Option<&Target>,
        options: &SocketOptions,
    ) -> Result<(Id, Vec<String>), Failure> {
        let Some(network) = &mut self.network else {
            let (stream, warnings) = sockets::connect::start(target, bind, options)?;
            return Ok((self.add_connecting(stream, target)?, warnings));
        };
        let name = target.to_string();
        let begun = network
            .dial(target)
            .and_then(|transport| self.add_connection(transport, ChannelPhase::Connecting));
        let id = begun.map_err(|error| sockets::connect::failure(&name, &error))?;
        Ok((id, Vec::new()))
    }

    /// Has connections be made by this from now on, and not by the kernel.
    pub fn simulate_network(&mut self, network: Box<dyn Network>) {
        self.network = Some(network);
    }

    /// Adds a connection to `target` that was begun.
    ///
    /// # Errors
    /// It cannot be registered with the poll.
    fn add_connecting(&mut self, stream: StreamSocket, target: &Target) -> Result<Id, Failure> {
        let transport = self.recorded(stream, Role::Connected);
        self.add_connection(transport, ChannelPhase::Connecting)
            .map_err(|error| Failure::io(Status::Connect, "connect to", target.to_string(), &error))
    }

    /// Adds an open channel of bytes.
    ///
    /// # Errors
    /// It cannot be registered with the poll.
    pub fn add_channel(
        &mut self,
        transport: Box<dyn Transport>,
        sides: Directions,
    ) -> io::Result<Id> {
        self.add(transport, sides, ChannelPhase::Open)
    }

    /// Adds a socket that is connected to a peer, or about to be.
    pub(super) fn add_connection(
        &mut self,
        transport: Box<dyn Transport>,
        phase: ChannelPhase,
    ) -> io::Result<Id> {
        let id = self.add(transport, Directions::Both, phase)?;
        if let Some(channel) = self.channel_mut(id) {
            channel.marks.set(Marks::CONNECTION, true);
        }
        Ok(id)
    }

    /// Disables Nagle's algorithm (TCP_NODELAY) on a channel of TCP, or on all that a listener accepts
    /// from now on.
    pub fn set_nodelay(&mut self, id: Id) {
        if let Some(plan) = self.plans.get_mut(id) {
            plan.settings.nodelay = true;
        }
        match self.sources.get_mut(id) {
            Some(PoolSource::Channel(channel)) => channel.transport.set_nodelay(),
            Some(PoolSource::Acceptor(acceptor)) => acceptor.set_nodelay(),
            Some(PoolSource::Datagrams(_) | PoolSource::Reserved) | None => {}
        }
    }

    /// Has the kernel acknowledge at once what has come on a channel of TCP (TCP_QUICKACK).
    pub fn acknowledge(&mut self, id: Id) {
        if let Some(channel) = self.channel_mut(id) {
            channel.transport.acknowledge();
        }
    }

    /// Has the kernel find out in a minute or two whether the peer of a quiet TCP connection is
    /// still there, unless an option has it do so already.
    pub fn keep_alive(&mut self, id: Id) {
        if let Some(plan) = self.plans.get_mut(id) {
            plan.settings.keep_alive = true;
        }
        if let Some(channel) = self.channel_mut(id) {
            channel.transport.keep_alive();
        }
    }

    /// Puts another transport around that of a channel on which nothing has moved yet.
    pub(super) fn wrap_transport(
        &mut self,
        id: Id,
        around: impl FnOnce(Box<dyn Transport>) -> Box<dyn Transport>,
    ) {
        if let Some(channel) = self.channel_mut(id) {
            let inner =
                std::mem::replace(&mut channel.transport, Box::new(Memory::new(Bytes::new())));
            channel.transport = around(inner);
        }
    }

    /// A name that timers can belong to before there is a source. It lives until `release`.
    pub(crate) fn reserve(&mut self) -> Id {
        self.sources.insert(PoolSource::Reserved)
    }

    /// Gives up a name that was reserved, and drops its timers.
    pub(crate) fn release(&mut self, id: Id) {
        if let Some(PoolSource::Reserved) = self.sources.get(id) {
            self.remove(id);
        }
    }

    fn add(
        &mut self,
        transport: Box<dyn Transport>,
        sides: Directions,
        phase: ChannelPhase,
    ) -> io::Result<Id> {
        let channel = Channel::new(transport, sides, phase, self.now);
        let id = self.sources.insert(PoolSource::Channel(channel));
        let Some(PoolSource::Channel(channel)) = self.sources.get_mut(id) else { return Ok(id) };
        let registration = Registration { registry: &self.registry, mailbox: &self.mailbox, id };
        let registered = channel.transport.register(&registration);
        let is_last = channel.transport.descriptor().is_some_and(are_scarce);
        if let (Ok(_), Some(inbox)) = (&registered, &self.inbox) {
            inbox.open(id, None);
        }
        if is_last {
            self.pipes.ask_others();
            self.give_pipes_back();
        }
        match registered {
            Ok(Readiness::Evented) => Ok(id),
            // epoll takes no regular files (EPERM, epoll_ctl(2)); none ever has an event.
            Ok(Readiness::Always) => {
                self.latch_both(id);
                Ok(id)
            }
            Err(error) => {
                self.sources.remove(id);
                Err(error)
            }
        }
    }

    /// A connection that is being made may be up, or have failed.
    pub(super) fn conclude_connect(&mut self, id: Id, handler: &mut dyn Handler) {
        let is_accepted = self.handshakes.contains(id);
        let Some(channel) = self.channel_mut(id) else { return };
        let is_ready = channel.writable || channel.transport.needs_read();
        if !is_ready || channel.closed.is_some() {
            return;
        }
        let outcome = channel.transport.connected();
        if is_accepted && matches!(outcome, Ok(Some(_))) && self.begin_handshake(id, handler) {
            // What came behind the last handshake may be all of the next one.
            return self.conclude_connect(id, handler);
        }
        let Some(channel) = self.channel_mut(id) else { return };
        match outcome {
            // Still SYN-SENT: the next edge comes when the handshake is over, well or not.
            Ok(None) => {
                channel.writable = false;
                let limit = channel.transport.take_handshake_limit();
                let is_news = !is_accepted && channel.transport.has_answered();
                if is_news && !channel.marks.replace(Marks::ANSWERED, true) {
                    handler.on(self, Event::Answered { id });
                }
                // That of an accepted connection is its listener's.
                if let Some(limit) = limit.filter(|_| !is_accepted) {
                    self.arm_own(Some(id), OwnPurpose::Handshake, limit);
                }
            }
            Ok(Some(addresses)) => self.connection_is_up(id, addresses, handler),
            // A connection that never was is refused, it is not reset (tcp_reset() in Linux). This
            // one has been up, and what came before the reset can still be read.
            Err(error) if is_reset(&error) && !is_accepted => {
                channel.note_early_reset(error);
                let addresses = channel.transport.addresses();
                self.connection_is_up(id, addresses, handler);
            }
            Err(error) => self.connect_failed(id, error, handler),
        }
    }

    fn connection_is_up(
        &mut self,
        id: Id,
        addresses: (Endpoint, Endpoint),
        handler: &mut dyn Handler,
    ) {
        let plan = self.forget_plan(id);
        self.timers.disarm(AnyTimer::own(Some(id), OwnPurpose::Handshake));
        let Some(channel) = self.channel_mut(id) else { return };
        channel.phase = ChannelPhase::Open;
        // No event of the poll reports what a handshake has read beyond its end.
        channel.readable |= channel.transport.has_buffered_input();
        if let Some(plan) = plan {
            plan.settings.apply(&mut *channel.transport);
        }
        self.report_up(id, addresses, handler);
        self.mark_dirty(id);
        self.queue_for_read(id);
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}
