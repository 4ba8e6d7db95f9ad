//! A virtual datagram socket: the session holds one end, the simulation has the network behind the
//! other. It takes and gives a few datagrams at a time, has needless `WouldBlock`s, loses what
//! finds no room, and reports what peers refuse. It has three addresses, and holds the session to
//! answering from one that the peer asked.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use fastrand::Rng;
use mio::Registry;
use wirecat::event_loop::{DatagramTransport, Ready, Registration};
use wirecat::recording::RecordedFlow;
use wirecat::sys::mmsg::{Outgoing, ReceiveBatch, ReturnPath, SenderAddress, SourceAddress};

/// Of so many calls, one says `WouldBlock` without need.
const HICCUPS: u32 = 8;

/// The end that the session gets.
pub(super) struct NearPackets(Arc<Mutex<PacketState>>);

/// The end that the simulation holds.
#[derive(Clone)]
pub(super) struct FarPackets(Arc<Mutex<PacketState>>);

struct PacketState {
    rng: Rng,
    now: Instant,
    /// Datagrams that wait to be received; more than so many find no room.
    inbound: VecDeque<(Vec<u8>, SocketAddr)>,
    capacity: usize,
    dropped: u32,
    /// Which of our addresses each peer has asked.
    asked: HashMap<SocketAddr, Vec<SourceAddress>>,
    /// What was sent, and where to on a socket without a peer.
    sent: Vec<(Vec<u8>, Option<SocketAddr>)>,
    /// The peer refuses what is sent behind so many datagrams.
    refuses_after: Option<usize>,
    refusal: bool,
    hiccup: Option<Instant>,
    watched: bool,
    ready: Option<Ready>,
    calls: u64,
}

pub(super) fn packets(rng: &mut Rng, now: Instant) -> (NearPackets, FarPackets) {
    let state = PacketState {
        rng: rng.fork(),
        now,
        inbound: VecDeque::new(),
        capacity: rng.usize(1..200),
        dropped: 0,
        asked: HashMap::new(),
        sent: Vec::new(),
        refuses_after: None,
        refusal: false,
        hiccup: None,
        watched: false,
        ready: None,
        calls: 0,
    };
    let shared = Arc::new(Mutex::new(state));
    (NearPackets(Arc::clone(&shared)), FarPackets(shared))
}

fn lock(state: &Mutex<PacketState>) -> MutexGuard<'_, PacketState> {
    state.lock().expect("nobody panics in here")
}

impl PacketState {
    fn wake(&self) {
        if let Some(ready) = &self.ready {
            ready.ready();
        }
    }

    /// What a call meets before it gets anywhere.
    fn begin(&mut self) -> io::Result<()> {
        self.calls += 1;
        if self.hiccup.is_none() && self.rng.u32(..HICCUPS) == 0 {
            self.hiccup = Some(self.now + Duration::from_micros(self.rng.u64(..3000)));
        }
        if self.hiccup.is_some() {
            return Err(ErrorKind::WouldBlock.into());
        }
        match std::mem::take(&mut self.refusal) {
            true => Err(ErrorKind::ConnectionRefused.into()),
            false => Ok(()),
        }
    }

    fn send(&mut self, payload: &[u8], to: Option<SocketAddr>) {
        self.sent.push((payload.to_vec(), to));
        if self.refuses_after.is_some_and(|count| self.sent.len() > count) {
            self.refusal = true;
            self.wake();
        }
    }
}

impl DatagramTransport for NearPackets {
    fn register(&mut self, registration: &Registration<'_>) -> io::Result<()> {
        let ready = registration.waker();
        ready.ready();
        lock(&self.0).ready = Some(ready);
        Ok(())
    }

    fn watch_for_room(&mut self, _: &Registration<'_>) -> io::Result<()> {
        assert!(!std::mem::replace(&mut lock(&self.0).watched, true), "it is called once");
        Ok(())
    }

    fn deregister(&mut self, _: &Registry) {
        lock(&self.0).ready = None;
    }

    fn receive(&mut self, batch: &mut ReceiveBatch) -> io::Result<usize> {
        let mut state = lock(&self.0);
        batch.clear();
        state.begin()?;
        if state.inbound.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let most = state.inbound.len().min(60);
        let count = state.rng.usize(1..=most);
        let dropped = (state.dropped > 0).then_some(state.dropped);
        for _ in 0..count {
            let (payload, from) = state.inbound.pop_front().expect("so many wait");
            let ip = std::net::Ipv4Addr::new(10, 0, 0, state.rng.u8(1..4)).into();
            let local = SourceAddress { ip, interface: None };
            state.asked.entry(from).or_default().push(local);
            let path = (SenderAddress::Inet(from), Some(local));
            assert!(batch.push(&payload, path, dropped), "a batch has room");
        }
        Ok(count)
    }

    fn send(&mut self, datagrams: &[Outgoing<'_>]) -> io::Result<usize> {
        let mut state = lock(&self.0);
        state.begin()?;
        let count = state.rng.usize(1..=datagrams.len());
        let mut done = 0;
        for datagram in datagrams.iter().take(count) {
            if state.refusal {
                break;
            }
            state.send(datagram.payload, datagram.to);
            done += 1;
        }
        Ok(done)
    }

    fn answer(&mut self, payload: &[u8], path: &ReturnPath) -> io::Result<()> {
        let mut state = lock(&self.0);
        state.begin()?;
        let SenderAddress::Inet(to) = path.to else { panic!("nobody is at {}", path.to) };
        let asked = state.asked.get(&to).map(Vec::as_slice).unwrap_or_default();
        let is_asked = path.from.is_some_and(|from| asked.contains(&from));
        assert!(is_asked, "{to} asked {asked:?}, and is answered from {:?}", path.from);
        state.send(payload, Some(to));
        Ok(())
    }

    fn take_error(&mut self) -> Option<io::Error> {
        std::mem::take(&mut lock(&self.0).refusal).then(|| ErrorKind::ConnectionRefused.into())
    }

    fn dropped(&self) -> Option<u32> {
        Some(lock(&self.0).dropped)
    }

    fn has_room(&self) -> bool {
        false
    }

    fn recorded_flow(&self, _: u64) -> Option<RecordedFlow> {
        None
    }
}

impl FarPackets {
    /// Sets the time; a hiccup that is over is made good. Returns when the next one is.
    pub(super) fn set_now(&self, now: Instant) -> Option<Instant> {
        let mut state = lock(&self.0);
        state.now = now;
        if state.hiccup.is_some_and(|at| at <= now) {
            state.hiccup = None;
            state.calls += 1;
            state.wake();
        }
        state.hiccup
    }

    /// How often the session has tried something, or was told to.
    pub(super) fn calls(&self) -> u64 {
        lock(&self.0).calls
    }

    /// The peer refuses what is sent behind so many datagrams.
    pub(super) fn refuse_after(&self, count: usize) {
        lock(&self.0).refuses_after = Some(count);
    }

    pub(super) fn refuses(&self) -> bool {
        lock(&self.0).refuses_after.is_some()
    }

    /// A datagram comes; false where there is no room for it.
    pub(super) fn deliver(&self, payload: &[u8], from: SocketAddr) -> bool {
        let mut state = lock(&self.0);
        // Behind the end of the session nobody is there to count it as lost.
        if state.ready.is_none() {
            return false;
        }
        let fits = state.inbound.len() < state.capacity;
        if fits {
            state.inbound.push_back((payload.to_vec(), from));
        } else {
            state.dropped += 1;
        }
        state.calls += 1;
        state.wake();
        fits
    }

    pub(super) fn dropped(&self) -> u32 {
        lock(&self.0).dropped
    }

    pub(super) fn sent(&self) -> Vec<(Vec<u8>, Option<SocketAddr>)> {
        lock(&self.0).sent.clone()
    }
}
