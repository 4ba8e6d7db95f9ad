//! What lies on the stack, in the memo and in groups: values, each of four bytes.
//!
//! A value is the offset of its opcode in the pickle, which says all about it, or the place of a
//! record in the [`Store`](super::store::Store). [`View`] is what the one or the other comes to.

use super::store::Members;

/// A value: an offset or a place, by its highest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value(u32);

/// Where a value is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At this offset in the pickle.
    Opcode(u32),
    /// At this index in the store.
    Record(u32),
}

impl Value {
    const RECORD: u32 = 1 << 31;
    /// How many offsets there are, and how many places.
    pub(super) const RANGE: usize = Self::RECORD as usize;

    /// The value whose opcode is at an offset below [`Value::RANGE`].
    pub(super) const fn opcode(at: u32) -> Self {
        Self(at & !Self::RECORD)
    }

    /// The value whose record is at an index below [`Value::RANGE`].
    pub(super) const fn record(at: u32) -> Self {
        Self(at | Self::RECORD)
    }

    pub(super) const fn place(self) -> Place {
        match self.0 & Self::RECORD {
            0 => Place::Opcode(self.0),
            _ => Place::Record(self.0 & !Self::RECORD),
        }
    }

    /// As a word of the store.
    pub(super) const fn word(self) -> u32 {
        self.0
    }

    /// What [`Value::word`] gave.
    pub(super) const fn from_word(word: u32) -> Self {
        Self(word)
    }
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum View {
    /// A string, whose opcode is at this offset.
    Text(u32),
    /// `None`, a bool or a number, whose opcode is at this offset.
    Plain(u32),
    /// Bytes.
    Bytes(Octets),
    /// Bytes that can be changed.
    Bytearray(Octets),
    /// A group, and what is in it.
    Group(Kind, Members),
    /// One of the few callables that stand for data.
    Callable(Callable),
}

/// Where bytes are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Octets {
    None,
    /// Behind the opcode at this offset.
    Raw(u32),
    /// As the characters of the string at this offset, the way protocols 0 to 2 do it.
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

impl Callable {
    pub(super) const ALL: [Self; 5] =
        [Self::Encode, Self::Bytes, Self::Bytearray, Self::Set, Self::Frozenset];
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
