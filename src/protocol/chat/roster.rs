//! Who is there, as one member learns it from the lines.

use std::collections::BTreeMap;

use super::line::ChatLine;
use super::nick::Nick;

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
            // Who talks is there, whatever a host tells of it.
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_tell_who_is_there() {
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
}
