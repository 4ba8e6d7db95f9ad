//! Python pickles as JSON text, and JSON text as pickles: the payload of `--frame obj`.
//!
//! Data only: what would import, call or build something is refused, and nothing is ever called.
//! [`decode`] runs the stack machine over the pickle (`machine`), which builds a `tree` of values,
//! and writes the tree as JSON (`writer`). [`encode`] reads JSON and writes opcodes (`encoder`). What
//! JSON lacks is tagged, as in `{"$bytes":"AP8="}`, so that JSON to object to JSON is the identity.
//! So are instances of the few `classes` of Python's library that are data, by exact name.
//!
//! The crate for this, serde-pickle, sorts dicts, turns a bytearray into bytes and copies what the
//! memo repeats, which lets a few hundred bytes fill any memory. Here depth, integers and output
//! are bounded, and time and memory are in proportion to the input.

mod classes;
mod encoder;
mod machine;
mod number;
mod reader;
mod stamp;
mod text;
mod tree;
mod writer;

use classes::Class;
use tree::NodeKind;

pub(super) use encoder::encode;

/// How deep lists, dicts and their like may be nested; CPython's own pickler gives up at about
/// 1000. The writer and the encoder call themselves once a level, which takes up to 384 bytes of the
/// stack, and about 2 KiB where nothing is optimized.
const MAX_DEPTH: usize = 1024;

/// The keys that mark in JSON what JSON lacks.
const TAGS: [(NodeKind, &str); 14] = [
    (NodeKind::Tuple, "$tuple"),
    (NodeKind::Set, "$set"),
    (NodeKind::Frozenset, "$frozenset"),
    (NodeKind::Dict, "$dict"),
    (NodeKind::Bytes, "$bytes"),
    (NodeKind::Bytearray, "$bytearray"),
    (NodeKind::ORDERED, "$ordereddict"),
    (NodeKind::Instance(Class::Datetime), "$datetime"),
    (NodeKind::Instance(Class::Date), "$date"),
    (NodeKind::Instance(Class::Time), "$time"),
    (NodeKind::Instance(Class::Timedelta), "$timedelta"),
    (NodeKind::Instance(Class::Decimal), "$decimal"),
    (NodeKind::Instance(Class::Complex), "$complex"),
    (NodeKind::Instance(Class::Uuid), "$uuid"),
];
const INT: &str = "$int";
const FLOAT: &str = "$float";

/// Why a pickle is not decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PickleError {
    /// It asks for more than data: to import, call or build something.
    #[error("unsafe pickle: {0}")]
    Unsafe(String),
    /// It breaks the rules of the format, or exceeds a limit.
    #[error("bad pickle: {0}")]
    Malformed(String),
}

/// Decodes one whole pickle of protocol 0 to 5 and appends it to `out` as JSON text in one line, which
/// may have `most` bytes, or as many as the pickle comes to without any repetition.
///
/// # Errors
/// The pickle is unsafe, broken or beyond a limit; `out` then holds a part of the text.
pub(super) fn decode(pickle: &[u8], most: usize, out: &mut Vec<u8>) -> Result<(), PickleError> {
    let (tree, root) = machine::run(pickle)?;
    writer::write(&tree, root, most, out)
}

#[cold]
fn malformed<T>(what: impl Into<String>) -> Result<T, PickleError> {
    Err(PickleError::Malformed(what.into()))
}

#[cold]
fn refused<T>(what: impl Into<String>) -> Result<T, PickleError> {
    Err(PickleError::Unsafe(what.into()))
}

fn too_deep<T>() -> Result<T, PickleError> {
    malformed(format!("nested deeper than {MAX_DEPTH}, or in itself"))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod spellings;
