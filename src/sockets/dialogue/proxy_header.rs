//! The header of the PROXY protocol, with which a proxy names the client that it speaks for
//! (haproxy, doc/proxy-protocol.txt). Pure.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use proxy_header::{Error, ParseConfig, ProxiedAddress, ProxyHeader};

use super::{Dialogue, DialogueStep, Endpoint, Ends, Speaker};
use crate::error::HandshakeError;
use crate::kind::Kind;

/// Most bytes of a header. Version 2 has room for 64 KiB of further fields; proxies send some hundred
/// bytes.
pub const MOST: usize = 4096;

/// How version 2 begins, and bytes before its addresses.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const PREFIX: usize = SIGNATURE.len() + 4;
/// Bytes of a unix name in version 2.
const NAME: usize = 108;
/// Version 2, LOCAL and PROXY.
const LOCAL: u8 = 0x20;
const PROXIED: u8 = 0x21;
/// AF_UNIX, SOCK_STREAM.
const UNIX_STREAM: u8 = 0x31;
/// AF_UNIX, SOCK_DGRAM. A header for datagrams names its client too, as one for UDP does.
const UNIX_DGRAM: u8 = 0x32;

/// The form of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

impl FromStr for HeaderVersion {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "v1" => Ok(Self::V1),
            "v2" => Ok(Self::V2),
            _ => Err("use v1 or v2"),
        }
    }
}

impl fmt::Display for HeaderVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

/// A header, as it was read.
#[derive(Debug)]
pub struct Header {
    /// The client and the address that it has connected to; `None` where the proxy speaks for itself
    /// (LOCAL), or does not know (UNKNOWN).
    pub named: Option<(Endpoint, Endpoint)>,
    /// Bytes that it has.
    pub length: usize,
}

/// Reads a header at the beginning of what a client has sent; `None` is one that is not whole.
///
/// # Errors
/// Why it is none, or none that is taken.
pub fn parse(bytes: &[u8]) -> Result<Option<Header>, &'static str> {
    const BROKEN: &str = "what the client sent first is not a header of the PROXY protocol";
    // Less than a signature can be wrong already.
    let begin = bytes.get(..SIGNATURE.len().min(bytes.len())).unwrap_or(bytes);
    let text = b"PROXY ";
    if !SIGNATURE.starts_with(begin) && !begin.starts_with(text) && !text.starts_with(begin) {
        return Err(BROKEN);
    }
    let mut is_whole = false;
    if let (true, Some([command, _, high, low])) =
        (bytes.starts_with(SIGNATURE), bytes.get(SIGNATURE.len()..PREFIX))
    {
        let length = PREFIX + usize::from(u16::from_be_bytes([*high, *low]));
        if length > MOST {
            return Err("its header of the PROXY protocol is longer than 4096 bytes");
        }
        is_whole = bytes.len() >= length;
        // Of LOCAL all that follows is discarded, the family included.
        if *command == LOCAL {
            return Ok(is_whole.then_some(Header { named: None, length }));
        }
    }
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    match ProxyHeader::parse(bytes, config) {
        Ok((header, length)) => {
            let inet = |it: &ProxiedAddress| (it.source.into(), it.destination.into());
            let named = header.proxied_address().map(inet).or_else(|| unix(bytes));
            Ok(Some(Header { named, length }))
        }
        // What has no room for its addresses within its length gets none by what follows.
        Err(Error::BufferTooShort) if !is_whole => Ok(None),
        Err(_) => Err(BROKEN),
    }
}

/// The unix names in a header of version 2, which has them whole.
fn unix(bytes: &[u8]) -> Option<(Endpoint, Endpoint)> {
    let [PROXIED, UNIX_STREAM | UNIX_DGRAM] = bytes.get(SIGNATURE.len()..SIGNATURE.len() + 2)?
    else {
        return None;
    };
    let name = |at: usize| Some(Endpoint::of_unix_bytes(bytes.get(at..at + NAME)?));
    Some((name(PREFIX)?, name(PREFIX + NAME)?))
}

/// The header that names a client, and the address that it has connected to. Where they are not of one
/// family, or of one that the version does not know, it names nobody.
pub fn write(version: HeaderVersion, client: &Endpoint, server: &Endpoint) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = match (client.socket_address(), server.socket_address()) {
        (Some(source), Some(destination)) => {
            let (source, destination) = of_one_family(source, destination);
            let header = ProxyHeader::with_address(ProxiedAddress::stream(source, destination));
            match version {
                HeaderVersion::V1 => header.encode_v1(&mut bytes),
                HeaderVersion::V2 => header.encode_v2(&mut bytes),
            }
        }
        _ => Err(Error::AddressFamilyMismatch),
    };
    if written.is_ok() {
        return bytes;
    }
    bytes.clear();
    match (version, client.unix_bytes(), server.unix_bytes()) {
        (HeaderVersion::V1, ..) => bytes.extend_from_slice(b"PROXY UNKNOWN\r\n"),
        // haproxy 2.6 takes no unix names: none are sent where the client has none.
        (HeaderVersion::V2, Some(client @ [_, ..]), Some(server)) => {
            bytes.extend_from_slice(SIGNATURE);
            bytes.extend_from_slice(&[0x21, UNIX_STREAM, 0, 2 * NAME as u8]);
            for name in [client, server] {
                let end = bytes.len() + NAME;
                bytes.extend_from_slice(name.get(..NAME).unwrap_or(name));
                bytes.resize(end, 0);
            }
        }
        // LOCAL: haproxy 2.6 takes no PROXY without addresses (AF_UNSPEC).
        (HeaderVersion::V2, ..) => {
            bytes.extend_from_slice(SIGNATURE);
            bytes.extend_from_slice(&[0x20, 0, 0, 0]);
        }
    }
    bytes
}

/// An IPv4 address that IPv6 has mapped is one of IPv4 where both are; beside one of IPv6 it stays.
fn of_one_family(source: SocketAddr, destination: SocketAddr) -> (SocketAddr, SocketAddr) {
    let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    match (plain(source), plain(destination)) {
        (a, b) if a.is_ipv4() == b.is_ipv4() => (a, b),
        _ => (source, destination),
    }
}

/// This side names whom it speaks for (`--proxy-protocol`).
pub struct HeaderWriter {
    version: HeaderVersion,
    client: Option<Ends>,
}

impl HeaderWriter {
    /// Names a client and the address that it has connected to, or else the two ends of the connection
    /// itself.
    pub fn new(version: HeaderVersion, client: Option<Ends>) -> Self {
        Self { version, client }
    }
}

impl Dialogue for HeaderWriter {
    fn begin(&mut self, (peer, local): &Ends, out: &mut Vec<u8>) {
        out.extend(match &self.client {
            Some((client, server)) => write(self.version, client, server),
            None => write(self.version, local, peer),
        });
    }

    /// Nothing is answered.
    fn step(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<DialogueStep, HandshakeError> {
        Ok(DialogueStep::Done(0))
    }

    fn speaker(&self) -> Speaker {
        Speaker { kind: Kind::Reset, who: "the other side".to_owned(), what: "the header" }
    }
}

/// The other side names whom it speaks for (`--accept-proxy`).
#[derive(Default)]
pub struct HeaderReader {
    named: Option<Box<Ends>>,
}

impl Dialogue for HeaderReader {
    fn step(&mut self, received: &[u8], _: &mut Vec<u8>) -> Result<DialogueStep, HandshakeError> {
        match parse(received) {
            Ok(None) => Ok(DialogueStep::More),
            Ok(Some(header)) => {
                self.named = header.named.map(Box::new);
                Ok(DialogueStep::Done(header.length))
            }
            Err(text) => Err(HandshakeError::new(Kind::Proxy, text)),
        }
    }

    fn speaker(&self) -> Speaker {
        let what = "its header of the PROXY protocol";
        Speaker { kind: Kind::Proxy, who: "the client".to_owned(), what }
    }

    fn ends(&mut self, ends: Ends) -> Ends {
        self.named.take().map_or(ends, |named| *named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(bytes: &[u8]) -> Option<(String, String)> {
        let header = parse(bytes).unwrap().unwrap();
        assert_eq!(header.length, bytes.len());
        header.named.map(|(client, server)| (client.to_string(), server.to_string()))
    }

    fn inet(text: &str) -> Endpoint {
        text.parse::<SocketAddr>().unwrap().into()
    }

    #[test]
    fn what_is_written_is_read() {
        for (client, server, expected) in [
            ("192.0.2.1:7", "198.51.100.2:443", Some(("192.0.2.1:7", "198.51.100.2:443"))),
            ("[2001:db8::1]:7", "[::1]:443", Some(("[2001:db8::1]:7", "[::1]:443"))),
            ("[::ffff:192.0.2.1]:7", "[::ffff:10.0.0.1]:9", Some(("192.0.2.1:7", "10.0.0.1:9"))),
            ("192.0.2.1:7", "[::1]:443", None),
        ] {
            for version in [HeaderVersion::V1, HeaderVersion::V2] {
                let bytes = write(version, &inet(client), &inet(server));
                let expected = expected.map(|(a, b)| (a.to_owned(), b.to_owned()));
                assert_eq!(named(&bytes), expected, "{version} {client} {server}");
            }
        }
    }

    #[test]
    fn unix_names_are_those_of_version_2() {
        let [client, server] =
            ["/run/c", "/run/x"].map(|it| Endpoint::of_unix_bytes(it.as_bytes()));
        let bytes = write(HeaderVersion::V2, &client, &server);
        assert_eq!(named(&bytes), Some(("unix:/run/c".into(), "unix:/run/x".into())));
        let nameless = write(HeaderVersion::V2, &Endpoint::of_unix_bytes(b""), &server);
        assert_eq!(named(&nameless), None);
        assert_eq!(write(HeaderVersion::V1, &client, &server), b"PROXY UNKNOWN\r\n");
        let unnamed = write(HeaderVersion::V2, &client, &inet("192.0.2.1:7"));
        assert_eq!(named(&unnamed), None);
    }

    /// The examples of the document.
    #[test]
    fn headers_of_other_proxies_are_read() {
        let v1 = b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n";
        assert_eq!(named(v1).unwrap().0, "255.255.255.255:65535");
        let unknown: &[u8] = b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n";
        assert_eq!(named(unknown), None);
        let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0";
        assert_eq!(named(local), None);
        // With a field behind the addresses.
        let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11".to_vec();
        v2.extend_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2, 0, 7, 1, 187, 4, 0, 2, 0, 0]);
        assert_eq!(named(&v2).unwrap().0, "10.0.0.1:7");
    }

    /// Of LOCAL whatever follows is discarded, by its length, the family included (section 2.2).
    #[test]
    fn a_proxy_that_speaks_for_itself_names_nobody_whatever_follows() {
        for (family, block) in [(0x00, 300), (0x11, 0), (0x11, 3), (0x21, 12), (0x31, 7), (0x41, 5)]
        {
            let head = [SIGNATURE, &[LOCAL, family], &u16::to_be_bytes(block)].concat();
            let whole = [&head[..], &vec![7; block.into()]].concat();
            assert_eq!(named(&whole), None, "{family:#x} {block}");
            for end in 0..whole.len() {
                assert!(parse(&whole[..end]).unwrap().is_none(), "{family:#x} {block} {end}");
            }
        }
    }

    /// The addresses do not go on in what follows, and nobody waits for them.
    #[test]
    fn a_header_without_room_for_its_addresses_is_broken() {
        for (family, block) in
            [(0x11, 0), (0x11, 11), (0x21, 0), (0x21, 35), (0x31, 0), (0x31, 215)]
        {
            let head = [SIGNATURE, &[PROXIED, family], &u16::to_be_bytes(block)].concat();
            for behind in [0, 500] {
                let bytes = [&head[..], &vec![7; usize::from(block) + behind]].concat();
                assert!(parse(&bytes).is_err(), "{family:#x} {block} {behind}");
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused_as_soon_as_it_shows() {
        for bytes in [
            &b"GET / HTTP/1.0\r\n"[..],
            b"X",
            b"PRX",
            b"\r\n\r\nQ",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
            b"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rX",
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        ] {
            assert!(parse(bytes).is_err(), "{}", bytes.escape_ascii());
        }
        let endless = [&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat();
        assert!(parse(&endless).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_parts_are_not_whole(
            bytes in prop::collection::vec(any::<u8>(), ..300),
            cut in 0..28_usize,
        ) {
            let _ = parse(&bytes);
            let _ = parse(&[SIGNATURE, &bytes].concat());
            let whole = write(HeaderVersion::V2, &inet("10.0.0.1:1"), &inet("10.0.0.2:2"));
            prop_assert!(parse(&whole[..cut]).unwrap().is_none());
        }
    }
}
