//! The report of a failure that no session has reported: to stderr, to stdout where events go
//! there, and to the hooks.

use std::io::{self, Write};
use std::time::SystemTime;

use super::args::RunArgs;
use super::launch;
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::protocol::output::Output;
use crate::report::{Name, Notice, Reporter, Settings};
use crate::sessions::StartupFailure;

/// Reports why a command did not run, and returns the status that follows.
pub(super) fn report(error: &anyhow::Error, settings: Settings, args: &RunArgs) -> Status {
    let failure = failure_of(error);
    let reporter = Reporter::new(settings);
    let code = u32::from(failure.status.code());
    let notices = [Notice::error(&failure), Notice::new(Name::Summary).code(code)];
    let mut lines = Vec::new();
    for notice in &notices {
        reporter.json_line(notice, SystemTime::now(), &mut lines);
    }
    report_alone(reporter, args, &notices);
    if args.output == Some(Output::Json) {
        // The status shows already that the run failed.
        let _ = io::stdout().write_all(&lines);
    }
    failure.status
}

/// The failure of a floor below; what is none is trouble of this machine.
fn failure_of(error: &anyhow::Error) -> Failure {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.clone();
    }
    // A context reads `cannot run the event loop`.
    let text = error.to_string();
    let target = text.strip_prefix("cannot run ").unwrap_or(&text);
    match error.root_cause().downcast_ref::<io::Error>() {
        Some(cause) => Failure::io(Status::Local, "run", target, cause),
        None => {
            let cause = error.root_cause().to_string();
            Failure::new(Status::Local, Kind::Io, "run", target, cause)
        }
    }
}

/// Reports without a session, to hooks as well.
fn report_alone(reporter: Reporter, args: &RunArgs, notices: &[Notice<'_>]) {
    let hooks = args.on.clone();
    let event_loop = if hooks.is_empty() { None } else { launch::bare().ok() };
    match event_loop {
        Some(mut event_loop) => {
            // There is nobody left to hear that this failed.
            let _ = StartupFailure::report(&mut event_loop, reporter, hooks, args.timeout, notices);
        }
        None => notices.iter().for_each(|notice| reporter.report(notice)),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_failure_is_found_below_its_contexts() {
        let own = Failure::new(Status::Connect, Kind::Refused, "connect to", "here", "refused");
        let error = Err::<(), _>(own.clone()).context("cannot run the probe").unwrap_err();
        assert_eq!(failure_of(&error), own);
    }

    #[test]
    fn any_other_error_is_trouble_of_this_machine() {
        let full = io::Error::from_raw_os_error(libc::EMFILE);
        let error = Err::<(), _>(full).context("cannot run the event loop").unwrap_err();
        let failure = failure_of(&error);
        assert_eq!(failure.status.code(), 7);
        assert_eq!(failure.to_string(), "cannot run the event loop: too many open files");
        assert_eq!(failure_of(&anyhow::anyhow!("odd")).to_string(), "cannot run odd: odd");
    }
}
