//! A tree as JSON text.
//!
//! A group that is referred to twice is written twice, so the text can outgrow any pickle: it is
//! limited by a budget, and nothing of it is kept where the budget is used up.

use std::borrow::Cow;

use data_encoding::BASE64;

use super::classes::Class;
use super::reader::Leaf;
use super::tree::{NodeKind, Tree, Value};
use super::{MAX_DEPTH, PickleError, TAGS, malformed, number, refused, too_deep};

/// What the text of a pickle of `len` bytes may come to at least. Without any repetition no byte becomes
/// more than 14 (an empty tuple does).
fn budget(len: usize) -> usize {
    (64 << 10) + len.saturating_mul(16)
}

/// Appends a tree to `out`, as `most` bytes or as what its pickle may come to.
pub(super) fn write(
    tree: &Tree<'_>,
    root: Value,
    most: usize,
    out: &mut Vec<u8>,
) -> Result<(), PickleError> {
    let most = most.max(budget(tree.pickle.len()));
    let limit = out.len().saturating_add(most);
    Writer { tree, most, limit, out }.value(root, 0).map(drop)
}

pub(super) struct Writer<'a> {
    pub(super) tree: &'a Tree<'a>,
    pub(super) out: &'a mut Vec<u8>,
    /// How long the text may be.
    most: usize,
    /// How long `out` may be, less what conversions have cost.
    limit: usize,
}

impl Writer<'_> {
    /// Writes a value; returns whether it is hashable.
    fn value(&mut self, value: Value, depth: usize) -> Result<bool, PickleError> {
        match self.tree.kind(value) {
            NodeKind::Leaf => self.leaf(value).map(|()| true),
            kind @ (NodeKind::Bytes | NodeKind::Latin1 | NodeKind::Bytearray) => {
                self.bytes(kind, value)
            }
            NodeKind::Function(_) => refused("a function in place of a value"),
            NodeKind::SetOf => self.group(NodeKind::Set, value, depth),
            NodeKind::FrozensetOf => self.group(NodeKind::Frozenset, value, depth),
            NodeKind::Instance(class) if class != Class::OrderedDict => self.instance(class, value),
            kind => self.group(kind, value, depth),
        }
    }

    fn leaf(&mut self, value: Value) -> Result<(), PickleError> {
        match self.tree.leaf(value)? {
            Leaf::Word(word) => self.out.extend_from_slice(word.as_bytes()),
            Leaf::Int(int) => number::write(int, self.out),
            Leaf::Float(float) => number::write_float(float, self.out),
            Leaf::Digits(text) => number::write_digits(text, self.out),
            Leaf::Text(text) => text.write(self.out)?,
            Leaf::Bytes(_) => debug_assert!(false, "bytes are no leaf of their kind"),
            Leaf::Long(bytes) => {
                // The memo may repeat a number that takes long to convert and little room.
                let cost = number::write_long(bytes, self.out)?;
                self.limit = self.limit.saturating_sub(cost);
            }
        }
        Ok(())
    }

    /// Writes a group. One that holds itself gets too deep.
    fn group(&mut self, kind: NodeKind, group: Value, depth: usize) -> Result<bool, PickleError> {
        if depth >= MAX_DEPTH {
            return too_deep();
        }
        let members = self.tree.members(group);
        // All keys are looked at before the first is written: which form it takes depends on them.
        let keys = members.iter().step_by(2);
        let is_object =
            kind == NodeKind::Dict && keys.clone().all(|key| self.tree.is_plain_key(*key));
        let is_pairs = kind.is_dict() && !is_object && !members.is_empty();
        let (open, close): (&[u8], &[u8]) = match kind {
            NodeKind::List => (b"[", b"]"),
            _ if is_object => (b"{", b"}"),
            _ if is_pairs => (b"[[", b"]]}"),
            _ => (b"[", b"]}"),
        };
        if !is_object {
            self.tag(kind);
        }
        if members.is_empty() {
            self.out.extend_from_slice(open);
            self.out.extend_from_slice(close);
            return Ok(matches!(kind, NodeKind::Frozenset | NodeKind::Tuple));
        }
        self.out.extend_from_slice(open);
        let mut hashable = true;
        for (at, member) in members.iter().enumerate() {
            let is_value = kind.is_dict() && !at.is_multiple_of(2);
            self.out.extend_from_slice(match at {
                0 => b"",
                _ if is_value && is_object => b":",
                _ if is_pairs && !is_value => b"],[",
                _ => b",",
            });
            let is_hashable = self.value(*member, depth + 1)?;
            let is_key = !is_value
                && (kind.is_dict() || matches!(kind, NodeKind::Set | NodeKind::Frozenset));
            // Python cannot hold such a set or dict, so no pickler has written this.
            if is_key && !is_hashable {
                return malformed("a key that can be changed");
            }
            hashable &= is_hashable;
            // Checked behind each member, so that the text exceeds the budget by one leaf at most.
            if self.out.len() > self.limit {
                return malformed(format!(
                    "it repeats itself, or has long numbers, to more than {} bytes of JSON",
                    self.most
                ));
            }
        }
        self.out.extend_from_slice(close);
        Ok(kind == NodeKind::Frozenset || kind == NodeKind::Tuple && hashable)
    }

    /// Begins the object that stands for what JSON lacks.
    pub(super) fn tag(&mut self, kind: NodeKind) {
        if let Some((_, tag)) = TAGS.iter().find(|(tagged, _)| *tagged == kind) {
            self.out.extend_from_slice(b"{\"");
            self.out.extend_from_slice(tag.as_bytes());
            self.out.extend_from_slice(b"\":");
        }
    }

    fn bytes(&mut self, kind: NodeKind, value: Value) -> Result<bool, PickleError> {
        let bytes = octets(self.tree, value)?;
        self.tag(if kind == NodeKind::Bytearray { kind } else { NodeKind::Bytes });
        self.out.push(b'"');
        let start = self.out.len();
        self.out.resize(start + BASE64.encode_len(bytes.len()), 0);
        BASE64.encode_mut(&bytes, self.out.get_mut(start..).unwrap_or_default());
        self.out.extend_from_slice(b"\"}");
        Ok(kind != NodeKind::Bytearray)
    }
}

/// The bytes of a value that stands for bytes.
pub(super) fn octets<'a>(tree: &Tree<'a>, value: Value) -> Result<Cow<'a, [u8]>, PickleError> {
    match (tree.kind(value), tree.members(value), tree.leaf(value)) {
        (NodeKind::Latin1, &[text], _) => match tree.leaf(text)? {
            Leaf::Text(text) => text.latin1().map(Cow::Owned),
            _ => Ok(Cow::Borrowed(b"")),
        },
        (_, &[inner], _) => octets(tree, inner),
        (_, _, Ok(Leaf::Bytes(bytes))) => Ok(Cow::Borrowed(bytes)),
        (_, _, Ok(Leaf::Text(text))) => text.resolve(),
        _ => Ok(Cow::Borrowed(b"")),
    }
}
