//! The completions and man pages that are checked in are those of the command line as it is.
//! `UPDATE=1 cargo test --test assets` writes them anew.
#![cfg(test)]

mod completions;
mod events;
mod from_nc;
mod limits;
mod manual;
mod sections;
mod shells;
#[path = "../it/support/skipped.rs"]
mod skipped;
mod systemd;

use std::fs;
use std::path::Path;

/// SPEC 2: `wirecat completions SHELL` and `wirecat man COMMAND` print what is checked in.
#[test]
fn the_binary_prints_what_is_checked_in() {
    for (args, path) in [
        (&["completions", "bash"][..], "completions/wirecat.bash"),
        (&["completions", "zsh"], "completions/_wirecat"),
        (&["completions", "fish"], "completions/wirecat.fish"),
        (&["completions", "powershell"], "completions/_wirecat.ps1"),
        (&["completions", "elvish"], "completions/wirecat.elv"),
        (&["completions", "nushell"], "completions/wirecat.nu"),
        (&["man"], "man/wirecat.1"),
        (&["man", "tcp-connect"], "man/wirecat-tcp-connect.1"),
        (&["man", "tcp-serve"], "man/wirecat-tcp-serve.1"),
        (&["man", "from-nc"], "man/wirecat-from-nc.7"),
        (&["man", "events"], "man/wirecat-events.7"),
        (&["man", "events-schema"], "man/wirecat-events.schema.json"),
    ] {
        let output = process(env!("CARGO_BIN_EXE_wirecat"), args).expect("wirecat runs");
        // The binary may be older than a file that was written a moment ago.
        if std::env::var_os("UPDATE").is_none() {
            assert!(output.stdout == read(path).into_bytes(), "{args:?} differs from {path}");
        }
        assert!(output.status.success(), "{args:?}: {}", output.status);
    }
}

/// Runs a program at the top of the package; `None` where it is not installed.
fn process(program: &str, args: &[&str]) -> Option<std::process::Output> {
    let mut command = std::process::Command::new(program);
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).env("LC_ALL", "C.UTF-8");
    match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        output => Some(output.expect("the program runs")),
    }
}

/// Compares a file with what it should be, or writes it where UPDATE is set.
#[track_caller]
fn check(path: &str, text: &str) {
    // Others may read the file now; it is left alone where it is right.
    let is_fresh = fs::read_to_string(absolute(path)).is_ok_and(|old| old == text);
    if !is_fresh && std::env::var_os("UPDATE").is_some() {
        fs::write(absolute(path), text).expect("the file can be written");
    }
    let fresh = read(path) == text;
    assert!(fresh, "{path} is out of date: run `UPDATE=1 cargo test --test assets`");
}

fn read(path: &str) -> String {
    fs::read_to_string(absolute(path)).expect("a file of the package")
}

fn absolute(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
