//! Rules that need no descriptor and no clock: inputs and the time go in, decisions come out.

pub mod backoff;
pub mod crlf;
pub mod eyeballs;
pub mod output;
pub mod relay;
pub mod slow;
pub mod text;
pub mod values;
