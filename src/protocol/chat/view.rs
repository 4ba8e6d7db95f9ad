//! What one member learns from the lines: who is there, and what is on the screen, as data.

use std::collections::BTreeMap;

use super::editor::{Edit, Editor, LONGEST};
use super::keys::KeyAction;
use super::line::ChatLine;
use super::nick::Nick;
use super::scrollback::{Row, RowKind, Scrollback};

/// More names than these are not kept, whatever a host claims.
const MOST: usize = 10_000;

/// You and the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    you: Option<Nick>,
    /// By what makes two names the same.
    names: BTreeMap<String, Nick>,
}

impl Roster {
    /// What you are called, where it is known.
    pub fn you(&self) -> Option<&Nick> {
        self.you.as_ref()
    }

    /// Everybody in order, you among them.
    pub fn names(&self) -> impl Iterator<Item = &Nick> {
        self.names.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no member is known.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Takes from a line who is there.
    pub fn note(&mut self, line: &ChatLine) {
        match line {
            ChatLine::You(nick) => {
                if let Some(old) = self.you.replace(nick.clone()) {
                    self.names.remove(&old.key());
                }
                self.add(nick);
            }
            ChatLine::Here(nicks) => nicks.iter().for_each(|nick| self.add(nick)),
            ChatLine::Joined(nick) | ChatLine::Present(nick) => self.add(nick),
            ChatLine::Left(nick, _) => {
                self.names.remove(&nick.key());
            }
            ChatLine::Renamed(old, new) => {
                self.names.remove(&old.key());
                self.add(new);
            }
            // Who talks is there, whatever a host reports of it.
            line => {
                if let Some(nick) = line.author() {
                    self.add(nick);
                }
            }
        }
    }

    /// The room is not reached any more: no member but you is known.
    pub fn forget_others(&mut self) {
        self.names.retain(|_, name| Some(&*name) == self.you.as_ref());
    }

    fn add(&mut self, nick: &Nick) {
        if self.names.len() < MOST {
            self.names.insert(nick.key(), nick.clone());
        }
        debug_assert!(self.names.len() <= MOST, "{} names", self.names.len());
    }
}

/// The screen.
#[derive(Clone, Debug, Default)]
pub struct ChatView {
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
    /// Lines that wait, because the room takes no more for now.
    pub waiting: usize,
}

/// What a key asks of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UiAction {
    /// Send these lines.
    Send(Vec<String>),
    /// Leave once everything is sent.
    Leave,
    /// Leave at once.
    Interrupt,
    /// Stop until SIGCONT.
    Suspend,
    /// Draw all of the screen.
    Redraw,
    /// Ring: the key did nothing.
    Bell,
}

impl ChatView {
    /// A screen for a room.
    pub fn new(place: String) -> Self {
        Self { place, ..Self::default() }
    }

    /// Adds a line of the room, with the time or nothing before it; true where it names the user or is
    /// for the user alone.
    pub fn show(&mut self, line: &ChatLine, time: &str) -> bool {
        let names_you = |text: &String| self.roster.you().is_some_and(|you| you.is_named_in(text));
        let kind = match line {
            ChatLine::Said(_, text) | ChatLine::Did(_, text) if names_you(text) => RowKind::Mention,
            ChatLine::Whispered(..) => RowKind::Private,
            line => kind(line),
        };
        self.add(kind, line, time);
        matches!(kind, RowKind::Mention | RowKind::Private)
    }

    /// Adds a line that was said before the user joined.
    pub fn show_earlier(&mut self, line: &ChatLine) {
        self.add(RowKind::Notice, line, "");
    }

    /// Adds what the user has sent, and scrolls to the newest line.
    pub fn echo(&mut self, line: &ChatLine, time: &str) {
        self.add(kind(line), line, time);
        self.scrollback.catch_up();
    }

    /// Adds a notice of this program.
    pub fn show_notice(&mut self, text: &str, time: &str) {
        let text = untabbed(&format!("{time}{text}"));
        self.scrollback.push(Row { kind: RowKind::Event, text, name: 0..0 });
    }

    fn add(&mut self, kind: RowKind, line: &ChatLine, time: &str) {
        let name = line.name_at();
        let text = untabbed(&format!("{time}{line}"));
        // The name comes before any tab, so blanks in place of tabs do not move it.
        let name = name.start + time.len()..name.end + time.len();
        self.scrollback.push(Row { kind, text, name });
    }

    /// Applies a key.
    pub fn act(&mut self, action: KeyAction) -> Option<UiAction> {
        match action {
            KeyAction::EndOfFile if self.editor.text().is_empty() => return Some(UiAction::Leave),
            KeyAction::EndOfFile => {
                self.editor.apply(Edit::Delete);
            }
            // The editor would refuse it with a bell, which does not show why a paste is gone.
            KeyAction::Edit(Edit::Insert(text)) if !self.editor.has_room_for(&text) => {
                let (size, most) = (text.len(), LONGEST / 1024);
                self.show_notice(
                    &format!("{size} bytes are too many to paste: {most} KiB at most"),
                    "",
                );
                return Some(UiAction::Bell);
            }
            KeyAction::Edit(edit) => {
                return (!self.editor.apply(edit)).then_some(UiAction::Bell);
            }
            KeyAction::Complete => {
                let names = self.roster.names().map(Nick::as_str);
                return (!self.editor.complete(names)).then_some(UiAction::Bell);
            }
            KeyAction::Submit => return Some(UiAction::Send(self.editor.submit())),
            KeyAction::Page(windows) => self.scrollback.page(windows),
            KeyAction::Interrupt => return Some(UiAction::Interrupt),
            KeyAction::Suspend => return Some(UiAction::Suspend),
            KeyAction::Redraw => return Some(UiAction::Redraw),
        }
        None
    }
}

/// What a line is to every member.
fn kind(line: &ChatLine) -> RowKind {
    match line {
        ChatLine::Said(..) | ChatLine::Did(..) | ChatLine::Other(_) => RowKind::Talk,
        ChatLine::Whispered(..) | ChatLine::Confided(..) => RowKind::Private,
        _ => RowKind::Notice,
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
    fn the_lines_show_who_is_there() {
        let mut roster = Roster::default();
        let lines = [
            "*** you are guest-2",
            "*** here: ann, bob, Bea, guest-2",
            "*** cid joined",
            "*** bob left (lost)",
            "<eve> a host may say nothing about it",
            "*** you are dan",
            "*** ann is now anna",
        ];
        lines.iter().for_each(|line| roster.note(&ChatLine::read(line.as_bytes())));
        let names: Vec<&str> = roster.names().map(Nick::as_str).collect();
        assert_eq!(names, ["anna", "Bea", "cid", "dan", "eve"]);
        assert_eq!((roster.you().map(Nick::as_str), roster.len()), (Some("dan"), 5));
    }

    #[test]
    fn a_host_can_claim_so_many_names_and_no_more() {
        let mut roster = Roster::default();
        for number in 0..MOST + 5 {
            roster.note(&ChatLine::read(format!("*** n{number} joined").as_bytes()));
        }
        assert_eq!(roster.len(), MOST);
    }

    #[test]
    fn what_is_for_you_stands_out() {
        let mut view = ChatView::default();
        view.scrollback.resize(40, 9);
        view.roster.note(&ChatLine::read(b"*** you are ann"));
        let table = [
            ("<bob> hello", RowKind::Talk, false),
            ("<bob> Ann: hello", RowKind::Mention, true),
            ("* bob waves to ann", RowKind::Mention, true),
            ("[bob] psst", RowKind::Private, true),
            ("*** ann joined", RowKind::Notice, false),
        ];
        for (text, kind, is_for_you) in table {
            let line = ChatLine::read(text.as_bytes());
            assert_eq!(view.show(&line, "12:00 "), is_for_you, "{text}");
            let row = view.scrollback.rows().pop().unwrap();
            assert_eq!(row.kind, kind, "{text}");
            assert_eq!(row.text.get(row.name), Some(line.author().map_or("", Nick::as_str)));
        }
    }

    #[test]
    fn end_of_file_leaves_only_where_nothing_is_typed() {
        let mut view = ChatView::default();
        assert_eq!(view.act(KeyAction::EndOfFile), Some(UiAction::Leave));
        view.act(KeyAction::Edit(Edit::Insert("ab".into())));
        view.act(KeyAction::Edit(Edit::Home));
        assert_eq!(view.act(KeyAction::EndOfFile), None);
        assert_eq!(view.editor.text(), "b");
        assert_eq!(view.act(KeyAction::Submit), Some(UiAction::Send(vec!["b".into()])));
        assert_eq!(view.act(KeyAction::Edit(Edit::Backspace)), Some(UiAction::Bell));
    }
}
