//! What a group address can be, how it is written, and what is wrong with one that is not.
//!
//! Plain data: nothing here looks at an interface or opens a socket. The reading of it is in
//! `grammar`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::grammar;
use crate::error::{Failure, Remedy, Status};
use crate::kind::Kind;
use crate::sockets::{AddressError, Host};

/// A group, or a range of them, as the user wrote it. `Display` writes it so that it can be read
/// again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupAddress {
    /// The only source to receive from, of the groups' family (SSM, RFC 4607).
    pub source: Option<IpAddr>,
    /// The first group.
    pub first: IpAddr,
    /// How many groups there are, counting up from the first: 1 to 65,536.
    pub count: u32,
    /// The port, which is never 0.
    pub port: u16,
    /// Where to join, or to send from.
    pub interface: InterfaceChoice,
}

/// Which interfaces the user means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum InterfaceChoice {
    /// The one that the route to the group leaves by.
    Route,
    /// `%all`: every multicast interface that is up.
    All,
    /// The one of this name, index or address.
    Named(String),
}

/// What is wrong with a group address, and what is right. Always exit status 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// What every address can have wrong: its port, its brackets.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Nothing was written.
    #[error("the group is empty: write GROUP:PORT, as in 239.1.2.3:5000")]
    Empty,
    /// A group alone.
    #[error("{0} has no port: write GROUP:PORT, as in 239.1.2.3:5000")]
    NoPort(String),
    /// Port 0, which the kernel would replace by one that nobody sends to.
    #[error("a group has no port 0: name the port that its senders use")]
    PortZero,
    /// The address of one machine.
    #[error("{0} is not a multicast group: {fix}", fix = Remedy::Machines.words())]
    Unicast(IpAddr),
    /// A name, or something else that is no address.
    #[error("{0:?} is not a multicast group: write its address, as in 239.1.2.3:5000")]
    NotGroup(String),
    /// Something before the @ that is no address.
    #[error("{0:?} is not the address of a sender: write SOURCE@GROUP:PORT")]
    Source(String),
    /// A group before the @.
    #[error("the source {0} is itself a multicast group: write the address of the sender")]
    SourceIsGroup(IpAddr),
    /// One of IPv4, the other of IPv6.
    #[error("the source {source_ip} and the group {group} are not both IPv4 or both IPv6")]
    SourceFamily {
        /// The source.
        source_ip: IpAddr,
        /// The group.
        group: IpAddr,
    },
    /// A source where groups are sent to.
    #[error("SOURCE@ chooses what is received: {fix}", fix = Remedy::SendFrom.words().replace("{}", &.0.to_string()))]
    SourceToSend(IpAddr),
    /// Something behind the + that is no number, or too high a one.
    #[error("+{0} is not a number of groups: write +1 to +{max}", max = grammar::MAX_GROUPS)]
    Count(String),
    /// More groups than there are.
    #[error("{first}+{count} goes past the last group, {last}")]
    PastEnd {
        /// The first group.
        first: IpAddr,
        /// How many were asked for.
        count: u32,
        /// The last that there is.
        last: IpAddr,
    },
    /// Something behind the % that no interface can be called.
    #[error("%{0} is not an interface: write its name, index or address, or %all")]
    Interface(String),
    /// An interface within the brackets and one at the end.
    #[error("{0} names two interfaces: write one")]
    TwoInterfaces(String),
}

impl From<GroupError> for Failure {
    fn from(error: GroupError) -> Self {
        let kind = match error {
            GroupError::Unicast(_) => Kind::NotMulticast,
            _ => Kind::BadAddress,
        };
        Self::new(Status::Usage, kind, "use", "the group", error.to_string())
    }
}

impl GroupAddress {
    /// Every group, counting up.
    pub fn groups(&self) -> impl Iterator<Item = IpAddr> + use<> {
        let first = self.first;
        (0..self.count).map(move |step| nth(first, step))
    }

    /// Whether this address can be sent to.
    ///
    /// # Errors
    /// It names a source, which only a receiver chooses.
    pub fn check_send(&self) -> Result<(), GroupError> {
        self.source.map_or(Ok(()), |source| Err(GroupError::SourceToSend(source)))
    }

    /// What to warn of where the source and the range of the group do not go together.
    ///
    /// Hosts join any group with or without a source; routers keep to the ranges (RFC 4607 section 1,
    /// RFC 4604 section 2.2.1).
    pub fn range_warning(&self) -> Option<String> {
        let range = if self.first.is_ipv4() { "232.0.0.0/8" } else { "ff3x::/32" };
        let last = nth(self.first, self.count.saturating_sub(1));
        match self.source {
            Some(source) if !(is_source_specific(self.first) && is_source_specific(last)) => {
                Some(format!(
                    "{self} is outside the source-specific range {range}: this machine hears \
                     {source} only, but routers may not know of the source"
                ))
            }
            None if is_source_specific(self.first) || is_source_specific(last) => Some(format!(
                "{self} is in the source-specific range {range}: routers may pass it on only to \
                 those who join SOURCE@GROUP"
            )),
            _ => None,
        }
    }
}

/// The group so many steps above the first.
pub(super) fn nth(first: IpAddr, step: u32) -> IpAddr {
    match first {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits().wrapping_add(step)).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits().wrapping_add(step.into())).into(),
    }
}

/// Whether a group is in 232/8 or ff3x::/32 (RFC 4607 section 1).
fn is_source_specific(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(ip) => ip.octets()[0] == 232,
        IpAddr::V6(ip) => ip.segments()[0] & 0xfff0 == 0xff30 && ip.segments()[1] == 0,
    }
}

impl FromStr for GroupAddress {
    type Err = GroupError;

    fn from_str(text: &str) -> Result<Self, GroupError> {
        grammar::group(text)
    }
}

impl fmt::Display for GroupAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = self.source {
            write!(out, "{}@", Host::Ip(source, None))?;
        }
        Host::Ip(self.first, None).fmt(out)?;
        if self.count != 1 {
            write!(out, "+{}", self.count)?;
        }
        write!(out, ":{}{}", self.port, self.interface)
    }
}

impl fmt::Display for InterfaceChoice {
    /// What stands at the end of an address.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route => Ok(()),
            Self::All => out.write_str("%all"),
            Self::Named(name) => write!(out, "%{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> GroupAddress {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_counts_up() {
        let groups = |text: &str| address(text).groups().map(|ip| ip.to_string()).collect();
        let v4: Vec<String> = groups("239.1.2.254+4:5000");
        assert_eq!(v4, ["239.1.2.254", "239.1.2.255", "239.1.3.0", "239.1.3.1"]);
        let v6: Vec<String> = groups("[ff05::ffff]+2:5000");
        assert_eq!(v6, ["ff05::ffff", "ff05::1:0"]);
    }

    #[test]
    fn a_source_outside_the_range_for_sources_is_said() {
        let warning = |text: &str| address(text).range_warning();
        let outside = "10.0.0.5@239.1.2.3:5000 is outside the source-specific range 232.0.0.0/8";
        assert!(warning("10.0.0.5@239.1.2.3:5000").unwrap().starts_with(outside));
        assert!(warning("10.0.0.5@232.255.255.255+2:5000").is_some());
        assert!(warning("[fd00::5]@[ff35:1::1]:5000").unwrap().contains("ff3x::/32"));
        let inside = "232.1.2.3:5000 is in the source-specific range 232.0.0.0/8";
        assert!(warning("232.1.2.3:5000").unwrap().starts_with(inside));
        for text in ["10.0.0.5@232.1.2.3:5000", "[fd00::5]@[ff35::1]:5000", "239.1.2.3:5000"] {
            assert_eq!(warning(text), None, "{text}");
        }
    }

    #[test]
    fn only_a_receiver_chooses_a_source() {
        let error = address("10.0.0.5@232.1.2.3:5000").check_send().unwrap_err().to_string();
        assert!(
            error.ends_with("what is received: GroupOptions has the address to send from"),
            "{error}"
        );
        assert_eq!(address("232.1.2.3:5000").check_send(), Ok(()));
    }

    #[test]
    fn a_unicast_address_has_a_kind_of_its_own() {
        let failure = |text: &str| Failure::from(text.parse::<GroupAddress>().unwrap_err());
        let unicast = failure("10.0.0.1:5000");
        assert_eq!((unicast.status, unicast.kind), (Status::Usage, Kind::NotMulticast));
        assert_eq!(
            unicast.to_string(),
            "cannot use the group: 10.0.0.1 is not a multicast group: Pool::datagrams takes it"
        );
        assert_eq!(failure("239.1.2.3").kind, Kind::BadAddress);
    }
}
