use super::*;
use crate::sockets::address::UnixName;
use crate::sockets::inherited::tests::inherit;
use crate::sockets::refusing::RefusingPort;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use socket2::SockRef;

fn begin(target: &Target) -> Result<StreamSocket, Failure> {
    start(target, None, &SocketOptions::default()).map(|(stream, _)| stream)
}

fn refusal(target: &Target) -> String {
    let failure = begin(target).unwrap_err();
    assert_eq!(failure.status, Status::Connect, "{failure}");
    failure.to_string()
}

fn unix_target(path: &Path) -> Target {
    Target::Unix(UnixName::Path(path.to_owned()))
}

/// What becomes of a connection, once it is writable.
fn outcome(stream: &StreamSocket) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, poll};
    poll(&mut [PollFd::new(stream, PollFlags::OUT)], None)?;
    finished(stream).map(|addresses| addresses.is_some())
}

#[test]
fn a_tcp_connection_comes_up_and_has_names() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stream = begin(&Target::Tcp(address)).unwrap();
    assert!(outcome(&stream).unwrap());
    let (_, client) = listener.accept().unwrap();
    assert_eq!(stream.peer().to_string(), address.to_string());
    assert_eq!(stream.local().to_string(), client.to_string());
}

#[test]
fn a_refusal_is_known_at_the_first_readiness() {
    let nobody = RefusingPort::new();
    let error = match begin(&Target::Tcp(nobody.address())) {
        Ok(stream) => outcome(&stream).unwrap_err(),
        Err(failure) => panic!("{failure}"),
    };
    assert_eq!(
        failure("127.0.0.1:9", &error).to_string(),
        "cannot connect to 127.0.0.1:9: connection refused (nothing listens there)"
    );
}

#[test]
fn a_connection_that_meets_itself_is_refused() {
    // A listener that is gone leaves the port to others, of which none has this address of loopback.
    let free = TcpListener::bind("127.5.5.10:0").unwrap().local_addr().unwrap();
    let free = Target::Tcp(free);
    let options = SocketOptions::default();
    let (stream, _) = start(&free, Some(&free), &options).unwrap();
    assert_eq!(outcome(&stream).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn what_was_sent_before_an_early_reset_can_be_read() {
    for said in ["last words", ""] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = begin(&Target::Tcp(listener.local_addr().unwrap())).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        io::Write::write_all(&mut peer, said.as_bytes()).unwrap();
        SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        let reset = match (outcome(&stream), &stream) {
            (Ok(true), StreamSocket::Tcp(tcp)) => {
                let mut buffer = [0; 20];
                let count = io::Read::read(&mut &*tcp, &mut buffer).unwrap();
                assert_eq!(&buffer[..count], said.as_bytes());
                io::Read::read(&mut &*tcp, &mut buffer).unwrap_err()
            }
            (outcome, _) => outcome.unwrap_err(),
        };
        assert_eq!(failure("x", &reset).status, Status::Lost, "{said:?}: {reset}");
    }
}

#[test]
fn a_connection_comes_from_where_it_is_bound() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target::Tcp(listener.local_addr().unwrap());
    let bound = |from: &str| {
        let from = Target::Tcp(from.parse().unwrap());
        start(&target, Some(&from), &SocketOptions::default())
    };
    assert!(bound("127.0.0.2:0").unwrap().0.local().to_string().starts_with("127.0.0.2:"));
    let failure = bound("192.0.2.254:0").unwrap_err();
    assert_eq!(failure.status, Status::Listen);
    assert!(failure.to_string().starts_with("cannot bind to 192.0.2.254:0: "));
    assert!(bound("[::1]:0").unwrap_err().to_string().contains("of the same family"));
}

#[test]
fn a_unix_connection_has_the_name_of_its_listener() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let _listener = UnixListener::bind(&path).unwrap();
    let stream = begin(&unix_target(&path)).unwrap();
    assert!(finished(&stream).unwrap().is_some());
    assert_eq!(stream.peer().to_string(), format!("unix:{}", path.display()));
    assert_eq!(stream.local().to_string(), "unix");
}

#[test]
fn what_cannot_be_connected_to_is_distinguished() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let ending = |name: &str| refusal(&unix_target(&at(name)));
    drop(UnixListener::bind(at("dead")).unwrap());
    let _datagrams = UnixDatagram::bind(at("datagrams")).unwrap();
    std::fs::write(at("file"), "").unwrap();
    assert!(ending("none").ends_with("no such file or directory (nothing listens there)"));
    assert!(ending("dead").ends_with("refused (nothing listens there any more)"));
    assert!(ending("datagrams").ends_with("(it is a datagram socket: Pool::send_to reaches it)"));
    assert!(ending("file").ends_with(": it is a file, not a socket"));
    assert!(ending(".").ends_with(": it is a directory, and a socket is a file in one"));
}

#[test]
fn a_full_backlog_is_not_called_a_temporary_lack_of_resources() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    listener.listen(0).unwrap();
    let _first = begin(&unix_target(&path)).unwrap();
    assert!(refusal(&unix_target(&path)).contains("the listener's backlog is full"));
}

#[test]
fn an_inherited_connection_is_taken_over() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let stream = begin(&Target::Fd(inherit(ours))).unwrap();
    assert!(finished(&stream).unwrap().is_some());
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(io::Read::read(&mut &theirs, &mut [0]).unwrap(), 0);
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let failure = begin(&Target::Fd(inherit(datagrams))).unwrap_err();
    assert_eq!(failure.status, Status::Local);
}
