//! The values of a pickle as a tree.
//!
//! A [`Value`] is a reference of four bytes: to an opcode in the pickle, which holds all there is
//! to know about a value without parts, or to a [`Group`] of other values.
//!
//! Lists, dicts and sets grow while the pickle is read, in any order. The tree therefore notes which
//! members belong to which group, and [`Tree::finish`] sorts them by group in one pass, so that the
//! members of each lie side by side. No byte of a pickle makes more than one member or group, which
//! is what bounds the memory: 20 bytes while it grows, and 12 when it is finished.

use super::classes::Class;
use super::reader::{Leaf, Reader};
use super::text::TextForm;
use super::{MAX_DEPTH, PickleError, malformed, too_deep};

/// How many values there is room for at first; most pickles are small.
pub(super) const FEW: usize = 64;

/// The offset of an opcode, or the index of a group with [`Value::GROUP`] set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value(u32);

impl Value {
    const GROUP: u32 = 1 << 31;
    /// How many bytes a pickle may have, so that any offset leaves the highest bit free.
    pub(super) const MAX_PICKLE: usize = 1 << 31;

    /// The value whose opcode is at this offset of a pickle of up to [`Value::MAX_PICKLE`] bytes.
    pub(super) fn opcode(at: usize) -> Self {
        debug_assert!(at < Self::MAX_PICKLE, "an offset beyond the pickle");
        Self(at as u32)
    }

    fn group(self) -> Option<usize> {
        (self.0 & Self::GROUP != 0).then_some((self.0 & !Self::GROUP) as usize)
    }
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeKind {
    /// A string, a number, a bool or `None`.
    Leaf,
    List,
    /// Keys and values in turn.
    Dict,
    Tuple,
    Set,
    Frozenset,
    /// As a group: those of its member, a string of Python 2 that is no text, or none.
    Bytes,
    /// As a group: those of its member, or none.
    Bytearray,
    /// Bytes that are the characters up to U+00FF of a string.
    Latin1,
    /// A set of the first members of a list: the list and, in place of an offset, their number.
    SetOf,
    FrozensetOf,
    Function(Function),
    /// Its arguments. Of a UUID the state and, in place of an offset, how many members that had, or
    /// none; of an `OrderedDict` the keys and values in turn.
    Instance(Class),
}

impl NodeKind {
    pub(super) const ORDERED: Self = Self::Instance(Class::OrderedDict);

    pub(super) fn is_dict(self) -> bool {
        matches!(self, Self::Dict | Self::ORDERED)
    }
}

/// What is called to make what has no opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Encode,
    Bytes,
    Bytearray,
    Set,
    Frozenset,
    /// What protocols 0 and 1 make an instance with, and its second argument.
    Reconstructor,
    Object,
    Class(Class),
}

/// A value with parts.
struct Group {
    kind: NodeKind,
    /// How deep it was nested when it last grew; a member may have grown since.
    depth: u16,
    /// How many members it has; once the tree is finished, where they end.
    end: u32,
}

/// That the next `count` members belong to a group.
struct Put {
    group: u32,
    count: u32,
}

/// A pickle and the values in it.
pub(super) struct Tree<'a> {
    pub(super) pickle: &'a [u8],
    groups: Vec<Group>,
    puts: Vec<Put>,
    /// The members of all puts; once the tree is finished, of all groups in their order.
    members: Vec<Value>,
}

impl<'a> Tree<'a> {
    pub(super) fn new(pickle: &'a [u8]) -> Self {
        let members = Vec::with_capacity(pickle.len().min(FEW));
        Self { pickle, groups: Vec::new(), puts: Vec::new(), members }
    }

    /// Adds a group of these members.
    pub(super) fn make(&mut self, kind: NodeKind, members: &[Value]) -> Result<Value, PickleError> {
        let group = self.groups.len() as u32;
        debug_assert!(self.groups.len() < self.pickle.len(), "a group that no opcode made");
        self.groups.push(Group { kind, depth: 1, end: 0 });
        self.put(group, members)?;
        Ok(Value(group | Value::GROUP))
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
                self.put(index as u32, members)
            }
            (
                NodeKind::Leaf
                | NodeKind::Bytes
                | NodeKind::Bytearray
                | NodeKind::Latin1
                | NodeKind::Function(_)
                | NodeKind::Instance(_),
                _,
            ) => malformed("it puts something into what is no container"),
            _ => malformed("it puts something into another kind of container"),
        }
    }

    fn put(&mut self, index: u32, members: &[Value]) -> Result<(), PickleError> {
        let deepest = members.iter().filter_map(|member| self.groups.get(member.group()?));
        // No group is deeper than 2 * MAX_DEPTH without an error, so 16 bits hold one more.
        let depth = deepest.map(|group| group.depth + 1).max().unwrap_or(1);
        let count = members.len() as u32;
        let Some(group) = self.groups.get_mut(index as usize) else { return Ok(()) };
        if group.kind.is_dict() && !members.len().is_multiple_of(2) {
            return malformed("a key without a value");
        }
        group.depth = group.depth.max(depth);
        group.end += count;
        // The writer counts again. This stops a tower of tuples, each of which costs one byte, and
        // leaves room for the groups that no level of JSON corresponds to.
        if usize::from(group.depth) > 2 * MAX_DEPTH {
            return too_deep();
        }
        match self.puts.last_mut() {
            // Nothing to sort. A list that grows by one value at a time is one entry all the same.
            _ if count == 0 => {}
            Some(last) if last.group == index => last.count += count,
            _ => self.puts.push(Put { group: index, count }),
        }
        self.members.extend_from_slice(members);
        Ok(())
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

    /// The members of the tuple that was made last; `None` for any other value.
    pub(super) fn last_tuple(&self, tuple: Value) -> Option<&[Value]> {
        let len = self.len(tuple);
        let is_last =
            self.puts.last().is_some_and(|last| Some(last.group as usize) == tuple.group());
        let is_known = self.kind(tuple) == NodeKind::Tuple && (len == 0 || is_last);
        self.members.get(self.members.len().checked_sub(len)?..).filter(|_| is_known)
    }

    /// A set of what a list holds now, which only grows behind that.
    pub(super) fn set_of(&mut self, kind: NodeKind, list: Value) -> Result<Value, PickleError> {
        let len = Value::opcode(self.len(list));
        self.make(kind, &[list, len])
    }

    /// Fills a UUID that is empty with what a dict holds now; false for anything else.
    pub(super) fn fill(&mut self, uuid: Value, dict: Value) -> Result<bool, PickleError> {
        let kinds = (self.kind(uuid), self.kind(dict));
        let is_uuid = kinds == (NodeKind::Instance(Class::Uuid), NodeKind::Dict);
        if is_uuid && self.len(uuid) == 0 {
            let len = Value::opcode(self.len(dict));
            self.extend(kinds.0, uuid, &[dict, len])?;
            return Ok(true);
        }
        Ok(false)
    }

    /// How many members a value has while the tree is not finished.
    fn len(&self, value: Value) -> usize {
        value.group().and_then(|index| self.groups.get(index)).map_or(0, |group| group.end as usize)
    }

    /// Sorts the members by their groups, in the order in which they came.
    pub(super) fn finish(&mut self) {
        let mut start = 0;
        for group in &mut self.groups {
            start += std::mem::replace(&mut group.end, start);
        }
        debug_assert_eq!(start as usize, self.members.len(), "members that are in no group");
        // From here `end` is where the next member of a group goes, and in the end where it ends.
        let unsorted = std::mem::replace(&mut self.members, vec![Value(0); start as usize]);
        let mut rest = unsorted.as_slice();
        for Put { group, count } in std::mem::take(&mut self.puts) {
            let Some(group) = self.groups.get_mut(group as usize) else { continue };
            let Some((members, behind)) = rest.split_at_checked(count as usize) else { break };
            let start = group.end as usize;
            group.end += count;
            if let Some(places) = self.members.get_mut(start..group.end as usize) {
                places.copy_from_slice(members);
            }
            rest = behind;
        }
    }

    /// The members of a group of a finished tree.
    pub(super) fn members(&self, value: Value) -> &[Value] {
        let Some(index) = value.group() else { return &[] };
        let end = |index: usize| self.groups.get(index).map_or(0, |group| group.end as usize);
        let members = self.members.get(index.checked_sub(1).map_or(0, end)..end(index));
        match (self.kind(value), members.unwrap_or_default()) {
            (
                NodeKind::SetOf | NodeKind::FrozensetOf | NodeKind::Instance(Class::Uuid),
                [list, len],
            ) => self.members(*list).get(..len.0 as usize).unwrap_or_default(),
            (_, members) => members,
        }
    }

    #[inline]
    pub(super) fn kind(&self, value: Value) -> NodeKind {
        if let Some(index) = value.group() {
            return self.groups.get(index).map_or(NodeKind::Leaf, |group| group.kind);
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

    /// The opcode of a value that is no group.
    #[inline]
    fn byte(&self, value: Value) -> u8 {
        self.pickle.get(value.0 as usize).copied().unwrap_or_default()
    }

    /// A value without parts.
    pub(super) fn leaf(&self, value: Value) -> Result<Leaf<'a>, PickleError> {
        let mut reader = Reader(self.pickle.get(value.0 as usize..).unwrap_or_default());
        let opcode = reader.u8()?;
        reader.leaf(opcode)?.map_or_else(|| malformed("no value where one belongs"), Ok)
    }

    /// What stands before a string, and how it is spelled; `None` for any other value.
    fn text(&self, value: Value) -> Option<(usize, TextForm)> {
        match value.group().map_or(self.byte(value), |_| 0) {
            b'V' => Some((1, TextForm::Escaped)),
            b'S' => Some((2, TextForm::Literal)),
            b'U' => Some((2, TextForm::Old)),
            b'T' => Some((5, TextForm::Old)),
            0x8c => Some((2, TextForm::Utf8)),
            b'X' => Some((5, TextForm::Utf8)),
            0x8d => Some((9, TextForm::Utf8)),
            _ => None,
        }
    }

    pub(super) fn is_text(&self, value: Value) -> bool {
        self.text(value).is_some()
    }

    /// Whether a value can be the key of a JSON object: a string whose first character is not
    /// `$`. No more than that is looked at, for the memo may repeat a long string. An empty one is
    /// followed by a quote or an opcode, and `$` is neither.
    pub(super) fn is_plain_key(&self, value: Value) -> bool {
        self.text(value).is_some_and(|(header, form)| {
            let text = self.pickle.get(value.0 as usize + header..).unwrap_or_default();
            form.first(text) != Some(b'$')
        })
    }

    /// A string as it is spelled; `None` for any other value.
    pub(super) fn name(&self, value: Value) -> Option<&'a [u8]> {
        match self.leaf(value) {
            Ok(Leaf::Text(text)) => Some(text.raw),
            _ => None,
        }
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
            let mut tree = Tree::new(&[b'N'; 200]);
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
                    prop_assert_eq!(tree.last_tuple(tuple), Some(&added[..]));
                    all.push((tuple, added));
                } else {
                    let (list, held) = all[count as usize % lists.len()].clone();
                    all.push((tree.set_of(NodeKind::FrozensetOf, list).unwrap(), held));
                }
            }
            tree.finish();
            for (group, expected) in all {
                prop_assert_eq!(tree.members(group), expected);
            }
        }
    }

    /// The densest pickles make a group of two bytes.
    #[test]
    fn groups_are_small() {
        assert_eq!((size_of::<Value>(), size_of::<Put>(), size_of::<Group>()), (4, 8, 8));
    }
}
