//! The values of a pickle as a tree.
//!
//! A [`Value`] is a reference of four bytes: to an opcode in the pickle, which holds all there is
//! to know about a value without parts, or to a [`Group`] of others. The members of all groups lie in
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
    /// Keys and values in turn; some key cannot be that of a JSON object.
    Dict,
    /// As a group: those of its member, a string of Python 2 that is no text, or none.
    Bytes,
    /// As a group: those of its member, or none.
    Bytearray,
    OrderedDict,
    // Instances have the arguments of their class as members; a UUID has those of the dict that has
    // filled it.
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
    /// Keys and values in turn, as in a JSON object.
    Object,
    /// A set of what a list held, with which it shares its members: it does not grow.
    SetOf,
    /// Bytes that are the characters up to U+00FF of a string.
    Latin1,
    /// A string, a number, a bool or `None`.
    Leaf,
    /// See [`Value::function`]. Protocols 0 and 1 make an instance with the reconstructor, whose second
    /// argument is the class of all objects.
    Function,
    Reconstructor,
    ObjectClass,
}

impl NodeKind {
    pub(super) fn is_dict(self) -> bool {
        matches!(self, Self::Dict | Self::Object | Self::OrderedDict)
    }

    fn is_set(self) -> bool {
        matches!(self, Self::Set | Self::Frozenset)
    }

    fn is_container(self) -> bool {
        matches!(self, Self::List | Self::Tuple) || self.is_set() || self.is_dict()
    }
}

/// A value with parts. Packed because the densest pickles make one of two bytes.
#[derive(Clone, Copy)]
#[repr(Rust, packed)]
struct Group {
    /// Where its members lie.
    start: u32,
    len: u32,
    /// How deep it was nested when it last grew, as a member may have grown since; with
    /// [`CHANGEABLE`] if some member is not hashable.
    depth: u16,
    kind: NodeKind,
}

const CHANGEABLE: u16 = 1 << 15;

impl Group {
    fn range(self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.len as usize
    }
}

/// All groups of a pickle, and their members.
#[derive(Default)]
pub(super) struct TreeParts {
    groups: Vec<Group>,
    /// [`Value::NONE`] where a group has room.
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
        let value = self.push(Group { start: 0, len: 0, depth: 1, kind });
        self.put(value, members)?;
        Ok(value)
    }

    /// Adds a value of this kind that has the members which another has now.
    pub(super) fn share(&mut self, kind: NodeKind, other: Value) -> Value {
        let empty = Group { start: 0, len: 0, depth: 1, kind };
        self.push(Group { kind, ..self.group(other).unwrap_or(empty) })
    }

    fn push(&mut self, group: Group) -> Value {
        let index = self.parts.groups.len();
        debug_assert!(index < self.pickle.len(), "a group that no opcode made");
        self.parts.groups.push(group);
        Value(index as u32 | Value::GROUP)
    }

    /// Adds members to a group, which is of this kind.
    pub(super) fn extend(
        &mut self,
        kind: NodeKind,
        value: Value,
        members: &[Value],
    ) -> Result<(), PickleError> {
        match (self.kind(value), self.group(value)) {
            (found, Some(_)) if found == kind || found.is_dict() && kind.is_dict() => {
                self.put(value, members)
            }
            (found, _) if found.is_container() => {
                malformed("it puts something into another kind of container")
            }
            _ => malformed("it puts something into what is not a container"),
        }
    }

    fn put(&mut self, value: Value, added: &[Value]) -> Result<(), PickleError> {
        let Some(group) = self.group(value) else { return Ok(()) };
        let Group { len, depth, mut kind, .. } = group;
        if added.is_empty() {
            return Ok(());
        }
        if kind.is_dict() && !added.len().is_multiple_of(2) {
            return malformed("a key without a value");
        }
        let (mut depth, mut flag) = (depth & !CHANGEABLE, depth & CHANGEABLE);
        for (at, member) in added.iter().enumerate() {
            if let Some(inner) = self.group(*member) {
                depth = depth.max((inner.depth & !CHANGEABLE) + 1);
            }
            let is_key = kind.is_dict() && at.is_multiple_of(2);
            if !self.is_hashable(*member) {
                // Python cannot hold such a set or dict, so no pickler has written this.
                if is_key || kind.is_set() {
                    return malformed("a key that can be changed");
                }
                flag = CHANGEABLE;
            }
            if is_key && kind == NodeKind::Object && !self.is_plain_key(*member) {
                kind = NodeKind::Dict;
            }
        }
        // The writer counts again. This stops a tower of tuples, each of which costs one byte, and
        // leaves room for the groups that no level of JSON corresponds to. No group is deeper without
        // an error, so 15 bits hold one more.
        if usize::from(depth) > 2 * MAX_DEPTH {
            return too_deep();
        }
        let start = self.parts.store(group.range(), added);
        let Ok(start) = u32::try_from(start) else { return malformed("too many values") };
        let group = value.group().and_then(|index| self.parts.groups.get_mut(index));
        let (len, depth) = (len + added.len() as u32, depth | flag);
        group.into_iter().for_each(|group| *group = Group { start, len, depth, kind });
        Ok(())
    }

    /// The same value, as a group of its own if it is the opcode of an empty one that can grow.
    pub(super) fn promote(&mut self, value: Value) -> Result<Value, PickleError> {
        match self.kind(value) {
            kind @ (NodeKind::List | NodeKind::Object | NodeKind::Set)
                if value.group().is_none() =>
            {
                self.make(kind, &[])
            }
            _ => Ok(value),
        }
    }

    /// A set of what a list holds now, which only grows behind that.
    pub(super) fn set_of(&mut self, kind: NodeKind, list: Value) -> Result<Value, PickleError> {
        if self.group(list).is_some_and(|list| list.depth & CHANGEABLE != 0) {
            return malformed("a key that can be changed");
        }
        Ok(self.share(kind, list))
    }

    /// Fills a UUID that is empty with what a dict holds now; false for anything else.
    pub(super) fn fill(&mut self, uuid: Value, dict: Value) -> bool {
        let is_dict = matches!(self.kind(dict), NodeKind::Object | NodeKind::Dict);
        let is_empty = self.kind(uuid) == NodeKind::Uuid && self.members(uuid).is_empty();
        let held = self.group(dict).filter(|_| is_dict && is_empty);
        let place = uuid.group().and_then(|index| self.parts.groups.get_mut(index));
        if let (Some(held), Some(place)) = (held, place) {
            *place = Group { kind: NodeKind::Uuid, ..held };
        }
        is_dict && is_empty
    }

    #[inline]
    fn group(&self, value: Value) -> Option<Group> {
        self.parts.groups.get(value.group()?).copied()
    }

    /// The members of a value; none for one without parts.
    pub(super) fn members(&self, value: Value) -> &[Value] {
        self.parts.members.get(self.range(value)).unwrap_or_default()
    }

    /// Where the members of a value lie.
    pub(super) fn range(&self, value: Value) -> Range<usize> {
        self.group(value).map(Group::range).unwrap_or_default()
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
            b'}' => NodeKind::Object,
            b')' => NodeKind::Tuple,
            0x8f => NodeKind::Set,
            b'B' | b'C' | 0x8e => NodeKind::Bytes,
            0x96 => NodeKind::Bytearray,
            _ => NodeKind::Leaf,
        }
    }

    #[inline]
    fn is_hashable(&self, value: Value) -> bool {
        match self.kind(value) {
            NodeKind::List | NodeKind::Set | NodeKind::SetOf | NodeKind::Bytearray => false,
            NodeKind::Tuple => self.group(value).is_none_or(|group| group.depth & CHANGEABLE == 0),
            // Python refuses to hash a signaling NaN.
            NodeKind::Decimal => !self.members(value).iter().any(|text| self.is_signaling(*text)),
            kind => !kind.is_dict(),
        }
    }

    /// The opcode of a value that is no group.
    #[inline]
    pub(super) fn byte(&self, value: Value) -> u8 {
        self.pickle.get(value.at()).copied().unwrap_or_default()
    }
}

impl TreeParts {
    /// Puts members behind those of a group: where it has room, or at the end of all; else all of
    /// them move. Returns where they begin.
    fn store(&mut self, held: Range<usize>, added: &[Value]) -> usize {
        let room = self.members.get_mut(held.end..held.end + added.len());
        if let Some(room) = room.filter(|room| room.iter().all(|place| *place == Value::NONE)) {
            room.copy_from_slice(added);
            return held.start;
        }
        if !held.is_empty() && held.end == self.members.len() {
            self.members.extend_from_slice(added);
            return held.start;
        }
        let start = self.members.len();
        self.members.extend_from_within(held.clone());
        self.members.extend_from_slice(added);
        if !held.is_empty() {
            let room = (held.len() + added.len()).next_power_of_two();
            self.members.resize(start + room, Value::NONE);
        }
        start
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
                    all.push((tree.set_of(NodeKind::Frozenset, list).unwrap(), held));
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
        assert_eq!((size_of::<Value>(), size_of::<Group>()), (4, 11));
    }
}
