//! The outcome as a Markdown table that is also readable as it is.

use crate::contest::{Better, Case, Column, Kind, Row};
use crate::statistics::Ratio;

/// A table, printed row by row as they are measured.
pub(crate) struct Table {
    columns: Vec<Column>,
    /// What is compared with, in the order of the columns.
    against: Vec<(Kind, &'static str)>,
    lines: Vec<Vec<String>>,
}

impl Table {
    /// It shows ratios only to what takes part.
    pub(crate) fn new(columns: &[Column], cases: &[Case]) -> Self {
        let all = [
            (Kind::Peer, "to peer"),
            (Kind::OtherWay, "to other way"),
            (Kind::Limit, "to limit"),
            (Kind::Before, "to before"),
        ];
        let rows = cases.iter().flat_map(|case| &case.rows).map(|row| row.kind);
        let against = all.into_iter().filter(|(kind, _)| rows.clone().any(|row| row == *kind));
        let against = against.collect();
        Self { columns: columns.to_vec(), against, lines: Vec::new() }
    }

    pub(crate) fn add(&mut self, case: &Case) {
        for row in &case.rows {
            let mut line = vec![case.name.clone(), row.name.clone()];
            match &row.failure {
                Some(failure) => line.push((*failure).to_owned()),
                None => line.extend(self.cells(case, row)),
            }
            self.lines.push(line);
        }
    }

    fn cells(&self, case: &Case, row: &Row) -> Vec<String> {
        let mut cells = Vec::new();
        for (number, column) in self.columns.iter().enumerate() {
            let mark = if row.at_limit && number == 0 { "+" } else { "" };
            cells.push(row.median(number).map_or("-".into(), |value| {
                format!("{}{mark}", thousands(value, column.decimals))
            }));
            if column.better == Better::Neither {
                continue;
            }
            for (kind, _) in &self.against {
                let ratio = case.ratio(row, *kind, number, column.better);
                cells.push(ratio.map_or("-".into(), noted));
            }
        }
        cells
    }

    fn heads(&self) -> Vec<String> {
        let mut heads = vec!["work".to_owned(), "by".to_owned()];
        for column in &self.columns {
            heads.push(column.head.to_owned());
            if column.better != Better::Neither {
                heads.extend(self.against.iter().map(|(_, head)| (*head).to_owned()));
            }
        }
        heads
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&markdown(&self.heads(), 2, &self.lines))
    }
}

/// A ratio that is compared with 1.
pub(crate) fn noted(ratio: Ratio) -> String {
    let noise = if ratio.is_noise() { " noise" } else { "" };
    format!("{ratio}{noise}")
}

/// A Markdown table, whose first columns are words and the others numbers.
pub(crate) fn markdown(heads: &[String], words: usize, lines: &[Vec<String>]) -> String {
    let all = || std::iter::once(heads).chain(lines.iter().map(Vec::as_slice));
    let widths: Vec<usize> = (0..heads.len())
        .map(|column| {
            let cells = all().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        })
        .collect();
    let row = |line: &[String]| {
        let cells = widths.iter().enumerate().map(|(column, width)| {
            let cell = line.get(column).map_or("", String::as_str);
            if column < words { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths.iter().enumerate().map(|(column, width)| {
        if column < words { "-".repeat(width + 2) } else { format!("{}:", "-".repeat(width + 1)) }
    });
    let rule = format!("|{}|", rule.collect::<Vec<_>>().join("|"));
    let rows = lines.iter().map(|line| row(line));
    let text: Vec<String> = [row(heads), rule].into_iter().chain(rows).collect();
    text.join("\n")
}

/// A number with commas between its thousands.
pub(crate) fn thousands(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, format!(".{fraction}")),
        None => (text.as_str(), String::new()),
    };
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{fraction}")
}
