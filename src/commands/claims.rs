//! Which option gets stdin or stdout, where several could ask for it by a `-`.

use std::ffi::OsString;

use super::rules::{ONE_PURPOSE, refuse};
use crate::error::Failure;
use crate::sessions::Console;
use crate::sessions::config::Common;
use crate::sessions::recorder::RecordTarget;

/// Gives stdout to the option that asks for it by a `-`, where it is free.
///
/// # Errors
/// It carries something else.
pub(super) fn claim_stdout(common: &Common, console: &mut Console) -> Result<(), Failure> {
    let is_recorded = common.helpers.record.as_ref().is_some_and(RecordTarget::is_stdout);
    let why = match (console.uses_stdout(), is_recorded) {
        (true, _) => "stdout carries the data (--output none frees it)",
        (false, true) => "stdout carries the recording",
        (false, false) => return Ok(()),
    };
    if is_recorded && console.uses_stdout() {
        return Err(refuse("--record -", why));
    }
    if common.helpers.readiness.use_stdout() {
        return Err(refuse("--port-file -", why));
    }
    if is_recorded {
        console.is_recorded_to_stdout();
    }
    Ok(())
}

/// How many texts are read of stdin.
pub(super) fn texts_of_stdin<'a>(texts: impl IntoIterator<Item = &'a OsString>) -> usize {
    texts.into_iter().filter(|text| *text == "@-").count()
}

/// Several readers of stdin would each get a part of it: texts, and the session where it is one.
///
/// # Errors
/// There are as many.
pub(super) fn check_stdin_takers(takers: usize) -> Result<(), Failure> {
    if takers > 1 { Err(refuse("@-", ONE_PURPOSE)) } else { Ok(()) }
}
