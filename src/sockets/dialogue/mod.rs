//! What the two sides of a connection say to each other before it is a stream of data: with a proxy,
//! ahead of TLS, and in the header of the PROXY protocol. Pure: no descriptor, no clock.
//!
//! A [`Dialogue`] knows the words, and a [`Conversation`] drives any of them, with the bounds that all
//! of them have.

mod http;
pub mod proxy_header;
mod socks;
mod starttls;
mod via;

use super::Endpoint;
use crate::error::HandshakeError;
use crate::kind::Kind;

pub use proxy_header::{HeaderReader, HeaderWriter};
pub use starttls::StarttlsProtocol;
pub use via::{ViaChain, ViaProxy, ViaScheme};

/// Most bytes that the other side may say before the stream.
pub const MOST: usize = 16 * 1024;
/// Most characters of what the other side said in a message.
const QUOTED: usize = 200;

/// The other side of a connection and this one.
pub type Ends = (Endpoint, Endpoint);

/// What is done with what has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialogueStep {
    /// It is not enough.
    More,
    /// So many bytes are done with, and the next ones are to be looked at.
    Taken(usize),
    /// These bytes are the last ones of the dialogue; what follows is the stream.
    Done(usize),
}

/// Who speaks on the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// The kind of a failure of which this side alone is the witness.
    pub kind: Kind,
    /// Who it is, as a message names it.
    pub who: String,
    /// What it says, with its possessive: `its reply`.
    pub what: &'static str,
}

/// The words of one dialogue.
pub trait Dialogue: Send {
    /// The connection between these ends is up: adds what this side says unasked to `out`.
    fn begin(&mut self, _ends: &Ends, _out: &mut Vec<u8>) {}

    /// Looks at what has come and was not taken, which may be nothing, and adds the answer to `out`.
    ///
    /// # Errors
    /// The other side refuses, or does not speak as it should.
    fn step(&mut self, received: &[u8], out: &mut Vec<u8>) -> Result<DialogueStep, HandshakeError>;

    /// Who speaks on the other side.
    fn speaker(&self) -> Speaker;

    /// Whether the other side may send the first bytes of the stream right behind the dialogue. Ahead of
    /// TLS they would be bytes that somebody else has slipped in (CVE-2011-0411).
    fn may_be_followed(&self) -> bool {
        true
    }

    /// The ends as they are from then on, of a connection that has these.
    fn ends(&mut self, ends: Ends) -> Ends {
        ends
    }
}

/// One dialogue, with what has come and what is to be sent.
///
/// ```text
/// Idle ── begin ──> Speaking ── Done ──> Over, and `rest` is the begin of the stream
///                       └── refused, over-long, cut ──> the error of the call
/// ```
pub struct Conversation {
    dialogue: Box<dyn Dialogue>,
    received: Vec<u8>,
    outgoing: Vec<u8>,
    taken: usize,
    is_over: bool,
}

impl Conversation {
    /// One that has not begun.
    pub fn new(dialogue: Box<dyn Dialogue>) -> Self {
        let (received, outgoing) = Default::default();
        Self { dialogue, received, outgoing, taken: 0, is_over: false }
    }

    /// The connection between these ends is up.
    ///
    /// # Errors
    /// There is nothing to be said on it.
    pub fn begin(&mut self, ends: &Ends) -> Result<(), HandshakeError> {
        self.dialogue.begin(ends, &mut self.outgoing);
        self.advance()
    }

    /// Takes bytes that have come.
    ///
    /// # Errors
    /// Those of [`Dialogue::step`], or it is too much.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), HandshakeError> {
        debug_assert!(!self.is_over, "what comes behind a dialogue is the stream");
        self.received.extend_from_slice(bytes);
        self.advance()
    }

    /// The other side has ended the stream or cut it off.
    #[cold]
    pub fn cut(&self) -> HandshakeError {
        let Speaker { kind, who, what } = self.dialogue.speaker();
        HandshakeError::new(kind, format!("{who} closed before {what} was whole"))
    }

    /// Whether all is said; it may be that some of it is not sent yet.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// What is to be sent. Whoever sends some of it takes it out.
    pub fn outgoing(&mut self) -> &mut Vec<u8> {
        &mut self.outgoing
    }

    /// What has come and is not taken: once it is over, the begin of the stream.
    pub fn rest(&mut self) -> &mut Vec<u8> {
        &mut self.received
    }

    /// Bytes of [`Conversation::rest`].
    pub fn unread(&self) -> usize {
        self.received.len()
    }

    /// The ends as they are once it is over.
    pub fn ends(&mut self, ends: Ends) -> Ends {
        self.dialogue.ends(ends)
    }

    fn advance(&mut self) -> Result<(), HandshakeError> {
        while !self.is_over {
            match self.dialogue.step(&self.received, &mut self.outgoing)? {
                DialogueStep::More if self.taken + self.received.len() >= MOST => {
                    let Speaker { kind, who, what } = self.dialogue.speaker();
                    let cause = format!("{who} sends {MOST} bytes, and {what} has no end");
                    return Err(HandshakeError::new(kind, cause));
                }
                DialogueStep::More => return Ok(()),
                DialogueStep::Taken(count) => self.take(count),
                DialogueStep::Done(count) => {
                    self.take(count);
                    self.is_over = true;
                }
            }
        }
        if !self.received.is_empty() && !self.dialogue.may_be_followed() {
            let Speaker { kind, who, .. } = self.dialogue.speaker();
            let cause = format!("{who} sends more in plain text after its go-ahead for TLS");
            return Err(HandshakeError::new(kind, cause));
        }
        self.received.shrink_to_fit();
        Ok(())
    }

    fn take(&mut self, count: usize) {
        self.received.drain(..count.min(self.received.len()));
        self.taken += count;
    }
}

/// What the other side said, as a message quotes it.
#[cold]
fn quoted(said: &[u8]) -> String {
    let text = crate::protocol::text::escape(said.trim_ascii());
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests;
