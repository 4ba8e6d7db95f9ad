//! `--max-per-address`: how many connections one IP address may have at once. Pure.

use std::collections::HashMap;
use std::net::IpAddr;

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
    use proptest::prelude::*;

    use super::*;

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
