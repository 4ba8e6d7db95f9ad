//! SPEC 3: `fd:` takes the listeners of systemd, as in the units of `wirecat-tcp-serve(1)`.

use std::io::Write;
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
    client.shutdown(std::net::Shutdown::Write).expect("open");
    assert_eq!(read_all(&client), b"answer");
    assert_eq!(upstream.join(), b"question");
    service.wait_for("listening tcp");
    service.signal(libc::SIGTERM);
    service.wait().code(0);
}
