//! The grammar of group addresses, from text to [`GroupAddress`].
//!
//! It looks at nothing but the text and, for a service name, the services database.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::address::{GroupAddress, GroupError as Error, InterfaceChoice, nth};
use crate::sockets::{self, AddressError};

/// Groups that one address may name; each is a socket.
pub(super) const MAX_GROUPS: u32 = 65_536;

/// The pieces of `GROUP+N:PORT%IF`, in whichever order they came.
#[derive(Default)]
struct Pieces<'a> {
    group: &'a str,
    is_bracketed: bool,
    count: Option<&'a str>,
    port: Option<&'a str>,
    interface: Option<&'a str>,
}

/// Reads a group address.
pub(super) fn group(text: &str) -> Result<GroupAddress, Error> {
    if text.is_empty() {
        return Err(Error::Empty);
    }
    let (sender, rest) = match text.split_once('@') {
        Some((sender, rest)) => (Some(sender), rest),
        None => (None, text),
    };
    let pieces = match rest.strip_prefix('[') {
        Some(inside) => bracketed(rest, inside)?,
        None => plain(rest)?,
    };
    let first = group_ip(&pieces)?;
    Ok(GroupAddress {
        source: sender.map(|sender| source(sender, first)).transpose()?,
        first,
        count: pieces.count.map_or(Ok(1), |number| count(number, first))?,
        port: port(pieces.port.ok_or_else(|| Error::NoPort(rest.to_owned()))?)?,
        interface: pieces.interface.map_or(Ok(InterfaceChoice::Route), interface)?,
    })
}

/// `[GROUP+N%IF]+N:PORT%IF`; `rest` is what follows the opening bracket of `text`.
fn bracketed<'a>(text: &'a str, rest: &'a str) -> Result<Pieces<'a>, Error> {
    let Some((inside, behind)) = rest.split_once(']') else {
        return Err(AddressError::MissingBracket(text.to_owned()).into());
    };
    let (range, port) = split(behind, ':');
    let inside = Pieces { is_bracketed: true, ..head(inside) };
    let count = match (inside.count, range.strip_prefix('+')) {
        (count, None) if range.is_empty() => count,
        (None, Some(count)) => Some(count),
        (Some(_), Some(second)) => return Err(Error::Count(second.to_owned())),
        (_, None) => return Err(AddressError::AfterBracket(range.to_owned()).into()),
    };
    tail(text, Pieces { count, ..inside }, port)
}

/// `GROUP+N:PORT%IF`.
fn plain(text: &str) -> Result<Pieces<'_>, Error> {
    let before_interface = text.split('%').next().unwrap_or(text);
    if before_interface.matches(':').count() > 1 && !text.contains("://") {
        return Err(AddressError::NoBrackets(text.to_owned()).into());
    }
    let (before, port) = split(text, ':');
    tail(text, head(before), port)
}

/// `GROUP+N%IF`, what stands before the port.
fn head(text: &str) -> Pieces<'_> {
    let (text, interface) = split(text, '%');
    let (group, count) = split(text, '+');
    Pieces { group, count, interface, ..Pieces::default() }
}

/// Adds `PORT%IF`, what stands behind the colon of `text`.
fn tail<'a>(text: &str, head: Pieces<'a>, tail: Option<&'a str>) -> Result<Pieces<'a>, Error> {
    let Some((port, interface)) = tail.map(|tail| split(tail, '%')) else { return Ok(head) };
    if head.interface.is_some() && interface.is_some() {
        return Err(Error::TwoInterfaces(text.to_owned()));
    }
    let port = Some(port).filter(|port| !port.is_empty());
    Ok(Pieces { port, interface: head.interface.or(interface), ..head })
}

/// What stands before the first `mark`, and behind it.
fn split(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

fn group_ip(pieces: &Pieces<'_>) -> Result<IpAddr, Error> {
    let ip = match pieces.is_bracketed {
        true => pieces.group.parse::<Ipv6Addr>().map(IpAddr::from).ok(),
        false => pieces.group.parse::<Ipv4Addr>().map(IpAddr::from).ok(),
    };
    let ip = match ip {
        Some(ip) => ip.to_canonical(),
        None if pieces.is_bracketed => {
            return Err(AddressError::NotIpv6(pieces.group.to_owned()).into());
        }
        None => return Err(Error::NotGroup(pieces.group.to_owned())),
    };
    if ip.is_multicast() { Ok(ip) } else { Err(Error::Unicast(ip)) }
}

/// The sender to hear; IPv6 with brackets or without.
fn source(text: &str, group: IpAddr) -> Result<IpAddr, Error> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let Ok(ip) = bare.parse::<IpAddr>() else { return Err(Error::Source(text.to_owned())) };
    let ip = ip.to_canonical();
    if ip.is_multicast() {
        Err(Error::SourceIsGroup(ip))
    } else if ip.is_unspecified() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        Err(Error::Source(text.to_owned()))
    } else if ip.is_ipv4() != group.is_ipv4() {
        Err(Error::SourceFamily { source_ip: ip, group })
    } else {
        Ok(ip)
    }
}

/// How many groups, all of them within the range that the first is of.
fn count(text: &str, first: IpAddr) -> Result<u32, Error> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let count = match text.parse::<u32>() {
        Ok(count @ 1..=MAX_GROUPS) if is_number => count,
        _ => return Err(Error::Count(text.to_owned())),
    };
    let end = last_group(first);
    let last = nth(first, count - 1);
    // Past the end of the address space the count wraps around.
    if last < first || last > end {
        return Err(Error::PastEnd { first, count, last: end });
    }
    Ok(count)
}

/// The last group of the range: of class D, or of the same flags and scope (RFC 4291 section 2.7).
fn last_group(first: IpAddr) -> IpAddr {
    match first {
        IpAddr::V4(_) => Ipv4Addr::new(239, 255, 255, 255).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() | (u128::MAX >> 16)).into(),
    }
}

fn port(text: &str) -> Result<u16, Error> {
    match sockets::port(text)? {
        0 => Err(Error::PortZero),
        port => Ok(port),
    }
}

fn interface(text: &str) -> Result<InterfaceChoice, Error> {
    match text {
        "all" => Ok(InterfaceChoice::All),
        _ if sockets::is_interface(text) || text.parse::<IpAddr>().is_ok() => {
            Ok(InterfaceChoice::Named(text.to_owned()))
        }
        _ => Err(Error::Interface(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Written so: source, first, count, port, interface.
    fn shown(text: &str) -> String {
        let read = group(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let source = read.source.map_or("*".to_owned(), |source| source.to_string());
        format!("{source} {} {} {} {}", read.first, read.count, read.port, read.interface)
    }

    #[test]
    fn every_form_of_the_grammar_is_read() {
        for (text, pieces) in [
            ("239.1.2.3:5000", "* 239.1.2.3 1 5000 "),
            ("[ff05::1]:5000", "* ff05::1 1 5000 "),
            ("10.0.0.5@232.1.2.3:5000", "10.0.0.5 232.1.2.3 1 5000 "),
            ("[fd00::5]@[ff35::1]:5000", "fd00::5 ff35::1 1 5000 "),
            ("239.1.2.3:5000%eth0", "* 239.1.2.3 1 5000 %eth0"),
            ("239.1.2.3:5000%10.0.0.1", "* 239.1.2.3 1 5000 %10.0.0.1"),
            ("[ff05::1]:5000%fd00::2", "* ff05::1 1 5000 %fd00::2"),
            ("239.1.2.3:5000%2", "* 239.1.2.3 1 5000 %2"),
            ("239.1.2.3:5000%all", "* 239.1.2.3 1 5000 %all"),
            ("239.1.2.3+8:5000", "* 239.1.2.3 8 5000 "),
            ("[ff05::1]+8:5000", "* ff05::1 8 5000 "),
            ("10.0.0.5@232.0.0.0+65536:5000%eth0", "10.0.0.5 232.0.0.0 65536 5000 %eth0"),
            ("239.255.255.255:1", "* 239.255.255.255 1 1 "),
        ] {
            assert_eq!(shown(text), pieces);
            assert_eq!(group(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_ways_to_write_the_same_are_read_too() {
        for (text, same) in [
            ("[ff02::1%eth0]:5000", "[ff02::1]:5000%eth0"),
            ("[ff05::1+8]:5000", "[ff05::1]+8:5000"),
            ("[ff05::1+8%2]:5000", "[ff05::1]+8:5000%2"),
            ("fd00::5@[ff35::1]:5000", "[fd00::5]@[ff35::1]:5000"),
            ("239.1.2.3%eth0:5000", "239.1.2.3:5000%eth0"),
            ("239.1.2.3+1:5000", "239.1.2.3:5000"),
            ("[::ffff:239.1.2.3]:5000", "239.1.2.3:5000"),
        ] {
            assert_eq!(group(text).unwrap().to_string(), same, "{text}");
        }
    }

    #[test]
    fn a_bad_group_says_what_is_wrong_and_what_is_right() {
        for (text, message) in [
            ("", "the group is empty: write GROUP:PORT"),
            ("239.1.2.3", "239.1.2.3 has no port"),
            ("239.1.2.3:", "239.1.2.3: has no port"),
            ("[ff05::1]", "[ff05::1] has no port"),
            ("239.1.2.3:0", "a group has no port 0"),
            ("239.1.2.3:99999", "port 99999 is not between 0 and 65535"),
            ("10.0.0.1:5000", "10.0.0.1 is not a multicast group: use udp-listen or udp-send"),
            ("10.0.0.1", "10.0.0.1 is not a multicast group: use udp-listen"),
            ("[fd00::1]:5000", "fd00::1 is not a multicast group: use udp-listen"),
            ("240.0.0.0:5000", "240.0.0.0 is not a multicast group"),
            ("example.com:5000", "\"example.com\" is not a multicast group: write its address"),
            (":5000", "\"\" is not a multicast group"),
            ("unix:/x", "\"unix\" is not a multicast group"),
            ("ff05::1:5000", "goes in brackets"),
            ("[ff05::1", "the ] is missing"),
            ("[ff05::1]5000", "\"5000\" follows the ]"),
            ("[239.1.2.3]:5000", "\"239.1.2.3\" is not an IPv6 address"),
            ("239.1.2.4@239.1.2.3:5000", "the source 239.1.2.4 is itself a multicast group"),
            ("fd00::5@239.1.2.3:5000", "not both IPv4 or both IPv6"),
            ("10.0.0.5@[ff35::1]:5000", "not both IPv4 or both IPv6"),
            ("host@239.1.2.3:5000", "\"host\" is not the address of a sender"),
            ("@239.1.2.3:5000", "\"\" is not the address of a sender"),
            ("0.0.0.0@239.1.2.3:5000", "is not the address of a sender"),
            ("239.1.2.3+0:5000", "+0 is not a number of groups: write +1 to +65536"),
            ("239.1.2.3+65537:5000", "+65537 is not a number of groups"),
            ("239.1.2.3+:5000", "+ is not a number of groups"),
            ("239.1.2.3++8:5000", "++8 is not a number of groups"),
            ("[ff05::1+2]+3:5000", "+3 is not a number of groups"),
            ("239.255.255.250+7:5000", "past the last group, 239.255.255.255"),
            (
                "[ff05:ffff:ffff:ffff:ffff:ffff:ffff:ffff]+2:5",
                "goes past the last group, ff05:ffff",
            ),
            (
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]+2:5",
                "goes past the last group, ffff:ffff",
            ),
            ("239.1.2.3:5000%", "% is not an interface"),
            ("239.1.2.3:5000%eth0%eth1", "%eth0%eth1 is not an interface"),
            ("239.1.2.3:5000%sixteen-letters-", "%sixteen-letters- is not an interface"),
            ("[ff02::1%eth0]:5000%eth1", "names two interfaces"),
        ] {
            let error = group(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_can_be_read_reads_the_same_when_written(
            text in "\\PC{0,12}|[0-9f:.%@+\\[\\]-]{0,20}|\
                     ([0-9f:.]{0,9}@)?(239\\.1\\.2\\.[0-9]{1,3}|\\[ff0[0-9]::[0-9]{1,3}\\])\
                     (\\+[0-9]{1,5})?:[0-9]{1,4}(%[a-z0-9.:]{1,5})?"
        ) {
            if let Ok(read) = group(&text) {
                prop_assert_eq!(group(&read.to_string()), Ok(read));
            }
        }
    }
}
