//! The contract with scripts is written in tables: `vocabulary!` makes an enum of stable words from
//! one.
//!
//! The tables are the only place where a word or its meaning stands. The JSON of the events, the
//! page `wirecat-events(7)` and the JSON Schema are made from them.

/// A type whose values are the words of one table.
pub trait Word {
    /// All of them, in the order of the table.
    const WORDS: &'static [&'static str];

    /// The word as scripts see it.
    fn word(&self) -> &'static str;
}

/// Defines an enum whose variants stand for words of the contract with scripts.
///
/// Each line of the table reads `Variant = "word": "meaning";`. From it come the variant with its
/// documentation, `ALL`, `as_str`, `of_word`, `meaning`, `Display` and [`Word`]. A variant that is not in
/// the table does not exist, so nothing that is made from `ALL` can lack one.
macro_rules! vocabulary {
    (
        $(#[$attribute:meta])*
        pub enum $Type:ident {
            $($(#[$more:meta])* $Variant:ident = $word:literal: $meaning:literal;)+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $Type {
            $(
                #[doc = concat!("`", $word, "`: ", $meaning)]
                $(#[$more])*
                $Variant,
            )+
        }

        impl $Type {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$Variant),+];

            /// The word as scripts see it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Variant => $word,)+
                }
            }

            /// The one of this word.
            pub fn of_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }

            /// What the word means.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$Variant => $meaning,)+
                }
            }
        }

        impl std::fmt::Display for $Type {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl $crate::vocabulary::Word for $Type {
            const WORDS: &'static [&'static str] = &[$($word),+];

            fn word(&self) -> &'static str {
                self.as_str()
            }
        }
    };
}

pub(crate) use vocabulary;
