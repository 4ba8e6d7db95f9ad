//! Telling others that a server is ready.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::error::{Failure, Status};

/// Writes the ports to a file, one a line, each once. A regular file appears whole or not at
/// all: it is written under another name and renamed. A pipe or device is written as it is.
pub(super) fn write_ports(path: &Path, ports: &[u16]) -> Result<(), Failure> {
    let mut text = String::new();
    let mut last = None;
    for port in ports {
        if last.replace(port) != Some(port) {
            text.push_str(&format!("{port}\n"));
        }
    }
    write_whole(path, text.as_bytes()).map_err(|error| {
        Failure::io(Status::Local, "write the ports to", path.display().to_string(), &error)
    })
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let other = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = fs::write(&other, bytes).and_then(|()| fs::rename(&other, path));
    if written.is_err() {
        let _ = fs::remove_file(&other);
    }
    written
}
