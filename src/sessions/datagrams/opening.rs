//! Opening the sockets of `udp-send`: names are looked up, and with `--wait` what cannot be
//! reached yet is tried again.

use std::mem::take;
use std::time::Duration;

use super::send::SendService;
use super::{DatagramContext, Destination, GroupInterface};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::event_loop::{Event, Id, Pool, TimerKey};
use crate::kind::Kind;
use crate::protocol::backoff::Backoff;
use crate::sessions::config::UdpSend;
use crate::sessions::lookup::{self, Lookup};
use crate::sessions::timers;
use crate::sockets::{Address, Target, UnixGuard, datagram, resolve};

/// The first and the longest pause between attempts.
const WAIT: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));

/// All destinations in the making, one after the other: nothing is sent before all are open.
pub struct Opener {
    config: UdpSend,
    open: Vec<Destination>,
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

    /// Goes on with the first destination that is not open; the resolver may have an answer for it.
    fn advance(
        &mut self,
        pool: &mut Pool,
        mut answer: Option<Result<Vec<Target>, Failure>>,
    ) -> Opening {
        while let Some(address) = self.config.addresses.get(self.open.len()).cloned() {
            let family = self.config.net.family;
            let found = answer.take().or_else(|| self.lookup.begin_address(pool, &address, family));
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
        if let Some(answer) = self.lookup.on(event) {
            return Some(self.advance(pool, Some(answer.map(lookup::targets))));
        }
        match event {
            Event::Timer { key } if *key == TimerKey::global(timers::RETRY) => {
                Some(self.advance(pool, None))
            }
            _ => None,
        }
    }

    /// One connected socket for each address of a name; the first with a listener is used.
    fn connect(
        &mut self,
        pool: &mut Pool,
        address: &Address,
        targets: &[Target],
    ) -> Result<Destination, Failure> {
        let (mut ids, mut last_failure) = (Vec::new(), None);
        for target in targets {
            match self.connect_one(pool, target) {
                Ok(id) => ids.push(id),
                Err(failure) => last_failure = Some(failure),
            }
        }
        match (ids.is_empty(), last_failure) {
            (true, Some(failure)) => Err(failure),
            _ => Ok(Destination::new(ids, None, address.to_string())),
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
        let mut warnings = take(&mut opener.warnings);
        warnings.dedup();
        for warning in warnings {
            context.warn(Kind::SocketOption, &warning);
        }
        match opening {
            Opening::Pending => {}
            Opening::Failed(failure) => self.not_open(context, failure),
            Opening::Done => {
                let (open, ends) = (take(&mut opener.open), take(&mut opener.ends));
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
