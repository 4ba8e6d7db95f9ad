//! `SSLKEYLOGFILE`: the secrets of each session, so that Wireshark and its like read what was said.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use data_encoding::HEXLOWER;
use rustls::KeyLog;

use crate::error::{Failure, Status};
use crate::sys::fd;

/// The environment says once for the process where its secrets go.
static OF_PROCESS: OnceLock<Arc<KeyLogFile>> = OnceLock::new();

/// A file of secrets, in the form of NSS: a label, the random of the client, the secret.
pub struct KeyLogFile {
    file: Mutex<File>,
    /// Lines for a capture, which takes them at the end of each turn.
    lines: Mutex<Vec<u8>>,
    /// Whether there is one.
    is_captured: AtomicBool,
}

/// Secrets are shown nowhere but in the file and the capture.
impl fmt::Debug for KeyLogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLogFile").finish_non_exhaustive()
    }
}

impl KeyLogFile {
    /// The file that `SSLKEYLOGFILE` names, where it names one. It is made for its owner alone, and lines
    /// are added to it. A symbolic link of another user is not followed.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn of_environment() -> Result<Option<Arc<Self>>, Failure> {
        let Some(path) = std::env::var_os("SSLKEYLOGFILE").filter(|path| !path.is_empty()) else {
            return Ok(None);
        };
        if let Some(file) = OF_PROCESS.get() {
            return Ok(Some(file.clone()));
        }
        let file = Arc::new(Self::open(&path)?);
        Ok(Some(OF_PROCESS.get_or_init(|| file).clone()))
    }

    /// What stands where the secrets of this process go, if they go anywhere.
    pub(crate) fn metadata() -> Option<Metadata> {
        OF_PROCESS.get()?.file.lock().unwrap_or_else(PoisonError::into_inner).metadata().ok()
    }

    fn open(path: &OsStr) -> Result<Self, Failure> {
        let name = Path::new(path).display().to_string();
        let opened = fd::open_to_append(Path::new(path)).map_err(|error| {
            Failure::io(Status::Local, "log secrets to", name, &error).fix("SSLKEYLOGFILE names it")
        })?;
        let (lines, is_captured) = (Mutex::default(), AtomicBool::new(false));
        Ok(Self { file: Mutex::new(opened.into()), lines, is_captured })
    }

    /// That of this process, for a capture that takes its lines from now on.
    pub(crate) fn for_capture() -> Option<Arc<Self>> {
        let file = OF_PROCESS.get()?.clone();
        file.is_captured.store(true, Ordering::Relaxed);
        Some(file)
    }

    /// The capture takes no more lines, and none are kept.
    pub(crate) fn end_capture(&self) {
        self.is_captured.store(false, Ordering::Relaxed);
        drop(self.take());
    }

    /// The lines since the last call.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let (random, secret) = (HEXLOWER.encode(client_random), HEXLOWER.encode(secret));
        let line = format!("{label} {random} {secret}\n");
        // A secret that is missing is seen by whoever looks for it, and no reason to end a connection. A
        // line is written at once, so that those of several processes do not mix (O_APPEND, write(2)).
        let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
        if self.is_captured.load(Ordering::Relaxed) {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.extend_from_slice(line.as_bytes());
        }
    }
}
