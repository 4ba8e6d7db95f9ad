//! The recorded conversations: which of them a new peer plays, and how far each has come.
//!
//! They are given out in the order of the recording. Where the peers send first, their first bytes
//! choose among the conversations that begin with them, so that clients that connect at the same time
//! may come in any order; where this side sends first, the order of connecting decides.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::difference::Difference;
use super::player::{Next, Player, Script};

/// The recorded conversations, and which of them are still to be played.
#[derive(Debug)]
pub struct Conversations {
    scripts: Vec<Arc<Script>>,
    free: VecDeque<Arc<Script>>,
    /// Whether the recorded pauses are kept.
    timing: bool,
}

/// One conversation that is played.
///
/// ```text
/// Undecided ── first bytes choose ──> Playing ── all sent and received ──> Played
///                                        └────── a difference, a failure ──> Failed
/// ```
#[derive(Debug)]
pub enum PlayedConversation {
    /// The bytes received so far fit more than one recorded conversation.
    Undecided(Vec<u8>),
    /// A recorded conversation is under way.
    Playing(Player),
    /// All went as recorded.
    Played {
        /// The recorded connection ended in a reset, and this one may.
        may_reset: bool,
    },
    /// It did not, which was reported.
    Failed,
}

impl Conversations {
    /// All of them, with the recorded pauses if `timing` is set.
    pub fn new(scripts: &[Arc<Script>], timing: bool) -> Self {
        Self { scripts: scripts.to_vec(), free: scripts.iter().cloned().collect(), timing }
    }

    /// Number of recorded conversations.
    pub fn count(&self) -> usize {
        self.scripts.len()
    }

    /// Whether all have been given out.
    pub fn is_over(&self) -> bool {
        self.free.is_empty()
    }

    /// Begins the next one in order.
    pub fn begin_next(&mut self, now: Instant) -> PlayedConversation {
        self.refill();
        match self.free.pop_front() {
            Some(script) => self.begin(script, now),
            None => PlayedConversation::Failed,
        }
    }

    /// Begins the one for a peer that has sent these bytes so far, as soon as they decide which it is.
    /// Where none begins like this, the next one in order finds the difference.
    pub fn choose(&mut self, received: &[u8]) -> Option<Arc<Script>> {
        let at = self.find(received);
        let first = self.free.get(at)?;
        let fits = self.free.iter().filter(|script| script.may_begin_with(received));
        // Also true where none fits: then the difference is reported at once.
        let alone = fits.take(2).count() < 2;
        // A conversation in which this side is to send now cannot wait for more bytes: the peer
        // waits.
        let due = alone || first.sends_within(received.len());
        if due { self.free.remove(at) } else { None }
    }

    /// The same for a peer that sends no more: the first one that begins like this.
    pub fn choose_at_last(&mut self, received: &[u8]) -> Option<Arc<Script>> {
        let at = self.find(received);
        self.free.remove(at)
    }

    /// Where the first one that begins with these bytes is, or else the next one.
    fn find(&mut self, received: &[u8]) -> usize {
        self.refill();
        self.free.iter().position(|script| script.may_begin_with(received)).unwrap_or(0)
    }

    /// Plays a script.
    fn begin(&self, script: Arc<Script>, now: Instant) -> PlayedConversation {
        PlayedConversation::Playing(Player::new(script, self.timing, now))
    }

    /// Once all were given out they begin anew: there are more peers than were recorded.
    fn refill(&mut self) {
        if self.free.is_empty() {
            self.free.extend(self.scripts.iter().cloned());
        }
    }
}

impl PlayedConversation {
    /// One that the first bytes of the peer choose.
    pub fn undecided() -> Self {
        Self::Undecided(Vec::new())
    }

    /// Takes a piece of the stream, and its end.
    ///
    /// # Errors
    /// It is not what was recorded.
    pub fn receive(
        &mut self,
        all: &mut Conversations,
        piece: &[u8],
        eof: bool,
        now: Instant,
    ) -> Result<(), Difference> {
        let chosen;
        let mut piece = piece;
        if let Self::Undecided(received) = self {
            received.extend_from_slice(piece);
            let script = if eof { all.choose_at_last(received) } else { all.choose(received) };
            let Some(script) = script else { return Ok(()) };
            // The player compares all of them again, from the first one on.
            chosen = std::mem::take(received);
            piece = &chosen;
            *self = all.begin(script, now);
        }
        match self {
            Self::Playing(player) => player.receive(piece, now),
            _ => Ok(()),
        }
    }

    /// The peer has ended; whether it had sent all that it should.
    pub fn end(&mut self, now: Instant) -> bool {
        match self {
            Self::Playing(player) => player.end(now).is_ok(),
            _ => true,
        }
    }

    /// What comes next; `None` where nothing is played. [`Next::Done`] comes once.
    pub fn next(&mut self, now: Instant) -> Option<Next> {
        let Self::Playing(player) = self else { return None };
        let next = player.next(now);
        // What was played is dropped here: a server may keep thousands of such connections.
        if next == Next::Done {
            *self = Self::Played { may_reset: player.ends_in_reset() };
        }
        Some(next)
    }

    /// What is still to be received.
    pub fn missing(&self) -> Option<Difference> {
        match self {
            Self::Playing(player) => player.missing(),
            _ => None,
        }
    }

    /// Whether a connection that ends now ends as it should, or its failure is reported. `is_lost` says
    /// that it ends in a reset or an error, `is_sent` that the peer has acknowledged all bytes.
    pub fn may_end(&self, is_lost: bool, is_sent: bool) -> bool {
        match self {
            Self::Failed => true,
            // An RST discards what is on its way: only bytes that were acknowledged are played for
            // certain.
            Self::Played { may_reset } => !is_lost || (*may_reset && is_sent),
            Self::Undecided(_) | Self::Playing(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Role;
    use crate::report::transcript;

    /// Conversations in which a client says the first text and is answered the second.
    fn conversations(talks: &[(&str, &str)]) -> Conversations {
        let mut text = String::new();
        for (index, (asks, answers)) in talks.iter().enumerate() {
            let conn = index + 1;
            text += &format!("{{\"event\":\"accepted\",\"proto\":\"tcp\",\"conn\":{conn}}}\n");
            for (dir, words) in [("in", asks), ("out", answers)] {
                text += &format!(
                    "{{\"event\":\"data\",\"conn\":{conn},\"dir\":\"{dir}\",\"text\":\"{words}\"}}\n"
                );
            }
        }
        let recording = transcript::parse(text.as_bytes()).unwrap();
        let scripts: Vec<Arc<Script>> =
            recording.streams(Role::Accepted).into_iter().map(Arc::new).collect();
        Conversations::new(&scripts, false)
    }

    fn is(script: Option<Arc<Script>>, first_words: &str) -> bool {
        script.is_some_and(|script| script.may_begin_with(first_words.as_bytes()))
    }

    #[test]
    fn the_first_words_choose_as_soon_as_they_are_clear() {
        let mut all = conversations(&[("GET a", "A"), ("GET b", "B"), ("PUT", "C")]);
        assert!(all.choose(b"").is_none());
        assert!(all.choose(b"GET").is_none());
        assert!(is(all.choose(b"GET b"), "GET b"));
        assert!(is(all.choose(b"GET"), "GET a"));
        assert!(!all.is_over());
        // The last one is known before a word is said; then all begin anew.
        assert!(is(all.choose(b""), "PUT"));
        assert!(all.is_over());
        assert!(all.choose(b"G").is_none());
    }

    #[test]
    fn the_order_decides_where_words_do_not() {
        let mut all = conversations(&[("", "hello"), ("x", "y"), ("x", "z")]);
        assert!(all.choose(b"").unwrap().sends_within(0));
        let same = all.choose(b"x").unwrap();
        assert!(is(Some(same), "x"));
        // What no recording begins with is compared with the next one.
        assert!(is(all.choose(b"other"), "x"));
    }

    #[test]
    fn a_conversation_is_chosen_played_and_done() {
        let (mut all, now) = (conversations(&[("GET a", "A"), ("GET b", "B")]), Instant::now());
        let mut conversation = PlayedConversation::undecided();
        conversation.receive(&mut all, b"GET", false, now).unwrap();
        assert_eq!((conversation.next(now), conversation.missing()), (None, None));
        assert!(!conversation.may_end(false, true));
        conversation.receive(&mut all, b" b", false, now).unwrap();
        let answer = Next::Send(super::super::Send::Bytes("B".into()));
        assert_eq!(conversation.next(now), Some(answer));
        assert_eq!((conversation.next(now), conversation.next(now)), (Some(Next::Done), None));
        assert!(conversation.may_end(false, true) && !conversation.may_end(true, true));
        let mut other = PlayedConversation::undecided();
        let difference = other.receive(&mut all, b"GET x", true, now).unwrap_err();
        assert_eq!(difference.offset, 4);
    }
}
