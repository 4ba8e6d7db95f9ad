//! Datagram sockets that hear anybody.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use socket2::{Domain, Type};

use super::{Opened, ask_for_drops, ask_for_runs};
use crate::error::{Failure, Status};
use crate::sockets::address::{Address, UnixName};
use crate::sockets::binding::{
    Place, inet_failure, new_inet_socket, new_socket, open_all, unix_failure,
};
use crate::sockets::inherited::{self, Role};
use crate::sockets::options::SocketOptions;
use crate::sockets::resolve::Family;
use crate::sockets::unix;

/// Bytes of receive buffer that are asked for where `-O rcvbuf` does not say: the default of
/// 208 KiB holds some 90 datagrams of 1200 bytes, less than a burst (socket(7), rmem_default).
const RECEIVE_BUFFER: usize = 4 << 20;

/// Opens every socket that an address means, all on one port, with warnings of what the kernel
/// changed.
///
/// Two receivers never share a UDP port unless `-O reuseport` says so: without SO_REUSEADDR the
/// second is refused, with it one would take datagrams from the other (socket(7)).
///
/// # Errors
/// `Status::Listen`, or that of resolving, of an option (`Usage`), or of an inherited descriptor
/// (`Local`).
pub fn listen(
    address: &Address,
    family: Family,
    options: &SocketOptions,
) -> Result<(Vec<Opened>, Vec<String>), Failure> {
    options.check_datagrams()?;
    let mut warnings = Vec::new();
    let open_one = |place: Place<'_>| match place {
        Place::Inet(address) => on_udp(address, options, &mut warnings),
        Place::Unix(name) => on_unix(name, options, &mut warnings),
        Place::Inherited(fd) => inherited_one(fd, options, &mut warnings),
    };
    let open = open_all(address, family, open_one, |it| it.port)?;
    // Both families say the same of a buffer.
    warnings.dedup();
    Ok((open, warnings))
}

fn on_udp(
    address: SocketAddr,
    options: &SocketOptions,
    warnings: &mut Vec<String>,
) -> Result<Opened, Failure> {
    let failed = |error: io::Error| inet_failure(address, "ss -lunp", &error);
    let socket = new_inet_socket(address, Type::DGRAM).map_err(failed)?;
    warnings.extend(options.apply(&socket, &address.to_string())?);
    if !options.has_receive_buffer() {
        widen_receive_buffer(&socket);
    }
    ask_for_drops(&socket);
    ask_for_runs(&socket);
    socket.bind(&address.into()).map_err(failed)?;
    Opened::from_socket(socket, None).map_err(failed)
}

/// Asks for more than the default, beyond the system's limit where the user may (CAP_NET_ADMIN).
/// Whatever the kernel gives is fine: nobody asked for a size.
fn widen_receive_buffer(socket: &socket2::Socket) {
    #[cfg(target_os = "linux")]
    if rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, RECEIVE_BUFFER).is_ok() {
        return;
    }
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
}

fn on_unix(
    name: &UnixName,
    options: &SocketOptions,
    warnings: &mut Vec<String>,
) -> Result<Opened, Failure> {
    let failed = |error: io::Error| unix_failure(name, &error);
    let socket = new_socket(Domain::UNIX, Type::DGRAM).map_err(failed)?;
    warnings.extend(options.apply(&socket, &name.to_string())?);
    let cleanup = unix::bind(&socket, name).map_err(failed)?;
    Opened::from_socket(socket, cleanup).map_err(failed)
}

fn inherited_one(
    fd: RawFd,
    options: &SocketOptions,
    warnings: &mut Vec<String>,
) -> Result<Opened, Failure> {
    let failed = |error: io::Error| Failure::io(Status::Local, "use", format!("fd:{fd}"), &error);
    let (socket, said) = inherited::take_with(fd, Role::Receiver, options)?;
    warnings.extend(said);
    ask_for_drops(&socket);
    Opened::from_socket(socket, None).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;
    use crate::sockets::inherited::tests::inherit;
    use crate::sys::mmsg::ReceiveBatch;
    use std::net::UdpSocket;
    use std::os::unix::net::UnixDatagram;

    fn open_with(address: &str, option: &str) -> Result<(Vec<Opened>, Vec<String>), Failure> {
        let mut options = SocketOptions::default();
        if !option.is_empty() {
            options.set(option).unwrap();
        }
        listen(&address.parse::<Address>()?, Family::Any, &options)
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
