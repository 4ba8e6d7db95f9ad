//! The few calls that stand for data. Nothing is called: each name and its arguments are looked
//! at, and what they stand for is put in their place.

use super::machine::{Callable, Kind, Machine, Octets, Value};
use super::{PickleError, malformed, refused, text};

impl Machine<'_> {
    pub(super) fn call(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            b'c' => {
                let (module, name) = (self.reader.line()?, self.reader.line()?);
                let callable = callable(module, name)?;
                self.stack.push(Value::Callable(callable));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let callable = callable(&self.name(module)?, &self.name(name)?)?;
                self.stack.push(Value::Callable(callable));
            }
            _ => {
                let (arguments, called) = (self.pop()?, self.pop()?);
                let Value::Callable(called) = called else {
                    return malformed("it calls what cannot be called");
                };
                let value = self.result(called, arguments)?;
                self.stack.push(value);
            }
        }
        Ok(())
    }

    /// The text of a name; names are short.
    fn name(&self, value: Value) -> Result<Vec<u8>, PickleError> {
        let Value::Text(at) = value else { return malformed("a name that is no text") };
        let string = text::at(self.reader.pickle(), at)?;
        Ok(string.name().unwrap_or_default())
    }

    fn result(&mut self, called: Callable, arguments: Value) -> Result<Value, PickleError> {
        let (first, second) = self.arguments(arguments)?;
        match (called, first, second) {
            (Callable::Encode, Some(Value::Text(at)), Some(codec)) if self.is_latin1(codec)? => {
                Ok(Value::Bytes(Octets::Latin1(at)))
            }
            (Callable::Bytes, None, None) => Ok(Value::Bytes(Octets::None)),
            (Callable::Bytearray, None, None) => Ok(Value::Bytearray(Octets::None)),
            (Callable::Bytearray, Some(Value::Bytes(octets)), None) => Ok(Value::Bytearray(octets)),
            (Callable::Bytearray, Some(Value::Text(at)), Some(codec))
                if self.is_latin1(codec)? =>
            {
                Ok(Value::Bytearray(Octets::Latin1(at)))
            }
            (Callable::Set, items, None) => self.collect(Kind::Set, items),
            (Callable::Frozenset, items, None) => self.collect(Kind::Frozenset, items),
            _ => refused("it calls a function with foreign arguments"),
        }
    }

    /// At most two arguments.
    fn arguments(&self, tuple: Value) -> Result<(Option<Value>, Option<Value>), PickleError> {
        let group = match tuple {
            Value::Group(number) => self.groups.get(number as usize),
            _ => None,
        };
        let Some(group) = group.filter(|group| group.kind == Kind::Tuple) else {
            return malformed("arguments that are no tuple");
        };
        let first = self.cells.get(group.first as usize);
        let second = first.and_then(|cell| self.cells.get(cell.next as usize));
        if second.is_some_and(|cell| self.cells.get(cell.next as usize).is_some()) {
            return refused("it calls a function with foreign arguments");
        }
        Ok((first.map(|cell| cell.value), second.map(|cell| cell.value)))
    }

    fn is_latin1(&self, codec: Value) -> Result<bool, PickleError> {
        let name = self.name(codec)?;
        Ok([&b"latin1"[..], b"latin-1"].contains(&name.as_slice()))
    }

    /// A set of what a list holds now. It shares the cells of the list, which only ever grow
    /// behind the last one; whether they may be in a set is seen when they are written.
    fn collect(&mut self, kind: Kind, items: Option<Value>) -> Result<Value, PickleError> {
        let number = self.groups.len() as u32;
        let list = match items {
            None => None,
            Some(Value::Group(list)) => self.groups.get(list as usize).copied(),
            Some(_) => return refused("it calls a function with foreign arguments"),
        };
        match list {
            None => self.open(kind)?,
            Some(list) if list.kind == Kind::List => {
                self.open(kind)?;
                if let Some(group) = self.groups.last_mut() {
                    (group.first, group.last) = (list.first, list.last);
                    group.shares = true;
                }
            }
            Some(_) => return refused("it calls a function with foreign arguments"),
        }
        self.stack.pop();
        Ok(Value::Group(number))
    }
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
