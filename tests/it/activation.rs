//! SPEC 3: `fd:` takes the listeners of systemd, as in the units of `wirecat-tcp-serve(1)`.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::fd::OwnedFd;
use std::process::Command;

use crate::support::net::{connect, peer, read_all};
use crate::support::peers::{Reserved, installed};
use crate::support::{program, skip, wirecat_path};

/// A line of the units, of the manual page without its escapes.
fn setting(key: &str) -> String {
    let page = include_str!("../../man/wirecat-tcp-serve.1").replace("\\-", "-");
    let value = page.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value.expect("a setting").to_owned()
}

/// systemd listens, the first client starts the forwarder, and the second one meets it.
#[test]
fn the_forwarder_of_the_manual_starts_with_its_first_client() {
    if !installed("systemd-socket-activate") {
        return skip("systemd units", "systemd-socket-activate is not installed");
    }
    assert_eq!(setting("Type"), "notify");
    let command = setting("ExecStart").replace("/usr/bin/wirecat", wirecat_path());
    let upstream = peer(|mut stream| {
        let question = read_all(&stream);
        stream.write_all(b"answer").expect("it is taken");
        question
    });
    let command = command.replace("10.0.0.5:80", &upstream.address);
    let port = Reserved::new().expect("a port");
    let address = setting("ListenStream").replace(":8080", &format!(":{}", port.port));
    let mut activate = Command::new("systemd-socket-activate");
    activate.args(["-l", &address]).args(command.split(' '));
    let mut service = program(activate).start();
    service.wait_for("Listening on");
    let mut client = connect(&address);
    client.write_all(b"question").expect("it is taken");
    client.shutdown(Shutdown::Write).expect("open");
    assert_eq!(read_all(&client), b"answer");
    assert_eq!(upstream.join(), b"question");
    service.wait_for("listening tcp");
    service.signal(libc::SIGTERM);
    service.wait().code(0);
}

/// accept(2) fails at each call from then on, which is reported once, and holds nothing else up.
#[test]
fn a_listener_that_its_parent_shuts_down_leaves_the_server_as_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let handed = OwnedFd::from(listener.try_clone().expect("a copy"));
    let mut shell = Command::new("/bin/sh");
    let line = "exec \"$0\" tcp-serve --exec cat --log json fd:3 3<&0 </dev/null";
    shell.args(["-c", line, wirecat_path()]);
    let mut server = program(shell).stdin(handed).start();
    server.wait_for("listening");
    let mut client = connect(&address);
    let mut echo = [0; 5];
    client.write_all(b"there").expect("it is taken");
    client.read_exact(&mut echo).expect("an answer");
    socket2::SockRef::from(&listener).shutdown(Shutdown::Read).expect("open");
    server.wait_for("cannot accept connections: invalid argument");
    client.write_all(b" and back").expect("it is taken");
    client.shutdown(Shutdown::Write).expect("open");
    assert_eq!((&echo, &*read_all(&client)), (b"there", &b" and back"[..]));
    server.signal(libc::SIGTERM);
    let ended = server.wait().code(0);
    assert_eq!(ended.stderr.matches("cannot accept").count(), 1);
}
