//! What a server does with its clients, and what each way of doing it has to remember.
//!
//! The rules that differ between the handlers are asked for here; acting on them is up to the
//! session.

use std::path::PathBuf;
use std::time::Instant;

use bytes::Bytes;

use super::forward::Connectors;
use super::partners::{Partners, Recipe};
use crate::error::{Failure, Status};
use crate::event_loop::{Id, Pool};
use crate::framing::{Framer, Framing};
use crate::kind::Kind;
use crate::protocol::relay::{Input, Source};
use crate::sessions::config::Handling;
use crate::sessions::runners::Runners;

/// What is done with what clients send, and what they are sent.
pub(super) enum Service {
    /// stdin to all, all to stdout.
    Talk,
    /// Each client's messages to all others and to stdout; stdin to all.
    Hub,
    /// A fixed answer.
    Reply(Reply),
    /// Everything received is thrown away.
    Discard,
    /// Everything received goes to one file a connection in this directory.
    Save(PathBuf),
    /// Each connection is relayed to a partner of its own.
    Relay(Box<Partners>),
}

/// The answer of `--reply`.
pub(super) struct Reply {
    /// Framed where there is a framing.
    pub(super) text: Bytes,
    /// Without messages to answer, it is said on accept, and nothing after it.
    pub(super) at_once: bool,
    /// Answers that the messages at hand are due.
    pub(super) due: usize,
}

impl Service {
    pub(super) fn new(handling: Handling, queue: usize, frame: &Frame) -> Result<Self, Failure> {
        Ok(match handling {
            Handling::Relay => Self::Talk,
            Handling::Hub => Self::Hub,
            Handling::Reply(text) => {
                let (text, at_once) = (frame.text("--reply", &text)?, frame.framer.is_none());
                Self::Reply(Reply { text, at_once, due: 0 })
            }
            Handling::Discard => Self::Discard,
            Handling::Save(directory) => Self::Save(directory),
            Handling::Forward(route) => {
                Self::relay(Recipe::Forward(Connectors::new(*route)), queue)
            }
            Handling::Exec(program) => Self::relay(Recipe::Exec(Runners::new(program)), queue),
        })
    }

    fn relay(recipe: Recipe, queue: usize) -> Self {
        Self::Relay(Box::new(Partners::new(recipe, queue)))
    }

    /// What each client is told on accept, with FIN behind it.
    pub(super) fn last_words(&self) -> Option<Bytes> {
        match self {
            Self::Reply(reply) if reply.at_once => Some(reply.text.clone()),
            _ => None,
        }
    }

    /// Whether what a client is sent follows from what it sends itself, so that one whose queue is
    /// full is read no further.
    pub(super) fn only_answers(&self) -> bool {
        matches!(self, Self::Reply(_))
    }

    /// Whether clients fill each other's queues.
    pub(super) fn is_hub(&self) -> bool {
        matches!(self, Self::Hub)
    }

    /// Whether each client has a partner, who alone decides when the client is read.
    pub(super) fn relays(&self) -> bool {
        matches!(self, Self::Relay(_))
    }

    /// The partners of the clients, where they have any.
    pub(super) fn partners(&mut self) -> Option<&mut Partners> {
        match self {
            Self::Relay(partners) => Some(partners),
            _ => None,
        }
    }

    /// Partners that go on after their clients.
    pub(super) fn left_behind(&self) -> usize {
        match self {
            Self::Relay(partners) => partners.left_behind(),
            _ => 0,
        }
    }

    /// Whether nothing of a partner is left, not even a child.
    pub(super) fn is_deserted(&self) -> bool {
        match self {
            Self::Relay(partners) => partners.is_deserted(),
            _ => true,
        }
    }

    /// How many descriptors it takes to serve one client.
    pub(super) fn descriptors(&self) -> usize {
        match self {
            Self::Talk | Self::Hub | Self::Reply(_) | Self::Discard => 1,
            Self::Save(_) => 2,
            Self::Relay(partners) => 1 + partners.descriptors(),
        }
    }

    /// Whether a client cannot be expected to move a byte, for want of a partner.
    pub(super) fn is_awaited(&self, id: Id) -> bool {
        matches!(self, Self::Relay(partners) if partners.is_awaited(id))
    }

    /// When a byte last moved between a client and its partner.
    pub(super) fn last_active(&self, pool: &Pool, id: Id) -> Option<Instant> {
        match self {
            Self::Relay(partners) => partners.last_active(pool, id),
            _ => None,
        }
    }

    /// stdin as a client sees it. The other clients of a hub, like a person, owe it nothing after
    /// its FIN; the other handlers do not read stdin at all.
    pub(super) fn input(&self, stdin: Input) -> Input {
        match self {
            Self::Talk => stdin,
            _ => Input::new(Source::Absent),
        }
    }
}

/// How a text of the command line becomes a message on the wire.
pub(super) struct Frame<'a> {
    pub(super) framer: Option<&'a dyn Framer>,
    pub(super) framing: Framing,
}

impl Frame<'_> {
    pub(super) fn text(&self, option: &'static str, text: &Bytes) -> Result<Bytes, Failure> {
        let Some(framer) = self.framer else { return Ok(text.clone()) };
        let mut framed = Vec::new();
        framer.encode(text, &mut framed).map_err(|error| {
            let target = format!("{option} with --frame {}", self.framing);
            let cause = error.to_string();
            Failure::new(Status::Usage, Kind::Frame, "send", target, cause).maybe_fix(error.fix())
        })?;
        Ok(framed.into())
    }
}
