//! What goes with `--replay`.

use clap::Command;

use super::names;

/// What a recording leaves open. All other options would change what is sent or how it is taken,
/// and cannot go with one.
pub(super) const BESIDE_REPLAY: &[&str] = &[
    "Limits",
    "!--count",
    "!--expect",
    "!--read-timeout",
    "!--settle",
    "--output",
    "--record",
    "--replay",
    "--replay-timing",
    "--no-stdin",
    "Sockets",
    "TLS",
    "Scripting",
    "Events",
    "!--progress",
    // To how many clients it is played changes nothing about what is played.
    "--once",
    "--conns",
];

/// Has whatever is not made for `--replay` exclude it.
pub(in crate::commands) fn adapt(command: Command) -> Command {
    if !command.get_arguments().any(|arg| arg.get_id() == "replay") {
        return command;
    }
    command.mut_args(|arg| match arg.is_positional() || names(BESIDE_REPLAY, &arg) {
        true => arg,
        // clap takes a conflict as mutual, so that one side of each pair is enough.
        false => arg.conflicts_with("replay"),
    })
}
