//! `--exec`: children as the partners of connections, each with a socket that is stdin and stdout, as
//! inetd has it.
//!
//! It knows which child belongs to which connection. What moves between the two is up to
//! [`Relays`](super::relay::Relays). The socket is one to us rather than the connection itself, so that
//! nothing a peer does to the connection can take the child's last output away, and the child has no
//! part in closing it.

use std::collections::HashMap;
use std::ffi::OsString;

use super::relay::is_in_order;
use super::upstream::Channels;
use super::{Proxy, UNSERVED, Upstreams, report_missing};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{End, Id, Pool};
use crate::kind::Kind;
use crate::sessions::children::{
    ChildId, ChildPurpose, ChildSpec, Children, Exit, Program, Stream,
};
use crate::sessions::session::ShutdownMode;
use crate::sessions::streams::{Context, Scope};

/// The command that connections get, and which child runs it for which of them.
pub(super) struct ExecChildren {
    program: Program,
    served: HashMap<ChildId, Owner>,
    /// Children whose connection is gone; asked for behind every event, so it is counted.
    orphans: usize,
}

/// The connection that a child serves.
struct Owner {
    client: Id,
    /// What the connection is called in messages.
    title: String,
    state: ClientState,
}

/// What has become of the connection that a child is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientState {
    /// It is there.
    Held,
    /// It came to its end in order, and the child may still work on what it has read.
    Ended,
    /// It was lost, and its child is an orphan.
    Lost,
}

impl ExecChildren {
    pub(super) fn new(program: Program) -> Self {
        Self { program, served: HashMap::new(), orphans: 0 }
    }

    /// Starts a child for a connection of this name.
    fn start(
        &mut self,
        pool: &mut Pool,
        children: &mut Children,
        (client, title): (Id, String),
        env: Vec<(&'static str, OsString)>,
    ) -> Result<Channels, Failure> {
        let launch = ChildSpec {
            purpose: ChildPurpose::Connection,
            program: self.program.clone(),
            env,
            stdin: Stream::Socket,
            stdout: Stream::Socket,
            // It may have children of its own, which have to end with it.
            group: true,
        };
        let started = children.spawn(pool, launch)?;
        self.served.insert(started.id, Owner { client, title, state: ClientState::Held });
        Ok(Channels::Child { sink: started.stdin, source: started.stdout })
    }

    /// Takes the children that have ended, each with the connection that it was for.
    fn take_exits(&mut self, children: &mut Children) -> Vec<(Owner, Exit)> {
        let exits = children.take_exits(ChildPurpose::Connection).into_iter();
        let owned = exits.filter_map(|exit| Some((self.served.remove(&exit.id)?, exit)));
        let ended: Vec<(Owner, Exit)> = owned.collect();
        let is_orphan = |(owner, _): &&(Owner, Exit)| owner.state != ClientState::Held;
        self.orphans -= ended.iter().filter(is_orphan).count();
        ended
    }

    /// Whether the child of a connection ends, and how is not known yet.
    fn is_exiting(&self, children: &Children, client: Id) -> bool {
        let mut owned = self.served.iter().filter(|(_, owner)| owner.client == client);
        owned.any(|(child, _)| children.is_exiting(*child))
    }

    /// Whether no child lives.
    pub(super) fn is_empty(&self) -> bool {
        self.served.is_empty()
    }

    /// A connection is gone; its child learns that from its socket.
    pub(super) fn client_closed(&mut self, client: Id, end: &End) {
        let state = if is_in_order(end) { ClientState::Ended } else { ClientState::Lost };
        for served in self.served.values_mut().filter(|served| served.client == client) {
            self.orphans += usize::from(served.state == ClientState::Held);
            served.state = state;
        }
    }

    /// Children whose connection is gone.
    pub(super) fn orphans(&self) -> usize {
        debug_assert_eq!(
            self.orphans,
            self.served.values().filter(|served| served.state != ClientState::Held).count(),
            "each child whose connection is gone is counted once"
        );
        self.orphans
    }

    /// What is waited for, where no connection is left.
    pub(super) fn awaited(&self) -> Option<String> {
        let served = self.served.values().find(|served| served.state == ClientState::Ended)?;
        Some(format!("waiting for the command of {} to end", served.title))
    }

    /// Terminates the children whose connection is lost.
    pub(super) fn terminate_orphans(&self, pool: &mut Pool, children: &mut Children) {
        for (child, _) in self.served.iter().filter(|(_, served)| served.state == ClientState::Lost)
        {
            children.terminate(pool, *child);
        }
    }
}

impl Proxy {
    /// Starts the command for a connection, with the peer's address in its environment.
    pub(super) fn start_command(&mut self, context: &mut Context<'_>, id: Id) {
        let (Upstreams::Exec(children), Some(connection)) =
            (&mut self.upstreams, context.streams.table.get(id))
        else {
            return;
        };
        let mut env = vec![
            ("WIRECAT_PEER", connection.peer.to_string().into()),
            ("WIRECAT_LOCAL", connection.local.to_string().into()),
        ];
        if context.streams.scope() == Scope::Connection {
            env.push(("WIRECAT_CONN", connection.number.to_string().into()));
        }
        let title = context.streams.title(connection);
        match children.start(context.pool, &mut context.core.children, (id, title), env) {
            Ok(upstream) => self.relays.join(context.pool, id, upstream, context.streams.queue),
            Err(failure) => match context.streams.scope() {
                Scope::Connection => report_missing(context, id, &failure, UNSERVED),
                Scope::Run => {
                    context.core.fail(context.pool, &failure);
                    context.end = Some(ShutdownMode::InOrder(CloseReason::HOST));
                }
            },
        }
    }

    /// What a child closes that ends is passed on once it is known how it ended.
    pub(super) fn await_exit(&mut self, context: &Context<'_>, channel: Id) {
        let Upstreams::Exec(children) = &self.upstreams else { return };
        if !context.core.is_ending() {
            let all = &context.core.children;
            self.relays.await_exit(channel, |client| children.is_exiting(all, client));
        }
    }

    /// Notes the ends of children: a warning on a server, and the status of a client's run. The
    /// output of one that a signal killed is incomplete.
    pub(super) fn on_exits(&mut self, context: &mut Context<'_>) {
        let Upstreams::Exec(children) = &mut self.upstreams else { return };
        for (served, exit) in children.take_exits(&mut context.core.children) {
            // Children of the child may hold its stdin open: the socket alone would never show that
            // nobody reads it.
            let is_cut = exit.was_killed() && !context.core.is_ending();
            let is_cut = self.relays.child_ended(context.pool, served.client, is_cut);
            if is_cut {
                context.streams.note_loss(Status::Lost);
                context.report_unseen(served.client);
            }
            // Where the connection is gone already, this exit may be the last that the run waits
            // for.
            context.parted = true;
            if exit.status() == Status::Done {
                continue;
            }
            if context.streams.scope() == Scope::Run {
                context.core.decide(exit.status());
            // A child that lost its connection, or that the end of the run terminates, fails
            // because of us.
            } else if served.state != ClientState::Lost && !context.core.is_ending() {
                let text = format!("the command of {} ended: {exit}", served.title);
                context.core.console.warn(context.pool, Kind::Command, &text);
            }
        }
    }
}
