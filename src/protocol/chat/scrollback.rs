//! What was said, as rows of a window: wrapped, scrolled, with a mark before what is new.

use std::collections::VecDeque;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Lines that are kept.
const KEPT: usize = 5000;
/// What stands before the first line that has not been seen.
const MARK: &str = "── new ──";
/// How far the rows of a line behind the first are indented, where there is room for it.
const INDENT: &str = "  ";
/// The narrowest window that has room for it.
const WITH_INDENT: usize = 20;

/// What a row is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A message.
    Talk,
    /// Another member names you.
    Mention,
    /// Words for one alone.
    Private,
    /// Who is there, and notices of the room.
    Notice,
    /// Notices of the program itself.
    Event,
    /// The mark before what is new.
    Mark,
}

/// A line, or one row of the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub kind: RowKind,
    /// The text; that of a row is no wider than the window.
    pub text: String,
    /// Where in the text the name of the author is; an empty range where it is nowhere.
    pub name: Range<usize>,
}

/// The lines so far, and which of them are in sight.
#[derive(Clone, Debug, Default)]
pub struct Scrollback {
    lines: VecDeque<Row>,
    width: usize,
    height: usize,
    /// Rows below the window.
    below: usize,
    /// How many lines, counted from the last, have come out of sight.
    unread: Option<usize>,
}

impl Scrollback {
    /// Adds a line. A window that looks at older lines stays where it is.
    pub fn push(&mut self, line: Row) {
        if self.below > 0 {
            self.below += wrap(&line.text, self.width, self.indent().len()).len();
            let before = self.unread.is_none();
            self.unread.get_or_insert(0);
            self.below += usize::from(before);
        }
        self.unread = self.unread.map(|count| count + 1);
        self.lines.push_back(line);
        if self.lines.len() > KEPT {
            self.lines.pop_front();
        }
        debug_assert!(self.lines.len() <= KEPT, "{} lines are kept", self.lines.len());
        self.below = self.reachable(self.below);
    }

    /// The window has this size.
    pub fn resize(&mut self, width: usize, height: usize) {
        (self.width, self.height) = (width, height);
        self.below = self.reachable(self.below);
    }

    /// Looks at older lines, or newer ones, by so many windows, which overlap by a row.
    pub fn page(&mut self, windows: isize) {
        let page = self.height.saturating_sub(1).max(1);
        let rows = windows.unsigned_abs().saturating_mul(page);
        if self.below == 0 {
            // All that was new has been looked at.
            self.unread = None;
        }
        self.below = if windows > 0 {
            self.reachable(self.below.saturating_add(rows))
        } else {
            self.below.saturating_sub(rows)
        };
    }

    /// Looks at the newest lines, all of which are now seen.
    pub fn catch_up(&mut self) {
        self.below = 0;
        self.unread = None;
    }

    /// How many lines have come out of sight.
    pub fn unread(&self) -> usize {
        self.unread.unwrap_or(0)
    }

    /// Whether the window looks at older lines.
    pub fn is_scrolled(&self) -> bool {
        self.below > 0
    }

    /// The rows in sight, from the top; fewer than the window has where there are no more.
    pub fn rows(&self) -> Vec<Row> {
        let wanted = self.below.saturating_add(self.height);
        let mut rows: Vec<Row> = self.upwards().take(wanted).skip(self.below).collect();
        rows.reverse();
        rows
    }

    /// All rows, from the last.
    fn upwards(&self) -> impl Iterator<Item = Row> {
        // Lazy, from the last line: a window costs what it shows, and not all lines that are kept.
        self.lines.iter().rev().enumerate().flat_map(|(age, line)| {
            let indent = self.indent();
            let rows = wrap(&line.text, self.width, indent.len()).into_iter().enumerate();
            let rows: Vec<Row> = rows.map(|(row, text)| line.row(row, text, indent)).collect();
            let mark = Row { kind: RowKind::Mark, text: MARK.to_owned(), name: 0..0 };
            rows.into_iter().rev().chain((self.unread == Some(age + 1)).then_some(mark))
        })
    }

    fn indent(&self) -> &'static str {
        if self.width < WITH_INDENT { "" } else { INDENT }
    }

    /// So many rows below the window, or as many as there are.
    fn reachable(&self, below: usize) -> usize {
        if below == 0 {
            return 0;
        }
        let rows = self.upwards().take(below.saturating_add(self.height)).count();
        rows.saturating_sub(self.height).min(below)
    }
}

impl Row {
    /// One of the rows that a line is cut into.
    fn row(&self, row: usize, text: &str, indent: &str) -> Self {
        let (text, name) = match row {
            0 => (text.to_owned(), self.name.start.min(text.len())..self.name.end.min(text.len())),
            _ => (format!("{indent}{text}"), 0..0),
        };
        Self { kind: self.kind, text, name }
    }
}

/// Cuts a line into rows, between words where there are words. The rows behind the first have
/// `indent` columns less.
pub fn wrap(text: &str, width: usize, indent: usize) -> Vec<&str> {
    let width = width.max(1);
    let (mut rows, mut start, mut column, mut blank) = (Vec::new(), 0, 0, None);
    for (at, grapheme) in text.grapheme_indices(true) {
        // East Asian wide characters take two columns (UAX 11), combining marks none.
        let wide = grapheme.width();
        // A character that is wider than the window has a row of its own, or no row would take it.
        while column + wide > width && at > start {
            let cut = blank.filter(|blank| *blank > start && grapheme != " ").unwrap_or(at);
            rows.push(text.get(start..cut).unwrap_or_default().trim_end());
            start = cut;
            column = indent + text.get(cut..at).unwrap_or_default().width();
            blank = None;
        }
        column += wide;
        if grapheme == " " {
            blank = Some(at + 1);
            // A blank that begins a row has done its work at the end of the one before.
            if at == start && !rows.is_empty() {
                start = at + 1;
                column = indent;
            }
        }
    }
    rows.push(text.get(start..).unwrap_or_default());
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_cut_between_words() {
        let table: &[(&str, usize, &[&str])] = &[
            ("", 5, &[""]),
            ("hello", 5, &["hello"]),
            ("hello world", 5, &["hello", "world"]),
            ("hello world", 8, &["hello", "world"]),
            ("hello world", 11, &["hello world"]),
            ("helloworld", 4, &["hell", "owor", "ld"]),
            ("a bcdefgh", 4, &["a", "bcde", "fgh"]),
            ("漢字かな", 5, &["漢字", "かな"]),
            ("漢", 1, &["漢"]),
            ("漢字", 1, &["漢", "字"]),
            ("ab", 0, &["a", "b"]),
        ];
        for (text, width, rows) in table {
            assert_eq!(wrap(text, *width, 0), *rows, "{text:?} in {width}");
        }
        assert_eq!(wrap("one two three four", 8, 2), ["one two", "three", "four"]);
    }

    fn filled(lines: usize) -> Scrollback {
        let mut scrollback = Scrollback::default();
        scrollback.resize(10, 4);
        (0..lines).for_each(|number| scrollback.push(line(&format!("line {number}"))));
        scrollback
    }

    fn line(text: &str) -> Row {
        Row { kind: RowKind::Talk, text: text.to_owned(), name: 0..0 }
    }

    fn texts(scrollback: &Scrollback) -> Vec<String> {
        scrollback.rows().into_iter().map(|row| row.text).collect()
    }

    #[test]
    fn a_window_that_looks_back_stays_and_shows_what_is_new() {
        let mut scrollback = filled(20);
        assert_eq!(texts(&scrollback), ["line 16", "line 17", "line 18", "line 19"]);
        scrollback.page(1);
        let before = ["line 13", "line 14", "line 15", "line 16"];
        assert_eq!(texts(&scrollback), before);
        scrollback.push(line("new and long"));
        scrollback.push(line("newer"));
        assert_eq!((texts(&scrollback), scrollback.unread()), (before.map(String::from).into(), 2));
        scrollback.page(-1);
        assert_eq!(texts(&scrollback), ["line 16", "line 17", "line 18", "line 19"]);
        scrollback.page(-5);
        assert_eq!(texts(&scrollback), [MARK, "new and", "long", "newer"]);
        scrollback.page(1);
        assert_eq!(scrollback.unread(), 0, "it has been looked at");
        scrollback.catch_up();
        assert_eq!(texts(&scrollback), ["line 19", "new and", "long", "newer"]);
    }

    #[test]
    fn there_is_nothing_above_the_first_line() {
        let mut scrollback = filled(6);
        scrollback.page(9);
        assert_eq!(texts(&scrollback), ["line 0", "line 1", "line 2", "line 3"]);
        let mut short = filled(2);
        short.page(3);
        assert_eq!((texts(&short).len(), short.is_scrolled()), (2, false));
        let mut long = filled(KEPT + 3);
        long.page(isize::MAX);
        assert_eq!(texts(&long)[0], "line 3");
        long.resize(0, 0);
        assert_eq!(texts(&long), [""; 0]);
    }

    #[test]
    fn the_name_is_in_the_first_row_and_the_others_are_indented() {
        let mut scrollback = Scrollback::default();
        scrollback.resize(20, 4);
        let text = "<ann> as long as a line of two rows is".to_owned();
        scrollback.push(Row { kind: RowKind::Talk, text, name: 1..4 });
        let rows = scrollback.rows();
        assert_eq!(rows[0].text.get(rows[0].name.clone()), Some("ann"));
        assert_eq!((rows[1].text.as_str(), rows[1].name.clone()), ("  line of two rows", 0..0));
        scrollback.resize(2, 40);
        assert_eq!(scrollback.rows()[0].name, 1..2, "no more of it than there is");
    }

    proptest! {
        #[test]
        fn no_row_is_too_wide_and_nothing_is_lost(text in "[a-z 漢é\u{301}👧]{0,60}", width in 2..12_usize) {
            let rows = wrap(&text, width, 0);
            prop_assert!(rows.iter().all(|row| row.trim_end().width() <= width), "{:?}", rows);
            let solid = |text: &str| text.replace(' ', "");
            prop_assert_eq!(solid(&rows.concat()), solid(&text));
        }
    }
}
