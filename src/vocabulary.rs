//! The macro that defines a set of stable words once: the enum, its words and what they mean.

/// Defines an enum whose variants stand for words of the contract with scripts.
///
/// Each line of the table reads `Variant = "word": "meaning";`. From it come the variant with its
/// documentation, `ALL`, `as_str`, `meaning`, `Display` and `Serialize`. A variant that is not in
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
                #[doc = concat!("`", $word, "`: ", $meaning, ".")]
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

        impl serde::Serialize for $Type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

pub(crate) use vocabulary;
