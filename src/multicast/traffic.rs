//! What the counters show of the path in: how far multicast packets came, and what was dropped.
//!
//! Pure: two snapshots in, findings out. The counters are those of the whole machine, so each
//! text names what was counted, and does not claim that it was ours.

use std::net::IpAddr;

use super::diagnosis::Finding;
use super::proc_net::Counters;
use crate::kind::Kind;

/// Packets that rp_filter dropped (`LINUX_MIB_IPRPFILTER`).
pub(super) const REVERSE_PATH_FILTER: &str = "TcpExt:IPReversePathFilter";

/// IPv4 packets that came in whole, out of pieces, or to be passed on, and are accounted for.
/// Those sent are among them because they come back in for the members on this machine.
const ACCOUNTED_FOR: [&str; 4] = ["Ip:InDelivers", SENT, "Ip:ReasmReqds", "Ip:ForwDatagrams"];

/// IPv4 multicast packets that this machine sent, membership reports among them.
const SENT: &str = "IpExt:OutMcastPkts";

/// What is wrong where IgnoredMulti rises.
const IGNORED: &str = "came to a group that no socket was open for. The sender uses another port, \
                       group or source";

/// The text about firewalls where no counter shows one.
const UNKNOWN: &str = "a firewall may drop it. That cannot be seen from here. As root, look at \
                       `nft list ruleset` or `iptables -nvL`";

/// The words and counters of one family.
struct FamilyCounters {
    name: &'static str,
    udp: &'static str,
    multicast_in: &'static str,
    filtered: Option<&'static str>,
    /// What is sent by lo comes in again: the reports of a membership there, whose it may be.
    sent: Option<&'static str>,
}

const V4: FamilyCounters = FamilyCounters {
    name: "IPv4",
    udp: "Udp:",
    multicast_in: "IpExt:InMcastPkts",
    filtered: Some(REVERSE_PATH_FILTER),
    sent: Some(SENT),
};
const V6: FamilyCounters = FamilyCounters {
    name: "IPv6",
    udp: "Udp6",
    multicast_in: "Ip6InMcastPkts",
    filtered: None,
    sent: None,
};

/// What the counters of the families of these groups show, and whether a firewall can be seen.
pub(super) fn findings(
    before: &Counters,
    now: &Counters,
    mut groups: impl Iterator<Item = IpAddr> + Clone,
) -> Vec<Finding> {
    let (has_v4, has_v6) =
        (groups.clone().any(|group| group.is_ipv4()), groups.any(|group| group.is_ipv6()));
    let used = [has_v4.then_some(&V4), has_v6.then_some(&V6)].into_iter().flatten();
    let mut findings: Vec<Finding> =
        used.flat_map(|family| family_findings(family, before, now)).collect();
    let firewall = has_v4.then(|| firewall(before, now)).flatten();
    findings.push(
        firewall
            .unwrap_or_else(|| Finding { kind: Kind::FirewallUnknown, text: UNKNOWN.to_owned() }),
    );
    findings
}

fn family_findings(family: &FamilyCounters, before: &Counters, now: &Counters) -> Vec<Finding> {
    let rise = |counter: &str| now.rise(before, &format!("{}{counter}", family.udp)).unwrap_or(0);
    let (full, corrupt) = (rise("RcvbufErrors"), rise("InCsumErrors"));
    // InErrors counts those two as well.
    let other = rise("InErrors").saturating_sub(full + corrupt);
    let counted = [
        (
            full,
            Kind::ReceiveBufferFull,
            "met a full receive buffer. `-O rcvbuf` enlarges that of wirecat",
        ),
        (corrupt, Kind::BadChecksum, "had a wrong UDP checksum"),
        (other, Kind::UdpErrors, "were dropped by UDP (InErrors)"),
        (rise("IgnoredMulti"), Kind::IgnoredDatagrams, IGNORED),
    ];
    let risen = counted.into_iter().filter(|(count, ..)| *count > 0);
    let findings = risen.map(|(count, kind, what)| {
        let text = format!("on this machine {count} {} datagrams {what}", family.name);
        Finding { kind, text }
    });
    findings.chain(nothing_arrived(family, before, now)).collect()
}

/// Counted after the prerouting hook and rp_filter, before the input hook (Linux 6.18).
fn nothing_arrived(family: &FamilyCounters, before: &Counters, now: &Counters) -> Option<Finding> {
    let arrived = now.rise(before, family.multicast_in)?;
    // What rp_filter drops came in as well, if not far.
    let filtered = family.filtered.and_then(|name| now.rise(before, name)).unwrap_or(0);
    let came = match arrived + filtered {
        0 => format!("no {} multicast packet came in at all", family.name),
        _ if filtered == 0 => only_our_own(family, arrived, before, now)?,
        _ => return None,
    };
    let text = format!(
        "{came}. What others send is lost on the way here. Check the sender's TTL and \
         interface. A switch with IGMP snooping needs a querier"
    );
    Some(Finding { kind: Kind::NothingArrived, text })
}

/// The text about packets that may all be this machine's own: nothing at all was delivered, and
/// as many were sent. Listening on lo for the sake of the diagnosis brings its reports back.
fn only_our_own(
    family: &FamilyCounters,
    arrived: u64,
    before: &Counters,
    now: &Counters,
) -> Option<String> {
    let sent = now.rise(before, family.sent?)?;
    let delivered = now.rise(before, "Ip:InDelivers")?;
    let text = || {
        format!(
            "{} multicast packets that came in: {arrived}. They may be this machine's own: it sent {sent}",
            family.name
        )
    };
    (delivered == 0 && arrived <= sent).then(text)
}

/// IPv4 multicast packets for this machine that were handed to no protocol: between the two
/// counters lies only the input hook of netfilter. For IPv6 the first one counts groups that are
/// not joined as well, so there it proves nothing.
fn firewall(before: &Counters, now: &Counters) -> Option<Finding> {
    let arrived = now.rise(before, V4.multicast_in)?;
    let accounted_for = now.rises(before, &ACCOUNTED_FOR)?;
    let dropped = arrived.saturating_sub(accounted_for);
    let text = || {
        format!(
            "a firewall on this machine dropped at least {dropped} IPv4 multicast packets. They \
             came in and were not delivered. As root, `nft list ruleset` shows the rules"
        )
    };
    (dropped > 0).then(|| Finding { kind: Kind::Firewall, text: text() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: [(&str, u64); 12] = [
        ("Udp:InErrors", 10),
        ("Udp:RcvbufErrors", 5),
        ("Udp:InCsumErrors", 2),
        ("Udp:IgnoredMulti", 0),
        ("Udp6IgnoredMulti", 0),
        ("IpExt:InMcastPkts", 100),
        ("IpExt:OutMcastPkts", 50),
        ("Ip:InDelivers", 1000),
        ("Ip:ReasmReqds", 0),
        ("Ip:ForwDatagrams", 0),
        ("Ip6InMcastPkts", 7),
        ("TcpExt:IPReversePathFilter", 0),
    ];

    /// The findings where these counters have risen by so much.
    fn after(rises: &[(&str, u64)], has_v4: bool, has_v6: bool) -> Vec<String> {
        let groups = [has_v4.then_some("239.1.2.3"), has_v6.then_some("ff05::1")];
        let groups = groups.into_iter().flatten().map(|group| group.parse().unwrap());
        let rise = |name: &str| rises.iter().find(|rise| rise.0 == name).map_or(0, |rise| rise.1);
        let now: Vec<_> = CALM.iter().map(|(name, n)| (*name, n + rise(name))).collect();
        let found = findings(&CALM[..].into(), &now[..].into(), groups);
        found.into_iter().map(|finding| format!("{}: {}", finding.kind, finding.text)).collect()
    }

    fn assert_kinds(found: &[String], kinds: &[Kind]) {
        let is_kind = |(text, kind): (&String, &Kind)| text.starts_with(&format!("{kind}: "));
        assert_eq!(found.len(), kinds.len(), "{found:#?}");
        assert!(found.iter().zip(kinds).all(is_kind), "{found:#?}");
    }

    #[test]
    fn silence_is_the_fault_of_the_network() {
        assert_kinds(&after(&[], true, false), &[Kind::NothingArrived, Kind::FirewallUnknown]);
        let both = after(&[], true, true);
        assert_kinds(&both, &[Kind::NothingArrived, Kind::NothingArrived, Kind::FirewallUnknown]);
        let delivered = [("IpExt:InMcastPkts", 5), ("Ip:InDelivers", 5)];
        assert_kinds(&after(&delivered, true, false), &[Kind::FirewallUnknown]);
        let filtered = [("TcpExt:IPReversePathFilter", 5)];
        assert_kinds(&after(&filtered, true, false), &[Kind::FirewallUnknown]);
    }

    #[test]
    fn packets_that_came_in_and_were_not_delivered_met_a_firewall() {
        let dropped = after(&[("IpExt:InMcastPkts", 8), ("Ip:InDelivers", 5)], true, false);
        assert_kinds(&dropped, &[Kind::Firewall]);
        assert!(dropped[0].contains("dropped at least 3 IPv4 multicast packets"), "{dropped:?}");
        // What this machine sends comes back in, joined or not.
        let own = [("IpExt:InMcastPkts", 8), ("IpExt:OutMcastPkts", 8)];
        let found = after(&own, true, false);
        assert_kinds(&found, &[Kind::NothingArrived, Kind::FirewallUnknown]);
        assert!(
            found[0].contains("IPv4 multicast packets that came in: 8. They may be"),
            "{found:?}"
        );
        let busy = [&own[..], &[("Ip:InDelivers", 1)]].concat();
        assert_kinds(&after(&busy, true, false), &[Kind::FirewallUnknown]);
        let v6 = [("Ip6InMcastPkts", 8)];
        assert_kinds(&after(&v6, false, true), &[Kind::FirewallUnknown]);
    }

    #[test]
    fn what_udp_dropped_is_distinguished() {
        let arrived = [("IpExt:InMcastPkts", 9), ("Ip:InDelivers", 9)];
        let found = |rises: &[(&str, u64)]| after(&[rises, &arrived[..]].concat(), true, false);
        let full = found(&[("Udp:InErrors", 4), ("Udp:RcvbufErrors", 4)]);
        assert_kinds(&full, &[Kind::ReceiveBufferFull, Kind::FirewallUnknown]);
        let corrupt = found(&[("Udp:InErrors", 4), ("Udp:InCsumErrors", 3)]);
        assert_kinds(&corrupt, &[Kind::BadChecksum, Kind::UdpErrors, Kind::FirewallUnknown]);
        let ignored = found(&[("Udp:IgnoredMulti", 2)]);
        assert_kinds(&ignored, &[Kind::IgnoredDatagrams, Kind::FirewallUnknown]);
    }
}
