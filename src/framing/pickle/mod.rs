//! Python pickles as JSON text, and JSON text as pickles: the payload of `--frame obj`.
//!
//! Data only: whatever would make a program of a pickle is refused, and nothing is ever called.
//! [`decode`] runs the stack machine over the pickle (`machine`, `call`) and then writes the JSON
//! text (`writer`); [`encode`] turns JSON tokens (`json`) into opcodes (`encoder`). What JSON
//! lacks is tagged, as in `{"$bytes":"AP8="}`, so that JSON to object to JSON changes nothing.
//!
//! To the machine a value is four bytes (`value`): the offset of its opcode in the pickle, where
//! all of it can be read again, or the place of a record in an array of words (`store`), which
//! holds what was put together: groups, and what protocols 0 to 2 spell as calls. So no byte of a
//! pickle comes to more than twelve (`]2` over and over does) before the text is written.
//!
//! serde-pickle, the crate for this, sorts dicts, makes bytes of bytearrays and copies whatever
//! the memo repeats, which lets a few hundred bytes fill any memory; hence this module. Depth,
//! memo, integers and output are bounded here, and no work is more than proportional to the
//! input.

mod call;
mod encoder;
mod json;
mod machine;
mod number;
mod reader;
mod store;
mod tag;
mod text;
mod value;
mod writer;

pub(super) use encoder::encode;

/// How deep lists, dicts and their like may lie in each other; CPython's own pickler gives up at
/// about as many.
const MAX_DEPTH: usize = 1024;

/// Why a pickle is not decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PickleError {
    /// It asks for more than data: to import, call or build something.
    #[error("unsafe pickle: {0}")]
    Unsafe(String),
    /// It breaks the rules of the format, or passes a limit.
    #[error("bad pickle: {0}")]
    Malformed(String),
}

/// Decodes one whole pickle of protocol 0 to 5 and appends it to `out` as JSON text in one line.
///
/// # Errors
/// The pickle is unsafe, broken or beyond a limit; `out` then holds no use.
pub(super) fn decode(pickle: &[u8], out: &mut Vec<u8>) -> Result<(), PickleError> {
    let program = machine::run(pickle)?;
    writer::write(&program, out)
}

fn malformed<T>(what: impl Into<String>) -> Result<T, PickleError> {
    Err(PickleError::Malformed(what.into()))
}

fn refused<T>(what: impl Into<String>) -> Result<T, PickleError> {
    Err(PickleError::Unsafe(what.into()))
}

#[cfg(test)]
mod properties;
