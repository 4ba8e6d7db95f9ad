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

    /// Two different ones at once.
    pub(super) fn get_pair_mut(&mut self, one: Id, other: Id) -> Option<(&mut T, &mut T)> {
        let slots = [one.slot as usize, other.slot as usize];
        let [(first, a), (second, b)] = self.slots.get_disjoint_mut(slots).ok()?;
        let are_current = *first == one.generation && *second == other.generation;
        Some((a.as_mut()?, b.as_mut()?)).filter(|_| are_current)
    }

    /// Those that are in use, in the order of slots.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        let used = (0..).zip(&self.slots).filter(|(_, (_, entry))| entry.is_some());
        used.map(|(slot, (generation, _))| Id { slot, generation: *generation })
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

/// Values by [`Id`], of which each lives no longer than its source: remove it at
/// [`Closed`](super::Event::Closed). After that the slot may go to the next source, whose value would
/// take the place of one that was left; what lives longer belongs in another map.
///
/// It is a vector indexed by slot, which costs no hashing and is passed through in the
/// order of slots, the same in each run of a simulation. An `Id` that is out of date finds nothing.
#[derive(Debug)]
pub struct IdMap<T> {
    slots: Vec<Option<(Id, T)>>,
    len: usize,
}

impl<T> Default for IdMap<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), len: 0 }
    }
}

impl<T> IdMap<T> {
    /// Keeps a value, in place of what was there under the same id.
    pub fn insert(&mut self, id: Id, value: T) {
        let slot = id.slot();
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, || None);
        }
        if let Some(entry) = self.slots.get_mut(slot) {
            debug_assert!(
                entry.as_ref().is_none_or(|(owner, _)| *owner == id),
                "the value of a source outlived it"
            );
            self.len += usize::from(entry.is_none());
            *entry = Some((id, value));
        }
    }

    /// The value of a source.
    pub fn get(&self, id: Id) -> Option<&T> {
        let (owner, value) = self.slots.get(id.slot())?.as_ref()?;
        (*owner == id).then_some(value)
    }

    /// The value of a source, to be changed.
    pub fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        let (owner, value) = self.slots.get_mut(id.slot())?.as_mut()?;
        (*owner == id).then_some(value)
    }

    /// Whether there is a value of a source.
    pub fn contains(&self, id: Id) -> bool {
        self.get(id).is_some()
    }

    /// Takes the value of a source out.
    pub fn remove(&mut self, id: Id) -> Option<T> {
        let (_, value) = self.slots.get_mut(id.slot())?.take_if(|(owner, _)| *owner == id)?;
        self.len -= 1;
        Some(value)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All values with their sources.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        self.slots.iter().flatten().map(|(id, value)| (*id, value))
    }

    /// All values with their sources, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Id, &mut T)> {
        self.slots.iter_mut().flatten().map(|(id, value)| (*id, value))
    }

    /// All sources.
    pub fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        self.iter().map(|(id, _)| id)
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

    #[test]
    fn a_value_is_found_by_its_own_id_alone() {
        let [old, new] = [0, 1].map(|generation| Id::for_tests_of(3, generation));
        let mut map = IdMap::default();
        map.insert(old, "old");
        assert_eq!((map.get(old), map.get(new), map.len()), (Some(&"old"), None, 1));
        assert_eq!(map.remove(old), Some("old"));
        map.insert(new, "new");
        assert_eq!(map.remove(old), None);
        assert_eq!((map.get(old), map.len()), (None, 1));
        assert_eq!(map.iter().collect::<Vec<_>>(), [(new, &"new")]);
        assert_eq!((map.remove(new), map.is_empty()), (Some("new"), true));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "outlived")]
    fn a_value_that_outlives_its_source_is_an_error() {
        let mut map = IdMap::default();
        for generation in [0, 1] {
            map.insert(Id::for_tests_of(3, generation), ());
        }
    }
}
