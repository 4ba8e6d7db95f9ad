//! A short session inside TLS that is cut behind each of its records, of either side.

use std::time::Duration;

use fastrand::Rng;
use wirecat::framing::Framing;
use wirecat::protocol::relay::Source;
use wirecat::sessions::config::Handling;

use super::actor::Temper;
use super::plan::Basics;
use super::service::Service;
use super::tls;
use super::tls_peer::{Habits, How, Role, TlsPeer, Where};
use super::tls_server;
use super::tls_visitor::{Visitor, plan_of};
use super::wire::Shape;

/// Both directions have several records of data.
const TEXT: &[u8] = b"what one side has to say to the other";
const HOWS: [How; 2] = [How::Fin, How::Reset];

/// Where records end in what comes.
#[derive(Debug, Default)]
pub(super) struct Boundaries {
    header: Vec<u8>,
    /// Bytes that the record has left.
    left: usize,
    /// Records that are whole.
    pub(super) count: usize,
}

impl Boundaries {
    /// How many of these bytes come until so many records are whole; all of them where they are not.
    pub(super) fn pass(&mut self, bytes: &[u8], until: usize) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            if self.count >= until {
                return at;
            }
            if self.header.len() < 5 {
                self.header.push(*byte);
                if let [_, _, _, high, low] = self.header[..] {
                    self.left = usize::from(u16::from_be_bytes([high, low]));
                }
            } else {
                self.left -= 1;
            }
            if self.header.len() == 5 && self.left == 0 {
                self.header.clear();
                self.count += 1;
            }
        }
        bytes.len()
    }
}

/// `tcp-connect --tls` with a server that is cut.
pub(super) fn sweep_client() {
    sweep(|version, cut| {
        let mut rng = Rng::with_seed(version as u64);
        tls::play_cut(&mut rng, basics(), habits(cut), version, TEXT).1.peer
    });
}

/// `tcp-serve --tls-cert` with a client that is cut.
pub(super) fn sweep_server() {
    sweep(|version, cut| {
        let mut rng = Rng::with_seed(version as u64);
        let (after, to_send) = (Duration::ZERO, TEXT.to_vec());
        let visitor = Visitor { after, version, trusts: true, habits: habits(cut), to_send };
        let plan = plan_of(Service::Serve(Handling::Relay), basics(), 1, 1 << 16);
        let (_, server) = tls_server::play_with(&mut rng, plan, vec![visitor]);
        server.guests.into_iter().next().expect("a client").peer
    });
}

/// Plays a session of each version whole, and then once for each place where it can be cut.
fn sweep(play: impl Fn(usize, Option<(Where, How)>) -> TlsPeer) {
    for version in 0..2 {
        let whole = play(version, None);
        let (ours, theirs) = (whole.records(), whole.heard());
        assert!(whole.is_orderly && whole.saw_notify && whole.received == TEXT, "it is not whole");
        assert!(ours > 6 && theirs > 4, "{ours} and {theirs} records are few");
        let places = (0..ours).map(Where::Record).chain((0..=theirs).map(Where::Theirs));
        for place in places.chain([Where::Byte(0), Where::Notify]) {
            for how in HOWS {
                super::tell(|| format!("version {version}: {place:?} {how:?}"));
                let peer = play(version, Some((place, how)));
                let is_last = place == Where::Record(ours - 1) || place == Where::Theirs(theirs);
                assert!(is_last || !peer.is_orderly || !peer.saw_notify, "{place:?} is no cut");
            }
        }
    }
}

fn habits(cut: Option<(Where, How)>) -> Habits {
    Habits {
        role: Role::Own,
        proxy: None,
        most: 20,
        pause: Duration::from_millis(1),
        stuck: None,
        cut,
        after_theirs: false,
        fin_after: Duration::ZERO,
    }
}

fn basics() -> Basics {
    Basics {
        framing: Framing::None,
        source: Source::Stream,
        stdin: TEXT.to_vec(),
        keep_open: false,
        leave: false,
        quit_after: None,
        idle: None,
        timeout: None,
        signal: None,
        stdout: Shape { capacity: 1 << 16, plain: true, disk: None },
        stdout_temper: Temper::Good,
        recorded: false,
    }
}
