//! Opening the sockets of `udp-send`: names are looked up, and with `--wait` what cannot be
//! reached yet is tried again.

use std::mem::take;
use std::net::SocketAddr;
use std::time::Duration;

use super::send::SendService;
use super::{DatagramContext, Destination, GroupInterface};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::sessions::config::{Net, UdpSend};
use crate::sessions::console::Console;
use crate::sessions::lookup::{self, LocalAddress, Lookup};
use crate::sessions::timers;
use crate::sockets::attempts::Backoff;
use crate::sockets::datagram::{Opened, Reach};
use crate::sockets::{Address, Purpose, Target, UnixGuard, datagram};
use crate::sys::mmsg::{ReturnPath, SenderAddress};

/// The first and the longest pause between attempts.
const WAIT: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));

/// Looks addresses up, and opens sockets to what they mean.
pub(crate) struct PeerSockets {
    net: Net,
    local: LocalAddress,
    reach: Reach,
    lookup: Lookup,
    /// The address that is looked up once that of `--bind` is known.
    next: Option<Address>,
    /// Socket options that the kernel changed, for the user to know.
    warnings: Vec<String>,
    /// The two addresses of each socket, ours first.
    ends: Vec<(String, String)>,
    /// Socket files of our own.
    guards: Vec<UnixGuard>,
    /// Those that send to any address of IPv4, of IPv6, and of unix sockets.
    shared: [Option<Id>; 3],
}

impl PeerSockets {
    pub(crate) fn new(net: Net, bind: Option<Address>, reach: Reach) -> Self {
        let (lookup, next, warnings, ends, guards, shared) = Default::default();
        let local = LocalAddress::new(bind);
        Self { net, local, reach, lookup, next, warnings, ends, guards, shared }
    }

    /// Looks an address up, and before it that of `--bind`. `None` means that the answer comes later, by
    /// [`PeerSockets::on`].
    pub(crate) fn look_up(
        &mut self,
        pool: &mut Pool,
        address: &Address,
    ) -> Option<Result<Vec<Target>, Failure>> {
        match self.local.begin(pool, self.net.family) {
            Some(Ok(())) => self.look_up_peer(pool, address),
            Some(Err(failure)) => Some(Err(failure)),
            None => {
                self.next = Some(address.clone());
                None
            }
        }
    }

    fn look_up_peer(
        &mut self,
        pool: &mut Pool,
        address: &Address,
    ) -> Option<Result<Vec<Target>, Failure>> {
        self.lookup.begin_address(pool, address, self.net.family, Purpose::Connect)
    }

    /// Looks the address of `--bind` up. `None` means that the answer comes later, by
    /// [`PeerSockets::on`] as no target.
    pub(crate) fn look_up_local(&mut self, pool: &mut Pool) -> Option<Result<(), Failure>> {
        self.local.begin(pool, self.net.family)
    }

    /// The answer of the resolver, where an event brings it.
    pub(crate) fn on(
        &mut self,
        pool: &mut Pool,
        event: &Event<'_>,
    ) -> Option<Result<Vec<Target>, Failure>> {
        if let Some(answer) = self.local.on(event) {
            let Some(address) = self.next.take() else {
                return Some(answer.map(|()| Vec::new()));
            };
            return match answer {
                Ok(()) => self.look_up_peer(pool, &address),
                Err(failure) => Some(Err(failure)),
            };
        }
        self.lookup.on(event).map(|answer| answer.map(lookup::targets))
    }

    /// The address that datagrams to a target need, where its socket is not connected.
    fn address_of(&self, target: &Target) -> Option<SocketAddr> {
        match target {
            Target::Tcp(address) if !self.reach.is_connected() => Some(*address),
            _ => None,
        }
    }

    /// Opens a socket to one target.
    ///
    /// # Errors
    /// There is no route to it, or no room for a socket.
    pub(crate) fn connect(&mut self, pool: &mut Pool, target: &Target) -> Result<Id, Failure> {
        let bind = self.local.for_target(target, "send to")?;
        // A connected socket is given the ICMP errors of its datagrams, and receives from this peer
        // alone (udp(7)).
        let opened = datagram::connect(target, bind, &self.net.options, self.reach)?;
        self.add(pool, opened, target)
    }

    /// The socket that sends to any address of the kind and family of a target, with the address
    /// that its datagrams need; an inherited one is for its peer alone.
    ///
    /// # Errors
    /// There is no room for a socket, or no address to send from.
    pub(crate) fn shared(
        &mut self,
        pool: &mut Pool,
        target: &Target,
    ) -> Result<(Id, Option<ReturnPath>), Failure> {
        let (at, to) = match target {
            Target::Fd(_) => return self.connect(pool, target).map(|id| (id, None)),
            Target::Tcp(to) => (usize::from(to.is_ipv6()), SenderAddress::Inet(*to)),
            Target::Unix(name) => {
                // One that is too long was refused where it was read.
                (2, SenderAddress::Unix(name.socket_name().map(Box::new)))
            }
        };
        let path = Some(ReturnPath { to, from: None });
        if let Some(Some(id)) = self.shared.get(at) {
            return Ok((*id, path));
        }
        let bind = self.local.for_target(target, "send to")?;
        let opened = datagram::open_unconnected(target, bind, &self.net.options, self.reach)?;
        let id = self.add(pool, opened, target)?;
        self.shared.iter_mut().skip(at).take(1).for_each(|place| *place = Some(id));
        Ok((id, path))
    }

    fn add(
        &mut self,
        pool: &mut Pool,
        (opened, more): (Opened, Vec<String>),
        target: &Target,
    ) -> Result<Id, Failure> {
        self.warnings.extend(more);
        self.guards.extend(opened.cleanup);
        self.ends.push((opened.local.clone(), target.to_string()));
        pool.add_datagrams(opened.socket)
            .map_err(|error| Failure::io(Status::Local, "open", opened.local, &error))
    }

    /// Warns of socket options that the kernel changed.
    pub(crate) fn report_warnings(&mut self, pool: &mut Pool, console: &mut Console) {
        let mut warnings = take(&mut self.warnings);
        warnings.dedup();
        warnings.iter().for_each(|text| console.warn(pool, Kind::SocketOption, text));
    }

    /// The two addresses of each socket since the last call, ours first.
    pub(crate) fn take_ends(&mut self) -> Vec<(String, String)> {
        take(&mut self.ends)
    }
}

/// All destinations in the making, one after the other: nothing is sent before all are open.
pub struct Opener {
    addresses: Vec<Address>,
    sockets: PeerSockets,
    open: Vec<Destination>,
    backoff: Backoff,
    last_failure: Option<Failure>,
}

/// How far opening has come.
enum Opening {
    /// The resolver is at work.
    Pending,
    /// Every destination has its sockets.
    Done,
    Failed(Failure),
}

impl Opener {
    /// An opener of all that a command sends to.
    pub fn new(config: UdpSend) -> Self {
        let UdpSend { addresses, net, bind, reach, .. } = config;
        let sockets = PeerSockets::new(net, bind, reach);
        Self { addresses, sockets, open: Vec::new(), backoff: WAIT, last_failure: None }
    }

    /// Goes on with the first destination that is not open; the resolver may have an answer for it.
    fn advance(
        &mut self,
        pool: &mut Pool,
        mut answer: Option<Result<Vec<Target>, Failure>>,
    ) -> Opening {
        while let Some(address) = self.addresses.get(self.open.len()).cloned() {
            let found = answer.take().or_else(|| self.sockets.look_up(pool, &address));
            let Some(found) = found else { return Opening::Pending };
            match found.and_then(|targets| self.connect(pool, &address, &targets)) {
                Ok(destination) => self.open.push(destination),
                Err(failure) => return Opening::Failed(failure),
            }
        }
        Opening::Done
    }

    /// Looks at an event; `None` where it is not the opener's.
    fn on(&mut self, pool: &mut Pool, event: &Event<'_>) -> Option<Opening> {
        if let Some(answer) = self.sockets.on(pool, event) {
            return Some(self.advance(pool, Some(answer)));
        }
        match event {
            Event::Timer { key } if *key == TimerKey::global(timers::RETRY) => {
                Some(self.advance(pool, None))
            }
            _ => None,
        }
    }

    /// One socket for each address of a name; the first with a listener is used.
    fn connect(
        &mut self,
        pool: &mut Pool,
        address: &Address,
        targets: &[Target],
    ) -> Result<Destination, Failure> {
        let (mut open, mut last_failure) = (Vec::new(), None);
        for target in targets {
            match self.sockets.connect(pool, target) {
                Ok(id) => open.push((id, self.sockets.address_of(target))),
                Err(failure) => last_failure = Some(failure),
            }
        }
        match (open.is_empty(), last_failure) {
            (true, Some(failure)) => Err(failure),
            _ => Ok(Destination::new(open, address.to_string())),
        }
    }
}

impl SendService {
    /// Goes on with opening what is to be sent to; whether an event was about that.
    pub(super) fn on_opening(
        &mut self,
        context: &mut DatagramContext<'_>,
        event: &Event<'_>,
    ) -> bool {
        let opening = self.opener.as_mut().and_then(|opener| opener.on(context.pool, event));
        let is_opening = opening.is_some();
        if let Some(opening) = opening {
            self.opened(context, opening);
        }
        is_opening
    }

    /// Opens everything that is to be sent to, or begins at once where that is open.
    pub(super) fn open(&mut self, context: &mut DatagramContext<'_>) {
        match &mut self.opener {
            Some(opener) => {
                let opening = opener.advance(context.pool, None);
                self.opened(context, opening);
            }
            None => self.begin(context),
        }
    }

    fn opened(&mut self, context: &mut DatagramContext<'_>, opening: Opening) {
        let Some(opener) = &mut self.opener else { return };
        opener.sockets.report_warnings(context.pool, &mut context.core.console);
        match opening {
            Opening::Pending => {}
            Opening::Failed(failure) => self.not_open(context, failure),
            Opening::Done => {
                let (open, ends) = (take(&mut opener.open), opener.sockets.take_ends());
                let ids = open.iter().flat_map(Destination::ids);
                ids.for_each(|id| context.sockets.add(id, GroupInterface::default()));
                self.batch.set_destinations(open);
                let (locals, targets): (Vec<String>, Vec<String>) = ends.into_iter().unzip();
                let first = targets.first().map_or("", String::as_str);
                context.core.ready(context.pool, &locals, first);
                self.begin(context);
            }
        }
    }

    /// Something cannot be sent to. While `--wait` lasts, that may change.
    fn not_open(&mut self, context: &mut DatagramContext<'_>, failure: Failure) {
        let is_hopeless = matches!(failure.status, Status::Usage | Status::Local);
        let Some(opener) = self.opener.as_mut().filter(|_| self.patience.is_some() && !is_hopeless)
        else {
            return context.fail(&failure);
        };
        opener.last_failure = Some(failure.clone());
        let pause = opener.backoff.pause(fastrand::f64());
        context.arm(timers::RETRY, pause);
        context.core.report_retry(context.pool, &failure, pause);
    }

    /// The listener on a unix socket is gone, and another one needs a new connection: everything is
    /// opened and sent again.
    pub(super) fn open_again(&mut self, context: &mut DatagramContext<'_>, failure: Failure) {
        context.sockets.close_all(context.pool, &mut context.core.console, CloseReason::HOST);
        self.batch.set_destinations(Vec::new());
        self.not_open(context, failure);
    }

    /// Why there is nothing to send to yet.
    pub(super) fn why_not_open(&mut self) -> Option<Failure> {
        let is_opening = !self.batch.has_destinations();
        self.opener.as_mut().filter(|_| is_opening)?.last_failure.take()
    }
}
