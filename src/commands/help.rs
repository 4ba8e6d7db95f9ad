//! Help in two sizes: `-h` fits a screen of 24 lines and 80 columns, `--help` shows all. Both are made of the
//! same definitions.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;

use clap::builder::StyledStr;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command, CommandFactory};
use rustix::fs::FileType;

use super::cli::Cli;
use super::fold::{EXAMPLES, fold};

/// The width where nothing sets it, as clap has it.
const WIDTH: usize = 100;
/// The narrowest terminal that help is folded for.
const LEAST: usize = 30;
/// The width that `-h` is made for. In a narrower terminal the same words take more lines.
const SCREEN: usize = 80;
/// The examples that `-h` shows.
const FEW: usize = 3;
const HEADING: &str = "Options (--help has all of them)";

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// The usual options.
    Brief,
    /// All of them.
    Full,
}

/// The usual options of a command, by their ids, in the order that `-h` lists them in. At most 14 fit; what
/// a build has no such option for is left out.
const USUAL: &[(&str, &str)] = &[
    ("wirecat", "verbose quiet"),
    (
        "tcp-connect",
        "probe wait timeout frame count expect send no_stdin quit_after reconnect exec \
         tls output verbose",
    ),
    (
        "tcp-serve",
        "once hub reply forward exec save frame no_stdin max_clients allow timeout \
         tls_cert output verbose",
    ),
    (
        "udp-send",
        "reply wait timeout count expect send input repeat rate broadcast bind output \
         verbose",
    ),
    (
        "udp-listen",
        "count wait timeout idle_timeout expect reply exec no_stdin stats seq allow \
         output record verbose",
    ),
    (
        "mcast-join",
        "count wait timeout idle_timeout expect reply stats interval seq max_loss output \
         record verbose",
    ),
    (
        "mcast-send",
        "send input reply repeat rate test size duration ttl no_loop bind timeout verbose",
    ),
    (
        "chat",
        "nick host headless time send no_stdin frame reconnect wait timeout expect output \
         verbose",
    ),
    (
        "echo",
        "tcp udp delay drop frame ping count interval size conns max_loss wait timeout \
         verbose",
    ),
];

/// The option that asks for it.
pub(super) fn option() -> Arg {
    Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::Help)
        .help("Print help; -h: the usual options alone")
        .help_heading(None::<&str>)
}

/// What a command line asks for that clap refuses, because it asks for help.
pub(super) fn asked(words: &[OsString]) -> Option<(String, Size)> {
    // clap finds the words that ask for it; this has it print what it has found. A terminal may be too
    // narrow for two words on one line, and a name is not broken.
    let mark = |command: Command| {
        let name = command.get_name().to_owned();
        let long = format!("full:{name}");
        command
            .help_template("{after-help}")
            .after_help(format!("brief:{name}"))
            .after_long_help(long)
    };
    let error = mark(Cli::command().mut_subcommands(mark)).try_get_matches_from(words).err()?;
    let text =
        if error.kind() == ErrorKind::DisplayHelp { error.to_string() } else { return None };
    let (size, name) = text.trim().split_once(':')?;
    Some((name.to_owned(), if size == "brief" { Size::Brief } else { Size::Full }))
}

/// The help of a command, or with the name of the program that of wirecat.
pub(super) fn text(name: &str, size: Size) -> StyledStr {
    let width = width();
    let adapt = |command: Command| match size {
        Size::Brief if usual(command.get_name()).is_some() => brief(command, width),
        _ => full(command, width),
    };
    let mut root = Cli::command();
    match root.get_name() == name {
        true => root = adapt(root),
        false => root = root.mut_subcommand(name, adapt),
    }
    root = root.term_width(width);
    root.build();
    match root.find_subcommand_mut(name) {
        Some(command) => command.render_help(),
        None => root.render_help(),
    }
}

/// Prints a text in colour where the stream shows it.
pub(super) fn print(text: &StyledStr) -> io::Result<()> {
    write!(anstream::stdout(), "{}", text.ansi())
}

/// How many columns there are: in `--help | less` stdout is a pipe, and stderr is still the terminal. A file
/// is the same whatever terminal it is made at.
fn width() -> usize {
    let of_terminal = |stream: BorrowedFd<'static>| {
        let size = rustix::termios::tcgetwinsize(stream).ok()?;
        Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
    };
    let of_environment = || env::var("COLUMNS").ok()?.parse().ok();
    let of_pager = || {
        let stat = rustix::fs::fstat(rustix::stdio::stdout()).ok()?;
        let is_pipe = FileType::from_raw_mode(stat.st_mode) == FileType::Fifo;
        of_terminal(rustix::stdio::stderr()).filter(|_| is_pipe)
    };
    of_terminal(rustix::stdio::stdout())
        .or_else(of_environment)
        .or_else(of_pager)
        .unwrap_or(WIDTH)
        .max(LEAST)
}

fn usual(name: &str) -> Option<impl Iterator<Item = &'static str> + Clone> {
    let (_, options) = USUAL.iter().find(|(command, _)| *command == name)?;
    Some(options.split_whitespace())
}

/// The sections behind the options.
fn sections(command: &Command) -> Vec<String> {
    let after = command.get_after_help().map(StyledStr::to_string).unwrap_or_default();
    after.split("\n\n").map(str::to_owned).collect()
}

fn full(command: Command, width: usize) -> Command {
    let folded: Vec<String> = sections(&command).iter().map(|text| fold(text, width)).collect();
    command.after_help(folded.join("\n\n"))
}

/// One list of the usual options, each in a few words, and some examples.
fn brief(command: Command, width: usize) -> Command {
    let name = command.get_name().to_owned();
    let usual: Vec<&str> = usual(&name).into_iter().flatten().collect();
    let is_usual = |arg: &Arg| usual.iter().position(|id| arg.get_id() == *id);
    let shown = command.get_arguments().filter(|arg| is_usual(arg).is_some());
    // Blanks, the short form, and two blanks before the words.
    let column = shown.map(|arg| columns(arg) + 8).max().unwrap_or_default();
    let about = command.get_about().map(StyledStr::to_string).unwrap_or_default();
    let examples = sections(&command).into_iter().find(|text| text.starts_with(EXAMPLES));
    let few: Vec<String> =
        examples.iter().flat_map(|text| text.lines()).take(1 + FEW).map(str::to_owned).collect();
    let adapted = |arg: Arg| match is_usual(&arg) {
        Some(at) => {
            let words = arg.get_help().map(StyledStr::to_string).unwrap_or_default();
            let takes_value = arg.get_action().takes_values();
            arg.help(shortened(&words, SCREEN.saturating_sub(column)).to_owned())
                .help_heading(HEADING)
                .display_order(at)
                .hide_default_value(takes_value)
                .hide_possible_values(takes_value)
        }
        None => arg.hide_short_help(true),
    };
    // How to ask for it is known by now.
    let command = match command.find_subcommand("help") {
        Some(_) => command.mut_subcommand("help", |help| help.hide(true)),
        None => command,
    };
    command
        .about(shortened(&about, SCREEN).to_owned())
        .mut_args(adapted)
        .disable_version_flag(true)
        .after_help(fold(&few.join("\n"), width))
}

/// The columns of `--frame <FRAMING>`; clap does not know it before the command is built.
fn columns(arg: &Arg) -> usize {
    let takes_value = arg.get_action().takes_values();
    let names = arg.get_value_names().filter(|_| takes_value).unwrap_or_default();
    let values: usize = names.iter().map(|name| " <>".len() + name.len()).sum();
    // `--verbose...`
    let more = if matches!(arg.get_action(), ArgAction::Count) { 3 } else { 0 };
    arg.get_long().map_or(0, |long| "--".len() + long.len()) + values + more
}

/// The beginning of a description that fits: all of it, or up to the end of a clause.
fn shortened(words: &str, most: usize) -> &str {
    const ENDS: [&str; 6] = ["; ", ": ", ". ", " (", " [", ", "];
    if words.chars().count() <= most {
        return words;
    }
    let ends = |ends: &[&str]| {
        let found = ends.iter().flat_map(|end| words.match_indices(*end));
        // Not within brackets, which would stay open.
        let is_outside = |at: &usize| {
            let before = words.get(..*at).unwrap_or_default();
            before.matches(['(', '[']).count() == before.matches([')', ']']).count()
        };
        found.map(|(at, _)| at).filter(|at| *at <= most).filter(is_outside).max()
    };
    // A comma may stand in a list, which would break off.
    let (clauses, comma) = ENDS.split_at(ENDS.len() - 1);
    ends(clauses).or_else(|| ends(comma)).and_then(|at| words.get(..at)).unwrap_or(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_options_are_options() {
        let root = Cli::command();
        for (name, options) in USUAL {
            let command = root.find_subcommand(name).unwrap_or(&root);
            assert_eq!(command.get_name(), *name);
            let is_there = |id: &&str| command.get_arguments().any(|arg| arg.get_id() == *id);
            let missing: Vec<&str> =
                options.split_whitespace().filter(|id| !is_there(id)).collect();
            let is_tls = |id: &&str| id.starts_with("tls");
            assert!(missing.iter().all(is_tls), "{name}: {missing:?}");
        }
    }

    #[test]
    fn a_description_ends_with_a_clause() {
        let words = "Answer TEXT: on accept, or to each message (with --frame)";
        assert_eq!(shortened(words, 80), words);
        assert_eq!(shortened(words, 50), "Answer TEXT: on accept, or to each message");
        assert_eq!(shortened(words, 40), "Answer TEXT");
        assert_eq!(shortened("One (a: b) two", 9), "One");
        assert_eq!(shortened("one two, three four", 12), "one two");
        assert_eq!(shortened("one two three", 7), "one two three");
    }
}
