//! The objects of JSON that scripts read are written in tables as well: `fields!` makes from one a
//! struct whose fields are the keys of an object.
//!
//! A table is the only place where a key or its meaning stands. The serialisation, the page
//! `wirecat-events(7)` and the JSON Schema are made from it.

use std::borrow::Cow;
use std::time::Duration;

use serde::ser::SerializeMap;

use crate::vocabulary::Word;

/// One key of a JSON object.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The key; of a [`FieldForm::Fields`] the name of the struct's field.
    pub key: &'static str,
    /// What its value looks like.
    pub form: FieldForm,
    /// What it means.
    pub meaning: &'static str,
}

/// What the value of a field looks like.
#[derive(Clone, Copy, Debug)]
pub enum FieldForm {
    /// A string.
    Text,
    /// An array of strings.
    Texts,
    /// A string in base64 (RFC 4648, section 4).
    Base64,
    /// Seconds or another measure, with six decimals.
    Number,
    /// An integer that is not negative.
    Count,
    /// `true`; left out where it would be false.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// No value of its own: these fields stand in the object itself.
    Fields(&'static [Field]),
}

/// What a field of an object may hold.
pub trait FieldValue {
    /// What it looks like.
    const FORM: FieldForm;

    /// Adds it to an object, unless it does not apply.
    ///
    /// # Errors
    /// Those of the serialiser.
    fn put<M: SerializeMap>(&self, key: &'static str, map: &mut M) -> Result<(), M::Error>;
}

macro_rules! plain_values {
    ($($type:ty = $form:ident;)+) => {
        $(
            impl FieldValue for $type {
                const FORM: FieldForm = FieldForm::$form;

                fn put<M: SerializeMap>(
                    &self,
                    key: &'static str,
                    map: &mut M,
                ) -> Result<(), M::Error> {
                    map.serialize_entry(key, self)
                }
            }
        )+
    };
}

plain_values! {
    &str = Text;
    Cow<'_, str> = Text;
    Vec<String> = Texts;
    usize = Count;
    u64 = Count;
    u32 = Count;
    f64 = Number;
}

impl FieldValue for bool {
    const FORM: FieldForm = FieldForm::Flag;

    fn put<M: SerializeMap>(&self, key: &'static str, map: &mut M) -> Result<(), M::Error> {
        if *self { map.serialize_entry(key, self) } else { Ok(()) }
    }
}

impl FieldValue for Duration {
    const FORM: FieldForm = FieldForm::Number;

    fn put<M: SerializeMap>(&self, key: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(key, &self.as_secs_f64())
    }
}

impl<T: Word> FieldValue for T {
    const FORM: FieldForm = FieldForm::Word(T::WORDS);

    fn put<M: SerializeMap>(&self, key: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(key, self.word())
    }
}

impl<T: FieldValue> FieldValue for Option<T> {
    const FORM: FieldForm = T::FORM;

    // Most fields of an object are none, which is not worth a call.
    #[inline(always)]
    fn put<M: SerializeMap>(&self, key: &'static str, map: &mut M) -> Result<(), M::Error> {
        match self {
            Some(value) => value.put(key, map),
            None => Ok(()),
        }
    }
}

/// Defines a struct whose fields are keys of a JSON object.
///
/// Each line of the table reads `field: Type = "key": "meaning";`. A line without key and meaning
/// holds a struct of the same making, whose fields stand in the object itself. From the table come
/// the struct, `FIELDS`, `Serialize` and [`FieldValue`], all in the order of the table.
macro_rules! fields {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $Type:ident $(<$life:lifetime>)? {
            $($(#[$more:meta])* $field:ident: $type:ty $(= $key:literal: $meaning:literal)?;)+
        }
    ) => {
        $(#[$attribute])*
        $visibility struct $Type $(<$life>)? {
            $(
                $(#[doc = concat!("`", $key, "`: ", $meaning)])?
                $(#[$more])*
                $visibility $field: $type,
            )+
        }

        impl $(<$life>)? $Type $(<$life>)? {
            /// The keys of the object, in their order.
            $visibility const FIELDS: &'static [$crate::fields::Field] = &[$(
                $crate::fields::Field {
                    key: [$($key,)? stringify!($field)][0],
                    form: <$type as $crate::fields::FieldValue>::FORM,
                    meaning: concat!($($meaning)?),
                }
            ),+];
        }

        impl $(<$life>)? $crate::fields::FieldValue for $Type $(<$life>)? {
            const FORM: $crate::fields::FieldForm = $crate::fields::FieldForm::Fields(Self::FIELDS);

            fn put<M: serde::ser::SerializeMap>(
                &self,
                _: &'static str,
                map: &mut M,
            ) -> Result<(), M::Error> {
                $(self.$field.put(concat!($($key)?), map)?;)+
                Ok(())
            }
        }

        impl $(<$life>)? serde::Serialize for $Type $(<$life>)? {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                let mut map = serializer.serialize_map(None)?;
                $crate::fields::FieldValue::put(self, "", &mut map)?;
                map.end()
            }
        }
    };
}

pub(crate) use fields;
