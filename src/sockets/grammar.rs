//! The one grammar of addresses, from text to [`Address`]. Groups are cut at the same marks:
//! `SOURCE@HOST+N:PORT%IF`, with brackets around a HOST that is IPv6.
//!
//! It looks at nothing but the text and, for a service name, the services database.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;

use super::address::{Address, AddressError as Error, FdName, Host, UnixName};

/// Bytes that a unix socket's name may have: `sun_path` less the NUL at one of its ends.
const UNIX_NAME_LIMIT: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Bytes that an interface's name may have (`IFNAMSIZ` less the NUL).
const INTERFACE_NAME_LIMIT: usize = 15;

/// Reads an address.
pub(super) fn address(text: &str) -> Result<Address, Error> {
    if let Some(name) = text.strip_prefix("unix:") {
        return unix_name(name.as_bytes()).map(Address::Unix);
    }
    if let Some(number) = text.strip_prefix("fd:") {
        return fd_name(number).map(Address::Fd);
    }
    if let Some(group) = group(text) {
        return Err(Error::Group(group));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => bracketed(text, rest)?,
        None => plain(text)?,
    };
    Ok(Address::Inet { host, port })
}

/// Reads an address of the command line. The name of a unix socket may be of any bytes.
pub(super) fn os_address(text: &OsStr) -> Result<Address, Error> {
    match (text.to_str(), text.as_bytes().strip_prefix(b"unix:")) {
        (Some(text), _) => address(text),
        (None, Some(name)) => unix_name(name).map(Address::Unix),
        (None, None) => Err(Error::NotText(text.to_string_lossy().into_owned())),
    }
}

/// Reads an IP address that stands alone, with an interface if it has one; `None` if it is not
/// one at all.
pub(super) fn ip(text: &str) -> Option<Result<Host, Error>> {
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Some(unicast(ip.into(), None));
    }
    let (ip, scope) = cut(text, '%');
    let ip = ip.parse::<Ipv6Addr>().ok()?;
    Some(match scope {
        Some(scope) if !ip.is_unicast_link_local() || !is_interface(scope) => {
            Err(Error::Scope(scope.to_owned()))
        }
        _ => unicast(ip.into(), scope),
    })
}

fn unicast(ip: IpAddr, scope: Option<&str>) -> Result<Host, Error> {
    if ip.to_canonical().is_multicast() {
        return Err(Error::Group(ip));
    }
    Ok(Host::Ip(ip, scope.map(str::to_owned)))
}

pub(crate) fn is_interface(name: &str) -> bool {
    (1..=INTERFACE_NAME_LIMIT).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '/' | '%' | '[' | ']'))
}

/// `HOST+N%IF`, what stands before the port.
pub(crate) struct Head<'a> {
    pub(crate) host: &'a str,
    pub(crate) count: Option<&'a str>,
    pub(crate) interface: Option<&'a str>,
}

impl<'a> Head<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let (text, interface) = cut(text, '%');
        let (host, count) = cut(text, '+');
        Self { host, count, interface }
    }
}

/// What stands before the first `mark`, and behind it.
pub(crate) fn cut(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

/// What stands before an `@`, and behind it.
pub(crate) fn cut_source(text: &str) -> (Option<&str>, &str) {
    text.split_once('@').map_or((None, text), |(source, rest)| (Some(source), rest))
}

/// What stands in the brackets of `text`, and behind them; `rest` follows the opening one.
pub(crate) fn cut_brackets<'a>(text: &str, rest: &'a str) -> Result<(&'a str, &'a str), Error> {
    rest.split_once(']').ok_or_else(|| Error::MissingBracket(text.to_owned()))
}

/// An IP address without the brackets that it may stand in.
pub(crate) fn bare(text: &str) -> &str {
    text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text)
}

/// The group that an address names, if it is one.
fn group(text: &str) -> Option<IpAddr> {
    let (_, text) = cut_source(text);
    let (head, _) = text.strip_prefix('[').map_or(cut(text, ':'), |rest| cut(rest, ']'));
    let ip = Head::of(head).host.parse::<IpAddr>().ok()?;
    ip.to_canonical().is_multicast().then_some(ip)
}

/// `[IPV6]:PORT`, and `[NAME]:PORT` as well, so that one pattern (`[%h]:%p`) fits every host; `rest`
/// is what follows the opening bracket of `text`.
fn bracketed(text: &str, rest: &str) -> Result<(Host, u16), Error> {
    let (inside, behind) = cut_brackets(text, rest)?;
    let host = match inside.is_empty() || inside.contains(':') {
        true => ip(inside).unwrap_or_else(|| Err(Error::NotIpv6(inside.to_owned())))?,
        false => host(inside)?,
    };
    match behind.strip_prefix(':') {
        None if behind.is_empty() => Err(Error::NoPort(text.to_owned())),
        None => Err(Error::AfterBracket(behind.to_owned())),
        Some("") => Err(Error::NoPort(text.to_owned())),
        Some(number) => Ok((host, port(number)?)),
    }
}

/// What other tools write before a host.
const SCHEMES: [&str; 4] = ["tcp", "udp", "tls", "ssl"];

/// `PORT`, `:PORT` or `HOST:PORT`.
fn plain(text: &str) -> Result<(Host, u16), Error> {
    match text.rsplit_once(':') {
        _ if ["/", "./", "../"].iter().any(|begin| text.starts_with(begin)) => {
            Err(Error::Path(text.to_owned()))
        }
        None if text.is_empty() => Err(Error::Empty),
        None => lone_port(text).map(|port| (Host::Loopback, port)),
        Some(_) if text.contains("://") => Err(Error::Url(text.to_owned())),
        Some((_, "")) => Err(Error::NoPort(text.to_owned())),
        Some(("", number)) => Ok((Host::Any, port(number)?)),
        Some((host, _)) if host.contains(':') => Err(match text.split_once(':') {
            Some((first, rest)) if !rest.contains("::") => scheme(first, rest),
            _ => None,
        }
        .unwrap_or_else(|| Error::NoBrackets(text.to_owned()))),
        Some((name, number)) => Ok((host(name)?, port(number)?)),
    }
}

/// What is wrong with an address that begins with a word for a protocol, in whatever case.
fn scheme(first: &str, rest: &str) -> Option<Error> {
    let scheme = SCHEMES.into_iter().find(|scheme| first.eq_ignore_ascii_case(scheme))?;
    Some(Error::Scheme { scheme, rest: rest.to_owned() })
}

/// A word without a colon: a port if it can be one, else a host that lacks one.
fn lone_port(text: &str) -> Result<u16, Error> {
    port(text).map_err(|error| match error {
        Error::UnknownService(text) => Error::NoPort(text),
        error => error,
    })
}

/// A port number, or the name of a service.
pub(crate) fn port(text: &str) -> Result<u16, Error> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_err(|_| Error::PortRange(text.to_owned()));
    }
    service(text).ok_or_else(|| Error::UnknownService(text.to_owned()))
}

/// The port of a service in the services database, of whichever protocol has it.
fn service(name: &str) -> Option<u16> {
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !begins_well || !name.chars().all(is_name) {
        return None;
    }
    let mut found = dns_lookup::getaddrinfo(None, Some(name), None).ok()?;
    found.next()?.ok().map(|info| info.sockaddr.port())
}

/// An IPv4 address or a name.
fn host(text: &str) -> Result<Host, Error> {
    if let Some(host) = ip(text) {
        return host;
    }
    // The resolver takes 127.1 and 256 for addresses (inet_aton(3)); here they are slips.
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(Error::NotIpv4(text.to_owned()));
    }
    match name_problem(text) {
        Some(problem) => Err(Error::HostName { name: text.to_owned(), problem }),
        None => Ok(Host::Name(text.to_owned())),
    }
}

/// What keeps a text from being a host name (RFC 1123 section 2.1), loosely: underscores and
/// letters beyond ASCII are left to the resolver.
fn name_problem(name: &str) -> Option<&'static str> {
    let labels = name.strip_suffix('.').unwrap_or(name);
    let is_foreign = |c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_' | '.');
    if name.contains(char::is_whitespace) {
        Some("a blank")
    } else if name.contains(char::is_control) {
        Some("a control character")
    } else if name.contains(is_foreign) {
        Some("a character that names do not have")
    } else if name.starts_with('-') {
        Some("a hyphen in front")
    } else if labels.len() > 253 || labels.split('.').any(|label| label.len() > 63) {
        Some("more than 253 bytes, or more than 63 between two dots")
    } else if labels.split('.').any(str::is_empty) {
        Some("nothing between two dots")
    } else {
        None
    }
}

fn unix_name(text: &[u8]) -> Result<UnixName, Error> {
    let name = text.strip_prefix(b"@").unwrap_or(text);
    if name.is_empty() || name.contains(&0) {
        return Err(Error::UnixName);
    }
    if name.len() > UNIX_NAME_LIMIT {
        return Err(Error::UnixNameTooLong { length: name.len(), limit: UNIX_NAME_LIMIT });
    }
    Ok(match text.starts_with(b"@") {
        true => UnixName::Abstract(name.into()),
        false => UnixName::Path(OsStr::from_bytes(name).into()),
    })
}

fn fd_name(text: &str) -> Result<FdName, Error> {
    if text.is_empty() {
        return Ok(FdName::Activated);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<RawFd>() {
        Ok(fd @ 0..=2) if is_number => Err(Error::StandardFd(fd)),
        Ok(fd) if is_number => Ok(FdName::Number(fd)),
        _ => Err(Error::FdNumber(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn inet(host: Host, port: u16) -> Address {
        Address::Inet { host, port }
    }

    #[test]
    fn every_form_of_the_grammar_is_read() {
        let ip = |text: &str| Host::Ip(text.parse().unwrap(), None);
        let scoped = Host::Ip("fe80::1".parse().unwrap(), Some("eth0".to_owned()));
        for (text, expected) in [
            ("8080", inet(Host::Loopback, 8080)),
            ("0", inet(Host::Loopback, 0)),
            (":8080", inet(Host::Any, 8080)),
            ("example.com:80", inet(Host::Name("example.com".to_owned()), 80)),
            ("a_b.example.:80", inet(Host::Name("a_b.example.".to_owned()), 80)),
            ("127.0.0.1:65535", inet(ip("127.0.0.1"), 65535)),
            ("[::1]:80", inet(ip("::1"), 80)),
            ("[fe80::1%eth0]:80", inet(scoped, 80)),
            ("unix:/run/x", Address::Unix(UnixName::Path("/run/x".into()))),
            ("unix:@x", Address::Unix(UnixName::Abstract(b"x".to_vec()))),
            ("fd:3", Address::Fd(FdName::Number(3))),
            ("fd:", Address::Fd(FdName::Activated)),
        ] {
            assert_eq!(address(text), Ok(expected.clone()), "{text}");
            assert_eq!(expected.to_string(), text);
        }
    }

    #[test]
    fn the_name_of_a_unix_socket_may_be_of_any_bytes() {
        let path = OsStr::from_bytes(b"unix:/run/\xff");
        let name = UnixName::Path(OsStr::from_bytes(b"/run/\xff").into());
        assert_eq!(os_address(path), Ok(Address::Unix(name)));
        let name = UnixName::Abstract(b"\xff".to_vec());
        assert_eq!(os_address(OsStr::from_bytes(b"unix:@\xff")), Ok(Address::Unix(name)));
        let error = os_address(OsStr::from_bytes(b"h\xff:80")).unwrap_err().to_string();
        assert!(error.contains("is not UTF-8"), "{error}");
        assert_eq!(os_address(OsStr::new("[::1]:80")), address("[::1]:80"));
    }

    #[test]
    fn brackets_fit_every_host() {
        for (text, plain) in [
            ("[example.com]:80", "example.com:80"),
            ("[localhost]:22", "localhost:22"),
            ("[1.2.3.4]:80", "1.2.3.4:80"),
        ] {
            assert_eq!(address(text), address(plain), "{text}");
        }
    }

    #[test]
    fn a_service_name_is_its_port() {
        // A machine without /etc/services knows no names; then this is silent.
        if service("http").is_some() {
            assert_eq!(address("localhost:http"), address("localhost:80"));
            assert_eq!(address("http"), address("80"));
        }
    }

    #[test]
    fn a_bad_address_says_what_is_wrong_and_what_is_right() {
        let long = format!("unix:/{}", "x".repeat(UNIX_NAME_LIMIT));
        for (text, message) in [
            ("", "the address is empty"),
            ("99999", "port 99999 is not between 0 and 65535"),
            ("h:-1", "port -1 is not between 0 and 65535"),
            ("h:99999999999999999999", "is not between 0 and 65535"),
            ("host:", "\"host:\" has no port"),
            ("example.com", "\"example.com\" has no port"),
            ("[::1]", "\"[::1]\" has no port"),
            ("[::1]:", "has no port"),
            ("[::1", "the ] is missing in \"[::1\""),
            ("[::1]80", "\"80\" follows the ]"),
            ("[]:80", "\"\" is not an IPv6 address"),
            ("[1:2]:80", "\"1:2\" is not an IPv6 address"),
            ("[1.2.3.256]:80", "\"1.2.3.256\" is not an IPv4 address"),
            ("[a b]:80", "it has a blank"),
            ("[example.com]80", "\"80\" follows the ]"),
            ("::1:80", "goes in brackets, as in [::1]:80"),
            ("/tmp/x", "\"/tmp/x\" is a path: write unix:/tmp/x"),
            ("./x:1", "is a path: write unix:./x:1"),
            ("tls:h:443", "\"tls:h:443\" begins with tls:"),
            ("TCP:localhost:80", "begins with tcp:"),
            ("http://h:80", "write HOST:PORT"),
            ("http://h:", "is a URL"),
            ("1.2.3.4.5:80x", "\"1.2.3.4.5\" is not an IPv4 address"),
            ("256.1.1.1:80", "\"256.1.1.1\" is not an IPv4 address"),
            ("h:80x", "\"80x\" is neither a port number nor"),
            ("h: 80", "neither a port number nor"),
            ("a b:80", "it has a blank"),
            ("a..b:80", "nothing between two dots"),
            ("a*:80", "a character that names do not have"),
            ("user@host:80", "a character that names do not have"),
            ("-h:80", "a hyphen in front"),
            ("[2001:db8::1%eth0]:80", "only a link-local address"),
            ("unix:", "the name of a unix socket is missing"),
            ("unix:@", "the name of a unix socket is missing"),
            (&long, "at most"),
            ("fd:x", "\"x\" is not the number of a file descriptor"),
            ("fd:-1", "\"-1\" is not the number of a file descriptor"),
            ("fd:+3", "\"+3\" is not the number of a file descriptor"),
            ("fd:99999999999", "is not the number of a file descriptor"),
            ("fd:1", "fd 1 is stdin, stdout or stderr"),
        ] {
            let error = address(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn a_group_in_any_form_is_sent_to_the_right_command() {
        for (text, group) in [
            ("239.1.2.3:5000", "239.1.2.3"),
            ("239.1.2.3:5000%eth0", "239.1.2.3"),
            ("239.1.2.3+8:5000", "239.1.2.3"),
            ("10.0.0.5@232.1.2.3:5000", "232.1.2.3"),
            ("[ff05::1]:5000", "ff05::1"),
            ("[ff02::1%eth0]:5000", "ff02::1"),
            ("[2001:db8::1]@[ff35::1]:5000", "ff35::1"),
        ] {
            let message = format!("{group} is a multicast group: Pool::join receives groups");
            assert_eq!(address(text).unwrap_err().to_string(), message, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_can_be_read_reads_the_same_when_written(
            text in "\\PC{0,12}|[0-9a-f:.%@+\\[\\]-]{0,20}|(unix:@?|fd:)?[a-z0-9.]{0,6}(:[0-9]{0,5})?"
        ) {
            if let Ok(read) = address(&text) {
                prop_assert_eq!(address(&read.to_string()), Ok(read));
            }
            let _ = Address::parse_bind(&text);
        }
    }
}
