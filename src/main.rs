//! The binary: arguments in, exit status out.

use std::process::ExitCode;

use wirecat::commands;
use wirecat::error::Status;

fn main() -> ExitCode {
    let status = commands::run(&commands::parse());
    let signal = match status {
        Status::Interrupt => signal_hook::consts::SIGINT,
        Status::Terminate => signal_hook::consts::SIGTERM,
        Status::Hangup => signal_hook::consts::SIGHUP,
        _ => return ExitCode::from(status.code()),
    };
    // The parent shell looks at how we died, not only at the number (a loop in a script ends at
    // ^C only if its command died of it). Where that fails, the number is what is left.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    ExitCode::from(status.code())
}
