//! `chat GROUP`: a member of a room without a host.
//!
//! One socket has joined the group and receives what is sent to it. The other sends, and receives what
//! other members send to this one alone.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;

use super::GroupConfig;
use super::frontend::Frontend;
use super::screen::Screen;
use crate::close::CloseReason;
use crate::event_loop::{Event, Id, Pool, TimerKey};
use crate::protocol::chat::group_room::{GroupAction, GroupRoom};
use crate::protocol::chat::line::ChatLine;
use crate::protocol::chat::{Dialect, Nick};
use crate::report::{Name, Notice};
use crate::sessions::console::Console;
use crate::sessions::core::SIGNALLED;
use crate::sessions::datagrams::{
    DatagramContext, DatagramService, DatagramSession, Flushed, FullPeer, Sockets, UnsentDatagram,
};
use crate::sessions::input::InputReader;
use crate::sessions::session::{Piece, ShutdownMode};
use crate::sessions::timers;
use crate::sockets::datagram::is_of_this_machine;
use crate::sys::mmsg::{Arrival, ReturnPath, SenderAddress, SourceAddress};

/// The sockets of a room without a host.
pub struct GroupSockets {
    /// Receives what is sent to the group.
    pub receiver: Id,
    /// Sends to it, and receives what is for this member alone.
    pub sender: Id,
    /// The port of the sender: what is received from it on this machine is our own.
    pub own: u16,
    /// Where to send to.
    pub group: SocketAddr,
    /// The interface of the group.
    pub iface: String,
}

/// What a member does with a datagram: the room decides what to show and what to send.
pub struct GroupService {
    frontend: Frontend,
    group_room: GroupRoom,
    sockets: GroupSockets,
    /// Where our own lines to the group come from: members know this one by that address, so what is
    /// for one of them alone leaves from there too.
    source: Option<SourceAddress>,
    /// A datagram of another member has come.
    has_received: bool,
}

impl GroupService {
    /// A session of a member of a group, on open sockets.
    pub fn session(
        pool: &Pool,
        config: GroupConfig,
        console: Console,
        input: InputReader,
        sockets: GroupSockets,
        screen: Option<Screen>,
    ) -> DatagramSession {
        let guest = || Nick::guest(sockets.own.into());
        let nick = config.identity.nick.clone().unwrap_or_else(guest);
        let open = Sockets::of(FullPeer::Wait, [sockets.receiver, sockets.sender].into_iter());
        let service = GroupService {
            frontend: Frontend::new(&config.identity, screen),
            group_room: GroupRoom::join(nick, pool.now()),
            sockets,
            source: None,
            has_received: false,
        };
        DatagramSession::new(config.common, console, input, open, service)
    }

    /// Carries out what is to be done.
    fn advance(&mut self, context: &mut DatagramContext<'_>) {
        let rest = self.group_room.advance(context.pool.now());
        context.arm(timers::CHAT, rest);
        let mut leaves = false;
        for action in self.group_room.take_actions() {
            match action {
                GroupAction::Broadcast(line) => self.send(context, self.sockets.group, &line),
                GroupAction::SendTo(to, line) => self.send(context, to, &line),
                GroupAction::Show(line) => self.show(context, &line),
                GroupAction::Leave => leaves = true,
            }
        }
        let waiting = self.group_room.waiting();
        self.frontend.show_waiting(context.pool, context.core, (waiting, true));
        self.frontend.refresh(context.pool, context.core);
        if leaves || (context.core.has_enough() && !context.core.is_ending()) {
            context.end(ShutdownMode::Enough);
        } else if self.group_room.is_backlogged() && !self.frontend.reads_on() {
            context.core.input.pause(context.pool);
        } else {
            context.core.input.resume(context.pool);
        }
        let is_full = context.core.console.is_full();
        context.sockets.set_paused(context.pool, is_full);
    }

    fn show(&mut self, context: &mut DatagramContext<'_>, line: &ChatLine) {
        if !line.is_message() || context.core.take_message(line.to_string().as_bytes()) {
            let group = self.sockets.group.to_string();
            self.frontend.show(context.pool, context.core, line, (None, &group));
        }
    }

    fn send(&self, context: &mut DatagramContext<'_>, to: SocketAddr, line: &ChatLine) {
        let from = self.source.filter(|_| to != self.sockets.group);
        let (to, payload) =
            (ReturnPath { to: SenderAddress::Inet(to), from }, Bytes::from(line.to_string()));
        if let Err(error) =
            context.sockets.send(context.pool, self.sockets.sender, (&payload).into(), Some(&to))
        {
            let unsent = UnsentDatagram { to: Some(to.to), error };
            context.report_failure(&unsent.failure());
        }
    }
}

impl DatagramService for GroupService {
    fn start(&mut self, context: &mut DatagramContext<'_>) {
        let group = self.sockets.group.to_string();
        let notice = Notice::new(Name::Joined).proto("udp").group(&group);
        context.report(&notice.iface(&self.sockets.iface));
        context.core.await_first(context.pool, "chat in", group.clone(), "no message came");
        self.frontend.on_open();
        context.core.input.resume(context.pool);
        self.advance(context);
        context.core.ready(context.pool, std::slice::from_ref(&group), &group);
    }

    fn message(&mut self, context: &mut DatagramContext<'_>, _: Id, arrival: &Arrival<'_>) {
        let &SenderAddress::Inet(mut from) = arrival.from else { return };
        // A machine with nothing but lo sends to groups from nowhere.
        if from.ip() == Ipv4Addr::UNSPECIFIED {
            from.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        if from.port() == self.sockets.own && is_of_this_machine(from) {
            if let SenderAddress::Inet(ours) = arrival.from {
                self.source = SourceAddress::of(*ours);
            }
            return;
        }
        if !std::mem::replace(&mut self.has_received, true) {
            context.core.peer_arrived(context.pool);
        }
        self.group_room.receive(from, arrival.payload, context.pool.now(), fastrand::f64());
    }

    fn batch_done(&mut self, context: &mut DatagramContext<'_>, _: Id) {
        self.advance(context);
    }

    fn input(&mut self, context: &mut DatagramContext<'_>, piece: Piece<'_>) {
        let (room, dialect) = (&mut self.group_room, Dialect::Lines);
        let mut pass = |line: &[u8]| room.input(line);
        let event = self.frontend.pass_input(context.core, piece, dialect, &mut pass);
        if event.interrupts {
            return context.end(ShutdownMode::GiveUp(SIGNALLED));
        }
        if event.is_over {
            self.group_room.finish();
        }
        self.advance(context);
        if let Some(failure) = event.failure {
            context.core.fail(context.pool, &failure);
            context.end(ShutdownMode::InOrder(CloseReason::HOST));
        }
    }

    fn drained(&mut self, context: &mut DatagramContext<'_>, flushed: &Flushed) {
        for unsent in &flushed.failed {
            context.report_failure(&unsent.failure());
        }
    }

    /// A member that has left refuses datagrams. That is no failure: the others are still there.
    fn error(&mut self, _: &mut DatagramContext<'_>, _: Id, _: &io::Error) {}

    fn event(&mut self, context: &mut DatagramContext<'_>, event: &Event<'_>) {
        match event {
            Event::Timer { key } if key.purpose == timers::CHAT => self.advance(context),
            event => {
                self.frontend.on_event(event);
                self.frontend.refresh(context.pool, context.core);
            }
        }
    }

    fn resume(&mut self, context: &mut DatagramContext<'_>) {
        self.advance(context);
    }

    /// Sends the others a goodbye, for which they would wait, unless the room has done so.
    fn may_close(&mut self, context: &mut DatagramContext<'_>, how: ShutdownMode) -> bool {
        if how != ShutdownMode::Enough {
            self.group_room.announce_leaving("");
            for action in self.group_room.take_actions() {
                if let GroupAction::Broadcast(line) = action {
                    self.send(context, self.sockets.group, &line);
                }
            }
        }
        true
    }

    fn closing(&mut self, context: &mut DatagramContext<'_>) {
        context.pool.disarm(TimerKey::global(timers::CHAT));
    }
}
