//! The payload of test traffic (`mcast-send --test`).
//!
//! Owns its layout, all numbers big-endian; zeroes fill it up to `--size`:
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | `WCprobe` and the version of the layout, the byte 1 |
//! | 8–15 | sequence number; the first is 0 |
//! | 16–23 | sender: random for each run, separates restarts and several senders on one address |
//! | 24–31 | when it was sent, nanoseconds since the Unix epoch |

/// Distinguishes test traffic from any other.
const MAGIC: [u8; 8] = *b"WCprobe\x01";

/// One message of test traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its number; the first of a run is 0.
    pub sequence: u64,
    /// The run that sent it.
    pub sender: u64,
    /// When it was sent, in nanoseconds since the Unix epoch.
    pub sent: u64,
}

impl Probe {
    /// The least size of a payload, in bytes.
    pub const SIZE: usize = 32;

    /// Writes the first [`Probe::SIZE`] bytes of a payload and leaves the rest as it is. Returns
    /// `false`, and writes nothing, where the payload is shorter.
    #[must_use]
    pub fn write(&self, payload: &mut [u8]) -> bool {
        let Some(head) = payload.first_chunk_mut::<{ Self::SIZE }>() else { return false };
        let fields = [
            MAGIC,
            self.sequence.to_be_bytes(),
            self.sender.to_be_bytes(),
            self.sent.to_be_bytes(),
        ];
        head.copy_from_slice(fields.as_flattened());
        true
    }

    /// The probe in a payload; `None` where it is other traffic. What fills the payload behind it
    /// is not checked.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (fields, _) = payload.as_chunks::<8>();
        let [magic, sequence, sender, sent] = *fields.first_chunk()?;
        (magic == MAGIC).then(|| Self {
            sequence: u64::from_be_bytes(sequence),
            sender: u64::from_be_bytes(sender),
            sent: u64::from_be_bytes(sent),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_layout_is_fixed() {
        let mut payload = [0; 34];
        assert!(Probe { sequence: 1, sender: 0x0203, sent: 0x0405 }.write(&mut payload));
        assert_eq!(
            &payload[..],
            b"WCprobe\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x02\x03\0\0\0\0\0\0\x04\x05\0\0"
        );
    }

    #[test]
    fn other_traffic_is_no_probe_and_a_short_payload_holds_none() {
        let probe = Probe { sequence: 7, sender: 8, sent: 9 };
        let mut payload = [0; Probe::SIZE];
        assert!(!probe.write(&mut payload[1..]));
        assert_eq!(payload, [0; Probe::SIZE]);
        assert!(probe.write(&mut payload));
        assert_eq!(Probe::read(&payload[..31]), None);
        payload[7] = 2;
        assert_eq!(Probe::read(&payload), None);
        assert_eq!(Probe::read(b""), None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(sequence: u64, sender: u64, sent: u64, spare in 0..100_usize) {
            let probe = Probe { sequence, sender, sent };
            let mut payload = vec![0; Probe::SIZE + spare];
            prop_assert!(probe.write(&mut payload));
            prop_assert_eq!(Probe::read(&payload), Some(probe));
        }
    }
}
