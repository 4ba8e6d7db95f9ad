//! Headers of IP, TCP and UDP around a payload, with their checksums.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{IpNumber, Ipv4Header, Ipv6Header, TcpHeader, UdpHeader};

/// As systems send by default (RFC 1700).
const HOP_LIMIT: u8 = 64;

/// The headers of a TCP segment.
pub(super) fn tcp(
    mut header: TcpHeader,
    from: IpAddr,
    to: IpAddr,
    payload: &[u8],
) -> Option<Vec<u8>> {
    let length = header.header_len() + payload.len();
    let (mut packet, checksum) = match ends(from, to) {
        Ends::V4(from, to) => {
            let checksum = header.calc_checksum_ipv4_raw(from, to, payload).ok()?;
            (ipv4(from, to, IpNumber::TCP, length)?, checksum)
        }
        Ends::V6(from, to) => {
            let checksum = header.calc_checksum_ipv6_raw(from, to, payload).ok()?;
            (ipv6(from, to, IpNumber::TCP, length)?, checksum)
        }
    };
    header.checksum = checksum;
    packet.extend_from_slice(&header.to_bytes());
    Some(packet)
}

/// The headers of a UDP datagram.
pub(super) fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Option<Vec<u8>> {
    let length = UdpHeader::LEN + payload.len();
    let mut header = UdpHeader {
        source_port: from.port(),
        destination_port: to.port(),
        // A datagram of a unix socket may be longer than this field holds, and is left out.
        length: u16::try_from(length).ok()?,
        checksum: 0,
    };
    let (mut packet, checksum) = match ends(from.ip(), to.ip()) {
        Ends::V4(from, to) => {
            let checksum = header.calc_checksum_ipv4_raw(from, to, payload).ok()?;
            (ipv4(from, to, IpNumber::UDP, length)?, checksum)
        }
        Ends::V6(from, to) => {
            let checksum = header.calc_checksum_ipv6_raw(from, to, payload).ok()?;
            (ipv6(from, to, IpNumber::UDP, length)?, checksum)
        }
    };
    header.checksum = checksum;
    packet.extend_from_slice(&header.to_bytes());
    Some(packet)
}

/// Two addresses of one family.
enum Ends {
    V4([u8; 4], [u8; 4]),
    V6([u8; 16], [u8; 16]),
}

/// Both in one family: where they differ, an IPv4 address is written as IPv6 does it.
fn ends(from: IpAddr, to: IpAddr) -> Ends {
    let wide = |address: IpAddr| match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => Ends::V4(from.octets(), to.octets()),
        _ => Ends::V6(wide(from), wide(to)),
    }
}

fn ipv4(from: [u8; 4], to: [u8; 4], carries: IpNumber, length: usize) -> Option<Vec<u8>> {
    // The length of IPv4 counts its own header; `Ipv4Header::new` refuses what then exceeds it.
    let length = u16::try_from(length).ok()?;
    let mut header = Ipv4Header::new(length, HOP_LIMIT, carries, from, to).ok()?;
    header.header_checksum = header.calc_header_checksum();
    Some(header.to_bytes().to_vec())
}

fn ipv6(from: [u8; 16], to: [u8; 16], carries: IpNumber, length: usize) -> Option<Vec<u8>> {
    let header = Ipv6Header {
        payload_length: u16::try_from(length).ok()?,
        next_header: carries,
        hop_limit: HOP_LIMIT,
        source: from,
        destination: to,
        ..Ipv6Header::default()
    };
    Some(header.to_bytes().to_vec())
}

/// The unspecified address of the family of another.
pub(super) fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
