//! A hub: what one client sends goes to all others, with one write for each.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use super::echo::Loop;
use crate::Fallible;

/// One read, of whole lines where the sender is not faster.
const CHUNK: usize = 64 * 1024;

/// It does not look for lines, and drops a client that has no room.
pub(super) fn serve(port: u16) -> Fallible<()> {
    let mut server = Loop::new(port)?;
    let listener = usize::try_from(server.listener.as_raw_fd())?;
    let mut chunk = vec![0; CHUNK];
    loop {
        for number in server.wait()? {
            if number == listener {
                server.accept()?;
                continue;
            }
            let Some(place) = server.clients.get_mut(number) else { continue };
            let Some(client) = place else { continue };
            match client.read(&mut chunk) {
                Ok(count @ 1..) => {
                    spread(&mut server.clients, number, chunk.get(..count).unwrap_or_default());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => *place = None,
            }
        }
    }
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
