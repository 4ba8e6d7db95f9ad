//! Reads the address to which a program that uses the library sends a datagram.

use std::net::SocketAddr;

use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::sockets::address::{Address, AddressError, Host, UnixName};
use crate::sockets::resolve::{Family, Purpose, resolve};
use crate::sys::mmsg::{ReturnPath, SenderAddress};
use crate::sys::unix::SocketName;

/// The peer or the group that an address means to a socket of this family. A name is looked up in
/// place, and its first address of the family is taken.
///
/// # Errors
/// A bad address, or a name without an address.
pub(crate) fn destination(address: &str, family: Family) -> Result<ReturnPath, Failure> {
    if let Ok(address) = address.parse::<SocketAddr>()
        && address.port() != 0
    {
        return Ok(address.into());
    }
    let unusable =
        |cause: &str| Failure::new(Status::Usage, Kind::BadAddress, "send to", address, cause);
    let parsed = match address.parse::<Address>() {
        Err(AddressError::Group(_)) => {
            let cause =
                "a group is sent to as GROUP:PORT, and leaves by the interface of the sender";
            return Err(unusable(cause));
        }
        parsed => parsed?,
    };
    parsed.check_connect()?;
    match &parsed {
        Address::Inet { host, port } => {
            let family = if matches!(host, Host::Ip(..)) { Family::Any } else { family };
            let found = resolve(host, *port, family, Purpose::Connect)?;
            found.first().map(|first| (*first).into()).ok_or_else(|| unusable("it has no address"))
        }
        Address::Unix(name) => {
            let name = name.socket_name().ok_or_else(|| unusable("the name is too long"))?;
            Ok(ReturnPath { to: SenderAddress::Unix(Some(Box::new(name))), from: None })
        }
        Address::Fd(_) => Err(unusable("a descriptor is not an address")),
    }
}

impl UnixName {
    /// The name as datagrams carry it; `None` where it is too long.
    pub(crate) fn socket_name(&self) -> Option<SocketName> {
        match self {
            Self::Path(path) => SocketName::of_bytes(path.as_os_str().as_encoded_bytes()),
            Self::Abstract(name) => SocketName::of_bytes(&[&[0], name.as_slice()].concat()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(address: &str) -> String {
        match destination(address, Family::V4) {
            Ok(path) => path.to.to_string(),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn a_peer_a_group_and_a_name_are_destinations() {
        for (address, expected) in [
            ("10.0.0.1:5", "10.0.0.1:5"),
            ("239.1.2.3:5", "239.1.2.3:5"),
            ("[ff02::1]:5", "[ff02::1]:5"),
            ("localhost:5", "127.0.0.1:5"),
            (":5", "127.0.0.1:5"),
            ("[::1]:5", "[::1]:5"),
            ("unix:/run/app", "unix:/run/app"),
            ("unix:@app", "unix:@app"),
        ] {
            assert_eq!(to(address), expected);
        }
    }

    #[test]
    fn what_is_none_says_why() {
        for (address, cause) in [
            ("", "the address is empty"),
            ("127.0.0.1:0", "port 0 cannot be connected to"),
            ("239.1.2.3:5%lo", "a group is sent to as GROUP:PORT"),
            ("fd:3", "a descriptor is not an address"),
            (&format!("unix:/{}", "x".repeat(200)), "at most"),
        ] {
            assert!(to(address).contains(cause), "{address}: {}", to(address));
        }
    }
}
