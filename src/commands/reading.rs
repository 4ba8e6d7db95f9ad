//! What is read before the loop begins: texts, recordings, certificates, passwords. No loop can end the
//! run meanwhile, and a FIFO, a terminal or stdin has no end until its writer has. A thread looks at the
//! clock then, and at signals, which are held back for it.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use clap::ArgMatches;
#[cfg(feature = "tls")]
use clap::parser::ValueSource;

use super::args::RunArgs;
use super::launch;
use super::names::Signalled;
use super::rules::refuse;
use super::usage::Audience;
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::report::{Notice, Reporter, Settings};
use crate::sessions::NOTE_AFTER;
use crate::sys::{signals, startup};
use crate::values::unescape;

/// How soon a signal, or the end of the time, ends a run that reads.
const TICK: Duration = Duration::from_millis(20);

/// Options whose value is a TEXT, which may be `@FILE`.
const TEXTS: [&str; 6] = ["greet", "prefix", "quit_word", "reply", "send", "stop_word"];
/// Options whose value is a file that is read whole.
const FILES: [&str; 6] =
    ["replay", "tls_ca", "tls_cert", "tls_client_ca", "tls_key", "via_password_file"];

/// A file that a command reads first.
pub(super) struct InputFile {
    /// What names it: `--send`.
    pub(super) option: String,
    /// The file, or `-`.
    pub(super) path: PathBuf,
}

/// The files that a command reads first.
pub(super) fn input_files(typed: &ArgMatches) -> Vec<InputFile> {
    let values = |id: &'static str| {
        let values = typed.try_get_raw(id).ok().flatten().into_iter().flatten();
        values.map(move |value| (format!("--{}", id.replace('_', "-")), value))
    };
    let texts = TEXTS.into_iter().flat_map(values);
    let texts = texts.filter_map(|(option, text)| {
        Some((option, OsStr::from_bytes(text.as_bytes().strip_prefix(b"@")?)))
    });
    let trusted = trusted(typed);
    let trusted = trusted.as_deref().map(|file| ("SSL_CERT_FILE".to_owned(), file));
    let all = texts.chain(FILES.into_iter().flat_map(values)).chain(trusted);
    all.map(|(option, file)| InputFile { option, path: file.into() }).collect()
}

/// The names of those that may have no end: all but regular ones.
pub(super) fn endless(files: &[InputFile]) -> Vec<String> {
    let is_stdin = |path: &Path| path.as_os_str() == "-";
    let paths = files.iter().map(|file| file.path.as_path());
    let paths =
        paths.filter(|path| is_stdin(path) || path.metadata().is_ok_and(|found| !found.is_file()));
    let title = |path: &Path| match is_stdin(path) {
        true => "stdin".to_owned(),
        false => path.display().to_string(),
    };
    let mut titles: Vec<String> = paths.map(title).collect();
    titles.dedup();
    titles
}

/// The file of certificates that the environment names, where a client of this command line looks at it.
#[cfg(feature = "tls")]
fn trusted(typed: &ArgMatches) -> Option<OsString> {
    let is_typed = |id: &str| {
        typed.try_contains_id(id).is_ok_and(|has| has)
            && typed.value_source(id) == Some(ValueSource::CommandLine)
    };
    let mut upstreams = typed.try_get_raw("forward").ok().flatten().into_iter().flatten();
    let is_client = ["tls", "starttls"].into_iter().any(is_typed)
        || upstreams.any(|upstream| upstream.as_bytes().starts_with(b"tls:"));
    let trusts_others = ["tls_ca", "tls_pin", "tls_insecure"].into_iter().any(is_typed);
    if is_client && !trusts_others { std::env::var_os("SSL_CERT_FILE") } else { None }
}

#[cfg(not(feature = "tls"))]
fn trusted(_: &ArgMatches) -> Option<OsString> {
    None
}

/// The bytes that a TEXT value means: with escapes, `@FILE`, or `@-`.
///
/// # Errors
/// The file cannot be read.
#[cold]
pub(super) fn read_text(text: &OsStr) -> Result<Bytes, Failure> {
    let fail = |what: &str, error: io::Error| Failure::io(Status::Local, "read", what, &error);
    match text.as_bytes().strip_prefix(b"@") {
        None => Ok(unescape(text.as_bytes()).into()),
        Some(b"") => {
            let cause = "the name of a file is missing behind it; \\x40 is an @ that is sent";
            Err(refuse("@", cause))
        }
        Some(b"-") => {
            let mut bytes = Vec::new();
            io::stdin().read_to_end(&mut bytes).map_err(|error| fail("stdin", error))?;
            Ok(bytes.into())
        }
        Some(path) => {
            let path = Path::new(OsStr::from_bytes(path));
            let name = path.display().to_string();
            Ok(std::fs::read(path).map_err(|error| fail(&name, error))?.into())
        }
    }
}

/// Reads while a thread looks at the clock and at signals, where there is a file that may have no end.
pub(super) fn watched<T>(
    files: &[String],
    settings: &Settings,
    args: &RunArgs,
    read: impl FnOnce() -> T,
) -> T {
    if files.is_empty() {
        return read();
    }
    startup::begin_clock();
    // Where they cannot be held, the kernel ends the process, without a word.
    let _ = signals::hold_ends();
    let (done, ended) = channel();
    let result = thread::scope(|scope| {
        let watch = move || watch(&ended, &files.join(", "), settings, args);
        // Where no thread can be had, it is read without a limit.
        if thread::Builder::new().name("clock".to_owned()).spawn_scoped(scope, watch).is_err() {
            let _ = signals::unblock_all();
        }
        let result = read();
        drop(done);
        result
    });
    end_if_signalled(settings, args);
    let _ = signals::unblock_all();
    result
}

/// Reports what the run waits for, and ends it when its time is up or a signal has come.
fn watch(ended: &Receiver<()>, files: &str, settings: &Settings, args: &RunArgs) {
    let mut is_noted = args.timeout.is_some_and(|limit| limit <= NOTE_AFTER);
    while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        end_if_signalled(settings, args);
        if !is_noted && startup::age() >= NOTE_AFTER {
            is_noted = true;
            let text = format!("waiting for the end of {files} (-w limits this)");
            Reporter::new(settings.clone()).report(&Notice::warning(Kind::Waiting, text));
        }
        if let Some(limit) = args.timeout.filter(|limit| startup::age() >= *limit) {
            let limit = humantime::format_duration(limit);
            let cause = format!("the time of {limit} is up, and {files} has not ended");
            let (status, kind) = (Status::Timeout, Kind::Timeout);
            let failure = Failure::new(status, kind, "finish", "the run", cause);
            let status = report_end(&failure.into(), settings, args);
            // The thread that reads cannot be woken.
            std::process::exit(status.code().into());
        }
    }
}

/// Ends the run where a signal has come that is to end it.
fn end_if_signalled(settings: &Settings, args: &RunArgs) {
    if let Some(signal) = signals::take_held() {
        let status = match signal {
            signals::SIGINT => Status::Interrupt,
            signals::SIGTERM => Status::Terminate,
            _ => Status::Hangup,
        };
        report_end(&Signalled(status).into(), settings, args);
        signals::die(signal);
    }
}

/// Reports the end of the run, which a further signal cuts short.
fn report_end(error: &anyhow::Error, settings: &Settings, args: &RunArgs) -> Status {
    let _ = signals::unblock_all();
    launch::report_failure(error, Audience::new(settings.clone(), args))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::commands::cli::Cli;

    /// A file that is written, and a text that is no file.
    const OTHERS: [&str; 3] = ["record", "port_file", "tag"];

    #[test]
    fn each_option_that_reads_a_file_is_known() {
        let cli = Cli::command();
        let mut count = 0;
        for argument in cli.get_subcommands().flat_map(clap::Command::get_arguments) {
            let names = argument.get_value_names().unwrap_or_default();
            let id = argument.get_id().as_str();
            let is_text = names.contains(&"TEXT".into());
            if (is_text || names.contains(&"FILE".into())) && !OTHERS.contains(&id) {
                count += 1;
                assert_eq!(TEXTS.contains(&id), is_text, "{id}");
                assert_eq!(FILES.contains(&id), !is_text, "{id}");
            }
        }
        assert!(count >= 10, "{count} options are few");
    }
}
