//! Round trips with blocking calls, and what answers datagrams.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use crate::Fallible;

/// Bytes of a probe.
const SIZE: usize = 56;
/// A lost datagram must not hang the bench.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends back each datagram that comes, and waits in epoll for the next.
pub(super) fn serve_datagrams(port: u16) -> Fallible<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&poll, socket.as_fd(), EventData::new_u64(0), EventFlags::IN)?;
    let (mut chunk, mut events) = (vec![0; 65_536], Vec::with_capacity(8));
    loop {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None)?;
        let (count, from) = socket.recv_from(&mut chunk)?;
        socket.send_to(chunk.get(..count).unwrap_or_default(), from)?;
    }
}

/// Sends a probe and takes the answer.
type Round = dyn FnMut(&[u8], &mut [u8]) -> std::io::Result<()>;

/// Sends probes back to back, and prints the median in microseconds.
pub(super) fn ping(protocol: &str, port: u16, count: u32) -> Fallible<()> {
    let mut times = Histogram::<u32>::new(3)?;
    let (mut probe, mut answer) = (vec![0; SIZE], vec![0; SIZE]);
    let mut round: Box<Round> = if protocol == "udp" {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect((Ipv4Addr::LOCALHOST, port))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Box::new(move |probe, answer| {
            socket.send(probe)?;
            socket.recv(answer).map(drop)
        })
    } else {
        // With the congestion control that the machine has, as the others in the table.
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        Box::new(move |probe, answer| {
            stream.write_all(probe)?;
            stream.read_exact(answer)
        })
    };
    for number in 0..count {
        probe.iter_mut().zip(number.to_be_bytes()).for_each(|(byte, value)| *byte = value);
        let started = Instant::now();
        round(&probe, &mut answer)?;
        times.record(u64::try_from(started.elapsed().as_nanos())?)?;
        if probe != answer {
            return Err("another answer than the probe came".into());
        }
    }
    println!("{}", times.value_at_quantile(0.5) as f64 / 1e3);
    Ok(())
}
