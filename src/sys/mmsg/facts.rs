//! What the kernel reports of a datagram beside its bytes: the control messages of recvmsg(2), read
//! as plain bytes.

use std::num::NonZeroUsize;
use std::time::SystemTime;

use super::SourceAddress;

/// The facts that came with a datagram; each has to be asked for with
/// [`socket::report`](crate::sys::socket::report).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) time: Option<SystemTime>,
    pub(super) dropped: Option<u32>,
    /// Several datagrams came as one, and this is the size of all but the last (UDP_GRO).
    pub(super) segment: Option<NonZeroUsize>,
    /// Our address that it was sent to, where answers may leave from it.
    pub(super) local: Option<SourceAddress>,
    /// The errno of what a router or the peer reported of a datagram of ours (ICMP), on what waits in
    /// the error queue.
    pub(super) error: Option<i32>,
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use std::ffi::{c_int, c_long};
    use std::mem::size_of;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::os::fd::RawFd;
    use std::time::Duration;

    use crate::sys::fd::adopt;

    /// A descriptor of the sending process, on a socket whose first owner asked for it
    /// (SO_PASSPIDFD, Linux 6.5; linux/socket.h).
    const SCM_PIDFD: c_int = 4;

    /// A control message: its level, its type, and its data.
    type Message<'a> = (c_int, c_int, &'a [u8]);

    impl Facts {
        /// Reads the control messages that recvmsg(2) wrote.
        ///
        /// Descriptors that a unix peer passed on (SCM_RIGHTS) are open by now, and are closed:
        /// any program that may write to the socket could fill our table with them.
        pub(in crate::sys::mmsg) fn read(control: &[u8]) -> Self {
            let mut facts = Self::default();
            for message in messages(control) {
                facts.note(message);
            }
            facts
        }

        fn note(&mut self, (level, kind, data): Message<'_>) {
            match (level, kind) {
                // CLOCK_REALTIME: it steps when the clock of the machine is set.
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => self.time = time(data),
                // The type of this message, as of the one above, is the number of its option.
                (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => self.dropped = number(data, 0),
                (libc::SOL_SOCKET, libc::SCM_RIGHTS | SCM_PIDFD) => close_all(data),
                (libc::SOL_UDP, libc::UDP_GRO) => self.segment = segment(data),
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => self.local = local_v4(data),
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => self.local = local_v6(data),
                (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) => {
                    self.error = network_error(data);
                }
                _ => {}
            }
        }
    }

    /// The control messages in a buffer (cmsg(3)): a length that counts the header, a level and a
    /// type, the data, and padding up to the size of a word.
    fn messages(mut rest: &[u8]) -> impl Iterator<Item = Message<'_>> {
        const WORD: usize = size_of::<usize>();
        const HEADER: usize = WORD + 2 * size_of::<c_int>();
        std::iter::from_fn(move || {
            let length = bytes(rest, 0).map(usize::from_ne_bytes)?;
            let level = bytes(rest, WORD).map(c_int::from_ne_bytes)?;
            let kind = bytes(rest, WORD + size_of::<c_int>()).map(c_int::from_ne_bytes)?;
            let data = rest.get(HEADER..length)?;
            rest = rest.get(length.next_multiple_of(WORD)..).unwrap_or_default();
            Some((level, kind, data))
        })
    }

    /// `N` bytes from `start` on.
    fn bytes<const N: usize>(data: &[u8], start: usize) -> Option<[u8; N]> {
        data.get(start..)?.first_chunk().copied()
    }

    fn number(data: &[u8], start: usize) -> Option<u32> {
        bytes(data, start).map(u32::from_ne_bytes)
    }

    /// A struct sock_extended_err (ip(7)): the errno, and one byte for who found the error.
    /// What this machine finds itself, the call returns as well.
    fn network_error(data: &[u8]) -> Option<i32> {
        let origin = *data.get(size_of::<u32>())?;
        let is_icmp = matches!(origin, libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6);
        is_icmp.then(|| number(data, 0)).flatten().and_then(|errno| i32::try_from(errno).ok())
    }

    fn segment(data: &[u8]) -> Option<NonZeroUsize> {
        // An int where it is received, while the message that asks for segmentation has 16 bits (udp(7)).
        let size = bytes(data, 0).map(c_int::from_ne_bytes)?;
        NonZeroUsize::new(usize::try_from(size).ok()?)
    }

    /// A struct in_pktinfo (ip(7)): the interface, our address for answers, the destination.
    fn local_v4(data: &[u8]) -> Option<SourceAddress> {
        let answers_from = Ipv4Addr::from(bytes(data, size_of::<c_int>())?);
        let destination = Ipv4Addr::from(bytes(data, 2 * size_of::<c_int>())?);
        // The two differ for broadcasts and groups. The first is 0 for what came before the option
        // was set: a broadcast address of a network then shows when it is sent from.
        let is_ours = answers_from.is_unspecified() || answers_from == destination;
        let is_one = !destination.is_multicast() && !destination.is_broadcast();
        (is_ours && is_one).then(|| SourceAddress { ip: destination.into(), interface: None })
    }

    /// A struct in6_pktinfo (ipv6(7)): the destination, and the interface.
    fn local_v6(data: &[u8]) -> Option<SourceAddress> {
        let ip = Ipv6Addr::from(bytes::<16>(data, 0)?);
        // Only a link-local address means an interface. To answer others by the one that they came
        // in by would overrule the routes.
        let interface = ip.is_unicast_link_local().then(|| number(data, 16)).flatten();
        (!ip.is_multicast()).then(|| SourceAddress { ip: ip.into(), interface })
    }

    /// A struct timespec: seconds and nanoseconds, a long each.
    fn time(data: &[u8]) -> Option<SystemTime> {
        let seconds = bytes(data, 0).map(c_long::from_ne_bytes)?;
        let nanos = bytes(data, size_of::<c_long>()).map(c_long::from_ne_bytes)?;
        let since = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?);
        SystemTime::UNIX_EPOCH.checked_add(since)
    }

    fn close_all(data: &[u8]) {
        let (descriptors, _) = data.as_chunks();
        for descriptor in descriptors {
            drop(adopt(RawFd::from_ne_bytes(*descriptor)));
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn message(level: c_int, kind: c_int, data: &[u8]) -> Vec<u8> {
            let length = size_of::<usize>() + 8 + data.len();
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend(level.to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(data);
            bytes.resize(length.next_multiple_of(size_of::<usize>()), 0);
            bytes
        }

        #[test]
        fn each_message_is_read_wherever_it_stands() {
            let stamp = [c_long::to_ne_bytes(7), c_long::to_ne_bytes(9)].concat();
            let control = [
                message(libc::SOL_UDP, libc::UDP_GRO, &1200_i32.to_ne_bytes()),
                message(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, &5_u32.to_ne_bytes()),
                message(77, 78, b"whatever"),
                message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS, &stamp),
            ]
            .concat();
            let facts = Facts {
                time: Some(SystemTime::UNIX_EPOCH + Duration::new(7, 9)),
                dropped: Some(5),
                segment: NonZeroUsize::new(1200),
                local: None,
                error: None,
            };
            assert_eq!(Facts::read(&control), facts);
        }

        #[test]
        fn only_an_address_that_answers_may_leave_from_is_local() {
            let v4 = |answers_from: [u8; 4], destination: [u8; 4]| {
                let data = [2_i32.to_ne_bytes(), answers_from, destination].concat();
                Facts::read(&message(libc::IPPROTO_IP, libc::IP_PKTINFO, &data)).local
            };
            let ip = |ip: [u8; 4]| Some(SourceAddress { ip: ip.into(), interface: None });
            for answers_from in [[10, 0, 0, 1], [0; 4]] {
                assert_eq!(v4(answers_from, [10, 0, 0, 1]), ip([10, 0, 0, 1]));
            }
            for broadcast in [[10, 0, 0, 255], [255; 4], [239, 0, 0, 1]] {
                assert_eq!(v4([10, 0, 0, 1], broadcast), None);
            }
            assert_eq!((v4([0; 4], [255; 4]), v4([0; 4], [224, 0, 0, 1])), (None, None));
            let v6 = |ip: &str| {
                let ip: Ipv6Addr = ip.parse().unwrap();
                let data = [&ip.octets()[..], &7_u32.to_ne_bytes()].concat();
                let facts = Facts::read(&message(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &data));
                facts.local.map(|local| (local.ip.to_string(), local.interface))
            };
            assert_eq!(v6("fd77::1"), Some(("fd77::1".to_owned(), None)));
            assert_eq!(v6("fe80::1"), Some(("fe80::1".to_owned(), Some(7))));
            assert_eq!(v6("::ffff:10.0.0.1"), Some(("::ffff:10.0.0.1".to_owned(), None)));
            assert_eq!(v6("ff02::1"), None);
        }

        #[test]
        fn what_is_cut_off_or_makes_no_sense_is_no_fact() {
            let whole = message(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, &5_u32.to_ne_bytes());
            for end in 0..20 {
                assert_eq!(Facts::read(&whole[..end]), Facts::default(), "{end}");
            }
            let mut endless = whole.clone();
            endless[..8].copy_from_slice(&usize::MAX.to_ne_bytes());
            assert_eq!(Facts::read(&endless), Facts::default());
            let zero = message(libc::SOL_UDP, libc::UDP_GRO, &0_i32.to_ne_bytes());
            assert_eq!(Facts::read(&zero), Facts::default());
            let early = [c_long::to_ne_bytes(-1), c_long::to_ne_bytes(0)].concat();
            let early = message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS, &early);
            assert_eq!(Facts::read(&early), Facts::default());
        }
    }
}
