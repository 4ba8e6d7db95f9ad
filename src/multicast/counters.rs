//! The kernel's counters at one moment, and what has risen between two.
//!
//! They are those of the whole network namespace: what rises need not be ours.

use std::fs;

use super::diagnosis::ProcPaths;
use super::proc_net;

/// A snapshot of `/proc/net/snmp`, `netstat` and `snmp6`. Take one when joining.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(Vec<(String, u64)>);

impl Counters {
    /// Reads them; those of a file that cannot be read are unknown.
    pub fn read(paths: &ProcPaths) -> Self {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        // /proc/net is a link to self/net: the namespace of the process, not of one thread
        // (proc(5)).
        let mut counters = proc_net::line_pairs(&text(&paths.snmp));
        counters.extend(proc_net::line_pairs(&text(&paths.netstat)));
        counters.extend(proc_net::single_lines(&text(&paths.snmp6)));
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
