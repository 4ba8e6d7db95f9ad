//! The binary: arguments in, exit status out.

use std::process::ExitCode;

use wirecat::commands;
use wirecat::error::Status;
use wirecat::sys::{signals, startup};

fn main() -> ExitCode {
    // A mask that cannot be changed is no reason not to run.
    let _ = startup::begin();
    let status = commands::run(&commands::parse());
    let signal = match status {
        Status::Interrupt => signals::SIGINT,
        Status::Terminate => signals::SIGTERM,
        Status::Hangup => signals::SIGHUP,
        _ => return ExitCode::from(status.code()),
    };
    // The parent shell looks at how we died, not only at the number (a loop in a script ends at
    // ^C only if its command died of it).
    signals::die(signal)
}
