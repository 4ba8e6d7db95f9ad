//! Rules that need no descriptor and no clock: inputs and the time go in, decisions come out.

pub mod access;
pub mod chat;
pub mod command;
pub mod counts;
pub mod crlf;
pub mod delay;
pub mod expect;
pub mod flow;
pub mod output;
pub mod pacer;
pub mod ping;
pub mod probe;
pub mod relay;
pub mod replay;
pub mod sequence;
pub mod sequence_field;
#[cfg(test)]
mod sequence_properties;
pub mod slow;
pub mod terminal_text;
pub mod text;
