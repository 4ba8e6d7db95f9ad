//! What a pickle came to, as JSON text.
//!
//! A group that is referred to twice is written twice, so the text can outgrow any pickle: it is
//! written against an allowance, and nothing of it is kept where that is used up.

use super::machine::Program;
use super::store::{Members, Store};
use super::value::{Kind, Octets, Value, View};
use super::{MAX_DEPTH, PickleError, malformed, number, refused, tag, text};

/// What the text of a pickle of so many bytes may come to. Without any repetition no byte becomes
/// more than 14 (an empty tuple does); the rest is for keys and strings that the memo repeats.
fn allowance(len: usize) -> usize {
    const REPEATED: usize = 1 << 20;
    (64 << 10) + len.saturating_mul(16) + len.min(REPEATED) * 64
}

/// A group of which a part has been written.
struct Open {
    /// What has not been.
    members: Members,
    form: Form,
    /// Nothing of it has been written.
    first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    List,
    /// Between the brackets of `{"$tuple":[…]}` and its like, all hashable where it says so.
    Tagged {
        hashable: bool,
    },
    /// `{"key":value}`, at a key or at a value.
    Object {
        at_value: bool,
    },
    /// `{"$dict":[[key,value]]}`, at a key or at a value.
    Pairs {
        at_value: bool,
    },
}

/// Appends the result of a program to `out`.
pub(super) fn write(program: &Program<'_>, out: &mut Vec<u8>) -> Result<(), PickleError> {
    let store = &program.store;
    let limit = out.len().saturating_add(allowance(store.pickle.len()));
    let mut writer = Writer { store, limit, out, open: Vec::new() };
    writer.value(program.result)?;
    while writer.step()? {}
    Ok(())
}

/// What stands before a part of a group.
fn separator(form: Form, first: bool) -> &'static [u8] {
    match form {
        Form::Object { at_value: true } => b":",
        Form::Pairs { at_value: true } => b",",
        Form::Pairs { .. } if first => b"[",
        Form::Pairs { .. } => b"],[",
        _ if first => b"",
        _ => b",",
    }
}

struct Writer<'a> {
    store: &'a Store<'a>,
    out: &'a mut Vec<u8>,
    limit: usize,
    open: Vec<Open>,
}

impl Writer<'_> {
    /// Writes the next part of the innermost group; false when all are closed.
    fn step(&mut self) -> Result<bool, PickleError> {
        let Some(open) = self.open.last_mut() else { return Ok(false) };
        let Some(value) = self.store.next(&mut open.members) else {
            self.close();
            return Ok(true);
        };
        let (form, first) = (open.form, std::mem::replace(&mut open.first, false));
        match &mut open.form {
            Form::Object { at_value } | Form::Pairs { at_value } => *at_value = !*at_value,
            Form::List | Form::Tagged { .. } => {}
        }
        if form == (Form::Tagged { hashable: true }) && !self.store.is_hashable(value) {
            return malformed("a key that can be changed");
        }
        self.out.extend_from_slice(separator(form, first));
        self.value(value)?;
        if self.out.len() > self.limit {
            return malformed("it repeats itself too often");
        }
        Ok(true)
    }

    fn close(&mut self) {
        let Some(open) = self.open.pop() else { return };
        self.out.extend_from_slice(match open.form {
            Form::List => b"]",
            Form::Object { .. } => b"}",
            Form::Tagged { .. } => b"]}",
            Form::Pairs { .. } => b"]]}",
        });
    }

    fn value(&mut self, value: Value) -> Result<(), PickleError> {
        let pickle = self.store.pickle;
        match self.store.view(value) {
            View::Text(at) => text::at(pickle, at)?.write(self.out),
            View::Plain(at) => {
                let cost = number::write(pickle, at, self.out)?;
                self.limit = self.limit.saturating_sub(cost);
                Ok(())
            }
            View::Bytes(octets) => self.octets(tag::BYTES, octets),
            View::Bytearray(octets) => self.octets(tag::BYTEARRAY, octets),
            View::Callable(_) => refused("a function in place of a value"),
            View::Group(kind, members) => self.group(kind, members),
        }
    }

    fn octets(&mut self, tag: &str, octets: Octets) -> Result<(), PickleError> {
        let pickle = self.store.pickle;
        self.tag(tag);
        self.out.push(b'"');
        match octets {
            Octets::None => {}
            Octets::Raw(at) => text::write_octets(pickle, at, self.out)?,
            Octets::Latin1(at) => text::at(pickle, at)?.write_latin1(self.out)?,
        }
        self.out.extend_from_slice(b"\"}");
        Ok(())
    }

    fn tag(&mut self, tag: &str) {
        self.out.extend_from_slice(b"{\"");
        self.out.extend_from_slice(tag.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// Begins a group. One that holds itself gets too deep.
    fn group(&mut self, kind: Kind, members: Members) -> Result<(), PickleError> {
        if self.open.len() >= MAX_DEPTH {
            return malformed(format!("nested deeper than {MAX_DEPTH}, or in itself"));
        }
        let (tag, form) = match kind {
            Kind::List => (None, Form::List),
            Kind::Tuple => (Some(tag::TUPLE), Form::Tagged { hashable: false }),
            Kind::Set => (Some(tag::SET), Form::Tagged { hashable: true }),
            Kind::Frozenset => (Some(tag::FROZENSET), Form::Tagged { hashable: true }),
            Kind::Dict if self.is_object(members) => (None, Form::Object { at_value: false }),
            Kind::Dict => (Some(tag::DICT), Form::Pairs { at_value: false }),
        };
        if let Some(tag) = tag {
            self.tag(tag);
        }
        self.out.push(if matches!(form, Form::Object { .. }) { b'{' } else { b'[' });
        self.open.push(Open { members, form, first: true });
        Ok(())
    }

    /// Whether all keys are strings that JSON can hold as they are.
    fn is_object(&self, mut members: Members) -> bool {
        while let Some(key) = self.store.next(&mut members) {
            let View::Text(at) = self.store.view(key) else { return false };
            if text::at(self.store.pickle, at).is_ok_and(|text| text.looks_like_a_tag()) {
                return false;
            }
            self.store.next(&mut members);
        }
        true
    }
}
