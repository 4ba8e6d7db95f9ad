//! `wirecat-from-nc(7)`: the tables of the README for those who know nc, as a man page.

use clap_mangen::roff::{Roff, bold, roman};

use super::manual::{DATE, finish};

const README: &str = include_str!("../../README.md");

#[test]
fn the_page_is_fresh() {
    super::check("man/wirecat-from-nc.7", &page());
}

/// The rows of a table of the README, cell by cell.
fn rows(name: &str) -> Vec<Vec<String>> {
    let table = README.split(&format!("<!-- {name} -->\n")).nth(1).expect("the table");
    let table = table.split("<!-- end of").next().expect("its end");
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim().trim_matches('|');
        line.split(" | ").map(|cell| cell.trim().replace('`', "")).collect()
    };
    // The heading and the line below it come first.
    table.lines().skip(2).map(cells).collect()
}

fn page() -> String {
    let mut roff = Roff::new();
    let version = concat!("wirecat ", env!("CARGO_PKG_VERSION"));
    roff.control("TH", ["wirecat-from-nc", "7", DATE, version, "Miscellaneous"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("wirecat-from-nc - what nc, ncat and socat are in wirecat")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "Each line of nc, ncat or socat is followed by the one that does the same in wirecat. A test \
         runs both.",
    )]);
    for row in rows("from nc") {
        let [foreign, ours] = &row[..] else { panic!("{row:?} has not two cells") };
        roff.control("TP", []);
        roff.text([roman(foreign.as_str())]);
        roff.text([bold(ours.as_str())]);
    }
    roff.control("SH", ["FALSE FRIENDS"]);
    for row in rows("false friends") {
        let [word, there, here] = &row[..] else { panic!("{row:?} has not three cells") };
        roff.control("TP", []);
        roff.text([bold(word.as_str())]);
        roff.text([roman(format!("In nc or ncat: {there}. In wirecat: {here}."))]);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(
        "wirecat(1), wirecat-tcp-connect(1), wirecat-tcp-serve(1), nc(1), ncat(1), socat(1)",
    )]);
    finish(&roff.to_roff())
}
