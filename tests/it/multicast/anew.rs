//! An interface that is deleted, and made anew under its name (SPEC section 7, `--rejoin`).

use super::{joined, lan};

#[test]
fn an_interface_that_was_made_anew_is_joined_again() {
    let Some(lan) = lan("an_interface_that_was_made_anew_is_joined_again", 2) else { return };
    let [sender, member] = [&lan.hosts[0], &lan.hosts[1]];
    lan.plug_in(sender, "eth1", 1);
    let send = |group: &str, text: &str| {
        sender.wirecat(&format!("mcast-send {group}:5000%eth1")).input(text).run().code(0);
    };
    for group in ["239.77.30.1", "[ff15::77:30]", "10.77.1.1@232.77.30.1"] {
        let to = group.rsplit('@').next().unwrap_or(group);
        lan.plug_in(member, "eth1", 2);
        let args = format!("mcast-join {group}:5000%eth1 --rejoin 200ms --stats -c 2");
        let mut running = member.wirecat(&format!("{args} --output json")).start();
        joined(&mut running);
        send(to, "before");
        running.wait_for_events("data", 1);
        member.shell("ip link del eth1");
        running.wait_for("eth1 is gone, and what was joined on it is joined again");
        lan.plug_in(member, "eth1", 2);
        running.wait_for_events("joined", 2);
        send(to, "after");
        let ended = running.wait().code(0);
        assert_eq!(ended.texts(), ["before", "after"], "{group}");
        let errors = super::events(ended.text(), "error");
        assert!(errors.is_empty(), "{group}: {errors:?}");
        member.shell("ip link del eth1");
    }
}

#[test]
fn without_rejoin_the_loss_of_an_interface_is_a_warning() {
    let Some(lan) = lan("without_rejoin_the_loss_of_an_interface_is_a_warning", 1) else { return };
    let host = &lan.hosts[0];
    lan.plug_in(host, "eth1", 1);
    let groups = "239.77.30.1+3:5000%eth1 [ff15::77:30]:5000%eth1 239.77.30.9:5000%eth0";
    let mut member = host.wirecat(&format!("mcast-join {groups}")).start();
    member.wait_for("joined 239.77.30.9");
    let mut echo = host.wirecat("echo 239.77.30.1:5001%eth1").start();
    echo.wait_for("joined");
    host.shell("ip link del eth1");
    for running in [&mut member, &mut echo] {
        running.wait_for("eth1 is gone, and what was joined on it receives nothing");
    }
    host.shell("ip link del eth0");
    member.wait_for("eth0 is gone");
    member.signal(libc::SIGTERM);
    let ended = member.wait().code(0);
    assert_eq!(ended.stderr.matches("is gone").count(), 2, "{}", ended.stderr);
}
