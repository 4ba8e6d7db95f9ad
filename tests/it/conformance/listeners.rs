//! Ports: conformance 9.

use std::fs::read_to_string;
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::time::Instant;

use crate::support::proc::once_there;
use crate::support::{PATIENCE, Running, skip, wirecat};

fn has_ipv6(test: &str) -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        skip(test, "there is no IPv6 on this machine");
    }
    has
}

/// The ports of the two `listening` lines.
fn ports(server: &mut Running, hosts: [&str; 2]) -> [u16; 2] {
    hosts.map(|host| {
        let line = server.wait_for(&format!("listening tcp {host}:"));
        line.rsplit(':').next().expect("a port").parse().expect("a number")
    })
}

/// Conformance 9.
#[test]
fn a_free_port_is_one_for_both_families() {
    if !has_ipv6("a_free_port_is_one_for_both_families") {
        return;
    }
    for (address, hosts) in [(":0", ["0.0.0.0", "[::]"]), ("0", ["127.0.0.1", "[::1]"])] {
        let mut server = wirecat(["tcp-serve", "--conns", "2", address]).start();
        let [port, same] = ports(&mut server, hosts);
        assert_eq!(port, same, "{address}");
        for line in ["four\n", "six\n"] {
            let mut stream = match line {
                "four\n" => TcpStream::connect((Ipv4Addr::LOCALHOST, port)),
                _ => TcpStream::connect((Ipv6Addr::LOCALHOST, port)),
            }
            .expect("both families are served");
            stream.write_all(line.as_bytes()).expect("it is taken");
            drop(stream);
            server.wait_for_output(line);
        }
        server.wait().code(0);
    }
}

/// Conformance 9.
#[test]
fn the_port_file_is_whole_when_it_exists() {
    let directory = crate::support::tempdir().expect("a directory");
    for number in 0..20 {
        let path = directory.path().join(number.to_string());
        let arguments = ["tcp-serve", "127.0.0.1:0", "127.0.0.1:0", "--port-file"];
        let mut server = wirecat(arguments).with(|command| _ = command.arg(&path)).start();
        let text = once_there(&path);
        let ports: Vec<u16> = text.lines().map(|line| line.parse().expect("a port")).collect();
        assert!(text.ends_with('\n') && ports.len() == 2, "{text:?}");
        // Ready is ready: the connection is not refused.
        ports.iter().for_each(|port| {
            TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).expect("it listens");
        });
        assert_eq!(ports[0], server.port());
    }
    let files = directory.path().read_dir().expect("a directory").count();
    assert_eq!(files, 20, "nothing else is left behind");
}

/// Conformance 9.
#[test]
fn a_port_file_in_the_way_is_replaced_as_a_whole() {
    let directory = crate::support::tempdir().expect("a directory");
    let path = directory.path().join("ports");
    std::fs::write(&path, "old and much longer than any port\n").expect("a file");
    let arguments = ["tcp-serve", "127.0.0.1:0", "--port-file"];
    let mut server = wirecat(arguments).with(|command| _ = command.arg(&path)).start();
    let port = format!("{}\n", server.port());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = read_to_string(&path).expect("it is always there");
        if text == port {
            return;
        }
        assert_eq!(text, "old and much longer than any port\n");
        assert!(Instant::now() < deadline, "the file stays as it was");
    }
}

/// Conformance 9.
#[test]
fn a_second_listener_on_a_port_gets_5() {
    let ipv6 = has_ipv6("a_second_listener_on_a_port_gets_5");
    let mut server = wirecat(["tcp-serve", ":0"]).start();
    let port = server.port();
    let addresses = [format!(":{port}"), format!("127.0.0.1:{port}"), port.to_string()];
    for address in addresses.into_iter().chain(ipv6.then(|| format!("[::1]:{port}"))) {
        wirecat(["tcp-serve", &address]).run().code(5).says("address already in use");
    }
    assert!(server.is_running());
}
