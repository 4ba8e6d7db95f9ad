//! A sender with a rate, for the receivers.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use wirecat::sys::mmsg::{self, FastPaths, Outgoing};

use crate::Fallible;

/// How long it sleeps when nothing is due. What becomes due meanwhile goes as a burst, which the
/// receive buffers of 4 MiB take.
const NAP: Duration = Duration::from_micros(100);
/// Datagrams sent between two looks at the clock.
const BURST: u64 = 64;

/// Datagrams to one port of 127.0.0.1.
pub(super) struct Blaster {
    socket: UdpSocket,
    payload: Vec<u8>,
    paths: Option<FastPaths>,
}

impl Blaster {
    /// `runs`: with segmentation, else each datagram by a call of its own.
    pub(super) fn new(port: u16, size: usize, runs: bool) -> Fallible<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect((Ipv4Addr::LOCALHOST, port))?;
        // What sockperf takes for a message of its client: sequence number, flags, length
        // (message.h of sockperf); the others do not look.
        let mut payload = vec![0; size.max(14)];
        for (at, byte) in payload.iter_mut().skip(8).zip([0, 1].into_iter().chain(length(size))) {
            *at = byte;
        }
        let paths = runs.then(|| FastPaths::new(&socket));
        Ok(Self { socket, payload, paths })
    }

    /// Sends `count` datagrams at a rate, and says at which rate they really went.
    pub(super) fn send(&mut self, count: u64, rate: f64) -> Fallible<f64> {
        let started = Instant::now();
        let mut sent = 0;
        while sent < count {
            let due = (started.elapsed().as_secs_f64() * rate) as u64 + 1;
            if due <= sent {
                thread::sleep(NAP);
                continue;
            }
            sent += self.burst((due - sent).min(BURST).min(count - sent))?;
        }
        Ok(count as f64 / started.elapsed().as_secs_f64())
    }

    fn burst(&mut self, count: u64) -> Fallible<u64> {
        let one = Outgoing { payload: &self.payload, to: None };
        let outcome = match &mut self.paths {
            Some(paths) => mmsg::send(&self.socket, &vec![one; usize::try_from(count)?], paths),
            None => self.socket.send(&self.payload).map(|_| 1),
        };
        match outcome {
            Ok(sent) => Ok(sent as u64),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}

fn length(size: usize) -> [u8; 4] {
    u32::try_from(size).unwrap_or_default().to_be_bytes()
}
