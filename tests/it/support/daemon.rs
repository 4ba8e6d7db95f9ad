//! Foreign servers, each on a port of its own, that end with their test.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use super::peers::Reserved;
use super::{PATIENCE, proc};

/// A server in a process group of its own, which ends with the test, also where that fails.
pub(crate) struct Daemon {
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
    _port: Reserved,
}

impl Daemon {
    /// Starts a program that `words` tell to listen on a port of 127.0.0.1, in the foreground.
    pub(crate) fn on_port(program: &str, words: impl FnOnce(u16) -> Vec<String>) -> Self {
        let port = Reserved::new().expect("a port");
        let mut command = Command::new(program);
        command.args(words(port.port)).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = proc::spawn(&mut command).expect("the server starts");
        let address = format!("127.0.0.1:{}", port.port);
        Self { child, address, _port: port }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Its children are in the group; the server ends them by itself, or they go with it.
        if let Some(group) = Pid::from_raw(self.child.id() as i32) {
            let _ = kill_process_group(group, Signal::TERM);
        }
        if !proc::ends_within(PATIENCE, &mut self.child) {
            proc::end(&mut self.child);
        }
    }
}
