//! The real loop, pool and sessions in virtual time, with everything outside of them made up from
//! a seed: clients that are good, slow, stuck or rude, pipes of any size, needless `WouldBlock`s,
//! signals, full disks. What comes out is compared with a plain model.
//!
//! A failure names its seed; `WIRECAT_SEED=n cargo test --test it simulation` plays it again.
//! `WIRECAT_SEEDS=n` plays more of them.

mod actor;
mod client;
mod datagrams;
mod forward;
mod guest;
mod network;
mod outside;
mod packets;
mod plan;
mod pool;
mod reconnect;
mod room;
mod room_verdict;
mod server;
mod service;
mod stage;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_cuts;
#[cfg(feature = "tls")]
mod tls_parties;
#[cfg(feature = "tls")]
mod tls_peer;
#[cfg(feature = "tls")]
mod tls_server;
#[cfg(feature = "tls")]
mod tls_verdict;
#[cfg(feature = "tls")]
mod tls_visitor;
mod verdict;
mod wire;
mod world;

use std::thread;

use service::Service;

/// How many scenarios each session goes through.
const SEEDS: u64 = 256;
/// Cryptography is slow in a debug build.
#[cfg(feature = "tls")]
const TLS_SEEDS: u64 = 256;

/// SPEC 1.3, 1.4, 1.7, 6, 7 (slow clients): what a server promises its clients and its caller.
#[test]
fn a_server_does_right_by_its_clients_and_its_caller() {
    play_all(|seed| server::play(seed, Service::any_handler));
}

/// SPEC 7, `--hub`: each message goes to all others, and to stdout.
#[test]
fn a_hub_passes_each_message_to_all_others() {
    play_all(|seed| server::play(seed, Service::hub));
}

/// SPEC 7, `--reply`: each client gets its answers, and its end.
#[test]
fn a_reply_reaches_each_client() {
    play_all(|seed| server::play(seed, Service::reply));
}

/// SPEC 7, `echo`: each client gets back what it said, and nothing else.
#[test]
fn an_echo_returns_what_was_said() {
    play_all(|seed| server::play(seed, Service::echo));
}

/// SPEC 1.3, 1.4, 6, 9: what a client promises both its sides and its caller.
#[test]
fn a_client_loses_nothing_in_silence_and_comes_to_its_end() {
    play_all(client::play);
}

/// SPEC 1.3, 7, `--reconnect`: what a lost connection did not send goes to the next one.
#[test]
fn a_client_that_reconnects_sends_each_message_once() {
    play_all(reconnect::play);
}

/// SPEC 5: connections that commands ask for, beside those that are accepted.
#[test]
fn a_pool_answers_each_command_and_ends_each_connection() {
    play_all(pool::play);
}

/// SPEC 5, `--replay`: each client that says what was recorded is told what was recorded.
#[test]
fn a_replay_plays_its_side_to_each_client() {
    play_all(|seed| server::play(seed, Service::replay));
}

/// SPEC 6, 7, `--forward`: both sides of a relay get all that the other one says, and its end.
#[test]
fn a_relay_passes_on_everything_and_a_cut_never_looks_whole() {
    play_all(forward::play);
}

/// SPEC 1.3, 5, 7: each line is a datagram, each datagram reaches stdout, and losses are reported.
#[test]
fn a_datagram_session_sends_and_takes_each_once() {
    play_all(datagrams::play);
}

/// SPEC 7, `chat --host`: who stays hears everybody, whole and in order, whatever others do.
#[test]
fn a_room_passes_on_the_lines_of_its_members() {
    play_all(room::play);
}

/// SPEC 7, TLS and proxies: what arrives is what was sent, and a cut is no end.
#[cfg(feature = "tls")]
#[test]
fn a_client_inside_tls_takes_no_cut_for_an_end() {
    play_some(TLS_SEEDS, |seed| drop(tls::play(seed)));
}

/// SPEC 7, TLS: good clients get everything, whatever others do to their handshakes and streams.
#[cfg(feature = "tls")]
#[test]
fn a_server_inside_tls_does_right_by_its_clients() {
    play_some(TLS_SEEDS, |seed| drop(tls_server::play(seed)));
}

/// A cut behind every record of a session, of either side, as both sides of wirecat take it.
#[cfg(feature = "tls")]
#[test]
fn a_cut_at_any_boundary_of_records_is_no_end() {
    tls_cuts::sweep_client();
    tls_cuts::sweep_server();
}

/// Keys and ciphertexts differ from run to run, and nothing else does.
#[cfg(feature = "tls")]
#[test]
fn a_scenario_inside_tls_depends_on_its_seed_alone() {
    play_some(8, |seed| assert_eq!(tls::play(seed), tls::play(seed)));
    play_some(8, |seed| assert_eq!(tls_server::play(seed), tls_server::play(seed)));
}

fn play_all(play: fn(u64)) {
    play_some(SEEDS, play);
}

fn play_some(seeds: u64, play: fn(u64)) {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    if let Some(seed) = number("WIRECAT_SEED") {
        return play(seed);
    }
    for seed in 0..number("WIRECAT_SEEDS").unwrap_or(seeds) {
        let _naming = Naming(seed);
        play(seed);
    }
}

/// Tells more where one scenario is looked at closely.
fn tell(what: impl FnOnce() -> String) {
    if std::env::var_os("WIRECAT_SEED").is_some() {
        eprintln!("{}", what());
    }
}

/// Names the seed if a panic comes by.
struct Naming(u64);

impl Drop for Naming {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the seed was {0}: WIRECAT_SEED={0} plays it again", self.0);
        }
    }
}
