//! Three machines on one switch, and machines behind a router.

use std::process::Stdio;

use super::{joined, lan};
use crate::support::namespaces::{Host, has};
use crate::support::{Running, program, skip};

/// A group of each family, as it is written, with room for its port.
const GROUPS: [&str; 2] = ["239.77.20.1", "[ff15::77:1]"];

fn join(host: &Host, args: &str) -> Running {
    let mut running = host.wirecat(&format!("mcast-join {args}")).start();
    joined(&mut running);
    running
}

fn send(host: &Host, args: &str, stdin: &str) {
    host.wirecat(&format!("mcast-send {args}")).input(stdin).run().code(0);
}

/// SPEC 10.12: any source: both members hear the third machine; the interface is named.
#[test]
fn members_on_two_machines_receive_the_third() {
    let Some(lan) = lan("members_on_two_machines_receive_the_third", 3) else { return };
    for group in GROUPS {
        let members = [1, 2].map(|n| {
            let mut member =
                lan.hosts[n].wirecat(&format!("mcast-join {group}:5000 --count 2")).start();
            assert!(joined(&mut member).ends_with(&format!("{group}:5000 on eth0")), "{group}");
            member
        });
        send(&lan.hosts[0], &format!("{group}:5000"), "one\ntwo\n");
        for member in members {
            assert_eq!(member.wait().code(0).text(), "one\ntwo\n", "{group}");
        }
    }
}

/// SPEC 10.12: SSM on IPv4 and IPv6: the filter drops the other source.
#[test]
fn a_source_filter_drops_the_other_machine() {
    let Some(lan) = lan("a_source_filter_drops_the_other_machine", 3) else { return };
    for (source, group) in [("10.77.0.1", "232.77.0.1"), ("[fd77::1]", "[ff35::77:1]")] {
        let member = join(&lan.hosts[2], &format!("{source}@{group}:5000 --count 1"));
        send(&lan.hosts[1], &format!("{group}:5000"), "from the other");
        send(&lan.hosts[0], &format!("{group}:5000"), "from the source");
        assert_eq!(member.wait().code(0).text(), "from the source");
    }
}

/// SPEC 10.12: two groups on one port do not mix, over a network either.
#[test]
fn two_groups_on_one_port_do_not_mix() {
    let Some(lan) = lan("two_groups_on_one_port_do_not_mix", 2) else { return };
    for [first, second] in [["239.77.20.1", "239.77.20.2"], ["[ff15::77:1]", "[ff15::77:2]"]] {
        let members =
            [first, second].map(|group| join(&lan.hosts[1], &format!("{group}:5000 --count 2")));
        for word in ["a", "b"] {
            send(&lan.hosts[0], &format!("{first}:5000"), &format!("first {word}\n"));
            send(&lan.hosts[0], &format!("{second}:5000"), &format!("second {word}\n"));
        }
        let heard = members.map(|member| member.wait().code(0).text().to_owned());
        assert_eq!(heard, ["first a\nfirst b\n", "second a\nsecond b\n"]);
    }
}

/// SPEC 7: `--no-loop`: this machine does not hear it, the others do. The second datagram is the
/// proof that the first had its time.
#[test]
fn no_loop_is_received_by_others_only() {
    let Some(lan) = lan("no_loop_is_received_by_others_only", 2) else { return };
    for group in GROUPS {
        let here = join(&lan.hosts[0], &format!("{group}:5000 --count 1"));
        let there = join(&lan.hosts[1], &format!("{group}:5000 --count 2"));
        send(&lan.hosts[0], &format!("{group}:5000 --no-loop"), "not here\n");
        send(&lan.hosts[0], &format!("{group}:5000"), "for all\n");
        assert_eq!(here.wait().code(0).text(), "for all\n");
        assert_eq!(there.wait().code(0).text(), "not here\nfor all\n");
    }
}

/// SPEC 3: `%all` is every multicast interface that is up, each heard once.
#[test]
fn all_interfaces_are_joined_and_heard() {
    let Some(lan) = lan("all_interfaces_are_joined_and_heard", 2) else { return };
    let [sender, member] = [&lan.hosts[0], &lan.hosts[1]];
    lan.plug_in(sender, "eth1", 1);
    lan.plug_in(member, "eth1", 2);
    member.shell("ip link add down0 type veth peer name down1");
    for group in GROUPS {
        let mut running = member
            .wirecat(&format!("mcast-join {group}:5000%all --output json -v --count 2"))
            .start();
        running.wait_for("on eth0");
        running.wait_for("on eth1");
        for interface in ["eth0", "eth1"] {
            send(sender, &format!("{group}:5000%{interface}"), interface);
        }
        let ended = running.wait().code(0);
        let names = |event: &str| {
            let all = super::events(ended.text(), event);
            let mut names: Vec<_> =
                all.iter().map(|it| (it["iface"].to_string(), it["text"].to_string())).collect();
            names.sort_unstable();
            names
        };
        let pair = |iface: &str, text: &str| (format!("\"{iface}\""), text.to_owned());
        assert_eq!(names("joined"), [pair("eth0", "null"), pair("eth1", "null")]);
        assert_eq!(names("data"), [pair("eth0", "\"eth0\""), pair("eth1", "\"eth1\"")]);
    }
}

/// SPEC 5: joined and left at run time, as the kernel of that machine sees it.
#[test]
fn leaving_is_seen_in_proc_net_igmp_and_igmp6() {
    let Some(lan) = lan("leaving_is_seen_in_proc_net_igmp_and_igmp6", 1) else { return };
    let host = &lan.hosts[0];
    let cases = [
        ("239.77.20.1", "igmp", format!("{:08X}", u32::from_ne_bytes([239, 77, 20, 1]))),
        ("[ff15::77:1]", "igmp6", "ff150000000000000000000000770001".to_owned()),
    ];
    for (group, file, entry) in cases {
        let is_joined = || host.shell(&format!("cat /proc/net/{file}")).contains(&entry);
        assert!(!is_joined());
        let mut running =
            host.wirecat(&format!("mcast-join {group}:5000%eth0 --input commands")).piped().start();
        joined(&mut running);
        assert!(is_joined(), "{group}");
        running.say(format!("/leave {group}:5000%eth0\n"));
        running.wait_for(&format!("left {group}:5000 on eth0"));
        assert!(!is_joined(), "{group}");
        running.say("/quit\n");
        running.wait_open().code(0);
    }
}

/// SPEC 7: members on other machines answer by unicast, and `--reply` prints it.
#[test]
fn replies_come_back_over_the_network() {
    let Some(lan) = lan("replies_come_back_over_the_network", 3) else { return };
    for group in GROUPS {
        let members =
            [1, 2].map(|n| join(&lan.hosts[n], &format!("{group}:5000 --count 1 --reply {n}\\n")));
        let args = format!("mcast-send {group}:5000 --reply --count 2");
        let ended = lan.hosts[0].wirecat(&args).input("who?").run().code(0);
        let mut answers: Vec<_> = ended.text().lines().collect();
        answers.sort_unstable();
        assert_eq!(answers, ["1", "2"], "{group}");
        for member in members {
            member.wait().code(0);
        }
    }
}

/// SPEC 7: `--rejoin` leaves and joins, which the network hears: a new IGMPv3 report each time,
/// not only those of the first join. The kernel joins a leave and the join right behind it to one
/// report (Linux 6.18).
#[test]
fn rejoining_is_seen_by_the_network() {
    let test = "rejoining_is_seen_by_the_network";
    if !has("nft") {
        return skip(test, "no nft");
    }
    let Some(lan) = lan(test, 2) else { return };
    let host = &lan.hosts[0];
    let mut running = host
        .wirecat("mcast-join 239.77.20.1:5000%eth0 --rejoin 100ms --input commands")
        .piped()
        .start();
    joined(&mut running);
    // A record of type 4: from now on nobody is excluded, which is to join (RFC 3376 4.2.12).
    host.shell(
        "nft add table ip t
         nft add chain ip t out '{ type filter hook output priority 0; }'
         nft add rule ip t out ip protocol igmp @th,64,8 4 counter comment joined",
    );
    let script = "for i in $(seq 600); do
        n=$(nft list chain ip t out | grep -c 'packets [1-9][0-9]' || true)
        [ $n = 1 ] && exit 0; sleep 0.05; done; nft list chain ip t out >&2; exit 1";
    host.shell(script);
    send(&lan.hosts[1], "239.77.20.1:5000", "still here\n");
    running.wait_for_output("still here\n");
    running.say("/quit\n");
    running.wait_open().code(0);
}

/// SPEC 10.12: TTL as asked: 1 does not pass a router, 4 does, where it routes groups.
#[test]
fn a_router_stops_ttl_1_and_passes_ttl_4() {
    let test = "a_router_stops_ttl_1_and_passes_ttl_4";
    let Some(lan) = lan(test, 2) else { return };
    let (router, sender) = (&lan.hosts[0], &lan.hosts[1]);
    let Ok(far) = Host::new() else { return skip(test, "no namespace") };
    if !has("smcrouted") {
        return skip(test, "no smcrouted");
    }
    lan.connect(router, &far);
    for (family, source, group) in
        [("-4", "10.77.0.2", "239.77.30.1"), ("-6", "fd77::2", "ff1e::77:30")]
    {
        // A router of groups asks the kernel for this first; it may be built without.
        let files = if family == "-6" { "ip6_mr_vif" } else { "ip_mr_vif" };
        if router.shell(&format!("cat /proc/net/{files} 2>&1 || true")).contains("No such file") {
            skip(test, &format!("the kernel routes no groups: no /proc/net/{files}"));
            continue;
        }
        let _routing = route(router, family, source, group);
        let address = if family == "-6" { format!("[{group}]") } else { group.to_owned() };
        let member = join(&far, &format!("{address}:5000%eth0 --count 1"));
        for ttl in [1, 4] {
            send(sender, &format!("{address}:5000%eth0 --ttl {ttl}"), &format!("ttl {ttl}"));
        }
        assert_eq!(member.wait().code(0).text(), "ttl 4", "{group}");
    }
}

/// Has a router pass on what a source sends to a group, from `eth0` to `far0`.
fn route(router: &Host, family: &str, source: &str, group: &str) -> Running {
    let directory = crate::support::tempdir().expect("a directory");
    let config = directory.path().join("smcroute.conf");
    let rules = format!(
        "phyint eth0 enable ttl-threshold 1\nphyint far0 enable ttl-threshold 1\n\
         mgroup from eth0 group {group}\n\
         mroute from eth0 source {source} group {group} to far0\n"
    );
    std::fs::write(&config, rules).expect("a file");
    let mut command = router.command("smcrouted");
    command.arg("-n").arg("-f").arg(&config).arg("-P").arg(directory.path().join("pid"));
    command.arg("-u").arg(directory.path().join("socket")).stdin(Stdio::null());
    let routing = program(command).start();
    router.shell(&format!(
        "for i in $(seq 200); do
             ip {family} mroute show | grep -q {group} && exit 0; sleep 0.05; done; exit 1"
    ));
    routing
}
