//! The values of a pickle as a tree.
//!
//! A [`Value`] is a reference of four bytes: to an opcode in the pickle, which holds all there is
//! to know about a value without parts, or to a [`Group`] of other values. The members of all groups lie in
//! one vector. No byte of a pickle makes more than one group, or more than one member; those of a group
//! that has moved in order to grow have room for as many again.

use std::ops::Range;

use super::{MAX_DEPTH, PickleError, malformed, too_deep};

/// The offset of an opcode, or the index of a group with [`Value::GROUP`] set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value(u32);

impl Value {
    const GROUP: u32 = 1 << 31;
    /// Behind all groups that a pickle can have come the functions.
    const FUNCTION: u32 = u32::MAX - 64;
    /// No value.
    pub(super) const NONE: Self = Self(u32::MAX);
    /// How many bytes a pickle may have, so that any offset leaves the highest bit free.
    pub(super) const MAX_PICKLE: usize = (1 << 31) - 128;

    /// The value whose opcode is at this offset of a pickle of up to [`Value::MAX_PICKLE`] bytes.
    pub(super) fn opcode(at: usize) -> Self {
        debug_assert!(at < Self::MAX_PICKLE, "an offset beyond the pickle");
        Self(at as u32)
    }

    /// What is called to make what has no opcode, by its row in the table of that.
    pub(super) fn function(row: usize) -> Self {
        Self(Self::FUNCTION + row as u32)
    }

    pub(super) fn row(self) -> Option<usize> {
        self.0.checked_sub(Self::FUNCTION).map(|row| row as usize)
    }

    /// The offset of what is no group.
    pub(super) fn at(self) -> usize {
        self.0 as usize
    }

    pub(super) fn group(self) -> Option<usize> {
        (self.0 & Self::GROUP != 0).then_some((self.0 & !Self::GROUP) as usize)
    }
}

/// What a value is. Those that have a tag in JSON come first, in the order of [`super::TAGS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeKind {
    Tuple,
    Set,
    Frozenset,
    /// Keys and values in turn.
    Dict,
    /// As a group: those of its member, a string of Python 2 that is no text, or none.
    Bytes,
    /// As a group: those of its member, or none.
    Bytearray,
    OrderedDict,
    // Instances have the arguments of their class as members; a UUID has its state, which is a dict
    // and, in place of an offset, how many members that had, or none.
    Datetime,
    Date,
    Time,
    Timedelta,
    Decimal,
    Complex,
    Uuid,
    /// Only as an argument of a datetime or a time.
    Timezone,
    List,
    /// A string, a number, a bool or `None`.
    Leaf,
    /// Bytes that are the characters up to U+00FF of a string.
    Latin1,
    /// A set of the first members of a list: the list and, in place of an offset, their number.
    SetOf,
    FrozensetOf,
    /// See [`Value::function`].
    Function,
}

impl NodeKind {
    pub(super) fn is_dict(self) -> bool {
        matches!(self, Self::Dict | Self::OrderedDict)
    }

    fn is_container(self) -> bool {
        matches!(self, Self::List | Self::Tuple | Self::Set | Self::Frozenset) || self.is_dict()
    }
}

/// A value with parts.
struct Group {
    /// Where its members begin. In front of two or more stands, in place of an offset, their number.
    start: u32,
    /// How deep it was nested when it last grew; a member may have grown since.
    depth: u16,
    kind: NodeKind,
    flags: u8,
}

/// Members that are keys can be the keys of a JSON object.
const PLAIN: u8 = 1;
/// All members are hashable.
const HASHABLE: u8 = 2;
/// It has room for as many members as the next power of two.
const ROOMY: u8 = 4;
/// It has one member.
const ONE: u8 = 8;
/// It has more of them.
const MANY: u8 = 16;

/// All groups of a pickle, and their members.
#[derive(Default)]
pub(super) struct TreeParts {
    groups: Vec<Group>,
    members: Vec<Value>,
}

/// A pickle and the values in it.
pub(super) struct Tree<'a> {
    pub(super) pickle: &'a [u8],
    pub(super) parts: &'a mut TreeParts,
}

impl Tree<'_> {
    /// Adds a group of these members.
    pub(super) fn make(&mut self, kind: NodeKind, members: &[Value]) -> Result<Value, PickleError> {
        let index = self.parts.groups.len();
        debug_assert!(index < self.pickle.len(), "a group that no opcode made");
        let flags = PLAIN | HASHABLE;
        self.parts.groups.push(Group { start: 0, depth: 1, kind, flags });
        self.put(index, members)?;
        Ok(Value(index as u32 | Value::GROUP))
    }

    /// Adds members to a group, which is of this kind.
    pub(super) fn extend(
        &mut self,
        kind: NodeKind,
        group: Value,
        members: &[Value],
    ) -> Result<(), PickleError> {
        match (self.kind(group), group.group()) {
            (found, Some(index)) if found == kind || found.is_dict() && kind.is_dict() => {
                self.put(index, members)
            }
            (found, _) if found.is_container() => {
                malformed("it puts something into another kind of container")
            }
            _ => malformed("it puts something into what is not a container"),
        }
    }

    fn put(&mut self, index: usize, added: &[Value]) -> Result<(), PickleError> {
        let Some(group) = self.parts.groups.get(index) else { return Ok(()) };
        let (kind, mut depth, mut flags) = (group.kind, group.depth, group.flags);
        let is_set = matches!(kind, NodeKind::Set | NodeKind::Frozenset);
        if kind.is_dict() && !added.len().is_multiple_of(2) {
            return malformed("a key without a value");
        }
        for (at, member) in added.iter().enumerate() {
            if let Some(group) = self.group(*member) {
                depth = depth.max(group.depth + 1);
            }
            let is_key = kind.is_dict() && at.is_multiple_of(2);
            if !self.is_hashable(*member) {
                // Python cannot hold such a set or dict, so no pickler has written this.
                if is_key || is_set {
                    return malformed("a key that can be changed");
                }
                flags &= !HASHABLE;
            }
            if is_key && !self.is_plain_key(*member) {
                flags &= !PLAIN;
            }
        }
        // The writer counts again. This stops a tower of tuples, each of which costs one byte, and
        // leaves room for the groups that no level of JSON corresponds to. No group is deeper without
        // an error, so 16 bits hold one more.
        if usize::from(depth) > 2 * MAX_DEPTH {
            return too_deep();
        }
        let mut held = self.span(group);
        let (len, all) = (held.len(), held.len() + added.len());
        let TreeParts { groups, members } = &mut *self.parts;
        let has_room = flags & ROOMY != 0 && all <= len.next_power_of_two();
        if has_room && let Some(room) = members.get_mut(held.end..held.start + all) {
            room.copy_from_slice(added);
        } else if flags & MANY != 0 && held.end == members.len() {
            members.extend_from_slice(added);
            flags &= !ROOMY;
        } else if !added.is_empty() {
            members.extend((all > 1).then_some(Value(0)));
            let start = members.len();
            members.extend_from_within(held.clone());
            members.extend_from_slice(added);
            if len > 0 {
                members.resize(start + all.next_power_of_two(), Value(0));
                flags |= ROOMY;
            }
            flags = flags & !ONE | if all == 1 { ONE } else { MANY };
            held.start = start;
        }
        let number = held.start.checked_sub(1).filter(|_| all > 1);
        if let Some(number) = number.and_then(|at| members.get_mut(at)) {
            *number = Value(all as u32);
        }
        let Ok(start) = u32::try_from(held.start) else { return malformed("too many values") };
        groups
            .get_mut(index)
            .into_iter()
            .for_each(|group| *group = Group { start, depth, kind, flags });
        Ok(())
    }

    /// Where the members of a group lie.
    fn span(&self, group: &Group) -> Range<usize> {
        let start = group.start as usize;
        let len = match group.flags & (ONE | MANY) {
            0 => 0,
            ONE => 1,
            _ => {
                start.checked_sub(1).and_then(|at| self.member(at)).map_or(0, |len| len.0 as usize)
            }
        };
        start..start + len
    }

    /// The same value, as a group of its own if it is the opcode of an empty one that can grow.
    pub(super) fn promote(&mut self, value: Value) -> Result<Value, PickleError> {
        match self.kind(value) {
            kind @ (NodeKind::List | NodeKind::Dict | NodeKind::Set) if value.group().is_none() => {
                self.make(kind, &[])
            }
            _ => Ok(value),
        }
    }

    /// A set of what a list holds now, which only grows behind that.
    pub(super) fn set_of(&mut self, kind: NodeKind, list: Value) -> Result<Value, PickleError> {
        if self.group(list).is_some_and(|list| list.flags & HASHABLE == 0) {
            return malformed("a key that can be changed");
        }
        let len = Value::opcode(self.members(list).len());
        self.make(kind, &[list, len])
    }

    /// Fills a UUID that is empty with what a dict holds now; false for anything else.
    pub(super) fn fill(&mut self, uuid: Value, dict: Value) -> Result<bool, PickleError> {
        let kinds = (self.kind(uuid), self.kind(dict));
        let is_uuid = kinds == (NodeKind::Uuid, NodeKind::Dict) && self.members(uuid).is_empty();
        if is_uuid {
            let len = Value::opcode(self.members(dict).len());
            self.extend(NodeKind::Uuid, uuid, &[dict, len])?;
        }
        Ok(is_uuid)
    }

    #[inline]
    fn group(&self, value: Value) -> Option<&Group> {
        self.parts.groups.get(value.group()?)
    }

    /// The members of a value; none for one without parts.
    pub(super) fn members(&self, value: Value) -> &[Value] {
        self.range(value).and_then(|range| self.parts.members.get(range)).unwrap_or_default()
    }

    /// Where the members of a value lie.
    pub(super) fn range(&self, value: Value) -> Option<Range<usize>> {
        let group = self.group(value)?;
        let range = self.span(group);
        match (group.kind, self.parts.members.get(range.clone())) {
            (NodeKind::SetOf | NodeKind::FrozensetOf | NodeKind::Uuid, Some(&[list, len])) => {
                let start = self.range(list).map_or(0, |range| range.start);
                Some(start..start + len.0 as usize)
            }
            _ => Some(range),
        }
    }

    /// The member at this place among those of all groups.
    pub(super) fn member(&self, at: usize) -> Option<Value> {
        self.parts.members.get(at).copied()
    }

    #[inline]
    pub(super) fn kind(&self, value: Value) -> NodeKind {
        if value.group().is_some() {
            return self.group(value).map_or(NodeKind::Function, |group| group.kind);
        }
        match self.byte(value) {
            b']' => NodeKind::List,
            b'}' => NodeKind::Dict,
            b')' => NodeKind::Tuple,
            0x8f => NodeKind::Set,
            b'B' | b'C' | 0x8e => NodeKind::Bytes,
            0x96 => NodeKind::Bytearray,
            _ => NodeKind::Leaf,
        }
    }

    #[inline]
    fn is_hashable(&self, value: Value) -> bool {
        match self.group(value) {
            None => !matches!(self.byte(value), b']' | b'}' | 0x8f | 0x96),
            Some(group) => match group.kind {
                NodeKind::List | NodeKind::Set | NodeKind::SetOf | NodeKind::Bytearray => false,
                NodeKind::Dict | NodeKind::OrderedDict => false,
                NodeKind::Tuple | NodeKind::Decimal => group.flags & HASHABLE != 0,
                _ => true,
            },
        }
    }

    pub(super) fn forbid_hashing(&mut self, value: Value) {
        let group = value.group().and_then(|index| self.parts.groups.get_mut(index));
        group.into_iter().for_each(|group| group.flags &= !HASHABLE);
    }

    /// Whether all keys of a dict can be those of a JSON object.
    pub(super) fn is_object(&self, dict: Value) -> bool {
        self.group(dict).is_none_or(|dict| dict.flags & PLAIN != 0)
    }

    /// The opcode of a value that is no group.
    #[inline]
    pub(super) fn byte(&self, value: Value) -> u8 {
        self.pickle.get(value.0 as usize).copied().unwrap_or_default()
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
            let mut tree = Tree { pickle: &[b'N'; 200], parts: &mut TreeParts::default() };
            let mut list = || tree.make(NodeKind::List, &[]).unwrap();
            let lists = [list(), list(), list()];
            let mut all: Vec<(Value, Vec<Value>)> = lists.map(|list| (list, Vec::new())).to_vec();
            for (which, count) in steps {
                let added: Vec<Value> = (0..count as usize).map(Value::opcode).collect();
                if which < lists.len() {
                    tree.extend(NodeKind::List, lists[which], &added).unwrap();
                    all[which].1.extend(added);
                } else if which == 3 {
                    let tuple = tree.make(NodeKind::Tuple, &added).unwrap();
                    all.push((tuple, added));
                } else {
                    let (list, held) = all[count as usize % lists.len()].clone();
                    all.push((tree.set_of(NodeKind::FrozensetOf, list).unwrap(), held));
                }
            }
            for (group, expected) in all {
                prop_assert_eq!(tree.members(group), expected);
            }
        }
    }

    /// The densest pickles make a group of one byte.
    #[test]
    fn groups_are_small() {
        assert_eq!((size_of::<Value>(), size_of::<Group>()), (4, 8));
    }
}
