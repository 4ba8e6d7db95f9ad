//! Several connections in the making: the first one that comes up becomes that of the channel.

use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::Registry;

use super::transport::{KernelEnd, Readiness, Registration, Transport};
use crate::close::CloseReason;
use crate::sockets::Endpoint;

/// What the handler has set on a connection that has no socket yet, or many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EarlySettings {
    pub(super) nodelay: bool,
    pub(super) keep_alive: bool,
}

impl EarlySettings {
    /// Sets it on the socket that has come up.
    pub(super) fn apply(self, transport: &mut dyn Transport) {
        if self.nodelay {
            transport.set_nodelay();
        }
        if self.keep_alive {
            transport.keep_alive();
        }
    }
}

/// The attempts of a race, which its plan adds to and its transport takes from.
#[derive(Clone, Default)]
pub(super) struct Attempts(Arc<Mutex<Field>>);

#[derive(Default)]
struct Field {
    running: Vec<Box<dyn Transport>>,
    /// One has come up, and the race is over.
    is_won: bool,
}

impl Attempts {
    /// One more; all of them are reported under the id of one channel.
    pub(super) fn add(
        &self,
        mut attempt: Box<dyn Transport>,
        registration: &Registration<'_>,
    ) -> io::Result<Readiness> {
        let readiness = attempt.register(registration)?;
        self.lock().running.push(attempt);
        Ok(readiness)
    }

    /// Whether one has come up; what fails from then on is not one of several.
    pub(super) fn is_won(&self) -> bool {
        self.lock().is_won
    }

    fn lock(&self) -> MutexGuard<'_, Field> {
        // Nothing that can panic leaves the list half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The transport of a channel while its connections race.
///
/// ```text
///          the first one is up
/// Racing ───────────────────────> Won, which is the winner from then on
///   └── one fails: its error, and the others go on
/// ```
pub(super) struct Racing {
    attempts: Attempts,
    winner: Option<Box<dyn Transport>>,
}

impl Racing {
    pub(super) fn new(attempts: Attempts) -> Self {
        Self { attempts, winner: None }
    }

    fn win(&mut self, at: usize) {
        let mut field = self.attempts.lock();
        field.is_won = true;
        self.winner = Some(field.running.swap_remove(at));
        // To drop the others closes them.
        field.running.clear();
    }
}

impl Transport for Racing {
    fn inner(&self) -> Option<&dyn Transport> {
        self.winner.as_deref()
    }

    fn inner_mut(&mut self) -> Option<&mut dyn Transport> {
        match &mut self.winner {
            Some(winner) => Some(&mut **winner),
            None => None,
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.inner_mut().map_or(Err(ErrorKind::WouldBlock.into()), |winner| winner.read(into))
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.inner_mut().map_or(Err(ErrorKind::WouldBlock.into()), |winner| winner.write(pieces))
    }

    /// The winner's: the race looks at no byte.
    fn kernel_end(&self) -> Option<KernelEnd<'_>> {
        self.winner.as_ref()?.kernel_end()
    }

    fn register(&mut self, _: &Registration<'_>) -> io::Result<Readiness> {
        Ok(Readiness::Evented)
    }

    fn deregister(&mut self, registry: &Registry) {
        self.attempts.lock().running.iter_mut().for_each(|attempt| attempt.deregister(registry));
        if let Some(winner) = &mut self.winner {
            winner.deregister(registry);
        }
    }

    fn closed(&mut self, reason: CloseReason) {
        self.attempts.lock().running.clear();
        if let Some(winner) = &mut self.winner {
            winner.closed(reason);
        }
    }

    /// The first one that is up has won. An error is that of one of them; the others may still win.
    fn connected(&mut self) -> io::Result<Option<(Endpoint, Endpoint)>> {
        if let Some(winner) = &mut self.winner {
            return winner.connected();
        }
        let mut at = 0;
        loop {
            let mut field = self.attempts.lock();
            let Some(attempt) = field.running.get_mut(at) else { return Ok(None) };
            let outcome = attempt.connected();
            match &outcome {
                Ok(None) => at += 1,
                // What was up and is reset has won as well: what came before can be read.
                Err(error) if error.kind() != ErrorKind::ConnectionReset => {
                    field.running.swap_remove(at);
                    return outcome;
                }
                _ => {
                    drop(field);
                    self.win(at);
                    return outcome;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};
    use std::time::Duration;

    use crate::event_loop::{ConnectPolicy, Event, EventLoop, Network, Pool, Transport};
    use crate::event_loop::{Id, SendOutcome};
    use crate::sockets::refusing::RefusingPort;
    use crate::sockets::{SocketOptions, Target, connect};

    /// What became of a connection, which is closed then.
    fn outcome(event_loop: &mut EventLoop, of: Id) -> Vec<String> {
        let mut log = Vec::new();
        while event_loop.pool().is_alive(of) {
            let mut on = |pool: &mut Pool, event: Event<'_>| match event {
                Event::Connected { id, peer, .. } => {
                    log.push(peer.to_string());
                    pool.abort(id, crate::CloseReason::HOST);
                }
                Event::Retrying { error, after, .. } => {
                    log.push(format!("{:?} {}", error.kind(), after.as_millis() <= 10));
                }
                Event::ConnectFailed { error, .. } => log.push(format!("{:?}", error.kind())),
                _ => {}
            };
            event_loop.run_once(Duration::from_secs(60), &mut on).unwrap();
        }
        log
    }

    fn targets(addresses: &[SocketAddr]) -> Vec<Target> {
        addresses.iter().map(|address| Target::Tcp(*address)).collect()
    }

    /// A port as such means ::1 and 127.0.0.1, of which one is listened on.
    #[test]
    fn every_address_is_tried() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let mut event_loop = EventLoop::new().unwrap();
        let id = event_loop.pool().connect(&format!(":{}", address.port())).unwrap();
        assert_eq!(event_loop.pool().send(id, b"early"), SendOutcome::Queued);
        assert_eq!(outcome(&mut event_loop, id), [address.to_string()]);
        assert_eq!(event_loop.timeout(), None);
    }

    /// A link to it may splice.
    #[test]
    fn a_connection_that_has_won_is_one_for_the_kernel() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut event_loop = EventLoop::new().unwrap();
        let port = server.local_addr().unwrap().port();
        let id = event_loop.pool().connect(&format!(":{port}")).unwrap();
        event_loop.turn_until(&mut |_, event| matches!(event, Event::Connected { .. }));
        assert!(event_loop.pool().channel(id).unwrap().transport.kernel_end().is_some());
    }

    #[test]
    fn what_is_set_before_there_is_a_socket_holds_for_the_winner() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut event_loop = EventLoop::new().unwrap();
        let port = server.local_addr().unwrap().port();
        let id = event_loop.pool().connect(&format!(":{port}")).unwrap();
        event_loop.pool().set_nodelay(id);
        event_loop.pool().keep_alive(id);
        event_loop.turn_until(&mut |_, event| matches!(event, Event::Connected { .. }));
        let descriptor = event_loop.pool().descriptor(id).unwrap();
        let socket = socket2::SockRef::from(&descriptor);
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
    }

    #[test]
    fn an_attempt_has_failed_when_all_addresses_have() {
        let nobody = [RefusingPort::new(), RefusingPort::new()];
        let all = targets(&nobody.each_ref().map(RefusingPort::address));
        let mut event_loop = EventLoop::new().unwrap();
        let policy = ConnectPolicy::default().retry(2, Duration::from_millis(5));
        let id = event_loop.pool().try_targets(all, policy).unwrap();
        let expected = ["ConnectionRefused true", "ConnectionRefused true", "ConnectionRefused"];
        assert_eq!(outcome(&mut event_loop, id), expected);
        assert!(event_loop.pool().plans.is_empty());
    }

    /// Dials all but one address, which never answers.
    struct Silence(SocketAddr);

    impl Network for Silence {
        fn dial(&mut self, target: &Target) -> std::io::Result<Box<dyn Transport>> {
            if *target == Target::Tcp(self.0) {
                return Ok(Box::new(super::Racing::new(super::Attempts::default())));
            }
            let (stream, _) = connect::start(target, None, &SocketOptions::default()).unwrap();
            Ok(Box::new(stream))
        }
    }

    /// One that does not answer costs 250 ms, and where no other one does, no more than the limit.
    #[test]
    fn a_silent_address_does_not_hold_up_the_others() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, silent) = (server.local_addr().unwrap(), "192.0.2.1:9".parse().unwrap());
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        pool.simulate_network(Box::new(Silence(silent)));
        let limit = ConnectPolicy::within(Duration::from_secs(300));
        let id = pool.try_targets(targets(&[silent, address]), limit).unwrap();
        assert_eq!(outcome(&mut event_loop, id), [address.to_string()]);
        let nobody = RefusingPort::new();
        let limit = ConnectPolicy::within(Duration::from_millis(300)).retry(1, Duration::ZERO);
        let all = targets(&[silent, nobody.address()]);
        let id = event_loop.pool().try_targets(all, limit).unwrap();
        assert_eq!(outcome(&mut event_loop, id), ["TimedOut true", "TimedOut"]);
    }

    #[test]
    fn pauses_differ() {
        let nobody = RefusingPort::new();
        let mut after = Vec::new();
        for _ in 0..8 {
            let mut event_loop = EventLoop::new().unwrap();
            let policy = ConnectPolicy::default().retry(1, Duration::from_millis(20));
            let id = event_loop.pool().connect_with(&nobody.address().to_string(), policy).unwrap();
            while event_loop.pool().is_alive(id) {
                let mut on = |_: &mut Pool, event: Event<'_>| {
                    if let Event::Retrying { after: pause, .. } = event {
                        after.push(pause);
                    }
                };
                event_loop.run_once(Duration::from_secs(60), &mut on).unwrap();
            }
        }
        let range = Duration::from_millis(10)..=Duration::from_millis(20);
        assert!(after.len() == 8 && after.iter().all(|pause| range.contains(pause)), "{after:?}");
        assert!(after.iter().any(|pause| *pause != after[0]), "{after:?}");
    }
}
