//! What needs a network of its own: broadcast, and no network at all (SPEC sections 7 and 9). Each
//! test makes a network namespace, which goes with the shell in it.

use std::process::Command;

use crate::support::namespaces::{Host, Lan, has};
use crate::support::{Program, program, skip, wirecat_path};

/// A shell script in a new network namespace, in which it may mount files, with wirecat as `$W`; `None`,
/// said aloud, where this user may not make one.
fn isolated(test: &str, script: &str) -> Option<Program> {
    let probe = crate::support::proc::output(
        Command::new("unshare").args(["-n", "ip", "link", "set", "lo", "up"]),
    );
    if !probe.is_ok_and(|output| output.status.success()) {
        skip(test, "no network namespace can be made here");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["-n", "-m", "sh", "-ec", script]).env("W", wirecat_path());
    Some(program(command))
}

/// SPEC section 9: no route is exit 4, and the fix is named.
#[test]
fn an_unreachable_network_is_exit_4() {
    for address in ["10.1.2.3:5000", "[2001:db8::1]:5000"] {
        let script = format!("ip link set lo up; echo x | $W udp-send {address}");
        let Some(program) = isolated("unreachable", &script) else { return };
        program.run().code(4).says("network is unreachable").says("no route leads there");
    }
}

/// SPEC section 7: a broadcast address needs `--broadcast`, and with it every listener hears.
#[test]
fn a_broadcast_is_asked_for_and_heard() {
    const LINK: &str = "ip link set lo up; ip link add v0 type veth peer name v1; \
                        ip addr add 10.77.0.1/24 dev v0; ip link set v0 up; ip link set v1 up; ";
    let refused = format!("{LINK} echo x | $W udp-send 10.77.0.255:5000");
    let Some(program) = isolated("broadcast", &refused) else { return };
    program.run().code(4).says("permission denied").says("--broadcast");
    let heard = format!(
        "{LINK} $W udp-listen -c 1 --wait 20s :5000 & \
         until ss -lun | grep -q :5000; do sleep 0.05; done; \
         echo hello | $W udp-send --broadcast 10.77.0.255:5000; wait $!"
    );
    let Some(program) = isolated("broadcast", &heard) else { return };
    assert_eq!(program.run().code(0).text(), "hello\n");
}

/// SPEC section 7: what the members of a network answer to a broadcast is heard.
#[test]
fn answers_to_a_broadcast_are_received() {
    let lan = match Lan::new(3) {
        Ok(lan) => lan,
        Err(why) => return skip("answers_to_a_broadcast_are_received", &why),
    };
    let members = [1, 2].map(|at| {
        let mut member = lan.hosts[at].wirecat("udp-listen -n --reply me -c 1 :5000").start();
        member.wait_for("listening");
        member
    });
    let ask = "udp-send --broadcast --reply=20s -c 2 --output json 10.77.0.255:5000";
    let ended = lan.hosts[0].wirecat(ask).input("who").run().code(0);
    let data = ended.events().into_iter().filter(|event| event["event"] == "data");
    let mut peers: Vec<_> = data.map(|event| event["peer"].as_str().unwrap().to_owned()).collect();
    peers.sort();
    assert_eq!(peers, ["10.77.0.2:5000", "10.77.0.3:5000"]);
    members.into_iter().for_each(|member| _ = member.wait().code(0));
}

/// SPEC section 5: a listener sends to a broadcast address where `--broadcast` says so, from stdin and
/// by command; without it the fix is named.
#[test]
fn a_listener_sends_to_a_broadcast_address() {
    const LINK: &str = "ip link set lo up; ip link add v0 type veth peer name v1; \
                        ip addr add 10.77.0.1/24 dev v0; ip link set v0 up; ip link set v1 up; ";
    let refused =
        format!("{LINK} echo x | $W udp-listen -w 30s -c 1 --to 10.77.0.255:5000 10.77.0.1:5001");
    let Some(program) = isolated("broadcast", &refused) else { return };
    let mut running = program.start();
    running.wait_for("a broadcast address needs --broadcast");
    for speaker in [
        "echo hello | $W udp-listen --broadcast --to 10.77.0.255:5000",
        "echo /to 10.77.0.255:5000 hello | $W udp-listen --broadcast --input commands",
        "echo '{\"b64\":\"aGVsbG8K\",\"to\":\"10.77.0.255:5000\"}' | $W udp-listen --broadcast --input json",
        "echo '{\"b64\":\"aGVsbG8K\",\"to\":\"10.77.0.255:5000\"}' | $W udp-listen --broadcast --reply x --input json",
        "echo '{\"b64\":\"aGVsbG8K\",\"to\":\"10.77.0.255:5000\"}' | $W udp-send --broadcast --input json",
        "echo hello | $W udp-send --broadcast --input commands 10.77.0.255:5000 --bind",
    ] {
        let heard = format!(
            "{LINK} $W udp-listen -c 1 --wait 20s :5000 & heard=$!; \
             until ss -lun | grep -q :5000; do sleep 0.05; done; \
             {speaker} 10.77.0.1:5001 & speaker=$!; wait $heard; kill $speaker || true; wait $speaker"
        );
        let Some(program) = isolated("broadcast", &heard) else { return };
        assert_eq!(program.run().code(0).text(), "hello\n");
    }
}

/// Of the addresses of a name, a listener sends to one that it has a socket for.
#[test]
fn a_listener_sends_to_the_address_of_a_name_that_it_can_send_to() {
    let directory = crate::support::tempdir().expect("a directory");
    let hosts = directory.path().join("hosts");
    std::fs::write(&hosts, "::1 both.test\n127.0.0.1 both.test\n").expect("a file");
    let hosts = hosts.display();
    for own in ["127.0.0.1", "[::1]"] {
        let script = format!(
            "ip link set lo up; mount --bind {hosts} /etc/hosts; \
             $W udp-listen -c 1 --wait 20s {own}:5000 & heard=$!; \
             until ss -lun | grep -q :5000; do sleep 0.05; done; \
             echo hello | $W udp-listen --to both.test:5000 {own}:5001 & speaker=$!; \
             wait $heard; kill $speaker || true; wait $speaker"
        );
        let Some(program) = isolated("both", &script) else { return };
        assert_eq!(program.run().code(0).text(), "hello\n", "{own}");
    }
}

/// SPEC section 5: `-O mark` is on every packet, as a firewall sees it: of senders, of answers, and
/// of a group.
#[test]
fn a_mark_is_seen_by_the_firewall() {
    let test = "a_mark_is_seen_by_the_firewall";
    if !has("nft") {
        return skip(test, "no nft");
    }
    let host = match Host::new() {
        Ok(host) => host,
        Err(why) => return skip(test, &why),
    };
    host.shell(
        "nft add table ip t
         nft add chain ip t out '{ type filter hook output priority 0; }'
         nft add rule ip t out udp dport 5000 meta mark 0x2a counter
         nft add rule ip t out udp sport 5000 meta mark 0x2b counter
         nft add rule ip t out ip daddr 239.77.80.1 udp dport 5001 meta mark 0x2a counter
         nft add rule ip t out udp dport 5000-5001 meta mark 0 counter",
    );
    let listen = "udp-listen --count 3 --reply yes -O mark=0x2b 127.0.0.1:5000";
    let mut listener = host.wirecat(listen).start();
    listener.wait_for("listening");
    // Each is larger than the one before, else they would go as one packet, cut behind the firewall.
    let send = "udp-send --reply=20s --count 3 -O mark=0x2a 127.0.0.1:5000";
    host.wirecat(send).input("a\nbb\nccc\n").run().code(0);
    listener.wait().code(0);
    let send = "mcast-send -O mark=42 239.77.80.1:5001%lo";
    host.wirecat(send).input("a\nbb\n").run().code(0);
    let rules = host.shell("nft list chain ip t out");
    let counted: Vec<&str> =
        rules.split("counter packets ").skip(1).filter_map(|it| it.split(' ').next()).collect();
    assert_eq!(counted, ["3", "3", "2", "0"], "{rules}");
}
