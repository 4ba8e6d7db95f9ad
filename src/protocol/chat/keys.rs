//! What the keys of a terminal mean to the chat.
//!
//! The bytes are read by termina's parser, which is crossterm's as a plain function: crossterm's
//! own reader keeps the terminal to itself, blocks in the middle of a sequence, and spins for ever
//! when the terminal is gone (crossterm issues 793 and 1110).

use termina::event::{KeyCode, KeyEvent, KeyEventKind, Modifiers};
use termina::{Event, Parser};

use super::editor::Edit;

/// What a key asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAction {
    /// A change of the line.
    Edit(Edit),
    /// Enter.
    Submit,
    /// Tab: the rest of a name.
    Complete,
    /// Older lines (1), newer ones (-1).
    Page(isize),
    /// ^C.
    Interrupt,
    /// ^D: leaves where nothing is typed, else deletes.
    EndOfFile,
    /// ^Z.
    Suspend,
    /// ^L.
    Redraw,
}

/// The keys of one terminal.
#[derive(Debug, Default)]
pub struct Keys {
    parser: Parser,
    /// The parser holds the beginning of a sequence.
    is_open: bool,
    /// The last read ended behind an ESC, which may begin a sequence.
    is_cut: bool,
}

impl Keys {
    /// Takes what the terminal has sent.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<KeyAction> {
        // Alt and one of these keys is sent as the beginning of a sequence, which would swallow
        // whatever is typed next.
        if !self.is_open && matches!(bytes, [0x1b, b'[' | b']' | b'O' | b'P']) {
            return Vec::new();
        }
        // A long paste comes in several reads, and one may end in the middle of what begins or ends
        // it. An ESC alone is the key.
        if !bytes.is_empty() && std::mem::take(&mut self.is_cut) {
            self.parser.parse(b"\x1b", matches!(bytes, [b'[' | b'O', ..]));
        }
        let whole = match bytes {
            [before @ .., last, 0x1b] if *last != 0x1b => {
                self.is_cut = true;
                &bytes[..=before.len()]
            }
            bytes => bytes,
        };
        let mut actions = Vec::new();
        for (at, byte) in whole.iter().enumerate() {
            self.parser.parse(&[*byte], at + 1 < whole.len());
            self.is_open = true;
            while let Some(event) = self.parser.pop() {
                self.is_open = false;
                actions.extend(action(event));
            }
        }
        actions
    }
}

fn action(event: Event) -> Option<KeyAction> {
    match event {
        Event::Paste(text) => Some(KeyAction::Edit(Edit::Insert(text))),
        // Terminals with the keyboard protocol of kitty report releases, too.
        Event::Key(key) if key.kind != KeyEventKind::Release => of_key(key),
        _ => None,
    }
}

fn of_key(key: KeyEvent) -> Option<KeyAction> {
    let (control, alt) =
        (key.modifiers.contains(Modifiers::CONTROL), key.modifiers.contains(Modifiers::ALT));
    let by_word = control || alt;
    let edit = match key.code {
        KeyCode::Enter => return Some(KeyAction::Submit),
        KeyCode::Tab => return Some(KeyAction::Complete),
        KeyCode::PageUp => return Some(KeyAction::Page(1)),
        KeyCode::PageDown => return Some(KeyAction::Page(-1)),
        KeyCode::Char(char) if control => return of_control(char),
        KeyCode::Char('b' | 'B') if alt => Edit::WordLeft,
        KeyCode::Char('f' | 'F') if alt => Edit::WordRight,
        KeyCode::Char('d' | 'D') if alt => Edit::CutWordRight,
        KeyCode::Char(_) if alt => return None,
        KeyCode::Char(char) => Edit::Insert(char.into()),
        KeyCode::Backspace if alt => Edit::CutWord,
        KeyCode::Backspace => Edit::Backspace,
        KeyCode::Delete => Edit::Delete,
        KeyCode::Left if by_word => Edit::WordLeft,
        KeyCode::Right if by_word => Edit::WordRight,
        KeyCode::Left => Edit::Left,
        KeyCode::Right => Edit::Right,
        KeyCode::Home => Edit::Home,
        KeyCode::End => Edit::End,
        KeyCode::Up => Edit::Earlier,
        KeyCode::Down => Edit::Later,
        _ => return None,
    };
    Some(KeyAction::Edit(edit))
}

/// Keys with control, as readline has them.
fn of_control(char: char) -> Option<KeyAction> {
    let edit = match char {
        'c' => return Some(KeyAction::Interrupt),
        'd' => return Some(KeyAction::EndOfFile),
        'z' => return Some(KeyAction::Suspend),
        'l' => return Some(KeyAction::Redraw),
        // LF; the Enter key sends CR.
        'j' => return Some(KeyAction::Submit),
        'a' => Edit::Home,
        'b' => Edit::Left,
        'e' => Edit::End,
        'f' => Edit::Right,
        // BS, which some terminals send for Backspace, and others DEL.
        'h' => Edit::Backspace,
        'k' => Edit::CutToEnd,
        'i' => return Some(KeyAction::Complete),
        'n' => Edit::Later,
        'p' => Edit::Earlier,
        'u' => Edit::CutToStart,
        'w' => Edit::CutWord,
        'y' => Edit::Yank,
        _ => return None,
    };
    Some(KeyAction::Edit(edit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edits(actions: Vec<KeyAction>) -> Vec<Edit> {
        let edit = |action| match action {
            KeyAction::Edit(edit) => Some(edit),
            _ => None,
        };
        actions.into_iter().filter_map(edit).collect()
    }

    #[test]
    fn what_terminals_send_for_each_key() {
        let table: &[(&str, Edit)] = &[
            ("ä", Edit::Insert("ä".into())),
            ("A", Edit::Insert("A".into())),
            ("\x1b[D", Edit::Left),
            ("\x1bOC", Edit::Right),
            ("\x1b[1;5D", Edit::WordLeft),
            ("\x1bf", Edit::WordRight),
            ("\x1b[H", Edit::Home),
            ("\x1b[4~", Edit::End),
            ("\x1b[3~", Edit::Delete),
            ("\x7f", Edit::Backspace),
            ("\x08", Edit::Backspace),
            ("\x1b\x7f", Edit::CutWord),
            ("\x17", Edit::CutWord),
            ("\x1bd", Edit::CutWordRight),
            ("\x15", Edit::CutToStart),
            ("\x0b", Edit::CutToEnd),
            ("\x19", Edit::Yank),
            ("\x1b[A", Edit::Earlier),
            ("\x1b[200~two\nlines\x1b[201~", Edit::Insert("two\nlines".into())),
        ];
        for (bytes, edit) in table {
            let found = edits(Keys::default().feed(bytes.as_bytes()));
            assert_eq!(found, std::slice::from_ref(edit), "{bytes:?}");
        }
        let keys = |bytes: &[u8]| Keys::default().feed(bytes);
        assert_eq!(
            keys(b"\r\x03\x04\x1a\x0c"),
            [
                KeyAction::Submit,
                KeyAction::Interrupt,
                KeyAction::EndOfFile,
                KeyAction::Suspend,
                KeyAction::Redraw
            ]
        );
        assert_eq!(keys(b"\t"), [KeyAction::Complete]);
        assert_eq!(keys(b"\x1b[5~\x1b[6~"), [KeyAction::Page(1), KeyAction::Page(-1)]);
    }

    #[test]
    fn sequences_may_come_in_pieces() {
        let mut keys = Keys::default();
        let pieces: &[&[u8]] =
            &[b"\x1b[1;", b"5D", b"\xc3", b"\xa4", b"\x1b[200~a", b"\x1b", b"[201~"];
        let actions: Vec<KeyAction> = pieces.iter().flat_map(|piece| keys.feed(piece)).collect();
        let expected = [Edit::WordLeft, Edit::Insert("ä".into()), Edit::Insert("a".into())];
        assert_eq!(edits(actions), expected);
    }

    /// The kernel gives 4,095 bytes of a terminal at a time (N_TTY_BUF_SIZE): pastes that follow each
    /// other are cut anywhere.
    #[test]
    fn a_paste_is_whole_wherever_a_read_ends() {
        let bytes = b"x\x1b[200~a\nb\x1b[201~\ry\x1b[200~c\x1b[201~\x1bOCz";
        let whole = Keys::default().feed(bytes);
        for (first, second) in
            (0..bytes.len()).flat_map(|at| (at..bytes.len()).map(move |to| (at, to)))
        {
            let mut keys = Keys::default();
            let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
            // What comes alone may be a key: ESC, Alt and a bracket.
            if pieces.contains(&&b"\x1b"[..]) || pieces.iter().any(|one| one.len() == 2) {
                continue;
            }
            let actions: Vec<KeyAction> = pieces.iter().flat_map(|one| keys.feed(one)).collect();
            assert_eq!(actions, whole, "{first}, {second}");
        }
    }

    /// Alt with a bracket is no beginning of anything.
    #[test]
    fn no_key_swallows_what_is_typed_behind_it() {
        for key in [&b"\x1b["[..], b"\x1b]", b"\x1bO", b"\x1bP", b"\x1b", b"\x1bx", b"\x1b\x1b"] {
            let mut keys = Keys::default();
            keys.feed(key);
            assert_eq!(edits(keys.feed(b"a")), [Edit::Insert("a".into())], "{key:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(pieces in prop::collection::vec("[\x00-\x7fé\x1b\\[\\]0-9;<>?~MPOu]{0,12}", 0..20), raw: Vec<u8>) {
            let mut keys = Keys::default();
            for piece in pieces {
                keys.feed(piece.as_bytes());
            }
            keys.feed(&raw);
            let mut keys = Keys::default();
            keys.feed(&raw);
        }
    }
}
