//! The services of stdin and stdout, and those that need neither.
//!
//! * [`Stdio`] sends stdin to all connections, and writes what they send to stdout.
//! * [`Hub`] does so too, and sends each message to all other connections (`--hub`).
//! * [`Reply`] sends a fixed answer, to each message or on accept (`--reply`).
//! * [`Discard`] drops what it receives (`--discard`), and [`PortProbe`] only connects (`-z`).

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::{MessageEncoder, Profile, Stdin, StreamService};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{End, Id};
use crate::kind::Kind;
use crate::sessions::config::{Dialing, Route};
use crate::sessions::console::Message;
use crate::sessions::core::Core;
use crate::sessions::streams::{Context, Flow, Redial};

/// stdin to all, all to stdout.
pub(super) struct Stdio;

impl StreamService for Stdio {
    fn profile(&self) -> Profile {
        Profile { shows_only: true, ..Profile::of(Flow::Input) }
    }

    fn stdin(&self) -> Stdin {
        Stdin::Relayed
    }

    fn relays_stdio(&self) -> bool {
        true
    }

    fn opened(&mut self, context: &mut Context<'_>, _id: Id) {
        context.mark_several();
    }

    fn message(&mut self, context: &mut Context<'_>, _id: Id, message: &Message<'_>) {
        context.core.console.deliver(context.pool, message);
    }
}

/// `--hub`: each message to all others and to stdout; stdin to all. The other peers, like a person,
/// owe a peer nothing after its FIN.
pub(super) struct Hub {
    encoder: MessageEncoder,
    /// The messages of one read, ready for the wire: short ones go as one piece, for each piece in
    /// each queue costs about as much as a hundred bytes.
    joined: Vec<u8>,
    /// How many they are.
    count: u64,
    /// The memory of the last piece, which the next one takes where nobody waits for it any more.
    memory: BytesMut,
}

/// The messages of a read are passed on once they add up to this many bytes.
const JOINED: usize = 64 * 1024;

impl Hub {
    pub(super) fn new(encoder: MessageEncoder) -> Self {
        Self { encoder, joined: Vec::new(), count: 0, memory: BytesMut::new() }
    }

    /// Passes on what was joined.
    fn pass_on(&mut self, context: &mut Context<'_>, from: Id) {
        let count = std::mem::take(&mut self.count);
        if count == 0 {
            return;
        }
        let piece = match self.joined.len() {
            // Large enough for an allocation of its own, which is to have no room to spare.
            JOINED.. => std::mem::take(&mut self.joined).into_boxed_slice().into(),
            len => {
                // A client that is stuck keeps what it was sent, and no more memory than that.
                if !self.memory.try_reclaim(len) {
                    self.memory = BytesMut::with_capacity(len);
                }
                self.memory.extend_from_slice(&self.joined);
                self.memory.split().freeze()
            }
        };
        self.joined.clear();
        context.broadcast(from, &piece, count);
    }
}

impl StreamService for Hub {
    fn profile(&self) -> Profile {
        Profile { passes_on: true, ..Profile::of(Flow::Peers) }
    }

    fn opened(&mut self, context: &mut Context<'_>, _id: Id) {
        context.mark_several();
    }

    fn message(&mut self, context: &mut Context<'_>, id: Id, message: &Message<'_>) {
        context.core.console.deliver(context.pool, message);
        let appended = match message.wire {
            Some(Ok(wire)) => {
                self.pass_on(context, id);
                return context.broadcast(id, wire, 1);
            }
            Some(Err(error)) => Err(error.clone()),
            None => self.encoder.append(message.payload, &mut self.joined),
        };
        match appended {
            Ok(()) => self.count += 1,
            // What was received as a frame goes out as one, with one exception: an object that repeats
            // itself can be larger when written out.
            Err(error) => {
                let cause = error.to_string();
                let failure =
                    Failure::new(Status::Lost, Kind::Frame, "pass on", "a message", cause);
                context.core.console.report_failure(context.pool, &failure);
                context.streams.note_loss(Status::Lost);
            }
        }
        if self.joined.len() >= JOINED {
            self.pass_on(context, id);
        }
    }

    fn received(&mut self, context: &mut Context<'_>, id: Id) -> bool {
        self.pass_on(context, id);
        true
    }
}

/// `--discard`: everything received is thrown away.
pub(super) struct Discard;

impl StreamService for Discard {
    fn profile(&self) -> Profile {
        Profile { shows_only: true, ..Profile::of(Flow::Input) }
    }

    fn message(&mut self, _context: &mut Context<'_>, _id: Id, _message: &Message<'_>) {}
}

/// `-z`: tries whether a connection can be made, by each route in turn.
pub(in crate::sessions) struct PortProbe {
    /// What is asked for next, where that is not an address.
    names: VecDeque<Option<String>>,
    /// How long a connection has to stand.
    settle: Duration,
}

impl PortProbe {
    pub(in crate::sessions) fn new<'a>(
        routes: impl Iterator<Item = &'a Route>,
        dialing: Dialing,
    ) -> Self {
        let names = routes.map(|route| route.address.name()).collect();
        Self { names, settle: dialing.settle }
    }

    /// `open HOST:PORT in 1.2 ms`: how long the connection took that was made.
    fn answer(&self, context: &Context<'_>, id: Id, name: Option<String>) -> String {
        let (table, now) = (&context.streams.table, context.pool.now());
        let peer = table.get(id).map(|one| one.peer.to_string()).unwrap_or_default();
        let took = context.pool.traffic(id).map_or(Duration::ZERO, |traffic| {
            now.saturating_duration_since(traffic.opened).saturating_sub(self.settle)
        });
        let millis = took.as_secs_f64() * 1e3;
        match name {
            Some(name) => format!("open {name} ({peer}) in {millis:.1} ms"),
            None => format!("open {peer} in {millis:.1} ms"),
        }
    }
}

impl StreamService for PortProbe {
    fn profile(&self) -> Profile {
        Profile::of(Flow::Input)
    }

    fn opened(&mut self, context: &mut Context<'_>, id: Id) {
        let name = self.names.pop_front().flatten();
        if context.core.console.reporter.answers_alone() {
            let answer = self.answer(context, id, name);
            context.core.console.show_answer(context.pool, &answer);
        }
        if self.names.is_empty() {
            // First: in a run that is ending no connection is dialed again.
            context.core.begin_ending(context.pool);
        }
        context.pool.abort(id, CloseReason::HOST);
    }

    fn redial(&self, _core: &Core, _reconnects: bool, _end: &End) -> Redial {
        if self.names.is_empty() { Redial::Never } else { Redial::AtOnce }
    }

    fn message(&mut self, _context: &mut Context<'_>, _id: Id, _message: &Message<'_>) {}
}

/// `--reply`: a fixed answer, to each message or on accept.
pub(super) struct Reply {
    /// The answer as it goes on the wire, repeated as often as one piece may have it. All that
    /// waits for all clients shares these bytes.
    block: Bytes,
    /// Bytes of one answer.
    len: usize,
    /// Answers in the block.
    most: usize,
    /// Without messages to answer, it is sent on accept with FIN behind it.
    at_once: bool,
    /// Answers that are due to the messages of this read.
    due: usize,
}

impl Reply {
    pub(super) fn new(text: &Bytes, encoder: &MessageEncoder) -> Result<Self, Failure> {
        let (text, at_once) = (encoder.text("--reply", text)?, !encoder.is_framed());
        let len = text.len();
        let most = if at_once { 1 } else { (JOINED / len.max(1)).max(1) };
        Ok(Self { block: text.repeat(most).into(), len, most, at_once, due: 0 })
    }

    /// Sends the answers that are due.
    fn answer(&mut self, context: &mut Context<'_>, id: Id) {
        let due = std::mem::take(&mut self.due);
        if due > 0 {
            context.core.count_sent(due);
            context.send_messages(id, &self.block.slice(..due * self.len), due as u64);
        }
    }
}

impl StreamService for Reply {
    fn profile(&self) -> Profile {
        Profile::of(Flow::Answers)
    }

    fn opened(&mut self, context: &mut Context<'_>, id: Id) {
        context.mark_several();
        if self.at_once {
            let outcome = context.pool.send_shared(id, self.block.clone());
            context.sent(id, outcome);
            // By the FIN a peer that reads to the end knows that it has the whole answer.
            context.pool.finish(id);
        }
    }

    fn message(&mut self, context: &mut Context<'_>, id: Id, message: &Message<'_>) {
        context.core.console.deliver(context.pool, message);
        self.due += usize::from(!self.at_once);
        if self.due == self.most {
            self.answer(context, id);
        }
    }

    fn received(&mut self, context: &mut Context<'_>, id: Id) -> bool {
        self.answer(context, id);
        true
    }
}
