//! All tests of the real binary, as one program.
#![cfg(test)]

mod conformance;
mod help;
mod interop;
mod layers;
mod refusals;
mod smoke;
mod support;
mod usage;
