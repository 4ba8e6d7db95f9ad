//! What stands behind the keys of a command in JSON.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use super::{Recipient, conn, peer};

/// `true`, and nothing else: false would ask for nothing.
pub(super) struct True;

impl<'de> Deserialize<'de> for True {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match bool::deserialize(deserializer)? {
            true => Ok(Self),
            false => Err(D::Error::invalid_value(Unexpected::Bool(false), &"true")),
        }
    }
}

/// A time, which is a string: a number alone would have no unit.
pub(super) struct TimeText(pub(super) String);

impl<'de> Deserialize<'de> for TimeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimeVisitor).map(Self)
    }
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = String;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a time as a string, such as \"5s\"")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
        Err(E::custom(format_args!("a time is a string: write \"{number}s\"")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

/// One connection or peer.
pub(super) struct PeerId(pub(super) Recipient);

impl<'de> Deserialize<'de> for PeerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor { null: false }).map(Self)
    }
}

/// One connection or peer, or null for all.
pub(super) struct OneOrAll(pub(super) Recipient);

impl<'de> Deserialize<'de> for OneOrAll {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor { null: true }).map(Self)
    }
}

struct IdVisitor {
    null: bool,
}

impl Visitor<'_> for IdVisitor {
    type Value = Recipient;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the number of a connection or \"IP:PORT\"")?;
        out.write_str(if self.null { ", or null for all" } else { "; leave it out for all" })
    }

    // RFC 8259 has one type of numbers; serde_json brings those with a sign, a fraction or an
    // exponent to other methods, which refuse them.
    fn visit_u64<E: Error>(self, number: u64) -> Result<Recipient, E> {
        conn(number).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Recipient, E> {
        peer(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_unit<E: Error>(self) -> Result<Recipient, E> {
        if self.null { Ok(Recipient::All) } else { Err(E::invalid_type(Unexpected::Unit, &self)) }
    }
}
