//! All tests of the real binary, as one program.

mod smoke;
mod support;
