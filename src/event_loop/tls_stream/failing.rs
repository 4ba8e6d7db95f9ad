//! A stream on which TLS cannot begin.

use std::io::{self, IoSlice};

use crate::error::HandshakeError;
use crate::event_loop::transport::Transport;
use crate::sockets::Endpoint;

/// A connection that is made, and fails at once.
pub(super) struct FailingStream {
    inner: Box<dyn Transport>,
    error: HandshakeError,
}

impl FailingStream {
    pub(super) fn new(inner: Box<dyn Transport>, error: HandshakeError) -> Self {
        Self { inner, error }
    }

    fn fail<T>(&self) -> io::Result<T> {
        Err(self.error.clone().into())
    }
}

impl Transport for FailingStream {
    fn inner(&self) -> Option<&dyn Transport> {
        Some(&*self.inner)
    }

    fn inner_mut(&mut self) -> Option<&mut dyn Transport> {
        Some(&mut *self.inner)
    }

    fn connected(&mut self) -> io::Result<Option<(Endpoint, Endpoint)>> {
        match self.inner.connected()? {
            Some(_) => self.fail(),
            None => Ok(None),
        }
    }

    fn is_open(&self) -> bool {
        false
    }

    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.fail()
    }

    fn write(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        self.fail()
    }
}
