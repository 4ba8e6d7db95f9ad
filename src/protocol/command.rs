//! One line of `--input commands`, for a person at a terminal. Pure: it says what was asked for,
//! and not whether that can be done.

/// What a line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Send this, byte for byte, to every peer: `TEXT`, `/all TEXT`, or `//TEXT` for text that
    /// starts with a slash.
    Send(&'a [u8]),
    /// Join a group: `/join GROUP`.
    Join(&'a str),
    /// Leave a group: `/leave GROUP`.
    Leave(&'a str),
    /// Say who is there: `/list`.
    List,
    /// Say what was counted: `/stats`.
    Stats,
    /// Drain and stop: `/quit`.
    Quit,
}

/// The commands as an error lists them.
const KNOWN: &str = "/all TEXT, /join GROUP, /leave GROUP, /list, /stats, /quit, or //TEXT to send \
                     text that starts with a slash";

impl<'a> Command<'a> {
    /// Reads a line without its end of line. Text is taken as it is, an empty line as an empty
    /// message; blanks around the argument of any other command do not matter.
    ///
    /// # Errors
    /// What was wrong and what is right, as a sentence; for `/words` only, any other line is text.
    pub fn parse(line: &'a [u8]) -> Result<Self, String> {
        let Some(rest) = line.strip_prefix(b"/") else { return Ok(Self::Send(line)) };
        if rest.starts_with(b"/") {
            return Ok(Self::Send(rest));
        }
        let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        match word {
            b"all" => Ok(Self::Send(rest.get(1..).unwrap_or_default())),
            b"join" => group("join", rest).map(Self::Join),
            b"leave" => group("leave", rest).map(Self::Leave),
            b"list" => alone(Self::List, "list", rest),
            b"stats" => alone(Self::Stats, "stats", rest),
            b"quit" => alone(Self::Quit, "quit", rest),
            _ => Err(format!("unknown command `/{}`: use {KNOWN}", word.escape_ascii())),
        }
    }
}

/// The one argument of a command.
fn group<'a>(word: &str, rest: &'a [u8]) -> Result<&'a str, String> {
    let wrong = || format!("`/{word}` takes one group, as in /{word} 239.1.2.3:5000");
    let group = str::from_utf8(rest.trim_ascii()).map_err(|_| wrong())?;
    let is_one = !group.is_empty() && !group.contains(char::is_whitespace);
    is_one.then_some(group).ok_or_else(wrong)
}

/// A command that has no argument.
fn alone<'a>(command: Command<'a>, word: &str, rest: &[u8]) -> Result<Command<'a>, String> {
    match rest.trim_ascii() {
        b"" => Ok(command),
        _ => Err(format!("`/{word}` takes nothing behind it")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_command_is_read() {
        let table: &[(&[u8], Command<'_>)] = &[
            (b"hello there ", Command::Send(b"hello there ")),
            (b"", Command::Send(b"")),
            (b" /quit", Command::Send(b" /quit")),
            (b"\xff/", Command::Send(b"\xff/")),
            (b"/all  hello ", Command::Send(b" hello ")),
            (b"/all /quit", Command::Send(b"/quit")),
            (b"/all", Command::Send(b"")),
            (b"//etc", Command::Send(b"/etc")),
            (b"//", Command::Send(b"/")),
            (b"/join 239.1.2.3:5000%eth0", Command::Join("239.1.2.3:5000%eth0")),
            (b"/join\t[ff05::1]:5000 ", Command::Join("[ff05::1]:5000")),
            (b"/leave 10.0.0.5@232.1.2.3:5000", Command::Leave("10.0.0.5@232.1.2.3:5000")),
            (b"/list", Command::List),
            (b"/stats \r", Command::Stats),
            (b"/quit", Command::Quit),
        ];
        for (line, command) in table {
            assert_eq!(Command::parse(line), Ok(*command), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn an_unknown_command_lists_the_known_ones() {
        for line in ["/", "/exit", "/Quit", "/joined 1", "/ quit"] {
            let error = Command::parse(line.as_bytes()).unwrap_err();
            assert!(error.starts_with("unknown command `/") && error.contains("/join GROUP"));
        }
        let error = Command::parse(b"/\x1b[2J").unwrap_err();
        assert!(error.starts_with("unknown command `/\\x1b[2J`: use /all TEXT,"), "{error}");
    }

    #[test]
    fn a_command_with_too_little_or_too_much_says_what_it_takes() {
        for line in [&b"/join"[..], b"/join ", b"/leave a b", b"/leave \xff"] {
            let error = Command::parse(line).unwrap_err();
            assert!(error.contains("takes one group") && error.contains("239.1.2.3"), "{error}");
        }
        assert_eq!(Command::parse(b"/quit now"), Err("`/quit` takes nothing behind it".into()));
    }

    proptest! {
        #[test]
        fn any_text_can_be_sent(text: Vec<u8>) {
            let line = [b"/all ", &text[..]].concat();
            prop_assert_eq!(Command::parse(&line), Ok(Command::Send(&text)));
            let _ = Command::parse(&text);
        }
    }
}
