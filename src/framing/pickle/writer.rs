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
    form: &'static Form,
    /// How many members are written, and where the others lie among those of all groups.
    count: usize,
    rest: Range<usize>,
}

/// How a group is written: what stands in front of the members, behind those with an even number
/// before them, behind the others, and at the end.
struct Form(&'static str, &'static str, &'static str, &'static str);

const LIST: Form = Form("[", ",", ",", "]");
const OBJECT: Form = Form("{", ":", ",", "}");
/// A list within the object that stands for what JSON lacks.
const TAGGED: Form = Form("[", ",", ",", "]}");
/// The same of keys and values, two by two.
const PAIRS: Form = Form("[[", ",", "],[", "]]}");

/// A string or bytes of which a part is written.
struct Spelling {
    value: Value,
    /// How many bytes of its spelling are taken.
    taken: usize,
    /// Of base64: bytes that wait until they are three.
    base64: Option<Vec<u8>>,
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
        let Form(_, behind_even, behind_odd, end) = level.form;
        let Some(member) = level.rest.next().and_then(|at| self.tree.member(at)) else {
            out.extend_from_slice(end.as_bytes());
            levels.pop();
            return None;
        };
        if level.count > 0 {
            let mark = if level.count.is_multiple_of(2) { behind_odd } else { behind_even };
            out.extend_from_slice(mark.as_bytes());
        }
        level.count += 1;
        Some(member)
    }

    /// Writes a value, or begins to.
    pub(super) fn value(&mut self, value: Value) -> Result<(), PickleError> {
        use NodeKind::{Bytearray, Bytes, Dict, Frozenset, Latin1, List, Object};
        use NodeKind::{Function, Leaf, OrderedDict, Set, SetOf, Tuple};
        let (kind, rest) = (self.tree.kind(value), self.tree.range(value));
        let form = match kind {
            Leaf => return self.leaf(value),
            Bytes | Latin1 | Bytearray => {
                self.tag(kind);
                self.begin_spelling(value, Some(Vec::new()));
                return Ok(());
            }
            Function => return refused("a function in place of a value"),
            // A group that holds itself gets too deep.
            _ if self.written.levels.len() >= MAX_DEPTH => return too_deep(),
            List => &LIST,
            Object => &OBJECT,
            Dict | OrderedDict if !rest.is_empty() => &PAIRS,
            Tuple | Set | SetOf | Frozenset | Dict | OrderedDict => &TAGGED,
            _ => return self.instance(kind, value),
        };
        self.tag(kind);
        self.written.out.extend_from_slice(form.0.as_bytes());
        if rest.is_empty() {
            self.written.out.extend_from_slice(form.3.as_bytes());
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
            Leaf::Text(_) | Leaf::Bytes(_) => self.begin_spelling(value, None),
        }
        Ok(())
    }

    /// Begins the object that stands for what JSON lacks.
    pub(super) fn tag(&mut self, kind: NodeKind) {
        let kind = match kind {
            NodeKind::SetOf => NodeKind::Set,
            NodeKind::Latin1 => NodeKind::Bytes,
            kind => kind,
        };
        if let Some((_, tag)) = super::TAGS.get(kind as usize) {
            for part in ["{\"", tag, "\":"] {
                self.written.out.extend_from_slice(part.as_bytes());
            }
        }
    }

    fn begin_spelling(&mut self, value: Value, base64: Option<Vec<u8>>) {
        self.written.out.push(b'"');
        self.written.spelling = Some(Spelling { value, taken: 0, base64 });
    }

    /// Writes the next piece of a string or of bytes.
    fn spell(&mut self) -> Result<(), PickleError> {
        let WrittenText { out, spelling, read, .. } = &mut *self.written;
        let Some(Spelling { value, taken, base64 }) = spelling else { return Ok(()) };
        let (mut text, is_latin1) = self.tree.octets(*value);
        text.raw = text.raw.get(*taken..).unwrap_or_default();
        let left = text.raw.len();
        let piece = text.take(PIECE)?;
        *taken += left - text.raw.len();
        *read += left - text.raw.len();
        let is_last = text.raw.is_empty();
        let Some(bytes) = base64 else {
            text::write(&piece, out)?;
            if is_last {
                out.push(b'"');
                *spelling = None;
            }
            return Ok(());
        };
        match is_latin1 {
            true => bytes.extend_from_slice(&text::latin1(&piece)?),
            false => bytes.extend_from_slice(&piece),
        }
        let len = if is_last { bytes.len() } else { bytes.len() / 3 * 3 };
        let start = out.len();
        out.resize(start + BASE64.encode_len(len), 0);
        let whole = bytes.get(..len).unwrap_or_default();
        BASE64.encode_mut(whole, out.get_mut(start..).unwrap_or_default());
        bytes.drain(..len);
        if is_last {
            out.extend_from_slice(b"\"}");
            *spelling = None;
        }
        Ok(())
    }
}
