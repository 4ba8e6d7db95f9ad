//! Sending a batch by the fastest call that still works, each datagram once.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

#[cfg(not(target_os = "linux"))]
use super::portable as fast;
use super::portable::send_one;
#[cfg(target_os = "linux")]
use super::sendmmsg as fast;
use super::{MAX_PAYLOAD, Outgoing};

/// Datagrams that one buffer is cut into at most (UDP_MAX_SEGMENTS: 64, later 128).
pub(super) const MAX_SEGMENTS: usize = 64;

/// Datagrams for one sendmmsg(2).
const MAX_BATCH: usize = 64;

/// How many datagrams of a size can leave as one buffer.
///
/// The buffer passes the stack as one datagram before it is cut, and has the limit of one.
pub fn longest_run(size: usize) -> usize {
    MAX_PAYLOAD.checked_div(size).map_or(1, |most| most.clamp(1, MAX_SEGMENTS))
}

/// A payload that fits the smallest MTU of IPv6, 1280 bytes (RFC 8200 section 5), and so every
/// path that matters.
const FITS_ANY_PATH: usize = 1232;

/// Which fast paths still work on a socket: one value for each socket, for as long as it is open.
///
/// A path that the kernel refuses is never tried again, and its datagrams are sent by send(2).
#[derive(Debug)]
pub struct FastPaths {
    /// The largest datagram that is worth trying to send as a part of a buffer; 0 for none.
    largest_segment: usize,
    batching: bool,
    /// Of the datagram after those that the last call sent.
    deferred: Option<io::Error>,
}

impl FastPaths {
    /// All paths that the kernel knows of for this socket.
    pub fn new(socket: impl AsFd) -> Self {
        let largest_segment = if fast::can_segment(socket.as_fd()) { MAX_PAYLOAD } else { 0 };
        Self { largest_segment, batching: true, deferred: None }
    }

    /// Whether segmentation (UDP GSO) is still in use, at least for small datagrams.
    #[cfg(test)]
    pub(super) fn can_segment(&self) -> bool {
        self.largest_segment > 0
    }

    /// How many of the first datagrams can leave as one buffer: one size, one destination, and
    /// only the last may be shorter.
    fn run(&self, datagrams: &[Outgoing<'_>]) -> usize {
        let Some(first) = datagrams.first() else { return 0 };
        let segment = first.payload.len();
        if segment == 0 || segment > self.largest_segment {
            return 1;
        }
        let most = longest_run(segment);
        let candidates = datagrams.iter().take(most);
        let fits = |one: &&Outgoing<'_>| one.to == first.to && one.payload.len() == segment;
        let run = candidates.clone().take_while(fits).count();
        let shorter = candidates
            .clone()
            .nth(run)
            .is_some_and(|one| one.to == first.to && (1..segment).contains(&one.payload.len()));
        run + usize::from(shorter)
    }

    /// How many of the first datagrams are for sendmmsg(2): those with an address, up to one that
    /// begins a run.
    ///
    /// Not those of a connected socket: sendmmsg swallows the error of any but the first, and an
    /// ICMP refusal is reported only once. It costs nothing: on loopback a call for each datagram is
    /// as fast.
    fn batch(&self, datagrams: &[Outgoing<'_>]) -> usize {
        if !self.batching {
            return 1;
        }
        let alone = |&at: &usize| {
            let rest = datagrams.get(at..).unwrap_or_default();
            rest.first().is_some_and(|first| first.to.is_some()) && self.run(rest) == 1
        };
        (0..datagrams.len().min(MAX_BATCH)).take_while(alone).count().max(1)
    }

    /// Gives segmentation up for what the kernel has refused; only a segment that may be too
    /// large for its path leaves smaller ones open.
    fn refuse_segment(&mut self, segment: usize, error: &io::Error) {
        let may_be_size = matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EMSGSIZE));
        let smaller = segment.saturating_sub(1);
        self.largest_segment = if may_be_size && segment > FITS_ANY_PATH { smaller } else { 0 };
    }
}

/// Sends as many datagrams as the kernel takes now, from the first on, and returns how many.
///
/// An error is that of the first datagram given. Where a later one fails, the number before it is
/// returned, and the next call, which is to be given the rest, returns the error.
///
/// # Errors
/// `WouldBlock` where the kernel takes none now; `ConnectionRefused` and its like may be about
/// an earlier datagram (udp(7)), and the first one given has not been sent; those of send(2).
pub fn send(
    socket: impl AsFd,
    datagrams: &[Outgoing<'_>],
    paths: &mut FastPaths,
) -> io::Result<usize> {
    if let Some(error) = paths.deferred.take() {
        return Err(error);
    }
    let mut sent = 0;
    while let Some(rest) = datagrams.get(sent..).filter(|rest| !rest.is_empty()) {
        match send_some(socket.as_fd(), rest, paths) {
            Ok(count) => sent += count,
            // As write(2) does: what has left cannot be reported beside an error.
            Err(error) if sent == 0 => return Err(error),
            Err(error) => {
                // The kernel reports a refusal once; WouldBlock it will report again.
                paths.deferred = (error.kind() != io::ErrorKind::WouldBlock).then_some(error);
                break;
            }
        }
    }
    Ok(sent)
}

/// Sends the first of these datagrams, and those after it that can go with it.
fn send_some(
    socket: BorrowedFd<'_>,
    datagrams: &[Outgoing<'_>],
    paths: &mut FastPaths,
) -> io::Result<usize> {
    let Some((first, _)) = datagrams.split_first() else { return Ok(0) };
    let run = datagrams.get(..paths.run(datagrams)).unwrap_or_default();
    if run.len() > 1 {
        return match fast::segmented(socket, run) {
            Err(error) if is_refusal(&error) => send_unsegmented(socket, first, paths, &error),
            outcome => outcome,
        };
    }
    let batch = datagrams.get(..paths.batch(datagrams)).unwrap_or_default();
    if batch.len() > 1 {
        match fast::batched(socket, batch) {
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => paths.batching = false,
            outcome => return outcome,
        }
    }
    send_one(socket, first)
}

/// Sends the first datagram of a run that was refused: if that works, segmentation was at fault.
fn send_unsegmented(
    socket: BorrowedFd<'_>,
    first: &Outgoing<'_>,
    paths: &mut FastPaths,
    refusal: &io::Error,
) -> io::Result<usize> {
    let sent = send_one(socket, first)?;
    paths.refuse_segment(first.payload.len(), refusal);
    Ok(sent)
}

/// Whether an error may mean that the kernel, the device or the path has no segmentation: EINVAL
/// for a segment above the MTU and for a socket without checksums, EIO for IPsec, EOPNOTSUPP and
/// ENOPROTOOPT where it is unknown.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINVAL | libc::EMSGSIZE | libc::EIO | libc::EOPNOTSUPP | libc::ENOPROTOOPT)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn able(largest_segment: usize) -> FastPaths {
        FastPaths { largest_segment, batching: true, deferred: None }
    }

    fn refused(segment: usize, errno: i32) -> usize {
        let mut paths = able(MAX_PAYLOAD);
        paths.refuse_segment(segment, &io::Error::from_raw_os_error(errno));
        paths.largest_segment
    }

    #[test]
    fn a_refusal_that_may_be_the_path_says_nothing_of_smaller_segments() {
        assert_eq!(refused(9000, libc::EINVAL), 8999);
        assert_eq!(refused(1473, libc::EMSGSIZE), 1472);
        assert_eq!(refused(1200, libc::EINVAL), 0);
        assert_eq!(refused(9000, libc::EIO), 0);
        assert_eq!(refused(9000, libc::ENOPROTOOPT), 0);
    }

    proptest! {
        /// What udp(7) and the kernel's checks ask of a buffer that is to be cut.
        #[test]
        fn runs_keep_the_rules_and_miss_nothing(
            sizes in prop::collection::vec(
                prop_oneof![Just(0), Just(1), Just(700), Just(1200), Just(33_000), 0..65_508_usize],
                1..200,
            ),
            hosts in prop::collection::vec(1..3_u8, 200),
            largest in prop_oneof![Just(0), Just(1200), Just(MAX_PAYLOAD)],
        ) {
            let payload = vec![0; MAX_PAYLOAD];
            let datagrams: Vec<_> = sizes.iter().zip(hosts).map(|(size, host)| {
                let to = Some(([127, 0, 0, host], 9).into());
                Outgoing { payload: &payload[..*size], to }
            }).collect();
            let run = able(largest).run(&datagrams);
            prop_assert!((1..=datagrams.len()).contains(&run));
            let (first, others) = datagrams[..run].split_first().unwrap();
            let size = first.payload.len();
            if let Some((last, middle)) = others.split_last() {
                prop_assert!(middle.iter().all(|one| one.payload.len() == size));
                prop_assert!((1..=size).contains(&last.payload.len()));
                prop_assert!(others.iter().all(|one| one.to == first.to));
                prop_assert!(size <= largest && run <= MAX_SEGMENTS);
                let total: usize = datagrams[..run].iter().map(|one| one.payload.len()).sum();
                prop_assert!(total <= MAX_PAYLOAD);
            }
            if let (Some(next), true) = (datagrams.get(run), (1..=largest).contains(&size)) {
                let full = run == (MAX_PAYLOAD / size).clamp(1, MAX_SEGMENTS);
                let ended = datagrams[run - 1].payload.len() < size;
                let fits = next.to == first.to && (1..=size).contains(&next.payload.len());
                prop_assert!(full || ended || !fits);
            }
        }
    }

    #[test]
    fn a_batch_has_addresses_and_no_runs() {
        let one = |payload, host| Outgoing { payload, to: Some(([127, 0, 0, host], 9).into()) };
        let mixed = [one(&b"a"[..], 1), one(b"a", 2), one(b"a", 1), one(b"a", 1)];
        assert_eq!(able(MAX_PAYLOAD).batch(&mixed), 2);
        assert_eq!(able(0).batch(&mixed), 4);
        assert_eq!(FastPaths { batching: false, ..able(0) }.batch(&mixed), 1);
        assert_eq!(able(0).batch(&[Outgoing { payload: b"a", to: None }; 3]), 1);
        assert_eq!(able(0).batch(&[one(&b"a"[..], 1); 100]), MAX_BATCH);
    }
}
