//! What is on the screen, as data: the lines, the line being typed, who is there.

use super::editor::{Edit, Editor, LONGEST};
use super::keys::Action;
use super::line::Line;
use super::nick::Nick;
use super::roster::Roster;
use super::scrollback::{Kind, Row, Scrollback};

/// The screen.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// What was said.
    pub scrollback: Scrollback,
    /// What is being typed.
    pub editor: Editor,
    /// Who is there.
    pub roster: Roster,
    /// The room, as the user called it.
    pub place: String,
    /// Whether the room is reached.
    pub is_connected: bool,
}

/// What a key asks of others than the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// These lines are to be said.
    Say(Vec<String>),
    /// To leave in order.
    Leave,
    /// To leave at once.
    Interrupt,
    /// To stop until the shell goes on with it.
    Suspend,
    /// To be drawn anew.
    Redraw,
    /// To be told that the key could do nothing.
    Bell,
}

impl View {
    /// A screen for a room.
    pub fn new(place: String) -> Self {
        Self { place, ..Self::default() }
    }

    /// Adds a line of the room, with the time or nothing before it; true where it is for the person
    /// here more than for others.
    pub fn show(&mut self, line: &Line, time: &str) -> bool {
        let names_you = |text: &String| self.roster.you().is_some_and(|you| you.is_named_in(text));
        let kind = match line {
            Line::Said(_, text) | Line::Did(_, text) if names_you(text) => Kind::Mention,
            Line::Whispered(..) => Kind::Private,
            line => kind(line),
        };
        self.add(kind, line, time);
        matches!(kind, Kind::Mention | Kind::Private)
    }

    /// Adds a line that was said before the person here came.
    pub fn show_earlier(&mut self, line: &Line) {
        self.add(Kind::Notice, line, "");
    }

    /// Adds what the person here said, which is the time to look at what is new.
    pub fn echo(&mut self, line: &Line, time: &str) {
        self.add(kind(line), line, time);
        self.scrollback.catch_up();
    }

    /// Adds what the program has to say.
    pub fn tell(&mut self, text: &str, time: &str) {
        let text = untabbed(&format!("{time}{text}"));
        self.scrollback.push(Row { kind: Kind::Event, text, name: 0..0 });
    }

    fn add(&mut self, kind: Kind, line: &Line, time: &str) {
        let name = line.name_at();
        let text = untabbed(&format!("{time}{line}"));
        let name = name.start + time.len()..name.end + time.len();
        self.scrollback.push(Row { kind, text, name });
    }

    /// Does what a key asks for.
    pub fn act(&mut self, action: Action) -> Option<Wish> {
        match action {
            Action::EndOfFile if self.editor.text().is_empty() => return Some(Wish::Leave),
            Action::EndOfFile => {
                self.editor.apply(Edit::Delete);
            }
            Action::Edit(Edit::Insert(text)) if !self.editor.has_room_for(&text) => {
                let (size, most) = (text.len(), LONGEST / 1024);
                self.tell(&format!("{size} bytes are too many to paste: {most} KiB at most"), "");
                return Some(Wish::Bell);
            }
            Action::Edit(edit) => {
                return (!self.editor.apply(edit)).then_some(Wish::Bell);
            }
            Action::Complete => {
                let names = self.roster.names().map(Nick::as_str);
                return (!self.editor.complete(names)).then_some(Wish::Bell);
            }
            Action::Submit => return Some(Wish::Say(self.editor.submit())),
            Action::Page(windows) => self.scrollback.page(windows),
            Action::Interrupt => return Some(Wish::Interrupt),
            Action::Suspend => return Some(Wish::Suspend),
            Action::Redraw => return Some(Wish::Redraw),
        }
        None
    }
}

/// What a line is to anybody.
fn kind(line: &Line) -> Kind {
    match line {
        Line::Said(..) | Line::Did(..) | Line::Other(_) => Kind::Talk,
        Line::Whispered(..) | Line::Confided(..) => Kind::Private,
        _ => Kind::Notice,
    }
}

/// Tabs have no width of their own; on a screen they are blanks.
fn untabbed(text: &str) -> String {
    text.replace('\t', "    ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_you_stands_out() {
        let mut view = View::default();
        view.scrollback.resize(40, 9);
        view.roster.note(&Line::read(b"*** you are ann"));
        let table = [
            ("<bob> hello", Kind::Talk, false),
            ("<bob> Ann: hello", Kind::Mention, true),
            ("* bob waves to ann", Kind::Mention, true),
            ("[bob] psst", Kind::Private, true),
            ("*** ann joined", Kind::Notice, false),
        ];
        for (text, kind, is_for_you) in table {
            let line = Line::read(text.as_bytes());
            assert_eq!(view.show(&line, "12:00 "), is_for_you, "{text}");
            let row = view.scrollback.rows().pop().unwrap();
            assert_eq!(row.kind, kind, "{text}");
            assert_eq!(row.text.get(row.name), Some(line.speaker().map_or("", Nick::as_str)));
        }
    }

    #[test]
    fn end_of_file_leaves_only_where_nothing_is_typed() {
        let mut view = View::default();
        assert_eq!(view.act(Action::EndOfFile), Some(Wish::Leave));
        view.act(Action::Edit(Edit::Insert("ab".into())));
        view.act(Action::Edit(Edit::Home));
        assert_eq!(view.act(Action::EndOfFile), None);
        assert_eq!(view.editor.text(), "b");
        assert_eq!(view.act(Action::Submit), Some(Wish::Say(vec!["b".into()])));
        assert_eq!(view.act(Action::Edit(Edit::Backspace)), Some(Wish::Bell));
    }
}
