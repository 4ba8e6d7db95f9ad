//! stdin to all connections and what they send to stdout; the same with what each sends going to
//! all others (`--hub`); a fixed answer to each message or on accept (`--reply`); and nothing of it at
//! all (`--discard`, `-z`).

use bytes::Bytes;

use super::{MessageEncoder, Profile, Stdin, StreamService};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::Id;
use crate::kind::Kind;
use crate::sessions::console::Message;
use crate::sessions::streams::{Context, Flow};

/// stdin to all, all to stdout.
pub(super) struct Stdio;

impl StreamService for Stdio {
    fn profile(&self) -> Profile {
        Profile::of(Flow::Input)
    }

    fn stdin(&self) -> Stdin {
        Stdin::Relayed
    }

    fn message(&mut self, context: &mut Context<'_>, _id: Id, message: &Message<'_>) {
        context.core.console.deliver(context.pool, message);
    }
}

/// `--hub`: each message to all others and to stdout; stdin to all. The other peers, like a person,
/// owe a peer nothing after its FIN.
pub(super) struct Hub {
    encoder: MessageEncoder,
}

impl Hub {
    pub(super) fn new(encoder: MessageEncoder) -> Self {
        Self { encoder }
    }
}

impl StreamService for Hub {
    fn profile(&self) -> Profile {
        Profile::of(Flow::Peers)
    }

    fn message(&mut self, context: &mut Context<'_>, id: Id, message: &Message<'_>) {
        context.core.console.deliver(context.pool, message);
        match self.encoder.encode(message.payload) {
            Ok(piece) => {
                context.streams.broadcast(context.core, context.pool, Some(id), &piece, 1);
            }
            // What came in as a frame goes out as one, with one exception: an object that repeats
            // itself can be larger when written out.
            Err(error) => {
                let cause = error.to_string();
                let failure =
                    Failure::new(Status::Lost, Kind::Frame, "pass on", "a message", cause);
                context.core.console.report_failure(context.pool, &failure);
                context.streams.note_loss(Status::Lost);
            }
        }
    }
}

/// `--discard`: everything received is thrown away.
pub(super) struct Discard;

impl StreamService for Discard {
    fn profile(&self) -> Profile {
        Profile::of(Flow::Input)
    }

    fn message(&mut self, _context: &mut Context<'_>, _id: Id, _message: &Message<'_>) {}
}

/// `-z`: all that is asked is whether there is a connection.
pub(super) struct PortProbe;

impl StreamService for PortProbe {
    fn profile(&self) -> Profile {
        Profile::of(Flow::Input)
    }

    fn opened(&mut self, context: &mut Context<'_>, id: Id) {
        // First: in a run that is ending no connection is dialed again.
        context.core.begin_ending(context.pool);
        context.pool.abort(id, CloseReason::HOST);
    }

    fn message(&mut self, _context: &mut Context<'_>, _id: Id, _message: &Message<'_>) {}
}

/// `--reply`: a fixed answer, to each message or on accept.
pub(super) struct Reply {
    /// Framed where there is a framing.
    text: Bytes,
    /// Without messages to answer, it is sent on accept with FIN behind it.
    at_once: bool,
    /// Answers that the messages of this read are due.
    due: usize,
}

impl Reply {
    pub(super) fn new(text: &Bytes, encoder: &MessageEncoder) -> Result<Self, Failure> {
        let (text, at_once) = (encoder.text("--reply", text)?, !encoder.is_framed());
        Ok(Self { text, at_once, due: 0 })
    }
}

impl StreamService for Reply {
    fn profile(&self) -> Profile {
        Profile::of(Flow::Answers)
    }

    fn opened(&mut self, context: &mut Context<'_>, id: Id) {
        if self.at_once {
            let outcome = context.pool.send(id, &self.text);
            context.sent(id, outcome);
            // The FIN tells a peer that reads to the end that it has the whole answer.
            context.pool.finish(id);
        }
    }

    fn message(&mut self, context: &mut Context<'_>, _id: Id, message: &Message<'_>) {
        context.core.console.deliver(context.pool, message);
        self.due += usize::from(!self.at_once);
    }

    /// The answers of one read share their bytes, so that many small messages cannot ask for much
    /// memory.
    fn received(&mut self, context: &mut Context<'_>, id: Id) -> bool {
        let due = std::mem::take(&mut self.due);
        context.core.count_sent(due);
        for _ in 0..due {
            let outcome = context.pool.send_shared(id, self.text.clone());
            context.sent(id, outcome);
        }
        true
    }
}
