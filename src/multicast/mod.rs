//! Groups: their addresses, the interfaces they are received and sent on, membership, and why
//! nothing arrives.
//!
//! This floor turns what the user wrote into open, non-blocking sockets that receive exactly the
//! groups they have joined. It starts no thread, waits for nothing, and moves no data but the one
//! datagram by which a [`GroupProbe`] knows that a group is elsewhere.

pub mod address;
pub mod diagnosis;
mod grammar;
pub mod interfaces;
mod membership;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod namespace;
mod probe;
mod proc_net;
mod route;
mod sender;
pub mod socket;
mod traffic;

pub use address::{GroupAddress, GroupError, InterfaceChoice};
pub use diagnosis::{Finding, ProcPaths, diagnose};
pub use interfaces::{Interface, InterfaceState, InterfaceWatch};
pub use membership::{Membership, memberships};
pub use probe::GroupProbe;
pub use proc_net::Counters;
pub use sender::{GroupOptions, open_sender};
pub use socket::JoinSocket;
