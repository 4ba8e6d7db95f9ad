//! One side of a TLS connection, in memory: records in, records out.
//!
//! rustls has a client and a server, which differ in the type of their states alone; here they are one.

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{CommonState, Error};

/// Plaintext of one record at most (RFC 8446, section 5.1).
pub(crate) const RECORD: usize = 16 * 1024;
/// What a record may have beside its plaintext: header, explicit nonce, content type and tag are 5, 8, 1
/// and 16 bytes.
pub(crate) const OVERHEAD: usize = 32;
/// Room for the records that rustls itself puts in front of data: alerts, an answer to a key update.
const OWN_RECORDS: usize = 4 * 1024;
/// Steps that one call of rustls may need before it is ready to encrypt.
const STEPS: usize = 64;

/// A client or a server.
pub(super) enum TlsRole {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
}

/// What one step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordStep {
    /// More may follow at once.
    Done,
    /// The peer's close_notify has come.
    Closed,
    /// Nothing more before the next bytes of the wire.
    Idle,
}

/// Where the outcome of a step goes.
pub(crate) struct Sinks<'a> {
    /// Plaintext that has come.
    pub(crate) data: &'a mut dyn FnMut(&[u8]),
    /// Records to be written to the wire.
    pub(crate) outgoing: &'a mut Vec<u8>,
}

impl TlsRole {
    /// What is known of the connection.
    pub(super) fn common(&self) -> &CommonState {
        match self {
            Self::Client(connection) => connection,
            Self::Server(connection) => connection,
        }
    }

    /// Takes one step on `wire`; returns how many bytes at its front are done with.
    pub(super) fn step(
        &mut self,
        wire: &mut [u8],
        sinks: &mut Sinks<'_>,
    ) -> (usize, Result<RecordStep, Error>) {
        match self {
            Self::Client(connection) => take_step(connection.process_tls_records(wire), sinks),
            Self::Server(connection) => take_step(connection.process_tls_records(wire), sinks),
        }
    }

    /// Encrypts `plain`, or else a close_notify, behind what is `into` already. `wire` is what has come of
    /// an unfinished record.
    pub(super) fn encrypt(
        &mut self,
        plain: Option<&[u8]>,
        wire: &mut [u8],
        into: &mut [u8],
    ) -> Result<usize, Error> {
        for _ in 0..STEPS {
            let done = match self {
                Self::Client(it) => encrypt_step(it.process_tls_records(wire), plain, into),
                Self::Server(it) => encrypt_step(it.process_tls_records(wire), plain, into),
            };
            if let Some(outcome) = done {
                return outcome;
            }
        }
        Err(Error::General("the connection takes nothing to send".to_owned()))
    }
}

/// How large the records of so much plaintext may be.
pub(crate) const fn sealed(plain: usize) -> usize {
    plain + (plain / RECORD + 1) * OVERHEAD + OWN_RECORDS
}

fn take_step<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    sinks: &mut Sinks<'_>,
) -> (usize, Result<RecordStep, Error>) {
    let mut done = status.discard;
    let step = match status.state {
        Err(error) => Err(error),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
            match traffic.next_record() {
                Some(Ok(record)) => {
                    done += record.discard;
                    (sinks.data)(record.payload);
                }
                Some(Err(error)) => break Err(error),
                None => break Ok(RecordStep::Done),
            }
        },
        Ok(ConnectionState::EncodeTlsData(mut record)) => {
            let at = sinks.outgoing.len();
            let encoded = loop {
                match record.encode(sinks.outgoing.get_mut(at..).unwrap_or_default()) {
                    Err(EncodeError::InsufficientSize(short)) => {
                        sinks.outgoing.resize(at + short.required_size, 0);
                    }
                    encoded => break encoded.unwrap_or_default(),
                }
            };
            sinks.outgoing.truncate(at + encoded);
            Ok(RecordStep::Done)
        }
        Ok(ConnectionState::TransmitTlsData(records)) => {
            // They are kept here until they are written.
            records.done();
            Ok(RecordStep::Done)
        }
        Ok(ConnectionState::PeerClosed) => Ok(RecordStep::Closed),
        // 0-RTT is not offered by the configurations here, and not taken.
        Ok(_) => Ok(RecordStep::Idle),
    };
    (done, step)
}

/// `None` where another step is needed first.
fn encrypt_step<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    plain: Option<&[u8]>,
    into: &mut [u8],
) -> Option<Result<usize, Error>> {
    match status.state {
        Err(error) => Some(Err(error)),
        Ok(ConnectionState::WriteTraffic(mut traffic)) => {
            let outcome = match plain {
                Some(plain) => traffic.encrypt(plain, into),
                None => traffic.queue_close_notify(into),
            };
            Some(outcome.map_err(|error| match error {
                EncryptError::EncryptExhausted => Error::EncryptError,
                EncryptError::InsufficientSize(_) => {
                    debug_assert!(false, "`sealed` leaves room");
                    Error::EncryptError
                }
            }))
        }
        Ok(ConnectionState::TransmitTlsData(records)) => {
            records.done();
            None
        }
        Ok(ConnectionState::ReadTraffic(_) | ConnectionState::EncodeTlsData(_)) => {
            debug_assert!(false, "what has come is processed when it comes");
            Some(Err(Error::General("records wait that were not processed".to_owned())))
        }
        Ok(_) => None,
    }
}
