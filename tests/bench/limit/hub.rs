//! A hub: what one client sends goes to all others, with one write for each.

use std::io::Write;
use std::net::TcpStream;

use super::echo::Loop;
use crate::Fallible;

/// It does not look for lines, and drops a client that has no room.
pub(super) fn serve(port: u16) -> Fallible<()> {
    Loop::new(port)?.serve(|clients, from, bytes| {
        spread(clients, from, bytes);
        Ok(())
    })
}

fn spread(clients: &mut [Option<TcpStream>], from: usize, bytes: &[u8]) {
    for (number, place) in clients.iter_mut().enumerate() {
        let Some(client) = place.as_mut().filter(|_| number != from) else { continue };
        if client.write(bytes).is_ok_and(|count| count == bytes.len()) {
            continue;
        }
        *place = None;
    }
}
