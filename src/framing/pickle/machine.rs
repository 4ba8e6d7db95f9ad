//! The stack machine: opcodes become a tree of values.
//!
//! Every opcode costs what it takes from the pickle and the stack, and no more. The few calls that
//! stand for data are not made either: each name and its arguments are compared with those that
//! CPython's pickler writes, and what they stand for is put in their place.

use super::classes;
use super::reader::{Leaf, Reader};
use super::tree::{NodeKind, Tree, Value};
use super::{PickleError, malformed, refused};

/// The state of the machine between two opcodes.
#[derive(Default)]
pub(super) struct MachineState {
    stack: Vec<Value>,
    /// How high the stack was at each mark; none is higher than the stack.
    marks: Vec<u32>,
    /// By number; [`Value::NONE`] where nothing was memoized.
    memo: Vec<Value>,
    memoized: u32,
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
pub(super) struct Machine<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) state: &'a mut MachineState,
    pub(super) tree: Tree<'a>,
}

impl Machine<'_> {
    /// Runs a pickle on until at most `rest` bytes of it are left, or to its end; returns its root then.
    pub(super) fn run(&mut self, rest: usize) -> Result<Option<Value>, PickleError> {
        while !self.step()? {
            debug_assert!(self.floor() <= self.state.stack.len(), "a mark above the stack");
            if self.reader.0.len() < rest {
                return Ok(None);
            }
        }
        if !self.reader.0.is_empty() {
            return malformed("bytes behind its end");
        }
        self.pop().map(Some)
    }

    /// Does one opcode; true at the last.
    fn step(&mut self) -> Result<bool, PickleError> {
        let at = self.tree.pickle.len() - self.reader.0.len();
        let opcode = self.reader.u8()?;
        if let Some(leaf) = self.reader.leaf(opcode)? {
            let mut value = Value::opcode(at);
            // A `str` of Python 2 beyond ASCII is bytes.
            if let Leaf::Text(text) = leaf
                && !text.is_text()?
            {
                value = self.tree.make(NodeKind::Bytes, &[value])?;
            }
            self.state.stack.push(value);
            return Ok(false);
        }
        match opcode {
            b'.' => return Ok(true),
            b']' | b'}' | b')' | 0x8f => self.state.stack.push(Value::opcode(at)),
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
                let value = self.state.memo.get(index as usize).copied().unwrap_or(Value::NONE);
                if value == Value::NONE {
                    return malformed(format!("no {index} in its memo"));
                }
                self.state.stack.push(value);
            }
            // Each value takes a byte of the pickle at least, so its limit of 2 GiB keeps heights
            // in 32 bits.
            b'(' => self.state.marks.push(self.state.stack.len() as u32),
            // As in CPython, a mark counts as a value here.
            b'0' if self.floor() == self.state.stack.len() && self.state.marks.pop().is_some() => {}
            b'0' => drop(self.pop()?),
            b'1' => {
                let mark = self.mark()?;
                self.state.stack.truncate(mark);
            }
            // Both are the same value, so an empty list has to become one of its own first.
            b'2' => {
                let value = self.promote_top()?;
                self.state.stack.push(value);
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
                    _ => return malformed("a name that is not text"),
                }
            }
            b'R' => self.call()?,
            0x81 => self.instantiate()?,
            b'b' => {
                let (state, below) = (self.pop()?, self.pop()?);
                if !self.tree.fill(below, state) {
                    return refused(BUILDS);
                }
                self.state.stack.push(below);
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
            _ => Ok(self.state.memoized),
        }
    }

    fn memoize(&mut self, opcode: u8) -> Result<(), PickleError> {
        let index = self.memo_index(opcode)?;
        let value = self.promote_top()?;
        // Picklers count, from 0 or 1, and may leave out what nothing refers to.
        if index as usize >= self.tree.pickle.len().max(FEWEST) {
            return malformed(format!("a number of {index} in its memo"));
        }
        let memo = &mut self.state.memo;
        if memo.len() <= index as usize {
            memo.resize(index as usize + 1, Value::NONE);
        }
        if let Some(place) = memo.get_mut(index as usize) {
            self.state.memoized += u32::from(*place == Value::NONE);
            *place = value;
        }
        Ok(())
    }

    fn group(&mut self, opcode: u8) -> Result<(), PickleError> {
        use NodeKind::{Frozenset, List, Object, Set, Tuple};
        // A group of which kind, of how many values if not of those above the mark, and whether they
        // go into the one below them.
        let (kind, count, grows) = match opcode {
            b'l' => (List, None, false),
            b'e' => (List, None, true),
            b'a' => (List, Some(1), true),
            b'd' => (Object, None, false),
            b'u' => (Object, None, true),
            b's' => (Object, Some(2), true),
            b't' => (Tuple, None, false),
            0x85..=0x87 => (Tuple, Some(usize::from(opcode - 0x84)), false),
            0x90 => (Set, None, true),
            0x91 => (Frozenset, None, false),
            b'P' | b'Q' => return refused("it refers to an object outside of it"),
            b'i' | b'o' | 0x92 => return refused(BUILDS),
            // EXT1, EXT2, EXT4: each program fills the registry of extensions on its own (PEP 307).
            0x82..=0x84 => return refused("it asks for an extension"),
            // NEXT_BUFFER and READONLY_BUFFER: the data comes beside the pickle (PEP 574).
            0x97 | 0x98 => return malformed("it lacks a buffer outside of it"),
            _ => return malformed(format!("unknown opcode 0x{opcode:02x}")),
        };
        let from = match count {
            Some(count) => self.below_top(count)?,
            None => self.mark()?,
        };
        let group = if grows {
            let below = from.checked_sub(1).filter(|below| *below >= self.floor());
            let group = below.map_or_else(underflow, |below| self.promote(below))?;
            self.tree.extend(kind, group, self.state.stack.get(from..).unwrap_or_default())?;
            None
        } else {
            Some(self.tree.make(kind, self.state.stack.get(from..).unwrap_or_default())?)
        };
        self.state.stack.truncate(from);
        self.state.stack.extend(group);
        Ok(())
    }

    /// Makes an empty group at this height of the stack a group of its own, since it is about to
    /// grow or to be referred to twice.
    fn promote(&mut self, place: usize) -> Result<Value, PickleError> {
        let Some(value) = self.state.stack.get_mut(place) else { return underflow() };
        *value = self.tree.promote(*value)?;
        Ok(*value)
    }

    fn promote_top(&mut self) -> Result<Value, PickleError> {
        let top = self.below_top(1)?;
        self.promote(top)
    }

    /// Where this many values at the top of the stack begin.
    fn below_top(&self, count: usize) -> Result<usize, PickleError> {
        match self.state.stack.len().checked_sub(count) {
            Some(from) if from >= self.floor() => Ok(from),
            _ => underflow(),
        }
    }

    /// The height of the last mark, which limits what may be taken.
    fn floor(&self) -> usize {
        self.state.marks.last().copied().unwrap_or(0) as usize
    }

    fn mark(&mut self) -> Result<usize, PickleError> {
        match self.state.marks.pop() {
            Some(mark) => Ok(mark as usize),
            None => malformed("a mark that was never set"),
        }
    }

    fn pop(&mut self) -> Result<Value, PickleError> {
        self.below_top(1)?;
        self.state.stack.pop().map_or_else(underflow, Ok)
    }

    fn import(&mut self, module: &[u8], name: &[u8]) -> Result<(), PickleError> {
        // Python would import the module and, with `R`, call what is named, such as `os.system`:
        // only names that stand for data pass.
        let Some(function) = classes::find(module, name) else {
            // A name may be as long as the pickle, and hold anything.
            let show = |bytes: &[u8]| {
                bytes.get(..bytes.len().min(40)).unwrap_or_default().escape_ascii().to_string()
            };
            return refused(format!("it asks for {}.{}", show(module), show(name)));
        };
        self.state.stack.push(function);
        Ok(())
    }

    /// Replaces a function and its arguments by what the call stands for.
    fn call(&mut self) -> Result<(), PickleError> {
        let (arguments, called) = (self.pop()?, self.pop()?);
        let Some(function) = classes::function(called) else {
            return malformed("it calls what cannot be called");
        };
        if self.tree.kind(arguments) != NodeKind::Tuple {
            return malformed("arguments that are not a tuple");
        }
        let value = self.made(function, arguments)?;
        self.state.stack.push(value);
        Ok(())
    }

    fn made(&mut self, function: NodeKind, arguments: Value) -> Result<Value, PickleError> {
        use NodeKind::{
            Bytearray, Bytes, Frozenset, Latin1, List, Reconstructor, Set, SetOf, Uuid,
        };
        let tree = &mut self.tree;
        match (function, tree.members(arguments)) {
            (Bytes | Bytearray | Set | Frozenset, []) => tree.make(function, &[]),
            (Bytearray, &[bytes]) if matches!(tree.kind(bytes), Bytes | Latin1) => {
                Ok(tree.share(Bytearray, arguments))
            }
            (Set, &[list]) if tree.kind(list) == List => tree.set_of(SetOf, list),
            (Frozenset, &[list]) if tree.kind(list) == List => tree.set_of(Frozenset, list),
            // Python 3 writes `_codecs.encode` for bytes, and Python 2 a bytearray of a unicode
            // string: the characters up to U+00FF stand for the bytes.
            (Latin1 | Bytearray, &[text, codec]) if tree.is_text(text) => {
                match tree.name(codec) {
                    Some(b"latin1" | b"latin-1") => {}
                    Some(_) => return foreign_arguments(),
                    None => return malformed("a name that is not text"),
                }
                let bytes = tree.make(Latin1, &[text])?;
                if function == Latin1 { Ok(bytes) } else { tree.make(Bytearray, &[bytes]) }
            }
            (Reconstructor, &[class, object, none]) => {
                let functions = [class, object].map(classes::function);
                let is_none = matches!(tree.leaf(none), Ok(Leaf::Word("null")));
                if !is_none || functions != [Some(Uuid), Some(NodeKind::ObjectClass)] {
                    return foreign_arguments();
                }
                tree.make(Uuid, &[])
            }
            (class, arguments_of) if classes::takes(class, arguments_of.len()) => {
                Ok(tree.share(class, arguments))
            }
            _ => foreign_arguments(),
        }
    }

    /// Puts an empty UUID in the place of its class and no arguments.
    fn instantiate(&mut self) -> Result<(), PickleError> {
        let (arguments, class) = (self.pop()?, self.pop()?);
        let is_empty =
            self.tree.kind(arguments) == NodeKind::Tuple && self.tree.members(arguments).is_empty();
        if !is_empty || classes::function(class) != Some(NodeKind::Uuid) {
            return refused(BUILDS);
        }
        let value = self.tree.make(NodeKind::Uuid, &[])?;
        self.state.stack.push(value);
        Ok(())
    }
}

/// So many numbers a memo has at least.
const FEWEST: usize = 4096;
const BUILDS: &str = "it builds an object of a class";

fn underflow<T>() -> Result<T, PickleError> {
    malformed("it takes more from its stack than there is")
}

fn foreign_arguments<T>() -> Result<T, PickleError> {
    refused("it calls a function with foreign arguments")
}
