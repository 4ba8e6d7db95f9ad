//! The stack machine: opcodes become a tree of values.
//!
//! Every opcode costs what it takes from the pickle and the stack, and no more. The few calls that
//! stand for data are not made either: each name and its arguments are compared with those that
//! protocols 0 to 2 use, and what they stand for is put in their place.

use std::collections::HashMap;

use super::builder::{Builder, FEW};
use super::reader::{Leaf, Reader};
use super::tree::{Callable, Extra, Kind, Octets, Tree, Value, View};
use super::{PickleError, malformed, refused};

/// Runs a pickle to its end; returns the tree and its root.
pub(super) fn run(pickle: &[u8]) -> Result<(Tree<'_>, Value), PickleError> {
    if pickle.len() > Value::MAX_PICKLE {
        return malformed("more than 2 GiB");
    }
    let (builder, root) = Machine::new(pickle).run()?;
    // The stack and the memo are freed by now.
    Ok((builder.finish(), root))
}

struct Machine<'a> {
    reader: Reader<'a>,
    stack: Vec<Value>,
    /// How high the stack was at each mark.
    marks: Vec<u32>,
    /// What was memoized in order, which is how picklers count.
    memo: Vec<Value>,
    /// What was memoized under another number.
    odd_memo: HashMap<u32, Value>,
    builder: Builder<'a>,
}

impl<'a> Machine<'a> {
    fn new(pickle: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(pickle, 0),
            stack: Vec::with_capacity(pickle.len().min(FEW)),
            marks: Vec::new(),
            memo: Vec::new(),
            odd_memo: HashMap::new(),
            builder: Builder::new(pickle),
        }
    }

    fn run(mut self) -> Result<(Builder<'a>, Value), PickleError> {
        while !self.step()? {}
        if self.reader.left() > 0 {
            return malformed("bytes behind its end");
        }
        let root = self.pop()?;
        Ok((self.builder, root))
    }

    /// Does one opcode; true at the last.
    fn step(&mut self) -> Result<bool, PickleError> {
        let at = self.reader.at();
        let opcode = self.reader.u8()?;
        if let Some(leaf) = self.reader.leaf(opcode)? {
            let value = match leaf {
                Leaf::Text(text) if !text.check()? => {
                    self.builder.extra(Extra::Bytes(Octets::Raw(at as u32)))?
                }
                _ => Value::opcode(at),
            };
            self.stack.push(value);
            return Ok(false);
        }
        match opcode {
            b'.' => return Ok(true),
            b']' | b'}' | b')' | 0x8f => self.stack.push(Value::opcode(at)),
            0x80 => match self.reader.u8()? {
                0..=5 => {}
                other => return malformed(format!("protocol {other}")),
            },
            // Frames mean nothing to whoever has the whole pickle.
            0x95 if self.reader.uint::<8>()? <= self.reader.left() as u64 => {}
            0x95 => return malformed("it ends in the middle"),
            b'p' | b'q' | b'r' | 0x94 => self.memoize(opcode)?,
            b'g' | b'h' | b'j' => {
                let index = self.memo_index(opcode)?;
                let value = self.memo.get(index as usize).or_else(|| self.odd_memo.get(&index));
                let Some(value) = value else {
                    return malformed(format!("no {index} in its memo"));
                };
                self.stack.push(*value);
            }
            b'(' => self.marks.push(self.stack.len() as u32),
            b'0' if self.floor() == self.stack.len() && self.marks.pop().is_some() => {}
            b'0' => drop(self.pop()?),
            b'1' => {
                let mark = self.mark()?;
                self.stack.truncate(mark);
            }
            b'2' => {
                let value = self.promote_top()?;
                self.stack.push(value);
            }
            b'c' => {
                let (module, name) = (self.reader.line()?, self.reader.line()?);
                self.import(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                self.import(self.name(module)?, self.name(name)?)?;
            }
            b'R' => self.call()?,
            _ => self.group(opcode)?,
        }
        Ok(false)
    }

    fn memo_index(&mut self, opcode: u8) -> Result<u32, PickleError> {
        match opcode {
            b'p' | b'g' => self.reader.index(),
            b'q' | b'h' => self.reader.u8().map(u32::from),
            b'r' | b'j' => self.reader.uint::<4>().map(|index| index as u32),
            _ => Ok((self.memo.len() + self.odd_memo.len()) as u32),
        }
    }

    fn memoize(&mut self, opcode: u8) -> Result<(), PickleError> {
        let index = self.memo_index(opcode)?;
        let value = self.promote_top()?;
        let next = self.memo.len();
        match self.memo.get_mut(index as usize) {
            Some(place) => *place = value,
            None if index as usize == next => {
                if !self.odd_memo.is_empty() {
                    self.odd_memo.remove(&index);
                }
                self.memo.push(value);
            }
            None => drop(self.odd_memo.insert(index, value)),
        }
        Ok(())
    }

    fn group(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            b'l' => self.mark().and_then(|from| self.make(Kind::List, from)),
            b'd' => self.mark().and_then(|from| self.make(Kind::Dict, from)),
            b't' => self.mark().and_then(|from| self.make(Kind::Tuple, from)),
            0x91 => self.mark().and_then(|from| self.make(Kind::Frozenset, from)),
            0x85..=0x87 => {
                let from = self.below_top(usize::from(opcode - 0x84))?;
                self.make(Kind::Tuple, from)
            }
            b'a' => self.below_top(1).and_then(|from| self.extend(Kind::List, from)),
            b's' => self.below_top(2).and_then(|from| self.extend(Kind::Dict, from)),
            b'e' => self.mark().and_then(|from| self.extend(Kind::List, from)),
            b'u' => self.mark().and_then(|from| self.extend(Kind::Dict, from)),
            0x90 => self.mark().and_then(|from| self.extend(Kind::Set, from)),
            b'P' | b'Q' => refused("it refers to an object outside of it"),
            b'b' | b'i' | b'o' | 0x81 | 0x92 => refused("it builds an object of a class"),
            0x82..=0x84 => refused("it asks for an extension"),
            0x97 | 0x98 => malformed("it lacks a buffer outside of it"),
            _ => malformed(format!("unknown opcode 0x{opcode:02x}")),
        }
    }

    /// Replaces everything from this height of the stack by a group of it.
    fn make(&mut self, kind: Kind, from: usize) -> Result<(), PickleError> {
        let group = self.builder.group(kind, self.stack.get(from..).unwrap_or_default())?;
        self.stack.truncate(from);
        self.stack.push(group);
        Ok(())
    }

    /// Moves everything from this height of the stack into the group below it.
    fn extend(&mut self, kind: Kind, from: usize) -> Result<(), PickleError> {
        let below = from.checked_sub(1).filter(|below| *below >= self.floor());
        let Some(below) = below else { return underflow() };
        let group = self.promote(below)?;
        self.builder.put(kind, group, self.stack.get(from..).unwrap_or_default())?;
        self.stack.truncate(from);
        Ok(())
    }

    /// Makes an empty group at this height of the stack a group of its own, since it is about to
    /// grow or to be referred to twice.
    fn promote(&mut self, place: usize) -> Result<Value, PickleError> {
        let Some(value) = self.stack.get_mut(place) else { return underflow() };
        *value = self.builder.promote(*value)?;
        Ok(*value)
    }

    fn promote_top(&mut self) -> Result<Value, PickleError> {
        let top = self.below_top(1)?;
        self.promote(top)
    }

    /// Where this many values at the top of the stack begin.
    fn below_top(&self, count: usize) -> Result<usize, PickleError> {
        match self.stack.len().checked_sub(count) {
            Some(from) if from >= self.floor() => Ok(from),
            _ => underflow(),
        }
    }

    /// The height of the last mark, which limits what may be taken.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0) as usize
    }

    fn mark(&mut self) -> Result<usize, PickleError> {
        match self.marks.pop() {
            Some(mark) => Ok(mark as usize),
            None => malformed("a mark that was never set"),
        }
    }

    fn pop(&mut self) -> Result<Value, PickleError> {
        self.below_top(1)?;
        self.stack.pop().map_or_else(underflow, Ok)
    }

    fn import(&mut self, module: &[u8], name: &[u8]) -> Result<(), PickleError> {
        let callable = self.builder.extra(Extra::Callable(callable(module, name)?))?;
        self.stack.push(callable);
        Ok(())
    }

    fn name(&self, value: Value) -> Result<&'a [u8], PickleError> {
        let tree = &self.builder.tree;
        match tree.text(value).map(|at| tree.leaf(at)) {
            Some(Ok(Leaf::Text(text))) => Ok(text.name()),
            _ => malformed("a name that is no text"),
        }
    }

    /// Replaces a callable and its arguments by what the call stands for.
    fn call(&mut self) -> Result<(), PickleError> {
        let (arguments, called) = (self.pop()?, self.pop()?);
        let View::Callable(called) = self.builder.tree.view(called) else {
            return malformed("it calls what cannot be called");
        };
        let Some(arguments) = self.builder.last_tuple(arguments) else {
            return malformed("arguments that are no tuple");
        };
        let (first, second) = match *arguments {
            [] => (None, None),
            [first] => (Some(first), None),
            [first, second] => (Some(first), Some(second)),
            _ => return foreign_arguments(),
        };
        if let Callable::Set | Callable::Frozenset = called {
            return match second {
                None => self.collect(called == Callable::Frozenset, first),
                Some(_) => foreign_arguments(),
            };
        }
        let view = first.map(|first| self.builder.tree.view(first));
        let text = first.and_then(|first| self.builder.tree.text(first));
        let octets = match (view, text, second) {
            (None, _, _) => Octets::None,
            (Some(View::Bytes(octets)), _, None) => octets,
            (_, Some(at), Some(codec)) if self.is_latin1(codec)? => Octets::Latin1(at),
            _ => return foreign_arguments(),
        };
        let value = match called {
            Callable::Encode if second.is_some() => Extra::Bytes(octets),
            Callable::Bytes if first.is_none() => Extra::Bytes(octets),
            Callable::Bytearray => Extra::Bytearray(octets),
            _ => return foreign_arguments(),
        };
        let value = self.builder.extra(value)?;
        self.stack.push(value);
        Ok(())
    }

    fn is_latin1(&self, codec: Value) -> Result<bool, PickleError> {
        Ok(matches!(self.name(codec)?, b"latin1" | b"latin-1"))
    }

    /// A set or frozenset of what a list holds now.
    fn collect(&mut self, frozen: bool, list: Option<Value>) -> Result<(), PickleError> {
        let kind = if frozen { Kind::Frozenset } else { Kind::Set };
        let set = match list {
            None => Some(self.builder.group(kind, &[])?),
            Some(list) => self.builder.set_of_list(kind, list)?,
        };
        let Some(set) = set else { return foreign_arguments() };
        self.stack.push(set);
        Ok(())
    }
}

fn underflow<T>() -> Result<T, PickleError> {
    malformed("it takes more from its stack than there is")
}

fn foreign_arguments<T>() -> Result<T, PickleError> {
    refused("it calls a function with foreign arguments")
}

fn callable(module: &[u8], name: &[u8]) -> Result<Callable, PickleError> {
    match (module, name) {
        (b"_codecs", b"encode") => Ok(Callable::Encode),
        (b"__builtin__" | b"builtins", b"bytes") => Ok(Callable::Bytes),
        (b"__builtin__" | b"builtins", b"bytearray") => Ok(Callable::Bytearray),
        (b"__builtin__" | b"builtins", b"set") => Ok(Callable::Set),
        (b"__builtin__" | b"builtins", b"frozenset") => Ok(Callable::Frozenset),
        _ => {
            let show = |bytes: &[u8]| {
                bytes.get(..bytes.len().min(40)).unwrap_or_default().escape_ascii().to_string()
            };
            refused(format!("it asks for {}.{}", show(module), show(name)))
        }
    }
}
