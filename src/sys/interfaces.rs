//! The addresses of the network interfaces, as getifaddrs(3) lists them.

use std::ffi::{CStr, c_int, c_uint};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

/// One address of an interface, or an interface without one.
#[derive(Clone, Debug)]
pub struct InterfaceEntry {
    /// Its name, or the label of the address (`eth0:1`).
    pub name: String,
    /// The number of the interface.
    pub index: u32,
    /// Its address, where that is one of IPv4 or IPv6.
    pub address: Option<IpAddr>,
    flags: c_uint,
}

impl InterfaceEntry {
    /// Whether somebody has turned it on.
    pub fn is_up(&self) -> bool {
        self.has(libc::IFF_UP)
    }

    /// Whether it has a carrier: a cable, a peer.
    pub fn is_running(&self) -> bool {
        self.has(libc::IFF_RUNNING)
    }

    /// Whether it can do multicast.
    pub fn is_multicast(&self) -> bool {
        self.has(libc::IFF_MULTICAST)
    }

    /// Whether it leads back to this machine.
    pub fn is_loopback(&self) -> bool {
        self.has(libc::IFF_LOOPBACK)
    }

    fn has(&self, flag: c_int) -> bool {
        self.flags & flag as c_uint != 0
    }
}

/// Every address of every interface, in the kernel's order. An interface that goes away meanwhile
/// has no index any more, and is left out.
///
/// # Errors
/// Those of getifaddrs(3).
pub fn list() -> io::Result<Vec<InterfaceEntry>> {
    let mut first = ptr::null_mut();
    // SAFETY: the call writes one pointer, to `first`.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut entries = Vec::new();
    let mut next = first;
    // SAFETY: each pointer of the list is null or leads to an entry, until freeifaddrs(3).
    while let Some(raw) = unsafe { next.as_ref() } {
        next = raw.ifa_next;
        // SAFETY: the name is a string that ends with NUL, and lives as long as the list.
        let name = unsafe { CStr::from_ptr(raw.ifa_name) };
        // A label is cut at its colon, so `eth0:1` has the index of `eth0` (dev_ioctl() in Linux).
        // SAFETY: as above; the call only reads it.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        if index != 0 {
            let name = name.to_string_lossy().into_owned();
            // SAFETY: the address of an entry is null or as long as its family has it.
            let address = unsafe { ip(raw.ifa_addr) };
            entries.push(InterfaceEntry { name, index, address, flags: raw.ifa_flags });
        }
    }
    // SAFETY: this frees what getifaddrs(3) made, once; nothing above refers to it any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(entries)
}

/// The IP address in a socket address.
///
/// # Safety
/// `address` is null, or leads to as many bytes as a socket address of its family has.
unsafe fn ip(address: *const libc::sockaddr) -> Option<IpAddr> {
    // Null for an interface that has no address, such as a tunnel.
    // SAFETY: the caller vouches for the family.
    let family = c_int::from(unsafe { address.as_ref() }?.sa_family);
    match family {
        libc::AF_INET => {
            // SAFETY: the caller vouches for the length; the read needs no alignment.
            let v4 = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            // Network byte order, as every address in a sockaddr.
            Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
        }
        // AF_PACKET: Linux lists each interface once more, with its hardware address and counters
        // (getifaddrs(3)).
        _ => None,
    }
}
