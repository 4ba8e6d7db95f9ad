//! Many who never come to an end of what is said first.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{ask, serve, stop};
use crate::support::net::{connect, listener_with_backlog, read_what_comes, until_reset};
use crate::support::proc::{may_open, peak_kib};
use crate::support::wirecat;

const COUNT: usize = 2000;
/// Most that so many may cost, in KiB.
const MOST: u64 = 40 * 1024;

/// They send nothing, or half of a header; good clients are served meanwhile.
#[test]
fn silent_clients_cost_little_and_go() {
    if !may_open(COUNT as u64) {
        return;
    }
    let (mut server, address) = serve("--reply hi -O backlog=4096");
    let good = ask(&address, b"PROXY UNKNOWN\r\n", 1000);
    assert_eq!(good, b"hi");
    let before = peak_kib(server.pid());
    let half = [&b"PROXY TCP4 192.0.2.1 "[..], &[b'1'; 60]].concat();
    let begun = Instant::now();
    let mut silent: Vec<TcpStream> = Vec::new();
    for at in 0..COUNT {
        let mut client = connect(&address);
        if at % 2 == 0 {
            client.write_all(&half[..21]).unwrap();
        }
        silent.push(client);
        if at % 500 == 499 {
            let asked = Instant::now();
            assert_eq!(ask(&address, b"PROXY UNKNOWN\r\n", 1000), b"hi");
            // 100 ms where nothing else runs.
            assert!(asked.elapsed() < Duration::from_secs(30), "{:?}", asked.elapsed());
        }
    }
    for client in &silent {
        assert_eq!(until_reset(client), b"");
    }
    assert!(begun.elapsed() >= Duration::from_secs(3));
    let cost = peak_kib(server.pid()).saturating_sub(before);
    assert!(cost < MOST, "{cost} KiB");
    let warnings = server.wait_for_events("warning", COUNT);
    assert!(warnings.iter().all(|warning| warning["kind"] == "proxy"));
    let _ = stop(server);
}

/// The same of connections to a proxy that does not answer, each for a client.
#[test]
fn silent_proxies_cost_little_and_go() {
    if !may_open(2 * COUNT as u64) {
        return;
    }
    let (proxy, address) = listener_with_backlog(4096);
    let words = format!(
        "tcp-serve --forward x.test:80 --via socks5://{address} --connect-timeout 3s \
         -O backlog=4096 127.0.0.1:0"
    );
    let (server, here) = wirecat(words.split_whitespace()).serve();
    let before = peak_kib(server.pid());
    let clients: Vec<TcpStream> = (0..COUNT).map(|_| connect(&here)).collect();
    for client in &clients {
        assert_eq!(read_what_comes(client), b"");
    }
    let cost = peak_kib(server.pid()).saturating_sub(before);
    assert!(cost < MOST, "{cost} KiB");
    drop(proxy);
}
