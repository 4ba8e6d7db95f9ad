//! Addresses, resolving them, and opening sockets with options.
//!
//! This floor turns what the user wrote into open, non-blocking sockets and their names. It starts
//! connections but never waits for one, and moves no data: that is the event loop's work.

pub mod address;
pub(crate) mod attempts;
mod binding;
pub mod connect;
pub mod datagram;
#[cfg(feature = "cli")]
pub mod dialogue;
mod endpoint;
pub(crate) mod grammar;
mod inherited;
pub mod listen;
pub mod options;
#[cfg(test)]
pub(crate) mod refusing;
pub mod resolve;
mod setting;
mod stream;
#[cfg(feature = "tls")]
pub mod tls;
mod unix;

pub use address::{Address, AddressError, FdName, Host, Target, UnixName};
pub(crate) use binding::inet_failure;
pub use endpoint::Endpoint;
pub(crate) use inherited::{AdoptedSocket, adopt};
pub use listen::{Listener, OpenListener, OpenSocket};
pub use options::{OptionError, SocketOptions};
pub use resolve::{Family, Purpose, first_target, targets};
pub use stream::{StreamSocket, keep_urgent_byte};
pub use unix::UnixGuard;
