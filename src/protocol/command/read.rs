//! What one read of a connection is to bring (`{"read":ID,"as":FORM}`).

use std::fmt;
use std::str::FromStr;

use crate::framing::{name_of, named};

/// What ends the one message of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadForm {
    /// A line, as `--frame line` cuts them.
    Line,
    /// Nothing: whatever comes next is the message.
    Raw,
    /// This many bytes, at least one.
    Fixed(usize),
}

/// The forms that are a bare word.
const NAMES: [(&str, ReadForm); 2] = [("line", ReadForm::Line), ("raw", ReadForm::Raw)];

impl FromStr for ReadForm {
    type Err = String;

    /// Reads the value of `as`; an error lists what is right.
    fn from_str(text: &str) -> Result<Self, String> {
        named(text, &NAMES, Self::Fixed)
            .unwrap_or_else(|names| Err(format!("unknown form `{text}`: use {names} or fixed:N")))
    }
}

impl fmt::Display for ReadForm {
    /// The value of `as`, as [`ReadForm::from_str`] reads it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(out, "fixed:{size}"),
            _ => out.write_str(name_of(self, &NAMES)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_written_as_it_is_read() {
        let table =
            [("line", ReadForm::Line), ("raw", ReadForm::Raw), ("fixed:10", ReadForm::Fixed(10))];
        for (text, form) in table {
            assert_eq!(text.parse(), Ok(form));
            assert_eq!(form.to_string(), text);
        }
        assert_eq!("fixed:1k".parse(), Ok(ReadForm::Fixed(1024)));
    }

    #[test]
    fn a_form_that_is_none_is_refused() {
        let table = [
            ("Line", "unknown form `Line`: use line, raw or fixed:N"),
            ("", "unknown form ``"),
            ("fixed:0", "N is at least 1"),
            ("fixed:-1", "bad size `-1`"),
            ("fixed:99999999999999999999", "bad size"),
        ];
        for (text, expected) in table {
            let error = text.parse::<ReadForm>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
