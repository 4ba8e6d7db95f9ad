//! The line that a person is typing: a cursor that moves by what is seen as one character, a
//! history, and what was cut out.
//!
//! A pasted text may have several lines; they are sent one by one when the person confirms.

use std::collections::VecDeque;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::MAX_LINE;
use crate::protocol::text::is_unprintable;

/// The most that may be typed or pasted at a time.
pub const LONGEST: usize = 64 * 1024;
/// Lines that are remembered.
const REMEMBERED: usize = 500;

/// One thing that a key does to the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Puts text at the cursor, typed or pasted.
    Insert(String),
    /// Deletes the character before the cursor.
    Backspace,
    /// Deletes the character at the cursor.
    Delete,
    /// Moves by one character.
    Left,
    /// Moves by one character.
    Right,
    /// Moves to the beginning of a word.
    WordLeft,
    /// Moves behind the end of a word.
    WordRight,
    /// Moves to the beginning.
    Home,
    /// Moves to the end.
    End,
    /// Cuts out everything before the cursor.
    CutToStart,
    /// Cuts out everything behind the cursor.
    CutToEnd,
    /// Cuts out the word before the cursor.
    CutWord,
    /// Cuts out the word behind the cursor.
    CutWordRight,
    /// Puts what was cut out last at the cursor.
    Yank,
    /// The line before this one in the history.
    Earlier,
    /// The line behind this one in the history.
    Later,
}

/// The line and its history.
#[derive(Clone, Debug, Default)]
pub struct Editor {
    text: String,
    /// In bytes, always between two characters.
    cursor: usize,
    cut: String,
    history: VecDeque<String>,
    /// How far back in the history, and what was typed before.
    back: usize,
    draft: String,
}

impl Editor {
    /// What is typed so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether so much text may be put to what is typed.
    pub fn has_room_for(&self, text: &str) -> bool {
        self.text.len() + text.len() <= LONGEST
    }

    /// Does what a key asks for; false where it cannot.
    pub fn apply(&mut self, edit: Edit) -> bool {
        match edit {
            Edit::Insert(text) => return self.insert(&text),
            Edit::Backspace => return self.remove(self.before()..self.cursor),
            Edit::Delete => return self.remove(self.cursor..self.behind()),
            Edit::Left => self.cursor = self.before(),
            Edit::Right => self.cursor = self.behind(),
            Edit::WordLeft => self.cursor = self.word_start(),
            Edit::WordRight => self.cursor = self.word_end(),
            Edit::Home => self.cursor = 0,
            Edit::End => self.cursor = self.text.len(),
            Edit::CutToStart => return self.cut(0..self.cursor),
            Edit::CutToEnd => return self.cut(self.cursor..self.text.len()),
            Edit::CutWord => return self.cut(self.word_start()..self.cursor),
            Edit::CutWordRight => return self.cut(self.cursor..self.word_end()),
            Edit::Yank => return self.insert(&self.cut.clone()),
            Edit::Earlier => return self.go_back(self.back + 1),
            Edit::Later => return self.back > 0 && self.go_back(self.back - 1),
        }
        true
    }

    /// Completes the word before the cursor to one of these names, or to what all that it may be have
    /// in common; false where that is nothing more.
    pub fn complete<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> bool {
        let start = self.word_start();
        let word = self.text.get(start..self.cursor).unwrap_or_default().to_lowercase();
        let mut fitting = names.filter(|name| name.to_lowercase().starts_with(&word));
        let Some(first) = fitting.next().filter(|_| !word.is_empty()) else { return false };
        let (mut common, mut is_only) = (first, true);
        for name in fitting {
            let shared = common.chars().zip(name.chars()).take_while(|(one, other)| one == other);
            common = common.get(..shared.map(|(one, _)| one.len_utf8()).sum()).unwrap_or_default();
            is_only = false;
        }
        let end = match is_only {
            true if start == 0 => ": ",
            true => " ",
            false => "",
        };
        // What they have in common may be less, where they differ in case.
        if common.chars().count() + end.len() <= word.chars().count() {
            return false;
        }
        self.text.replace_range(start..self.cursor, &format!("{common}{end}"));
        self.move_to(start + common.len() + end.len());
        true
    }

    /// Takes what is typed, as lines that are short enough to be sent.
    pub fn submit(&mut self) -> Vec<String> {
        let text = std::mem::take(&mut self.text);
        (self.cursor, self.back) = (0, 0);
        self.draft.clear();
        if !text.is_empty() && self.history.back() != Some(&text) {
            self.history.push_back(text.clone());
            if self.history.len() > REMEMBERED {
                self.history.pop_front();
            }
        }
        text.split('\n').flat_map(sendable).collect()
    }

    /// What of the line fits a width, and the column of the cursor in it. The view moves by half
    /// its width, so that there is something to see on both sides of the cursor.
    pub fn view(&self, width: usize) -> (String, usize) {
        let before = self.text.get(..self.cursor).unwrap_or_default();
        let column: usize = before.graphemes(true).map(|one| shown(one).width()).sum();
        let step = (width / 2).max(1);
        let offset = if column < width { 0 } else { ((column - width) / step + 1) * step };
        let (mut at, mut start, mut visible) = (0, None, String::new());
        for grapheme in self.text.graphemes(true).map(shown) {
            let end = at + grapheme.width();
            // A wide character that lies half outside is left out.
            if at >= offset && end <= offset + width {
                start.get_or_insert(at);
                visible += grapheme;
            }
            at = end;
        }
        (visible, column.saturating_sub(start.unwrap_or(offset)).min(width.saturating_sub(1)))
    }

    fn insert(&mut self, text: &str) -> bool {
        // Terminals send the line ends of a pasted text as CR.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text: String =
            // What is typed is drawn as it is, and a pasted ESC would reach the terminal.
            text.chars().filter(|c| matches!(c, '\n' | '\t') || !is_unprintable(*c)).collect();
        if text.is_empty() || !self.has_room_for(&text) {
            return false;
        }
        self.text.insert_str(self.cursor, &text);
        self.move_to(self.cursor + text.len());
        true
    }

    fn remove(&mut self, range: Range<usize>) -> bool {
        if range.is_empty() {
            return false;
        }
        let start = range.start;
        self.text.replace_range(range, "");
        self.move_to(start);
        true
    }

    fn cut(&mut self, range: Range<usize>) -> bool {
        if let Some(text) = self.text.get(range.clone()).filter(|text| !text.is_empty()) {
            self.cut = text.to_owned();
        }
        self.remove(range)
    }

    fn go_back(&mut self, back: usize) -> bool {
        if back > self.history.len() {
            return false;
        }
        if self.back == 0 {
            self.draft = self.text.clone();
        }
        self.back = back;
        let line = self.history.len().checked_sub(back).and_then(|at| self.history.get(at));
        self.text = line.unwrap_or(&self.draft).clone();
        self.cursor = self.text.len();
        true
    }

    /// Puts the cursor here, or behind the character that this is in the middle of: what is next
    /// to each other may have become one.
    fn move_to(&mut self, at: usize) {
        let ends = self.text.grapheme_indices(true).map(|(start, one)| start + one.len());
        self.cursor = ends.chain([0]).filter(|end| *end >= at).min().unwrap_or(self.text.len());
    }

    fn before(&self) -> usize {
        let before = self.text.get(..self.cursor).unwrap_or_default();
        before.grapheme_indices(true).next_back().map_or(0, |(start, _)| start)
    }

    fn behind(&self) -> usize {
        let behind = self.text.get(self.cursor..).unwrap_or_default();
        self.cursor + behind.graphemes(true).next().map_or(0, str::len)
    }

    fn word_start(&self) -> usize {
        let before = self.text.get(..self.cursor).unwrap_or_default().trim_end();
        before.rfind(char::is_whitespace).map_or(0, |at| {
            at + before.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
        })
    }

    fn word_end(&self) -> usize {
        let behind = self.text.get(self.cursor..).unwrap_or_default();
        let blanks = behind.len() - behind.trim_start().len();
        let word = behind.trim_start().find(char::is_whitespace);
        word.map_or(self.text.len(), |length| self.cursor + blanks + length)
    }
}

/// A character as it is seen in the line.
fn shown(grapheme: &str) -> &str {
    match grapheme {
        "\n" => "⏎",
        "\t" => "→",
        other => other,
    }
}

/// A line in pieces that may be sent, cut between characters.
fn sendable(line: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for grapheme in line.graphemes(true) {
        match pieces.last_mut() {
            Some(last) if last.len() + grapheme.len() <= MAX_LINE => *last += grapheme,
            // A character that is itself too long is cut as well: it is marks upon marks.
            // A char has four bytes in UTF-8 at most, hence the quarter.
            _ => pieces.push(grapheme.chars().take(MAX_LINE / 4).collect()),
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}
