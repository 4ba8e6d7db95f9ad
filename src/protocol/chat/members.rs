//! The members of a room, hosted or not: their nicks, and what of their lines waits for its rate limit,
//! a token bucket that holds one token a line.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use memchr::memchr;

use super::line::readable;
use super::nick::Nick;
pub use super::pace::{BURST, OWN_BURST, Pace, REFILL, TokenBucket};

/// The members of a room by key: a number in a hosted room, an address in a group.
#[derive(Debug)]
pub(super) struct Members<K, T> {
    table: BTreeMap<K, Member<T>>,
    /// Who has a nick, by what its readers take for the same one. In a group several may have one.
    names: HashMap<String, Vec<K>>,
}

/// One member, with what its kind of room keeps about it.
#[derive(Debug)]
pub(super) struct Member<T> {
    /// The nick; `None` for a sender in a group that does not write as a member does. Only the table
    /// changes it, which finds members by it.
    nick: Option<Nick>,
    /// Lines that have come, at the rate at which they may be passed on.
    pub(super) lines: PacedLines,
    /// What the room keeps about it.
    pub(super) state: T,
}

/// Lines in the order they came, which leave at the rate of a token bucket.
#[derive(Debug)]
pub(super) struct PacedLines {
    bucket: TokenBucket,
    /// Each with its `\n`.
    waiting: BytesMut,
    count: usize,
}

impl<K, T> Default for Members<K, T> {
    fn default() -> Self {
        Self { table: BTreeMap::new(), names: HashMap::new() }
    }
}

impl<K: Copy + Ord, T> Members<K, T> {
    /// Adds a member, or replaces one.
    pub(super) fn insert(&mut self, key: K, nick: Option<Nick>, lines: PacedLines, state: T) {
        self.remove(key);
        self.table.insert(key, Member { nick: None, lines, state });
        self.rename(key, nick);
    }

    /// Removes a member, and gives its nick and state.
    pub(super) fn remove(&mut self, key: K) -> Option<(Option<Nick>, T)> {
        let nick = self.rename(key, None);
        Some((nick, self.table.remove(&key)?.state))
    }

    /// Gives a member another nick; returns the old one.
    pub(super) fn rename(&mut self, key: K, nick: Option<Nick>) -> Option<Nick> {
        let member = self.table.get_mut(&key)?;
        let name = nick.as_ref().map(Nick::key);
        let old = std::mem::replace(&mut member.nick, nick);
        if let Some(old) = old.as_ref().map(Nick::key)
            && let Some(holders) = self.names.get_mut(&old)
        {
            holders.retain(|holder| *holder != key);
            if holders.is_empty() {
                self.names.remove(&old);
            }
        }
        if let Some(name) = name {
            self.names.entry(name).or_default().push(key);
        }
        old
    }

    /// A member.
    pub(super) fn get(&self, key: K) -> Option<&Member<T>> {
        self.table.get(&key)
    }

    /// A member, to change it.
    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut Member<T>> {
        self.table.get_mut(&key)
    }

    /// The nick of a member that has one.
    pub(super) fn nick(&self, key: K) -> Option<Nick> {
        self.get(key)?.nick.clone()
    }

    /// All members, by key.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &Member<T>)> {
        self.table.iter().map(|(key, member)| (*key, member))
    }

    /// Number of members.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The member of this nick.
    pub(super) fn find(&self, nick: &Nick) -> Option<K> {
        self.names.get(&nick.key())?.iter().min().copied()
    }

    /// The nick that a member may have: the wanted one, or where another member has it, the wanted one
    /// with a number from `first` on that is free. It is one behind a number that is taken.
    // A thousand members that want one nick would each ask for all numbers in turn; by doubling
    // and halving the steps each asks for some twenty.
    pub(super) fn free_nick(&self, wanted: &Nick, except: Option<K>, first: u64) -> Nick {
        if self.is_free(wanted, except) {
            return wanted.clone();
        }
        let is_free = |number| self.is_free(&wanted.numbered(number), except);
        let steps = (0..u64::BITS).map(|power| first.saturating_add((1 << power) - 1));
        let Some(mut free) = steps.clone().find(|number| is_free(*number)) else {
            // Somebody has taken all those, and cannot have taken all that lie between.
            let mut numbers = (first..).filter(|number| is_free(*number));
            return wanted.numbered(numbers.next().unwrap_or(first));
        };
        let mut taken = steps.take_while(|number| *number < free).last();
        while let Some(low) = taken.filter(|low| free - low > 1) {
            let middle = low + (free - low) / 2;
            if is_free(middle) { free = middle } else { taken = Some(middle) }
        }
        wanted.numbered(free)
    }

    fn is_free(&self, nick: &Nick, except: Option<K>) -> bool {
        let holders = self.names.get(&nick.key());
        holders.is_none_or(|holders| holders.iter().all(|key| Some(*key) == except))
    }
}

impl<T> Member<T> {
    /// Its nick, where it has one.
    pub(super) fn nick(&self) -> Option<&Nick> {
        self.nick.as_ref()
    }
}

impl PacedLines {
    /// No lines, and a full bucket.
    pub(super) fn new(bucket: TokenBucket) -> Self {
        Self { bucket, waiting: BytesMut::new(), count: 0 }
    }

    /// Adds a line without its end.
    pub(super) fn push(&mut self, line: &[u8]) {
        // A message of tinyproto may hold `\n`, which ends no line here.
        if memchr(b'\n', line).is_some() {
            self.waiting.extend_from_slice(readable(line).as_bytes());
        } else {
            self.waiting.extend_from_slice(line);
        }
        self.waiting.put_u8(b'\n');
        self.count += 1;
    }

    /// Takes the next line, if one waits.
    ///
    /// # Errors
    /// One waits and the bucket is empty; the time until the next token.
    pub(super) fn next(&mut self, now: Instant) -> Result<Option<String>, Duration> {
        let Some(end) = memchr(b'\n', &self.waiting) else { return Ok(None) };
        self.bucket.take(now)?;
        self.count -= 1;
        debug_assert!(self.count > 0 || self.waiting.len() == end + 1, "one `\\n` a line");
        let line = self.waiting.split_to(end + 1);
        Ok(Some(readable(line.get(..end).unwrap_or_default())))
    }

    /// The next line, whether it may pass now or not.
    pub(super) fn peek(&self) -> Option<String> {
        let end = memchr(b'\n', &self.waiting)?;
        Some(readable(self.waiting.get(..end).unwrap_or_default()))
    }

    /// Whether a line that is not kept may pass now.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        self.bucket.take(now).is_ok()
    }

    /// Number of lines that wait.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Whether no line waits.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nick(text: &str) -> Nick {
        text.parse().unwrap()
    }

    fn members(nicks: &[Option<&str>]) -> Members<u64, ()> {
        let mut members = Members::default();
        for (key, name) in (1..).zip(nicks) {
            let lines = PacedLines::new(TokenBucket::new(Instant::now()));
            members.insert(key, name.map(nick), lines, ());
        }
        members
    }

    #[test]
    fn a_nick_that_another_member_has_gets_a_number() {
        let members = members(&[Some("ann"), Some("ann-2"), None]);
        let free = |wanted: &str, except| members.free_nick(&nick(wanted), except, 2).to_string();
        assert_eq!(free("bob", None), "bob");
        assert_eq!(free("ANN", None), "ANN-3");
        assert_eq!(free("Ann", Some(1)), "Ann", "it is its own");
        assert_eq!(members.find(&nick("Ann-2")), Some(2));
    }

    #[test]
    fn whoever_wants_a_nick_that_many_have_gets_the_next_number() {
        let mut members = members(&[]);
        for key in 1..=3000 {
            let lines = PacedLines::new(TokenBucket::new(Instant::now()));
            let free = members.free_nick(&nick("bob"), Some(key), 2);
            let wanted = if key == 1 { "bob".to_owned() } else { format!("bob-{key}") };
            assert_eq!(free.as_str(), wanted);
            members.insert(key, Some(free), lines, ());
        }
        assert_eq!(members.rename(7, Some(nick("eve"))), Some(nick("bob-7")));
        assert_eq!((members.find(&nick("EVE")), members.find(&nick("bob-7"))), (Some(7), None));
        assert_eq!(members.free_nick(&nick("bob-7"), None, 2), nick("bob-7"), "it is given up");
        assert!(members.remove(7).is_some() && members.find(&nick("eve")).is_none());
    }

    #[test]
    fn names_that_several_have_are_found_until_the_last_one_goes() {
        let mut members = members(&[Some("ann"), Some("Ann")]);
        let ann = nick("ann");
        assert_eq!(members.free_nick(&ann, Some(1), 2), nick("ann-2"), "the other has it too");
        members.remove(1);
        assert_eq!(members.find(&ann), Some(2));
        assert_eq!(members.free_nick(&ann, Some(2), 2), ann);
        members.remove(2);
        assert!(members.find(&ann).is_none() && members.names.is_empty());
    }

    /// Who has the numbers that are asked for first makes nobody search without end.
    #[test]
    fn numbers_that_are_taken_with_care_leave_one_that_is_free() {
        let mut members = members(&[Some("b")]);
        for (key, power) in (2..).zip(0..u64::BITS) {
            let lines = PacedLines::new(TokenBucket::new(Instant::now()));
            let taken = nick("b").numbered(2_u64.saturating_add((1 << power) - 1));
            members.insert(key, Some(taken), lines, ());
        }
        assert_eq!(members.free_nick(&nick("b"), None, 2), nick("b-4"));
    }

    #[test]
    fn lines_leave_in_order_and_at_the_rate_of_the_bucket() {
        let mut now = Instant::now();
        let mut lines = PacedLines::new(TokenBucket::of(2, now));
        assert_eq!(lines.next(now), Ok(None), "an empty queue costs no token");
        for line in ["one", "two\nrows", "three"] {
            lines.push(line.as_bytes());
        }
        assert_eq!(lines.next(now), Ok(Some("one".to_owned())));
        assert_eq!(lines.next(now), Ok(Some("two\\nrows".to_owned())));
        assert_eq!((lines.next(now), lines.len()), (Err(REFILL), 1));
        now += REFILL;
        assert_eq!(lines.next(now), Ok(Some("three".to_owned())));
        assert!(lines.is_empty() && !lines.admit(now));
    }
}
