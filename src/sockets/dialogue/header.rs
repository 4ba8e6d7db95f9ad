//! The header of the PROXY protocol, which one side sends and the other one reads.

use super::{Dialogue, Ends, Speaker, Step};
use crate::error::HandshakeError;
use crate::kind::Kind;
use crate::sockets::proxy_header::{HeaderVersion, parse, write};

/// This side names whom it speaks for (`--proxy-protocol`).
pub struct HeaderWriter {
    version: HeaderVersion,
    client: Option<Ends>,
}

impl HeaderWriter {
    /// Names a client and the address that it has connected to, or else the two ends of the connection
    /// itself.
    pub fn new(version: HeaderVersion, client: Option<Ends>) -> Self {
        Self { version, client }
    }
}

impl Dialogue for HeaderWriter {
    fn begin(&mut self, (peer, local): &Ends, out: &mut Vec<u8>) {
        out.extend(match &self.client {
            Some((client, server)) => write(self.version, client, server),
            None => write(self.version, local, peer),
        });
    }

    /// Nothing is answered.
    fn step(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<Step, HandshakeError> {
        Ok(Step::Done(0))
    }

    fn speaker(&self) -> Speaker {
        Speaker { kind: Kind::Reset, who: "the other side".to_owned(), what: "the header" }
    }
}

/// The other side names whom it speaks for (`--accept-proxy`).
#[derive(Default)]
pub struct HeaderReader {
    named: Option<Box<Ends>>,
}

impl Dialogue for HeaderReader {
    fn step(&mut self, received: &[u8], _: &mut Vec<u8>) -> Result<Step, HandshakeError> {
        match parse(received) {
            Ok(None) => Ok(Step::More),
            Ok(Some(header)) => {
                self.named = header.named.map(Box::new);
                Ok(Step::Done(header.length))
            }
            Err(text) => Err(HandshakeError::new(Kind::Proxy, text)),
        }
    }

    fn speaker(&self) -> Speaker {
        let what = "its header of the PROXY protocol";
        Speaker { kind: Kind::Proxy, who: "the client".to_owned(), what }
    }

    fn ends(&mut self, ends: Ends) -> Ends {
        self.named.take().map_or(ends, |named| *named)
    }
}
