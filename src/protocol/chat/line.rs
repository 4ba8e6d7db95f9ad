//! The lines of a chat: what each means, and how it is written on the wire.
//!
//! Everything is text that reads well in nc: `<ann> hello`, `* ann waves`, `[ann] for you alone`,
//! `*** ann joined`. What a host or member writes in another form is a [`ChatLine::Other`], and is shown
//! as it is. Text is escaped when it becomes a line, so no line can disturb a terminal.

use std::fmt;
use std::ops::Range;

use super::nick::Nick;
use crate::protocol::text::escape_keeping_newlines;

const EARLIER: &str = "this was said before:";

/// One line of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatLine {
    /// A message.
    Said(Nick, String),
    /// An action (`/me`).
    Did(Nick, String),
    /// A message to you alone (`/msg`).
    Whispered(Nick, String),
    /// Your message to one member alone.
    Confided(Nick, String),
    /// A member has come.
    Joined(Nick),
    /// A member has gone, and why, where it is known.
    Left(Nick, Option<String>),
    /// A member has another name.
    Renamed(Nick, Nick),
    /// A member is there: how members without a host learn of each other.
    Present(Nick),
    /// What was said before you came follows, up to what you are called.
    Earlier,
    /// What you are called.
    You(Nick),
    /// Some of those who are there.
    Here(Vec<Nick>),
    /// Any other notice of the host, or of this program.
    Notice(String),
    /// A line of another form, as it came.
    Other(String),
}

impl ChatLine {
    /// Reads a line as it came; what could disturb a terminal is escaped.
    pub fn read(bytes: &[u8]) -> Self {
        let text = readable(bytes);
        Self::parse(&text).unwrap_or(Self::Other(text))
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(words) = text.strip_prefix("*** ") {
            return Some(notice(words).unwrap_or_else(|| Self::Notice(words.to_owned())));
        }
        let quoted = |open: &str, close: &str| {
            let (nick, said) = text.strip_prefix(open)?.split_once(close)?;
            Some((nick.parse::<Nick>().ok()?, said.to_owned()))
        };
        let line = |(nick, said), kind: fn(Nick, String) -> Self| kind(nick, said);
        quoted("<", "> ")
            .map(|found| line(found, Self::Said))
            .or_else(|| quoted("* ", " ").map(|found| line(found, Self::Did)))
            .or_else(|| quoted("[-> ", "] ").map(|found| line(found, Self::Confided)))
            .or_else(|| quoted("[", "] ").map(|found| line(found, Self::Whispered)))
    }

    /// The member that wrote it, where one did.
    pub fn author(&self) -> Option<&Nick> {
        match self {
            Self::Said(nick, _) | Self::Did(nick, _) | Self::Whispered(nick, _) => Some(nick),
            _ => None,
        }
    }

    /// Where its text has the name of the author; an empty range without one.
    pub fn name_at(&self) -> Range<usize> {
        let start = if matches!(self, Self::Did(..)) { "* ".len() } else { "<".len() };
        self.author().map_or(0..0, |nick| start..start + nick.as_str().len())
    }

    /// Whether it is a message, rather than a notice about members.
    pub fn is_message(&self) -> bool {
        self.author().is_some() || matches!(self, Self::Other(_))
    }
}

impl fmt::Display for ChatLine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(nick, text) => write!(out, "<{nick}> {text}"),
            Self::Did(nick, text) => write!(out, "* {nick} {text}"),
            Self::Whispered(nick, text) => write!(out, "[{nick}] {text}"),
            Self::Confided(nick, text) => write!(out, "[-> {nick}] {text}"),
            Self::Joined(nick) => write!(out, "*** {nick} joined"),
            Self::Left(nick, None) => write!(out, "*** {nick} left"),
            Self::Left(nick, Some(why)) => write!(out, "*** {nick} left ({why})"),
            Self::Renamed(old, new) => write!(out, "*** {old} is now {new}"),
            Self::Present(nick) => write!(out, "*** {nick} is here"),
            Self::Earlier => write!(out, "*** {EARLIER}"),
            Self::You(nick) => write!(out, "*** you are {nick}"),
            Self::Here(nicks) => {
                let names: Vec<&str> = nicks.iter().map(Nick::as_str).collect();
                write!(out, "*** here: {}", names.join(", "))
            }
            Self::Notice(text) => write!(out, "*** {text}"),
            Self::Other(text) => out.write_str(text),
        }
    }
}

/// A peer's bytes as text on one line. Backslashes stay: what a host has escaped must not be
/// escaped again.
pub fn readable(bytes: &[u8]) -> String {
    // A line end that passes would let a member forge the line of another one.
    escape_keeping_newlines(bytes).replace('\n', "\\n")
}

/// The notices of who is there.
fn notice(words: &str) -> Option<ChatLine> {
    let nick = |text: &str| text.parse::<Nick>().ok();
    if words == EARLIER {
        return Some(ChatLine::Earlier);
    }
    if let Some(names) = words.strip_prefix("here: ") {
        // One part that is no nick makes all of it plain words of the host.
        return names.split(", ").map(nick).collect::<Option<_>>().map(ChatLine::Here);
    }
    if let Some(name) = words.strip_prefix("you are ") {
        return nick(name).map(ChatLine::You);
    }
    let (name, rest) = words.split_once(' ')?;
    let name = nick(name)?;
    if let Some(new) = rest.strip_prefix("is now ") {
        return nick(new).map(|new| ChatLine::Renamed(name, new));
    }
    match rest {
        "joined" => Some(ChatLine::Joined(name)),
        "is here" => Some(ChatLine::Present(name)),
        "left" => Some(ChatLine::Left(name, None)),
        _ => {
            let why = rest.strip_prefix("left (")?.strip_suffix(')')?;
            Some(ChatLine::Left(name, Some(why.to_owned())))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nick(text: &str) -> Nick {
        text.parse().unwrap()
    }

    #[test]
    fn each_line_is_written_and_read_alike() {
        let (ann, bob) = (nick("ann"), nick("bob"));
        let text = "hello: <b> *x*".to_owned();
        let table = [
            (ChatLine::Said(ann.clone(), text.clone()), "<ann> hello: <b> *x*"),
            (ChatLine::Did(ann.clone(), text.clone()), "* ann hello: <b> *x*"),
            (ChatLine::Whispered(ann.clone(), text.clone()), "[ann] hello: <b> *x*"),
            (ChatLine::Confided(bob.clone(), text), "[-> bob] hello: <b> *x*"),
            (ChatLine::Joined(ann.clone()), "*** ann joined"),
            (ChatLine::Left(ann.clone(), None), "*** ann left"),
            (ChatLine::Left(ann.clone(), Some("lost (x)".into())), "*** ann left (lost (x))"),
            (ChatLine::Renamed(ann.clone(), bob.clone()), "*** ann is now bob"),
            (ChatLine::Present(ann.clone()), "*** ann is here"),
            (ChatLine::Earlier, "*** this was said before:"),
            (ChatLine::You(ann.clone()), "*** you are ann"),
            (ChatLine::Here(vec![ann, bob]), "*** here: ann, bob"),
            (ChatLine::Notice("too fast".into()), "*** too fast"),
            (ChatLine::Other("<not a nick> hello".into()), "<not a nick> hello"),
            (ChatLine::Other("from nc".into()), "from nc"),
        ];
        for (line, text) in table {
            assert_eq!(line.to_string(), text);
            let name = line.author().map_or("", Nick::as_str);
            assert_eq!(text.get(line.name_at()), Some(name));
            assert_eq!(ChatLine::read(text.as_bytes()), line);
        }
    }

    #[test]
    fn nothing_in_a_line_reaches_the_terminal_as_it_came() {
        let line = ChatLine::read(b"<ann> \x1b[2J\xff\x07\tend");
        assert_eq!(line, ChatLine::Said(nick("ann"), "\\x1b[2J\\xff\\x07\tend".into()));
        assert_eq!(ChatLine::read(line.to_string().as_bytes()), line, "once is enough");
        assert_eq!(ChatLine::read(b"<\x1b[1m> x").to_string(), "<\\x1b[1m> x");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_line_that_stays_as_it_is(bytes: Vec<u8>) {
            let text = ChatLine::read(&bytes).to_string();
            prop_assert!(!text.contains(|c| crate::protocol::text::is_unprintable(c) && c != '\t'));
            prop_assert_eq!(ChatLine::read(text.as_bytes()).to_string(), text);
        }

        #[test]
        fn what_is_said_is_read_as_said(text in "[ -~]{0,40}", name in "[a-z]{1,8}") {
            let line = ChatLine::Said(nick(&name), text);
            prop_assert_eq!(ChatLine::read(line.to_string().as_bytes()), line);
        }
    }
}
