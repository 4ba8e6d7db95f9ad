//! Proxies that do as they are told. Names of `.test` are known to them, and to nobody else.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use socket2::SockRef;

use crate::support::net::listener;

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    Socks,
    /// With `joe` and `secret`.
    SocksLogin,
    Http,
    HttpLogin,
}

impl Speech {
    pub(super) const ALL: [Self; 4] = [Self::Socks, Self::SocksLogin, Self::Http, Self::HttpLogin];

    /// The value of `--via` for one at this address.
    pub(super) fn url(self, address: &str) -> String {
        match self {
            Self::Socks => format!("socks5://{address}"),
            Self::SocksLogin => format!("socks5://joe@{address}"),
            Self::Http => format!("http://{address}"),
            Self::HttpLogin => format!("http://joe@{address}"),
        }
    }
}

/// One that serves as long as the test runs.
pub(super) struct Proxy {
    pub(super) address: String,
    pub(super) url: String,
    asked: Receiver<String>,
}

impl Proxy {
    pub(super) fn start(speech: Speech) -> Self {
        Self::on(listener(), speech)
    }

    /// The same on this listener. Each name of `.test` is 127.0.0.1 to it.
    pub(super) fn on((listener, address): (TcpListener, String), speech: Speech) -> Self {
        // Unlike those of other tests it waits for ever: it ends with the process.
        SockRef::from(&listener).set_read_timeout(None).expect("no timeout");
        let (sender, asked) = channel();
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let sender = sender.clone();
                thread::spawn(move || {
                    let _ = serve(client, speech, &mut |name| drop(sender.send(name)));
                });
            }
        });
        Self { url: speech.url(&address), address, asked }
    }

    /// What it was asked for so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.try_iter().collect()
    }
}

fn serve(client: TcpStream, speech: Speech, note: &mut dyn FnMut(String)) -> io::Result<()> {
    let (target, good, bad) = match speech {
        Speech::Socks | Speech::SocksLogin => socks(&client, speech == Speech::SocksLogin)?,
        Speech::Http | Speech::HttpLogin => http(&client, speech == Speech::HttpLogin)?,
    };
    note(target.clone());
    let (name, port) = target.rsplit_once(':').unwrap_or((&target, ""));
    let target = if name.ends_with(".test") { format!("127.0.0.1:{port}") } else { target };
    match TcpStream::connect(target) {
        Ok(upstream) => {
            (&client).write_all(good)?;
            relay(&client, &upstream);
            Ok(())
        }
        Err(_) => (&client).write_all(bad),
    }
}

/// What a client asks for, and the answers to that.
type Asked = (String, &'static [u8], &'static [u8]);

fn read<const N: usize>(mut client: &TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).map(|()| bytes)
}

fn counted(client: &TcpStream) -> io::Result<String> {
    let [length] = read(client)?;
    let mut bytes = vec![0; length.into()];
    { client }.read_exact(&mut bytes)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn socks(mut client: &TcpStream, wants_login: bool) -> io::Result<Asked> {
    let [5, count] = read(client)? else { return Err(io::ErrorKind::InvalidData.into()) };
    let mut methods = vec![0; count.into()];
    client.read_exact(&mut methods)?;
    let method = if wants_login { 2 } else { 0 };
    assert!(methods.contains(&method), "{methods:?}");
    client.write_all(&[5, method])?;
    if wants_login {
        let [1] = read(client)? else { return Err(io::ErrorKind::InvalidData.into()) };
        let is_right = (counted(client)?, counted(client)?) == ("joe".into(), "secret".into());
        client.write_all(&[1, u8::from(!is_right)])?;
        if !is_right {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
    }
    let [5, 1, 0, kind] = read(client)? else { return Err(io::ErrorKind::InvalidData.into()) };
    let host = match kind {
        1 => std::net::Ipv4Addr::from(read::<4>(client)?).to_string(),
        4 => format!("[{}]", std::net::Ipv6Addr::from(read::<16>(client)?)),
        _ => counted(client)?,
    };
    let port = u16::from_be_bytes(read(client)?);
    let good = b"\x05\0\0\x01\0\0\0\0\0\0";
    Ok((format!("{host}:{port}"), good, b"\x05\x05\0\x01\0\0\0\0\0\0"))
}

fn http(mut client: &TcpStream, wants_login: bool) -> io::Result<Asked> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(read::<1>(client)?[0]);
    }
    let request = String::from_utf8(request).map_err(io::Error::other)?;
    // joe:secret
    if wants_login && !request.contains("\r\nProxy-Authorization: Basic am9lOnNlY3JldA==\r\n") {
        client.write_all(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")?;
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
    assert!(
        request.starts_with("CONNECT ") && request.contains(&format!("\r\nHost: {target}\r\n"))
    );
    Ok((target, b"HTTP/1.1 200 OK\r\nVia: test\r\n\r\n", b"HTTP/1.1 502 Nobody there\r\n\r\n"))
}

/// Passes both directions and their ends on.
fn relay(client: &TcpStream, upstream: &TcpStream) {
    thread::scope(|scope| {
        for (mut from, mut to) in [(client, upstream), (upstream, client)] {
            scope.spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
        }
    });
}
