//! Inherited sockets: `fd:N` on both sides (SPEC section 3).

use std::net::UdpSocket;
use std::os::fd::{AsRawFd, OwnedFd};

use crate::support::datagrams::{hear_all, socket};
use crate::support::{Program, program, wirecat_path};

/// wirecat with `inherited` as its descriptor 9, by way of a shell: an fd of this test process
/// would be open in every program that other tests start.
fn with_fd9(arguments: &str, inherited: impl Into<OwnedFd>) -> Program {
    let inherited = inherited.into();
    let mut command = std::process::Command::new("sh");
    let script = format!("exec 9<&0 </dev/null; exec {} {arguments}", wirecat_path());
    command.arg("-c").arg(script);
    program(command).stdin(inherited)
}

#[test]
fn an_inherited_socket_is_listened_on() {
    let bound = socket();
    let address = bound.local_addr().unwrap();
    assert!(bound.as_raw_fd() > 2);
    let mut listener = with_fd9("udp-listen -c 2 --reply r fd:9", bound).start();
    assert_eq!(listener.udp_port(), address.port());
    let peer = socket();
    peer.send_to(b"one", address).unwrap();
    hear_all(&peer, ["r"]);
    peer.send_to(b"", address).unwrap();
    assert_eq!(listener.wait().code(0).text(), "one");
}

#[test]
fn an_inherited_socket_is_sent_by() {
    let (peer, connected) = (socket(), UdpSocket::bind("127.0.0.1:0").unwrap());
    connected.connect(peer.local_addr().unwrap()).unwrap();
    let arguments = "udp-send fd:9 <<END\na\nb\nEND\n";
    with_fd9(arguments, connected).run().code(0);
    hear_all(&peer, ["a\n", "b\n"]);
}

#[test]
fn an_inherited_socket_that_does_not_fit_is_refused() {
    let stream = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    with_fd9("udp-listen fd:9", stream).run().code(7).says("datagram socket");
    with_fd9("udp-send fd:9", socket()).run().code(7).says("fd 9").says("not connected");
}
