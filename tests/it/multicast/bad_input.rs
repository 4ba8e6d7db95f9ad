//! Bad input to the groups: a clear error that names the fix, and the run goes on
//! where it can.

use super::{host, joined};
use crate::support::wirecat;

/// SPEC 3 and 9: what is wrong with a group address is exit 2 and says what is right.
#[test]
fn a_bad_group_is_exit_2_with_a_hint() {
    for (args, words) in [
        ("mcast-join 10.0.0.1:5000", "use udp-listen"),
        ("mcast-send 10.0.0.1:5000", "use udp-listen or udp-send"),
        ("mcast-join 239.255.255.250+9:5000%lo", "past the last group, 239.255.255.255"),
        ("mcast-send 239.1.2.3+0:5000%lo", "not a number of groups"),
        ("mcast-join 239.1.2.9@232.1.2.3:5000%lo", "is itself a multicast group"),
        ("mcast-join fd00::1@232.1.2.3:5000%lo", "not both IPv4 or both IPv6"),
        ("mcast-send 10.0.0.1@232.1.2.3:5000%lo", "--bind 10.0.0.1"),
        ("mcast-join 239.1.2.3:0%lo", "no port 0"),
        ("mcast-join 239.1.2.3%lo", "has no port"),
        ("mcast-join 239.1.2.3:99999%lo", "99999"),
        ("mcast-send 239.1.2.3:5000%lo --ttl 300", "300 is not between 0 and 255"),
        ("mcast-send 239.1.2.3:5000%lo --ttl=-1", "-1 is not between 0 and 255"),
        ("udp-listen 239.1.2.3:5000", "mcast-join"),
        ("udp-send 239.1.2.3:5000", "mcast-send"),
    ] {
        let ended = wirecat(args.split_whitespace()).run();
        assert_eq!(ended.code, Some(2), "{args}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{args}: {}", ended.stderr);
    }
}

/// SPEC 9: an interface that cannot be used is exit 5, and the message names what can be done.
#[test]
fn an_unusable_interface_is_exit_5_with_the_fix() {
    let Some(host) = host("an_unusable_interface_is_exit_5_with_the_fix") else { return };
    host.shell(
        "ip link add down0 type veth peer name deaf0
         ip link set deaf0 multicast off up",
    );
    for command in ["mcast-join", "mcast-send"] {
        for (group, words) in [
            ("239.1.2.3:5000%nonesuch", "no interface is called nonesuch; there are: lo, "),
            ("239.1.2.3:5000%down0", "ip link set down0 up"),
            ("239.1.2.3:5000%deaf0", "ip link set deaf0 multicast on"),
            ("[ff15::1]:5000%lo", "loopback carries no IPv6 groups"),
            ("239.1.2.3:5000", "add %IF"),
            ("239.1.2.3:5000%all", "no interface is up with MULTICAST"),
        ] {
            let ended = host.wirecat(&format!("{command} {group}")).run();
            assert_eq!(ended.code, Some(5), "{command} {group}: {}", ended.stderr);
            assert!(ended.stderr.contains(words), "{command} {group}: {}", ended.stderr);
        }
    }
}

/// `igmp_max_memberships` counts by socket, and each group has its own: 30 groups where 20 are
/// allowed are joined, and heard. Where none is allowed the message names the setting.
#[test]
fn more_groups_than_one_socket_may_have_are_joined() {
    let Some(host) = host("more_groups_than_one_socket_may_have_are_joined") else { return };
    host.shell("echo 20 > /proc/sys/net/ipv4/igmp_max_memberships");
    let mut member = host.wirecat("mcast-join 239.1.2.0+30:5000%lo --count 30").start();
    joined(&mut member);
    member.wait_for("joined 239.1.2.29:5000");
    host.wirecat("mcast-send 239.1.2.0+30:5000%lo").input("x").run().code(0);
    assert_eq!(member.wait().code(0).text(), "x".repeat(30));
    host.shell("echo 0 > /proc/sys/net/ipv4/igmp_max_memberships");
    let refused = host.wirecat("mcast-join 239.1.2.3:5000%lo").run().code(5);
    refused.says("net.ipv4.igmp_max_memberships");
}
