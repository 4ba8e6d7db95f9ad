//! The values of a pickle as a tree.
//!
//! A [`Value`] is a reference of four bytes: to an opcode in the pickle, which holds all there is
//! to know about a value without parts, to a [`Group`], or to an [`Extra`].
//!
//! The members of each group lie side by side in one array.

use super::reader::{Leaf, Reader};
use super::{PickleError, malformed};

/// A reference to a value: its highest bits are the kind of reference, the rest an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value(u32);

#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Opcode(u32),
    Group(u32),
    Extra(u32),
}

impl Value {
    pub(super) const GROUP: u32 = 2 << 30;
    pub(super) const EXTRA: u32 = 3 << 30;
    /// How many bytes a pickle may have, at most one value each.
    pub(super) const MAX_PICKLE: usize = 1 << 31;
    const MAX_INDEX: usize = 1 << 30;

    /// The value whose opcode is at this offset of a pickle of up to [`Value::MAX_PICKLE`] bytes.
    pub(super) fn opcode(at: usize) -> Self {
        debug_assert!(at < Self::MAX_PICKLE, "an offset beyond the pickle");
        Self(at as u32)
    }

    /// The value at the end of an array, before it is pushed.
    pub(super) fn next_in<T>(array: &[T], bits: u32) -> Result<Self, PickleError> {
        match array.len() {
            len if len < Self::MAX_INDEX => Ok(Self(bits | len as u32)),
            _ => malformed("more than 2^30 values"),
        }
    }

    pub(super) const fn place(self) -> Place {
        let index = self.0 & !Self::EXTRA;
        match self.0 & Self::EXTRA {
            Self::GROUP => Place::Group(index),
            Self::EXTRA => Place::Extra(index),
            _ => Place::Opcode(self.0),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    List,
    /// Keys and values in turn.
    Dict,
    Tuple,
    Set,
    Frozenset,
}

/// A list, dict, tuple, set or frozenset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) kind: Kind,
    /// Of a dict: every key is a string that does not look like a tag. Of the others: every
    /// member is hashable.
    pub(super) uniform: bool,
    /// How deep it was nested when it last grew; a member may have grown since.
    pub(super) depth: u16,
    /// How many members it has; once the tree is finished, where they end.
    pub(super) end: u32,
}

/// A value that protocols 0 to 2 spell as a call, or as a string that is none.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extra {
    Bytes(Octets),
    Bytearray(Octets),
    /// A set or frozenset of the first `len` members of a list.
    SetOfList {
        kind: Kind,
        list: u32,
        len: u32,
    },
    /// One of the few callables that stand for data.
    Callable(Callable),
}

/// Where bytes are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Octets {
    None,
    /// Behind the opcode at this offset.
    Raw(u32),
    /// As the characters up to U+00FF of the string at this offset.
    Latin1(u32),
}

/// What protocols 0 to 2 call to make what they have no opcode for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callable {
    Encode,
    Bytes,
    Bytearray,
    Set,
    Frozenset,
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum View {
    /// A string, a number, a bool or `None`, whose opcode is at this offset.
    Leaf(u32),
    Bytes(Octets),
    Bytearray(Octets),
    Group(Kind, Members),
    Callable(Callable),
}

/// The first `len` members of a group, or no members.
#[derive(Clone, Copy, Debug)]
pub(super) struct Members {
    group: Option<u32>,
    len: u32,
}

/// A pickle and the values in it.
pub(super) struct Tree<'a> {
    pub(super) pickle: &'a [u8],
    pub(super) groups: Vec<Group>,
    /// The members of all groups, in the order of the groups.
    pub(super) members: Vec<Value>,
    pub(super) extras: Vec<Extra>,
}

impl<'a> Tree<'a> {
    /// The value of the opcode at this offset.
    pub(super) fn leaf(&self, at: u32) -> Result<Leaf<'a>, PickleError> {
        let mut reader = Reader::new(self.pickle, at as usize);
        let opcode = reader.u8()?;
        reader.leaf(opcode)?.map_or_else(|| malformed("no value where one belongs"), Ok)
    }

    /// The offset of the opcode of a string; `None` for any other value.
    pub(super) fn text(&self, value: Value) -> Option<u32> {
        let Place::Opcode(at) = value.place() else { return None };
        let is_text = matches!(self.byte(at), b'S' | b'T' | b'U' | b'V' | b'X' | 0x8c | 0x8d);
        is_text.then_some(at)
    }

    pub(super) fn byte(&self, at: u32) -> u8 {
        self.pickle.get(at as usize).copied().unwrap_or_default()
    }

    pub(super) fn group(&self, index: u32) -> Group {
        const NONE: Group = Group { kind: Kind::Tuple, uniform: true, depth: 0, end: 0 };
        self.groups.get(index as usize).copied().unwrap_or(NONE)
    }

    fn extra(&self, index: u32) -> Extra {
        self.extras.get(index as usize).copied().unwrap_or(Extra::Bytes(Octets::None))
    }

    /// What a value is. The members of a group are complete once the tree is finished.
    pub(super) fn view(&self, value: Value) -> View {
        let empty = |kind| View::Group(kind, Members { group: None, len: 0 });
        match value.place() {
            Place::Opcode(at) => match self.byte(at) {
                b'B' | b'C' | 0x8e => View::Bytes(Octets::Raw(at)),
                0x96 => View::Bytearray(Octets::Raw(at)),
                b']' => empty(Kind::List),
                b'}' => empty(Kind::Dict),
                b')' => empty(Kind::Tuple),
                0x8f => empty(Kind::Set),
                _ => View::Leaf(at),
            },
            Place::Group(index) => {
                let members = Members { group: Some(index), len: u32::MAX };
                View::Group(self.group(index).kind, members)
            }
            Place::Extra(index) => match self.extra(index) {
                Extra::Bytes(octets) => View::Bytes(octets),
                Extra::Bytearray(octets) => View::Bytearray(octets),
                Extra::Callable(callable) => View::Callable(callable),
                Extra::SetOfList { kind, list, len } => {
                    View::Group(kind, Members { group: Some(list), len })
                }
            },
        }
    }

    pub(super) fn members(&self, members: Members) -> &[Value] {
        let Some(group) = members.group else { return &[] };
        let start = group.checked_sub(1).map_or(0, |before| self.group(before).end) as usize;
        let all = self.members.get(start..self.group(group).end as usize).unwrap_or_default();
        all.get(..members.len as usize).unwrap_or(all)
    }

    /// Whether JSON can hold a dict as an object.
    pub(super) fn is_object(&self, dict: Members) -> bool {
        dict.group.is_none_or(|group| self.group(group).uniform)
    }

    /// Whether a value is hashable, and how deep it is nested.
    pub(super) fn measure(&self, value: Value) -> (bool, u16) {
        match value.place() {
            Place::Opcode(at) => match self.byte(at) {
                b']' | b'}' | 0x8f => (false, 1),
                b')' => (true, 1),
                opcode => (opcode != 0x96, 0),
            },
            Place::Group(index) => {
                let group = self.group(index);
                let hashable = match group.kind {
                    Kind::Tuple => group.uniform,
                    Kind::Frozenset => true,
                    Kind::List | Kind::Dict | Kind::Set => false,
                };
                (hashable, group.depth)
            }
            Place::Extra(index) => match self.extra(index) {
                Extra::SetOfList { kind, list, .. } => {
                    (kind == Kind::Frozenset, self.group(list).depth)
                }
                Extra::Bytearray(_) => (false, 0),
                Extra::Bytes(_) | Extra::Callable(_) => (true, 0),
            },
        }
    }

    /// Whether a value can be the key of a JSON object: a string whose first character is not
    /// `$`. No more than that is looked at, for the memo may repeat a long string. An empty one is
    /// followed by an opcode, and `$` is none.
    pub(super) fn is_plain_key(&self, value: Value) -> bool {
        let Some(at) = self.text(value) else { return false };
        let header = match self.byte(at) {
            b'V' => 1,
            b'S' | b'U' | 0x8c => 2,
            b'T' | b'X' => 5,
            _ => 9,
        };
        let text = self.pickle.get(at as usize + header..).unwrap_or_default();
        !match (self.byte(at), text) {
            (_, [b'$', ..]) => true,
            (b'V', [b'\\', code @ ..]) => {
                code.starts_with(b"u0024") || code.starts_with(b"U00000024")
            }
            (b'S', [b'\\', b'4', b'4', next, ..]) => !(b'0'..=b'7').contains(next),
            (b'S', [b'\\', code @ ..]) => code.starts_with(b"x24") || code.starts_with(b"044"),
            _ => false,
        }
    }
}
