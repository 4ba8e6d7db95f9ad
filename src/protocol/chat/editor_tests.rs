//! The editor against examples, and against a model that is a list of characters.

use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::MAX_LINE;
use super::editor::{Edit, Editor};

fn typed(text: &str) -> Editor {
    let mut editor = Editor::default();
    editor.apply(Edit::Insert(text.to_owned()));
    editor
}

/// The text with the cursor as `|`.
fn with_cursor(editor: &Editor) -> String {
    let (shown, column) = editor.view(1000);
    let (mut out, mut at, mut done) = (String::new(), 0, false);
    for grapheme in shown.graphemes(true) {
        if at == column && !done {
            out.push('|');
            done = true;
        }
        out += grapheme;
        at += grapheme.width();
    }
    if !done {
        out.push('|');
    }
    out
}

#[test]
fn names_are_completed() {
    let names = ["ann", "Anton", "bob", "漢字"];
    let table = [
        ("b", Some("bob: ")),
        ("hi B", Some("hi bob ")),
        ("/msg 漢", Some("/msg 漢字 ")),
        ("ant", Some("Anton: ")),
        ("bob", Some("bob: ")),
        ("a", None),
        ("x", None),
        ("", None),
        ("bob ", None),
    ];
    for (text, expected) in table {
        let mut editor = typed(text);
        assert_eq!(editor.complete(names.into_iter()), expected.is_some(), "{text:?}");
        assert_eq!(editor.text(), expected.unwrap_or(text));
    }
    let mut editor = typed("so gu then");
    (0..5).for_each(|_| assert!(editor.apply(Edit::Left)));
    assert!(editor.complete(["guest-1", "guest-2"].into_iter()));
    assert_eq!(with_cursor(&editor), "so guest-| then");
    assert!(!editor.complete(["guest-1", "guest-2"].into_iter()), "nothing more in common");
}

#[test]
fn keys_in_the_middle_of_a_line() {
    use Edit::{
        Backspace, CutToEnd, CutToStart, CutWord, CutWordRight, Delete, End, Home, Left, Right,
        WordLeft, WordRight, Yank,
    };
    let insert = |text: &str| Edit::Insert(text.to_owned());
    let table: &[(&str, &[Edit], &str)] = &[
        ("hello", &[], "hello|"),
        ("hello", &[Left, Left, insert("XY")], "helXY|lo"),
        ("hello", &[Home, Delete, Right, Backspace], "|llo"),
        ("漢字か", &[Left, Left, insert("a"), Right], "漢a字|か"),
        ("e\u{301}x", &[Left, Left, insert("a")], "a|e\u{301}x"),
        ("👩‍👩‍👧!", &[Left, Backspace], "|!"),
        ("one two  three", &[Home, Right, CutWordRight, End, Yank], "o two  threene|"),
        ("one two  three", &[WordLeft, WordLeft], "one |two  three"),
        ("one two  three", &[Home, WordRight, WordRight], "one two|  three"),
        ("one two  three", &[CutWord, CutWord, Yank, Yank], "one two  two  |"),
        ("one two", &[Left, CutToStart, End, Yank], "oone tw|"),
        ("one two", &[WordLeft, CutToEnd, Home, Yank], "two|one "),
        ("a\r\nb\tc\u{7}\u{202e}\x1b[31m", &[], "a⏎b→c[31m|"),
    ];
    for (text, edits, result) in table {
        let mut editor = typed(text);
        for edit in *edits {
            editor.apply(edit.clone());
        }
        assert_eq!(with_cursor(&editor), *result, "{text:?} {edits:?}");
    }
}

#[test]
fn what_joins_to_one_character_is_one() {
    let mut editor = typed("\u{301}");
    editor.apply(Edit::Home);
    editor.apply(Edit::Insert("e".into()));
    assert_eq!(with_cursor(&editor), "e\u{301}|");
    editor.apply(Edit::Backspace);
    assert_eq!(editor.text(), "");
}

#[test]
fn the_history_keeps_what_was_being_typed() {
    let mut editor = Editor::default();
    for line in ["first", "second", "second", ""] {
        editor.apply(Edit::Insert(line.into()));
        editor.submit();
    }
    editor.apply(Edit::Insert("draft".into()));
    let steps = [
        (Edit::Earlier, "second"),
        (Edit::Earlier, "first"),
        (Edit::Earlier, "first"),
        (Edit::Later, "second"),
        (Edit::Later, "draft"),
        (Edit::Later, "draft"),
    ];
    for (edit, text) in steps {
        editor.apply(edit);
        assert_eq!(editor.text(), text);
    }
}

#[test]
fn what_is_pasted_is_sent_line_by_line_and_no_line_is_too_long() {
    assert_eq!(typed("a\nb\n\nc").submit(), ["a", "b", "c"]);
    assert_eq!(typed("").submit(), [""; 0]);
    let long = "é".repeat(MAX_LINE);
    let pieces = typed(&long).submit();
    assert!(pieces.len() == 2 && pieces.iter().all(|piece| piece.len() <= MAX_LINE));
    assert_eq!(pieces.concat(), long);
    let mut editor = typed("kept");
    assert!(!editor.apply(Edit::Insert("x".repeat(64 * 1024))), "too much to be one message");
    assert_eq!(editor.text(), "kept");
}

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => prop::sample::select(vec!["a", "b", " ", "漢", "e\u{301}"]).prop_map(|text| Edit::Insert(text.into())),
        4 => prop::sample::select(vec![
            Edit::Backspace, Edit::Delete, Edit::Left, Edit::Right, Edit::Home, Edit::End,
            Edit::CutToStart, Edit::CutToEnd, Edit::Yank,
        ]),
    ]
}

/// The same by the simplest means.
#[derive(Default)]
struct Model {
    before: Vec<String>,
    behind: Vec<String>,
    cut: Vec<String>,
}

impl Model {
    fn apply(&mut self, edit: &Edit) {
        match edit {
            Edit::Insert(text) => self.before.push(text.clone()),
            Edit::Backspace => drop(self.before.pop()),
            Edit::Delete if !self.behind.is_empty() => drop(self.behind.remove(0)),
            Edit::Left => self.behind.splice(..0, self.before.pop()).for_each(drop),
            Edit::Right if !self.behind.is_empty() => self.before.push(self.behind.remove(0)),
            Edit::Home => self.behind.splice(..0, self.before.drain(..)).for_each(drop),
            Edit::End => self.before.append(&mut self.behind),
            Edit::CutToStart if !self.before.is_empty() => {
                self.cut = std::mem::take(&mut self.before);
            }
            Edit::CutToEnd if !self.behind.is_empty() => {
                self.cut = std::mem::take(&mut self.behind);
            }
            Edit::Yank => self.before.extend(self.cut.iter().cloned()),
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn the_editor_does_as_the_model(edits in prop::collection::vec(edits(), 0..80)) {
        let (mut editor, mut model) = (Editor::default(), Model::default());
        for edit in edits {
            editor.apply(edit.clone());
            model.apply(&edit);
            let (before, behind) = (model.before.concat(), model.behind.concat());
            prop_assert_eq!(editor.text(), format!("{before}{behind}"));
            let width = before.width() + behind.width() + 1;
            prop_assert_eq!(editor.view(width), (format!("{before}{behind}"), before.width()));
        }
    }

    #[test]
    fn any_text_in_any_window_fits(text in "\\PC{0,40}", left in 0..50, width in 0..20_usize) {
        let mut editor = typed(&text);
        for _ in 0..left {
            editor.apply(Edit::Left);
        }
        let (shown, column) = editor.view(width);
        prop_assert!(shown.width() <= width && column <= width.saturating_sub(1));
        for edit in [Edit::WordLeft, Edit::CutWord, Edit::WordRight, Edit::Delete, Edit::Yank] {
            editor.apply(edit);
            editor.view(width);
        }
        prop_assert!(editor.submit().iter().all(|line| line.len() <= MAX_LINE));
    }
}
