//! The bottom floor, and the only one with `unsafe`: facts and facilities of the operating
//! system that no safe crate offers. Each function is small, says what it wraps, and knows
//! nothing of the floors above.

#![allow(unsafe_code)]

pub mod child;
pub mod clock;
pub mod fd;
pub mod interfaces;
pub mod mmsg;
pub mod multicast;
pub mod process;
pub mod signals;
pub mod socket;
pub mod sockopt;
pub mod timerfd;
