//! The examples in `tests/examples`, run against plain sockets, each other and wirecat.

use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use socket2::SockRef;

use super::multicast::Port;
use super::support::net::{connect, peer, read_all, read_exactly, reset};
use super::support::{Program, Running, proc, program, skip, wirecat};

/// The folder of the examples, which are up to date: `cargo test --test it` alone does not build
/// them. Whoever may not write where they are takes them as they were built with this program;
/// `None` where they were not.
static EXAMPLES: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let test = std::env::current_exe().expect("a test program");
    let profile = test.ancestors().nth(2).expect("the folder of a profile");
    let target = profile.parent().expect("the target folder");
    let examples = profile.join("examples");
    if rustix::fs::access(profile, rustix::fs::Access::WRITE_OK).is_err() {
        return examples.join("echo_server").is_file().then_some(examples);
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--quiet", "--offline", "--examples", "--profile", "test"]);
    cargo.arg("--manifest-path").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    cargo.arg("--target-dir").arg(target);
    let built = proc::spawn_apart(&mut cargo).and_then(|mut cargo| cargo.wait());
    let built = built.expect("cargo runs");
    assert!(built.success(), "the examples are not built: {built}");
    Some(examples)
});

/// Whether there are examples to run.
fn are_built() -> bool {
    if EXAMPLES.is_none() {
        skip("examples", "they are not built, and this user may not build them there");
    }
    EXAMPLES.is_some()
}

/// An example, whose stdout is where tests look for lines.
fn example(name: &str, args: &[&str]) -> Program {
    let folder = EXAMPLES.as_ref().expect("the test has asked for them");
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$@\" >&2", "sh"]).arg(folder.join(name)).args(args);
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
fn the_readme_shows_the_echo_server() {
    let example = include_str!("../examples/echo_server.rs");
    let code = &example[example.find("use wirecat").expect("the code")..];
    assert!(include_str!("../../README.md").contains(code), "README.md has another echo_server.rs");
}

#[test]
fn the_echo_server_sends_back_everything_to_everybody() {
    if !are_built() {
        return;
    }
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
    if !are_built() {
        return;
    }
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
    if !are_built() {
        return;
    }
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

#[test]
fn the_line_client_asks_once_and_prints_each_line() {
    if !are_built() {
        return;
    }
    let server = peer(|mut stream| {
        let question = read_all(&stream);
        stream.write_all(b"one\r\ntwo\nth").unwrap();
        stream.write_all(b"ree").unwrap();
        question
    });
    let mut client = example("line_client", &[&server.address, "HELP", "me"]).start();
    for line in ["one", "two", "three", "closed: peer closed"] {
        client.wait_for(line);
    }
    client.wait().code(0);
    assert_eq!(server.join(), b"HELP me\n");
    let mut refused = example("line_client", &["127.0.0.1:1"]).start();
    refused.wait_for("cannot connect to 127.0.0.1:1: ");
    refused.wait().code(0);
}

#[test]
fn a_hundred_clients_meet_a_server_with_deadlines() {
    if !are_built() {
        return;
    }
    let (mut server, address) = started("tcp_server", &["127.0.0.1:0"], "listening on ");
    let mut clients = example("tcp_clients", &[&address, "600"]).start();
    clients.wait_for("client 100 created");
    server.wait_for("100) accepted 127.0.0.1:");
    server.wait_for("100) received 11 bytes: Hello World");
    // Nothing more comes within 2 s.
    server.wait_for("100) closed: timeout");
    clients.wait_for("100) closed: peer");
}

#[test]
fn a_hundred_clients_get_their_echo_and_stop() {
    if !are_built() {
        return;
    }
    let (_server, address) = started("echo_server", &["127.0.0.1:0"], "listening on ");
    let mut clients = example("tcp_clients", &[&address, "5"]).start();
    clients.wait_for("100) received 11 bytes: Hello World");
    clients.wait().code(0);
}

#[test]
fn the_multicast_shell_does_what_its_lines_say() {
    if !are_built() {
        return;
    }
    let port = Port::new();
    let group = format!("239.255.8.3:{}", port.number);
    let start = || example("multicast_shell", &[]).piped().start();
    let (mut receiver, mut sender) = (start(), start());
    receiver.say(format!("join {group}%lo\njoin {group}%lo\njoin 10.0.0.1:5\nnonsense\n"));
    receiver.wait_for(&format!("groups: {group}%lo"));
    receiver.wait_for("failed: cannot join 239.255.8.3 on lo: it is joined already");
    receiver.wait_for("failed: cannot use 10.0.0.1: ");
    receiver.wait_for("failed: join, drop, send or exit");
    send_to_group(b"from elsewhere", &group);
    receiver.wait_for(&format!("-> {group}: from elsewhere"));
    sender.say(format!("send {group} -x 00ff\nsend {group}\nsend 1.2.3.4 x\n"));
    sender.wait_for(&format!("sent 2 bytes to {group}"));
    sender.wait_for("failed: send GROUP:PORT TEXT");
    sender.wait_for("failed: ");
    receiver.say(format!("drop {group}%lo\ndrop {group}%lo\nexit\n"));
    receiver.wait_for("failed: cannot leave 239.255.8.3 on lo: it is not joined");
    receiver.wait_open().code(0);
    sender.wait().code(0);
}

#[test]
fn objects_are_echoed_to_an_example_and_to_wirecat() {
    if !are_built() {
        return;
    }
    let (mut server, address) = started("objects_server", &["127.0.0.1:0"], "listening on ");
    let mut client = example("objects_client", &[&address]).start();
    client.wait_for(r#"object received: {"echo test object":"#);
    client.wait().code(0);
    server.wait_for("client disconnected: ");
    let args = ["tcp-connect", "--frame", "obj", "--send", "[1,2.5,null]", "-c", "1", &address];
    let ended = wirecat(args).run().code(0);
    assert_eq!(String::from_utf8_lossy(&ended.stdout).trim(), "[1,2.5,null]");
    let mut stranger = connect(&address);
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(read_all(&stranger), b"");
    server.wait_for("client disconnected: bad frame");
}

#[test]
fn tinyproto_is_spoken_by_examples_and_by_wirecat() {
    if !are_built() {
        return;
    }
    let (server, address) = started("tinyproto_server", &["127.0.0.1:0"], "listening on ");
    let mut client = example("tinyproto_client", &[&address]).piped().start();
    client.say("hello\n");
    client.wait_for("Echo back: hello");
    client.say("QUIT\n");
    client.wait_open().code(0);
    let connect = ["tcp-connect", "--frame", "tinyproto", "--output", "line"];
    let args = [&connect[..], &["--send", "to and fro", "-c", "1", &address]].concat();
    assert_eq!(wirecat(args).run().code(0).stdout, b"Echo back: to and fro\n");
    let args = [&connect[..], &["--send", "SRVQUIT", &address]].concat();
    wirecat(args).run().code(0);
    server.wait().code(0);
}

#[test]
fn what_one_says_in_a_hub_reaches_the_others_in_its_order() {
    if !are_built() {
        return;
    }
    let (_server, address) = started("hub_threads", &["127.0.0.1:0"], "listening on ");
    let mut clients: Vec<_> = (0..6).map(|_| connect(&address)).collect();
    // A client is there once its own line has reached another.
    for at in 0..clients.len() {
        clients[at].write_all(format!("here is {at}\n").as_bytes()).unwrap();
        if at > 0 {
            assert_eq!(line(&mut clients[0]), format!("HERE IS {at}"));
        }
    }
    let talk: String = (0..500).map(|number| format!("word {number}\n")).collect();
    let talkers: Vec<_> = clients.drain(1..).collect();
    for mut talker in &talkers {
        talker.write_all(talk.as_bytes()).unwrap();
    }
    let mut seen = [0; 500];
    for _ in 0..5 * 500 {
        let line = line(&mut clients[0]);
        let number: usize = line.strip_prefix("WORD ").expect(&line).parse().expect(&line);
        // The first of each number comes behind the first of the one before.
        assert!(number == 0 || seen[number - 1] > seen[number], "{line}: {seen:?}");
        seen[number] += 1;
    }
    assert_eq!(seen, [5; 500]);
}

#[test]
fn four_threads_send_to_the_chosen_client() {
    if !are_built() {
        return;
    }
    let (mut server, address) = started("chosen_client", &["127.0.0.1:0"], "listening on ");
    let mut client = connect(&address);
    client.write_all(b"somebody\nchosen\n").unwrap();
    server.wait_for("message: somebody");
    let mut next = [0; 4];
    for _ in 0..4 * 1000 {
        let line = line(&mut client);
        let words: Vec<&str> = line.split(' ').collect();
        let ["worker", worker, "says", number] = words[..] else { panic!("{line:?}") };
        let worker: usize = worker.parse().expect(&line);
        assert_eq!(number.parse::<usize>().expect(&line), next[worker], "{line}");
        next[worker] += 1;
    }
    assert_eq!(next, [1000; 4]);
}

/// The next line, read byte by byte: nothing behind it is taken.
fn line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        line.extend(read_exactly(stream, 1));
    }
    line.pop();
    String::from_utf8(line).unwrap()
}
