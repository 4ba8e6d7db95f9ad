//! Who plays what: the recorded conversations that nobody plays yet, and how one of them is chosen
//! for somebody new.
//!
//! They are given out in the order of the recording. Where the others speak first, their first
//! words choose among those that begin like that, so that clients that come at the same time may
//! come in any order; where this side speaks first, the order of coming decides.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::protocol::replay::Script;
use crate::sessions::config::Replay;

/// The conversations that are still to be played.
pub(super) struct Cast {
    scripts: Vec<Arc<Script>>,
    free: VecDeque<Arc<Script>>,
}

impl Cast {
    pub(super) fn new(replay: &Replay) -> Self {
        let free = replay.scripts.iter().cloned().collect();
        Self { scripts: replay.scripts.clone(), free }
    }

    /// How many conversations there are in all.
    pub(super) fn len(&self) -> usize {
        self.scripts.len()
    }

    /// Whether all have been given out.
    pub(super) fn is_over(&self) -> bool {
        self.free.is_empty()
    }

    /// The next one in order.
    pub(super) fn next(&mut self) -> Option<Arc<Script>> {
        self.refill();
        self.free.pop_front()
    }

    /// The one for somebody who has said this so far, as soon as it is known; `last` says that no
    /// more will come. Where none begins like this, the next one in order tells the difference.
    pub(super) fn choose(&mut self, heard: &[u8], last: bool) -> Option<Arc<Script>> {
        self.refill();
        let fits = |script: &Arc<Script>| script.may_begin_with(heard);
        let at = self.free.iter().position(fits).unwrap_or(0);
        let first = self.free.get(at)?;
        let alone = self.free.iter().filter(|script| fits(script)).nth(1).is_none();
        let due = last || alone || first.speaks_within(heard.len());
        if due { self.free.remove(at) } else { None }
    }

    /// Once all were given out they begin anew: somebody wants more than were recorded.
    fn refill(&mut self) {
        if self.free.is_empty() {
            self.free.extend(self.scripts.iter().cloned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::recording::Role;
    use crate::report::transcript;

    /// Conversations in which a client says the first text and is answered the second.
    fn cast(talks: &[(&str, &str)]) -> Cast {
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
        let scripts = recording.streams(Role::Accepted).into_iter().map(Arc::new).collect();
        Cast::new(&Replay { scripts, timing: false })
    }

    fn is(script: Option<Arc<Script>>, first_words: &str) -> bool {
        script.is_some_and(|script| script.may_begin_with(first_words.as_bytes()))
    }

    #[test]
    fn the_first_words_choose_as_soon_as_they_are_clear() {
        let mut cast = cast(&[("GET a", "A"), ("GET b", "B"), ("PUT", "C")]);
        assert!(cast.choose(b"", false).is_none());
        assert!(cast.choose(b"GET", false).is_none());
        assert!(is(cast.choose(b"GET b", false), "GET b"));
        assert!(is(cast.choose(b"GET", false), "GET a"));
        assert!(!cast.is_over());
        // The last one is known before a word is said; then all begin anew.
        assert!(is(cast.choose(b"", false), "PUT"));
        assert!(cast.is_over());
        assert!(cast.choose(b"G", false).is_none());
    }

    #[test]
    fn the_order_decides_where_words_do_not() {
        let mut cast = cast(&[("", "hello"), ("x", "y"), ("x", "z")]);
        assert!(cast.choose(b"", false).unwrap().speaks_within(0));
        let same = cast.choose(b"x", false).unwrap();
        assert!(is(Some(same), "x"));
        // What no recording begins with is compared with the next one.
        assert!(is(cast.choose(b"other", false), "x"));
    }
}
