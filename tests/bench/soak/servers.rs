//! The servers: the real binary, and what the kernel says that each of them uses.

use std::fs;
use std::io::Write;
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::PATIENCE;
use crate::Fallible;
use crate::plan::Binary;

/// What the clients find where, in the order of [`start`].
pub(super) const HUB: usize = 0;
pub(super) const REPLY: usize = 1;
pub(super) const ECHO: usize = 2;
pub(super) const CHAT: usize = 3;
pub(super) const FORWARD: usize = 4;
pub(super) const LISTENER: usize = 5;

/// What `--reply` says.
pub(super) const ANSWER: &str = "heard";

/// A server that runs. Dropping it kills it.
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) port: u16,
    pub(super) is_stream: bool,
    pub(super) at_first: Usage,
    child: Child,
    words: PathBuf,
}

/// What a server uses at one time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Memory in KiB (VmRSS).
    pub(super) resident: u64,
    pub(super) descriptors: u64,
}

/// Starts all of them; what they say goes to files of this directory.
pub(super) fn start(directory: &Path) -> Fallible<Vec<Server>> {
    let any = "127.0.0.1:0";
    let start = |name, is_stream, args: &[&str]| Server::start(directory, name, is_stream, args);
    let mut servers = vec![
        start("hub", true, &["tcp-serve", "--hub", "--frame", "line", any])?,
        start("reply", true, &["tcp-serve", "--frame", "line", "--reply", ANSWER, any])?,
        start("echo", true, &["echo", any])?,
        start("chat", true, &["chat", "--host", "--headless", any])?,
    ];
    let echo = format!("127.0.0.1:{}", servers.get(ECHO).map_or(0, |server| server.port));
    servers.push(start("forward", true, &["tcp-serve", "--forward", &echo, any])?);
    servers.push(start("listener", false, &["udp-listen", "--reply", ANSWER, any])?);
    Ok(servers)
}

/// The end of what each of them said.
pub(super) fn quote(servers: &[Server]) -> String {
    let said = servers.iter().map(|server| {
        let words = fs::read_to_string(&server.words).unwrap_or_default();
        let last: Vec<&str> = words.lines().rev().take(5).collect();
        format!("\n{} said: {}", server.name, last.join("; "))
    });
    said.collect()
}

impl Server {
    fn start(
        directory: &Path,
        name: &'static str,
        is_stream: bool,
        args: &[&str],
    ) -> Fallible<Self> {
        let (words, ports) = (directory.join(name), directory.join(format!("{name}.port")));
        let mut command = Binary::own().command(args);
        command.arg("--port-file").arg(&ports);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&words)?);
        let child = command.spawn()?;
        let at_first = Usage::default();
        let mut server = Self { name, port: 0, is_stream, at_first, child, words };
        let deadline = Instant::now() + PATIENCE;
        while server.port == 0 {
            // The file is whole as soon as it exists.
            let text = fs::read_to_string(&ports).unwrap_or_default();
            server.port = text.lines().next().map_or(Ok(0), str::parse)?;
            if Instant::now() > deadline {
                return Err(format!("{name} does not listen").into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        server.greet()?;
        server.at_first = server.settled()?;
        Ok(server)
    }

    /// Comes as the first client: a server reads stdin, which is at its end, only then, and gives it
    /// back.
    fn greet(&self) -> Fallible<()> {
        let address = ("127.0.0.1", self.port);
        if self.is_stream {
            let mut first = TcpStream::connect(address)?;
            first.write_all(b"first\n")?;
            first.shutdown(Shutdown::Write)?;
            std::io::copy(&mut first, &mut std::io::sink())?;
        } else {
            let first = UdpSocket::bind("127.0.0.1:0")?;
            first.set_read_timeout(Some(PATIENCE))?;
            first.send_to(b"first", address)?;
            first.recv(&mut [0; 100])?;
        }
        Ok(())
    }

    /// What it uses once that is the same for a while: the port file comes before the end of a start.
    fn settled(&self) -> Fallible<Usage> {
        let (mut last, mut same) = (self.usage()?, 0);
        while same < 20 {
            std::thread::sleep(Duration::from_millis(10));
            let now = self.usage()?;
            same = if now.descriptors == last.descriptors { same + 1 } else { 0 };
            last = now;
        }
        Ok(last)
    }

    pub(super) fn usage(&self) -> Fallible<Usage> {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = fs::read_to_string(process.join("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let line = line.ok_or_else(|| format!("{} has ended", self.name))?;
        let resident = line.trim().trim_end_matches(" kB").parse()?;
        let descriptors = fs::read_dir(process.join("fd"))?.count() as u64;
        Ok(Usage { resident, descriptors })
    }

    /// Stops it, which is its normal end.
    pub(super) fn stop(&mut self) -> Fallible<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).ok_or("no process")?;
        kill_process(pid, Signal::TERM)?;
        let status = self.child.wait()?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("{} ended with {status}", self.name).into()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
