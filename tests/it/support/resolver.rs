//! A machine whose name server never answers: it is bound to its port and silent, and the library
//! waits 150 s for it.

use std::io::Write;

use super::namespaces::Host;
use super::{Program, Running, forget_colors, program, wirecat_path};

const CONF: &str = "nameserver 127.0.0.99\noptions timeout:30 attempts:5\n";
/// In a mount namespace, so that no other process sees the file.
const SCRIPT: &str = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";

/// The machine, and what its name server hears.
pub(crate) struct DeadResolver {
    host: Host,
    conf: tempfile::NamedTempFile,
    server: Running,
}

impl DeadResolver {
    /// # Errors
    /// Why this is not possible here.
    pub(crate) fn new() -> Result<Self, String> {
        let host = Host::new()?;
        let mut conf = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        conf.write_all(CONF.as_bytes()).map_err(|error| error.to_string())?;
        let mut server = host.wirecat("udp-listen -n 127.0.0.99:53").start();
        server.wait_for("listening");
        let resolver = Self { host, conf, server };
        let probe = resolver.program("true", &[]).run();
        match probe.code {
            Some(0) => Ok(resolver),
            _ => Err(format!("no /etc/resolv.conf of its own: {}", probe.stderr)),
        }
    }

    fn program(&self, name: &str, args: &[&str]) -> Program {
        let mut command = self.host.command("unshare");
        command.args(["-m", "sh", "-c", SCRIPT]).arg(self.conf.path()).arg(name).args(args);
        forget_colors(&mut command);
        program(command)
    }

    /// A wirecat on this machine.
    pub(crate) fn wirecat(&self, args: &str) -> Program {
        let args: Vec<&str> = args.split_whitespace().collect();
        self.program(wirecat_path(), &args)
    }

    /// Waits until the name server was asked for a name that begins with this label.
    #[track_caller]
    pub(crate) fn wait_for_question(&mut self, label: &str) {
        self.server.wait_for_output(label);
    }
}
