//! `--events`: which events are reported.

use std::str::FromStr;

use super::name::Name;

/// Events that a run reports whatever is selected: what failed, and how it ended.
const ALWAYS: [Name; 2] = [Name::Error, Name::Summary];

const _: () = assert!(Name::ALL.len() <= u32::BITS as usize, "a bit for each event");

/// A set of events, written as `accepted,data` (these) or `-data,-sent` (all but these).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventSelection {
    /// One bit for each event, in the order of the names.
    names: u32,
    /// The events were named, rather than those that are left out.
    is_list: bool,
    /// stderr shows what was named, with `-v` or without.
    raises: bool,
}

impl Default for EventSelection {
    /// All events.
    fn default() -> Self {
        Self { names: u32::MAX, is_list: false, raises: false }
    }
}

impl EventSelection {
    /// Whether events of this name are reported.
    pub fn has(&self, name: Name) -> bool {
        self.names & bit(name) != 0
    }

    /// The events that were typed: those to report, or those to leave out.
    pub fn typed(&self) -> impl Iterator<Item = Name> {
        let Self { is_list, names, .. } = *self;
        let is_typed = move |name: &Name| (names & bit(*name) != 0) == is_list;
        Name::ALL.iter().copied().filter(move |name| !ALWAYS.contains(name) && is_typed(name))
    }

    /// Has stderr show the events that were named: no other place does.
    #[must_use]
    pub(crate) fn on_stderr(self, is_only_place: bool) -> Self {
        Self { raises: self.is_list && is_only_place, ..self }
    }

    /// Whether stderr shows events of this name without `-v`.
    pub(super) fn raises(&self, name: Name) -> bool {
        self.raises && !ALWAYS.contains(&name) && self.has(name)
    }
}

fn bit(name: Name) -> u32 {
    1 << name as u32
}

impl FromStr for EventSelection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(',').map(str::trim).collect();
        let left_out = words.iter().filter(|word| word.starts_with('-')).count();
        if left_out != 0 && left_out != words.len() {
            return Err("name the events to report, or with - those to leave out, not both".into());
        }
        let is_list = left_out == 0;
        let mut set = ALWAYS.map(bit).iter().sum::<u32>();
        if !is_list {
            set = u32::MAX;
        }
        for word in words {
            let word = word.strip_prefix('-').unwrap_or(word);
            let name = Name::named(word)?;
            if !is_list && ALWAYS.contains(&name) {
                return Err(format!("{name} is always reported"));
            }
            set = if is_list { set | bit(name) } else { set & !bit(name) };
        }
        Ok(Self { names: set, is_list, raises: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> EventSelection {
        text.parse().unwrap()
    }

    #[test]
    fn a_list_is_these_and_what_is_always_there() {
        let selection = of("accepted, data");
        let all: Vec<&Name> = Name::ALL.iter().filter(|name| selection.has(**name)).collect();
        assert_eq!(all, [&Name::Accepted, &Name::Data, &Name::Error, &Name::Summary]);
        let typed: Vec<Name> = selection.typed().collect();
        assert_eq!(typed, [Name::Accepted, Name::Data]);
        assert!(of("error").typed().next().is_none());
    }

    #[test]
    fn what_is_left_out_leaves_all_others() {
        let selection = of("-data,-sent");
        for name in Name::ALL {
            assert_eq!(selection.has(*name), ![Name::Data, Name::Sent].contains(name), "{name}");
        }
        let typed: Vec<Name> = selection.typed().collect();
        assert_eq!(typed, [Name::Data, Name::Sent]);
        assert!(EventSelection::default().typed().next().is_none());
    }

    #[test]
    fn only_a_list_is_shown_without_v() {
        assert!(of("data").on_stderr(true).raises(Name::Data));
        for (selection, is_only_place) in [("data", false), ("-sent", true), ("accepted", true)] {
            let selection = of(selection).on_stderr(is_only_place);
            assert!(!selection.raises(Name::Data), "{selection:?}");
        }
        // The summary needs -v in any case.
        assert!(!of("summary").on_stderr(true).raises(Name::Summary));
    }

    #[test]
    fn what_is_no_selection_is_explained() {
        for (text, why) in [
            ("", "no event is called \"\"; the events are starting listening "),
            ("datum", "no event is called \"datum\"; the events are starting listening "),
            ("data,", "no event is called \"\""),
            ("-", "no event is called \"\""),
            ("data,-sent", "name the events to report, or with - those to leave out, not both"),
            ("-error", "error is always reported"),
            ("-data,-summary", "summary is always reported"),
        ] {
            let wrong = text.parse::<EventSelection>().unwrap_err();
            assert!(wrong.starts_with(why), "{text:?}: {wrong}");
        }
    }
}
