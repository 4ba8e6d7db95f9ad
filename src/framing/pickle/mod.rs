//! Python pickles as JSON text, and JSON text as pickles: the payload of `--frame obj`.
//!
//! Data only: what would import, call or build something is refused, and nothing is ever called.
//! A [`Decoder`] runs the stack machine over the pickle (`machine`), which builds a `tree` of values,
//! and writes the tree as JSON (`writer`). It stops after so much work, and goes on later: all that it
//! keeps refers to the pickle by offsets. An [`Encoder`] reads JSON and writes opcodes, in the same steps. What
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

use machine::Machine;
use reader::Reader;
use tree::{NodeKind, Tree, TreeParts, Value};
use writer::{Writer, WrittenText};

pub(super) use encoder::Encoder;
#[cfg(test)]
use encoder::encode;

/// How deep lists, dicts and their like may be nested; CPython's own pickler gives up at about 1000.
const MAX_DEPTH: usize = 1024;

/// The keys that mark in JSON what JSON lacks, in the order of the kinds.
const TAGS: [(NodeKind, &str); 14] = [
    (NodeKind::Tuple, "$tuple"),
    (NodeKind::Set, "$set"),
    (NodeKind::Frozenset, "$frozenset"),
    (NodeKind::Dict, "$dict"),
    (NodeKind::Bytes, "$bytes"),
    (NodeKind::Bytearray, "$bytearray"),
    (NodeKind::OrderedDict, "$ordereddict"),
    (NodeKind::Datetime, "$datetime"),
    (NodeKind::Date, "$date"),
    (NodeKind::Time, "$time"),
    (NodeKind::Timedelta, "$timedelta"),
    (NodeKind::Decimal, "$decimal"),
    (NodeKind::Complex, "$complex"),
    (NodeKind::Uuid, "$uuid"),
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

/// Decodes one whole pickle of protocol 0 to 5 as JSON text in one line.
///
/// ```text
///           the last opcode              the root is written
/// reading ──────────────────> writing ──────────────────────> done
/// ```
#[derive(Default)]
pub(super) struct Decoder {
    /// How many bytes of the pickle are read.
    at: usize,
    state: machine::MachineState,
    parts: TreeParts,
    root: Option<Value>,
    written: WrittenText,
}

impl Decoder {
    /// Works on until that has cost `work`, about in bytes read and written, which is taken off it.
    /// Returns the text once it is whole. It may have `most` bytes, or as many as the pickle comes to
    /// without any repetition. Each call has the same pickle.
    ///
    /// # Errors
    /// The pickle is unsafe, broken or beyond a limit.
    pub(super) fn step(
        &mut self,
        pickle: &[u8],
        most: usize,
        work: &mut usize,
    ) -> Result<Option<Vec<u8>>, PickleError> {
        let Self { at, state, parts, root, written } = self;
        let tree = Tree { pickle, parts };
        if root.is_none() {
            if pickle.len() > Value::MAX_PICKLE {
                return malformed("more than 2 GiB");
            }
            // Most objects are a little longer as text, and most are small.
            written.out.reserve(pickle.len() + pickle.len() / 2);
            let left = pickle.get(*at..).unwrap_or_default();
            let mut machine = Machine { reader: Reader(left), state, tree };
            *root = machine.run(left.len().saturating_sub(*work))?;
            let read = left.len() - machine.reader.0.len();
            (*at, *work) = (*at + read, work.saturating_sub(read));
            let Some(root) = *root else { return Ok(None) };
            // The stack and the memo may be as large as the tree, and are of no use any more.
            *machine.state = machine::MachineState::default();
            Writer { tree: machine.tree, written, most }.value(root)?;
            return if *work == 0 { Ok(None) } else { self.step(pickle, most, work) };
        }
        let before = written.spent();
        let is_whole = Writer { tree, written, most }.run(*work)?;
        *work = work.saturating_sub(written.spent() - before);
        Ok(is_whole.then(|| std::mem::take(&mut self.written.out)))
    }
}

/// The text of a whole pickle.
///
/// # Errors
/// As those of [`Decoder::step`].
pub(super) fn decode(pickle: &[u8], most: usize) -> Result<Vec<u8>, PickleError> {
    let text = Decoder::default().step(pickle, most, &mut { usize::MAX })?;
    text.map_or_else(|| malformed("more work than can be counted"), Ok)
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
mod tests;
