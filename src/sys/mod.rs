//! The bottom floor, and the only one with `unsafe`: facts and facilities of the operating
//! system that no safe crate offers. Each function is small, names what it wraps, and knows
//! nothing of the floors above.

#![allow(unsafe_code)]

pub mod child;
pub mod clock;
pub mod fd;
pub mod interfaces;
pub mod mmsg;
pub mod multicast;
pub mod netdb {
    //! The numbers of getaddrinfo(3), for the crate that calls it.
    pub use libc::{AF_INET, AF_INET6, AF_UNSPEC, AI_NUMERICHOST, SOCK_STREAM};
    pub use libc::{EAI_AGAIN, EAI_FAIL, EAI_NODATA, EAI_NONAME};
}
pub mod process;
pub mod signals;
pub mod socket;
pub mod splice;
pub mod startup;
pub mod timerfd;
pub mod unix;
