//! Opening the sockets of `udp-send`: names are looked up, and with `--wait` what cannot be
//! reached yet is tried again.

use std::time::Duration;

use super::send::{SendService, SendTo};
use super::send_batch::Destination;
use super::{DatagramBase, GroupInterface};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::backoff::Backoff;
use crate::sessions::config::UdpSend;
use crate::sessions::lookup::{self, Lookup};
use crate::sessions::session::ShutdownMode;
use crate::sessions::timers;
use crate::sockets::UnixGuard;
use crate::sockets::datagram;
use crate::sockets::{Address, Target, resolve};

/// The first and the longest pause between attempts.
const WAIT: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));

/// All destinations in the making, one after the other: nothing is sent before all are open.
pub struct Opener {
    config: UdpSend,
    open: Vec<SendTo>,
    lookup: Lookup,
    backoff: Backoff,
    last_failure: Option<Failure>,
    /// Socket options that the kernel changed, for the user to know.
    warnings: Vec<String>,
    /// The two addresses of each socket.
    ends: Vec<(String, String)>,
    /// Socket files of our own.
    guards: Vec<UnixGuard>,
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
        Self {
            config,
            open: Vec::new(),
            lookup: Lookup::default(),
            backoff: WAIT,
            last_failure: None,
            warnings: Vec::new(),
            ends: Vec::new(),
            guards: Vec::new(),
        }
    }

    /// Goes on with the first destination that is not open.
    fn advance(&mut self, pool: &mut Pool) -> Opening {
        while let Some(address) = self.config.addresses.get(self.open.len()).cloned() {
            let family = self.config.net.family;
            let Some(found) = self.lookup.begin_address(pool, &address, family) else {
                return Opening::Pending;
            };
            if let Err(failure) = self.connect_found(pool, &address, found) {
                return Opening::Failed(failure);
            }
        }
        Opening::Done
    }

    /// Looks at an event; `None` where it is not the opener's.
    fn on(&mut self, pool: &mut Pool, event: &Event<'_>) -> Option<Opening> {
        if let Some(answer) = self.lookup.on(event) {
            let address = self.config.addresses.get(self.open.len()).cloned()?;
            let found = answer.map(lookup::targets);
            return Some(match self.connect_found(pool, &address, found) {
                Ok(()) => self.advance(pool),
                Err(failure) => Opening::Failed(failure),
            });
        }
        match event {
            Event::Timer { key } if *key == TimerKey::global(timers::RETRY) => {
                Some(self.advance(pool))
            }
            _ => None,
        }
    }

    fn connect_found(
        &mut self,
        pool: &mut Pool,
        address: &Address,
        found: Result<Vec<Target>, Failure>,
    ) -> Result<(), Failure> {
        let to = self.connect(pool, address, &found?)?;
        self.open.push(to);
        Ok(())
    }

    /// One connected socket for each address of a name; the first with a listener is used.
    fn connect(
        &mut self,
        pool: &mut Pool,
        address: &Address,
        targets: &[Target],
    ) -> Result<SendTo, Failure> {
        let (mut ids, mut last_failure) = (Vec::new(), None);
        for target in targets {
            match self.connect_one(pool, target) {
                Ok(id) => ids.push(id),
                Err(failure) => last_failure = Some(failure),
            }
        }
        match (ids.is_empty(), last_failure) {
            (true, Some(failure)) => Err(failure),
            _ => Ok(SendTo { ids, to: None, title: address.to_string() }),
        }
    }

    fn connect_one(&mut self, pool: &mut Pool, target: &Target) -> Result<Id, Failure> {
        let (net, bind) = (&self.config.net, self.config.bind.as_ref());
        let bind = resolve::local_for(bind, target, net.family, "send to")?;
        let (opened, more) =
            datagram::connect(target, bind.as_ref(), &net.options, self.config.broadcast)?;
        self.warnings.extend(more);
        self.guards.extend(opened.cleanup);
        self.ends.push((opened.local.clone(), target.to_string()));
        pool.add_datagrams(opened.socket)
            .map_err(|error| Failure::io(Status::Local, "open", opened.local, &error))
    }
}

impl SendService {
    /// Begins to open what is to be sent to, or goes on with it; whether an event was about that.
    pub(super) fn on_opening(
        &mut self,
        base: &mut DatagramBase,
        pool: &mut Pool,
        event: &Event<'_>,
    ) -> bool {
        let Some(opening) = self.opener.as_mut().and_then(|opener| opener.on(pool, event)) else {
            return false;
        };
        self.opened(base, pool, opening);
        true
    }

    /// Opens everything that is to be sent to.
    pub(super) fn open(&mut self, base: &mut DatagramBase, pool: &mut Pool) {
        if let Some(opener) = &mut self.opener {
            let opening = opener.advance(pool);
            self.opened(base, pool, opening);
        }
    }

    fn opened(&mut self, base: &mut DatagramBase, pool: &mut Pool, opening: Opening) {
        let Some(opener) = &mut self.opener else { return };
        let mut warnings = std::mem::take(&mut opener.warnings);
        warnings.dedup();
        let ends = std::mem::take(&mut opener.ends);
        let open = match opening {
            Opening::Done => Some(std::mem::take(&mut opener.open)),
            _ => None,
        };
        for warning in warnings {
            base.core.console.warn(pool, Kind::SocketOption, &warning);
        }
        match (opening, open) {
            (_, Some(open)) => {
                self.destinations = open.into_iter().filter_map(Destination::new).collect();
                let (locals, targets): (Vec<String>, Vec<String>) = ends.into_iter().unzip();
                let ids = self.destinations.iter().flat_map(Destination::ids);
                ids.for_each(|id| base.sockets.add(id, GroupInterface::default()));
                base.core.ready(pool, &locals, targets.first().map_or("", String::as_str));
                self.begin(base, pool);
            }
            (Opening::Failed(failure), _) => self.not_open(base, pool, failure),
            _ => {}
        }
    }

    /// Something cannot be sent to. While `--wait` lasts, that may change.
    fn not_open(&mut self, base: &mut DatagramBase, pool: &mut Pool, failure: Failure) {
        let is_hopeless = matches!(failure.status, Status::Usage | Status::Local);
        let Some(opener) = self.opener.as_mut().filter(|_| self.patience.is_some() && !is_hopeless)
        else {
            base.core.fail(pool, &failure);
            return base.end(ShutdownMode::Enough);
        };
        opener.last_failure = Some(failure.clone());
        let pause = opener.backoff.pause(fastrand::f64());
        pool.arm(TimerKey::global(timers::RETRY), pause);
        base.core.report_retry(pool, &failure, pause);
    }

    /// The listener on a unix socket is gone, and another one needs a new connection: everything is
    /// opened and sent again.
    pub(super) fn open_again(
        &mut self,
        base: &mut DatagramBase,
        pool: &mut Pool,
        failure: Failure,
    ) {
        base.sockets.close_all(pool, &mut base.core.console, CloseReason::HOST);
        self.destinations.clear();
        self.batch.begin_again(&[]);
        self.not_open(base, pool, failure);
    }

    /// Why there is nothing to send to yet.
    pub(super) fn why_not_open(&mut self) -> Option<Failure> {
        let is_opening = self.destinations.is_empty();
        self.opener.as_mut().filter(|_| is_opening)?.last_failure.take()
    }
}
