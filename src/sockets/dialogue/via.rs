//! The proxies of `--via`: their addresses, and what each of them is asked.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use super::http::ConnectDialogue;
use super::socks::SocksDialogue;
use super::{Dialogue, Speaker};
use crate::error::HandshakeError;
use crate::kind::Kind;
use crate::sockets::{Address, AddressError, Endpoint, Host};

/// What is right.
const FORM: &str = "write socks5://HOST:PORT or http://HOST:PORT";
/// Most bytes of a user and of a password (RFC 1929 section 2).
const MOST: usize = 255;

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViaScheme {
    /// SOCKS5; also written socks5h, as curl has it for names that the proxy resolves.
    Socks5,
    /// HTTP CONNECT.
    Http,
}

impl ViaScheme {
    fn as_str(self) -> &'static str {
        match self {
            Self::Socks5 => "socks5",
            Self::Http => "http",
        }
    }
}

/// One proxy. It is shown without its user.
#[derive(Clone, PartialEq, Eq)]
pub struct ViaProxy {
    scheme: ViaScheme,
    address: Address,
    user: Option<Vec<u8>>,
    password: Vec<u8>,
}

impl fmt::Display for ViaProxy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", self.scheme.as_str(), self.address)
    }
}

impl fmt::Debug for ViaProxy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for ViaProxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A password is to be seen nowhere, not even in the message that refuses it.
        let shown = text.rsplit_once('@').map_or(text, |(_, place)| place);
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!("{shown:?} does not name the protocol of the proxy: {FORM}"));
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "socks5" | "socks5h" => ViaScheme::Socks5,
            "http" => ViaScheme::Http,
            "https" => return Err(format!("TLS to a proxy is not supported: {FORM}")),
            other => return Err(format!("{other}:// is not supported: {FORM}")),
        };
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(self::user(user, scheme)?), place),
            None => (None, rest),
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        Ok(Self { scheme, address: address(place, scheme)?, user, password: Vec::new() })
    }
}

/// The user that stands before the `@`.
fn user(text: &str, scheme: ViaScheme) -> Result<Vec<u8>, String> {
    if text.contains(':') {
        return Err("a password stands in the URL, where `ps` shows it to all: put it into \
                    WIRECAT_PROXY_PASSWORD, or into a file for --via-password-file"
            .to_owned());
    }
    let user = percent_decoded(text).ok_or("a % in the user is not followed by two digits")?;
    match (user.len(), scheme) {
        (0, _) => Err(format!("there is no user before the @: {FORM}")),
        (1..=MOST, ViaScheme::Http) if user.contains(&b':') => {
            Err("the user of an HTTP proxy has no colon (RFC 7617)".to_owned())
        }
        (1..=MOST, _) => Ok(user),
        (length, _) => Err(format!("the user has {length} bytes, and {MOST} are the most")),
    }
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    Some(decoded)
}

/// The place of a proxy.
fn address(text: &str, scheme: ViaScheme) -> Result<Address, String> {
    let usual = match scheme {
        ViaScheme::Socks5 => "1080",
        ViaScheme::Http => "3128",
    };
    let name = scheme.as_str();
    if text.contains(['/', '?', '#']) && !text.starts_with("unix:") {
        return Err(format!("{text:?} has a path, and a proxy has none: {FORM}"));
    }
    match text.parse::<Address>() {
        Ok(address @ Address::Inet { .. }) => {
            address.check_connect().map_err(|error| error.to_string())?;
            Ok(address)
        }
        Ok(other) => Err(format!("{other} is not HOST:PORT: {FORM}")),
        Err(AddressError::NoPort(_) | AddressError::Empty) => {
            Err(format!("{text:?} has no port: write {name}://HOST:PORT, as {name}://HOST:{usual}"))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The proxies on the route to a destination, from the first one on. Clones share them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViaChain(Arc<[ViaProxy]>);

impl FromStr for ViaChain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl ViaChain {
    /// How many proxies have a user, and so need a password.
    pub fn users(&self) -> usize {
        self.0.iter().filter(|proxy| proxy.user.is_some()).count()
    }

    /// Gives the proxies that have a user their passwords: one for all, or one for each.
    ///
    /// # Errors
    /// There are more or fewer, or one is too long.
    pub fn with_passwords(self, passwords: &[Vec<u8>]) -> Result<Self, String> {
        let (users, count) = (self.users(), passwords.len());
        if count != 1 && count != users {
            let cause = format!("{count} passwords for {users} proxies that have a user");
            return Err(format!("{cause}: give one for all, or one for each"));
        }
        if let Some(long) = passwords.iter().find(|it| it.len() > MOST) {
            return Err(format!("a password has {} bytes, and {MOST} are the most", long.len()));
        }
        let mut passwords = passwords.iter().cycle();
        let mut proxies = self.0.to_vec();
        for proxy in proxies.iter_mut().filter(|proxy| proxy.user.is_some()) {
            proxy.password = passwords.next().cloned().unwrap_or_default();
        }
        Ok(Self(proxies.into()))
    }

    /// What is dialed: the first proxy.
    pub fn first(&self) -> Option<&Address> {
        self.0.first().map(|proxy| &proxy.address)
    }

    /// Whether a destination can be named to a proxy.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, destination: &Address) -> Result<(), String> {
        let of_proxies = self.0.iter().skip(1).map(|proxy| &proxy.address);
        of_proxies.chain([destination]).try_for_each(|it| ViaTarget::of(it).map(drop))
    }

    /// What each proxy is asked, from the first one on: for the next one, and the last one for the
    /// destination.
    pub fn dialogues(&self, destination: &Address) -> Vec<Box<dyn Dialogue>> {
        let next = self.0.iter().skip(1).map(|proxy| &proxy.address).chain([destination]);
        let ask = |(at, address): (usize, &Address)| -> Option<Box<dyn Dialogue>> {
            let is_last = at + 1 == self.0.len();
            let target = ViaTarget::of(address).ok()?;
            let hop = Hop { proxies: self.clone(), at, target, is_last };
            Some(match self.0.get(at)?.scheme {
                ViaScheme::Socks5 => Box::new(SocksDialogue::new(hop)),
                ViaScheme::Http => Box::new(ConnectDialogue::new(hop)),
            })
        };
        next.enumerate().filter_map(ask).collect()
    }
}

impl fmt::Display for ViaChain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, proxy) in self.0.iter().enumerate() {
            write!(out, "{}{proxy}", if at > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

/// What a proxy connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ViaTarget {
    pub(super) host: ViaHost,
    pub(super) port: u16,
}

/// A machine, as a proxy knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ViaHost {
    Ip(IpAddr),
    /// The proxy looks it up.
    Name(String),
}

impl ViaTarget {
    fn of(address: &Address) -> Result<Self, String> {
        let Address::Inet { host, port } = address else {
            return Err(format!("{address} is not HOST:PORT, which a proxy could connect to"));
        };
        let host = match host {
            // Without a host it is the machine of the proxy itself.
            Host::Loopback | Host::Any => ViaHost::Name("localhost".to_owned()),
            Host::Ip(ip, None) => ViaHost::Ip(*ip),
            Host::Ip(ip, Some(interface)) => {
                let cause = "is an interface of this machine, which means nothing to a proxy";
                return Err(format!("%{interface} of {ip} {cause}"));
            }
            Host::Name(name) => ViaHost::Name(name.clone()),
        };
        Ok(Self { host, port: *port })
    }

    /// The other side of the connection, by the name that it was asked for.
    pub(super) fn endpoint(&self) -> Endpoint {
        match &self.host {
            ViaHost::Ip(ip) => SocketAddr::new(*ip, self.port).into(),
            ViaHost::Name(_) => Endpoint::named(self.to_string()),
        }
    }
}

impl fmt::Display for ViaTarget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            ViaHost::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(out),
            ViaHost::Name(name) => write!(out, "{name}:{}", self.port),
        }
    }
}

/// One proxy on the route, and what it is asked for.
pub(super) struct Hop {
    proxies: ViaChain,
    at: usize,
    pub(super) target: ViaTarget,
    is_last: bool,
}

impl Hop {
    /// The user and the password, where the proxy has them.
    pub(super) fn login(&self) -> Option<(&[u8], &[u8])> {
        let proxy = self.proxies.0.get(self.at)?;
        Some((proxy.user.as_deref()?, &proxy.password))
    }

    fn who(&self) -> String {
        self.proxies.0.get(self.at).map(|proxy| format!("the proxy {proxy}")).unwrap_or_default()
    }

    /// The proxy does, or says, something else than it should.
    #[cold]
    pub(super) fn fails(&self, kind: Kind, words: &str) -> HandshakeError {
        let who = self.who();
        HandshakeError::new(
            kind,
            match self.is_last {
                true => format!("{who} {words}"),
                false => format!("{who}, asked for {}, {words}", self.target),
            },
        )
    }

    /// The proxy does not let this side in.
    #[cold]
    pub(super) fn unauthorised(&self, words: &str) -> HandshakeError {
        let error = self.fails(Kind::ProxyAuth, words);
        match (self.login(), self.proxies.0.get(self.at)) {
            (None, Some(proxy)) => error.fix(format!(
                "name the user as {}://USER@HOST:PORT, with --via-password-file FILE",
                proxy.scheme.as_str()
            )),
            _ => error.fix("see the user, and --via-password-file or WIRECAT_PROXY_PASSWORD"),
        }
    }

    pub(super) fn speaker(&self) -> Speaker {
        Speaker { kind: Kind::ProxyReply, who: self.who(), what: "its reply" }
    }
}
