//! Why nothing arrives: what the kernel knows of the interfaces, the memberships and the path in.
//!
//! It looks and reports; it changes nothing, and it claims nothing that it cannot read. The counters
//! are judged in `traffic`, rp_filter in `route`; `probe` listens on other interfaces.

use crate::kind::Kind;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

use super::interfaces::{Interface, InterfaceState};
use super::membership::Membership;
use super::proc_net::{self, Counters};
use super::{route, traffic};

/// Groups that a finding names one by one.
const NAMED_GROUPS: usize = 4;

/// One cause, certain or likely, for a person to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A stable word for programs, such as `interface-down`.
    pub kind: Kind,
    /// The cause, and what can be done about it.
    pub text: String,
}

/// The files of proc(5) that are read. Linux only; where one is missing, nothing follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcPaths {
    /// The IPv4 groups that are joined.
    pub igmp: PathBuf,
    /// The IPv6 groups that are joined.
    pub igmp6: PathBuf,
    /// The counters of IPv4 and of UDP on it.
    pub snmp: PathBuf,
    /// The same for IPv6.
    pub snmp6: PathBuf,
    /// More counters of IPv4.
    pub netstat: PathBuf,
    /// The directory with the settings of each interface for IPv4.
    pub ipv4_conf: PathBuf,
}

impl Default for ProcPaths {
    fn default() -> Self {
        Self {
            igmp: "/proc/net/igmp".into(),
            igmp6: "/proc/net/igmp6".into(),
            snmp: "/proc/net/snmp".into(),
            snmp6: "/proc/net/snmp6".into(),
            netstat: "/proc/net/netstat".into(),
            ipv4_conf: "/proc/sys/net/ipv4/conf".into(),
        }
    }
}

/// What may keep datagrams from these memberships, the surest first. `interfaces` are those of
/// now; `before` is a snapshot from when the groups were joined.
pub fn diagnose(
    memberships: &[Membership],
    interfaces: &[Interface],
    before: &Counters,
    paths: &ProcPaths,
) -> Vec<Finding> {
    let now = Counters::read(paths);
    let representatives = representatives(memberships);
    let mut findings: Vec<Finding> =
        representatives.iter().filter_map(|member| interface_finding(member, interfaces)).collect();
    findings.extend(not_joined(memberships, paths));
    let dropped = now.rise(before, traffic::REVERSE_PATH_FILTER);
    findings.extend(representatives.iter().filter_map(|member| {
        route::reverse_path_finding(member, &paths.ipv4_conf, dropped, interfaces)
    }));
    let groups = memberships.iter().map(|member| member.group);
    findings.extend(traffic::findings(before, &now, groups));
    // Sources and families may share a cause.
    let mut seen = Vec::new();
    findings.retain(|finding| {
        let is_new = !seen.contains(finding);
        seen.extend(is_new.then(|| finding.clone()));
        is_new
    });
    findings
}

/// One membership for all that share interface, family and source.
fn representatives(memberships: &[Membership]) -> Vec<&Membership> {
    let key = |member: &Membership| (member.interface.index, member.group.is_ipv4(), member.source);
    let mut found: Vec<&Membership> = Vec::new();
    for member in memberships {
        if found.iter().all(|other| key(other) != key(member)) {
            found.push(member);
        }
    }
    found
}

fn interface_finding(member: &Membership, interfaces: &[Interface]) -> Option<Finding> {
    let name = &member.interface.name;
    // By index: a name can be changed, and be given to another interface.
    let Some(now) = interfaces.iter().find(|now| now.index == member.interface.index) else {
        let text = format!("interface {name} is gone. Its memberships are gone with it");
        return Some(Finding { kind: Kind::NoSuchInterface, text });
    };
    if let Some(problem) = now.problem(member.group) {
        let text = format!("interface {name}: {}. To fix it: {}", problem.cause, problem.fix);
        return Some(Finding { kind: problem.kind, text });
    }
    let text =
        || format!("interface {name} has no carrier. Its cable, its link or its peer is missing");
    (now.state == InterfaceState::NoCarrier)
        .then(|| Finding { kind: Kind::NoCarrier, text: text() })
}

/// Groups that the kernel does not have as joined, one finding for each interface.
fn not_joined(memberships: &[Membership], paths: &ProcPaths) -> Vec<Finding> {
    // These list what an interface has joined, for whichever socket: what is missing is missing for
    // ours too.
    let igmp = fs::read_to_string(&paths.igmp).ok().map(|text| proc_net::igmp(&text));
    let igmp6 = fs::read_to_string(&paths.igmp6).ok().map(|text| proc_net::igmp6(&text));
    let is_missing = |member: &&Membership| {
        let joined = if member.group.is_ipv4() { &igmp } else { &igmp6 };
        joined.as_ref().is_some_and(|it| !it.contains(&(member.interface.index, member.group)))
    };
    let mut missing: Vec<(&str, Vec<IpAddr>)> = Vec::new();
    for member in memberships.iter().filter(is_missing) {
        let name = member.interface.name.as_str();
        match missing.iter_mut().find(|(other, _)| *other == name) {
            Some((_, groups)) => groups.push(member.group),
            None => missing.push((name, vec![member.group])),
        }
    }
    let finding = |(name, groups): (&str, Vec<IpAddr>)| Finding {
        kind: Kind::NotJoined,
        text: format!("the kernel has not joined on {name}: {}", shortened(&groups)),
    };
    missing.into_iter().map(finding).collect()
}

fn shortened(groups: &[IpAddr]) -> String {
    let named: Vec<String> = groups.iter().take(NAMED_GROUPS).map(IpAddr::to_string).collect();
    match groups.len().saturating_sub(NAMED_GROUPS) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multicast::interfaces::tests::{good, lo};
    use std::path::Path;

    fn member(group: &str, source: Option<&str>, interface: Interface) -> Membership {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        Membership { group: ip(group), source: source.map(ip), interface }
    }

    /// A /proc without the files that are not written into it.
    fn proc_in(directory: &Path) -> ProcPaths {
        let path = |name: &str| directory.join(name);
        ProcPaths {
            igmp: path("igmp"),
            igmp6: path("igmp6"),
            snmp: path("snmp"),
            snmp6: path("snmp6"),
            netstat: path("netstat"),
            ipv4_conf: path("conf"),
        }
    }

    fn kinds(findings: &[Finding]) -> Vec<Kind> {
        findings.iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn an_interface_that_has_changed_is_found() {
        let eth0 = good("eth0", 2, &["10.0.0.1"]);
        let joined = member("239.1.2.3", None, eth0.clone());
        let kind = |now: &[Interface]| interface_finding(&joined, now).map(|it| it.kind);
        assert_eq!(kind(std::slice::from_ref(&eth0)), None);
        assert_eq!(kind(&[]), Some(Kind::NoSuchInterface));
        assert_eq!(
            kind(&[Interface { state: InterfaceState::Down, ..eth0.clone() }]),
            Some(Kind::InterfaceDown)
        );
        assert_eq!(
            kind(&[Interface { state: InterfaceState::NoCarrier, ..eth0.clone() }]),
            Some(Kind::NoCarrier)
        );
        let mute = Interface { multicast: false, ..eth0 };
        assert_eq!(kind(&[mute]), Some(Kind::InterfaceNotMulticast));
    }

    #[test]
    fn groups_that_are_not_joined_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let paths = proc_in(directory.path());
        let eth0 = good("eth0", 2, &[]);
        let all: Vec<_> =
            (1..=7).map(|n| member(&format!("ff05::{n}"), None, eth0.clone())).collect();
        assert_eq!(not_joined(&all, &paths), []);
        let line = "2 eth0 ff050000000000000000000000000003 1 00000004 0\n";
        fs::write(&paths.igmp6, line).unwrap();
        let text = "the kernel has not joined on eth0: \
                    ff05::1, ff05::2, ff05::4, ff05::5 and 2 more";
        assert_eq!(
            not_joined(&all, &paths),
            [Finding { kind: Kind::NotJoined, text: text.into() }]
        );
        assert_eq!(not_joined(&all[2..3], &paths), []);
    }

    #[test]
    fn without_proc_nothing_is_claimed_but_that_a_firewall_cannot_be_seen() {
        let directory = tempfile::tempdir().unwrap();
        let paths = proc_in(directory.path());
        let joined = [member("239.1.2.3", None, lo()), member("239.1.2.4", None, lo())];
        let findings = diagnose(&joined, &[lo()], &Counters::default(), &paths);
        assert_eq!(kinds(&findings), [Kind::FirewallUnknown]);
        let findings = diagnose(&joined, &[], &Counters::default(), &paths);
        assert_eq!(kinds(&findings), [Kind::NoSuchInterface, Kind::FirewallUnknown]);
    }
}
