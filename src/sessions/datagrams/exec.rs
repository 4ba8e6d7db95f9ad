//! `udp-listen --exec`: one child for each peer. What the peer sends is written to the child, and
//! what the child writes goes back, cut into datagrams.
//!
//! It knows which child belongs to which peer. The children themselves are those of the core.

mod flow;

use std::collections::HashMap;

use super::DatagramContext;
use super::replies::Unanswered;
use crate::close::CloseReason;
use crate::event_loop::{Event, Id, IdMap, Pool, SendOutcome, Signal, TimerKey};
use crate::kind::Kind;
use crate::protocol::text::number;
use crate::sessions::children::{ChildId, ChildPurpose, ChildSpec, Children, Exit, Stream};
use crate::sessions::config::PeerCommand;
use crate::sessions::session::Piece;
use crate::sessions::timers;
use crate::sys::mmsg::{Arrival, SenderAddress};
use flow::ChildFlow;

/// The children of all peers.
pub(super) struct PeerCommands {
    config: PeerCommand,
    flows: HashMap<ChildId, ChildFlow>,
    /// The child that serves a peer.
    peers: HashMap<(Id, SenderAddress), ChildId>,
    /// Whose child's stdin or stdout a channel is.
    channels: IdMap<ChildId>,
    /// How many were started.
    started: u64,
    unanswered: Unanswered,
    /// That peers found no place, and that a child does not read, is reported once each.
    reported: [bool; 2],
    /// Nothing is read of the children until the sockets take more.
    is_held: bool,
}

impl PeerCommands {
    pub(super) fn new(config: PeerCommand) -> Self {
        let (flows, peers, channels, unanswered, reported) = Default::default();
        Self { config, flows, peers, channels, started: 0, unanswered, reported, is_held: false }
    }

    /// Whether a child may still write something.
    pub(super) fn is_busy(&self) -> bool {
        self.flows.values().any(|flow| flow.source.is_some())
    }

    /// The run ends: warns of children that are killed before their output has ended.
    pub(super) fn report_cut(&self, context: &mut DatagramContext<'_>) {
        let busy = self.flows.values().filter(|flow| flow.source.is_some()).count();
        if busy > 0 {
            let text = format!("commands that were killed, because they did not end: {busy}");
            context.warn(Kind::Command, &text);
        }
    }

    /// Passes a datagram on to the child of its sender, which may be a new one.
    pub(super) fn message(
        &mut self,
        context: &mut DatagramContext<'_>,
        id: Id,
        arrival: &Arrival<'_>,
    ) {
        let known = self.peers.get(&(id, arrival.from.clone())).copied();
        let child = known.or_else(|| self.start(context, id, arrival));
        let Some(flow) = child.and_then(|child| self.flows.get_mut(&child)) else { return };
        (flow.path.from, flow.last_active) = (arrival.local, context.pool.now());
        let Some(sink) = flow.sink.filter(|_| !flow.is_full) else {
            if !std::mem::replace(&mut self.reported[0], true) {
                let text = format!(
                    "the command of {} does not read: datagrams to it are dropped (later ones are \
                     not reported)",
                    flow.title()
                );
                context.warn(Kind::Slow, &text);
            }
            return;
        };
        flow.is_full = context.pool.send(sink, arrival.payload) == SendOutcome::Full;
    }

    /// Starts a child for the sender of a datagram; `None` where that is not possible.
    fn start(
        &mut self,
        context: &mut DatagramContext<'_>,
        id: Id,
        arrival: &Arrival<'_>,
    ) -> Option<ChildId> {
        if self.flows.len() >= self.config.most {
            if !std::mem::replace(&mut self.reported[1], true) {
                let most = self.config.most as u64;
                let text = format!(
                    "{} finds no place: {} {} (--max-flows; later ones are not reported)",
                    arrival.from,
                    number(most, "command"),
                    if most == 1 { "runs" } else { "run" }
                );
                context.warn(Kind::Command, &text);
            }
            return None;
        }
        self.started += 1;
        let bound = context.pool.local(id).unwrap_or_default().to_string();
        let asked = arrival.local.and_then(|local| local.on_socket(&bound));
        let local = asked.map_or(bound, |asked| asked.to_string());
        let env = vec![
            ("WIRECAT_PEER", arrival.from.to_string().into()),
            ("WIRECAT_LOCAL", local.into()),
            ("WIRECAT_CONN", self.started.to_string().into()),
        ];
        let spec = ChildSpec {
            purpose: ChildPurpose::Connection,
            program: self.config.program.clone(),
            env,
            stdin: Stream::Socket,
            stdout: Stream::Socket,
            // It may have children of its own, which have to end with it.
            group: true,
        };
        let started = match context.core.children.spawn(context.pool, spec) {
            Ok(started) => started,
            Err(failure) => {
                context.core.fail(context.pool, &failure);
                return None;
            }
        };
        let child = started.id;
        let channels = [started.stdin, started.stdout].into_iter().flatten();
        channels.for_each(|channel| self.channels.insert(channel, child));
        if let Some(source) = started.stdout.filter(|_| self.is_held) {
            context.pool.pause(source);
        }
        if self.flows.is_empty() {
            context.arm(timers::FLOWS, self.config.idle);
        }
        let channels = (started.stdin, started.stdout);
        let (peer, now) = ((id, arrival.return_path()), context.pool.now());
        let flow = ChildFlow::new((self.started, &self.config), peer, channels, now);
        self.peers.insert((id, arrival.from.clone()), child);
        self.flows.insert(child, flow);
        Some(child)
    }

    /// Takes an event of a child; false where it is of none.
    pub(super) fn on(&mut self, context: &mut DatagramContext<'_>, event: &Event<'_>) -> bool {
        match event {
            Event::Data { id, bytes } => self.on_output(context, *id, Piece::Bytes(bytes)),
            Event::Eof { id } => {
                self.on_output(context, *id, Piece::End);
                context.pool.abort(*id, CloseReason::PEER);
            }
            Event::Closed { id, .. } => self.on_closed(context, *id),
            Event::Drained { id } => {
                let flow = self.channels.get(*id).and_then(|child| self.flows.get_mut(child));
                flow.into_iter().for_each(|flow| flow.is_full = false);
            }
            Event::Signal(Signal::Child) => {
                for exit in context.core.children.take_exits(ChildPurpose::Connection) {
                    self.on_exit(context, &exit);
                }
            }
            Event::Timer { key } if *key == TimerKey::global(timers::FLOWS) => {
                self.end_idle(context.pool, &mut context.core.children);
            }
            _ => return false,
        }
        true
    }

    /// A child writes something, or no more: it goes to the peer that the child is for.
    fn on_output(&mut self, context: &mut DatagramContext<'_>, id: Id, piece: Piece<'_>) {
        let Some(child) = self.channels.get(id).copied() else { return };
        let Some(flow) = self.flows.get_mut(&child) else { return };
        flow.last_active = context.pool.now();
        let (datagrams, outcome) = flow.cut(piece);
        for datagram in datagrams {
            if let Err(error) = context.send(flow.socket, &datagram, Some(&flow.path)) {
                let console = &mut context.core.console;
                self.unanswered.report(console, context.pool, &flow.path.to, &error);
            }
        }
        if let Err(error) = outcome {
            // Nothing behind it can be cut either.
            let text = format!(
                "the output of the command of {} cannot be sent as a datagram: {error}",
                flow.title()
            );
            context.warn(Kind::TooLarge, &text);
            flow.ask();
            context.pool.abort(id, CloseReason::HOST);
            context.core.children.terminate(context.pool, child);
        }
        if !context.sockets.is_flushed() {
            self.hold(context.pool, true);
        }
    }

    /// Reads the children, or leaves what they write in their sockets.
    pub(super) fn hold(&mut self, pool: &mut Pool, held: bool) {
        if std::mem::replace(&mut self.is_held, held) != held {
            let sources = self.flows.values().filter_map(|flow| flow.source);
            sources.for_each(|id| if held { pool.pause(id) } else { pool.resume(id) });
        }
    }

    /// One of the two channels of a child is gone.
    fn on_closed(&mut self, context: &mut DatagramContext<'_>, id: Id) {
        let Some(child) = self.channels.remove(id) else { return };
        let Some(flow) = self.flows.get_mut(&child) else { return };
        if flow.sink == Some(id) {
            flow.sink = None;
        }
        if flow.source == Some(id) {
            flow.source = None;
            self.part(context.pool, child);
        }
        self.forget_if_over(child);
    }

    /// A child has no part in its peer any more: what it still writes is passed on.
    fn part(&mut self, pool: &mut Pool, child: ChildId) {
        let Some(flow) = self.flows.get_mut(&child) else { return };
        if flow.part() {
            self.peers.remove(&(flow.socket, flow.path.to.clone()));
            // The end of its stdin, behind what waits for it.
            flow.sink.into_iter().for_each(|sink| pool.finish(sink));
        }
    }

    fn ask_to_end(&mut self, pool: &mut Pool, child: ChildId) {
        if let Some(flow) = self.flows.get_mut(&child) {
            flow.ask();
        }
        self.part(pool, child);
    }

    fn on_exit(&mut self, context: &mut DatagramContext<'_>, exit: &Exit) {
        self.part(context.pool, exit.id);
        let Some(flow) = self.flows.get_mut(&exit.id) else { return };
        if flow.reap() && !exit.is_success() {
            let text = format!("the command of {} ended: {exit}", flow.title());
            context.warn(Kind::Command, &text);
        }
        // Its own children may hold its end of the socket open, which then reads nothing.
        let sink = flow.sink.take();
        sink.into_iter().for_each(|sink| context.pool.abort(sink, CloseReason::PEER));
        self.forget_if_over(exit.id);
    }

    fn forget_if_over(&mut self, child: ChildId) {
        if self.flows.get(&child).is_some_and(ChildFlow::is_over) {
            self.flows.remove(&child);
        }
    }

    /// `--idle-timeout` of a peer: its child has the end of its stdin, and some time to end.
    fn end_idle(&mut self, pool: &mut Pool, children: &mut Children) {
        let (now, idle) = (pool.now(), self.config.idle);
        let silent = |flow: &ChildFlow| now.saturating_duration_since(flow.last_active);
        let due: Vec<_> = self.flows.iter().filter(|(_, flow)| silent(flow) >= idle).collect();
        let due: Vec<ChildId> = due.into_iter().map(|(child, _)| *child).collect();
        for child in due {
            match self.flows.get(&child).and_then(ChildFlow::orphan) {
                // It is gone, and somebody else holds its socket open.
                Some(output) => pool.abort(output, CloseReason::HOST),
                None => {
                    self.ask_to_end(pool, child);
                    children.ask_to_end(pool, child, None);
                }
            }
        }
        if !self.flows.is_empty() {
            let left = self.flows.values().filter_map(|flow| idle.checked_sub(silent(flow)));
            let next = left.filter(|left| !left.is_zero()).min().unwrap_or(idle);
            pool.arm(TimerKey::global(timers::FLOWS), next);
        }
    }

    /// Asks all children to end; what they write before that is still passed on.
    pub(super) fn end_all(&mut self, context: &mut DatagramContext<'_>, by_signal: bool) {
        let children: Vec<ChildId> = self.flows.keys().copied().collect();
        children.into_iter().for_each(|child| self.ask_to_end(context.pool, child));
        if by_signal {
            context.core.children.terminate_all(context.pool, ChildPurpose::Connection);
        }
    }
}
