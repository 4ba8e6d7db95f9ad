//! What a handler keeps of each source, by [`Id`].

use super::id::Id;

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
