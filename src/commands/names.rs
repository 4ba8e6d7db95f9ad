//! Names of the command line that have to be known before anything is open: those to listen on, to
//! bind to, and to admit. Literal addresses are found at once, and cost no thread and no turn.

use std::net::SocketAddr;
use std::time::Duration;

use super::launch::Launch;
use crate::error::{Failure, Status};
use crate::event_loop::Query;
use crate::kind::Kind;
use crate::protocol::access::Access;
use crate::report::Reporter;
use crate::sessions::config::Common;
use crate::sessions::{Startup, look_up_all};
use crate::sockets::{Address, Family, Host, Purpose};

/// A signal has ended the run before it had a session; its status is this one.
#[derive(Debug, thiserror::Error)]
#[error("a signal ended the run")]
pub(super) struct Signalled(pub(super) Status);

/// Names and their addresses.
#[derive(Default)]
pub(super) struct Names {
    found: Vec<(Query, Vec<SocketAddr>)>,
}

impl Names {
    /// The addresses that the host of an address means; a unix socket or a descriptor has none.
    ///
    /// # Errors
    /// Those of a literal address: its family, its interface.
    pub(super) fn addresses(
        &self,
        address: &Address,
        family: Family,
        purpose: Purpose,
    ) -> Result<Vec<SocketAddr>, Failure> {
        let Some(query) = query(address, family, purpose) else { return Ok(Vec::new()) };
        // One lookup serves all ports of a name.
        let port = query.port;
        let is_same =
            |(known, _): &&(Query, Vec<SocketAddr>)| Query { port, ..known.clone() } == query;
        let Some((_, found)) = self.found.iter().find(is_same) else { return query.ask() };
        let with_port = |address: &SocketAddr| {
            let mut address = *address;
            address.set_port(port);
            address
        };
        Ok(found.iter().map(with_port).collect())
    }
}

/// The question to the resolver for an address, where it has a host.
pub(super) fn query(address: &Address, family: Family, purpose: Purpose) -> Option<Query> {
    match address.clone() {
        Address::Inet { host, port } => Some(Query { host, port, family, purpose }),
        Address::Unix(_) | Address::Fd(_) => None,
    }
}

/// The questions for addresses to listen on.
pub(super) fn to_listen_on<'a>(
    addresses: impl IntoIterator<Item = &'a Address>,
    family: Family,
) -> impl Iterator<Item = Query> {
    addresses.into_iter().filter_map(move |address| query(address, family, Purpose::Listen))
}

/// The questions for the hosts of `--allow` and `--deny`.
pub(super) fn of_access(access: &Access) -> Vec<Query> {
    let of_host = |name: &String| query(&host(name), Family::Any, Purpose::Connect);
    access.names.iter().filter_map(|(name, _)| of_host(name)).collect()
}

fn host(name: &str) -> Address {
    Address::Inet { host: Host::Name(name.to_owned()), port: 0 }
}

impl Launch {
    /// Takes the addresses of the hosts of `--allow` and `--deny`, whose names were looked up.
    ///
    /// # Errors
    /// None: a name that was not found has ended the run.
    pub(super) fn find_access(&self, access: &mut Access) -> Result<(), Failure> {
        for (name, list) in std::mem::take(&mut access.names) {
            let found = self.names.addresses(&host(&name), Family::Any, Purpose::Connect)?;
            access.add(list, found.iter().map(SocketAddr::ip));
        }
        Ok(())
    }

    /// Looks all names up at once.
    ///
    /// # Errors
    /// A name has no address; a signal, as [`Signalled`]; the end of `-w`.
    pub(super) fn look_up(
        &mut self,
        common: &Common,
        side: Side,
        queries: impl IntoIterator<Item = Query>,
    ) -> anyhow::Result<()> {
        let queries: Vec<Query> = queries.into_iter().filter(Query::takes_time).collect();
        if queries.is_empty() {
            return Ok(());
        }
        let mut reporter = Reporter::new(common.output.report.clone());
        let limit = common.limits.timeout;
        let (end, answers) = look_up_all(self.event_loop(), &queries, limit, &mut reporter)
            .map_err(|error| Failure::io(Status::Resolve, "resolve", "the names", &error))?;
        check_startup(end, limit, side, "the resolver has not answered")?;
        for (query, answer) in queries.into_iter().zip(answers) {
            self.names.found.push((query, answer?));
        }
        Ok(())
    }
}

/// Which side of its connections a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// It connects to its peers; SIGTERM before that means that it has failed.
    Client,
    /// It waits for its peers; SIGTERM ends it in order.
    Server,
}

/// Ends the run where something else has come before what was waited for.
///
/// # Errors
/// A signal, as [`Signalled`]; the end of `-w`.
pub(super) fn check_startup(
    end: Startup,
    limit: Option<Duration>,
    side: Side,
    missing: &str,
) -> anyhow::Result<()> {
    match end {
        Startup::Found => Ok(()),
        Startup::Signalled(Status::Terminate) if side == Side::Server => {
            Err(Signalled(Status::Done).into())
        }
        Startup::Signalled(status) => Err(Signalled(status).into()),
        Startup::Late => {
            let limit = humantime::format_duration(limit.unwrap_or_default());
            let cause = format!("the time of {limit} is up, and {missing}");
            let (status, kind) = (Status::Timeout, Kind::Timeout);
            Err(Failure::new(status, kind, "finish", "the run", cause).into())
        }
    }
}
