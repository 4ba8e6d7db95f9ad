//! The examples in `tests/examples`, run against plain sockets, each other and wirecat.

use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use socket2::SockRef;

use super::multicast::Port;
use super::support::net::{connect, read_all, read_exactly, reset};
use super::support::{Program, Running, program};

/// The folder of the examples, which are up to date: `cargo test --test it` alone does not build
/// them.
static EXAMPLES: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().expect("a test program");
    let profile = test.ancestors().nth(2).expect("the folder of a profile");
    let target = profile.parent().expect("the target folder");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--quiet", "--offline", "--examples", "--profile", "test"]);
    cargo.arg("--manifest-path").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let built = cargo.arg("--target-dir").arg(target).status().expect("cargo runs");
    assert!(built.success(), "the examples are not built: {built}");
    profile.join("examples")
});

/// An example, whose stdout is where tests look for lines.
fn example(name: &str, args: &[&str]) -> Program {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$@\" >&2", "sh"]).arg(EXAMPLES.join(name)).args(args);
    program(command)
}

/// An example that has started, and the end of its line with these words.
fn started(name: &str, args: &[&str], words: &str) -> (Running, String) {
    let mut running = example(name, args).start();
    let address = last_word(&mut running, words);
    (running, address)
}

fn last_word(running: &mut Running, words: &str) -> String {
    running.wait_for(words).rsplit(' ').next().expect("a word").to_owned()
}

#[test]
fn the_echo_server_sends_back_everything_to_everybody() {
    let (mut server, address) = started("echo_server", &["127.0.0.1:0"], "listening on ");
    let mut clients = [connect(&address), connect(&address)];
    for client in &mut clients {
        client.write_all(b"to and fro").unwrap();
        assert_eq!(read_exactly(client, 10), b"to and fro");
    }
    let [left, cut] = clients;
    left.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&left), b"");
    server.wait_for("closed: peer closed");
    reset(cut);
    server.wait_for("closed: reset by the peer");
    // More than any buffer holds: the server holds back who does not read.
    let payload = super::support::data::noise(32 << 20);
    let client = connect(&address);
    let mut writing = client.try_clone().unwrap();
    let expected = payload.clone();
    let writer = std::thread::spawn(move || {
        writing.write_all(&payload).unwrap();
        writing.shutdown(Shutdown::Write).unwrap();
    });
    assert!(read_all(&client) == expected);
    writer.join().unwrap();
}

#[test]
fn datagrams_go_from_one_example_to_the_other() {
    let (mut receiver, address) = started("udp_receiver", &["127.0.0.1:0"], "local address ");
    let _sender = example("udp_sender", &[&address]).start();
    receiver.wait_for(": START");
    receiver.wait_for(": NEXT");
}

/// Sends to a group on lo.
fn send_to_group(payload: &[u8], group: &str) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    SockRef::from(&socket).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    socket.send_to(payload, group).unwrap();
}

#[test]
fn the_multicast_receiver_shows_each_group() {
    let port = Port::new();
    let groups = ["239.255.8.1", "239.255.8.2"].map(|group| format!("{group}:{}", port.number));
    let on_lo = groups.clone().map(|group| format!("{group}%lo"));
    let mut receiver = example("multicast_receiver", &[&on_lo[0], &on_lo[1]]).start();
    for group in &on_lo {
        receiver.wait_for(&format!("joined {group}"));
    }
    send_to_group(b"to the first", &groups[0]);
    send_to_group(b"to the second", &groups[1]);
    receiver.wait_for(&format!("to {}: to the first", on_lo[0]));
    receiver.wait_for(&format!("to {}: to the second", on_lo[1]));
}
