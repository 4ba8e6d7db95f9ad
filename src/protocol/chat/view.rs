//! What is on the screen, as data: the lines, the line being typed, who is there.

use super::editor::{Edit, Editor};
use super::keys::Action;
use super::line::Line;
use super::roster::Roster;
use super::scrollback::{Kind, Scrollback};

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

    /// Adds a line of the room.
    pub fn show(&mut self, line: &Line, text: String) {
        let kind = match line {
            Line::Said(..) | Line::Did(..) | Line::Other(_) => Kind::Talk,
            Line::Whispered(..) => Kind::Private,
            _ => Kind::Notice,
        };
        self.scrollback.push(kind, untabbed(&text));
    }

    /// Adds what the person here said, which is the time to look at what is new.
    pub fn echo(&mut self, text: &str) {
        self.scrollback.push(Kind::Own, untabbed(text));
        self.scrollback.catch_up();
    }

    /// Adds what the program has to say.
    pub fn tell(&mut self, text: &str) {
        self.scrollback.push(Kind::Event, untabbed(text));
    }

    /// Does what a key asks for.
    pub fn act(&mut self, action: Action) -> Option<Wish> {
        match action {
            Action::EndOfFile if self.editor.text().is_empty() => return Some(Wish::Leave),
            Action::EndOfFile => {
                self.editor.apply(Edit::Delete);
            }
            Action::Edit(edit) => {
                return (!self.editor.apply(edit)).then_some(Wish::Bell);
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

/// Tabs have no width of their own; on a screen they are blanks.
fn untabbed(text: &str) -> String {
    text.replace('\t', "    ")
}

#[cfg(test)]
mod tests {
    use super::*;

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
