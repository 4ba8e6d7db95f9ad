//! Who may have stdout, where an option asks for it by a `-`.

use super::rules::refuse;
use crate::error::Failure;
use crate::sessions::Console;
use crate::sessions::config::Common;
use crate::sessions::recorder::RecordTarget;

/// Gives stdout to what asks for it by a `-`, where it is free.
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
