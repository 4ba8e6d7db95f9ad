//! The forms of an address that are no host and port: socket files, abstract names, and sockets
//! that a parent has opened, for both commands.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use crate::support::net::{accept, connect, listener, read_all};
use crate::support::proc::unshared;
use crate::support::unix;
use crate::support::{Program, Running, program, wirecat, wirecat_path};

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// A wirecat that inherits a socket as fd 3, after which the null device is stdin.
fn with_fd_3(socket: impl Into<OwnedFd>, script: &str, args: &[&str]) -> Program {
    let mut shell = Command::new("sh");
    let script = format!("exec 3<&0 </dev/null; {script} exec \"$0\" \"$@\"");
    shell.args(["-c", &script, wirecat_path()]).args(args);
    program(shell).stdin(socket.into())
}

/// A client says hello to a server for one, and both end.
#[track_caller]
fn talk(mut server: Running, mut client: impl Read + Write) {
    client.write_all(b"hello").unwrap();
    server.wait_for_output("hello");
    drop(client);
    server.wait().code(0);
}

/// SPEC section 3: a socket file is there while wirecat listens, and unlinked on exit, however
/// that comes about.
#[test]
fn a_socket_file_is_removed_on_exit() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let mut server = wirecat(["tcp-serve", "-1", &unix(&path)]).start();
    assert_eq!(server.wait_for("listening"), format!("listening unix {}", unix(&path)));
    talk(server, unix::connect(&path));
    assert!(!path.exists());
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        let mut server = wirecat(["tcp-serve", &unix(&path)]).start();
        server.wait_for("listening");
        assert!(path.exists());
        server.signal(signal);
        server.wait();
        assert!(!path.exists(), "after signal {signal}");
    }
}

/// A file that a dead listener left behind is replaced; a live one is not.
#[test]
fn a_dead_socket_file_is_replaced_and_a_live_one_is_not() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    unshared(|| drop(UnixListener::bind(&path).unwrap()));
    assert!(path.exists());
    let mut server = wirecat(["tcp-serve", "-1", &unix(&path)]).start();
    server.wait_for("listening");
    let refused = wirecat(["tcp-serve", &unix(&path)]).run().code(5);
    refused.says("another program listens there");
    // Looking whether it is alive must not have taken the place of the only client.
    talk(server, unix::connect(&path));
    assert!(!path.exists());
}

/// A client of a socket file, relative to where it is.
#[test]
fn a_client_speaks_to_a_socket_file() {
    let directory = crate::support::tempdir().unwrap();
    let listener = UnixListener::bind(directory.path().join("s")).unwrap();
    let client = wirecat(["tcp-connect", "-v", "unix:s"]).input("question");
    let client = client.with(|command| {
        command.current_dir(directory.path());
    });
    let client = client.start();
    let mut peer = unix::accept(&listener);
    let mut question = String::new();
    peer.read_to_string(&mut question).unwrap();
    assert_eq!(question, "question");
    peer.write_all(b"answer").unwrap();
    drop(peer);
    let ended = client.wait().code(0).says("connected unix unix:");
    assert_eq!(ended.text(), "answer");
}

/// A name that lives in no file system, for both sides.
#[test]
fn an_abstract_name_serves_and_connects() {
    let name = format!("unix:@wirecat-test-{}", std::process::id());
    let mut server = wirecat(["tcp-serve", "-1", &name]).start();
    assert_eq!(server.wait_for("listening"), format!("listening unix {name}"));
    wirecat(["tcp-serve", &name]).run().code(5).says("another program listens there");
    wirecat(["tcp-connect", &name]).input("hello").run().code(0);
    assert_eq!(server.wait().code(0).text(), "hello");
    let names = fs::read("/proc/net/unix").unwrap();
    assert!(!String::from_utf8_lossy(&names).contains(&name[5..]));
}

/// `fd:3` of a server is a listener that the parent has opened, of either kind.
#[test]
fn an_inherited_listener_is_served() {
    let (listener, address) = listener();
    let mut server = with_fd_3(listener, "", &["tcp-serve", "-1", "fd:3"]).start();
    assert_eq!(server.address(), address);
    talk(server, connect(&address));
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let server = with_fd_3(listener, "", &["tcp-serve", "-1", "fd:3"]).start();
    talk(server, unix::connect(&path));
    assert!(path.exists(), "the file is the parent's to remove");
}

/// `fd:3` of a client is a connection.
#[test]
fn an_inherited_connection_is_used() {
    let (listener, address) = listener();
    let theirs = connect(&address);
    let mut ours = accept(&listener);
    let client = with_fd_3(theirs, "", &["tcp-connect", "-v", "fd:3"]).start();
    ours.write_all(b"hello").unwrap();
    assert_eq!(read_all(&ours), b"");
    drop(ours);
    let ended = client.wait().code(0).says("connected tcp 127.0.0.1:");
    assert_eq!(ended.text(), "hello");
    let (ours, theirs) = UnixStream::pair().unwrap();
    let client = with_fd_3(theirs, "", &["tcp-connect", "-v", "-n", "fd:3"]).start();
    (&ours).write_all(b"hello").unwrap();
    drop(ours);
    assert_eq!(client.wait().code(0).says("connected unix").text(), "hello");
}

/// What is inherited and is not what the command needs is 7, and says what it is.
#[test]
fn an_inherited_fd_of_the_wrong_kind_is_refused() {
    let socket = || TcpListener::bind("127.0.0.1:0").unwrap();
    let pair = || UnixStream::pair().unwrap().0;
    let file = || tempfile::tempfile().unwrap();
    let serve = ["tcp-serve", "fd:3"];
    let connect = ["tcp-connect", "fd:3"];
    with_fd_3(file(), "", &serve).run().code(7).says("fd 3: not a socket");
    with_fd_3(file(), "", &connect).run().code(7).says("fd 3: not a socket");
    with_fd_3(pair(), "", &serve).run().code(7).says("fd 3: not a listening socket");
    with_fd_3(socket(), "", &connect).run().code(7).says("not connected");
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    with_fd_3(datagrams, "", &connect).run().code(7).says("fd 3: not a stream socket");
}

/// SPEC section 3: `fd:` alone takes what socket activation passes on (sd_listen_fds(3)).
#[test]
fn activated_listeners_are_served() {
    let (listener, address) = listener();
    let activation = "export LISTEN_PID=$$ LISTEN_FDS=1;";
    let mut server = with_fd_3(listener, activation, &["tcp-serve", "-1", "fd:"]).start();
    assert_eq!(server.address(), address);
    talk(server, connect(&address));
    // Two of them: the second is a copy of the first, which is enough to be counted.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let two = "exec 4<&3; export LISTEN_PID=$$ LISTEN_FDS=2;";
    let (mut server, address) = with_fd_3(listener, two, &["tcp-serve", "-1", "fd:"]).serve();
    let mut client = connect(&address);
    client.write_all(b"hello").unwrap();
    server.wait_for_output("hello");
    drop(client);
    let ended = server.wait().code(0);
    assert_eq!(ended.stderr.matches("listening tcp").count(), 2, "{}", ended.stderr);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let foreign = "export LISTEN_PID=1 LISTEN_FDS=1;";
    let ended = with_fd_3(listener, foreign, &["tcp-serve", "fd:"]).run().code(7);
    ended.says("LISTEN_PID is 1, and this process is");
}

/// SPEC section 3: brackets fit every host, so that one `ProxyCommand` does.
#[test]
fn a_name_in_brackets_is_connected_to() {
    let (listener, address) = listener();
    let port = address.rsplit(':').next().unwrap();
    for host in ["localhost", "127.0.0.1"] {
        let client = wirecat(["tcp-connect", "-4", &format!("[{host}]:{port}")]);
        let client = client.input("hello").start();
        let peer = accept(&listener);
        assert_eq!(read_all(&peer), b"hello");
        drop(peer);
        client.wait().code(0);
    }
    let mut server = wirecat(["tcp-serve", "-1", "-4", "[localhost]:0"]).start();
    let talker = connect(&server.address());
    talk(server, talker);
}

/// SPEC section 5: `--bind unix:PATH` is the name that a server sees of its client, and is gone with
/// the connection; also where it is made again.
#[test]
fn a_client_has_the_socket_file_that_it_is_bound_to() {
    let directory = crate::support::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let listener = UnixListener::bind(at("server")).unwrap();
    let client = ["tcp-connect", "-v", "--reconnect", "--bind", &unix(&at("own"))];
    let mut client = wirecat(client.iter().chain(&[&*unix(&at("server"))])).piped().start();
    for _ in 0..3 {
        let peer = unix::accept(&listener);
        let name = peer.peer_addr().unwrap();
        assert_eq!(name.as_pathname(), Some(&*at("own")));
        drop(peer);
    }
    client.signal(libc::SIGTERM);
    client.wait_for("summary");
    assert_eq!(client.wait().signal, Some(libc::SIGTERM));
    assert!(!at("own").exists(), "unlinked on exit");
    for (bind, to) in [("unix:@x", "127.0.0.1:9"), ("127.0.0.1:0", "unix:@x"), ("unix:@x", "fd:3")]
    {
        let ended = wirecat(["tcp-connect", "--bind", bind, to]).run().code(2);
        ended.says("cannot use --bind: ");
    }
}

/// SPEC section 1: bytes are sacred: names of sockets and files and texts need not be UTF-8.
#[test]
fn what_is_no_utf_8_is_taken_as_it_is() {
    let directory = crate::support::tempdir().unwrap();
    let at = |name: &[u8]| directory.path().join(OsStr::from_bytes(name));
    let joined = |prefix: &str, path: &Path| {
        let mut word = OsString::from(prefix);
        word.push(path);
        word
    };
    fs::write(at(b"text\xfe"), b"from a file").unwrap();
    let (address, file) = (joined("unix:", &at(b"s\xff")), joined("@", &at(b"text\xfe")));
    let serve = [OsStr::new("tcp-serve"), "-1".as_ref(), "--greet".as_ref(), &file, &address];
    let mut server = wirecat(serve).start();
    server.wait_for("listening unix");
    assert!(at(b"s\xff").exists());
    let text = OsStr::from_bytes(b"\xfd\\n");
    let bind = joined("unix:", &at(b"own\xff"));
    let connect = [OsStr::new("tcp-connect"), "--bind".as_ref(), &bind, "--send".as_ref(), text];
    let ended = wirecat(connect.iter().chain(&[&*address])).run().code(0);
    assert_eq!(ended.text(), "from a file");
    assert_eq!(server.wait().code(0).stdout, b"\xfd\n");
    assert!(!at(b"s\xff").exists() && !at(b"own\xff").exists(), "unlinked on exit");
    let mut listener = wirecat([OsStr::new("udp-listen"), "-c1".as_ref(), &address]).start();
    listener.wait_for("listening unix");
    wirecat([OsStr::new("udp-send"), "--send".as_ref(), text, &address]).run().code(0);
    assert_eq!(listener.wait().code(0).stdout, b"\xfd\n");
    let bad = [OsStr::new("tcp-connect"), OsStr::from_bytes(b"h\xff:80")];
    wirecat(bad).run().code(2).says("is not UTF-8: only unix:PATH need not be");
}
