//! The proxies that connections are made through.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::rules::refuse;
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::sessions::config::Common;
use crate::sockets::dialogue::ViaChain;

/// The section of `--help` about it.
pub(super) const PROXIES: &str = "\
Proxies (--via):
  socks5://HOST:PORT  http://HOST:PORT   SOCKS5 (RFC 1928), HTTP CONNECT
  URL,URL     the first one is asked for the second one, the last one for ADDR
  USER@HOST   its password is in WIRECAT_PROXY_PASSWORD or a file
  The last proxy looks ADDR up; a port alone is one of its machine. In events
  the peer is ADDR as it was written, and the local address that of the
  socket. -4 and -6 are about the first proxy. A capture (pcapng) has what is
  said to proxies, and so the password.";

/// Has the password of the proxies, where no file has it.
const VARIABLE: &str = "WIRECAT_PROXY_PASSWORD";
/// Most bytes of a file of passwords.
const MOST: u64 = 64 * 1024;
/// The group, and others, may read it.
const OTHERS: u32 = 0o044;

/// What a connection leads through
// What may be left out stands in brackets, which are no links.
#[allow(rustdoc::broken_intra_doc_links)]
#[derive(Args, Clone, Debug, Default)]
pub struct ViaArgs {
    /// Connect through a proxy, socks5://[USER@]HOST:PORT or http://[USER@]HOST:PORT; a comma makes
    /// a chain, whose last one looks the name up
    #[arg(long, value_name = "URL")]
    pub via: Option<String>,
    /// Read the passwords of the proxies from FILE: a line for all, or one for each that has a USER
    /// [default: WIRECAT_PROXY_PASSWORD]
    #[arg(long, value_name = "FILE", requires = "via", value_hint = ValueHint::FilePath)]
    pub via_password_file: Option<PathBuf>,
}

impl ViaArgs {
    /// The proxies, with their passwords. What is to be known of the file goes to the warnings of the run.
    ///
    /// # Errors
    /// A bad URL, no password or too many, or a file that cannot be read.
    #[cold]
    pub(super) fn chain(&self, common: &mut Common) -> Result<Option<ViaChain>, Failure> {
        let Some(text) = &self.via else { return Ok(None) };
        let chain: ViaChain = text.parse().map_err(|why: String| refuse("--via", why))?;
        let (option, passwords) = match (&self.via_password_file, std::env::var_os(VARIABLE)) {
            (Some(_), _) if chain.users() == 0 => {
                let why = "no proxy has a user: write socks5://USER@HOST:PORT";
                return Err(refuse("--via-password-file", why));
            }
            (Some(path), _) => ("--via-password-file", read(path, common)?),
            _ if chain.users() == 0 => return Ok(Some(chain)),
            (None, Some(password)) => (VARIABLE, vec![password.into_vec()]),
            (None, None) => {
                let why = format!("a user needs a password: {VARIABLE} or --via-password-file");
                return Err(refuse("--via", why));
            }
        };
        chain.with_passwords(&passwords).map(Some).map_err(|why| refuse(option, why))
    }
}

/// The passwords in a file, one a line.
fn read(path: &Path, common: &mut Common) -> Result<Vec<Vec<u8>>, Failure> {
    let name = path.display().to_string();
    let fail = |error: io::Error| Failure::io(Status::Local, "read passwords from", &*name, &error);
    let mut file = File::open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    let mut text = Vec::new();
    let length = (&mut file).take(MOST + 1).read_to_end(&mut text).map_err(fail)?;
    if length as u64 > MOST {
        return Err(refuse("--via-password-file", format!("{name} has more than {MOST} bytes")));
    }
    if metadata.is_file() && metadata.mode() & OTHERS != 0 {
        let text = format!("others can read the password in {name} (chmod 600 {name})");
        common.warnings.push((Kind::Exposed, text));
    }
    let lines = text.strip_suffix(b"\n").unwrap_or(&text).split(|byte| *byte == b'\n');
    Ok(lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec()).collect())
}
