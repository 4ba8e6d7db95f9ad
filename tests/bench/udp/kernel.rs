//! What the kernel counts of a UDP socket, whoever owns it.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::ops::RangeInclusive;
use std::thread;
use std::time::{Duration, Instant};

use crate::Fallible;
use crate::process::Process;

/// How long a tool may take to bind its port, and to read what waits there.
const PATIENCE: Duration = Duration::from_secs(10);
/// The list has no event to wait for.
const PAUSE: Duration = Duration::from_millis(1);

/// A line of /proc/net/udp.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counters {
    /// Bytes that wait to be read.
    pub(crate) queued: u64,
    /// Datagrams that found no room.
    pub(crate) drops: u64,
}

impl Counters {
    /// The counters of the socket on a port of 127.0.0.1; `None` where there is none.
    pub(crate) fn of(port: u16) -> Fallible<Option<Self>> {
        let list = fs::read_to_string("/proc/net/udp")?;
        let wanted = format!("0100007F:{port:04X}");
        let mut lines = list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let Some(fields) = lines.find(|fields| fields.get(1).is_some_and(|it| *it == wanted))
        else {
            return Ok(None);
        };
        let queues = fields.get(4).and_then(|it| it.split_once(':')).ok_or("no rx_queue")?;
        let drops = fields.get(12).ok_or("no drops")?.parse()?;
        Ok(Some(Self { queued: u64::from_str_radix(queues.1, 16)?, drops }))
    }

    /// Waits until a tool has bound its port.
    pub(crate) fn wait_for_socket(port: u16, tool: &mut Process) -> Fallible<()> {
        let started = Instant::now();
        while Self::of(port)?.is_none() {
            if tool.has_ended()? || started.elapsed() > PATIENCE {
                return Err("it does not listen".into());
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Waits until a tool has read all that came, and says how many datagrams it lost.
    pub(crate) fn wait_for_drops(port: u16) -> Fallible<u64> {
        let started = Instant::now();
        loop {
            let counters = Self::of(port)?.ok_or("its socket is gone")?;
            if counters.queued == 0 {
                return Ok(counters.drops);
            }
            if started.elapsed() > PATIENCE {
                return Err("it does not read what came".into());
            }
            thread::sleep(PAUSE);
        }
    }
}

/// A port that was free a moment ago. UDP has no way to hold one for somebody else.
pub(crate) fn free_port() -> Fallible<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A bound socket that nobody reads: its buffer fills, and the kernel drops the rest, which costs
/// the sender the whole way to the socket.
pub(crate) struct Sink {
    socket: UdpSocket,
    pub(crate) port: u16,
}

impl Sink {
    pub(crate) fn new() -> Fallible<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        Ok(Self { port: socket.local_addr()?.port(), socket })
    }

    /// Datagrams that came, dropped ones included; one of a size beside these is an error.
    pub(crate) fn arrived(self, sizes: RangeInclusive<usize>) -> Fallible<u64> {
        let drops = Counters::of(self.port)?.ok_or("the sink is gone")?.drops;
        let (mut buffer, mut kept) = (vec![0; 65_536], 0);
        while let Ok(length) = self.socket.recv(&mut buffer) {
            if !sizes.contains(&length) {
                return Err(format!("a datagram of {length} bytes, not {sizes:?}, arrived").into());
            }
            kept += 1;
        }
        Ok(drops + kept)
    }
}
