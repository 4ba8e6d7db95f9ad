use super::*;
use std::net::SocketAddr;

/// A kernel that takes so many datagrams, and refuses those to port 9.
struct Kernel {
    room: usize,
    taken: Vec<Vec<u8>>,
    now: Instant,
    /// It takes none for this one.
    full: Option<ReturnPath>,
}

impl Default for Kernel {
    fn default() -> Self {
        Self { room: 0, taken: Vec::new(), now: Instant::now(), full: None }
    }
}

impl SendDatagram for Kernel {
    fn send_datagram(
        &mut self,
        _: Id,
        payload: &[u8],
        path: Option<&ReturnPath>,
    ) -> io::Result<()> {
        if path == Some(&peer(9)) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        if self.taken.len() == self.room || (path.is_some() && path == self.full.as_ref()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.taken.push(payload.to_vec());
        Ok(())
    }

    fn time(&self) -> Instant {
        self.now
    }
}

fn peer(port: u16) -> ReturnPath {
    SocketAddr::from(([127, 0, 0, 1], port)).into()
}

fn id() -> Id {
    Id::for_tests(1)
}

#[test]
fn datagrams_wait_in_order_and_a_refused_one_holds_nobody_up() {
    let (mut kernel, mut outbox) = (Kernel { room: 1, ..Kernel::default() }, Outbox::default());
    let mut send = |kernel: &mut Kernel, text: &'static str, port| {
        outbox.send(kernel, id(), DatagramPayload::Lent(text.as_bytes()), Some(&peer(port)))
    };
    assert_eq!(send(&mut kernel, "a", 1).unwrap(), DatagramOutcome::Sent);
    assert_eq!(send(&mut kernel, "b", 2).unwrap(), DatagramOutcome::Queued);
    // It is not tried before its turn, though it would fail at once.
    assert_eq!(send(&mut kernel, "c", 9).unwrap(), DatagramOutcome::Queued);
    kernel.room = 2;
    assert_eq!(send(&mut kernel, "dd", 3).unwrap(), DatagramOutcome::Queued);
    assert_eq!(outbox.bytes(), 4);
    let flushed = outbox.flush(&mut kernel, id());
    assert_eq!((flushed.sent, flushed.failed.len(), outbox.bytes()), (1, 1, 2));
    assert_eq!(flushed.failed[0].to, Some(peer(9).to));
    kernel.room = 3;
    assert_eq!((outbox.flush(&mut kernel, id()).sent, outbox.is_empty()), (1, true));
    assert_eq!(kernel.taken, [b"a".to_vec(), b"b".to_vec(), b"dd".to_vec()]);
}

#[test]
fn what_fails_at_once_is_told_at_once() {
    let (mut kernel, mut outbox) = (Kernel::default(), Outbox::default());
    let refused = outbox.send(&mut kernel, id(), DatagramPayload::Lent(b""), Some(&peer(9)));
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    assert!(outbox.is_empty());
}

#[test]
fn a_unix_peer_that_is_full_waits_or_misses() {
    let unix = ReturnPath { to: SenderAddress::Unix(None), from: None };
    let table = [(FullPeer::Wait, true), (FullPeer::Retry, true), (FullPeer::Miss, false)];
    for (full_peer, waits) in table {
        let (mut kernel, mut outbox) = (Kernel::default(), Outbox::new(full_peer));
        let outcome = outbox.send(&mut kernel, id(), DatagramPayload::Lent(b"x"), Some(&unix));
        assert_eq!((outcome.is_ok(), !outbox.is_empty()), (waits, waits));
        // Others wait whatever becomes of unix peers.
        let outcome = outbox.send(&mut kernel, id(), DatagramPayload::Lent(b"x"), None);
        assert_eq!(outcome.unwrap(), DatagramOutcome::Queued);
    }
}

#[test]
fn a_full_device_is_waited_for_where_the_owner_tries_again() {
    struct Device(bool);
    impl SendDatagram for Device {
        fn send_datagram(&mut self, _: Id, _: &[u8], _: Option<&ReturnPath>) -> io::Result<()> {
            if self.0 { Err(Errno::NOBUFS.into()) } else { Ok(()) }
        }

        fn time(&self) -> Instant {
            Instant::now()
        }
    }
    for (full_peer, waits) in [(FullPeer::Wait, false), (FullPeer::Retry, true)] {
        let (mut device, mut outbox) = (Device(true), Outbox::new(full_peer));
        let outcome = outbox.send(&mut device, id(), DatagramPayload::Lent(b"x"), None);
        assert_eq!((outcome.is_ok(), !outbox.is_empty()), (waits, waits));
        device.0 = false;
        assert_eq!(outbox.flush(&mut device, id()).sent, usize::from(waits));
    }
}

#[test]
fn the_queue_is_bounded() {
    let (mut kernel, mut outbox) = (Kernel::default(), Outbox::default());
    let payload = &Bytes::from_static(b"x");
    for _ in 0..MOST {
        outbox.send(&mut kernel, id(), payload.into(), None).unwrap();
    }
    let refused = outbox.send(&mut kernel, id(), payload.into(), None).unwrap_err();
    assert_eq!((refused.kind(), outbox.bytes()), (io::ErrorKind::WouldBlock, MOST));
    outbox.clear();
    assert!(outbox.is_empty());
}

fn unix(name: &str) -> ReturnPath {
    let name = crate::sys::unix::SocketName::of_bytes(name.as_bytes()).unwrap();
    ReturnPath { to: SenderAddress::Unix(Some(Box::new(name))), from: None }
}

#[test]
fn a_unix_peer_that_reads_nothing_holds_up_itself_for_a_while() {
    let (stuck, other) = (unix("/stuck"), unix("/other"));
    let mut kernel = Kernel { room: 9, full: Some(stuck.clone()), ..Kernel::default() };
    let mut outbox = Outbox::new(FullPeer::Retry);
    let mut send = |kernel: &mut Kernel, text: &'static [u8], to| {
        outbox.send(kernel, id(), DatagramPayload::Lent(text), Some(to))
    };
    assert_eq!(send(&mut kernel, b"1", &stuck).unwrap(), DatagramOutcome::Queued);
    assert_eq!(send(&mut kernel, b"2", &stuck).unwrap(), DatagramOutcome::Queued);
    for to in [&other, &peer(1)] {
        assert_eq!(send(&mut kernel, b"x", to).unwrap(), DatagramOutcome::Sent);
    }
    assert!(outbox.is_moving());
    kernel.now += STUCK;
    assert_eq!((outbox.flush(&mut kernel, id()).sent, outbox.is_moving()), (0, false));
    // Nobody waits for it, so that its room is small.
    for number in 2..=MOST_STUCK {
        let sent = outbox.send(&mut kernel, id(), DatagramPayload::Lent(b"x"), Some(&stuck));
        assert_eq!(sent.is_ok(), number < MOST_STUCK, "{number}");
    }
    (kernel.full, kernel.room) = (None, 3);
    assert_eq!((outbox.flush(&mut kernel, id()).sent, outbox.is_moving()), (1, true));
    kernel.room = usize::MAX;
    assert_eq!(outbox.flush(&mut kernel, id()).sent, MOST_STUCK - 1);
    assert!(outbox.is_empty() && !outbox.is_moving());
    assert_eq!(kernel.taken[..4], [b"x", b"x", b"1", b"2"]);
}
