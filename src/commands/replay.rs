//! `--replay`: a recording is read and understood before anything is opened, and played on the
//! sockets of its command.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use super::args::ReplayArgs;
use super::launch::Launch;
use super::udp_listen;
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::protocol::replay::{Recording, Script};
use crate::recording::Role;
use crate::report::transcript;
use crate::sessions::DataTo;
use crate::sessions::config::{Replay, UdpListen};
use crate::sessions::datagrams::{DatagramSession, ReplayService};

/// The first bytes of pcapng (the type of its section header block).
const PCAPNG: &[u8] = b"\n\r\r\n";

/// One side of the recorded streams: that of a server, or that of a client.
///
/// # Errors
/// The file cannot be read, is no transcript, or has no such conversation.
pub(super) fn streams(args: &ReplayArgs, role: Role) -> Result<Option<Replay>, Failure> {
    load(args, "stream", |recording| recording.streams(role))
}

/// A listener's side of the recorded datagrams.
///
/// # Errors
/// As those of [`streams`].
pub(super) fn datagrams(args: &ReplayArgs) -> Result<Option<Replay>, Failure> {
    load(args, "datagram", Recording::datagrams)
}

fn load(
    args: &ReplayArgs,
    what: &str,
    choose: impl FnOnce(&Recording) -> Vec<Script>,
) -> Result<Option<Replay>, Failure> {
    let Some(path) = &args.replay else { return Ok(None) };
    let is_stdin = path.as_os_str() == "-";
    let name = if is_stdin { "stdin".to_owned() } else { path.display().to_string() };
    let mut bytes = Vec::new();
    let read = match is_stdin {
        true => io::stdin().read_to_end(&mut bytes),
        false => File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)),
    };
    read.map_err(|error| Failure::io(Status::Local, "read", name.as_str(), &error))?;
    let wrong = |cause: String| Failure::new(Status::Usage, Kind::Usage, "replay", &*name, cause);
    if bytes.starts_with(PCAPNG) {
        let cause = "it is pcapng, which does not say what was sent by whom in answer to what";
        return Err(wrong(cause.to_owned()).fix("record to a name without .pcapng"));
    }
    let recording = transcript::parse(&bytes).map_err(|bad| wrong(bad.to_string()))?;
    let scripts: Vec<Arc<Script>> = choose(&recording).into_iter().map(Arc::new).collect();
    if scripts.is_empty() {
        return Err(wrong(format!("there is no {what} in it")));
    }
    Ok(Some(Replay { scripts, timing: args.replay_timing }))
}

pub(super) fn listen(config: &UdpListen, replay: &Replay) -> anyhow::Result<Status> {
    let common = &config.listen.common;
    let mut launch = Launch::new(common)?;
    udp_listen::look_up(&mut launch, config)?;
    let sockets = udp_listen::open(&mut launch, config)?;
    let (console, input) = launch.streams(common, DataTo::Stdout)?;
    let ids = sockets.iter().map(|socket| socket.id);
    let session = ReplayService::session(common.clone(), replay, console, input, ids);
    launch.serve(session, DatagramSession::start)
}
