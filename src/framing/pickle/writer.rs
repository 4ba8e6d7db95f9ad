//! A tree as JSON text.
//!
//! A group that is referred to twice is written twice, so the text can outgrow any pickle: it is
//! limited by a budget, and nothing of it is kept where the budget is used up.

use std::ops::Range;

use data_encoding::BASE64;

use super::reader::Leaf;
use super::text::{self, PIECE};
use super::tree::{NodeKind, Tree, Value};
use super::{MAX_DEPTH, PickleError, malformed, number, refused, too_deep};

/// What the text of a pickle of `len` bytes may come to at least. Without any repetition no byte becomes
/// more than 14 (an empty tuple does).
fn least(len: usize) -> usize {
    (64 << 10) + len.saturating_mul(16)
}

/// The text of a tree, as far as it is written.
#[derive(Default)]
pub(super) struct WrittenText {
    pub(super) out: Vec<u8>,
    /// What conversions have cost, in bytes that could have been written meanwhile.
    cost: usize,
    /// Bytes of strings and bytes that were read.
    read: usize,
    /// The groups in which the writer is.
    levels: Vec<WriterLevel>,
    spelling: Option<Spelling>,
}

/// A group of which some members are written.
struct WriterLevel {
    form: LevelForm,
    /// How many members are written, and where the others lie among those of all groups.
    count: usize,
    rest: Range<usize>,
}

/// How a group is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LevelForm {
    List,
    /// A list within the object that stands for what JSON lacks.
    Tagged,
    /// The same of keys and values, two by two.
    Pairs,
    Object,
}

impl LevelForm {
    /// What stands in front of the members, and behind them.
    fn brackets(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::List => (b"[", b"]"),
            Self::Tagged => (b"[", b"]}"),
            Self::Pairs => (b"[[", b"]]}"),
            Self::Object => (b"{", b"}"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelled {
    Text,
    Base64,
}

/// A string or bytes of which a part is written.
struct Spelling {
    value: Value,
    form: Spelled,
    /// How many bytes of its spelling are taken.
    taken: usize,
    /// Bytes that wait until they are three.
    rest: Vec<u8>,
}

impl WrittenText {
    /// What it has cost so far.
    pub(super) fn spent(&self) -> usize {
        self.out.len() + self.cost + self.read
    }
}

pub(super) struct Writer<'a> {
    pub(super) tree: Tree<'a>,
    pub(super) written: &'a mut WrittenText,
    /// The most bytes that the text may have, unless its pickle comes to more without repetition.
    pub(super) most: usize,
}

impl Writer<'_> {
    /// Writes on until that has cost more than `work`, or to the end; true then.
    pub(super) fn run(&mut self, work: usize) -> Result<bool, PickleError> {
        let most = self.most.max(least(self.tree.pickle.len()));
        let enough = self.written.spent().saturating_add(work);
        loop {
            // Checked behind each value, so that the text exceeds the budget by one piece at most.
            if self.written.out.len() + self.written.cost > most && !self.written.levels.is_empty()
            {
                return malformed(format!(
                    "it repeats itself, or has long numbers, to more than {most} bytes of JSON"
                ));
            }
            if self.written.spelling.is_some() {
                self.spell()?;
            } else if self.written.levels.is_empty() {
                return Ok(true);
            } else if let Some(member) = self.next_member() {
                self.value(member)?;
            }
            if self.written.spent() > enough {
                return Ok(self.written.spelling.is_none() && self.written.levels.is_empty());
            }
        }
    }

    /// Writes what stands in front of the next member, or the end of the group.
    fn next_member(&mut self) -> Option<Value> {
        let WrittenText { levels, out, .. } = &mut *self.written;
        let level = levels.last_mut()?;
        match level.rest.next().and_then(|at| self.tree.member(at)) {
            Some(member) => {
                out.extend_from_slice(match (level.form, level.count.is_multiple_of(2)) {
                    _ if level.count == 0 => b"",
                    (LevelForm::Object, false) => b":",
                    (LevelForm::Pairs, true) => b"],[",
                    _ => b",",
                });
                level.count += 1;
                Some(member)
            }
            None => {
                out.extend_from_slice(level.form.brackets().1);
                levels.pop();
                None
            }
        }
    }

    /// Writes a value, or begins to.
    pub(super) fn value(&mut self, value: Value) -> Result<(), PickleError> {
        let kind = match self.tree.kind(value) {
            NodeKind::Leaf => return self.leaf(value),
            kind @ (NodeKind::Bytes | NodeKind::Latin1 | NodeKind::Bytearray) => {
                let is_array = kind == NodeKind::Bytearray;
                self.tag(if is_array { kind } else { NodeKind::Bytes });
                self.begin_spelling(value, Spelled::Base64);
                return Ok(());
            }
            NodeKind::Function => return refused("a function in place of a value"),
            NodeKind::SetOf => NodeKind::Set,
            NodeKind::FrozensetOf => NodeKind::Frozenset,
            kind => kind,
        };
        // A group that holds itself gets too deep.
        if self.written.levels.len() >= MAX_DEPTH {
            return too_deep();
        }
        let rest = self.tree.range(value).unwrap_or_default();
        let is_object = kind == NodeKind::Dict && self.tree.is_object(value);
        match kind {
            NodeKind::List
            | NodeKind::Tuple
            | NodeKind::Set
            | NodeKind::Frozenset
            | NodeKind::Dict
            | NodeKind::OrderedDict => {}
            _ => return self.instance(kind, value),
        }
        let form = match kind {
            NodeKind::List => LevelForm::List,
            _ if is_object => LevelForm::Object,
            _ if kind.is_dict() && !rest.is_empty() => LevelForm::Pairs,
            _ => LevelForm::Tagged,
        };
        if !is_object {
            self.tag(kind);
        }
        let (open, close) = form.brackets();
        self.written.out.extend_from_slice(open);
        if rest.is_empty() {
            self.written.out.extend_from_slice(close);
        } else {
            self.written.levels.push(WriterLevel { form, count: 0, rest });
        }
        Ok(())
    }

    fn leaf(&mut self, value: Value) -> Result<(), PickleError> {
        let out = &mut self.written.out;
        match self.tree.leaf(value)? {
            Leaf::Word(word) => out.extend_from_slice(word.as_bytes()),
            Leaf::Int(int) => number::write(int, out),
            Leaf::Float(float) => number::write_float(float, out),
            Leaf::Digits(text) => number::write_digits(text, out),
            // The memo may repeat a number that takes long to convert and little room.
            Leaf::Long(bytes) => self.written.cost += number::write_long(bytes, out)?,
            Leaf::Text(_) | Leaf::Bytes(_) => self.begin_spelling(value, Spelled::Text),
        }
        Ok(())
    }

    /// Begins the object that stands for what JSON lacks.
    pub(super) fn tag(&mut self, kind: NodeKind) {
        if let Some((_, tag)) = super::TAGS.get(kind as usize) {
            for part in ["{\"", tag, "\":"] {
                self.written.out.extend_from_slice(part.as_bytes());
            }
        }
    }

    fn begin_spelling(&mut self, value: Value, form: Spelled) {
        self.written.out.push(b'"');
        self.written.spelling = Some(Spelling { value, form, taken: 0, rest: Vec::new() });
    }

    /// Writes the next piece of a string or of bytes.
    fn spell(&mut self) -> Result<(), PickleError> {
        let WrittenText { out, spelling, read, .. } = &mut *self.written;
        let Some(Spelling { value, form, taken, rest }) = spelling else { return Ok(()) };
        let (mut text, is_latin1) = self.tree.octets(*value);
        text.raw = text.raw.get(*taken..).unwrap_or_default();
        let left = text.raw.len();
        let piece = text.take(PIECE)?;
        *taken += left - text.raw.len();
        *read += left - text.raw.len();
        let is_last = text.raw.is_empty();
        if *form == Spelled::Text {
            text::write(&piece, out)?;
        } else {
            match is_latin1 {
                true => rest.extend_from_slice(&text::latin1(&piece)?),
                false => rest.extend_from_slice(&piece),
            }
            let len = if is_last { rest.len() } else { rest.len() / 3 * 3 };
            let start = out.len();
            out.resize(start + BASE64.encode_len(len), 0);
            let bytes = rest.get(..len).unwrap_or_default();
            BASE64.encode_mut(bytes, out.get_mut(start..).unwrap_or_default());
            rest.drain(..len);
        }
        if is_last {
            out.extend_from_slice(match form {
                Spelled::Text => b"\"",
                Spelled::Base64 => b"\"}",
            });
            *spelling = None;
        }
        Ok(())
    }
}
