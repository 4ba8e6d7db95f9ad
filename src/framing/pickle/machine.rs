//! The stack machine: opcodes become groups of values, without a copy of any of them.
//!
//! A value is the offset of its opcode in the pickle, or a group; it takes eight bytes, whatever
//! it holds. What values mean and how they are written is the writer's affair. Every opcode costs
//! what it takes from the pickle and the stack, and no more.

use std::collections::HashMap;

use super::reader::Reader;
use super::{PickleError, malformed, number, refused, text};

/// A value on the stack, in the memo or in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A string, whose opcode is at this offset.
    Text(u32),
    /// `None`, a bool or a number, whose opcode is at this offset.
    Plain(u32),
    /// Bytes.
    Bytes(Octets),
    /// Bytes that can be changed.
    Bytearray(Octets),
    /// A group, by its number.
    Group(u32),
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    List,
    /// Keys and values in turn.
    Dict,
    Tuple,
    Set,
    Frozenset,
}

/// No cell.
pub(super) const END: u32 = u32::MAX;

/// A list, dict, tuple or set: a chain of cells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) kind: Kind,
    /// A tuple that may be a key: it holds nothing that can be changed.
    hashable: bool,
    /// Its cells belong to another group, which may have more of them by now.
    pub(super) shares: bool,
    pub(super) first: u32,
    pub(super) last: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) value: Value,
    pub(super) next: u32,
}

/// What a pickle came to.
pub(super) struct Program<'a> {
    pub(super) pickle: &'a [u8],
    pub(super) groups: Vec<Group>,
    pub(super) cells: Vec<Cell>,
    pub(super) result: Value,
}

impl Program<'_> {
    /// Whether a value may be the key of a dict or a member of a set.
    pub(super) fn is_hashable(&self, value: Value) -> bool {
        is_hashable(&self.groups, value)
    }
}

fn is_hashable(groups: &[Group], value: Value) -> bool {
    match value {
        Value::Group(number) => groups.get(number as usize).is_some_and(|group| group.hashable),
        Value::Bytearray(_) => false,
        _ => true,
    }
}

/// Runs a pickle to its end.
pub(super) fn run(pickle: &[u8]) -> Result<Program<'_>, PickleError> {
    if u32::try_from(pickle.len()).is_err() {
        return malformed("more than 4 GiB");
    }
    let mut machine = Machine::new(pickle);
    while !machine.step()? {}
    if machine.reader.left() > 0 {
        return malformed("bytes behind its end");
    }
    let result = machine.pop()?;
    Ok(Program { pickle, groups: machine.groups, cells: machine.cells, result })
}

pub(super) struct Machine<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) stack: Vec<Value>,
    /// How high the stack was at each mark.
    marks: Vec<usize>,
    /// What was memoized in order, which is how picklers count.
    memo: Vec<Value>,
    /// What was memoized under another number.
    odd_memo: HashMap<u32, Value>,
    pub(super) groups: Vec<Group>,
    pub(super) cells: Vec<Cell>,
}

impl<'a> Machine<'a> {
    fn new(pickle: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(pickle, 0),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Vec::new(),
            odd_memo: HashMap::new(),
            groups: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Does one opcode; true at the last.
    fn step(&mut self) -> Result<bool, PickleError> {
        let at = self.reader.at() as u32;
        let opcode = self.reader.u8()?;
        match opcode {
            b'.' => return Ok(true),
            b'N' | 0x88 | 0x89 | b'I' | b'J' | b'K' | b'M' | b'L' | 0x8a | 0x8b | b'F' | b'G' => {
                number::check(opcode, &mut self.reader)?;
                self.stack.push(Value::Plain(at));
            }
            b'S' | b'T' | b'U' | b'V' | b'X' | 0x8c | 0x8d => {
                let string = text::string(opcode, &mut self.reader)?;
                string.check()?;
                self.stack.push(match string.is_text() {
                    true => Value::Text(at),
                    false => Value::Bytes(Octets::Raw(at)),
                });
            }
            b'B' | b'C' | 0x8e => {
                text::octets(opcode, &mut self.reader)?;
                self.stack.push(Value::Bytes(Octets::Raw(at)));
            }
            0x96 => {
                text::octets(opcode, &mut self.reader)?;
                self.stack.push(Value::Bytearray(Octets::Raw(at)));
            }
            0x80 | 0x95 => self.prelude(opcode)?,
            b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j' => self.remember(opcode)?,
            b'(' | b'0' | b'1' | b'2' => self.shuffle(opcode)?,
            b'c' | 0x93 | b'R' => self.call(opcode)?,
            _ => self.group(opcode)?,
        }
        Ok(false)
    }

    /// The protocol, and frames, which mean nothing to whoever has the whole pickle.
    fn prelude(&mut self, opcode: u8) -> Result<(), PickleError> {
        if opcode == 0x80 {
            return match self.reader.u8()? {
                0..=5 => Ok(()),
                other => malformed(format!("protocol {other}")),
            };
        }
        match self.reader.u64()? {
            len if len <= self.reader.left() as u64 => Ok(()),
            _ => malformed("it ends in the middle"),
        }
    }

    fn remember(&mut self, opcode: u8) -> Result<(), PickleError> {
        let index = match opcode {
            b'p' | b'g' => self.reader.index_line()?,
            b'q' | b'h' => u32::from(self.reader.u8()?),
            b'r' | b'j' => self.reader.u32()?,
            _ => (self.memo.len() + self.odd_memo.len()) as u32,
        };
        if matches!(opcode, b'g' | b'h' | b'j') {
            let value = self.memo.get(index as usize).or_else(|| self.odd_memo.get(&index));
            let Some(value) = value else { return malformed(format!("no {index} in its memo")) };
            self.stack.push(*value);
            return Ok(());
        }
        let value = self.top()?;
        let next = self.memo.len();
        match self.memo.get_mut(index as usize) {
            Some(place) => *place = value,
            None if index as usize == next => self.memo.push(value),
            None => drop(self.odd_memo.insert(index, value)),
        }
        Ok(())
    }

    fn shuffle(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            b'(' => self.marks.push(self.stack.len()),
            b'1' => {
                let mark = self.mark()?;
                self.stack.truncate(mark);
            }
            b'2' => self.stack.push(self.top()?),
            // POP right behind a mark takes the mark.
            _ if self.marks.last() == Some(&self.stack.len()) => drop(self.marks.pop()),
            _ => drop(self.pop()?),
        }
        Ok(())
    }

    fn group(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            b']' => self.open(Kind::List),
            b'}' => self.open(Kind::Dict),
            b')' => self.open(Kind::Tuple),
            0x8f => self.open(Kind::Set),
            b'l' => self.gather(Kind::List),
            b'd' => self.gather(Kind::Dict),
            b't' => self.gather(Kind::Tuple),
            0x91 => self.gather(Kind::Frozenset),
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                let from = self.stack.len().checked_sub(count).filter(|from| *from >= self.floor());
                let Some(from) = from else { return underflow() };
                self.gather_from(from, Kind::Tuple)
            }
            b'a' => self.extend_by(1, Kind::List),
            b's' => self.extend_by(2, Kind::Dict),
            b'e' => self.extend(Kind::List),
            b'u' => self.extend(Kind::Dict),
            0x90 => self.extend(Kind::Set),
            b'P' | b'Q' => refused("it refers to an object outside of it"),
            b'b' | b'i' | b'o' | 0x81 | 0x92 => refused("it builds an object of a class"),
            0x82..=0x84 => refused("it asks for an extension"),
            0x97 | 0x98 => malformed("it lacks a buffer outside of it"),
            _ => malformed(format!("unknown opcode 0x{opcode:02x}")),
        }
    }

    /// An empty group.
    pub(super) fn open(&mut self, kind: Kind) -> Result<(), PickleError> {
        let number = self.groups.len() as u32;
        let hashable = matches!(kind, Kind::Tuple | Kind::Frozenset);
        self.groups.push(Group { kind, hashable, shares: false, first: END, last: END });
        self.stack.push(Value::Group(number));
        Ok(())
    }

    /// A group of everything above the mark.
    fn gather(&mut self, kind: Kind) -> Result<(), PickleError> {
        let mark = self.mark()?;
        self.gather_from(mark, kind)
    }

    fn gather_from(&mut self, from: usize, kind: Kind) -> Result<(), PickleError> {
        let number = self.groups.len() as u32;
        let values = self.stack.get(from..).unwrap_or_default();
        let flat =
            kind != Kind::Tuple || values.iter().all(|value| is_hashable(&self.groups, *value));
        let hashable = flat && matches!(kind, Kind::Tuple | Kind::Frozenset);
        self.groups.push(Group { kind, hashable, shares: false, first: END, last: END });
        self.append(number, from)?;
        self.stack.push(Value::Group(number));
        Ok(())
    }

    /// Puts everything above the mark into the group below it.
    fn extend(&mut self, kind: Kind) -> Result<(), PickleError> {
        let mark = self.mark()?;
        self.extend_from(mark, kind)
    }

    fn extend_by(&mut self, count: usize, kind: Kind) -> Result<(), PickleError> {
        match self.stack.len().checked_sub(count) {
            Some(from) if from >= self.floor() => self.extend_from(from, kind),
            _ => underflow(),
        }
    }

    fn extend_from(&mut self, from: usize, kind: Kind) -> Result<(), PickleError> {
        let below = from.checked_sub(1).filter(|below| *below >= self.floor());
        let group = match below.and_then(|below| self.stack.get(below)) {
            Some(Value::Group(number)) => *number,
            Some(_) => return malformed("it puts something into what is no container"),
            None => return underflow(),
        };
        match self.groups.get(group as usize) {
            Some(found) if found.kind == kind && !found.shares => self.append(group, from),
            _ => malformed("it puts something into another kind of container"),
        }
    }

    /// Moves the top of the stack into a group.
    fn append(&mut self, number: u32, from: usize) -> Result<(), PickleError> {
        let Self { stack, groups, cells, .. } = self;
        let values = stack.get(from..).unwrap_or_default();
        let kind = groups.get(number as usize).map(|group| group.kind);
        let fits = match kind {
            Some(Kind::Dict) => {
                if values.len() % 2 != 0 {
                    return malformed("a key without a value");
                }
                values.iter().step_by(2).all(|key| is_hashable(groups, *key))
            }
            Some(Kind::Set | Kind::Frozenset) => {
                values.iter().all(|value| is_hashable(groups, *value))
            }
            _ => true,
        };
        if !fits {
            return malformed("a key that can be changed");
        }
        let Some(group) = groups.get_mut(number as usize) else { return underflow() };
        for value in values {
            let place = cells.len() as u32;
            match cells.get_mut(group.last as usize) {
                Some(last) => last.next = place,
                None => group.first = place,
            }
            group.last = place;
            cells.push(Cell { value: *value, next: END });
        }
        stack.truncate(from);
        Ok(())
    }

    /// Below this the stack belongs to whoever set the mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn mark(&mut self) -> Result<usize, PickleError> {
        self.marks.pop().map_or_else(|| malformed("a mark that was never set"), Ok)
    }

    fn top(&self) -> Result<Value, PickleError> {
        match self.stack.last() {
            Some(value) if self.stack.len() > self.floor() => Ok(*value),
            _ => underflow(),
        }
    }

    pub(super) fn pop(&mut self) -> Result<Value, PickleError> {
        let value = self.top()?;
        self.stack.pop();
        Ok(value)
    }
}

fn underflow<T>() -> Result<T, PickleError> {
    malformed("it takes more from its stack than there is")
}
