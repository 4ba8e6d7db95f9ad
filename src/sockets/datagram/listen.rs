//! Datagram sockets that receive from anybody.

use std::net::SocketAddr;

use super::Opened;
use crate::error::Failure;
use crate::sockets::address::Address;
use crate::sockets::binding::open_all;
use crate::sockets::options::SocketOptions;

/// Opens every socket that an address means, all on one port, with warnings of what the kernel
/// changed. `found` are the addresses of an internet host.
///
/// Two receivers never share a UDP port without `-O reuseport`: without SO_REUSEADDR the
/// second is refused, with it one would take datagrams from the other (socket(7)).
///
/// # Errors
/// `Status::Listen`, or that of an option (`Usage`), or of an inherited descriptor (`Local`).
pub fn listen(
    address: &Address,
    found: &[SocketAddr],
    options: &SocketOptions,
) -> Result<(Vec<Opened>, Vec<String>), Failure> {
    options.check_datagrams()?;
    open_all(address, found, options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;
    use crate::kind::Kind;
    use crate::sockets::inherited::tests::inherit;
    use crate::sockets::resolve::{Family, local_addresses};
    use crate::sys::mmsg::ReceiveBatch;
    use std::net::UdpSocket;
    use std::os::unix::net::UnixDatagram;

    fn open_with(address: &str, option: &str) -> Result<(Vec<Opened>, Vec<String>), Failure> {
        let mut options = SocketOptions::default();
        if !option.is_empty() {
            options.set(option).unwrap();
        }
        let address = address.parse::<Address>()?;
        listen(&address, &local_addresses(&address, Family::Any)?, &options)
    }

    fn open(address: &str) -> Result<Vec<Opened>, Failure> {
        open_with(address, "").map(|(open, _)| open)
    }

    fn refusal(address: &str) -> String {
        let failure = open(address).unwrap_err();
        assert_eq!(failure.status, Status::Listen, "{failure}");
        failure.to_string()
    }

    #[test]
    fn loopback_and_any_have_one_port_in_both_families_which_is_theirs_alone() {
        for address in ["0", ":0", "localhost:0"] {
            let open = open(address).unwrap();
            let port = open[0].port.unwrap();
            for one in &open {
                assert_eq!((one.port, one.proto), (Some(port), "udp"));
                assert!(one.local.ends_with(&format!(":{port}")));
            }
            let refusal = refusal(&open[0].local);
            assert!(refusal.contains("address already in use (another program"), "{refusal}");
            assert!(refusal.contains("ss -lunp"), "{refusal}");
        }
    }

    #[test]
    fn a_port_is_shared_only_by_reuseport() {
        let (first, _) = open_with("127.0.0.1:0", "reuseport=on").unwrap();
        assert!(open_with(&first[0].local, "reuseport=on").is_ok());
        assert_eq!(open(&first[0].local).unwrap_err().kind, Kind::AddressInUse);
    }

    #[test]
    fn a_receiver_asks_for_a_large_buffer_and_for_the_facts() {
        let open = open("127.0.0.1:0").unwrap();
        let socket = socket2::SockRef::from(&open[0].socket);
        let plain = UdpSocket::bind("127.0.0.1:0").unwrap();
        let default = socket2::SockRef::from(&plain).recv_buffer_size().unwrap();
        assert!(socket.recv_buffer_size().unwrap() > default);
        let (asked, _) = open_with("127.0.0.1:0", "rcvbuf=64k").unwrap();
        let socket = socket2::SockRef::from(&asked[0].socket);
        assert!(socket.recv_buffer_size().unwrap() <= 128 << 10);
        open[0].ask_for_times();
        plain.send_to(b"x", &open[0].local).unwrap();
        let mut batch = ReceiveBatch::new();
        assert_eq!(batch.receive(&open[0].socket).unwrap(), 1);
        let arrival = batch.arrivals().next().unwrap();
        assert_eq!(arrival.from.to_string(), plain.local_addr().unwrap().to_string());
        if cfg!(target_os = "linux") {
            assert!(arrival.time.is_some());
        }
    }

    #[test]
    fn options_of_streams_are_refused() {
        let failure = open_with("127.0.0.1:0", "backlog=5").unwrap_err();
        assert_eq!(failure.status, Status::Usage);
        let failure = open_with("unix:/x", "dscp=ef").unwrap_err();
        assert!(failure.to_string().ends_with("a unix socket has no such option"), "{failure}");
    }

    #[test]
    fn a_dead_socket_file_is_replaced_and_a_live_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let address = format!("unix:{}", path.display());
        drop(UnixDatagram::bind(&path).unwrap());
        let live = open(&address).unwrap();
        assert_eq!(
            (live[0].local.as_str(), live[0].proto, live[0].port),
            (&*address, "unix", None)
        );
        UnixDatagram::unbound().unwrap().send_to(b"whole", &path).unwrap();
        let mut batch = ReceiveBatch::new();
        assert_eq!(batch.receive(&live[0].socket).unwrap(), 1);
        assert_eq!(batch.arrivals().next().unwrap().payload, b"whole");
        assert!(refusal(&address).ends_with("another program listens there"));
        drop(live);
        assert!(!path.exists());
    }

    #[test]
    fn an_inherited_socket_is_named_by_its_address() {
        let parent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let local = parent.local_addr().unwrap().to_string();
        let taken = open(&format!("fd:{}", inherit(parent))).unwrap();
        assert_eq!((taken[0].local.as_str(), taken[0].proto), (local.as_str(), "udp"));
        let stream = inherit(std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        assert!(open(&format!("fd:{stream}")).unwrap_err().to_string().contains("datagram socket"));
        assert_eq!(open("fd:").unwrap_err().kind, Kind::NoActivation);
    }
}
