//! `--reply`: a fixed answer, to each message or on accept.

use bytes::Bytes;

use super::{MessageEncoder, Profile, StreamService};
use crate::error::Failure;
use crate::event_loop::Id;
use crate::sessions::console::Message;
use crate::sessions::streams::{Context, Flow};

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
