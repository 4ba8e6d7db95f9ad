//! `--seq rtp`: each SSRC of a peer is a stream of its own (SPEC section 7).

use std::net::UdpSocket;

use serde_json::Value;

use crate::support::datagrams::socket;
use crate::support::{Ended, Running, wirecat};

fn rtp(ssrc: u32, number: u16) -> Vec<u8> {
    [&[0x80, 96][..], &number.to_be_bytes(), &[0; 4], &ssrc.to_be_bytes(), b"media"].concat()
}

fn listen(count: usize, most: &str) -> (Running, UdpSocket) {
    let count = count.to_string();
    let arguments = ["udp-listen", "--output=json", "--stats", "--seq", "rtp", "--max-loss", most];
    let more = ["-c", &count, "127.0.0.1:0"];
    let mut listener = wirecat(arguments.into_iter().chain(more)).start();
    let peer = socket();
    peer.connect(listener.udp_address()).unwrap();
    (listener, peer)
}

/// The last figures of each SSRC: SSRC, messages, lost.
fn streams(ended: &Ended) -> Vec<[u64; 3]> {
    let events = ended.events();
    let stats = events.iter().filter(|event| event["event"] == "stats" && event["ssrc"].is_u64());
    let figure = |event: &Value, name: &str| event[name].as_u64().unwrap_or_default();
    stats.map(|event| ["ssrc", "messages", "lost"].map(|name| figure(event, name))).collect()
}

#[test]
fn half_of_a_second_stream_lost_is_its_loss() {
    let sent = 100 + 50;
    for (most, code) in [("0%", 1), ("24%", 1), ("26%", 0)] {
        let (listener, peer) = listen(sent, most);
        for number in 0..100 {
            peer.send(&rtp(7, 65_500_u16.wrapping_add(number))).unwrap();
            if number % 2 == 0 {
                peer.send(&rtp(0xfeed_beef, 1000 + number)).unwrap();
            }
        }
        let ended = listener.wait().code(code);
        // The last number of the second stream that came is the 99th.
        assert_eq!(streams(&ended), [[7, 100, 0], [0xfeed_beef, 50, 49]]);
        assert_eq!(ended.stderr.contains("24.62 % were lost"), code == 1, "{}", ended.stderr);
    }
}

/// RTCP on the same port (RFC 5761) has no number, and no stream of its own.
#[test]
fn rtcp_is_counted_with_the_stream_before_it() {
    let (listener, peer) = listen(4, "0%");
    let rtcp = [&[0x80, 200, 0, 6][..], &7_u32.to_be_bytes(), &[0; 20]].concat();
    for datagram in [&rtcp, &rtp(7, 1), &rtcp, &rtp(7, 2)] {
        peer.send(datagram).unwrap();
    }
    assert_eq!(streams(&listener.wait().code(0)), [[7, 4, 0]]);
}

/// Their number is bounded: 64 a peer. What had to go is summed up, and nobody vouches for it.
#[test]
fn more_streams_than_are_counted_do_not_pass() {
    let (listener, peer) = listen(200, "0%");
    for ssrc in 0..100 {
        peer.send(&rtp(ssrc, 1)).unwrap();
        peer.send(&rtp(ssrc, 2)).unwrap();
    }
    let ended = listener.wait().code(1).says("too many sources to count the loss of each (36 had");
    assert_eq!(streams(&ended).len(), 64);
    let others = ended.events().into_iter().find(|event| event["peer"] == "others").unwrap();
    assert_eq!([&others["count"], &others["messages"], &others["lost"]], [36, 72, 0]);
}
