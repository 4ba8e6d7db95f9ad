//! No two outputs of a run are one file: each would write over the other from a place of its own, and the
//! port file takes the place of a file under its name. Nor is one of them what stdin or an option reads.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::args::RunArgs;
use super::reading::InputFile;
use super::rules::refuse;
use crate::error::{Failure, Status};
use crate::sessions::config::Common;
use crate::sessions::ready::is_stdout;
use crate::sessions::recorder::RecordTarget;
#[cfg(feature = "tls")]
use crate::sockets::tls::KeyLogFile;
use crate::sys::fd;

/// What is written to under a name, and what stands there.
type Named = (String, Metadata);

/// Checks that no two outputs of a run are one file, and that none is the file that it reads. A file that
/// does not exist yet is never the same as another.
///
/// # Errors
/// `Status::Usage`: two are one file, or one FIFO that takes a recording.
#[cold]
pub(super) fn check_outputs(common: &Common) -> Result<(), Failure> {
    let mut known: Vec<Named> = Vec::new();
    known.extend(metadata_of(io::stdin()).map(|found| ("stdin".to_owned(), found)));
    known.extend(metadata_of(io::stdout()).map(|found| ("stdout".to_owned(), found)));
    known.extend(metadata_of(io::stderr()).map(|found| ("stderr".to_owned(), found)));
    #[cfg(feature = "tls")]
    {
        let secrets = KeyLogFile::metadata().map(|found| ("SSLKEYLOGFILE".to_owned(), found));
        add(&mut known, secrets, false)?;
    }
    let record = common.helpers.record.as_ref().filter(|target| !target.is_stdout());
    add(&mut known, record.and_then(|target| named("--record", &target.file)), true)?;
    let ports = &common.helpers.readiness;
    let ports = ports.port_file.as_deref().filter(|_| !ports.use_stdout());
    add(&mut known, ports.and_then(|file| named("--port-file", file)), false)
}

/// Checks that a run writes to no file that it reads first, before it reads any: one may have no end. Two
/// outputs that are one file are refused here already, where both are there.
///
/// # Errors
/// `Status::Usage`: it does.
#[cold]
pub(super) fn check_input_files(args: &RunArgs, files: &[InputFile]) -> Result<(), Failure> {
    // stdin and stdout are looked at with the outputs.
    let read = files.iter().filter(|file| file.path.as_os_str() != "-");
    let mut known: Vec<Named> = read.filter_map(|file| named(&file.option, &file.path)).collect();
    let record = args.record.as_deref().map(|typed| RecordTarget::new(typed).file);
    // Where nothing of TLS is read, no secrets are written.
    let is_of_tls =
        |file: &InputFile| file.option.starts_with("--tls") || file.option == "SSL_CERT_FILE";
    let secrets = std::env::var_os("SSLKEYLOGFILE").filter(|_| files.iter().any(is_of_tls));
    let outputs = [
        ("--record", record.filter(|file| !is_stdout(file))),
        ("--port-file", args.port_file.clone().filter(|file| !is_stdout(file))),
        ("SSLKEYLOGFILE", secrets.map(PathBuf::from)),
    ];
    for (option, file) in outputs {
        add(&mut known, file.and_then(|file| named(option, &file)), false)?;
    }
    Ok(())
}

/// Checks that a file which is a descriptor, such as `/dev/fd/3`, is one that this process was given: the
/// number of one that was not may be that of something which this process opens for itself.
///
/// # Errors
/// `Status::Local`: it is not open.
#[cold]
pub(super) fn check_given(option: &str, file: &Path) -> Result<(), Failure> {
    fd::check_given(file).map_err(|error| {
        let target = format!("{option} {}", file.display());
        Failure::io(Status::Local, "use", target, &error)
            .fix("the parent opens it for writing, as the shell does with 3>FILE")
    })
}

fn named(option: &str, file: &Path) -> Option<Named> {
    // One that cannot be looked at cannot be opened either, which says why.
    Some((format!("{option} {}", file.display()), file.metadata().ok()?))
}

/// Adds an output, or refuses one that is the same file as a known one. The ports are one small write, and so
/// is each line of secrets: a FIFO takes such a write whole beside those of others (pipe(7), PIPE_BUF).
fn add(known: &mut Vec<Named>, new: Option<Named>, shares_no_fifo: bool) -> Result<(), Failure> {
    let Some((name, found)) = new else { return Ok(()) };
    // A terminal or a device, such as the null device, may take as much as one likes.
    if found.is_file() || (found.file_type().is_fifo() && shares_no_fifo) {
        let place = |found: &Metadata| (found.dev(), found.ino());
        if let Some((other, _)) = known.iter().find(|(_, other)| place(other) == place(&found)) {
            return Err(refuse(&name, format!("{other} is the same file")));
        }
    }
    known.push((name, found));
    Ok(())
}

fn metadata_of(stream: impl AsFd) -> Option<Metadata> {
    File::from(stream.as_fd().try_clone_to_owned().ok()?).metadata().ok()
}
