//! What goes through a proxy, by every command that connects.

use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use socket2::{Domain, Socket, Type};

use super::proxy::{Proxy, Speech};
use crate::support::data::{assert_same, noise};
use crate::support::net::bounded;
use crate::support::net::{RefusingPort, accept, connect, listener, peer, read_all};
use crate::support::proc::wait_until;
use crate::support::{Ended, Program, Running, skip, wirecat};

/// The same server by a name that only the proxies know.
fn by_name(address: &str) -> String {
    address.replace("127.0.0.1", "server.test")
}

fn event(ended: &Ended, name: &str) -> Value {
    ended.events().into_iter().find(|event| event["event"] == name).expect("the event")
}

fn with_password(program: Program) -> Program {
    program.env("WIRECAT_PROXY_PASSWORD", "secret")
}

/// Each kind of proxy, and a chain of all; the name is known to the last one alone.
#[test]
fn a_stream_passes_through_proxies_whole() {
    let bytes = noise(3 << 20);
    let proxies = Speech::ALL.map(Proxy::start);
    let mut routes: Vec<String> = proxies.iter().map(|proxy| proxy.url.clone()).collect();
    routes.push(routes.join(","));
    for via in routes {
        let answer = bytes.clone();
        let server = peer(move |stream| {
            let came = read_all(&stream);
            (&stream).write_all(&answer).unwrap();
            came
        });
        let words =
            ["tcp-connect", "--via", &via, "--log", "json", "-v", &by_name(&server.address)];
        let ended = with_password(wirecat(words)).input(bytes.clone()).run().code(0);
        assert_same(&ended.stdout, &bytes);
        assert_same(&server.join(), &bytes);
        assert!(
            !ended.stderr.contains("secret") && !ended.stderr.contains("joe"),
            "{}",
            ended.stderr
        );
    }
    let asked = proxies.each_ref().map(Proxy::asked);
    assert!(asked.iter().all(|asked| asked.len() == 2), "{asked:?}");
    for (at, next) in proxies.iter().skip(1).enumerate() {
        assert_eq!(asked[at][1], next.address, "each is asked for the next one");
    }
    assert!(asked[3][1].starts_with("server.test:"));
}

/// The peer is whom the user named, and the local address that of the socket.
#[test]
fn events_name_the_destination() {
    let proxy = Proxy::start(Speech::Socks);
    let server = peer(|stream| read_all(&stream));
    let name = by_name(&server.address);
    let words = ["tcp-connect", "--via", &proxy.url, "--output", "json", &name];
    let ended = wirecat(words).input("x").run().code(0);
    let connected = event(&ended, "connected");
    assert_eq!(connected["peer"], name);
    assert!(connected["local"].as_str().unwrap().starts_with("127.0.0.1:"), "{connected}");
    assert_eq!(server.join(), b"x");
}

/// A recording of text is one of the stream; a capture of the wire has all of it.
#[test]
fn a_recording_has_no_password() {
    let proxy = Proxy::start(Speech::HttpLogin);
    let directory = crate::support::tempdir().unwrap();
    for (name, has_all) in [("stream.ndjson", false), ("wire.pcapng", true)] {
        let file = directory.path().join(name);
        let server = peer(|stream| read_all(&stream));
        let target = by_name(&server.address);
        let words =
            ["tcp-connect", "--via", &proxy.url, "--record", file.to_str().unwrap(), &target];
        let _ = with_password(wirecat(words)).input("hello").run().code(0);
        assert_eq!(server.join(), b"hello");
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        assert!(text.contains("hello"), "{text}");
        assert_eq!(text.contains("Proxy-Authorization"), has_all, "{text}");
        assert!(has_all || text.contains(&target), "{text}");
    }
}

#[test]
fn ipv6_literals_are_asked_for_as_such() {
    let Ok(server) = TcpListener::bind("[::1]:0") else {
        return skip("ipv6_literals_are_asked_for_as_such", "there is no IPv6");
    };
    let address = server.local_addr().unwrap().to_string();
    for speech in [Speech::Socks, Speech::Http] {
        let proxy = Proxy::start(speech);
        let words = ["tcp-connect", "-z", "--via", &proxy.url, "--output", "json", &address];
        assert_eq!(event(&wirecat(words).run().code(0), "connected")["peer"], address);
        assert_eq!(proxy.asked(), [&*address]);
    }
}

/// What the server says at once comes right behind the reply of the proxy.
#[test]
fn bytes_behind_the_reply_belong_to_the_stream() {
    for (reply, speech) in [
        (&b"\x05\0\x05\0\0\x03\x03abc\0\0"[..], Speech::Socks),
        (b"HTTP/1.0 200 Fine\r\nContent-Length: 2\r\n\r\n", Speech::Http),
    ] {
        for length in [1, 470, 512, 100_000] {
            let hello = noise(length);
            let said = [reply, &hello].concat();
            let proxy = peer(move |mut stream| {
                stream.write_all(&said).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                read_all(&stream)
            });
            let words = ["tcp-connect", "--via", &speech.url(&proxy.address), "x.test:80"];
            let ended = wirecat(words).input("hello").run().code(0);
            assert_same(&ended.stdout, &hello);
            assert!(proxy.join().ends_with(b"hello"));
        }
    }
}

#[test]
fn every_command_that_connects_goes_through_it() {
    let proxy = Proxy::start(Speech::HttpLogin);
    let directory = crate::support::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "secret\n").unwrap();
    let file = file.to_str().unwrap();
    let via = ["--via", &proxy.url, "--via-password-file", file];

    // Through --forward, where two clients share the options.
    let server = peer(|stream| read_all(&stream));
    let name = by_name(&server.address);
    let words =
        ["tcp-serve", "-1", "--forward", &name].into_iter().chain(via).chain(["127.0.0.1:0"]);
    let mut front = wirecat(words).start();
    let client = connect(&front.address());
    (&client).write_all(b"forwarded").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"");
    assert_eq!(server.join(), b"forwarded");
    let _ = front.wait().code(0);
    assert_eq!(proxy.asked(), [name]);

    // A probe of several connections, none of which goes another route.
    let mut echo = wirecat(["echo", "--tcp", "127.0.0.1:0"]).start();
    let name = by_name(&echo.address());
    let probe = ["echo", "--ping", "--conns", "3", "-c", "3", "--interval", "0"];
    let _ = wirecat(probe.into_iter().chain(via).chain([&*name])).run().code(0);
    assert_eq!(proxy.asked(), [&*name; 3]);
    echo.signal(Signal::TERM.as_raw());

    // A chat.
    let mut host = wirecat(["chat", "--host", "--headless", "127.0.0.1:0"]).start();
    let name = by_name(&host.address());
    let words = ["chat", "--nick", "eve", "--send", "hello"].into_iter().chain(via).chain([&*name]);
    let _ = wirecat(words).run().code(0);
    assert_eq!(proxy.asked(), [name]);
    host.signal(Signal::TERM.as_raw());

    // What a command asks for.
    let server = peer(|stream| read_all(&stream));
    let name = by_name(&server.address);
    let words = ["tcp-connect", "--input", "json", "--output", "json"].into_iter().chain(via);
    let mut pool = wirecat(words).piped().start();
    pool.say(format!("{{\"connect\":\"{name}\"}}\n{{\"connect\":\"unix:/x\"}}\n"));
    assert_eq!(pool.wait_for_event("connected")["peer"], name);
    let error = pool.wait_for_event("error");
    assert!(error["message"].as_str().unwrap().contains("--via"), "{error}");
    let _ = pool.wait().code(0);
    assert_eq!(server.join(), b"");
}

/// `--wait`, `--reconnect` and the header of the PROXY protocol, which comes behind the proxy.
#[test]
fn other_options_of_connecting_work_through_it() {
    let proxy = Proxy::start(Speech::Socks);
    let nobody = RefusingPort::new();
    let name = by_name(&nobody.address);
    let words = ["tcp-connect", "-z", "-v", "--wait", "60s", "--via", &proxy.url, &name];
    let mut waiting = wirecat(words).start();
    waiting.wait_for("connection refused (5)");
    let server = nobody.listen();
    let _ = waiting.wait().code(0);
    drop(server);

    let (server, address) = listener();
    let name = by_name(&address);
    let words = ["tcp-connect", "--reconnect", "--via", &proxy.url, &name];
    let mut client = wirecat(words).piped().start();
    drop(accept(&server));
    let second = accept(&server);
    client.say("again");
    client.end_input();
    assert_eq!(read_all(&second), b"again");
    drop(second);
    let _ = client.wait().code(0);

    let server = peer(|stream| read_all(&stream));
    let name = by_name(&server.address);
    let words = ["tcp-connect", "--proxy-protocol", "v1", "--via", &proxy.url, &name];
    let _ = wirecat(words).input("x").run().code(0);
    // Nobody here knows what address the server is reached by.
    assert_eq!(server.join(), b"PROXY UNKNOWN\r\nx");
}

/// One of the two addresses of the proxy never answers.
#[test]
fn the_addresses_of_the_proxy_are_raced() {
    let Some((silent, proxy)) = twins() else {
        return skip("the_addresses_of_the_proxy_are_raced", "there is no IPv6, or no such port");
    };
    let server = peer(|stream| read_all(&stream));
    let port = proxy.address.rsplit_once(':').unwrap().1;
    // A port as such means ::1 and 127.0.0.1.
    let via = format!("socks5://{port}");
    let words = ["tcp-connect", "--connect-timeout", "60s", "--via", &via, &server.address];
    let _ = wirecat(words).input("x").run().code(0);
    assert_eq!(server.join(), b"x");
    assert_eq!(proxy.asked().len(), 1);
    drop(silent);
}

/// A listener on [::1] whose backlog is full, and a proxy on the same port of 127.0.0.1.
fn twins() -> Option<(Vec<Socket>, Proxy)> {
    for _ in 0..20 {
        let (plain, address) = listener();
        let port = plain.local_addr().unwrap().port();
        let silent = Socket::new(Domain::IPV6, Type::STREAM, None).ok()?;
        let there: std::net::SocketAddr = format!("[::1]:{port}").parse().unwrap();
        silent.set_only_v6(true).ok()?;
        if silent.bind(&there.into()).is_err() || silent.listen(0).is_err() {
            continue;
        }
        let mut sockets = vec![silent];
        // The kernel takes one more than the backlog, and answers no SYN from then on.
        for _ in 0..3 {
            let client = Socket::new(Domain::IPV6, Type::STREAM, None).ok()?;
            client.set_nonblocking(true).ok()?;
            let _ = client.connect(&there.into());
            sockets.push(client);
        }
        thread::sleep(Duration::from_millis(50));
        return Some((sockets, Proxy::on((plain, address), Speech::Socks)));
    }
    None
}

/// A proxy that takes its time is asked once, by one of its addresses.
#[test]
fn a_slow_proxy_is_not_asked_twice() {
    let (first, address) = listener();
    let port = first.local_addr().unwrap().port();
    let Ok(second) = TcpListener::bind(("::1", port)) else {
        return skip("a_slow_proxy_is_not_asked_twice", "there is no IPv6, or no such port");
    };
    second.set_nonblocking(true).unwrap();
    let serve = |stream: std::net::TcpStream| {
        thread::sleep(Duration::from_millis(700));
        (&stream).write_all(b"\x05\0\x05\0\0\x01\0\0\0\0\0\0").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream
    };
    first.set_nonblocking(true).unwrap();
    let via = format!("socks5://{port}");
    let start = |words: &str| {
        let words = format!("{words} --connect-timeout 60s --via {via}");
        wirecat(words.split(' ')).piped().start()
    };
    let once = |client: Running| {
        let mut served = Vec::new();
        wait_until("the proxy is asked", || {
            for listener in [&first, &second] {
                if let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(false).unwrap();
                    served.push(serve(bounded(stream)));
                }
            }
            !served.is_empty()
        });
        let _ = client.wait().code(0);
        let more = [&first, &second].map(|listener| listener.accept());
        assert!(more.iter().all(Result::is_err), "{address} was dialed once more");
    };
    once(start("tcp-connect -z x.test:1"));
    let mut front = start("tcp-serve -1 --forward x.test:1 127.0.0.1:0");
    let client = connect(&front.address());
    client.shutdown(Shutdown::Write).unwrap();
    once(front);
    let mut pool = start("tcp-connect --input json --output json");
    pool.say("{\"connect\":\"x.test:1\"}\n");
    once(pool);
}
