//! Names that commands send to, beside those of the command line.

use std::time::{Duration, Instant};

use super::commands::DatagramReceiver;
use super::outlets::NamedHost;
use crate::error::Failure;
use crate::sockets::{Address, Host};

/// How long an answer of the resolver is used: a name may move.
const FRESH: Duration = Duration::from_secs(60);
/// How long a failure of the resolver is used.
const FAILED: Duration = Duration::from_secs(5);
/// Names that are kept.
const MOST: usize = 1024;

/// The name of a host in a command; literal addresses have none, but for one with an interface, whose
/// number is looked up.
pub(super) fn named_host(peer: &str) -> Option<Address> {
    match peer.parse() {
        Ok(address @ Address::Inet { port: 1.., .. }) => Some(address),
        _ => None,
    }
    .filter(|address| {
        matches!(address, Address::Inet { host: Host::Name(_) | Host::Ip(_, Some(_)), .. })
    })
}

/// The answers of the resolver, oldest first.
///
/// ```text
/// unknown ── ask ──> asking ── note ──> known ── 60 s, or 5 s of a failure ──> unknown
/// ```
#[derive(Default)]
pub(super) struct OtherNames {
    known: Vec<KnownName>,
    asking: Option<String>,
}

struct KnownName {
    name: String,
    found: Result<NamedHost, Failure>,
    until: Instant,
}

impl OtherNames {
    /// Whether a name is being looked up.
    pub(super) fn is_asking(&self) -> bool {
        self.asking.is_some()
    }

    /// A name is looked up.
    pub(super) fn ask(&mut self, name: &str) {
        debug_assert!(!self.is_asking(), "one name is looked up at a time");
        self.asking = Some(name.to_owned());
    }

    /// The answer is there.
    pub(super) fn note(&mut self, now: Instant, found: Result<Vec<DatagramReceiver>, Failure>) {
        let Some(name) = self.asking.take() else { return };
        self.known.retain(|known| known.until > now && known.name != name);
        if self.known.len() >= MOST {
            self.known.remove(0);
        }
        let until = now + if found.is_ok() { FRESH } else { FAILED };
        let found = found.map(|all| NamedHost { all, used: 0 });
        self.known.push(KnownName { name, found, until });
        debug_assert!(self.known.len() <= MOST, "{} names are kept", self.known.len());
    }

    /// What is known of a name.
    pub(super) fn get(
        &self,
        now: Instant,
        name: &str,
    ) -> Option<Result<Option<&DatagramReceiver>, &Failure>> {
        let is_it = |known: &&KnownName| known.name == name && known.until > now;
        let known = self.known.iter().find(is_it)?;
        Some(known.found.as_ref().map(NamedHost::receiver))
    }

    /// Nobody listens at this address: another one of the same name is used from now on.
    pub(super) fn refused(&mut self, by: &str) {
        self.known.iter_mut().flat_map(|known| &mut known.found).for_each(|one| one.refused(by));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_loop::Id;
    use crate::kind::Kind;

    #[test]
    fn names_and_interfaces_are_looked_up_and_addresses_are_not() {
        for (peer, expected) in [
            ("localhost:5", true),
            ("[fe80::1%lo]:5", true),
            ("127.0.0.1:5", false),
            ("[::1]:5", false),
            ("localhost:0", false),
            ("unix:/localhost:5", false),
        ] {
            assert_eq!(named_host(peer).is_some(), expected, "{peer}");
        }
    }

    #[test]
    fn an_answer_is_used_for_a_while_and_a_failure_for_less() {
        let (mut names, now) = (OtherNames::default(), Instant::now());
        let to = |title: &str| DatagramReceiver {
            socket: Id::for_tests(1),
            path: None,
            title: title.to_owned(),
        };
        names.ask("a:1");
        assert!(names.is_asking() && names.get(now, "a:1").is_none());
        names.note(now, Ok(vec![to("[::1]:1"), to("127.0.0.1:1")]));
        names.ask("b:1");
        names.note(
            now,
            Err(Failure::new(
                crate::error::Status::Resolve,
                Kind::UnknownName,
                "resolve",
                "b:1",
                "it is not known",
            )),
        );
        let used = |names: &OtherNames, at| {
            let found = names.get(at, "a:1")?.unwrap();
            found.map(|one| one.title.clone())
        };
        assert_eq!(used(&names, now).as_deref(), Some("[::1]:1"));
        names.refused("[::1]:1");
        assert_eq!(used(&names, now + FAILED).as_deref(), Some("127.0.0.1:1"));
        assert!(
            names.get(now, "b:1").unwrap().is_err() && names.get(now + FAILED, "b:1").is_none()
        );
        assert_eq!(used(&names, now + FRESH), None);
        for number in 0..=MOST {
            names.ask(&number.to_string());
            names.note(now, Ok(Vec::new()));
        }
        assert_eq!(names.known.len(), MOST);
    }
}
