//! What `/proc/net` lists: the groups that are joined, and the counters at one moment.
//!
//! What cannot be read as expected is left out, for a diagnosis that guesses is worse than none. The
//! counters are those of the whole network namespace: what rises need not be ours.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::diagnosis::ProcPaths;

/// The groups joined on this machine, each with the index of its interface.
pub(super) type Joined = Vec<(u32, IpAddr)>;

/// Reads `/proc/net/igmp`: a line for each interface, and below it a line for each group, which
/// begins with blanks and has the address as the hexadecimal number that it is in memory.
pub(super) fn igmp(text: &str) -> Joined {
    let mut joined = Joined::new();
    let mut interface = None;
    // The heading.
    for line in text.lines().skip(1) {
        let Some(word) = line.split_whitespace().next() else { continue };
        if !line.starts_with(char::is_whitespace) {
            interface = word.parse::<u32>().ok();
        } else if let (Some(index), Ok(number)) = (interface, u32::from_str_radix(word, 16)) {
            joined.push((index, Ipv4Addr::from(number.to_ne_bytes()).into()));
        }
    }
    joined
}

/// Reads `/proc/net/igmp6`: a line for each group with the index and the name of the interface,
/// and the address as 32 hexadecimal digits in network order.
pub(super) fn igmp6(text: &str) -> Joined {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let (index, _name, address) = (words.next()?, words.next()?, words.next()?);
        let bits = u128::from_str_radix(address, 16).ok()?;
        Some((index.parse().ok()?, Ipv6Addr::from_bits(bits).into()))
    };
    text.lines().filter_map(line).collect()
}

/// Reads `/proc/net/snmp` or `/proc/net/netstat`: pairs of lines, `Udp: NAME…` and
/// `Udp: NUMBER…`. The counters come with their line's name, such as `Udp:InErrors`.
pub(super) fn line_pairs(text: &str) -> Vec<(String, u64)> {
    let mut counters = Vec::new();
    let mut lines = text.lines();
    while let (Some(names), Some(numbers)) = (lines.next(), lines.next()) {
        let mut names = names.split_whitespace();
        let Some(prefix) = names.next() else { continue };
        // Some are signed, such as Tcp:MaxConn, which is -1: they are no counters.
        let numbers = numbers.split_whitespace().skip(1).map(str::parse::<u64>);
        let pairs = names.zip(numbers);
        counters.extend(pairs.filter_map(|(name, n)| Some((format!("{prefix}{name}"), n.ok()?))));
    }
    counters
}

/// Reads `/proc/net/snmp6`: one name and number a line, such as `Udp6InErrors 0`.
pub(super) fn single_lines(text: &str) -> Vec<(String, u64)> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

/// A snapshot of `/proc/net/snmp`, `netstat` and `snmp6`. Take one when joining.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(Vec<(String, u64)>);

impl Counters {
    /// Reads them; those of a file that cannot be read are unknown.
    pub fn read(paths: &ProcPaths) -> Self {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        // /proc/net is a link to self/net: the namespace of the process, not of one thread
        // (proc(5)).
        let mut counters = line_pairs(&text(&paths.snmp));
        counters.extend(line_pairs(&text(&paths.netstat)));
        counters.extend(single_lines(&text(&paths.snmp6)));
        Self(counters)
    }

    /// By how much a counter has risen since; `None` where it is unknown.
    pub(super) fn rise(&self, before: &Self, name: &str) -> Option<u64> {
        Some(self.get(name)?.saturating_sub(before.get(name)?))
    }

    fn get(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, count)| *count)
    }

    /// The same for several together.
    pub(super) fn rises(&self, before: &Self, names: &[&str]) -> Option<u64> {
        names.iter().map(|name| self.rise(before, name)).sum()
    }
}

#[cfg(test)]
impl From<&[(&str, u64)]> for Counters {
    fn from(counters: &[(&str, u64)]) -> Self {
        Self(counters.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_both_families_are_read() {
        let text = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n\
            1\tlo        :     1      V3\n\
            \t\t\t\t010000E0     1 0:00000000\t\t0\n\
            4\teth0      :     2      V3\n\
            \t\t\t\t030201EF     1 0:00000000\t\t1\n\
            \t\t\t\t010000E0     1 0:00000000\t\t0\n";
        let v4 = |index: u32, group: &str| (index, group.parse::<IpAddr>().unwrap());
        if cfg!(target_endian = "little") {
            let expected = [v4(1, "224.0.0.1"), v4(4, "239.1.2.3"), v4(4, "224.0.0.1")];
            assert_eq!(igmp(text), Joined::from(expected));
        }
        let text = "1    lo              ff020000000000000000000000000001     1 0000000C 0\n\
            12   veth-long-name  ff350000000000000000000000000001     1 00000004 0\n";
        assert_eq!(igmp6(text), Joined::from([v4(1, "ff02::1"), v4(12, "ff35::1")]));
    }

    #[test]
    fn the_counters_of_both_families_are_read() {
        let text = "Udp: InDatagrams NoPorts InErrors\nUdp: 169 0 3\n\
            UdpLite: InDatagrams NoPorts InErrors\nUdpLite: 0 0 0\n\
            Tcp: MaxConn InSegs\nTcp: -1 7\n";
        let counters = line_pairs(text);
        assert!(counters.contains(&("Udp:InErrors".to_owned(), 3)), "{counters:?}");
        assert!(counters.contains(&("Tcp:InSegs".to_owned(), 7)), "{counters:?}");
        assert!(counters.iter().all(|(name, _)| name != "Tcp:MaxConn"), "{counters:?}");
        let text = "Udp6InDatagrams                 \t5\nUdp6InErrors                    \t2\n";
        assert!(single_lines(text).contains(&("Udp6InErrors".to_owned(), 2)));
    }

    #[test]
    fn a_foreign_text_has_nothing_in_it() {
        for text in ["", "\n\n", "x", "a b c\nd e f\n", "\u{0}\tzz\n\t\tqq\n"] {
            assert!(igmp(text).is_empty() && igmp6(text).is_empty(), "{text:?}");
            assert!(line_pairs(text).is_empty() && single_lines(text).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn what_is_known_before_and_after_rises() {
        let before = Counters::from(&[("a", 1), ("b", 2)][..]);
        let after = Counters::from(&[("a", 4), ("b", 2), ("c", 9)][..]);
        assert_eq!(after.rise(&before, "a"), Some(3));
        assert_eq!(after.rise(&before, "b"), Some(0));
        assert_eq!(after.rise(&before, "c"), None);
        assert_eq!(after.rises(&before, &["a", "b"]), Some(3));
        assert_eq!(after.rises(&before, &["a", "c"]), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_counters_of_this_machine_are_known() {
        let now = Counters::read(&ProcPaths::default());
        for name in
            ["Udp:InErrors", "Ip:InDelivers", "IpExt:InMcastPkts", "TcpExt:IPReversePathFilter"]
        {
            assert_eq!(now.rise(&now, name), Some(0), "{name}");
        }
    }
}
