//! From a host to the addresses of its sockets.
//!
//! It blocks while the resolver works: whoever must not wait asks [`needs_lookup`] first.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind};

use super::address::{Address, FdName, Host, Target};
use crate::error::{Failure, Remedy, Status, plain};
use crate::kind::Kind;
use crate::sys::netdb;

/// Which addresses are wanted (`-4`, `-6`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Both.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// What the addresses are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To connect or send to.
    Connect,
    /// To listen on, or to bind to.
    Listen,
}

impl Family {
    fn admits(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }

    /// The kernel's number for `ai_family`.
    fn code(self) -> i32 {
        match self {
            Self::Any => netdb::AF_UNSPEC,
            Self::V4 => netdb::AF_INET,
            Self::V6 => netdb::AF_INET6,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Any => "IP",
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// Whether [`resolve`] would ask the resolver, which may take long.
pub fn needs_lookup(host: &Host) -> bool {
    matches!(host, Host::Name(_))
}

/// Every address of the host, without duplicates. Names come in the resolver's order (RFC 6724).
///
/// # Errors
/// `Status::Resolve` where the name has no address; `Status::Usage` where a literal address is not
/// of the family asked for, or its interface does not exist.
pub fn resolve(
    host: &Host,
    port: u16,
    family: Family,
    purpose: Purpose,
) -> Result<Vec<SocketAddr>, Failure> {
    // A mapped address (::ffff:10.0.0.1) is IPv4 on the wire, and a v6-only socket refuses it.
    let ips = match host {
        Host::Name(name) => return lookup(name, port, family),
        Host::Ip(ip, scope) => {
            let address = literal(ip.to_canonical(), scope.as_deref(), family)?;
            return Ok(vec![with_port(address, port)]);
        }
        Host::Any if purpose == Purpose::Listen => {
            [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]
        }
        // Both families, because a client of `localhost` may try either of them first.
        Host::Loopback if purpose == Purpose::Listen => {
            [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        }
        // ::1 comes first, as it does for the name (RFC 6724 section 2.1).
        // To connect to 0.0.0.0 or :: means this machine on Linux, but not everywhere.
        Host::Any | Host::Loopback => [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()],
    };
    Ok(ips.into_iter().filter(|ip| family.admits(*ip)).map(|ip| (ip, port).into()).collect())
}

/// The first of the [`targets`] of an address.
///
/// # Errors
/// Those of [`targets`].
pub fn first_target(address: &Address) -> Result<Target, Failure> {
    let none = || {
        let target = address.to_string();
        Failure::new(Status::Resolve, Kind::NoAddress, "resolve", target, "it has no address")
    };
    targets(address)?.into_iter().next().ok_or_else(none)
}

/// The first thing that an address means to a client; a name is looked up in place.
///
/// # Errors
/// An address that cannot be connected to, or that has no meaning here.
pub fn targets(address: &Address) -> Result<Vec<Target>, Failure> {
    address.check_connect()?;
    let unusable = || {
        let target = address.to_string();
        Failure::new(Status::Usage, Kind::BadAddress, "connect to", target, "it names no socket")
    };
    match address {
        Address::Inet { host, port } => {
            let found = resolve(host, *port, Family::Any, Purpose::Connect)?;
            Ok(found.into_iter().map(Target::Tcp).collect())
        }
        Address::Unix(name) => Ok(vec![Target::Unix(name.clone())]),
        Address::Fd(FdName::Number(fd)) => Ok(vec![Target::Fd(*fd)]),
        Address::Fd(FdName::Activated) => Err(unusable()),
    }
}

/// The addresses to listen on or to bind to; a unix socket or a descriptor has none. A name is
/// looked up in place.
///
/// # Errors
/// Those of [`resolve`].
pub fn local_addresses(address: &Address, family: Family) -> Result<Vec<SocketAddr>, Failure> {
    match address {
        Address::Inet { host, port } => resolve(host, *port, family, Purpose::Listen),
        Address::Unix(_) | Address::Fd(_) => Ok(Vec::new()),
    }
}

/// The one of the addresses of `--bind` that is of the kind and family of a target, to which
/// `operation` is done. Without `--bind` there are none, and none is needed.
///
/// # Errors
/// No address fits.
pub fn local_for<'a>(
    bind: &'a [Target],
    target: &Target,
    operation: &'static str,
) -> Result<Option<&'a Target>, Failure> {
    let fits = |local: &&Target| match (local, target) {
        (Target::Tcp(local), Target::Tcp(target)) => local.is_ipv6() == target.is_ipv6(),
        (Target::Unix(_), Target::Unix(_)) => true,
        _ => false,
    };
    match bind.iter().find(fits) {
        None if bind.is_empty() => Ok(None),
        Some(address) => Ok(Some(address)),
        None => {
            let cause = Remedy::BindFamily.words();
            let (kind, target) = (Kind::AddressNotAvailable, target.to_string());
            Err(Failure::new(Status::Connect, kind, operation, target, cause))
        }
    }
}

fn with_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

fn literal(ip: IpAddr, scope: Option<&str>, family: Family) -> Result<SocketAddr, Failure> {
    if !family.admits(ip) {
        let cause = format!("it is not an {} address", family.word());
        let failure = Failure::new(Status::Usage, Kind::BadAddress, "use", ip.to_string(), cause);
        return Err(failure.fix("-4 and -6 choose among the addresses of a name"));
    }
    match scope {
        Some(scope) => scoped(ip, scope),
        None => Ok(SocketAddr::new(ip, 0)),
    }
}

/// A link-local address with its interface, by name or index, which the C library knows to look
/// up (RFC 4007 section 11).
fn scoped(ip: IpAddr, scope: &str) -> Result<SocketAddr, Failure> {
    let text = format!("{ip}%{scope}");
    let hints = AddrInfoHints {
        flags: netdb::AI_NUMERICHOST,
        socktype: netdb::SOCK_STREAM,
        ..AddrInfoHints::default()
    };
    // AI_NUMERICHOST: no name server is asked, and nothing blocks.
    let found = dns_lookup::getaddrinfo(Some(&text), None, Some(hints));
    match found.ok().and_then(|mut found| found.next()) {
        Some(Ok(info)) => Ok(info.sockaddr),
        _ => {
            let cause = format!("there is no interface {scope}");
            Err(Failure::new(Status::Usage, Kind::BadAddress, "use", text, cause))
        }
    }
}

fn lookup(name: &str, port: u16, family: Family) -> Result<Vec<SocketAddr>, Failure> {
    // One socket type, or each address would come once for each of them.
    let hints = AddrInfoHints {
        address: family.code(),
        socktype: netdb::SOCK_STREAM,
        ..AddrInfoHints::default()
    };
    // No flags: AI_ADDRCONFIG leaves out a family of which only loopback has an address, and with
    // it names such as localhost (getaddrinfo(3)).
    let found = match dns_lookup::getaddrinfo(Some(name), None, Some(hints)) {
        Ok(found) => found,
        // An empty root directory has no /etc/hosts.
        Err(_) if is_localhost(name) => {
            return resolve(&Host::Loopback, port, family, Purpose::Connect);
        }
        Err(error) => return Err(unresolved(name, family, error)),
    };
    let mut addresses = Vec::new();
    for info in found.flatten() {
        let address = with_port(info.sockaddr, port);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// Whether a name means loopback, whatever the resolver knows (RFC 6761 section 6.3).
fn is_localhost(name: &str) -> bool {
    name.strip_suffix('.').unwrap_or(name).eq_ignore_ascii_case("localhost")
}

/// Why the resolver has no address for the name.
fn unresolved(name: &str, family: Family, error: LookupError) -> Failure {
    let failed = |kind, cause: &str| Failure::new(Status::Resolve, kind, "resolve", name, cause);
    match error.kind() {
        LookupErrorKind::NoName => failed(Kind::UnknownName, "name or service not known")
            .fix("neither DNS nor /etc/hosts has it: is it spelled right?"),
        LookupErrorKind::Again => failed(Kind::Resolver, "temporary failure in name resolution")
            .fix("no name server answered: see /etc/resolv.conf"),
        // EAI_ADDRFAMILY has no kind here; both mean that the name exists, but not in this family.
        LookupErrorKind::NoData | LookupErrorKind::IO if error.error_num() != 0 => {
            failed(Kind::NoAddress, &format!("the name has no {} address", family.word()))
        }
        _ => failed(Kind::Resolver, &resolver_text(error)),
    }
}

/// The resolver's own words, without the preface that the crate puts in front of them.
fn resolver_text(error: LookupError) -> String {
    let text = io::Error::from(error).to_string();
    let words = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    plain(&io::Error::other(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(host: &Host, family: Family, purpose: Purpose) -> Vec<String> {
        let addresses = resolve(host, 80, family, purpose).unwrap();
        addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn this_machine_has_two_addresses() {
        use Family::{Any, V4, V6};
        use Purpose::{Connect, Listen};
        assert_eq!(resolved(&Host::Loopback, Any, Listen), ["127.0.0.1:80", "[::1]:80"]);
        assert_eq!(resolved(&Host::Loopback, Any, Connect), ["[::1]:80", "127.0.0.1:80"]);
        assert_eq!(resolved(&Host::Any, Any, Listen), ["0.0.0.0:80", "[::]:80"]);
        assert_eq!(resolved(&Host::Any, V4, Connect), ["127.0.0.1:80"]);
        assert_eq!(resolved(&Host::Any, V6, Listen), ["[::]:80"]);
    }

    #[test]
    fn a_name_has_each_address_once() {
        let name = Host::Name("localhost".to_owned());
        assert!(needs_lookup(&name));
        let addresses = resolved(&name, Family::Any, Purpose::Connect);
        let mut unique = addresses.clone();
        unique.dedup();
        assert_eq!(addresses, unique);
        assert!(addresses.iter().all(|address| address.ends_with(":80")));
        assert_eq!(resolved(&name, Family::V4, Purpose::Connect), ["127.0.0.1:80"]);
    }

    #[test]
    fn localhost_is_known_without_a_resolver() {
        assert!(["localhost", "LocalHost", "localhost."].into_iter().all(is_localhost));
        let others = ["localhos", "my.localhost.org", "localhost..", ""];
        assert!(!others.into_iter().any(is_localhost));
    }

    #[test]
    fn a_literal_address_is_of_the_family_or_an_error() {
        let mapped = Host::Ip("::ffff:10.0.0.1".parse().unwrap(), None);
        assert_eq!(resolved(&mapped, Family::V4, Purpose::Connect), ["10.0.0.1:80"]);
        let v6 = Host::Ip("::1".parse().unwrap(), None);
        let failure = resolve(&v6, 80, Family::V4, Purpose::Listen).unwrap_err();
        assert_eq!(failure.status, Status::Usage);
        assert!(failure.to_string().starts_with("cannot use ::1: it is not an IPv4 address"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_interface_is_found_by_name_and_by_index() {
        let scoped = |scope: &str| {
            let host = Host::Ip("fe80::1".parse().unwrap(), Some(scope.to_owned()));
            resolve(&host, 80, Family::Any, Purpose::Connect)
        };
        assert_eq!(scoped("7").unwrap()[0].to_string(), "[fe80::1%7]:80");
        assert_eq!(scoped("lo").unwrap(), scoped("1").unwrap());
        let failure = scoped("nosuch0").unwrap_err();
        assert_eq!(failure.status, Status::Usage);
        assert_eq!(
            failure.to_string(),
            "cannot use fe80::1%nosuch0: there is no interface nosuch0"
        );
    }

    #[test]
    fn the_resolvers_refusals_are_distinguished() {
        let failure = |code| unresolved("nosuch.invalid", Family::V6, LookupError::new(code));
        assert_eq!(failure(netdb::EAI_NONAME).status, Status::Resolve);
        for (code, message) in [
            (netdb::EAI_NONAME, "cannot resolve nosuch.invalid: name or service not known"),
            (netdb::EAI_AGAIN, "temporary failure in name resolution (no name server"),
            (netdb::EAI_NODATA, "the name has no IPv6 address"),
            (netdb::EAI_FAIL, "cannot resolve nosuch.invalid: non-recoverable failure"),
        ] {
            let text = failure(code).to_string();
            assert!(text.contains(message), "{text}");
        }
    }
}
