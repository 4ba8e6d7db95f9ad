//! What a host and those who join say on the wire: lines that nc can take part in, or the messages
//! of the chat that comes with the library tinyproto.
//!
//! That chat has bare text one way and `[uuid] text` the other. It knows no names, no commands but
//! one word to leave with, and tells newcomers nothing.

use bytes::{BufMut, Bytes, BytesMut};

use super::command::{self, Command, HELP};
use super::line::{Line, readable};
use super::nick::Nick;

/// The word with which a member of a tinyproto chat leaves.
const QUIT: &str = "quit";
const JOINED: &str = "**joined the chat";
const LEFT: &str = "**left the chat";

/// How a hosted room is spoken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Plain lines.
    #[default]
    Lines,
    /// The chat of the library tinyproto.
    Tinyproto,
}

impl Dialect {
    /// Whether newcomers say their name, and are told who is there and what was said before.
    pub fn introduces(self) -> bool {
        self == Self::Lines
    }

    /// The commands that a person has.
    pub fn help(self) -> &'static str {
        match self {
            Self::Lines => HELP,
            Self::Tinyproto => "/quit  (// says a /); a chat of tinyproto has no other",
        }
    }

    /// What is wrong with a command of this name.
    pub fn complaint(self, name: &str) -> String {
        match self {
            Self::Lines => command::complaint(name),
            Self::Tinyproto => format!("a chat of tinyproto has no /{name}: there is /quit"),
        }
    }

    /// What a person means by a line that it types.
    pub fn typed(self, line: &str) -> Command<'_> {
        match (self, Command::parse(line)) {
            (Self::Tinyproto, Command::Say(QUIT) | Command::Quit(_)) => Command::Quit(""),
            (Self::Tinyproto, Command::Me(_)) => Command::Bad("me"),
            (Self::Tinyproto, Command::Nick(_)) => Command::Bad("nick"),
            (Self::Tinyproto, Command::Msg(..)) => Command::Bad("msg"),
            (Self::Tinyproto, Command::Who) => Command::Bad("who"),
            (_, command) => command,
        }
    }

    /// What a member means by what comes from it.
    pub fn heard(self, text: &str) -> Command<'_> {
        match self {
            Self::Lines => Command::parse(text),
            Self::Tinyproto if text == QUIT => Command::Quit(""),
            Self::Tinyproto => Command::Say(text),
        }
    }

    /// What somebody who leaves says last, to the host and by way of it to all.
    pub fn last_words(self) -> Option<&'static str> {
        (self == Self::Tinyproto).then_some(QUIT)
    }

    /// What goes to the host for a command; nothing for one that is not for it.
    pub fn ask(self, command: &Command<'_>, line: &[u8]) -> Option<Bytes> {
        match (self, command) {
            (Self::Lines, _) => Some(self.pack(line)),
            (Self::Tinyproto, Command::Say(text)) => Some(self.pack(text.as_bytes())),
            (Self::Tinyproto, Command::Quit(_)) => Some(self.pack(QUIT.as_bytes())),
            _ => None,
        }
    }

    /// Whether something that goes to the host is talk, which it is a loss not to send.
    pub fn is_talk(self, packed: &[u8]) -> bool {
        match self {
            Self::Lines => !(packed.starts_with(b"/quit") || packed.starts_with(b"/nick")),
            Self::Tinyproto => packed.get(4..) != Some(QUIT.as_bytes()),
        }
    }

    /// A line as a host writes it; nothing where this dialect has no words for it.
    pub fn write(self, line: &Line) -> Option<Bytes> {
        let text = match (self, line) {
            (Self::Lines, line) => line.to_string(),
            (Self::Tinyproto, Line::Said(nick, text)) => format!("[{nick}] {text}"),
            (Self::Tinyproto, Line::Joined(nick)) => format!("[{nick}] {JOINED}"),
            (Self::Tinyproto, Line::Left(nick, _)) => format!("[{nick}] {LEFT}"),
            _ => return None,
        };
        Some(self.pack(text.as_bytes()))
    }

    /// Reads what came from a host; what could disturb a terminal is escaped.
    pub fn read(self, bytes: &[u8]) -> Line {
        if self == Self::Lines {
            return Line::read(bytes);
        }
        let text = readable(bytes);
        let quoted = text.strip_prefix('[').and_then(|rest| rest.split_once("] "));
        match quoted.and_then(|(uuid, words)| Some((Nick::of_uuid(uuid)?, words))) {
            Some((nick, JOINED)) => Line::Joined(nick),
            Some((nick, LEFT)) => Line::Left(nick, None),
            Some((nick, words)) => Line::Said(nick, words.to_owned()),
            None => Line::Other(text),
        }
    }

    /// Marks where a line ends, or a message: behind its length, as the exchange takes it.
    fn pack(self, text: &[u8]) -> Bytes {
        let mut packed = BytesMut::with_capacity(text.len() + 4);
        match self {
            Self::Lines => {
                packed.extend_from_slice(text);
                packed.put_u8(b'\n');
            }
            Self::Tinyproto => {
                packed.put_u32(text.len() as u32);
                packed.extend_from_slice(text);
            }
        }
        packed.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "0b5e4b3a-7c1d-4e2f-9a8b-123456789abc";

    #[test]
    fn tinyproto_lines_are_written_and_read_alike() {
        let nick = Nick::of_uuid(UUID).unwrap();
        let table = [
            (Line::Said(nick.clone(), "hello [x] y".into()), "hello [x] y"),
            (Line::Said(nick.clone(), String::new()), ""),
            (Line::Joined(nick.clone()), "**joined the chat"),
            (Line::Left(nick.clone(), None), "**left the chat"),
        ];
        for (line, words) in table {
            let packed = Dialect::Tinyproto.write(&line).unwrap();
            let text = format!("[{UUID}] {words}");
            assert_eq!(packed[..4], u32::try_from(text.len()).unwrap().to_be_bytes());
            assert_eq!(&packed[4..], text.as_bytes());
            assert_eq!(Dialect::Tinyproto.read(&packed[4..]), line);
        }
        let silent = [Line::You(nick.clone()), Line::Here(vec![nick]), Line::Notice("x".into())];
        assert_eq!(silent.map(|line| Dialect::Tinyproto.write(&line)), [const { None }; 3]);
    }

    #[test]
    fn what_is_not_of_the_form_is_shown_as_it_came() {
        for text in ["hello", "[x] y", &UUID[1..], "[] ", "*** here: ann", ""] {
            let line = Dialect::Tinyproto.read(text.as_bytes());
            assert_eq!(line, Line::Other(text.to_owned()));
        }
        let disturbing = format!("[{UUID}] \x1b[2J\n");
        let line = Dialect::Tinyproto.read(disturbing.as_bytes());
        assert_eq!(line.to_string(), format!("<{UUID}> \\x1b[2J\\n"));
    }

    #[test]
    fn a_person_has_one_command_and_a_member_one_word() {
        let dialect = Dialect::Tinyproto;
        let table = [
            ("hi", Command::Say("hi"), Some("hi")),
            ("//etc", Command::Say("/etc"), Some("/etc")),
            ("/quit dinner", Command::Quit(""), Some("quit")),
            ("quit", Command::Quit(""), Some("quit")),
            ("/nick ann", Command::Bad("nick"), None),
            ("/me waves", Command::Bad("me"), None),
            ("/msg ann x", Command::Bad("msg"), None),
            ("/who", Command::Bad("who"), None),
            ("/help", Command::Help, None),
            (" ", Command::Empty, None),
        ];
        for (line, command, sent) in table {
            assert_eq!(dialect.typed(line), command, "{line}");
            let packed = dialect.ask(&command, line.as_bytes());
            assert_eq!(packed.as_deref().map(|packed| &packed[4..]), sent.map(str::as_bytes));
            let is_talk = packed.is_some_and(|packed| dialect.is_talk(&packed));
            assert_eq!(is_talk, matches!(command, Command::Say(_)));
        }
        assert_eq!(dialect.heard("/quit"), Command::Say("/quit"));
        assert_eq!(dialect.heard("quit"), Command::Quit(""));
    }
}
