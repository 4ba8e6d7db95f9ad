//! What a user types, and the two wire formats that it takes in a hosted room: lines that nc can take
//! part in, or the messages of the chat that comes with the library tinyproto.
//!
//! That chat has bare text one way and `[uuid] text` the other. It has no nicks, no command but one
//! word to leave with, and sends newcomers nothing.

use bytes::{BufMut, Bytes, BytesMut};

use super::line::{ChatLine, readable};
use super::nick::Nick;

/// The commands, as `/help` lists them.
pub const HELP: &str = "/who  /nick NAME  /me TEXT  /msg NAME TEXT  /quit [WHY]  (// sends a /)";

/// The answer to a command that does not exist or lacks an argument.
pub fn unknown_command(name: &str) -> String {
    match name {
        "me" => "/me needs a TEXT: /me waves".to_owned(),
        "nick" => "/nick needs a NAME: /nick ann".to_owned(),
        "msg" => "/msg needs a NAME and a TEXT: /msg ann hello".to_owned(),
        other => format!("there is no /{other}: /help lists the commands, and // sends a /"),
    }
}

/// A line as a member means it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatCommand<'a> {
    /// To all.
    Say(&'a str),
    /// `/me`: to all, as something done.
    Me(&'a str),
    /// `/nick`: another name.
    Nick(&'a str),
    /// `/msg`: to one.
    Msg(&'a str, &'a str),
    /// `/who`: who is there.
    Who,
    /// `/quit`, and why.
    Quit(&'a str),
    /// `/help`.
    Help,
    /// Nothing at all.
    Empty,
    /// A command of this name, which does not exist or lacks something.
    Bad(&'a str),
}

impl<'a> ChatCommand<'a> {
    /// Reads a line.
    pub fn parse(line: &'a str) -> Self {
        if line.trim().is_empty() {
            return Self::Empty;
        }
        let Some(command) = line.strip_prefix('/') else { return Self::Say(line) };
        if command.starts_with('/') {
            return Self::Say(command);
        }
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        let rest = rest.trim();
        match word {
            "me" if !rest.is_empty() => Self::Me(rest),
            "nick" if !rest.is_empty() => Self::Nick(rest),
            "msg" => match rest.split_once(' ') {
                Some((to, text)) => Self::Msg(to, text.trim_start()),
                None => Self::Bad(word),
            },
            "who" => Self::Who,
            "quit" => Self::Quit(rest),
            "help" => Self::Help,
            _ => Self::Bad(word),
        }
    }

    /// What the author sees of it, where the others see something: no message returns to its author.
    pub fn echo(&self, you: &Nick) -> Option<ChatLine> {
        match self {
            Self::Say(text) => Some(ChatLine::Said(you.clone(), (*text).to_owned())),
            Self::Me(text) => Some(ChatLine::Did(you.clone(), (*text).to_owned())),
            Self::Msg(to, text) => Some(ChatLine::Confided(to.parse().ok()?, (*text).to_owned())),
            _ => None,
        }
    }
}

/// The word with which a member of a tinyproto chat leaves.
const QUIT: &str = "quit";
const JOINED: &str = "**joined the chat";
const LEFT: &str = "**left the chat";

/// The wire format of a hosted room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Plain lines.
    #[default]
    Lines,
    /// The chat of the library tinyproto.
    Tinyproto,
}

impl Dialect {
    /// Whether newcomers send their nick, and are sent who is there and what was said before.
    pub fn has_nicks(self) -> bool {
        self == Self::Lines
    }

    /// The commands that a user can type.
    pub fn help(self) -> &'static str {
        match self {
            Self::Lines => HELP,
            Self::Tinyproto => "/quit  (// sends a /); a chat of tinyproto has no other",
        }
    }

    /// What is wrong with a command of this name.
    pub fn unknown_command(self, name: &str) -> String {
        match self {
            Self::Lines => unknown_command(name),
            Self::Tinyproto => format!("a chat of tinyproto has no /{name}: there is /quit"),
        }
    }

    /// Parses a line that the user types.
    pub fn parse_typed(self, line: &str) -> ChatCommand<'_> {
        match (self, ChatCommand::parse(line)) {
            (Self::Tinyproto, ChatCommand::Say(QUIT) | ChatCommand::Quit(_)) => {
                ChatCommand::Quit("")
            }
            (Self::Tinyproto, ChatCommand::Me(_)) => ChatCommand::Bad("me"),
            (Self::Tinyproto, ChatCommand::Nick(_)) => ChatCommand::Bad("nick"),
            (Self::Tinyproto, ChatCommand::Msg(..)) => ChatCommand::Bad("msg"),
            (Self::Tinyproto, ChatCommand::Who) => ChatCommand::Bad("who"),
            (_, command) => command,
        }
    }

    /// Parses a line that a member sent.
    pub fn parse_received(self, text: &str) -> ChatCommand<'_> {
        match self {
            Self::Lines => ChatCommand::parse(text),
            // Without a slash: nobody in that chat can say this word alone.
            Self::Tinyproto if text == QUIT => ChatCommand::Quit(""),
            Self::Tinyproto => ChatCommand::Say(text),
        }
    }

    /// What a member that leaves sends last, to the host and by way of it to all.
    pub fn farewell(self) -> Option<&'static str> {
        (self == Self::Tinyproto).then_some(QUIT)
    }

    /// The bytes that a command sends to the host; `None` for one that the host does not know.
    pub fn encode_request(self, command: &ChatCommand<'_>, line: &[u8]) -> Option<Bytes> {
        match (self, command) {
            (Self::Lines, _) => Some(self.frame(line)),
            (Self::Tinyproto, ChatCommand::Say(text)) => Some(self.frame(text.as_bytes())),
            (Self::Tinyproto, ChatCommand::Quit(_)) => Some(self.frame(QUIT.as_bytes())),
            _ => None,
        }
    }

    /// Whether encoded bytes for the host are a message, which is lost if it is not sent.
    pub fn is_message(self, packed: &[u8]) -> bool {
        match self {
            Self::Lines => !(packed.starts_with(b"/quit") || packed.starts_with(b"/nick")),
            Self::Tinyproto => packed.get(4..) != Some(QUIT.as_bytes()),
        }
    }

    /// A line as a host sends it; `None` where this dialect has no form for it.
    pub fn encode(self, line: &ChatLine) -> Option<Bytes> {
        let text = match (self, line) {
            (Self::Lines, line) => line.to_string(),
            (Self::Tinyproto, ChatLine::Said(nick, text)) => format!("[{nick}] {text}"),
            (Self::Tinyproto, ChatLine::Joined(nick)) => format!("[{nick}] {JOINED}"),
            (Self::Tinyproto, ChatLine::Left(nick, _)) => format!("[{nick}] {LEFT}"),
            _ => return None,
        };
        Some(self.frame(text.as_bytes()))
    }

    /// Decodes what a host sent; what could disturb a terminal is escaped.
    pub fn decode(self, bytes: &[u8]) -> ChatLine {
        if self == Self::Lines {
            return ChatLine::read(bytes);
        }
        let text = readable(bytes);
        let quoted = text.strip_prefix('[').and_then(|rest| rest.split_once("] "));
        match quoted.and_then(|(uuid, words)| Some((Nick::of_uuid(uuid)?, words))) {
            Some((nick, JOINED)) => ChatLine::Joined(nick),
            Some((nick, LEFT)) => ChatLine::Left(nick, None),
            Some((nick, words)) => ChatLine::Said(nick, words.to_owned()),
            None => ChatLine::Other(text),
        }
    }

    /// Frames a line by its end, a message by its length in four bytes, as the tinyproto exchange takes it.
    fn frame(self, text: &[u8]) -> Bytes {
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

    #[test]
    fn a_line_is_talk_or_a_command() {
        let table = [
            ("hello", ChatCommand::Say("hello")),
            ("  indented", ChatCommand::Say("  indented")),
            ("//etc is a path", ChatCommand::Say("/etc is a path")),
            ("/me waves", ChatCommand::Me("waves")),
            ("/nick ann", ChatCommand::Nick("ann")),
            ("/msg bob  psst /me", ChatCommand::Msg("bob", "psst /me")),
            ("/who", ChatCommand::Who),
            ("/quit", ChatCommand::Quit("")),
            ("/quit dinner time", ChatCommand::Quit("dinner time")),
            ("/help", ChatCommand::Help),
            ("", ChatCommand::Empty),
            (" \t", ChatCommand::Empty),
            ("/me", ChatCommand::Bad("me")),
            ("/me ", ChatCommand::Bad("me")),
            ("/nick", ChatCommand::Bad("nick")),
            ("/msg bob", ChatCommand::Bad("msg")),
            ("/dance with me", ChatCommand::Bad("dance")),
            ("/", ChatCommand::Bad("")),
        ];
        for (line, command) in table {
            assert_eq!(ChatCommand::parse(line), command, "{line:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(unknown_command("msg").starts_with("/msg needs a NAME and a TEXT"));
        assert!(unknown_command("dance").starts_with("there is no /dance: /help lists"));
    }

    #[test]
    fn the_speaker_sees_what_the_others_see() {
        let ann: Nick = "ann".parse().unwrap();
        let echo = |line: &str| ChatCommand::parse(line).echo(&ann).map(|line| line.to_string());
        assert_eq!(echo("hi").as_deref(), Some("<ann> hi"));
        assert_eq!(echo("/me waves").as_deref(), Some("* ann waves"));
        assert_eq!(echo("/msg bob psst").as_deref(), Some("[-> bob] psst"));
        assert_eq!(
            [echo("/who"), echo("/nick x"), echo("/msg <b> x"), echo("")],
            [const { None }; 4]
        );
    }

    const UUID: &str = "0b5e4b3a-7c1d-4e2f-9a8b-123456789abc";

    #[test]
    fn tinyproto_lines_are_written_and_read_alike() {
        let nick = Nick::of_uuid(UUID).unwrap();
        let table = [
            (ChatLine::Said(nick.clone(), "hello [x] y".into()), "hello [x] y"),
            (ChatLine::Said(nick.clone(), String::new()), ""),
            (ChatLine::Joined(nick.clone()), "**joined the chat"),
            (ChatLine::Left(nick.clone(), None), "**left the chat"),
        ];
        for (line, words) in table {
            let packed = Dialect::Tinyproto.encode(&line).unwrap();
            let text = format!("[{UUID}] {words}");
            assert_eq!(packed[..4], u32::try_from(text.len()).unwrap().to_be_bytes());
            assert_eq!(&packed[4..], text.as_bytes());
            assert_eq!(Dialect::Tinyproto.decode(&packed[4..]), line);
        }
        let silent =
            [ChatLine::You(nick.clone()), ChatLine::Here(vec![nick]), ChatLine::Notice("x".into())];
        assert_eq!(silent.map(|line| Dialect::Tinyproto.encode(&line)), [const { None }; 3]);
    }

    #[test]
    fn what_is_not_of_the_form_is_shown_as_it_came() {
        for text in ["hello", "[x] y", &UUID[1..], "[] ", "*** here: ann", ""] {
            let line = Dialect::Tinyproto.decode(text.as_bytes());
            assert_eq!(line, ChatLine::Other(text.to_owned()));
        }
        let disturbing = format!("[{UUID}] \x1b[2J\n");
        let line = Dialect::Tinyproto.decode(disturbing.as_bytes());
        assert_eq!(line.to_string(), format!("<{UUID}> \\x1b[2J\\n"));
    }

    #[test]
    fn a_user_has_one_command_and_a_member_one_word() {
        let dialect = Dialect::Tinyproto;
        let table = [
            ("hi", ChatCommand::Say("hi"), Some("hi")),
            ("//etc", ChatCommand::Say("/etc"), Some("/etc")),
            ("/quit dinner", ChatCommand::Quit(""), Some("quit")),
            ("quit", ChatCommand::Quit(""), Some("quit")),
            ("/nick ann", ChatCommand::Bad("nick"), None),
            ("/me waves", ChatCommand::Bad("me"), None),
            ("/msg ann x", ChatCommand::Bad("msg"), None),
            ("/who", ChatCommand::Bad("who"), None),
            ("/help", ChatCommand::Help, None),
            (" ", ChatCommand::Empty, None),
        ];
        for (line, command, sent) in table {
            assert_eq!(dialect.parse_typed(line), command, "{line}");
            let packed = dialect.encode_request(&command, line.as_bytes());
            assert_eq!(packed.as_deref().map(|packed| &packed[4..]), sent.map(str::as_bytes));
            let is_message = packed.is_some_and(|packed| dialect.is_message(&packed));
            assert_eq!(is_message, matches!(command, ChatCommand::Say(_)));
        }
        assert_eq!(dialect.parse_received("/quit"), ChatCommand::Say("/quit"));
        assert_eq!(dialect.parse_received("quit"), ChatCommand::Quit(""));
    }
}
