//! Whether the kernel drops a source because the route back to it is another one (rp_filter).
//!
//! It is IPv4's alone: for IPv6 only a firewall does the like.

use crate::kind::Kind;
use std::fs;
use std::path::Path;

use super::diagnosis::Finding;
use super::interfaces::Interface;
use super::membership::Membership;
use super::route;

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
pub(super) fn finding(
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
    match route::outgoing(source, interfaces) {
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
            finding(&member, conf.path(), dropped, &interfaces).map(|it| it.text)
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
