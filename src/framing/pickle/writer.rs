//! A tree as JSON text.
//!
//! A group that is referred to twice is written twice, so the text can outgrow any pickle: it is
//! limited by a budget, and nothing of it is kept where the budget is used up.

use super::reader::Leaf;
use super::tree::{Kind, Members, Octets, Tree, Value, View};
use super::{MAX_DEPTH, PickleError, malformed, number, refused, tag, text, too_deep};

/// What the text of a pickle of `len` bytes may come to. Without any repetition no byte becomes
/// more than 14 (an empty tuple does); the rest is for keys and strings that the memo repeats.
fn budget(len: usize) -> usize {
    const REPEATED: usize = 1 << 20;
    (64 << 10) + len.saturating_mul(16) + len.min(REPEATED) * 64
}

/// A group of which a part has been written.
struct Open<'a> {
    rest: &'a [Value],
    form: Form,
    /// Nothing of it has been written.
    first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    List,
    /// Between the brackets of `{"$tuple":[…]}` and its like.
    Tagged,
    /// `{"key":value}`, at a key or at a value.
    Object {
        at_value: bool,
    },
    /// `{"$dict":[[key,value]]}`, at a key or at a value.
    Pairs {
        at_value: bool,
    },
}

/// Appends a tree to `out`.
pub(super) fn write(tree: &Tree<'_>, root: Value, out: &mut Vec<u8>) -> Result<(), PickleError> {
    let limit = out.len().saturating_add(budget(tree.pickle.len()));
    let mut writer = Writer { tree, limit, out, open: Vec::new() };
    writer.value(root)?;
    while writer.step()? {}
    Ok(())
}

/// What precedes a member of a group.
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
    tree: &'a Tree<'a>,
    out: &'a mut Vec<u8>,
    limit: usize,
    open: Vec<Open<'a>>,
}

impl Writer<'_> {
    /// Writes the next member of the innermost group, or closes it; false when all are closed.
    fn step(&mut self) -> Result<bool, PickleError> {
        let Some(open) = self.open.last_mut() else { return Ok(false) };
        let Some((value, rest)) = open.rest.split_first() else {
            self.out.extend_from_slice(match open.form {
                Form::List => b"]",
                Form::Object { .. } => b"}",
                Form::Tagged => b"]}",
                Form::Pairs { .. } => b"]]}",
            });
            self.open.pop();
            return Ok(true);
        };
        self.out.extend_from_slice(separator(open.form, open.first));
        (open.rest, open.first) = (rest, false);
        if let Form::Object { at_value } | Form::Pairs { at_value } = &mut open.form {
            *at_value = !*at_value;
        }
        self.value(*value)?;
        if self.out.len() > self.limit {
            return malformed("it repeats itself too often");
        }
        Ok(true)
    }

    fn value(&mut self, value: Value) -> Result<(), PickleError> {
        match self.tree.view(value) {
            View::Leaf(at) => self.leaf(self.tree.leaf(at)?),
            View::Bytes(octets) => self.octets(tag::BYTES, octets),
            View::Bytearray(octets) => self.octets(tag::BYTEARRAY, octets),
            View::Callable(_) => refused("a function in place of a value"),
            View::Group(kind, members) => self.group(kind, members),
        }
    }

    fn leaf(&mut self, leaf: Leaf<'_>) -> Result<(), PickleError> {
        match leaf {
            Leaf::None => self.out.extend_from_slice(b"null"),
            Leaf::Bool(true) => self.out.extend_from_slice(b"true"),
            Leaf::Bool(false) => self.out.extend_from_slice(b"false"),
            Leaf::Int(int) => number::write(int, self.out),
            Leaf::Float(float) => number::write_float(float, self.out),
            Leaf::Digits(text) => number::write_digits(text, self.out),
            Leaf::Text(text) => text.write(self.out)?,
            Leaf::Bytes(bytes) => text::write_base64(bytes, self.out),
            Leaf::Long(bytes) => {
                let cost = number::write_long(bytes, self.out)?;
                self.limit = self.limit.saturating_sub(cost);
            }
        }
        Ok(())
    }

    fn octets(&mut self, tag: &str, octets: Octets) -> Result<(), PickleError> {
        self.tag(tag);
        self.out.push(b'"');
        match octets {
            Octets::None => {}
            Octets::Raw(at) => match self.tree.leaf(at)? {
                Leaf::Text(text) => text::write_base64(&text.resolve()?, self.out),
                leaf => self.leaf(leaf)?,
            },
            Octets::Latin1(at) => match self.tree.leaf(at)? {
                Leaf::Text(text) => text::write_base64(&text.latin1()?, self.out),
                leaf => self.leaf(leaf)?,
            },
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
            return too_deep();
        }
        let (tag, form) = match kind {
            Kind::List => (None, Form::List),
            Kind::Tuple => (Some(tag::TUPLE), Form::Tagged),
            Kind::Set => (Some(tag::SET), Form::Tagged),
            Kind::Frozenset => (Some(tag::FROZENSET), Form::Tagged),
            Kind::Dict if self.tree.is_object(members) => (None, Form::Object { at_value: false }),
            Kind::Dict => (Some(tag::DICT), Form::Pairs { at_value: false }),
        };
        if let Some(tag) = tag {
            self.tag(tag);
        }
        self.out.push(if matches!(form, Form::Object { .. }) { b'{' } else { b'[' });
        self.open.push(Open { rest: self.tree.members(members), form, first: true });
        Ok(())
    }
}
