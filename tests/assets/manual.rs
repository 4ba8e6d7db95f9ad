//! The man pages, by clap_mangen from the definitions of the command line, and from the sections of the help.

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use wirecat::commands::Cli;

use super::skipped::skip;
use super::{check, limits, process, sections, systemd};

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
/// When the pages last changed in what they promise; the date of a build would change by itself.
pub(super) const DATE: &str = "2026-11-28";
/// Bytes of a line of source, as mandoc wants it.
const LINE: usize = 78;

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

fn paths() -> impl Iterator<Item = String> {
    let names = PAGES.map(|name| format!("man/wirecat-{name}.1"));
    let others = ["man/wirecat.1", "man/wirecat-events.7", "man/wirecat-from-nc.7"];
    names.into_iter().chain(others.map(str::to_owned))
}

/// groff says what it stumbles over; a page that it reads in silence is a good one.
#[test]
fn groff_renders_the_pages_without_a_warning() {
    for path in paths() {
        // A table needs the width; at another one nothing is broken either.
        for (width, warnings) in [("-rLL=78n", "-ww"), ("-rLL=60n", "-Wbreak")] {
            let args = ["-t", "-man", "-Tutf8", warnings, width, &path];
            let Some(output) = process("groff", &args) else {
                return skip("groff", "it is not installed");
            };
            let said = String::from_utf8_lossy(&output.stderr);
            let is_good = warnings != "-ww" || said.is_empty();
            assert!(output.status.success() && is_good, "{path}: {said}");
            check_hyphens(&path, &String::from_utf8_lossy(&output.stdout));
        }
    }
}

/// A name that is copied from a page works: its hyphens are those of a keyboard, and no line breaks it.
fn check_hyphens(path: &str, page: &str) {
    let typographic = page.contains(['\u{2010}', '\u{2212}']);
    assert!(!typographic, "{path} has hyphens or minus signs that no shell takes");
    let is_broken = |line: &&str| {
        line.trim_end().ends_with('-')
            && !line.trim_end().ends_with(" -")
            && !line.trim_end().ends_with("--")
    };
    let broken: Vec<&str> = page.lines().filter(is_broken).collect();
    assert!(broken.is_empty(), "{path}: {broken:#?}");
}

#[test]
fn mandoc_finds_nothing_to_mend() {
    for path in paths() {
        let Some(output) = process("mandoc", &["-T", "lint", &path]) else {
            return skip("mandoc", "it is not installed");
        };
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.is_empty(), "{said}");
    }
}

/// The man page of a command that was built as a part of `root`.
fn page(root: &Command, command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let man = Man::new(command.clone().override_usage(usage))
        .date(DATE)
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
        page.push_str(&list_commands(root));
    } else {
        sections::socket_options(&mut roff, command);
    }
    page.push_str(&roff.to_roff());
    let shared = if is_root { String::new() } else { after_help(root) };
    let shared = shared.split("\n\n").filter(|text| text.starts_with("Exit status:"));
    for section in after_help(command).split("\n\n").chain(shared) {
        page.push_str(&section_of(section));
    }
    if command.get_name() == "tcp-serve" {
        page.push_str(&systemd::section());
    }
    let mut roff = Roff::new();
    if is_root {
        sections::shared(&mut roff);
        limits::render(&mut roff);
    }
    roff.control("SH", ["SEE ALSO"]);
    let pages = PAGES.map(|name| format!("wirecat-{name}(1)"));
    let others = pages.iter().filter(|page| !page.contains(command.get_name()));
    let others: Vec<&str> =
        others.map(String::as_str).chain(["wirecat-events(7)", "wirecat-from-nc(7)"]).collect();
    if !is_root {
        roff.text([roman(
            "The environment, signals, files and limits of all commands: wirecat(1).",
        )]);
    }
    roff.text([roman(format!("{}, {RELATED}", others.join(", ")))]);
    page.push_str(&roff.to_roff());
    finish(&page)
}

/// Puts the headings of the options below OPTIONS, and drops the preamble that each part brings.
fn tidy(page: &str) -> String {
    let mut tidied = String::new();
    let mut in_options = false;
    for line in page.lines() {
        match line.strip_prefix(".SH ") {
            Some(heading) if in_options => {
                let heading = heading.trim_matches('"');
                let (first, rest) = heading.split_at(1);
                let heading = format!("{first}{}", rest.to_lowercase());
                tidied.push_str(&format!(".SS \"{}\"\n", heading.replace("Tls", "TLS")));
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

/// What both renderers want of a page: its name in capitals, no hyphenation, lines that are not too long.
pub(super) fn finish(page: &str) -> String {
    let mut finished = String::new();
    if page.contains(".TS\n") {
        // man(1) runs tbl(1) for it.
        finished.push_str("'\\\" t\n");
    }
    let mut seen_title = false;
    let mut is_tag = false;
    let mut is_kept = false;
    for line in page.lines() {
        let is_preamble = line.contains(".ds Aq") || line.starts_with(".el .ds");
        if is_preamble && seen_title {
            continue;
        }
        if let Some(title) = line.strip_prefix(".TH ") {
            let (name, rest) = title.split_once(' ').expect("a section");
            let name = name.to_uppercase().replace("\\-", "-");
            finished.push_str(&format!(".TH {name} {rest}\n.nh\n.ad l\n"));
            seen_title = true;
            continue;
        }
        is_kept = (is_kept || line == ".nf") && line != ".fi";
        match line.starts_with('.') || line.starts_with('\'') || is_kept || is_tag {
            true => finished.push_str(line),
            false => finished.push_str(&filled(line)),
        }
        finished.push('\n');
        is_tag = line == ".TP";
    }
    finished
}

/// A line of text as lines that are not too long; a blank and the end of a line are alike here.
fn filled(line: &str) -> String {
    let mut filled = String::new();
    let mut columns = 0;
    for word in line.split(' ') {
        let more = word.len() + 1;
        if columns > 0 && columns + more > LINE {
            filled.push('\n');
            // A line that begins with one of these would be a request.
            filled.push_str(if word.starts_with(['.', '\'']) { "\\&" } else { "" });
            columns = 0;
        } else if columns > 0 {
            filled.push(' ');
        }
        filled.push_str(word);
        columns += more;
    }
    filled
}

fn list_commands(root: &Command) -> String {
    let rows: Vec<Vec<String>> = root
        .get_subcommands()
        .map(|command| {
            let name = command.get_name();
            let about = command.get_about().expect("each command says what it does").to_string();
            let see = match PAGES.contains(&name) {
                true => format!("; see wirecat-{name}(1)"),
                false => String::new(),
            };
            vec![name.to_owned(), about + &see]
        })
        .collect();
    format!(".SH COMMANDS\n{}", table(&rows))
}

fn after_help(command: &Command) -> String {
    command.get_after_help().expect("each page has more than options").to_string()
}

/// A section of the help: a heading, then a table whose columns are two blanks apart, or prose.
fn section_of(section: &str) -> String {
    let (heading, body) = section.split_once(":\n").expect("a heading");
    let is_table = ["Commands", "In the room"].iter().any(|begin| heading.starts_with(begin));
    let mut roff = Roff::new();
    roff.control("SH", [heading.to_uppercase().as_str()]);
    let mut text = roff.to_roff();
    if is_table {
        // The rows come first, and the prose behind them.
        let is_row = |line: &&str| line.trim().contains("  ") || line.starts_with("   ");
        let rows: Vec<&str> = body.lines().take_while(is_row).collect();
        text.push_str(&table(&cells(&rows)));
        let prose: Vec<&str> = body.lines().skip(rows.len()).map(str::trim).collect();
        if !prose.is_empty() {
            text.push_str(".PP\n");
            text.push_str(&Roff::new().text([roman(prose.join(" "))]).to_roff());
        }
        return text;
    }
    let mut roff = Roff::new();
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
    text + &roff.to_roff()
}

/// The cells of rows: two, or those of a command with its words, its JSON and its effect.
fn cells(rows: &[&str]) -> Vec<Vec<String>> {
    /// Where the JSON begins.
    const JSON: usize = 21;
    let has_json = rows.iter().any(|row| row.contains('{'));
    let mut cells: Vec<Vec<String>> = Vec::new();
    for row in rows {
        let (before, last) = row.rsplit_once("  ").expect("columns");
        let columns = match has_json {
            true => vec![before[..JSON].to_owned(), before[JSON..].to_owned(), last.to_owned()],
            false => vec![before.to_owned(), last.to_owned()],
        };
        match cells.last_mut() {
            // The JSON of the row above goes on.
            Some(last)
                if has_json && columns[0].trim().is_empty() && columns[1].starts_with(' ') =>
            {
                for (cell, more) in last.iter_mut().zip(&columns) {
                    *cell = format!("{} {}", cell.trim(), more.trim()).trim().to_owned();
                }
            }
            _ => cells.push(columns.iter().map(|cell| cell.trim().to_owned()).collect()),
        }
    }
    cells
}

/// A table for tbl(1), with a wide last column.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let mut text = format!(".TS\n{}lx.\n", "l ".repeat(columns - 1));
    for row in rows {
        let (last, first) = row.split_last().expect("cells");
        for cell in first {
            text.push_str(&escaped(cell, true));
            text.push('\t');
        }
        text.push_str(&format!("T{{\n{}\nT}}\n", escaped(last, false)));
    }
    text + ".TE\n"
}

/// One line of text in roff.
fn escaped(cell: &str, is_name: bool) -> String {
    let mut roff = Roff::new();
    roff.text([if is_name && !cell.is_empty() { bold(cell) } else { roman(cell) }]);
    let text = roff.to_roff();
    let lines =
        text.lines().filter(|line| !line.contains(".ds Aq") && !line.starts_with(".el .ds"));
    lines.collect::<Vec<_>>().join(" ")
}
