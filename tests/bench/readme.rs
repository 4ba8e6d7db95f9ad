//! The tables of README.md, each between two marks, so that no figure there is typed by hand.

use std::fs;
use std::path::Path;

use crate::Fallible;
use crate::contest::{Better, Case, Column, Kind, Row};
use crate::machine::machine;
use crate::plan::{Outcome, Plan};
use crate::table::{markdown, thousands};
use crate::{echo, exec, forward, hub, idle, line, ping, tls, transfer, udp};

type Measure = fn(&Plan) -> Fallible<Vec<Outcome>>;

/// The name of each table in the marks, and what it is made of.
const BLOCKS: [(&str, &[Measure]); 5] = [
    (
        "streams",
        &[
            transfer::pipe_to_pipe,
            transfer::file_to_null,
            transfer::pipe_to_file,
            forward::measure,
            exec::measure,
            line::measure,
        ],
    ),
    ("tls", &[tls::stream, tls::handshakes]),
    ("clients", &[echo::measure, idle::measure, hub::measure]),
    ("datagrams", &[udp::send_1200, udp::send_64, udp::receive_1200]),
    ("round-trips", &[ping::measure]),
];

/// Prints the tables as they stand in README.md, and puts them there where that was asked for.
pub(crate) fn make(plan: &Plan) -> Fallible<()> {
    if plan.write && plan.quick {
        return Err("the numbers of --quick mean too little to be written".into());
    }
    let brief = plan.brief();
    let mut blocks = Vec::new();
    for (name, parts) in BLOCKS {
        let mut lines = Vec::new();
        for measure in parts {
            for outcome in measure(&brief)? {
                lines.extend(outcome.cases.iter().map(|case| line(case, &outcome.columns)));
            }
        }
        // What cannot be measured here was said, and stays as it stands.
        if lines.is_empty() {
            continue;
        }
        let text = block(name, &brief, &lines);
        println!("\n{text}");
        blocks.push((name, text));
    }
    plan.add_failures(brief.failures());
    if !plan.write {
        return Ok(());
    }
    if plan.failures() > 0 {
        return Err("README.md stays as it is, as not all was measured".into());
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let mut readme = fs::read_to_string(&path)?;
    for (name, text) in blocks {
        readme = replaced(&readme, name, &text)?;
    }
    Ok(fs::write(path, readme)?)
}

fn marks(name: &str) -> [String; 2] {
    [format!("<!-- bench {name} -->"), format!("<!-- end of bench {name} -->")]
}

/// A table between its marks.
fn block(name: &str, plan: &Plan, lines: &[Vec<String>]) -> String {
    let [begin, end] = marks(name);
    let heads = ["", "wirecat", "best of the others", "bare system calls", "wirecat to the best"];
    let table = markdown(&heads.map(str::to_owned), heads.len(), lines);
    let rounds = plan.rounds;
    format!("{begin}\nMedians of {rounds} interleaved rounds; {}.\n\n{table}\n{end}", machine())
}

/// One work: each cell has all that is compared.
fn line(case: &Case, columns: &[Column]) -> Vec<String> {
    let compared = || columns.iter().enumerate().filter(|(_, one)| one.better != Better::Neither);
    let numbers = |row: &Row| {
        let cells = compared().filter_map(|(at, column)| {
            let mark = if row.at_limit && at == 0 { "+" } else { "" };
            let number = thousands(row.median(at)?, column.decimals);
            let gap = if column.head.starts_with('/') { "" } else { " " };
            Some(format!("{number}{mark}{gap}{}", column.head))
        });
        cells.collect::<Vec<_>>().join(", ")
    };
    let first = columns.first().map_or(Better::More, |column| column.better);
    let best = |kind| case.best(kind, 0, first);
    let peer = best(Kind::Peer).map(|row| format!("{}: {}", row.name, numbers(row)));
    let failed = case.rows.iter().filter(|row| row.kind == Kind::Peer);
    let failed = failed.filter_map(|row| Some(format!("{} {}", row.name, row.failure?)));
    let peers: Vec<String> = peer.into_iter().chain(failed).collect();
    let own = best(Kind::Own);
    let ratios = own.map(|own| {
        let ratios = compared().filter_map(|(at, column)| {
            let ratio = case.ratio(own, Kind::Peer, at, column.better)?;
            let noise = if ratio.is_noise() { " (noise)" } else { "" };
            Some(format!("{:.2}{noise}", ratio.value))
        });
        ratios.collect::<Vec<_>>().join(", ")
    });
    vec![
        case.name.clone(),
        own.map_or("-".to_owned(), numbers),
        if peers.is_empty() { "-".to_owned() } else { peers.join("; ") },
        best(Kind::Limit).map_or("-".to_owned(), numbers),
        ratios.filter(|ratios| !ratios.is_empty()).unwrap_or("-".to_owned()),
    ]
}

/// A text with another one in place of what stands between the marks.
fn replaced(text: &str, name: &str, block: &str) -> Fallible<String> {
    let [begin, end] = marks(name);
    let missing = || format!("README.md has no {begin} and {end}");
    let (before, rest) = text.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    Ok(format!("{before}{block}{after}"))
}
