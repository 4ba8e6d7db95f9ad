//! The surface of the command line: what `--help` shows is a contract, so that a change of it is
//! seen in review (`cargo insta review`, or `INSTA_UPDATE=always cargo test help`).

use crate::support::wirecat;

const PAGES: [&[&str]; 12] = [
    &[],
    &["tcp-connect"],
    &["tcp-serve"],
    &["udp-send"],
    &["udp-listen"],
    &["mcast-join"],
    &["mcast-send"],
    &["echo"],
    &["chat"],
    &["help"],
    &["completions"],
    &["man"],
];

fn help(command: &[&str], columns: &str) -> String {
    printed(command, "--help", columns)
}

fn printed(command: &[&str], option: &str, columns: &str) -> String {
    let args = command.iter().chain([&option]);
    let columns = |process: &mut std::process::Command| {
        process.env("COLUMNS", columns);
    };
    let ended = wirecat(args).with(columns).run().code(0);
    assert_eq!(ended.stderr, "", "help belongs to stdout");
    ended.text().to_owned()
}

/// SPEC 1.6: a command's help lists the options that fit it, and no others.
#[test]
fn the_help_is_as_it_was_agreed() {
    for command in PAGES {
        let name = command.first().unwrap_or(&"wirecat");
        insta::assert_snapshot!(*name, help(command, "80"));
        insta::assert_snapshot!(format!("{name}-h"), printed(command, "-h", "80"));
    }
}

/// However narrow the terminal is, the help is that of the command.
#[test]
fn no_width_has_the_help_of_another_command() {
    for columns in ["0", "1", "13"] {
        let text = help(&["tcp-serve"], columns);
        let words: Vec<&str> = text.split_whitespace().collect();
        let usage = words.windows(3).any(|found| found == ["Usage:", "wirecat", "tcp-serve"]);
        assert!(usage, "COLUMNS={columns}: {text}");
    }
}

/// A screen of a terminal has what one needs first.
#[test]
fn the_short_help_fits_a_screen() {
    for command in PAGES {
        let text = printed(command, "-h", "80");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() <= 24, "{command:?}: {} lines", lines.len());
        let long: Vec<&&str> = lines.iter().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{command:?}: {long:#?}");
        if text.contains("Examples:") {
            assert!(text.contains("(--help has all of them):"), "{command:?}");
            let examples = text.split_once("Examples:").map_or("", |(_, examples)| examples);
            assert_eq!(examples.trim().lines().count(), 3, "{command:?}: {examples}");
        }
    }
}

/// Below the usage only headings begin in the first column, whatever the width is.
#[test]
fn nothing_wraps_into_the_first_column() {
    for columns in ["60", "80", "120"] {
        for (command, option) in PAGES.iter().flat_map(|page| [(page, "-h"), (page, "--help")]) {
            let text = printed(command, option, columns);
            let (_, body) = text.split_once("Usage: ").expect("a usage");
            let lines = body.lines().skip(1).filter(|line| !line.is_empty());
            let is_wrapped = |line: &&str| !line.starts_with("  ") && !line.ends_with(':');
            let wrapped: Vec<&str> = lines.clone().filter(is_wrapped).collect();
            assert!(wrapped.is_empty(), "{command:?} {option} at {columns}: {wrapped:#?}");
            let most = columns.parse().unwrap();
            let long: Vec<&str> = lines.filter(|line| line.chars().count() > most).collect();
            assert!(long.is_empty(), "{command:?} {option} at {columns}: {long:#?}");
        }
    }
}

#[test]
fn help_is_a_command_and_an_option() {
    for command in PAGES {
        let [with_option, with_command] = [
            wirecat(command.iter().chain(&["--help"])).run().code(0),
            wirecat(["help"].iter().chain(command)).run().code(0),
        ];
        assert_eq!(with_option.text(), with_command.text(), "{command:?}");
        let version = wirecat(command.iter().chain(&["-V"])).run().code(0);
        assert_eq!(version.text(), concat!("wirecat ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    wirecat(["help", "nonsense"]).run().code(2).says("cannot use nonsense: it is none of tcp-");
    // The first one that was asked for, wherever it stands.
    let brief = wirecat(["tcp-serve", "-h"]).run().code(0);
    let among = wirecat(["-q", "tcp-serve", "--hub", "-nh", "0", "--help"]).run().code(0);
    assert_eq!(brief.text(), among.text());
}

#[test]
fn without_words_the_short_help_is_an_error() {
    let bare = wirecat([""; 0]).run().code(2);
    assert_eq!(bare.text(), "");
    let brief = wirecat(["-h"]).run().code(0);
    assert_eq!(bare.stderr.trim_end(), brief.text().trim_end());
}

#[test]
fn the_help_fits_80_columns_with_its_tables_intact() {
    for command in PAGES {
        let [narrow, wide] = ["80", "100"].map(|columns| help(command, columns));
        let long: Vec<&str> = narrow.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{command:?}: {long:#?}");
        let tables = |text: &str| text.split_once("Examples:").map(|(_, rest)| rest.to_owned());
        assert_eq!(tables(&narrow), tables(&wide), "{command:?}: a line of a table is too long");
    }
}

/// SPEC 7: each command has the options of its own and not those of the other.
#[test]
fn each_option_is_listed_where_it_works() {
    let [connect, serve] = ["tcp-connect", "tcp-serve"].map(|command| help(&[command], "80"));
    for option in ["--reconnect", "--bind"] {
        assert!(connect.contains(option) && !serve.contains(option), "{option}");
    }
    let own = "--once --conns --max-clients --greet --reply --hub --discard --save --forward \
               --allow --deny --queue --slow --slow-after backlog";
    for option in own.split_whitespace() {
        assert!(serve.contains(option) && !connect.contains(option), "{option}");
    }
}
