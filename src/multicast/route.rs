//! Which interface the kernel's route to an address leaves by, and whether the kernel drops a source
//! because the route back to it is another one (rp_filter).
//!
//! The kernel is asked by connecting a UDP socket, which sends nothing. rp_filter is IPv4's alone: for
//! IPv6 only a firewall does the like.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;

use rustix::io::Errno;

use super::diagnosis::Finding;
use super::interfaces::Interface;
use super::membership::Membership;
use crate::kind::Kind;
use crate::sockets::datagram::source_address;

/// Any port does, for no datagram is sent: that of discard (RFC 863).
const SOME_PORT: u16 = 9;

/// The interface of the route to a group or a machine.
///
/// It is known by the source address that the kernel chooses, so a route that prescribes a source
/// address of another interface (`ip route … src`) is taken for one through that.
///
/// # Errors
/// `ENETUNREACH` where there is no route, `EADDRNOTAVAIL` where the route's interface has no
/// address to send from.
pub(super) fn outgoing(address: IpAddr, interfaces: &[Interface]) -> io::Result<&Interface> {
    let local = source_address((widened(address), SOME_PORT).into())?;
    let is_outgoing = |interface: &&Interface| match local {
        // Link-local addresses may be the same on every interface.
        SocketAddr::V6(v6) if v6.scope_id() != 0 => interface.index == v6.scope_id(),
        _ => interface.addresses.contains(&local.ip()),
    };
    let none = || io::Error::from(Errno::ADDRNOTAVAIL);
    interfaces.iter().find(is_outgoing).ok_or_else(none)
}

/// A group of link-local scope or less as one of site scope, which has the same route, ff00::/8:
/// the kernel connects to the former only where the interface is known already (`EINVAL`).
fn widened(address: IpAddr) -> IpAddr {
    const SITE_SCOPE: u128 = 5;
    // The fourth of the four-bit digits is the scope (RFC 4291 section 2.7).
    const SCOPE_SHIFT: u32 = 112;
    match address {
        IpAddr::V6(ip) if ip.is_multicast() => {
            let scope = (ip.to_bits() >> SCOPE_SHIFT) & 0xf;
            let others = ip.to_bits() & !(0xf << SCOPE_SHIFT);
            Ipv6Addr::from_bits(others | (scope.max(SITE_SCOPE) << SCOPE_SHIFT)).into()
        }
        _ => address,
    }
}

/// How the route back to a source is checked (RFC 3704).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    /// The route back must leave by the interface that the packet came in by.
    Strict,
    /// There must be a route back.
    Loose,
}

/// What the filter does to a membership. `conf` is the directory of the settings of IPv4;
/// `dropped` is by how much the filter's counter has risen, if that is known.
pub(super) fn reverse_path_finding(
    member: &Membership,
    conf: &Path,
    dropped: Option<u64>,
    interfaces: &[Interface],
) -> Option<Finding> {
    if member.group.is_ipv6() || member.interface.loopback {
        return None;
    }
    let name = &member.interface.name;
    let filter = filter_of(name, conf)?;
    let cause = cause(filter, member, dropped, interfaces)?;
    let text = match filter {
        Filter::Strict => format!(
            "rp_filter is strict (1) on {name}. {cause}. `sysctl -w \
             net/ipv4/conf/{name}/rp_filter=2` accepts any route back"
        ),
        Filter::Loose => {
            format!("rp_filter is loose (2) on {name}. {cause}. Add a route to the sender")
        }
    };
    Some(Finding { kind: Kind::RpFilter, text })
}

/// The filter of an interface: the higher of its own and that of `all` (ip-sysctl.rst).
fn filter_of(interface: &str, conf: &Path) -> Option<Filter> {
    let setting = |name: &str| {
        let text = fs::read_to_string(conf.join(name).join("rp_filter")).ok()?;
        text.trim().parse::<u8>().ok()
    };
    match setting("all").max(setting(interface))? {
        1 => Some(Filter::Strict),
        2 => Some(Filter::Loose),
        _ => None,
    }
}

fn cause(
    filter: Filter,
    member: &Membership,
    dropped: Option<u64>,
    interfaces: &[Interface],
) -> Option<String> {
    let Some(source) = member.source else {
        return match dropped {
            Some(0) => None,
            Some(dropped) => {
                Some(format!("It dropped {dropped} packets on this machine meanwhile"))
            }
            None => Some("It drops senders without a fitting route back".to_owned()),
        };
    };
    match outgoing(source, interfaces) {
        Err(_) => Some(format!("There is no route back to {source}")),
        Ok(back) if filter == Filter::Strict && back.index != member.interface.index => {
            Some(format!("The route back to {source} leaves by {}", back.name))
        }
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multicast::interfaces::tests::{good, lo};

    #[test]
    fn loopback_addresses_are_routed_to_the_loopback_interface() {
        let interfaces = [good("none", 9999, &["192.0.2.77"]), lo()];
        let outgoing = outgoing("127.0.0.9".parse().unwrap(), &interfaces);
        assert_eq!(outgoing.unwrap().name, lo().name);
    }

    #[test]
    fn an_interface_that_is_not_listed_is_not_found() {
        let error = outgoing("127.0.0.1".parse().unwrap(), &[]).unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::ADDRNOTAVAIL));
    }

    #[test]
    fn a_group_of_narrow_scope_is_asked_for_as_one_of_wider_scope() {
        for (group, asked) in [
            ("ff02::1:ff00:1", "ff05::1:ff00:1"),
            ("ff31::1", "ff35::1"),
            ("ff0e::1", "ff0e::1"),
            ("fe80::1", "fe80::1"),
        ] {
            assert_eq!(widened(group.parse().unwrap()), asked.parse::<IpAddr>().unwrap());
        }
    }

    /// The settings of `all` and of `eth0`.
    fn write_settings(conf: &Path, all: &str, own: &str) {
        for (name, value) in [("all", all), ("eth0", own)] {
            fs::create_dir_all(conf.join(name)).unwrap();
            fs::write(conf.join(name).join("rp_filter"), format!("{value}\n")).unwrap();
        }
    }

    #[test]
    fn the_higher_of_both_filters_counts() {
        let conf = tempfile::tempdir().unwrap();
        assert_eq!(filter_of("eth0", conf.path()), None);
        for (all, own, filter) in [
            ("0", "0", None),
            ("1", "0", Some(Filter::Strict)),
            ("1", "2", Some(Filter::Loose)),
            ("0", "1", Some(Filter::Strict)),
        ] {
            write_settings(conf.path(), all, own);
            assert_eq!(filter_of("eth0", conf.path()), filter, "{all} {own}");
        }
    }

    #[test]
    fn a_filter_is_found_where_the_way_back_is_another_one() {
        let conf = tempfile::tempdir().unwrap();
        let eth0 = good("eth0", 9999, &[]);
        let interfaces = [lo(), eth0.clone()];
        let text = |mode, source: Option<&str>, dropped| {
            write_settings(conf.path(), "0", mode);
            let source = source.map(|source| source.parse().unwrap());
            let group = "232.1.2.3".parse().unwrap();
            let member = Membership { group, source, interface: eth0.clone() };
            reverse_path_finding(&member, conf.path(), dropped, &interfaces).map(|it| it.text)
        };
        assert_eq!(
            text("1", Some("127.0.0.1"), Some(0)).unwrap(),
            "rp_filter is strict (1) on eth0. The route back to 127.0.0.1 leaves by lo. `sysctl -w \
             net/ipv4/conf/eth0/rp_filter=2` accepts any route back"
        );
        assert_eq!(text("2", Some("127.0.0.1"), None), None);
        assert_eq!(text("0", None, None), None);
        assert_eq!(text("1", None, Some(0)), None);
        assert!(text("2", None, Some(3)).unwrap().contains("It dropped 3 packets"));
        assert!(text("1", None, None).unwrap().contains("drops senders without"));
    }
}
