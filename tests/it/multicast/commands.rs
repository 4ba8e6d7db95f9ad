//! `--input commands`: groups joined and left while it runs, and the codes of what goes wrong.

use serde_json::Value;

use super::{Port, events, host, joined};
use crate::support::{Running, wirecat};

/// `mcast-join --input commands --output json` in one group on lo.
fn commanded(port: u16, more: &str) -> Running {
    let args = format!("mcast-join 239.77.10.1:{port}%lo --input commands --output json {more}");
    let mut running = wirecat(args.split_whitespace()).piped().start();
    joined(&mut running);
    running
}

/// The number of a group in /proc/net/igmp: its bytes as the machine's own integer.
fn in_igmp(group: [u8; 4]) -> String {
    format!("{:08X}", u32::from_ne_bytes(group))
}

/// SPEC 8: a bad command is an `error` event with its kind and code, and never ends the run.
#[test]
fn what_goes_wrong_with_a_group_has_its_code() {
    let port = Port::new().number;
    let mut running = commanded(port, "");
    running.say(format!(
        "/join 239.77.10.1:{port}%lo\n/leave 239.77.10.9:{port}%lo\n/join 10.0.0.1:{port}\n\
         /leave 10.0.0.1:{port}\n/join 239.77.10.2\n/join 239.77.10.2:{port}%nonesuch\n/dance\n\
         /list\n/quit\n"
    ));
    let ended = running.wait_open().code(0);
    let told = |event: &Value| (event["kind"].to_string(), event["code"].as_u64());
    let errors: Vec<_> = events(ended.text(), "error").iter().map(told).collect();
    let expected = [
        ("already-joined", Some(1002)),
        ("not-joined", Some(1003)),
        ("not-multicast", Some(1004)),
        ("not-multicast", Some(1004)),
        ("bad-address", None),
        ("no-such-interface", None),
        ("bad-command", None),
    ];
    assert_eq!(errors, expected.map(|(kind, code)| (format!("\"{kind}\""), code)));
    let list = events(ended.text(), "list");
    assert_eq!(list.len(), 2);
    assert_eq!((&list[1]["line"], &list[1]["count"]), (&8.into(), &1.into()));
}

/// SPEC 8: `address-in-use` is 1005: another program has the group's port for itself.
#[test]
fn a_port_that_is_taken_has_its_code() {
    let taken = std::net::UdpSocket::bind("0.0.0.0:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let args = format!("mcast-join 239.77.10.3:{port}%lo --output json");
    let ended = wirecat(args.split_whitespace()).run().code(5).says("ss -ulnp");
    let error = &events(ended.text(), "error")[0];
    assert_eq!((&error["kind"], &error["code"]), (&"address-in-use".into(), &1005.into()));
    let mut running = commanded(Port::new().number, "");
    running.say(format!("/join 239.77.10.3:{port}%lo\n/list\n/quit\n"));
    let ended = running.wait_open().code(0);
    assert_eq!(events(ended.text(), "error")[0]["code"], 1005);
    assert_eq!(events(ended.text(), "list").len(), 2);
}

/// SPEC 5: `/join` and `/leave` at run time, as the kernel sees them, with their events.
#[test]
fn groups_come_and_go_in_proc_net_igmp() {
    let Some(host) = host("groups_come_and_go_in_proc_net_igmp") else { return };
    let mut running =
        host.wirecat("mcast-join 239.77.10.1:5000%lo --input commands").piped().start();
    joined(&mut running);
    let igmp = || host.shell("cat /proc/net/igmp");
    let (first, second) = (in_igmp([239, 77, 10, 1]), in_igmp([239, 77, 10, 2]));
    assert!(igmp().contains(&first) && !igmp().contains(&second));
    running.say("/join 239.77.10.2:5000%lo\n");
    running.wait_for("joined 239.77.10.2:5000 on lo");
    assert!(igmp().contains(&second));
    running.say("/list\n");
    running.wait_for("list 239.77.10.2:5000 on lo");
    host.wirecat("mcast-send 239.77.10.2:5000%lo").input("late joiner\n").run().code(0);
    running.wait_for_output("late joiner\n");
    running.say("/leave 239.77.10.1:5000%lo\n");
    running.wait_for("left 239.77.10.1:5000 on lo");
    assert!(!igmp().contains(&first) && igmp().contains(&second));
    // What comes to the group that was left is not heard; the other one goes on.
    host.wirecat("mcast-send 239.77.10.1:5000%lo").input("unheard\n").run().code(0);
    host.wirecat("mcast-send 239.77.10.2:5000%lo").input("heard\n").run().code(0);
    running.wait_for_output("heard\n");
    running.say("/quit\n");
    assert_eq!(running.wait_open().code(0).text(), "late joiner\nheard\n");
    assert!(!igmp().contains(&second));
}

/// SPEC 5: a message goes to all groups that are joined, or to one of them, and all members hear
/// it, this one as well.
#[test]
fn what_is_said_goes_to_the_joined_groups() {
    let port = Port::new().number;
    let (first, second) = (format!("239.77.10.1:{port}"), format!("239.77.10.4:{port}"));
    let other = |group: &str| {
        let group = format!("{group}%lo");
        let mut running = wirecat(["mcast-join", "-c", "2", &group]).start();
        joined(&mut running);
        running
    };
    let others = [other(&first), other(&second)];
    let mut running = commanded(port, "--count 4");
    running.say(format!("/join {second}%lo\n/all both\n/to {first} one\n/to {second} two\n"));
    let ended = running.wait_open().code(0);
    let sent = events(ended.text(), "sent");
    let told: Vec<_> = sent.iter().map(|it| (&it["count"], it["peer"].as_str())).collect();
    let expected =
        [(&2.into(), None), (&Value::Null, Some(&*first)), (&Value::Null, Some(&*second))];
    assert_eq!(told, expected);
    let mut own: Vec<_> =
        events(ended.text(), "data").iter().map(|it| it["text"].to_string()).collect();
    own.sort_unstable();
    assert_eq!(own, ["\"both\"", "\"both\"", "\"one\"", "\"two\""]);
    let heard = others.map(|other| other.wait().code(0).text().to_owned());
    assert_eq!(heard, ["bothone", "bothtwo"]);
}

/// SPEC 5: a group that was left can be joined again.
#[test]
fn a_group_that_was_left_is_joined_again() {
    let port = Port::new().number;
    let mut running = commanded(port, "--count 1");
    let group = format!("239.77.10.1:{port}%lo");
    running.say(format!("/leave {group}\n/join {group}\n"));
    running.wait_for("left");
    running.say("/list\n");
    running.wait_for_output("\"event\":\"list\"");
    wirecat(["mcast-send", &group]).input("x").run().code(0);
    let ended = running.wait_open().code(0);
    assert_eq!(events(ended.text(), "data").len(), 1);
}

/// SPEC 5: `/stats` is a `stats` event, with or without `--stats`, with or without traffic.
#[test]
fn stats_are_reported_when_asked_for() {
    for option in ["", "--stats"] {
        let port = Port::new().number;
        let mut running = commanded(port, option);
        running.say("/stats\n");
        running.wait_for_output("\"event\":\"stats\"");
        running.say("/quit\n");
        running.wait_open().code(0);
    }
}

/// SPEC 7 and 1.3: what was lost in a group that is no longer joined was lost all the same.
#[test]
fn the_figures_of_a_group_that_was_left_stay() {
    let port = Port::new().number;
    let mut running = commanded(port, "--stats --seq u16@0 --max-loss 5");
    let group = format!("239.77.10.1:{port}%lo");
    let stdin = "0001\n0002\n0009\n";
    wirecat(["mcast-send", &group, "--input", "hex"]).input(stdin).run().code(0);
    running.wait_for_output("\"text\":\"\\u0000\\t\"");
    running.say(format!("/leave {group}\n"));
    running.wait_for("left");
    running.say("/quit\n");
    let ended = running.wait_open().code(1).says("66.67 % were lost");
    let stats = events(ended.text(), "stats");
    assert_eq!(stats.last().map(|event| &event["lost"]), Some(&6.into()), "{stats:?}");
    assert_eq!(
        stats.last().map(|event| &event["group"]),
        Some(&format!("239.77.10.1:{port}").into())
    );
}

/// SPEC 5: whoever gave the commands is gone, and so is the run.
#[test]
fn the_end_of_the_commands_is_quit() {
    let port = Port::new().number;
    let mut running = commanded(port, "");
    running.say("/list");
    running.end_input();
    let ended = running.wait().code(0);
    assert_eq!(events(ended.text(), "list").len(), 2);
}
