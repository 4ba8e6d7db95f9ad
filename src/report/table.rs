//! The figures of flows as a table, for a person: a heading, a row for each source, and a sum where
//! there are several. No line has more than 80 columns, unless a name is longer than that.
//!
//! It makes strings and writes nowhere. Programs get the same figures one event a source.

use std::fmt::Write;
use std::time::Duration;

use super::figures::{Figures, FlowFigures, SequenceFigures, size};
use super::name::Name;
use super::notice::Notice;
use crate::protocol::counts::percent;
use crate::protocol::delay::LatencySummary;
use crate::protocol::text::escape_words;

/// Columns of the name of a source: as many as an IPv4 address with its port has.
const NAME: usize = 21;
/// Rows after which the heading is repeated, so that it stays on the screen.
const ROWS: usize = 20;

/// The figures of one time, on their way to a terminal.
///
/// ```text
///          begin         the first row: the heading, where it is another one or far away
/// closed ────────> empty ────────────────────────────────────────────────────────────────> rows
///    ^ <── end ──────┘                                                                       │
///    └───────────────────────────── end: the sum, where there are several rows ──────────────┘
/// ```
#[derive(Default)]
pub(super) struct FigureTable {
    period: Option<Period>,
    heading: Option<Heading>,
}

/// The time whose figures are on their way.
struct Period {
    /// The last interval; `None` is the whole run.
    interval: Option<Duration>,
    has_rows: bool,
    sum: Sum,
}

/// What stands above the rows, shown last.
struct Heading {
    title: String,
    /// Lines since, and its own.
    lines: usize,
    group: Option<String>,
}

#[derive(Default)]
struct Sum {
    rows: usize,
    flow: FlowFigures,
    sequence: Option<SequenceFigures>,
}

impl FigureTable {
    /// The figures that follow are of the last interval, or without one of the whole run.
    pub(super) fn begin(&mut self, interval: Option<Duration>) {
        self.period = Some(Period { interval, has_rows: false, sum: Sum::default() });
    }

    /// The lines of a notice that belongs into the table.
    pub(super) fn lines(&mut self, notice: &Notice<'_>) -> Option<String> {
        let (fields, figures) = (&notice.fields, notice.fields.figures?);
        let flow = figures.flow?;
        let period = self.period.as_mut().filter(|_| notice.name == Name::Stats)?;
        let mut out = String::new();
        if !std::mem::replace(&mut period.has_rows, true) {
            let title = title(period.interval);
            let shown = self.heading.take().filter(|it| it.title == title && it.lines < ROWS);
            self.heading = shown.or_else(|| Some(Heading::write(title, &mut out)));
        }
        let heading = self.heading.as_mut()?;
        heading.begin_group(fields.group, &mut out);
        let Some(peer) = fields.peer else {
            // What the kernel dropped was from any of them.
            line(&mut out, &format!("  dropped by the kernel: {}", flow.kernel_drops));
            return Some(out);
        };
        let count = fields.count.map(|count| format!(" ({count})")).unwrap_or_default();
        row(&mut out, &format!("{}{count}", escape_words(peer)), figures);
        let more = more(figures, period.interval);
        if !more.is_empty() {
            line(&mut out, &format!(" {more}"));
        }
        period.sum.add(&flow, figures.sequence.as_ref());
        heading.lines += out.lines().count();
        Some(out)
    }

    /// No more figures of this time follow: the line of their sum.
    pub(super) fn end(&mut self) -> Option<String> {
        let Sum { rows, flow, sequence } = self.period.take()?.sum;
        let mut out = String::new();
        row(&mut out, "total", &Figures { flow: Some(flow), sequence, ..Figures::default() });
        (rows > 1).then_some(out)
    }
}

impl Heading {
    fn write(title: String, out: &mut String) -> Self {
        let heads = ["messages", "bytes", "rate", "lost", "loss", "jitter", "latency"];
        cells(out, &title, heads.map(str::to_owned));
        Self { title, lines: 0, group: None }
    }

    /// Names the group that the next row is of, where it is another one than before.
    fn begin_group(&mut self, group: Option<&str>, out: &mut String) {
        if let Some(group) = group.filter(|group| self.group.as_deref() != Some(*group)) {
            line(out, &format!("to {}", escape_words(group)));
            self.group = Some(group.to_owned());
        }
    }
}

/// What the figures are about: the time.
fn title(interval: Option<Duration>) -> String {
    match interval {
        Some(interval) => format!("last {}", humantime::format_duration(interval)),
        None => "whole run".to_owned(),
    }
}

impl Sum {
    fn add(&mut self, flow: &FlowFigures, sequence: Option<&SequenceFigures>) {
        self.rows += 1;
        let sum = &mut self.flow;
        sum.messages += flow.messages;
        sum.bytes += flow.bytes;
        sum.rate += flow.rate;
        sum.byte_rate += flow.byte_rate;
        if let Some(one) = sequence {
            let all = self.sequence.get_or_insert_default();
            all.expected += one.expected;
            all.lost += one.lost;
            all.loss = percent(all.lost, all.expected);
        }
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// A row; a name that is too long for its column has a line of its own.
fn row(out: &mut String, name: &str, figures: &Figures) {
    let Some(flow) = &figures.flow else { return };
    let none = || "-".to_owned();
    let (lost, loss) = match &figures.sequence {
        Some(SequenceFigures { lost, loss, .. }) => (short(*lost), format!("{loss:.2}%")),
        None => (none(), none()),
    };
    let latency = figures.latency.map_or_else(none, |latency| time(latency.mean));
    let cell = [
        short(flow.messages),
        size(flow.bytes),
        rate(flow.rate),
        lost,
        loss,
        figures.jitter.map_or_else(none, time),
        latency,
    ];
    let name = match name.chars().count() > NAME {
        true => {
            line(out, name);
            ""
        }
        false => name,
    };
    cells(out, name, cell);
}

fn cells(out: &mut String, name: &str, cells: [String; 7]) {
    let [messages, bytes, rate, lost, loss, jitter, latency] = cells;
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{name:NAME$}{messages:>9}{bytes:>11}{rate:>9}{lost:>6}{loss:>8}{jitter:>8}{latency:>8}"
    );
}

/// What is no good news, and what has no column.
fn more(figures: &Figures, interval: Option<Duration>) -> String {
    let mut out = String::new();
    let mut add = |what: &str, count: u64| {
        if count > 0 {
            let _ = write!(out, " {what} {count}");
        }
    };
    if let Some(sequence) = &figures.sequence {
        add("duplicates", sequence.duplicates);
        add("reordered", sequence.reordered);
        add("restarts", sequence.restarts.unwrap_or(0));
    }
    if let Some(flow) = &figures.flow {
        add("truncated", flow.truncated);
        add("dropped by the kernel", flow.kernel_drops);
    }
    if let Some(LatencySummary { min, p99, max, .. }) =
        figures.latency.filter(|_| interval.is_none())
    {
        let _ = write!(out, " latency min {} max {}", time(min), time(max));
        if let Some(p99) = p99 {
            let _ = write!(out, " p99 {}", time(p99));
        }
    }
    if let Some(ssrc) = figures.ssrc {
        let _ = write!(out, " ssrc {ssrc:#010x}");
    }
    out
}

/// A count in six columns at most.
fn short(count: u64) -> String {
    match count {
        0..=99_999 => count.to_string(),
        100_000..=9_999_999 => format!("{}k", count / 1000),
        _ => format!("{}M", count / 1_000_000),
    }
}

fn rate(rate: f64) -> String {
    if rate < 1e4 { format!("{rate:.1}/s") } else { format!("{}/s", short(rate as u64)) }
}

/// A time with three digits.
fn time(seconds: f64) -> String {
    let (number, unit) = match seconds.abs() {
        under if under < 999.5e-6 => return format!("{:.0} \u{b5}s", seconds * 1e6),
        under if under < 999.5e-3 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    match number.abs() {
        under if under < 9.995 => format!("{number:.2} {unit}"),
        under if under < 99.95 => format!("{number:.1} {unit}"),
        _ => format!("{number:.0} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(messages: u64, lost: u64) -> Figures {
        let flow = FlowFigures {
            messages,
            bytes: messages * 100,
            rate: messages as f64,
            byte_rate: messages as f64 * 100.0,
            ..FlowFigures::default()
        };
        let expected = messages + lost;
        let loss = 100.0 * lost as f64 / expected as f64;
        let sequence = SequenceFigures { expected, lost, loss, ..SequenceFigures::default() };
        let latency = LatencySummary { min: 41e-6, mean: 81e-6, p99: Some(0.5), max: 2.0 };
        Figures {
            flow: Some(flow),
            sequence: Some(sequence),
            jitter: Some(1.234e-3),
            latency: Some(latency),
            ..Figures::default()
        }
    }

    fn shown(table: &mut FigureTable, rows: &[(&str, Option<&str>, Figures)]) -> String {
        let mut out = String::new();
        for (peer, group, figures) in rows {
            let notice = Notice::new(Name::Stats).peer(peer).figures(figures);
            let notice = group.map_or(notice.clone(), |group| notice.group(group));
            out += &table.lines(&notice).expect("a row");
        }
        out + &table.end().unwrap_or_default()
    }

    #[test]
    fn a_table_has_a_heading_rows_and_a_sum() {
        let mut table = FigureTable::default();
        let one = figures(30, 0);
        assert_eq!(table.lines(&Notice::new(Name::Stats).peer("a").figures(&one)), None);
        let group = Some("239.1.2.3:5004");
        let rows =
            [("192.0.2.2:53372", group, one), ("[2001:db8::1:2:3]:43458", group, figures(9, 1))];
        table.begin(None);
        assert_eq!(
            shown(&mut table, &rows),
            "\
whole run             messages      bytes     rate  lost    loss  jitter latency
to 239.1.2.3:5004
192.0.2.2:53372             30    2.9 KiB   30.0/s     0   0.00% 1.23 ms   81 \u{b5}s
  latency min 41 \u{b5}s max 2.00 s p99 500 ms
[2001:db8::1:2:3]:43458
                             9      900 B    9.0/s     1  10.00% 1.23 ms   81 \u{b5}s
  latency min 41 \u{b5}s max 2.00 s p99 500 ms
total                       39    3.8 KiB   39.0/s     1   2.50%       -       -
"
        );
    }

    #[test]
    fn the_heading_is_repeated_where_it_is_another_or_far_away() {
        let mut table = FigureTable::default();
        let second = Some(Duration::from_secs(1));
        let mut heads = Vec::new();
        for interval in [second, second, None, second].into_iter().chain([second; 22]) {
            table.begin(interval);
            let text = shown(&mut table, &[("a", None, figures(1, 0))]);
            heads.push(text.contains("messages"));
        }
        let at: Vec<usize> = (0..heads.len()).filter(|at| heads[*at]).collect();
        // Its own line counts.
        assert_eq!(at, [0, 2, 3, 22]);
    }

    #[test]
    fn no_line_is_longer_than_a_terminal_is_wide() {
        let most = Figures {
            flow: Some(FlowFigures {
                messages: u64::MAX / 1_000_000_000_000_000,
                bytes: 1023 << 30,
                rate: 12_345_678.9,
                ..FlowFigures::default()
            }),
            sequence: Some(SequenceFigures { lost: 123_456, loss: 100.0, ..Default::default() }),
            jitter: Some(0.99999),
            latency: Some(LatencySummary { min: -0.5, mean: -0.0123, p99: None, max: 99.94 }),
            ..Figures::default()
        };
        let mut table = FigureTable::default();
        table.begin(None);
        for line in shown(&mut table, &[("255.255.255.255:65535", None, most)]).lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn what_the_kernel_dropped_is_a_line() {
        let mut table = FigureTable::default();
        table.begin(None);
        let drops = Figures::of_drops(4);
        let lines = table.lines(&Notice::new(Name::Stats).figures(&drops)).expect("lines");
        assert!(lines.ends_with("\n  dropped by the kernel: 4\n"), "{lines}");
        assert_eq!(table.end(), None);
    }
}
