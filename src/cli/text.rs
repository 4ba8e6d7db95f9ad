//! TEXT values: escapes, `@FILE`, `@-`.

use std::io::{self, Read};

use bytes::Bytes;

use crate::error::{Failure, Status};
use crate::protocol::text::unescape;

/// The bytes that a TEXT value means.
///
/// # Errors
/// The file cannot be read.
pub(super) fn read(text: &str) -> Result<Bytes, Failure> {
    let fail = |what: &str, error: io::Error| Failure::io(Status::Local, "read", what, &error);
    match text.strip_prefix('@') {
        None => Ok(unescape(text).into()),
        Some("-") => {
            let mut bytes = Vec::new();
            io::stdin().read_to_end(&mut bytes).map_err(|error| fail("stdin", error))?;
            Ok(bytes.into())
        }
        Some(path) => Ok(std::fs::read(path).map_err(|error| fail(path, error))?.into()),
    }
}

/// Whether a TEXT value takes all of stdin for itself.
pub(super) fn takes_stdin(text: Option<&str>) -> bool {
    text == Some("@-")
}
