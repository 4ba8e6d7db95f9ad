//! Names of members: what may be one, and when two are the same.

use std::fmt;
use std::str::FromStr;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that a nick may take, so that the text behind it has room.
const WIDEST: usize = 20;
/// Bytes that a nick may take: marks that have no width are bounded too.
const LONGEST: usize = 64;

/// A member's name: letters and digits of any script, and `- _ . '`. It holds neither blanks nor
/// the signs that a line is made of, so a line has one reading only, nor anything invisible, so two
/// that look the same are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nick(String);

impl Nick {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a name of whatever the user is called elsewhere; `None` where nothing is left of it.
    pub fn tamed(text: &str) -> Option<Self> {
        let mut name = String::new();
        for char in text.chars() {
            if !is_allowed(name.chars().next_back(), char) {
                continue;
            }
            name.push(char);
            if !fits(&name) {
                name.pop();
                break;
            }
        }
        name.parse().ok()
    }

    /// The name of a member that has not sent one.
    pub fn guest(number: u64) -> Self {
        Self(format!("guest-{number}"))
    }

    /// What the person here is called where the room gives no name.
    pub fn you() -> Self {
        Self("you".to_owned())
    }

    /// The name of a member in a room without names: a UUID of version 4 (RFC 9562) out of random
    /// bits. It is longer than names that are chosen.
    pub fn uuid4(random: u128) -> Self {
        // Bits 76 to 79 are the version, 62 and 63 the variant (RFC 9562, section 5.4).
        let bits = random & !(0xf << 76) & !(0b11 << 62) | (4 << 76) | (0b10 << 62);
        let short = |shift: u32| (bits >> shift) & 0xffff;
        let (first, last) = (bits >> 96, bits & 0xffff_ffff_ffff);
        Self(format!(
            "{first:08x}-{:04x}-{:04x}-{:04x}-{last:012x}",
            short(80),
            short(64),
            short(48)
        ))
    }

    /// Such a name as another member wrote it.
    pub fn of_uuid(text: &str) -> Option<Self> {
        let is_uuid = text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        is_uuid.then(|| Self(text.to_owned()))
    }

    /// The same name with a number behind it, for who comes second.
    #[must_use]
    pub fn numbered(&self, number: u64) -> Self {
        let suffix = format!("-{number}");
        let mut base = self.0.clone();
        // The name is cut and not the number: a number that is cut would be another one.
        while !fits(&format!("{base}{suffix}")) && base.pop().is_some() {}
        Self(base + &suffix)
    }

    /// What two names share that are the same to a reader; case makes no difference.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// Whether two names are the same to a reader.
    pub fn is_same(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    /// Whether a member of this name is meant: it stands in the text as a word.
    pub fn is_named_in(&self, text: &str) -> bool {
        let (text, key) = (text.to_lowercase(), self.key());
        text.match_indices(&key).any(|(at, _)| {
            // Inside of a longer word it is none: `also` does not mean `al`.
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let behind = text.get(at + key.len()..).and_then(|behind| behind.chars().next());
            ![before, behind].into_iter().flatten().any(char::is_alphanumeric)
        })
    }
}

impl FromStr for Nick {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let before = std::iter::once(None).chain(text.chars().map(Some));
        let is_nick = before.zip(text.chars()).all(|(before, char)| is_allowed(before, char));
        if !text.is_empty() && fits(text) && is_nick {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("a nick is 1 to {WIDEST} letters, digits or - _ . '"))
        }
    }
}

impl fmt::Display for Nick {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Whether a name may go on with this character.
fn is_allowed(before: Option<char>, char: char) -> bool {
    // Letters of two scripts may look alike (UTS 39); such names count as different.
    if !char.is_alphanumeric() || is_blank(char) {
        return "-_.'".contains(char);
    }
    // Marks of no width count as letters. The scripts from Hebrew on need theirs; on a letter of
    // another script, or alone, one is easily overlooked, and two names would look the same.
    char.width() != Some(0)
        || (!is_common_mark(char)
            && before.is_some_and(|before| before >= '\u{590}' && before.is_alphanumeric()))
}

/// Letters that show nothing, or nothing of their own: the fillers and the conjoining vowels and finals
/// of Hangul, whose syllables have characters of their own, and two blanks of Egyptian.
fn is_blank(char: char) -> bool {
    matches!(
        char,
        '\u{115f}'..='\u{11ff}'
            | '\u{3164}'
            | '\u{d7b0}'..='\u{d7ff}'
            | '\u{ffa0}'
            | '\u{13441}'..='\u{13442}'
    )
}

/// Marks that belong to no script, or to one that lies before Hebrew.
fn is_common_mark(char: char) -> bool {
    matches!(
        char,
        '\u{300}'..='\u{36f}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{2de0}'..='\u{2dff}'
            | '\u{a674}'..='\u{a69f}'
            | '\u{1bc9e}'
            | '\u{1e000}'..='\u{1e08f}'
    )
}

fn fits(text: &str) -> bool {
    text.width() <= WIDEST && text.len() <= LONGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_scripts_and_nothing_else() {
        for good in ["a", "Ann", "d'Arc", "x_1.y-z", "Jörg", "漢字", "12345678901234567890"] {
            assert_eq!(good.parse::<Nick>().unwrap().as_str(), good);
        }
        let long = "x".repeat(21);
        let wide = "漢".repeat(11);
        let bad = ["", " ", "a b", "<a>", "a:", "a,", "\x1b[31m", "a\n", "\u{202e}x", "@a", "/a"];
        for bad in bad.into_iter().chain([long.as_str(), &wide, "\u{301}"]) {
            assert!(bad.parse::<Nick>().is_err(), "{bad:?}");
        }
    }

    /// No name is that of another one with something added that nobody sees.
    #[test]
    fn nothing_invisible_is_part_of_a_name() {
        let blank = "\u{115f}\u{1160}\u{11a8}\u{3164}\u{ffa0}\u{d7cb}\u{13441}\u{13442}\u{ad}";
        let marks = "\u{345}\u{363}\u{36f}\u{1abf}\u{1df4}\u{2de0}\u{1e08f}\u{a69e}";
        let others =
            "\u{34f}\u{17b4}\u{180b}\u{200b}\u{200d}\u{2060}\u{2800}\u{fe0f}\u{feff}\u{e0061}";
        for char in [blank, marks, others].iter().flat_map(|chars| chars.chars()) {
            for name in [format!("ann{char}"), format!("{char}ann"), format!("한국{char}")] {
                assert!(name.parse::<Nick>().is_err(), "{name:?} with {char:?}");
                let tamed = Nick::tamed(&name).unwrap().0;
                assert!(!tamed.contains(char), "{name:?} with {char:?}");
            }
        }
        // A vowel sign stands on a letter of its kind, and nowhere else.
        for good in ["हिन्दी".replace('\u{94d}', ""), "บุญ".to_owned(), "עִברית".to_owned()]
        {
            assert_eq!(good.parse::<Nick>().unwrap().0, good);
        }
        assert!("ann\u{941}".parse::<Nick>().is_err() && "\u{941}".parse::<Nick>().is_err());
    }

    /// Whatever is a letter is seen, or stands on one that is.
    #[test]
    fn no_letter_alone_is_without_width() {
        let letters = ('\0'..=char::MAX).filter(|char| char.is_alphanumeric());
        let unseen = letters.filter(|char| char.width() == Some(0));
        for char in unseen {
            assert!(!is_allowed(None, char) && !is_allowed(Some('n'), char), "{char:?}");
        }
    }

    #[test]
    fn uuids_have_their_version_and_variant() {
        for (random, text) in [
            (0, "00000000-0000-4000-8000-000000000000"),
            (u128::MAX, "ffffffff-ffff-4fff-bfff-ffffffffffff"),
            (0x01234567_89ab_cdef_0123_456789abcdef, "01234567-89ab-4def-8123-456789abcdef"),
        ] {
            let nick = Nick::uuid4(random);
            assert_eq!(nick.as_str(), text);
            assert_eq!(Nick::of_uuid(text), Some(nick));
        }
        for bad in [
            "",
            "0123",
            "01234567-89ab-4def-8123-456789abcdeg",
            "é1234567-89ab-4def-8123-456789abcde",
        ] {
            assert_eq!(Nick::of_uuid(bad), None);
        }
    }

    #[test]
    fn what_a_user_is_called_is_tamed() {
        let table = [
            ("ann", Some("ann")),
            ("DOMAIN\\ann lee", Some("DOMAINannlee")),
            ("\x1b[2J", Some("2J")),
            ("...", Some("...")),
            ("/ /", None),
            ("", None),
        ];
        for (text, nick) in table {
            assert_eq!(Nick::tamed(text).map(|nick| nick.0).as_deref(), nick, "{text:?}");
        }
        assert_eq!(Nick::tamed(&"y".repeat(99)).unwrap().0.len(), 20);
    }

    #[test]
    fn a_name_is_found_as_a_word() {
        let ann: Nick = "Ann".parse().unwrap();
        for text in ["ann", "hi ANN!", "ann: lunch?", "annual reports, ann"] {
            assert!(ann.is_named_in(text), "{text}");
        }
        for text in ["", "annual", "hanna and anna", "漢ann"] {
            assert!(!ann.is_named_in(text), "{text}");
        }
    }

    #[test]
    fn a_second_one_gets_a_number_that_fits() {
        let nick = |text: &str| text.parse::<Nick>().unwrap();
        assert_eq!(nick("ann").numbered(2).as_str(), "ann-2");
        assert_eq!(nick("12345678901234567890").numbered(10).as_str(), "12345678901234567-10");
        assert_eq!(nick(&"漢".repeat(10)).numbered(2).as_str(), format!("{}-2", "漢".repeat(9)));
        assert!(nick("Ann").is_same(&nick("aNN")) && !nick("ann").is_same(&nick("anna")));
    }
}
