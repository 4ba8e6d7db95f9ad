//! Where connections come from and how their sockets are set: `-O`, `--bind`, `-4`, `-6`. The
//! options are read back from the very socket of the running wirecat.

use std::fs::read_dir;
use std::io::Write;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use socket2::Socket;

use crate::support::namespaces::{Host, has};
use crate::support::net::{accept, connect, listener};
use crate::support::proc::unshared;
use crate::support::{skip, wirecat};

/// The TCP sockets of a running process, shared with it (pidfd_getfd(2), Linux 5.6).
fn sockets_of(pid: u32) -> rustix::io::Result<Vec<Socket>> {
    let process = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let process = pidfd_open(process, PidfdFlags::empty())?;
    let mut sockets = Vec::new();
    for entry in read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
        let is_socket = std::fs::read_link(entry.path())
            .is_ok_and(|target| target.to_string_lossy().starts_with("socket:"));
        if is_socket {
            let number = entry.file_name().to_string_lossy().parse().unwrap();
            let fd: OwnedFd = pidfd_getfd(&process, number, PidfdGetfdFlags::empty())?;
            let socket = Socket::from(fd);
            if socket.local_addr().is_ok_and(|address| address.is_ipv4()) {
                sockets.push(socket);
            }
        }
    }
    Ok(sockets)
}

/// Whether a socket is as an option asked for.
type Check = fn(&Socket) -> bool;

/// Every key of `-O` that a socket keeps, and how it shows. Linux doubles the buffers (socket(7)).
const OPTIONS: [(&str, Check); 11] = [
    ("rcvbuf=40k", |it| it.recv_buffer_size().unwrap() == 2 * 40 * 1024),
    ("sndbuf=30k", |it| it.send_buffer_size().unwrap() == 2 * 30 * 1024),
    ("dscp=af21", |it| it.tos_v4().unwrap() == 18 << 2),
    ("keepalive=77", |it| it.tcp_keepalive_time().unwrap() == Duration::from_secs(77)),
    ("keepalive=on", |it| it.keepalive().unwrap()),
    ("keepalive=off", |it| !it.keepalive().unwrap()),
    ("nodelay=on", |it| it.tcp_nodelay().unwrap()),
    ("nodelay=off", |it| !it.tcp_nodelay().unwrap()),
    ("reuseport=on", |it| it.reuse_port().unwrap()),
    ("ttl=33", |it| it.ttl_v4().unwrap() == 33),
    ("user-timeout=1500ms", |it| {
        it.tcp_user_timeout().unwrap() == Some(Duration::from_millis(1500))
    }),
];

/// `-O user-timeout` says that time was what ran out, whether a read or a write met it.
#[test]
fn a_peer_that_acknowledges_nothing_is_timed_out() {
    let host = match Host::new() {
        Ok(host) if has("nft") => host,
        Ok(_) => return skip("user-timeout", "nft is not installed"),
        Err(why) => return skip("user-timeout", &why),
    };
    for (input, detail) in
        [(6, "connection timed out"), (30_000_000, "bytes of input were not sent")]
    {
        let (_server, address) = host.wirecat("tcp-serve --output none 127.0.0.1:0").serve();
        let args = format!("tcp-connect -v -O user-timeout=1s {address}");
        let mut client = host.wirecat(&args).piped().start();
        client.wait_for("connected");
        host.shell(
            "nft 'add table t; add chain t c { type filter hook output priority 0; };
                  add rule t c meta l4proto tcp drop'",
        );
        let mut stdin = client.stdin.take().expect("stdin is open");
        // It takes what fits, and breaks when the client ends.
        let feed = std::thread::spawn(move || {
            let _ = stdin.write_all(&vec![b'x'; input]);
            stdin
        });
        let ended = client.wait_open().code(6).says("connection timed out").says(detail);
        assert!(!ended.stderr.contains("broken pipe"), "{}", ended.stderr);
        assert!(ended.stderr.contains("(out of time)"), "{}", ended.stderr);
        drop(feed.join());
        host.shell("nft delete table t");
    }
}

/// SPEC section 5: each key is set on the client's socket.
#[test]
fn a_client_has_every_option_that_it_was_given() {
    for (option, check) in OPTIONS {
        let (listener, address) = listener();
        let mut client = wirecat(["tcp-connect", "-v", "-O", option, &address]).piped().start();
        client.wait_for("connected");
        let _peer = accept(&listener);
        match sockets_of(client.pid()) {
            Ok(sockets) => assert!(matches!(&sockets[..], [it] if check(it)), "{option}"),
            Err(error) => return skip("every socket option of a client", &error.to_string()),
        }
    }
}

/// The same of a server: its clients' sockets inherit what the listener has.
#[test]
fn a_server_and_its_clients_have_every_option_that_it_was_given() {
    for (option, check) in OPTIONS {
        let mut server = wirecat(["tcp-serve", "-v", "-O", option, "127.0.0.1:0"]).start();
        let _client = connect(&server.address());
        server.wait_for("accepted");
        let sockets = match sockets_of(server.pid()) {
            Ok(sockets) => sockets,
            Err(error) => return skip("every socket option of a server", &error.to_string()),
        };
        assert_eq!(sockets.len(), 2, "{option}");
        assert!(sockets.iter().all(check), "{option}");
    }
}

/// The maximum segment size is what the other side is told, too.
#[test]
fn mss_is_what_both_sides_keep_to() {
    let (listener, address) = listener();
    let mut client = wirecat(["tcp-connect", "-v", "-O", "mss=900", &address]).piped().start();
    client.wait_for("connected");
    let peer = Socket::from(accept(&listener));
    // TCP options such as time stamps take a part of it.
    assert!(peer.tcp_mss().unwrap() <= 900, "{:?}", peer.tcp_mss());
}

/// `mark` needs a privilege: with it the socket has the mark, without it the refusal says so.
#[test]
fn mark_is_set_or_refused_with_its_reason() {
    let (listener, address) = listener();
    let mut client = wirecat(["tcp-connect", "-v", "-O", "mark=0x2a", &address]).piped().start();
    if !rustix::process::geteuid().is_root() {
        client.wait().code(2).says("mark needs CAP_NET_ADMIN");
        return;
    }
    client.wait_for("connected");
    let _peer = accept(&listener);
    let Ok(sockets) = sockets_of(client.pid()) else {
        return skip("mark_is_set_or_refused_with_its_reason", "no pidfd_getfd");
    };
    assert!(sockets.iter().all(|it| it.mark().unwrap() == 42));
}

/// `backlog` is of the listener: 1024 by default, and said where the kernel cuts it.
#[test]
fn backlog_is_that_of_the_listener() {
    for (args, backlog) in [(&[][..], "1024"), (&["-O", "backlog=7"][..], "7")] {
        let mut server = wirecat([&["tcp-serve", "127.0.0.1:0"], args].concat()).start();
        let filter = format!("src 127.0.0.1:{}", server.port());
        let Ok(output) = crate::support::proc::output(Command::new("ss").args(["-ltnH", &filter]))
        else {
            return skip("backlog_is_that_of_the_listener", "no ss");
        };
        let output = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.split_whitespace().nth(2), Some(backlog), "{output}");
    }
    let mut server = wirecat(["tcp-serve", "-O", "backlog=2147483647", "127.0.0.1:0"]).start();
    server.wait_for("warning: backlog 2147483647 was cut to");
}

/// SPEC section 5: a value that the kernel clamps is said.
#[test]
fn a_clamped_buffer_is_said() {
    let (listener, address) = listener();
    let args = ["tcp-connect", "-O", "rcvbuf=2147483647", "-O", "sndbuf=1", &address];
    let mut client = wirecat(args).piped().start();
    client.wait_for("warning: rcvbuf 2147483647 was cut to");
    client.wait_for("warning: sndbuf 1 was raised to");
    drop(accept(&listener));
    client.wait().code(0);
}

/// SPEC section 5: `--bind` chooses the address, and the port where it names one.
#[test]
fn bind_is_where_a_client_comes_from() {
    let free = unshared(|| TcpListener::bind("127.5.5.8:0").unwrap().local_addr().unwrap());
    for bind in ["127.5.5.7", "127.5.5.7:0", &free.to_string()] {
        let (listener, address) = listener();
        let client = wirecat(["tcp-connect", "--bind", bind, &address]).start();
        let peer = listener.accept().unwrap().1;
        assert!(peer.to_string().starts_with(bind.trim_end_matches('0')), "{bind}: {peer}");
        client.wait().code(0);
    }
    // Of another family, of another machine, and in use.
    let (listener, address) = listener();
    let taken = listener.local_addr().unwrap().to_string();
    for (bind, code, words) in [
        ("[::1]:0", 4, "--bind gives no address of this family"),
        ("192.0.2.1", 5, "no interface has this address"),
        (&taken, 5, "port 0 picks a free one"),
    ] {
        wirecat(["tcp-connect", "--bind", bind, &address]).run().code(code).says(words);
    }
}

/// SPEC section 3: `-4` and `-6` choose among the addresses of a name, of a lone port too.
#[test]
fn a_family_is_kept_to() {
    if TcpListener::bind("[::1]:0").is_err() {
        return skip("a_family_is_kept_to", "no ::1 here");
    }
    for (family, other, here) in [("-4", "-6", "127.0.0.1"), ("-6", "-4", "::1")] {
        let mut server = wirecat(["tcp-serve", "-v", "-1", family, "0"]).start();
        let port = server.port();
        let there = if family == "-4" { "::1" } else { "127.0.0.1" };
        let address = |ip: &str| (ip.parse::<IpAddr>().unwrap(), port);
        assert!(TcpStream::connect(address(there)).is_err(), "{family} listens on {there}");
        for name in [port.to_string(), format!(":{port}"), format!("localhost:{port}")] {
            let refused = wirecat(["tcp-connect", other, &name]).run();
            // A machine may have only one address for localhost.
            assert!(matches!(refused.code, Some(3 | 4)), "{other} {name}: {}", refused.stderr);
        }
        wirecat(["tcp-connect", family, &format!(":{port}")]).input("hello").run().code(0);
        let ended = server.wait().code(0);
        assert_eq!(ended.text(), "hello");
        assert!(ended.stderr.contains(&format!("listening tcp {}", bracketed(here))));
    }
}

fn bracketed(ip: &str) -> String {
    if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() }
}

/// SPEC section 3: what a link-local address lacks is said, wherever it stands.
#[test]
fn a_link_local_address_without_its_interface_says_so() {
    for (line, code) in [
        ("udp-send [fe80::b]:9", 4),
        ("tcp-connect [fe80::b]:9", 4),
        ("tcp-serve [fe80::b]:0", 5),
        ("udp-listen [fe80::b]:0", 5),
        ("tcp-connect --bind fe80::b [::1]:9", 5),
        ("udp-send --bind fe80::b [::1]:9", 5),
    ] {
        let ended = wirecat(line.split_whitespace()).input("x").run().code(code);
        ended.says("a link-local address needs its interface: [ADDRESS%INTERFACE]:PORT");
    }
}
