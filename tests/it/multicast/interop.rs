//! Groups with socat and iperf 2, both ways.

use std::process::Stdio;

use super::{events, joined, lan};
use crate::support::namespaces::{Host, has};
use crate::support::{program, skip};

/// socat on a machine, unidirectional.
fn socat(host: &Host, from: &str, to: &str) -> crate::support::Program {
    let mut command = host.command("socat");
    command.args(["-u", "-T", "20", from, to]);
    program(command)
}

/// Waits until this machine has joined a group that is written so in a file of /proc/net.
fn wait_until_joined(host: &Host, file: &str, entry: &str) {
    host.shell(&format!(
        "for i in $(seq 400); do
             grep -q {entry} /proc/net/{file} && exit 0; sleep 0.05; done; exit 1"
    ));
}

/// Both ways: socat hears what wirecat sends.
#[test]
fn socat_receives_a_group_on_ipv4_and_ipv6() {
    let test = "socat_receives_a_group_on_ipv4_and_ipv6";
    if !has("socat") {
        return skip(test, "no socat");
    }
    let Some(lan) = lan(test, 2) else { return };
    let v4 = format!("{:08X}", u32::from_ne_bytes([239, 77, 50, 1]));
    for (group, from, file, entry) in [
        (
            "239.77.50.1",
            "UDP4-RECV:5000,reuseaddr,ip-add-membership=239.77.50.1:eth0",
            "igmp",
            v4.as_str(),
        ),
        (
            "[ff15::77:50]",
            "UDP6-RECV:5000,reuseaddr,ipv6-join-group=[ff15::77:50]:eth0",
            "igmp6",
            "ff150000000000000000000000770050",
        ),
    ] {
        let mut peer = socat(&lan.hosts[1], from, "STDOUT").start();
        wait_until_joined(&lan.hosts[1], file, entry);
        let args = format!("mcast-send {group}:5000");
        lan.hosts[0].wirecat(&args).input("one\ntwo\n").run().code(0);
        peer.wait_for_output("one\ntwo\n");
    }
}

/// Both ways: wirecat hears what socat sends, and answers it.
#[test]
fn socat_sends_to_a_group() {
    let test = "socat_sends_to_a_group";
    if !has("socat") {
        return skip(test, "no socat");
    }
    let Some(lan) = lan(test, 2) else { return };
    for (group, to) in [
        ("239.77.50.2", "UDP4-DATAGRAM:239.77.50.2:5000,ip-multicast-if=10.77.0.1"),
        ("[ff15::77:50]", "UDP6-DATAGRAM:[ff15::77:50]:5000"),
    ] {
        let args = format!("mcast-join {group}:5000%eth0 --count 1");
        let mut member = lan.hosts[1].wirecat(&args).start();
        joined(&mut member);
        socat(&lan.hosts[0], "STDIN", to).input("from socat").run().code(0);
        assert_eq!(member.wait().code(0).text(), "from socat", "{group}");
    }
}

/// Both ways: iperf 2 counts from 1 and says goodbye with a negative number,
/// which is neither loss nor a new run.
#[test]
fn the_numbers_of_iperf_show_no_loss() {
    let test = "the_numbers_of_iperf_show_no_loss";
    if !has("iperf") {
        return skip(test, "no iperf");
    }
    let Some(lan) = lan(test, 2) else { return };
    let args = "mcast-join 239.77.50.3:5000 --seq u32@0 --stats --max-loss 0 --output json \
                --idle-timeout 3s";
    let mut member = lan.hosts[1].wirecat(args).start();
    joined(&mut member);
    let mut iperf = lan.hosts[0].command("iperf");
    let sending = "-c 239.77.50.3 -u -p 5000 -T 1 -l 200 -n 20000 -b 1m";
    iperf.args(sending.split(' ')).stdin(Stdio::null());
    program(iperf).run().code(0);
    let ended = member.wait().code(0);
    let stats = events(ended.text(), "stats").pop().expect("figures");
    let of = |name: &str| stats[name].as_u64().unwrap_or(u64::MAX);
    assert!(of("messages") > 100, "{stats}");
    let faults = ["lost", "duplicates", "reordered", "restarts"].map(of);
    assert_eq!(faults, [0; 4], "{stats}");
    assert!(of("expected") >= 100 && of("expected") < of("messages"), "{stats}");
}
