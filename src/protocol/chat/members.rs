//! The members of a room, hosted or not: their nicks, and what of their lines waits for its rate limit,
//! a token bucket that holds one token a line.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use memchr::memchr;

use super::line::readable;
use super::nick::Nick;

/// The members of a room by key: a number in a hosted room, an address in a group.
#[derive(Debug)]
pub(super) struct Members<K, T> {
    table: BTreeMap<K, Member<T>>,
}

/// One member, with what its kind of room keeps about it.
#[derive(Debug)]
pub(super) struct Member<T> {
    /// The nick; `None` for a sender in a group that does not write as a member does.
    pub(super) nick: Option<Nick>,
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
        Self { table: BTreeMap::new() }
    }
}

impl<K: Copy + Ord, T> Members<K, T> {
    /// Adds a member, or replaces one.
    pub(super) fn insert(&mut self, key: K, member: Member<T>) {
        self.table.insert(key, member);
    }

    /// Removes a member.
    pub(super) fn remove(&mut self, key: K) -> Option<Member<T>> {
        self.table.remove(&key)
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
        self.iter().find(|(_, member)| member.is_called(nick)).map(|(key, _)| key)
    }

    /// The nick that a member may have: the wanted one, or where another member has it, the wanted one
    /// with the first free number from `first` on.
    pub(super) fn free_nick(&self, wanted: &Nick, except: Option<K>, first: u64) -> Nick {
        let is_free = |nick: &Nick| {
            !self.iter().any(|(key, member)| Some(key) != except && member.is_called(nick))
        };
        let numbered = (first..).map(|number| wanted.numbered(number));
        let mut wishes = std::iter::once(wanted.clone()).chain(numbered);
        wishes.find(is_free).unwrap_or_else(|| wanted.clone())
    }
}

impl<T> Member<T> {
    /// Whether it has this nick.
    fn is_called(&self, nick: &Nick) -> bool {
        self.nick.as_ref().is_some_and(|own| own.is_same(nick))
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

/// Lines that may be sent at once.
pub const BURST: u32 = 20;
/// Lines that a member of this program sends at once. Receivers allow twice as many, so that a network
/// that delivers unevenly costs no line.
pub const OWN_BURST: u32 = BURST / 2;
/// Time after which one token is added.
pub const REFILL: Duration = Duration::from_millis(200);

/// A bucket of `burst` tokens, which refills by one every [`REFILL`].
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    tokens: u32,
    burst: u32,
    /// Up to when refills have been counted.
    counted: Instant,
}

impl TokenBucket {
    /// A full bucket of [`BURST`] tokens.
    pub fn new(now: Instant) -> Self {
        Self::of(BURST, now)
    }

    /// A full bucket of another size.
    pub fn of(burst: u32, now: Instant) -> Self {
        Self { tokens: burst, burst, counted: now }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// The bucket is empty; the time until the next token.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.refill(now);
        if self.tokens == 0 {
            return Err(REFILL.saturating_sub(now.saturating_duration_since(self.counted)));
        }
        self.tokens -= 1;
        Ok(())
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.counted).as_millis();
        // Whole tokens only. The rest of the time stays uncounted, so that no fraction of one is
        // lost.
        let due = u32::try_from(passed / REFILL.as_millis()).unwrap_or(u32::MAX);
        if self.tokens.saturating_add(due) >= self.burst {
            // A full bucket saves nothing up: the next refill counts from now.
            *self = Self::of(self.burst, now);
        } else {
            self.tokens += due;
            self.counted += REFILL * due;
        }
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
            members.insert(key, Member { nick: name.map(nick), lines, state: () });
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

    #[test]
    fn a_burst_and_then_one_at_a_time() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(start);
        let mut taken = 0;
        for millis in 0..10_000 {
            let now = start + Duration::from_millis(millis);
            while bucket.take(now).is_ok() {
                taken += 1;
            }
        }
        assert_eq!(taken, BURST + 49);
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..100).filter(|_| bucket.take(later).is_ok()).count(), BURST as usize);
    }

    #[test]
    fn the_pause_that_it_names_is_enough() {
        let mut now = Instant::now();
        let mut bucket = TokenBucket::new(now);
        for _ in 0..BURST {
            bucket.take(now).unwrap();
        }
        for _ in 0..5 {
            let pause = bucket.take(now).unwrap_err();
            assert!(pause <= REFILL && !pause.is_zero());
            now += pause;
            bucket.take(now).unwrap();
        }
    }
}
