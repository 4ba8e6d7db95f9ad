//! Tests over loopback: every boundary and every byte, whichever path was taken.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::{FastPaths, MAX_PAYLOAD, Outgoing, ReceiveBatch, SenderAddress, send};
use crate::sys::socket::{Report, report};

fn bound(ip: impl Into<IpAddr>) -> UdpSocket {
    let socket = UdpSocket::bind((ip.into(), 0)).unwrap();
    // Room for what a test sends before anybody reads.
    socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20).unwrap();
    socket
}

/// Both loopback addresses, or the one of a machine without IPv6.
fn loopback() -> Vec<IpAddr> {
    let mut ips = vec![Ipv4Addr::LOCALHOST.into()];
    match UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) {
        Ok(_) => ips.push(Ipv6Addr::LOCALHOST.into()),
        Err(error) => eprintln!("skipped for IPv6: {error}"),
    }
    ips
}

/// Datagrams of these sizes, each with bytes of its own.
fn payloads(sizes: &[usize]) -> Vec<Vec<u8>> {
    let byte = |number: usize, at: usize| u8::try_from((number * 31 + at * 7) % 251).unwrap();
    let payload = |(number, size): (usize, &usize)| (0..*size).map(|at| byte(number, at)).collect();
    sizes.iter().enumerate().map(payload).collect()
}

/// Sends all of them, waiting for nothing, and returns what arrives.
fn exchange(
    from: &UdpSocket,
    to: Option<SocketAddr>,
    receiver: &UdpSocket,
    payloads: &[Vec<u8>],
    paths: &mut FastPaths,
) -> Vec<Vec<u8>> {
    let datagrams: Vec<_> = payloads.iter().map(|payload| Outgoing { payload, to }).collect();
    let mut batch = ReceiveBatch::new();
    let (mut sent, mut arrived) = (0, Vec::new());
    while arrived.len() < payloads.len() {
        // In small steps: the largest datagrams fill any buffer.
        let rest = &datagrams[sent..datagrams.len().min(sent + 40)];
        sent += send(from, rest, paths).unwrap();
        while let Ok(count) = batch.receive(receiver) {
            let arrivals: Vec<_> = batch.arrivals().collect();
            assert_eq!(arrivals.len(), count);
            assert!(arrivals.iter().all(|arrival| !arrival.truncated));
            let local = SenderAddress::Inet(from.local_addr().unwrap());
            assert!(arrivals.iter().all(|arrival| *arrival.from == local));
            arrived.extend(arrivals.iter().map(|arrival| arrival.payload.to_vec()));
        }
    }
    assert_eq!(sent, payloads.len());
    arrived
}

fn sizes() -> Vec<usize> {
    let mut sizes = vec![1200; 150];
    sizes.extend([0, 1, 65_507, 0, 0, 1200, 1200, 7, 1200, 65_507, 65_507, 1]);
    sizes.extend([1; 200]);
    sizes.extend((0..100).map(|number| number * 13 % 40));
    sizes.extend([30_000, 30_000, 30_000, 5_000, 30_000]);
    sizes
}

#[test]
fn every_boundary_and_byte_is_kept_on_every_path() {
    let payloads = payloads(&sizes());
    let ways = [(false, false), (false, true), (true, false), (true, true)];
    for (ip, (coalesced, connected)) in
        loopback().into_iter().flat_map(|ip| ways.map(|it| (ip, it)))
    {
        let (receiver, sender) = (bound(ip), bound(ip));
        if coalesced && cfg!(target_os = "linux") {
            report(&receiver, Report::Coalesced).unwrap();
        }
        let address = receiver.local_addr().unwrap();
        if connected {
            sender.connect(address).unwrap();
        }
        let to = (!connected).then_some(address);
        let mut paths = FastPaths::new(&sender);
        let arrived = exchange(&sender, to, &receiver, &payloads, &mut paths);
        assert!(arrived == payloads, "{ip} {coalesced} {connected}");
        assert_eq!(paths.can_segment(), cfg!(target_os = "linux"));
    }
}

/// Without checksums the kernel refuses to segment (EINVAL), as it does for IPsec (EIO).
#[cfg(target_os = "linux")]
#[test]
fn a_refused_fast_path_is_given_up_and_loses_nothing() {
    let (receiver, sender) = (bound(Ipv4Addr::LOCALHOST), bound(Ipv4Addr::LOCALHOST));
    crate::sys::socket::set_no_checksum(&sender).unwrap();
    let mut paths = FastPaths::new(&sender);
    assert!(paths.can_segment());
    let payloads = payloads(&[1000; 70]);
    let to = Some(receiver.local_addr().unwrap());
    assert!(exchange(&sender, to, &receiver, &payloads, &mut paths) == payloads);
    assert!(!paths.can_segment());
}

#[test]
fn an_error_is_that_of_the_right_datagram() {
    let (receiver, sender) = (bound(Ipv4Addr::LOCALHOST), bound(Ipv4Addr::LOCALHOST));
    let to = Some(receiver.local_addr().unwrap());
    let large = vec![0; MAX_PAYLOAD + 1];
    let nowhere = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let payloads = [(&b"1"[..], to), (b"2", to), (&large, to), (b"3", nowhere), (b"4", to)];
    let datagrams = payloads.map(|(payload, to)| Outgoing { payload, to });
    let mut paths = FastPaths::new(&sender);
    let mut left = &datagrams[..];
    let mut outcomes = Vec::new();
    while !left.is_empty() {
        let outcome = send(&sender, left, &mut paths).map_err(|error| error.raw_os_error());
        left = &left[outcome.unwrap_or(1)..];
        outcomes.push(outcome);
    }
    let (too_large, invalid) = (Some(libc::EMSGSIZE), Some(libc::EINVAL));
    assert_eq!(outcomes, [Ok(2), Err(too_large), Err(invalid), Ok(1)]);
    let (mut batch, mut arrived) = (ReceiveBatch::new(), Vec::new());
    while batch.receive(&receiver).is_ok() {
        arrived.extend(batch.arrivals().map(|arrival| arrival.payload.to_vec()));
    }
    assert_eq!(arrived, [b"1", b"2", b"4"]);
    assert_eq!(paths.can_segment(), cfg!(target_os = "linux"));
}

#[test]
fn a_refused_port_is_an_error_of_the_connected_socket() {
    let closed = bound(Ipv4Addr::LOCALHOST).local_addr().unwrap();
    let sender = bound(Ipv4Addr::LOCALHOST);
    sender.connect(closed).unwrap();
    let datagrams = [&b"1"[..], b"22", b"333"].map(|payload| Outgoing { payload, to: None });
    let mut paths = FastPaths::new(&sender);
    // The refusal of the first comes before the second leaves.
    assert_eq!(send(&sender, &datagrams, &mut paths).unwrap(), 1);
    let error = send(&sender, &datagrams[1..], &mut paths).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(send(&sender, &datagrams[2..], &mut paths).unwrap(), 1);
    let error = ReceiveBatch::new().receive(&sender).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[cfg(target_os = "linux")]
#[test]
fn facts_come_with_the_datagram() {
    for ip in loopback() {
        let receiver = bound(ip);
        report(&receiver, Report::Time).unwrap();
        bound(ip).send_to(b"", receiver.local_addr().unwrap()).unwrap();
        let mut batch = ReceiveBatch::new();
        assert_eq!(batch.receive(&receiver).unwrap(), 1);
        let arrival = batch.arrivals().next().unwrap();
        let age = std::time::SystemTime::now().duration_since(arrival.time.unwrap()).unwrap();
        assert!(age.as_secs() < 5, "{age:?}");
        assert_eq!((arrival.dropped, arrival.payload.len()), (None, 0));
        assert_eq!(batch.receive(&receiver).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(batch.arrivals().count(), 0);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_full_buffer_drops_is_counted() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&receiver).set_recv_buffer_size(1).unwrap();
    report(&receiver, Report::Drops).unwrap();
    let sender = bound(Ipv4Addr::LOCALHOST);
    let to = receiver.local_addr().unwrap();
    for _ in 0..50 {
        sender.send_to(&[0; 500], to).unwrap();
    }
    let mut batch = ReceiveBatch::new();
    let arrived = batch.receive(&receiver).unwrap();
    let lost = u32::try_from(50 - arrived).unwrap();
    assert!(lost > 0);
    assert_eq!(crate::sys::socket::dropped(&receiver), Some(lost));
    sender.send_to(b"after", to).unwrap();
    assert_eq!(batch.receive(&receiver).unwrap(), 1);
    assert_eq!(batch.arrivals().next().unwrap().dropped, Some(lost));
}
