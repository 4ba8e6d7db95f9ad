//! The few calls that stand for data. Nothing is called: each name and its arguments are looked
//! at, and what they stand for is put in their place.

use super::machine::Machine;
use super::value::{Callable, Kind, Place, Value, View};
use super::{PickleError, malformed, refused, text};

impl Machine<'_> {
    pub(super) fn call(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            b'c' => {
                let (module, name) = (self.reader.line()?, self.reader.line()?);
                let callable = self.store.callable(callable(module, name)?)?;
                self.stack.push(callable);
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let callable = callable(&self.name(module)?, &self.name(name)?)?;
                let callable = self.store.callable(callable)?;
                self.stack.push(callable);
            }
            _ => {
                let (arguments, called) = (self.pop()?, self.pop()?);
                let View::Callable(called) = self.store.view(called) else {
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
        let View::Text(at) = self.store.view(value) else {
            return malformed("a name that is no text");
        };
        let string = text::at(self.store.pickle, at)?;
        Ok(string.name().unwrap_or_default())
    }

    fn result(&mut self, called: Callable, arguments: Value) -> Result<Value, PickleError> {
        let (first, second) = self.arguments(arguments)?;
        let view = first.map(|value| (value, self.store.view(value)));
        match (called, view, second) {
            (Callable::Encode, Some((_, View::Text(at))), Some(codec))
                if self.is_latin1(codec)? =>
            {
                self.store.latin1(at)
            }
            (Callable::Bytes, None, None) => self.store.no_bytes(),
            (Callable::Bytearray, None, None) => {
                let bytes = self.store.no_bytes()?;
                self.store.bytearray(bytes)
            }
            (Callable::Bytearray, Some((bytes, View::Bytes(_))), None) => {
                self.store.bytearray(bytes)
            }
            (Callable::Bytearray, Some((_, View::Text(at))), Some(codec))
                if self.is_latin1(codec)? =>
            {
                let bytes = self.store.latin1(at)?;
                self.store.bytearray(bytes)
            }
            (Callable::Set, items, None) => self.collect(Kind::Set, items),
            (Callable::Frozenset, items, None) => self.collect(Kind::Frozenset, items),
            _ => refused("it calls a function with foreign arguments"),
        }
    }

    /// At most two arguments.
    fn arguments(&self, tuple: Value) -> Result<(Option<Value>, Option<Value>), PickleError> {
        let View::Group(Kind::Tuple, mut members) = self.store.view(tuple) else {
            return malformed("arguments that are no tuple");
        };
        let mut next = || self.store.next(&mut members);
        match (next(), next(), next()) {
            (first, second, None) => Ok((first, second)),
            _ => refused("it calls a function with foreign arguments"),
        }
    }

    fn is_latin1(&self, codec: Value) -> Result<bool, PickleError> {
        let name = self.name(codec)?;
        Ok([&b"latin1"[..], b"latin-1"].contains(&name.as_slice()))
    }

    /// A set of what a list holds now.
    fn collect(&mut self, kind: Kind, items: Option<(Value, View)>) -> Result<Value, PickleError> {
        match items {
            None => self.store.group(kind, &[]),
            Some((list, View::Group(Kind::List, _))) => match list.place() {
                Place::Opcode(_) => self.store.group(kind, &[]),
                Place::Record(_) => self.store.set_of_list(kind == Kind::Frozenset, list),
            },
            Some(_) => refused("it calls a function with foreign arguments"),
        }
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
