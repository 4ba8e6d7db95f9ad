//! Names of sources, and the table they live in.
//!
//! A slot is used again after its source is gone, but under another generation, and mio's token
//! carries both: an event that was meant for an old connection can never reach a new one.

use mio::Token;

/// Names one source of one pool: a connection, a listener, stdin, stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    slot: u32,
    generation: u32,
}

/// How many bits of a token hold the slot; the rest hold the generation.
const SLOT_BITS: u32 = usize::BITS / 2;
const SLOT_MASK: usize = (1 << SLOT_BITS) - 1;

impl Id {
    /// The first source in a slot, for tests without a pool.
    #[cfg(test)]
    pub(crate) fn for_tests(slot: u32) -> Self {
        Self { slot, generation: 0 }
    }

    /// A later source in a slot, for tests without a pool.
    #[cfg(test)]
    pub(crate) fn for_tests_of(slot: u32, generation: u32) -> Self {
        Self { slot, generation }
    }

    pub(super) fn slot(self) -> usize {
        self.slot as usize
    }

    pub(super) fn token(self) -> Token {
        Token(self.slot as usize | (self.generation as usize) << SLOT_BITS)
    }

    /// The source that a token was made for.
    pub(super) fn of(token: Token) -> Self {
        // The casts keep all that `token` put in: half a word each.
        Self { slot: (token.0 & SLOT_MASK) as u32, generation: (token.0 >> SLOT_BITS) as u32 }
    }
}

/// Sources by [`Id`]; an `Id` that is out of date finds nothing.
pub(super) struct Slots<T> {
    slots: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    pub(super) fn insert(&mut self, value: T) -> Id {
        if let Some(slot) = self.free.pop()
            && let Some((generation, entry)) = self.slots.get_mut(slot as usize)
        {
            *entry = Some(value);
            return Id { slot, generation: *generation };
        }
        let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push((0, Some(value)));
        Id { slot, generation: 0 }
    }

    pub(super) fn get(&self, id: Id) -> Option<&T> {
        let (generation, entry) = self.slots.get(id.slot as usize)?;
        entry.as_ref().filter(|_| *generation == id.generation)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        let (generation, entry) = self.slots.get_mut(id.slot as usize)?;
        entry.as_mut().filter(|_| *generation == id.generation)
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<T> {
        let (generation, entry) = self.slots.get_mut(id.slot as usize)?;
        if *generation != id.generation {
            return None;
        }
        let value = entry.take()?;
        // The reserved tokens are all ones in the upper half, which no generation may reach.
        *generation = (*generation + 1) & (SLOT_MASK >> 1) as u32;
        self.free.push(id.slot);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_id_finds_nothing_in_a_slot_that_is_used_again() {
        let mut slots = Slots::default();
        let old = slots.insert("old");
        assert_eq!(slots.remove(old), Some("old"));
        let new = slots.insert("new");
        assert_eq!(new.slot, old.slot);
        assert_eq!((slots.get(old), slots.get(new)), (None, Some(&"new")));
        assert_eq!(slots.remove(old), None);
    }

    #[test]
    fn a_token_carries_slot_and_generation() {
        let id = Id { slot: 7, generation: 9 };
        assert_eq!(Id::of(id.token()), id);
    }
}
