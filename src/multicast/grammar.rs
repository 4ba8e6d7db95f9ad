//! The grammar of group addresses, from text to [`GroupAddress`], on that of all addresses.
//!
//! It looks at nothing but the text and, for a service name, the services database.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::address::{GroupAddress, GroupError as Error, InterfaceChoice, nth};
use crate::sockets::AddressError;
use crate::sockets::grammar::{self, Head, bare, cut, cut_brackets, cut_source};

/// Groups that one address may name; each is a socket.
pub(super) const MAX_GROUPS: u32 = 65_536;

/// The pieces of `GROUP+N:PORT%IF`, in whichever order they came.
struct Pieces<'a> {
    head: Head<'a>,
    is_bracketed: bool,
    port: Option<&'a str>,
}

/// Reads a group address.
pub(super) fn group(text: &str) -> Result<GroupAddress, Error> {
    if text.is_empty() {
        return Err(Error::Empty);
    }
    let (sender, rest) = cut_source(text);
    let Pieces { head, is_bracketed, port } = match rest.strip_prefix('[') {
        Some(inside) => bracketed(rest, inside)?,
        None => plain(rest)?,
    };
    let first = group_ip(head.host, is_bracketed)?;
    Ok(GroupAddress {
        source: sender.map(|sender| source(sender, first)).transpose()?,
        first,
        count: head.count.map_or(Ok(1), |number| count(number, first))?,
        port: self::port(port.ok_or_else(|| Error::NoPort(rest.to_owned()))?)?,
        interface: head.interface.map_or(Ok(InterfaceChoice::Route), interface)?,
    })
}

/// `[GROUP+N%IF]+N:PORT%IF`; `rest` is what follows the opening bracket of `text`.
fn bracketed<'a>(text: &'a str, rest: &'a str) -> Result<Pieces<'a>, Error> {
    let (inside, behind) = cut_brackets(text, rest)?;
    let (range, port) = cut(behind, ':');
    let mut head = Head::of(inside);
    match (head.count, range.strip_prefix('+')) {
        (_, None) if range.is_empty() => {}
        (None, count @ Some(_)) => head.count = count,
        (Some(_), Some(second)) => return Err(Error::Count(second.to_owned())),
        (_, None) => return Err(AddressError::AfterBracket(range.to_owned()).into()),
    }
    pieces(text, head, port).map(|pieces| Pieces { is_bracketed: true, ..pieces })
}

/// `GROUP+N:PORT%IF`.
fn plain(text: &str) -> Result<Pieces<'_>, Error> {
    let (before_interface, _) = cut(text, '%');
    if before_interface.matches(':').count() > 1 && !text.contains("://") {
        return Err(AddressError::NoBrackets(text.to_owned()).into());
    }
    let (head, port) = cut(text, ':');
    pieces(text, Head::of(head), port)
}

/// Adds `PORT%IF`, what stands behind the colon of `text`.
fn pieces<'a>(text: &str, mut head: Head<'a>, tail: Option<&'a str>) -> Result<Pieces<'a>, Error> {
    let (port, interface) = cut(tail.unwrap_or_default(), '%');
    if head.interface.is_some() && interface.is_some() {
        return Err(Error::TwoInterfaces(text.to_owned()));
    }
    head.interface = head.interface.or(interface);
    Ok(Pieces { head, is_bracketed: false, port: Some(port).filter(|port| !port.is_empty()) })
}

fn group_ip(text: &str, is_bracketed: bool) -> Result<IpAddr, Error> {
    let ip = match is_bracketed {
        true => text.parse::<Ipv6Addr>().map(IpAddr::from),
        false => text.parse::<Ipv4Addr>().map(IpAddr::from),
    };
    match ip.map(|ip| ip.to_canonical()) {
        Ok(ip) if ip.is_multicast() => Ok(ip),
        Ok(ip) => Err(Error::Unicast(ip)),
        Err(_) if is_bracketed => Err(AddressError::NotIpv6(text.to_owned()).into()),
        Err(_) => Err(Error::NotGroup(text.to_owned())),
    }
}

/// The sender to receive from; IPv6 with brackets or without.
fn source(text: &str, group: IpAddr) -> Result<IpAddr, Error> {
    let Ok(ip) = bare(text).parse::<IpAddr>() else { return Err(Error::Source(text.to_owned())) };
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
    match grammar::port(text)? {
        0 => Err(Error::PortZero),
        port => Ok(port),
    }
}

fn interface(text: &str) -> Result<InterfaceChoice, Error> {
    match text {
        "all" => Ok(InterfaceChoice::All),
        _ if grammar::is_interface(text) || text.parse::<IpAddr>().is_ok() => {
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
            ("10.0.0.1:5000", "10.0.0.1 is not a multicast group: Pool::datagrams takes it"),
            ("10.0.0.1", "10.0.0.1 is not a multicast group: Pool::datagrams takes it"),
            ("[fd00::1]:5000", "fd00::1 is not a multicast group: Pool::datagrams takes it"),
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
