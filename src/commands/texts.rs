//! TEXT of the command line: with escapes, `@FILE`, or `@-`.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bytes::Bytes;

use super::rules::{ONE_PURPOSE, refuse};
use crate::error::{Failure, Status};
use crate::values::unescape;

/// Two readers of stdin would each get a part of it: texts, and the session where it is one.
pub(super) fn check_stdin_takers<'a>(
    texts: impl IntoIterator<Item = &'a OsString>,
    session: bool,
) -> Result<(), Failure> {
    let takers = texts.into_iter().filter(|text| *text == "@-").count() + usize::from(session);
    if takers > 1 { Err(refuse("@-", ONE_PURPOSE)) } else { Ok(()) }
}

/// The bytes that a TEXT value means: with escapes, `@FILE`, or `@-`.
///
/// # Errors
/// The file cannot be read.
#[cold]
pub(super) fn read_text(text: &OsStr) -> Result<Bytes, Failure> {
    let fail = |what: &str, error: io::Error| Failure::io(Status::Local, "read", what, &error);
    match text.as_bytes().strip_prefix(b"@") {
        None => Ok(unescape(text.as_bytes()).into()),
        Some(b"-") => {
            let mut bytes = Vec::new();
            io::stdin().read_to_end(&mut bytes).map_err(|error| fail("stdin", error))?;
            Ok(bytes.into())
        }
        Some(path) => {
            let path = Path::new(OsStr::from_bytes(path));
            let name = path.display().to_string();
            Ok(std::fs::read(path).map_err(|error| fail(&name, error))?.into())
        }
    }
}
