//! The stack machine: opcodes become values and groups of them, without a copy of what they hold.
//!
//! A value takes four bytes, whatever it is: on the stack, in the memo, and once more in the
//! [`Store`] when it is put into a group. What it means and how it is written is the writer's
//! affair. Every opcode costs what it takes from the pickle and the stack, and no more.

use std::collections::HashMap;

use super::reader::Reader;
use super::store::{FEW, Store};
use super::value::{Kind, Value};
use super::{PickleError, malformed, number, refused, text};

/// What a pickle came to.
pub(super) struct Program<'a> {
    pub(super) store: Store<'a>,
    pub(super) result: Value,
}

/// Runs a pickle to its end.
pub(super) fn run(pickle: &[u8]) -> Result<Program<'_>, PickleError> {
    if pickle.len() > Value::RANGE {
        return malformed("more than 2 GiB");
    }
    let mut machine = Machine::new(pickle);
    while !machine.step()? {}
    if machine.reader.left() > 0 {
        return malformed("bytes behind its end");
    }
    let result = machine.pop()?;
    Ok(Program { store: machine.store, result })
}

pub(super) struct Machine<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) stack: Vec<Value>,
    /// How high the stack was at each mark.
    marks: Vec<u32>,
    /// What was memoized in order, which is how picklers count.
    memo: Vec<Value>,
    /// What was memoized under another number.
    odd_memo: HashMap<u32, Value>,
    pub(super) store: Store<'a>,
}

impl<'a> Machine<'a> {
    fn new(pickle: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(pickle, 0),
            stack: Vec::with_capacity(pickle.len().min(FEW)),
            marks: Vec::new(),
            memo: Vec::new(),
            odd_memo: HashMap::new(),
            store: Store::new(pickle),
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
                self.stack.push(Value::opcode(at));
            }
            b'S' | b'T' | b'U' | b'V' | b'X' | 0x8c | 0x8d => {
                let string = text::string(opcode, &mut self.reader)?;
                string.check()?;
                self.stack.push(match string.is_text() {
                    true => Value::opcode(at),
                    false => self.store.old_bytes(at)?,
                });
            }
            b'B' | b'C' | 0x8e | 0x96 => {
                text::octets(opcode, &mut self.reader)?;
                self.stack.push(Value::opcode(at));
            }
            b']' | b'}' | b')' | 0x8f => self.stack.push(Value::opcode(at)),
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
        let value = self.settle_top()?;
        let next = self.memo.len();
        match self.memo.get_mut(index as usize) {
            Some(place) => *place = value,
            None if index as usize == next => {
                self.odd_memo.remove(&index);
                self.memo.push(value);
            }
            None => drop(self.odd_memo.insert(index, value)),
        }
        Ok(())
    }

    fn shuffle(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            b'(' => self.marks.push(self.stack.len() as u32),
            b'1' => {
                let mark = self.mark()?;
                self.stack.truncate(mark);
            }
            b'2' => {
                let value = self.settle_top()?;
                self.stack.push(value);
            }
            // POP right behind a mark takes the mark.
            _ if self.marks.last().is_some_and(|mark| *mark as usize == self.stack.len()) => {
                self.marks.pop();
            }
            _ => drop(self.pop()?),
        }
        Ok(())
    }

    fn group(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            b'l' => self.gather(Kind::List),
            b'd' => self.gather(Kind::Dict),
            b't' => self.gather(Kind::Tuple),
            0x91 => self.gather(Kind::Frozenset),
            0x85..=0x87 => {
                let from = self.below_top(usize::from(opcode - 0x84))?;
                self.gather_from(from, Kind::Tuple)
            }
            b'a' => self.below_top(1).and_then(|from| self.extend_from(from, Kind::List)),
            b's' => self.below_top(2).and_then(|from| self.extend_from(from, Kind::Dict)),
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

    /// A group of everything above the mark.
    fn gather(&mut self, kind: Kind) -> Result<(), PickleError> {
        let mark = self.mark()?;
        self.gather_from(mark, kind)
    }

    fn gather_from(&mut self, from: usize, kind: Kind) -> Result<(), PickleError> {
        let group = self.store.group(kind, self.stack.get(from..).unwrap_or_default())?;
        self.stack.truncate(from);
        self.stack.push(group);
        Ok(())
    }

    /// Puts everything above the mark into the group below it.
    fn extend(&mut self, kind: Kind) -> Result<(), PickleError> {
        let mark = self.mark()?;
        self.extend_from(mark, kind)
    }

    fn extend_from(&mut self, from: usize, kind: Kind) -> Result<(), PickleError> {
        let below = from.checked_sub(1).filter(|below| *below >= self.floor());
        let Some(below) = below else { return underflow() };
        let group = self.settle(below)?;
        self.store.append(kind, group, self.stack.get(from..).unwrap_or_default())?;
        self.stack.truncate(from);
        Ok(())
    }

    /// Gives a value on the stack a place of its own, if things can happen to it.
    fn settle(&mut self, place: usize) -> Result<Value, PickleError> {
        let Some(value) = self.stack.get_mut(place) else { return underflow() };
        *value = self.store.settled(*value)?;
        Ok(*value)
    }

    fn settle_top(&mut self) -> Result<Value, PickleError> {
        let top = self.below_top(1)?;
        self.settle(top)
    }

    /// Where so many values at the top of the stack begin.
    fn below_top(&self, count: usize) -> Result<usize, PickleError> {
        match self.stack.len().checked_sub(count) {
            Some(from) if from >= self.floor() => Ok(from),
            _ => underflow(),
        }
    }

    /// Below this the stack belongs to whoever set the mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0) as usize
    }

    fn mark(&mut self) -> Result<usize, PickleError> {
        match self.marks.pop() {
            Some(mark) => Ok(mark as usize),
            None => malformed("a mark that was never set"),
        }
    }

    pub(super) fn pop(&mut self) -> Result<Value, PickleError> {
        self.below_top(1)?;
        self.stack.pop().map_or_else(underflow, Ok)
    }
}

fn underflow<T>() -> Result<T, PickleError> {
    malformed("it takes more from its stack than there is")
}
