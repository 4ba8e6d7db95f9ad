//! Whom a server accepts: `--allow`, `--deny`, and how many connections one address may have at once
//! (`--max-per-address`). Pure.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// Networks that are let in and networks that are not.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Where it is not empty, everybody else is refused.
    pub allow: Vec<IpNet>,
    /// These are refused, whatever is allowed.
    pub deny: Vec<IpNet>,
    /// Hosts by name, and the list that they belong into. Their addresses are found before anybody comes.
    pub names: Vec<(String, AccessList)>,
}

/// One of the two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessList {
    /// `--allow`.
    Allow,
    /// `--deny`.
    Deny,
}

impl Access {
    /// The networks of a list.
    pub fn list(&mut self, list: AccessList) -> &mut Vec<IpNet> {
        match list {
            AccessList::Allow => &mut self.allow,
            AccessList::Deny => &mut self.deny,
        }
    }

    /// Takes the addresses that a name was found to have.
    pub fn add(&mut self, list: AccessList, addresses: impl Iterator<Item = IpAddr>) {
        self.list(list).extend(addresses.map(|address| IpNet::from(address.to_canonical())));
    }

    /// Whether this address is let in. An IPv4 address that IPv6 has mapped counts as itself.
    pub fn admits(&self, address: IpAddr) -> bool {
        debug_assert!(self.names.is_empty(), "{:?} are not looked up", self.names);
        // A socket for both families shows IPv4 peers as ::ffff:a.b.c.d.
        let address = address.to_canonical();
        let listed = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&address));
        !listed(&self.deny) && (self.allow.is_empty() || listed(&self.allow))
    }
}

/// Reads `10.0.0.0/8`, `fd00::/8`, or one address, which is a network of itself.
///
/// # Errors
/// What is right.
pub fn parse_network(text: &str) -> Result<IpNet, String> {
    let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse()
        .ok()
        .or_else(single)
        .map(canonical)
        .ok_or_else(|| "use an address or a network such as 10.0.0.0/8".into())
}

/// A network of IPv4 addresses that IPv6 has mapped (`::ffff:0:0/96`) is one of IPv4, as its
/// addresses are to [`Access::admits`].
fn canonical(net: IpNet) -> IpNet {
    /// Bits of the prefix of a mapped address (RFC 4291 section 2.5.5.2).
    const MAPPED: u8 = 96;
    match (net.addr().to_canonical(), net.prefix_len().checked_sub(MAPPED)) {
        (IpAddr::V4(ip), Some(length)) if net.addr().is_ipv6() => {
            Ipv4Net::new(ip, length).map_or(net, IpNet::V4)
        }
        _ => net,
    }
}

/// The open connections of each address. It holds no more addresses than there are connections.
#[derive(Debug)]
pub struct PerAddress {
    /// Connections that one address may have at once.
    most: usize,
    open: HashMap<IpAddr, AddressCount>,
}

/// What one address has. There is one where there is a connection.
#[derive(Debug, Default)]
struct AddressCount {
    connections: usize,
    /// That it wanted more was reported.
    is_reported: bool,
}

/// An address has as many connections as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowded {
    /// How many they are.
    pub connections: usize,
    /// It wants one more for the first time since it had none.
    pub is_first: bool,
}

impl PerAddress {
    /// So many connections of each address at most, and at least one.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), open: HashMap::new() }
    }

    /// Counts one more connection. An IPv4 address that IPv6 has mapped counts as itself.
    ///
    /// # Errors
    /// The address may have no more of them.
    pub fn enter(&mut self, address: IpAddr) -> Result<(), Crowded> {
        let open = self.open.entry(address.to_canonical()).or_default();
        if open.connections < self.most {
            open.connections += 1;
            return Ok(());
        }
        let is_first = !std::mem::replace(&mut open.is_reported, true);
        Err(Crowded { connections: open.connections, is_first })
    }

    /// A connection that was counted is gone.
    pub fn leave(&mut self, address: IpAddr) {
        let address = address.to_canonical();
        let Some(open) = self.open.get_mut(&address) else {
            debug_assert!(false, "{address} has no connection");
            return;
        };
        open.connections -= 1;
        if open.connections == 0 {
            self.open.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn deny_wins_and_an_allow_list_refuses_all_others() {
        let nets = |texts: &[&str]| texts.iter().map(|text| parse_network(text).unwrap()).collect();
        for (allow, deny, address, admitted) in [
            (&[][..], &[][..], "10.0.0.1", true),
            (&["10.0.0.0/8"], &[], "10.9.9.9", true),
            (&["10.0.0.0/8"], &[], "11.0.0.1", false),
            (&["10.0.0.0/8"], &["10.0.0.1"], "10.0.0.1", false),
            (&["10.0.0.0/8"], &["10.0.0.1"], "::ffff:10.0.0.2", true),
            (&[], &["fd00::/8"], "fd00::1", false),
            (&[], &["::ffff:10.0.0.5"], "10.0.0.5", false),
            (&[], &["::ffff:10.0.0.5"], "::ffff:10.0.0.5", false),
            (&[], &["::ffff:10.0.0.5"], "10.0.0.6", true),
            (&[], &["::ffff:0:0/96"], "10.0.0.5", false),
            (&[], &["::ffff:0:0/96"], "fd00::1", true),
            (&["::ffff:10.0.0.0/104"], &[], "10.9.9.9", true),
            (&["::ffff:10.0.0.0/104"], &[], "11.0.0.1", false),
            // Of IPv6, as it is written: an IPv4 peer is none of its addresses.
            (&[], &["::/0"], "10.0.0.5", true),
            (&[], &["::ffff:0:0/95"], "10.0.0.5", true),
        ] {
            let access = Access { allow: nets(allow), deny: nets(deny), names: Vec::new() };
            assert_eq!(access.admits(address.parse().unwrap()), admitted, "{access:?} {address}");
        }
        assert!(parse_network("10.0.0.0/33").is_err());
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_its_own_number_and_is_reported_once() {
        let mut all = PerAddress::new(2);
        let crowded = |is_first| Err(Crowded { connections: 2, is_first });
        assert_eq!(all.enter(ip("10.0.0.1")), Ok(()));
        assert_eq!(all.enter(ip("::ffff:10.0.0.1")), Ok(()));
        assert_eq!(all.enter(ip("10.0.0.1")), crowded(true));
        assert_eq!(all.enter(ip("::ffff:10.0.0.1")), crowded(false));
        assert_eq!(all.enter(ip("::1")), Ok(()));
        all.leave(ip("10.0.0.1"));
        assert_eq!(all.enter(ip("10.0.0.1")), Ok(()));
        assert_eq!(all.enter(ip("10.0.0.1")), crowded(false));
        all.leave(ip("10.0.0.1"));
        all.leave(ip("10.0.0.1"));
        assert_eq!(all.open.len(), 1);
        assert_eq!(all.enter(ip("10.0.0.1")), Ok(()));
        assert_eq!(all.enter(ip("10.0.0.1")), Ok(()));
        assert_eq!(all.enter(ip("10.0.0.1")), crowded(true));
    }

    proptest! {
        /// Whoever comes and goes: no address has more than its number, and none that left is kept.
        #[test]
        fn the_number_holds_and_nothing_is_left(
            most in 1_usize..4,
            steps in prop::collection::vec((0_u8..4, any::<bool>()), 0..200),
        ) {
            let mut all = PerAddress::new(most);
            let mut model = [0_usize; 4];
            for (who, comes) in steps {
                let address = IpAddr::from([10, 0, 0, who]);
                let count = &mut model[usize::from(who)];
                if comes {
                    let is_full = *count == most;
                    prop_assert_eq!(all.enter(address).is_err(), is_full);
                    *count += usize::from(!is_full);
                } else if *count > 0 {
                    all.leave(address);
                    *count -= 1;
                }
                prop_assert_eq!(all.open.len(), model.iter().filter(|count| **count > 0).count());
            }
        }
    }
}
