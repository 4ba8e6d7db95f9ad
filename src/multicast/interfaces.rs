//! The interfaces of this machine, and which of them the user means.
//!
//! The kernel is asked by `list` and, where the route decides, by `route`; the rest is a choice
//! from that list.

use std::net::IpAddr;
use std::time::Duration;

use super::address::InterfaceChoice;
use super::route;
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::sys::interfaces::{self as kernel, InterfaceEntry};

/// A network interface as it was when it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Interface {
    /// Its name, such as `eth0`.
    pub name: String,
    /// The kernel's number for it.
    pub index: u32,
    /// Its addresses, of both families.
    pub addresses: Vec<IpAddr>,
    /// Whether it is turned on, and has a carrier.
    pub state: InterfaceState,
    /// Whether it carries groups (IFF_MULTICAST).
    pub multicast: bool,
    /// Whether it is this machine talking to itself (IFF_LOOPBACK).
    pub loopback: bool,
}

/// How far an interface is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum InterfaceState {
    /// It is turned off.
    #[default]
    Down,
    /// It is turned on (IFF_UP), and has no carrier.
    NoCarrier,
    /// It has a carrier as well: a cable, a link (IFF_RUNNING).
    Running,
}

/// Why an interface cannot be used for a group.
pub(super) struct Problem {
    /// The stable word for it.
    pub(super) kind: Kind,
    /// What is wrong, as it follows "it".
    pub(super) cause: &'static str,
    /// What the user can do about it.
    pub(super) fix: String,
}

/// Every interface, in the kernel's order.
///
/// # Errors
/// `Status::Local`: those of getifaddrs(3).
pub fn list() -> Result<Vec<Interface>, Failure> {
    let entries = kernel::list()
        .map_err(|error| Failure::io(Status::Local, "list", "the network interfaces", &error))?;
    let mut interfaces: Vec<Interface> = Vec::new();
    for entry in entries {
        // By index, not name: an address with a label comes under that (`eth0:1`).
        match interfaces.iter_mut().find(|known| known.index == entry.index) {
            Some(known) => known.addresses.extend(entry.address),
            None => interfaces.push(described(entry)),
        }
    }
    Ok(interfaces)
}

fn described(entry: InterfaceEntry) -> Interface {
    Interface {
        state: match (entry.is_up(), entry.is_running()) {
            (false, _) => InterfaceState::Down,
            (true, false) => InterfaceState::NoCarrier,
            (true, true) => InterfaceState::Running,
        },
        multicast: entry.is_multicast(),
        loopback: entry.is_loopback(),
        name: entry.name,
        index: entry.index,
        addresses: Vec::from_iter(entry.address),
    }
}

impl Interface {
    /// What keeps this interface from carrying a group.
    pub(super) fn problem(&self, group: IpAddr) -> Option<Problem> {
        let (kind, cause, fix) = if self.state == InterfaceState::Down {
            (
                Kind::InterfaceDown,
                "it is down",
                format!("`ip link set {} up` turns it on", self.name),
            )
        } else if self.loopback && group.is_ipv6() && cfg!(target_os = "linux") {
            // No packet comes back, whatever the routes and flags are (Linux 6.18).
            let fix = "join on another interface, such as one end of a veth pair";
            (Kind::InterfaceNotMulticast, "loopback carries no IPv6 groups", fix.to_owned())
        } else if !self.multicast && !self.loopback {
            // IPv4 groups work on lo, which has no MULTICAST on Linux.
            let fix = format!("`ip link set {} multicast on` sets it", self.name);
            (Kind::InterfaceNotMulticast, "it has no MULTICAST flag", fix)
        } else {
            return None;
        };
        Some(Problem { kind, cause, fix })
    }

    /// The interface that has this one's name now, where it was made anew and can carry the group.
    pub fn made_anew<'a>(&self, group: IpAddr, now: &'a [Self]) -> Option<&'a Self> {
        now.iter()
            .find(|one| one.name == self.name && one.index != self.index)
            .filter(|one| one.problem(group).is_none())
    }

    /// Whether `%all` takes it for a group: it carries the group's family, and means to.
    fn is_for_all(&self, group: IpAddr) -> bool {
        let has_family = self.addresses.iter().any(|ip| ip.is_ipv4() == group.is_ipv4());
        self.multicast && has_family && self.problem(group).is_none()
    }
}

/// The interfaces on which a group is to be joined, or sent to.
///
/// # Errors
/// `Status::Listen`: there is no such interface, it is down, or it carries no groups; the group
/// has no route.
pub fn resolve(
    choice: &InterfaceChoice,
    group: IpAddr,
    interfaces: &[Interface],
) -> Result<Vec<Interface>, Failure> {
    let one = match choice {
        InterfaceChoice::All => return all(group, interfaces),
        InterfaceChoice::Named(name) => named(name, interfaces)?,
        InterfaceChoice::Route => by_route(group, interfaces)?,
    };
    match one.problem(group) {
        Some(Problem { kind, cause, fix }) => Err(unusable(kind, &one.name, cause).fix(fix)),
        None => Ok(vec![one.clone()]),
    }
}

fn all(group: IpAddr, interfaces: &[Interface]) -> Result<Vec<Interface>, Failure> {
    let usable = interfaces.iter().filter(|interface| interface.is_for_all(group));
    let usable: Vec<_> = usable.cloned().collect();
    if usable.is_empty() {
        let family = if group.is_ipv4() { "IPv4" } else { "IPv6" };
        let cause = format!("no interface is up with MULTICAST and an {family} address");
        return Err(unusable(Kind::NoSuchInterface, "all", cause).fix(there_are(interfaces)));
    }
    Ok(usable)
}

/// By name first: an interface may be called `4`.
fn named<'a>(name: &str, interfaces: &'a [Interface]) -> Result<&'a Interface, Failure> {
    let (ip, index) = (name.parse::<IpAddr>().ok(), name.parse::<u32>().ok());
    let find = |is_meant: &dyn Fn(&&Interface) -> bool| interfaces.iter().find(is_meant);
    let found = find(&|interface| interface.name == name)
        .or_else(|| find(&|interface| Some(interface.index) == index))
        .or_else(|| find(&|interface| ip.is_some_and(|ip| interface.addresses.contains(&ip))));
    found.ok_or_else(|| {
        let property = match (ip, index) {
            (Some(_), _) => "has the address",
            (_, Some(_)) => "has the index",
            _ => "is called",
        };
        let there_are = there_are(interfaces);
        unusable(
            Kind::NoSuchInterface,
            name,
            format!("no interface {property} {name}; {there_are}"),
        )
    })
}

fn by_route(group: IpAddr, interfaces: &[Interface]) -> Result<&Interface, Failure> {
    route::outgoing(group, interfaces).map_err(|error| {
        let target = group.to_string();
        let failure = Failure::io(Status::Listen, "find the interface for", target, &error);
        let example = if group.is_ipv4() { ", such as %lo for this machine alone" } else { "" };
        let fix = format!("add %IF{example}; {}", there_are(interfaces));
        failure.kind(Kind::NoRoute).fix(fix)
    })
}

fn there_are(interfaces: &[Interface]) -> String {
    let names: Vec<&str> = interfaces.iter().map(|interface| interface.name.as_str()).collect();
    format!("there are: {}", names.join(", "))
}

fn unusable(kind: Kind, name: &str, cause: impl Into<String>) -> Failure {
    Failure::new(Status::Listen, kind, "use", format!("%{name}"), cause)
}

/// The interfaces that are gone, of those on which something was joined. A socket learns nothing of that.
#[derive(Debug, Default)]
pub struct InterfaceWatch {
    /// By index: one that was made anew under the same name is another one.
    lost: Vec<u32>,
}

impl InterfaceWatch {
    /// How often to look.
    pub const EVERY: Duration = Duration::from_secs(1);

    /// Looks which of these are gone since the last look. Returns their names, and what there is now.
    pub fn look<'a>(
        &mut self,
        joined: impl Iterator<Item = &'a Interface> + Clone,
    ) -> (Vec<&'a str>, Vec<Interface>) {
        // That the kernel cannot list them now does not mean that they are gone.
        let Ok(now) = list() else { return (Vec::new(), Vec::new()) };
        // What was joined anew, or was left, is not waited for any more.
        self.lost.retain(|index| joined.clone().any(|interface| interface.index == *index));
        let is_gone = |interface: &&Interface| now.iter().all(|one| one.index != interface.index);
        let mut names = Vec::new();
        for interface in joined.filter(is_gone) {
            if !self.has_lost(interface) {
                self.lost.push(interface.index);
                names.push(interface.name.as_str());
            }
        }
        (names, now)
    }

    /// Whether this interface is gone.
    pub fn has_lost(&self, interface: &Interface) -> bool {
        self.lost.contains(&interface.index)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The loopback interface of this machine.
    pub(in crate::multicast) fn lo() -> Interface {
        list().unwrap().into_iter().find(|interface| interface.loopback).unwrap()
    }

    /// An interface that can be used for all.
    pub(in crate::multicast) fn good(name: &str, index: u32, addresses: &[&str]) -> Interface {
        Interface {
            name: name.to_owned(),
            index,
            addresses: addresses.iter().map(|ip| ip.parse().unwrap()).collect(),
            state: InterfaceState::Running,
            multicast: true,
            loopback: false,
        }
    }

    fn house() -> Vec<Interface> {
        vec![
            Interface { multicast: false, loopback: true, ..good("lo", 1, &["127.0.0.1", "::1"]) },
            good("eth0", 2, &["10.0.0.1", "fe80::1"]),
            good("4", 7, &["10.0.1.1"]),
            Interface { state: InterfaceState::Down, ..good("eth2", 4, &["10.0.2.1"]) },
            Interface { multicast: false, ..good("wg0", 5, &["10.0.3.1"]) },
        ]
    }

    fn chosen(choice: &str, group: &str) -> Result<Vec<String>, String> {
        let choice = match choice {
            "all" => InterfaceChoice::All,
            name => InterfaceChoice::Named(name.to_owned()),
        };
        let found = resolve(&choice, group.parse().unwrap(), &house());
        let names = |found: Vec<Interface>| found.into_iter().map(|it| it.name).collect();
        found.map(names).map_err(|failure| {
            assert_eq!(failure.status, Status::Listen);
            format!("{}: {failure}", failure.kind)
        })
    }

    #[test]
    fn this_machine_has_a_loopback_interface() {
        let lo = lo();
        assert!(lo.state == InterfaceState::Running && lo.index > 0);
        assert!(lo.addresses.contains(&"127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn an_interface_is_known_by_name_index_and_address() {
        for (text, name) in [
            ("eth0", "eth0"),
            ("2", "eth0"),
            ("4", "4"),
            ("7", "4"),
            ("10.0.1.1", "4"),
            ("fe80::1", "eth0"),
            ("lo", "lo"),
        ] {
            assert_eq!(chosen(text, "239.1.2.3"), Ok(vec![name.to_owned()]), "{text}");
        }
    }

    #[test]
    fn all_are_those_that_are_up_and_carry_the_family() {
        assert_eq!(chosen("all", "239.1.2.3").unwrap(), ["eth0", "4"]);
        assert_eq!(chosen("all", "ff05::1").unwrap(), ["eth0"]);
        let failure = resolve(&InterfaceChoice::All, "ff05::1".parse().unwrap(), &[]).unwrap_err();
        assert!(failure.cause.ends_with("with MULTICAST and an IPv6 address"), "{failure}");
    }

    #[test]
    fn an_interface_that_cannot_be_used_says_why() {
        for (name, message) in [
            (
                "eth9",
                "no-such-interface: cannot use %eth9: no interface is called eth9; there are: lo,",
            ),
            ("9", "no interface has the index 9;"),
            ("10.9.9.9", "no interface has the address 10.9.9.9;"),
            ("eth2", "interface-down: cannot use %eth2: it is down (`ip link set eth2 up`"),
            ("wg0", "interface-not-multicast: cannot use %wg0: it has no MULTICAST flag"),
        ] {
            let error = chosen(name, "239.1.2.3").unwrap_err();
            assert!(error.contains(message), "{name}: {error}");
        }
        let error = chosen("lo", "ff05::1").unwrap_err();
        assert!(error.contains("cannot use %lo: loopback carries no IPv6 groups"), "{error}");
    }
}
