//! Building a tree.
//!
//! Lists, dicts and sets grow while the pickle is read, in any order. The [`Builder`] therefore
//! notes which members belong to which group, and [`Builder::finish`] sorts them by their group in
//! one pass.

use super::tree::{Extra, Group, Kind, Place, Tree, Value, View};
use super::{MAX_DEPTH, PickleError, malformed, too_deep};

/// How many values there is room for at first; most pickles are small.
pub(super) const FEW: usize = 64;

/// That the next `count` members belong to a group.
#[derive(Clone, Copy)]
struct Put {
    group: u32,
    count: u32,
}

/// A tree that grows.
pub(super) struct Builder<'a> {
    pub(super) tree: Tree<'a>,
    puts: Vec<Put>,
    /// The members of all puts.
    values: Vec<Value>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(pickle: &'a [u8]) -> Self {
        let tree = Tree { pickle, groups: Vec::new(), members: Vec::new(), extras: Vec::new() };
        Self { tree, puts: Vec::new(), values: Vec::with_capacity(pickle.len().min(FEW)) }
    }

    /// Adds a group of these members.
    pub(super) fn group(&mut self, kind: Kind, members: &[Value]) -> Result<Value, PickleError> {
        let group = Value::next_in(&self.tree.groups, Value::GROUP)?;
        self.tree.groups.push(Group { kind, uniform: true, depth: 1, end: 0 });
        self.put(kind, group, members)?;
        Ok(group)
    }

    pub(super) fn extra(&mut self, extra: Extra) -> Result<Value, PickleError> {
        let value = Value::next_in(&self.tree.extras, Value::EXTRA)?;
        self.tree.extras.push(extra);
        Ok(value)
    }

    /// The same value, as a group of its own if it is the opcode of an empty one that can grow.
    pub(super) fn promote(&mut self, value: Value) -> Result<Value, PickleError> {
        let Place::Opcode(at) = value.place() else { return Ok(value) };
        match self.tree.byte(at) {
            b']' => self.group(Kind::List, &[]),
            b'}' => self.group(Kind::Dict, &[]),
            0x8f => self.group(Kind::Set, &[]),
            _ => Ok(value),
        }
    }

    /// Adds members to a group of this kind.
    pub(super) fn put(
        &mut self,
        kind: Kind,
        group: Value,
        members: &[Value],
    ) -> Result<(), PickleError> {
        let index = match group.place() {
            Place::Group(index) if self.tree.group(index).kind == kind => index,
            _ => match self.tree.view(group) {
                View::Group(..) => {
                    return malformed("it puts something into another kind of container");
                }
                _ => return malformed("it puts something into what is no container"),
            },
        };
        if kind == Kind::Dict && !members.len().is_multiple_of(2) {
            return malformed("a key without a value");
        }
        let mut grown = self.tree.group(index);
        for (at, member) in members.iter().enumerate() {
            let (hashable, depth) = self.tree.measure(*member);
            let is_key = match kind {
                Kind::Dict => at.is_multiple_of(2),
                Kind::Set | Kind::Frozenset => true,
                Kind::List | Kind::Tuple => false,
            };
            if is_key && !hashable {
                return malformed("a key that can be changed");
            }
            grown.depth = grown.depth.max(depth + 1);
            grown.uniform &= match kind {
                Kind::Dict => !is_key || self.tree.is_plain_key(*member),
                _ => hashable,
            };
        }
        if usize::from(grown.depth) > MAX_DEPTH {
            return too_deep();
        }
        grown.end += members.len() as u32;
        if let Some(place) = self.tree.groups.get_mut(index as usize) {
            *place = grown;
        }
        self.note(index, members);
        Ok(())
    }

    fn note(&mut self, group: u32, members: &[Value]) {
        let count = members.len() as u32;
        match self.puts.last_mut() {
            _ if count == 0 => return,
            Some(last) if last.group == group => last.count += count,
            _ => self.puts.push(Put { group, count }),
        }
        self.values.extend_from_slice(members);
    }

    /// The members of the tuple that was made last; `None` for any other value.
    pub(super) fn last_tuple(&self, tuple: Value) -> Option<&[Value]> {
        match (tuple.place(), self.puts.last()) {
            (Place::Opcode(at), _) if self.tree.byte(at) == b')' => Some(&[]),
            (Place::Group(index), last) if self.tree.group(index).kind == Kind::Tuple => {
                match self.tree.group(index).end as usize {
                    0 => Some(&[]),
                    _ if last.is_none_or(|last| last.group != index) => None,
                    len => self.values.get(self.values.len() - len..),
                }
            }
            _ => None,
        }
    }

    /// A set of what a list holds now, which only grows behind that; `None` for what is no list.
    pub(super) fn set_of_list(
        &mut self,
        kind: Kind,
        list: Value,
    ) -> Result<Option<Value>, PickleError> {
        match list.place() {
            Place::Opcode(at) if self.tree.byte(at) == b']' => self.group(kind, &[]).map(Some),
            Place::Group(list) if self.tree.group(list).kind == Kind::List => {
                let Group { uniform, end: len, .. } = self.tree.group(list);
                if !uniform {
                    return malformed("a key that can be changed");
                }
                self.extra(Extra::SetOfList { kind, list, len }).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Sorts the members by their groups, in the order in which they came.
    pub(super) fn finish(self) -> Tree<'a> {
        let Self { mut tree, puts, values } = self;
        let mut start = 0;
        for group in &mut tree.groups {
            start += std::mem::replace(&mut group.end, start);
        }
        tree.members = vec![Value::opcode(0); values.len()];
        let mut rest = values.as_slice();
        for Put { group, count } in puts {
            let Some(group) = tree.groups.get_mut(group as usize) else { continue };
            let Some((members, behind)) = rest.split_at_checked(count as usize) else { break };
            let start = group.end as usize;
            if let Some(places) = tree.members.get_mut(start..start + members.len()) {
                places.copy_from_slice(members);
            }
            group.end += count;
            rest = behind;
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Lists grow in any order, and what was made of one keeps what it then held.
        #[test]
        fn groups_are_lists_of_values(steps in proptest::collection::vec((0usize..5, 0u32..4), 0..60)) {
            let mut builder = Builder::new(b"NNNN");
            let mut list = || builder.group(Kind::List, &[]).unwrap();
            let lists = [list(), list(), list()];
            let mut all: Vec<(Value, Vec<Value>)> = lists.map(|list| (list, Vec::new())).to_vec();
            for (which, count) in steps {
                let added: Vec<Value> = (0..count as usize).map(Value::opcode).collect();
                if which < lists.len() {
                    builder.put(Kind::List, lists[which], &added).unwrap();
                    all[which].1.extend(added);
                } else if which == 3 {
                    let tuple = builder.group(Kind::Tuple, &added).unwrap();
                    prop_assert_eq!(builder.last_tuple(tuple), Some(&added[..]));
                    all.push((tuple, added));
                } else {
                    let (list, held) = all[count as usize % lists.len()].clone();
                    all.push((builder.set_of_list(Kind::Frozenset, list).unwrap().unwrap(), held));
                }
            }
            let tree = builder.finish();
            for (group, expected) in all {
                let View::Group(_, members) = tree.view(group) else { panic!("no group") };
                prop_assert_eq!(tree.members(members), expected);
            }
        }
    }

    /// The densest pickles make a group of two bytes.
    #[test]
    fn groups_are_small() {
        assert_eq!((size_of::<Value>(), size_of::<Put>()), (4, 8));
        assert_eq!((size_of::<Group>(), size_of::<Extra>()), (8, 12));
    }
}
