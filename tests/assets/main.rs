//! The completions and man pages that are checked in are those of the command line as it is.
//! `UPDATE=1 cargo test --test assets` writes them anew.
#![cfg(test)]

mod completions;
mod events;
mod from_nc;
mod limits;
mod shells;
#[path = "../it/support/skipped.rs"]
mod skipped;

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use wirecat::commands::Cli;

use self::skipped::skip;

/// The commands with a page of their own; the page of wirecat itself lists all commands.
const PAGES: [&str; 8] = [
    "tcp-connect",
    "tcp-serve",
    "udp-send",
    "udp-listen",
    "mcast-join",
    "mcast-send",
    "echo",
    "chat",
];

const RELATED: &str = "nc(1), ncat(1), socat(1)";

#[test]
fn man_pages_are_fresh() {
    let mut root = Cli::command();
    root.build();
    check("man/wirecat.1", &page(&root, &root));
    for name in PAGES {
        let command = root.find_subcommand(name).expect("a command");
        check(&format!("man/wirecat-{name}.1"), &page(&root, command));
    }
}

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

/// groff says what it stumbles over; a page that it reads in silence is a good one.
#[test]
fn groff_renders_the_pages_without_a_warning() {
    for page in ["wirecat.1", "wirecat-tcp-connect.1", "wirecat-tcp-serve.1", "wirecat-events.7"] {
        let path = format!("man/{page}");
        let args = ["-man", "-Tutf8", "-ww", "-z", &path];
        let Some(output) = process("groff", &args) else {
            return skip("groff", "it is not installed");
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{path}: {said}");
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

/// The man page of a command that was built as a part of `root`. It has no date, which would
/// change by itself; the version says how old it is.
fn page(root: &Command, command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let man = Man::new(command.clone().override_usage(usage))
        // An empty argument has to be quoted, or the next one takes its place.
        .date("\"\"")
        .source(concat!("wirecat ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands");
    let mut text = Vec::new();
    let write = &mut text;
    let written = man
        .render_title(write)
        .and_then(|()| man.render_name_section(write))
        .and_then(|()| man.render_synopsis_section(write))
        .and_then(|()| man.render_description_section(write))
        .and_then(|()| man.render_options_section(write));
    written.expect("a vector takes everything");
    let mut page = tidy(&String::from_utf8(text).expect("UTF-8"));
    let mut roff = Roff::new();
    let is_root = command.get_name() == root.get_name();
    if is_root {
        list_commands(&mut roff, root);
    }
    let own = after_help(command);
    let shared = if is_root { String::new() } else { after_help(root) };
    for section in own.split("\n\n") {
        render_section(&mut roff, section);
    }
    for section in shared.split("\n\n").filter(|text| text.starts_with("Exit status:")) {
        render_section(&mut roff, section);
    }
    if is_root {
        limits::render(&mut roff);
    }
    roff.control("SH", ["SEE ALSO"]);
    let pages = PAGES.map(|name| format!("wirecat-{name}(1)"));
    let others = pages.iter().filter(|page| !page.contains(command.get_name()));
    let others: Vec<&str> = others.map(String::as_str).chain(["wirecat-events(7)"]).collect();
    let own = if is_root { "" } else { "wirecat(1), " };
    roff.text([roman(format!("{own}{}, {RELATED}", others.join(", ")))]);
    page.push_str(&roff.to_roff());
    page
}

/// Puts the headings of the options below OPTIONS, and drops the preamble that each part brings.
fn tidy(page: &str) -> String {
    let mut tidied = String::new();
    let mut seen_preamble = 0;
    let mut in_options = false;
    for line in page.lines() {
        let is_preamble = line.contains(".ds Aq") || line.starts_with(".el .ds");
        seen_preamble += usize::from(is_preamble);
        if is_preamble && seen_preamble > 2 {
            continue;
        }
        match line.strip_prefix(".SH ") {
            Some(heading) if in_options => {
                let heading = heading.trim_matches('"');
                let (first, rest) = heading.split_at(1);
                tidied.push_str(&format!(".SS \"{first}{}\"\n", rest.to_lowercase()));
            }
            _ => {
                in_options |= line == ".SH OPTIONS";
                tidied.push_str(line);
                tidied.push('\n');
            }
        }
    }
    tidied
}

fn list_commands(roff: &mut Roff, root: &Command) {
    roff.control("SH", ["COMMANDS"]);
    for command in root.get_subcommands() {
        roff.control("TP", []);
        roff.text([bold(command.get_name())]);
        let about = command.get_about().expect("each command says what it does").to_string();
        let own_page = PAGES.contains(&command.get_name());
        let see =
            if own_page { format!("; see wirecat-{}(1)", command.get_name()) } else { "".into() };
        roff.text([roman(about + &see)]);
    }
}

fn after_help(command: &Command) -> String {
    command.get_after_help().expect("each page has more than options").to_string()
}

/// A section of the help: a heading, then a table whose columns are two blanks apart, or prose.
fn render_section(roff: &mut Roff, section: &str) {
    let (heading, body) = section.split_once(":\n").expect("a heading");
    roff.control("SH", [heading.to_uppercase().as_str()]);
    for line in body.lines().map(str::trim) {
        match line.rsplit_once("  ") {
            Some((term, meaning)) => {
                roff.control("TP", []);
                roff.text([bold(term.trim_end())]);
                roff.text([roman(meaning)]);
            }
            None => drop(roff.text([roman(line)])),
        }
    }
}
