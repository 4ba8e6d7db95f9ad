//! What a member types: a message, or a command.

use super::line::ChatLine;
use super::nick::Nick;

/// The commands, as `/help` lists them.
pub const HELP: &str = "/who  /nick NAME  /me TEXT  /msg NAME TEXT  /quit [WHY]  (// says a /)";

/// The answer to a command that does not exist or lacks an argument.
pub fn unknown_command(name: &str) -> String {
    match name {
        "me" => "/me needs a TEXT: /me waves".to_owned(),
        "nick" => "/nick needs a NAME: /nick ann".to_owned(),
        "msg" => "/msg needs a NAME and a TEXT: /msg ann hello".to_owned(),
        other => format!("there is no /{other}: /help tells what there is, and // says a /"),
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
    fn what_is_wrong_is_told_by_name() {
        assert!(unknown_command("msg").starts_with("/msg needs a NAME and a TEXT"));
        assert!(unknown_command("dance").starts_with("there is no /dance: /help tells"));
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
}
