//! What a pickle makes: records in one array of words, which only grows.
//!
//! Its first word is a record's head: what it is, and of a group how many values follow.
//!
//! | record | words |
//! |---|---|
//! | tuple, frozenset | head, values |
//! | list, dict, set | head, link, values |
//! | a further run of values | length, next run, values |
//! | a set made of a list | head, the list, its last run, how much of that |
//! | bytes | head, the offset of their string |
//! | bytearray | head, the value of the bytes in it |
//! | callable | head |
//!
//! What is put into a list, dict or set goes behind its last values if they end the array, and
//! into a further run if not. The link leads to the last run, the last run to the first further
//! one: a ring, to which a run is added in one step. Empty groups have no record until something
//! can happen to them ([`Store::settled`]).

use super::value::{Callable, Kind, Octets, Place, Value, View};
use super::{PickleError, malformed};

/// How many values there is room for at first; most pickles are small.
pub(super) const FEW: usize = 64;

/// The part of a head that counts.
const COUNT: u32 = (1 << 28) - 1;
const LIST: u32 = 0 << 28;
const DICT: u32 = 1 << 28;
const SET: u32 = 2 << 28;
const TUPLE: u32 = 3 << 28;
/// A tuple that may be a key: it holds nothing that can be changed.
const KEY_TUPLE: u32 = 4 << 28;
const FROZENSET: u32 = 5 << 28;
const SET_OF_LIST: u32 = 6 << 28;
const FROZENSET_OF_LIST: u32 = 7 << 28;
/// Bytes by the characters of a string.
const LATIN1: u32 = 8 << 28;
/// Bytes by a string of Python 2 that is no text.
const OLD_BYTES: u32 = 9 << 28;
const NO_BYTES: u32 = 10 << 28;
const BYTEARRAY: u32 = 11 << 28;
/// The count is the number of the callable.
const CALLABLE: u32 = 12 << 28;

/// The members of a group that have not been read yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Members {
    group: u32,
    /// The run of the next member; 0 is that in the record itself.
    run: u32,
    /// The place of the next member, and how many there are in its run.
    at: u32,
    left: u32,
    /// The last run, and how many of its values belong to this.
    last: u32,
    last_count: u32,
}

/// A pickle, and the records that were made of it.
pub(super) struct Store<'a> {
    pub(super) pickle: &'a [u8],
    words: Vec<u32>,
}

impl<'a> Store<'a> {
    pub(super) fn new(pickle: &'a [u8]) -> Self {
        Self { pickle, words: Vec::with_capacity(pickle.len().min(FEW)) }
    }

    fn word(&self, at: u32) -> u32 {
        self.words.get(at as usize).copied().unwrap_or_default()
    }

    fn set(&mut self, at: u32, word: u32) {
        if let Some(place) = self.words.get_mut(at as usize) {
            *place = word;
        }
    }

    fn opcode(&self, at: u32) -> u8 {
        self.pickle.get(at as usize).copied().unwrap_or_default()
    }

    /// Appends words and values; returns where.
    fn push(&mut self, words: &[u32], values: &[Value]) -> Result<u32, PickleError> {
        let at = self.words.len();
        if at + words.len() + values.len() > Value::RANGE {
            return malformed("more than 2^31 values");
        }
        self.words.extend_from_slice(words);
        self.words.extend(values.iter().map(|value| value.word()));
        Ok(at as u32)
    }

    /// A group of these members.
    pub(super) fn group(&mut self, kind: Kind, values: &[Value]) -> Result<Value, PickleError> {
        self.check(kind, values)?;
        let count = counted(values.len())?;
        let at = match kind {
            Kind::List => self.push(&[LIST | count, 0], values),
            Kind::Dict => self.push(&[DICT | count, 0], values),
            Kind::Set => self.push(&[SET | count, 0], values),
            Kind::Frozenset => self.push(&[FROZENSET | count], values),
            Kind::Tuple if self.are_hashable(values) => self.push(&[KEY_TUPLE | count], values),
            Kind::Tuple => self.push(&[TUPLE | count], values),
        };
        at.map(Value::record)
    }

    /// Refuses what cannot be in a group of this kind.
    fn check(&self, kind: Kind, values: &[Value]) -> Result<(), PickleError> {
        let fits = match kind {
            Kind::List | Kind::Tuple => true,
            Kind::Set | Kind::Frozenset => self.are_hashable(values),
            Kind::Dict if !values.len().is_multiple_of(2) => {
                return malformed("a key without a value");
            }
            Kind::Dict => values.iter().step_by(2).all(|key| self.is_hashable(*key)),
        };
        if fits { Ok(()) } else { malformed("a key that can be changed") }
    }

    fn are_hashable(&self, values: &[Value]) -> bool {
        values.iter().all(|value| self.is_hashable(*value))
    }

    /// Whether a value may be the key of a dict or a member of a set.
    pub(super) fn is_hashable(&self, value: Value) -> bool {
        match value.place() {
            Place::Opcode(at) => !matches!(self.opcode(at), b']' | b'}' | 0x8f | 0x96),
            Place::Record(at) => {
                let head = self.word(at) & !COUNT;
                !matches!(head, LIST | DICT | SET | TUPLE | SET_OF_LIST | BYTEARRAY)
            }
        }
    }

    /// The same value; an empty group that something may be put into, or that is about to be
    /// known in two places, with a record of its own.
    pub(super) fn settled(&mut self, value: Value) -> Result<Value, PickleError> {
        let Place::Opcode(at) = value.place() else { return Ok(value) };
        match self.opcode(at) {
            b']' => self.group(Kind::List, &[]),
            b'}' => self.group(Kind::Dict, &[]),
            0x8f => self.group(Kind::Set, &[]),
            _ => Ok(value),
        }
    }

    /// Puts values into a group that is [`settled`](Self::settled).
    pub(super) fn append(
        &mut self,
        kind: Kind,
        group: Value,
        values: &[Value],
    ) -> Result<(), PickleError> {
        let group = self.growing(kind, group)?;
        self.check(kind, values)?;
        let last = self.word(group + 1);
        let run = if last == 0 { group } else { last };
        let (head, count) = (self.word(run), self.word(run) & COUNT);
        if (run + 2 + count) as usize == self.words.len() {
            let grown = counted(count as usize + values.len())?;
            self.set(run, head & !COUNT | grown);
            return self.push(&[], values).map(drop);
        }
        if values.is_empty() {
            return Ok(());
        }
        let new = self.push(&[counted(values.len())?, 0], values)?;
        let first = if last == 0 { new } else { self.word(last + 1) };
        self.set(new + 1, first);
        if last != 0 {
            self.set(last + 1, new);
        }
        self.set(group + 1, new);
        Ok(())
    }

    /// The place of a group of this kind, if it is one that may grow.
    fn growing(&self, kind: Kind, group: Value) -> Result<u32, PickleError> {
        if let Place::Record(at) = group.place() {
            let head = self.word(at) & !COUNT;
            if matches!((head, kind), (LIST, Kind::List) | (DICT, Kind::Dict) | (SET, Kind::Set)) {
                return Ok(at);
            }
        }
        match self.view(group) {
            View::Group(..) => malformed("it puts something into another kind of container"),
            _ => malformed("it puts something into what is no container"),
        }
    }

    /// A set of what a list holds now. It shares the values of the list, which only ever grow
    /// behind the last one; whether they may be in a set is seen when they are written.
    pub(super) fn set_of_list(&mut self, frozen: bool, list: Value) -> Result<Value, PickleError> {
        let Place::Record(list) = list.place() else {
            return malformed("arguments that are no list");
        };
        let head = if frozen { FROZENSET_OF_LIST } else { SET_OF_LIST };
        let last = self.word(list + 1);
        let count = self.word(if last == 0 { list } else { last }) & COUNT;
        self.push(&[head, list, last, count], &[]).map(Value::record)
    }

    /// Bytes by the characters of the string at this offset.
    pub(super) fn latin1(&mut self, at: u32) -> Result<Value, PickleError> {
        self.push(&[LATIN1, at], &[]).map(Value::record)
    }

    /// The bytes that the string at this offset is.
    pub(super) fn old_bytes(&mut self, at: u32) -> Result<Value, PickleError> {
        self.push(&[OLD_BYTES, at], &[]).map(Value::record)
    }

    pub(super) fn no_bytes(&mut self) -> Result<Value, PickleError> {
        self.push(&[NO_BYTES], &[]).map(Value::record)
    }

    /// Bytes that can be changed, at first these.
    pub(super) fn bytearray(&mut self, bytes: Value) -> Result<Value, PickleError> {
        self.push(&[BYTEARRAY], &[bytes]).map(Value::record)
    }

    pub(super) fn callable(&mut self, callable: Callable) -> Result<Value, PickleError> {
        self.push(&[CALLABLE | callable as u32], &[]).map(Value::record)
    }

    /// What a value is.
    pub(super) fn view(&self, value: Value) -> View {
        match value.place() {
            Place::Opcode(at) => self.view_opcode(at),
            Place::Record(at) => self.view_record(at),
        }
    }

    fn view_opcode(&self, at: u32) -> View {
        match self.opcode(at) {
            b'S' | b'T' | b'U' | b'V' | b'X' | 0x8c | 0x8d => View::Text(at),
            b'B' | b'C' | 0x8e => View::Bytes(Octets::Raw(at)),
            0x96 => View::Bytearray(Octets::Raw(at)),
            b']' => View::Group(Kind::List, Members::default()),
            b'}' => View::Group(Kind::Dict, Members::default()),
            b')' => View::Group(Kind::Tuple, Members::default()),
            0x8f => View::Group(Kind::Set, Members::default()),
            _ => View::Plain(at),
        }
    }

    fn view_record(&self, at: u32) -> View {
        let (head, next) = (self.word(at), self.word(at + 1));
        match head & !COUNT {
            LIST => View::Group(Kind::List, self.members(at)),
            DICT => View::Group(Kind::Dict, self.members(at)),
            SET => View::Group(Kind::Set, self.members(at)),
            TUPLE | KEY_TUPLE => View::Group(Kind::Tuple, Members::of(at + 1, head & COUNT)),
            FROZENSET => View::Group(Kind::Frozenset, Members::of(at + 1, head & COUNT)),
            SET_OF_LIST => View::Group(Kind::Set, self.members_of_list(at)),
            FROZENSET_OF_LIST => View::Group(Kind::Frozenset, self.members_of_list(at)),
            LATIN1 => View::Bytes(Octets::Latin1(next)),
            OLD_BYTES => View::Bytes(Octets::Raw(next)),
            BYTEARRAY => match self.view(Value::from_word(next)) {
                View::Bytes(octets) => View::Bytearray(octets),
                _ => View::Bytearray(Octets::None),
            },
            CALLABLE => {
                let callable = Callable::ALL.get((head & COUNT) as usize);
                View::Callable(callable.copied().unwrap_or(Callable::Bytes))
            }
            _ => View::Bytes(Octets::None),
        }
    }

    /// All members of a list, dict or set.
    fn members(&self, group: u32) -> Members {
        let (left, last) = (self.word(group) & COUNT, self.word(group + 1));
        let last_count = if last == 0 { left } else { self.word(last) };
        Members { group, run: 0, at: group + 2, left, last, last_count }
    }

    /// The members of a list that a set was made of.
    fn members_of_list(&self, set: u32) -> Members {
        let (list, last, last_count) = (self.word(set + 1), self.word(set + 2), self.word(set + 3));
        let left = if last == 0 { last_count } else { self.word(list) & COUNT };
        Members { left, last, last_count, ..self.members(list) }
    }

    /// Takes the next member.
    pub(super) fn next(&self, members: &mut Members) -> Option<Value> {
        if members.left == 0 {
            if members.run == members.last {
                return None;
            }
            // Behind the values in the record comes what the last run of all leads to.
            let before = if members.run == 0 { self.word(members.group + 1) } else { members.run };
            members.run = self.word(before + 1);
            members.at = members.run + 2;
            members.left = match members.run == members.last {
                true => members.last_count,
                false => self.word(members.run),
            };
        }
        let value = self.words.get(members.at as usize)?;
        members.at += 1;
        members.left = members.left.saturating_sub(1);
        Some(Value::from_word(*value))
    }
}

impl Members {
    /// So many members in one run.
    fn of(at: u32, count: u32) -> Self {
        Self { at, left: count, ..Self::default() }
    }
}

/// As the count of a head.
fn counted(count: usize) -> Result<u32, PickleError> {
    match u32::try_from(count) {
        Ok(count) if count <= COUNT => Ok(count),
        _ => malformed("more than 2^28 values in one container"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn members(store: &Store<'_>, group: Value) -> Vec<u32> {
        let View::Group(_, mut members) = store.view(group) else { panic!("no group") };
        std::iter::from_fn(|| store.next(&mut members)).map(Value::word).collect()
    }

    proptest! {
        /// Lists grow in any order, and what was made of one keeps what it then held.
        #[test]
        fn groups_are_lists_of_values(steps in proptest::collection::vec((0usize..5, 0u32..4), 0..60)) {
            let mut store = Store::new(b"NNNN");
            let list = |store: &mut Store<'_>| store.group(Kind::List, &[]).unwrap();
            let lists = [list(&mut store), list(&mut store), list(&mut store)];
            let mut all: Vec<(Value, Vec<u32>)> = lists.map(|list| (list, Vec::new())).to_vec();
            for (which, count) in steps {
                let values: Vec<u32> = (0..count).collect();
                let added: Vec<Value> = values.iter().map(|at| Value::opcode(*at)).collect();
                if which < lists.len() {
                    store.append(Kind::List, lists[which], &added).unwrap();
                    all[which].1.extend(values);
                } else if which == 3 {
                    all.push((store.group(Kind::Tuple, &added).unwrap(), values));
                } else {
                    let (list, held) = all[count as usize % lists.len()].clone();
                    all.push((store.set_of_list(true, list).unwrap(), held));
                }
            }
            for (group, expected) in all {
                prop_assert_eq!(members(&store, group), expected);
            }
        }
    }

    #[test]
    fn what_is_too_much_for_a_head_is_refused() {
        assert_eq!(counted(COUNT as usize), Ok(COUNT));
        assert!(counted(COUNT as usize + 1).is_err());
    }
}
