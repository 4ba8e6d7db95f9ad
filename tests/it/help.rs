//! The surface of the command line: what `--help` shows is a contract, so that a change of it is
//! seen in review (`cargo insta review`, or `INSTA_UPDATE=always cargo test help`).

use crate::support::wirecat;

const PAGES: [&[&str]; 11] = [
    &[],
    &["tcp-connect"],
    &["tcp-serve"],
    &["udp-send"],
    &["udp-listen"],
    &["mcast-join"],
    &["mcast-send"],
    &["echo"],
    &["chat"],
    &["completions"],
    &["man"],
];

fn help(command: &[&str], columns: &str) -> String {
    let args = command.iter().chain(&["--help"]);
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
    }
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
