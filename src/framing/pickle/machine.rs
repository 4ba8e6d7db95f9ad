//! The stack machine: opcodes become a tree of values.
//!
//! Every opcode costs what it takes from the pickle and the stack, and no more. The few calls that
//! stand for data are not made either: each name and its arguments are compared with those that
//! CPython's pickler writes, and what they stand for is put in their place.

use std::collections::HashMap;

use super::classes::Class;
use super::reader::{Leaf, Reader};
use super::tree::{FEW, Function, NodeKind, Tree, Value};
use super::{PickleError, malformed, refused};

/// Runs a pickle to its end; returns the tree and its root.
pub(super) fn run(pickle: &[u8]) -> Result<(Tree<'_>, Value), PickleError> {
    if pickle.len() > Value::MAX_PICKLE {
        return malformed("more than 2 GiB");
    }
    let (mut tree, root) = Machine::new(pickle).run()?;
    // The stack and the memo are freed by now.
    tree.finish();
    Ok((tree, root))
}

/// What an opcode does to the state:
///
/// | opcodes | stack | else |
/// |---|---|---|
/// | values: `N K X …`, `] } )` | pushes one | |
/// | `(` | | remembers its height as a mark |
/// | `t l d` `\x85`–`\x87` `\x91` | takes what is above the mark, or 1 to 3; pushes a group of it | drops the mark |
/// | `e u a s` `\x90` | takes what is above the mark, or 1 or 2; the group below grows | drops the mark |
/// | `p q r \x94`; `g h j` | stays; pushes one | fills the memo; reads it |
/// | `0 1 2` | drops one, or what is above the mark; repeats the topmost | drops the mark |
/// | `c \x93`; `R \x81` | pushes a function; takes it and a tuple, pushes a value | |
/// | `b` | takes a dict; fills the UUID below | |
/// | `.` | its topmost value is the root | ends |
///
/// Nothing is taken from below the last mark.
struct Machine<'a> {
    reader: Reader<'a>,
    stack: Vec<Value>,
    /// How high the stack was at each mark; none is higher than the stack.
    marks: Vec<u32>,
    /// What was memoized in order, which is how picklers count.
    memo: Vec<Value>,
    /// What was memoized under another number.
    odd_memo: HashMap<u32, Value>,
    tree: Tree<'a>,
}

impl<'a> Machine<'a> {
    fn new(pickle: &'a [u8]) -> Self {
        Self {
            reader: Reader(pickle),
            stack: Vec::with_capacity(pickle.len().min(FEW)),
            marks: Vec::new(),
            memo: Vec::new(),
            odd_memo: HashMap::new(),
            tree: Tree::new(pickle),
        }
    }

    fn run(mut self) -> Result<(Tree<'a>, Value), PickleError> {
        while !self.step()? {
            debug_assert!(self.floor() <= self.stack.len(), "a mark above the stack");
        }
        if !self.reader.0.is_empty() {
            return malformed("bytes behind its end");
        }
        let root = self.pop()?;
        Ok((self.tree, root))
    }

    /// Does one opcode; true at the last.
    fn step(&mut self) -> Result<bool, PickleError> {
        let at = self.tree.pickle.len() - self.reader.0.len();
        let opcode = self.reader.u8()?;
        if let Some(leaf) = self.reader.leaf(opcode)? {
            let mut value = Value::opcode(at);
            if let Leaf::Text(text) = leaf
                && !text.check()?
            {
                value = self.tree.make(NodeKind::Bytes, &[value])?;
            }
            self.stack.push(value);
            return Ok(false);
        }
        match opcode {
            b'.' => return Ok(true),
            b']' | b'}' | b')' | 0x8f => self.stack.push(Value::opcode(at)),
            // PROTO: 5 is the latest protocol (PEP 574).
            0x80 => match self.reader.u8()? {
                0..=5 => {}
                other => return malformed(format!("protocol {other}")),
            },
            // Frames mean nothing to whoever has the whole pickle.
            0x95 if self.reader.uint::<8>()? <= self.reader.0.len() as u64 => {}
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
            // Each value takes a byte of the pickle at least, so its limit of 2 GiB keeps heights
            // in 32 bits.
            b'(' => self.marks.push(self.stack.len() as u32),
            // As in CPython, a mark counts as a value here.
            b'0' if self.floor() == self.stack.len() && self.marks.pop().is_some() => {}
            b'0' => drop(self.pop()?),
            b'1' => {
                let mark = self.mark()?;
                self.stack.truncate(mark);
            }
            // Both are the same value, so an empty list has to become one of its own first.
            b'2' => {
                let value = self.promote_top()?;
                self.stack.push(value);
            }
            b'c' => {
                let (module, name) = (self.reader.line()?, self.reader.line()?);
                self.import(module, name)?;
            }
            // The names are compared as they are spelled: no pickler escapes a letter.
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.tree.name(module), self.tree.name(name)) {
                    (Some(module), Some(name)) => self.import(module, name)?,
                    _ => return malformed("a name that is no text"),
                }
            }
            b'R' => self.call()?,
            0x81 => self.instantiate()?,
            b'b' => {
                let (state, below) = (self.pop()?, self.pop()?);
                if !self.tree.fill(below, state)? {
                    return refused(BUILDS);
                }
                self.stack.push(below);
            }
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
        let (kind, from) = match opcode {
            b'l' | b'e' => (NodeKind::List, self.mark()?),
            b'd' | b'u' => (NodeKind::Dict, self.mark()?),
            b't' => (NodeKind::Tuple, self.mark()?),
            0x90 => (NodeKind::Set, self.mark()?),
            0x91 => (NodeKind::Frozenset, self.mark()?),
            0x85..=0x87 => (NodeKind::Tuple, self.below_top(usize::from(opcode - 0x84))?),
            b'a' => (NodeKind::List, self.below_top(1)?),
            b's' => (NodeKind::Dict, self.below_top(2)?),
            b'P' | b'Q' => return refused("it refers to an object outside of it"),
            b'i' | b'o' | 0x92 => return refused(BUILDS),
            // EXT1, EXT2, EXT4: each program fills the registry of extensions on its own (PEP 307).
            0x82..=0x84 => return refused("it asks for an extension"),
            // NEXT_BUFFER and READONLY_BUFFER: the data comes beside the pickle (PEP 574).
            0x97 | 0x98 => return malformed("it lacks a buffer outside of it"),
            _ => return malformed(format!("unknown opcode 0x{opcode:02x}")),
        };
        let group = if matches!(opcode, b'a' | b'e' | b's' | b'u' | 0x90) {
            // An index beyond the stack stands for what lies below the mark.
            let below = from.checked_sub(1).filter(|below| *below >= self.floor());
            let group = self.promote(below.unwrap_or(usize::MAX))?;
            self.tree.extend(kind, group, self.stack.get(from..).unwrap_or_default())?;
            None
        } else {
            Some(self.tree.make(kind, self.stack.get(from..).unwrap_or_default())?)
        };
        self.stack.truncate(from);
        self.stack.extend(group);
        Ok(())
    }

    /// Makes an empty group at this height of the stack a group of its own, since it is about to
    /// grow or to be referred to twice.
    fn promote(&mut self, place: usize) -> Result<Value, PickleError> {
        let Some(value) = self.stack.get_mut(place) else { return underflow() };
        *value = self.tree.promote(*value)?;
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
        // Python would import the module and, with `R`, call what is named, such as `os.system`:
        // only names that stand for data pass.
        let function = match (module, name) {
            (b"_codecs", b"encode") => Function::Encode,
            (b"__builtin__" | b"builtins", b"bytes") => Function::Bytes,
            (b"__builtin__" | b"builtins", b"bytearray") => Function::Bytearray,
            (b"__builtin__" | b"builtins", b"set") => Function::Set,
            (b"__builtin__" | b"builtins", b"frozenset") => Function::Frozenset,
            (b"__builtin__" | b"builtins", b"object") => Function::Object,
            (b"copy_reg" | b"copyreg", b"_reconstructor") => Function::Reconstructor,
            (b"__builtin__", b"complex") => Function::Class(Class::Complex),
            _ if let Some(class) = Class::named(module, name) => Function::Class(class),
            _ => {
                // A name may be as long as the pickle, and hold anything.
                let show = |bytes: &[u8]| {
                    bytes.get(..bytes.len().min(40)).unwrap_or_default().escape_ascii().to_string()
                };
                return refused(format!("it asks for {}.{}", show(module), show(name)));
            }
        };
        let function = self.tree.make(NodeKind::Function(function), &[])?;
        self.stack.push(function);
        Ok(())
    }

    /// Replaces a function and its arguments by what the call stands for.
    fn call(&mut self) -> Result<(), PickleError> {
        let (arguments, called) = (self.pop()?, self.pop()?);
        let NodeKind::Function(function) = self.tree.kind(called) else {
            return malformed("it calls what cannot be called");
        };
        let Some(arguments) = self.tree.last_tuple(arguments).map(<[Value]>::to_vec) else {
            return malformed("arguments that are no tuple");
        };
        let tree = &mut self.tree;
        let first = arguments.first().map(|first| tree.kind(*first));
        let is_bytes = matches!(first, Some(NodeKind::Bytes | NodeKind::Latin1));
        let is_list = first == Some(NodeKind::List);
        // Python 3 writes `_codecs.encode` for bytes, and Python 2 a bytearray of a unicode string:
        // the characters up to U+00FF stand for the bytes.
        let value = match (function, arguments.as_slice()) {
            (Function::Bytes, []) => tree.make(NodeKind::Bytes, &[])?,
            (Function::Bytearray, []) => tree.make(NodeKind::Bytearray, &[])?,
            (Function::Set, []) => tree.make(NodeKind::Set, &[])?,
            (Function::Frozenset, []) => tree.make(NodeKind::Frozenset, &[])?,
            (Function::Bytearray, [_]) if is_bytes => tree.make(NodeKind::Bytearray, &arguments)?,
            (Function::Set, &[list]) if is_list => tree.set_of(NodeKind::SetOf, list)?,
            (Function::Frozenset, &[list]) if is_list => {
                tree.set_of(NodeKind::FrozensetOf, list)?
            }
            (Function::Encode | Function::Bytearray, &[text, codec]) if tree.is_text(text) => {
                match tree.name(codec) {
                    Some(b"latin1" | b"latin-1") => {}
                    Some(_) => return foreign_arguments(),
                    None => return malformed("a name that is no text"),
                }
                let bytes = tree.make(NodeKind::Latin1, &[text])?;
                match function {
                    Function::Bytearray => tree.make(NodeKind::Bytearray, &[bytes])?,
                    _ => bytes,
                }
            }
            (Function::Class(class), arguments) if class.takes(arguments.len()) => {
                tree.make(NodeKind::Instance(class), arguments)?
            }
            (Function::Reconstructor, &[class, object, none])
                if tree.kind(class) == UUID
                    && tree.kind(object) == NodeKind::Function(Function::Object)
                    && matches!(tree.leaf(none), Ok(Leaf::Word("null"))) =>
            {
                tree.make(NodeKind::Instance(Class::Uuid), &[])?
            }
            _ => return foreign_arguments(),
        };
        self.stack.push(value);
        Ok(())
    }

    /// Puts an empty UUID in the place of its class and no arguments.
    fn instantiate(&mut self) -> Result<(), PickleError> {
        let (arguments, class) = (self.pop()?, self.pop()?);
        if self.tree.kind(class) != UUID || self.tree.last_tuple(arguments) != Some(&[]) {
            return refused(BUILDS);
        }
        let value = self.tree.make(NodeKind::Instance(Class::Uuid), &[])?;
        self.stack.push(value);
        Ok(())
    }
}

const UUID: NodeKind = NodeKind::Function(Function::Class(Class::Uuid));
const BUILDS: &str = "it builds an object of a class";

fn underflow<T>() -> Result<T, PickleError> {
    malformed("it takes more from its stack than there is")
}

fn foreign_arguments<T>() -> Result<T, PickleError> {
    refused("it calls a function with foreign arguments")
}
