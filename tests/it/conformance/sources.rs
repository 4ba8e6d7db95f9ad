//! A host with two addresses of each family: conformance 22.

use crate::support::namespaces::Lan;
use crate::support::skip;

/// The addresses of the server on the one link: its own, one more of each network, and one of a
/// network that only it and a route of the client know.
const ADDRESSES: [&str; 6] =
    ["10.77.0.1", "10.77.0.101", "10.99.0.1", "[fd77::1]", "[fd77::101]", "[fd99::1]"];

fn lan(test: &str) -> Option<(Lan, Vec<String>)> {
    let lan = Lan::new(2).map_err(|why| skip(test, &why)).ok()?;
    lan.hosts[0].shell(
        "ip addr add 10.77.0.101/24 dev eth0
         ip addr add 10.99.0.1/32 dev lo
         ip addr add fd77::101/64 dev eth0 nodad
         ip addr add fd99::1/128 dev lo nodad
         ip addr add fe80::77:1/64 dev eth0 nodad
         ip addr add fe80::77:2/64 dev eth0 nodad",
    );
    lan.hosts[1].shell(
        "ip route add 10.99.0.1 via 10.77.0.1
         ip route add fd99::1 via fd77::1",
    );
    let mut addresses = ADDRESSES.map(str::to_owned).to_vec();
    addresses.extend(["[fe80::77:1%eth0]", "[fe80::77:2%eth0]"].map(str::to_owned));
    Some((lan, addresses))
}

/// Conformance 22. The client is connected: it hears nothing from another address.
#[test]
fn datagrams_are_answered_from_the_address_that_was_asked() {
    let Some((lan, addresses)) = lan("datagrams_are_answered_from_the_address_that_was_asked")
    else {
        return;
    };
    let [server, client] = [&lan.hosts[0], &lan.hosts[1]];
    for command in ["udp-listen -n --reply ask", "echo --udp", "echo --udp --delay 5ms"] {
        let mut running = server.wirecat(&format!("{command} :0")).start();
        let port = running.udp_port();
        for address in &addresses {
            let ask = format!("udp-send --reply=20s -c 1 {address}:{port}");
            let ended = client.wirecat(&ask).input("ask").run().code(0);
            assert_eq!(ended.text(), "ask", "{command}: {address}");
        }
    }
}

/// The same for what stdin says to all of them.
#[test]
fn stdin_reaches_each_peer_from_the_address_that_it_asked() {
    let Some((lan, addresses)) = lan("stdin_reaches_each_peer_from_the_address_that_it_asked")
    else {
        return;
    };
    let [server, client] = [&lan.hosts[0], &lan.hosts[1]];
    let mut listener = server.wirecat("udp-listen --to all :0").piped().start();
    let port = listener.udp_port();
    let ask = |address| format!("udp-send --reply=20s -c 1 {address}:{port}");
    let asking: Vec<_> = addresses
        .iter()
        .map(|address| client.wirecat(&ask(address)).input("ask\n").start())
        .collect();
    listener.wait_for_output("ask\n".repeat(addresses.len()));
    listener.say("all\n");
    for (one, address) in asking.into_iter().zip(&addresses) {
        assert_eq!(one.wait().code(0).text(), "all\n", "{address}");
    }
}
