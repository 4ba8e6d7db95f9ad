//! Machines of a test's own: network namespaces on one network, IPv4 and IPv6.
//!
//! A namespace has no name in the system: a `cat` holds it, whose stdin is a pipe from the test.
//! When the test ends, however it ends, so does the `cat`, and the kernel takes the namespace and
//! its interfaces away.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::pipes::patient;
use super::{Program, forget_colors, proc, program, wirecat_path};

/// One machine.
pub(crate) struct Host {
    holder: Child,
}

impl Host {
    /// A machine with nothing but lo, which is up.
    ///
    /// # Errors
    /// Why this is not possible here.
    pub(crate) fn new() -> Result<Self, String> {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", "ip link set lo up && echo ready && exec cat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut holder =
            proc::spawn(&mut command).map_err(|error| format!("no unshare: {error}"))?;
        let mut line = String::new();
        let stdout = holder.stdout.take().map(|stdout| BufReader::new(patient(stdout)));
        let said = stdout.map(|mut stdout| stdout.read_line(&mut line));
        let host = Self { holder };
        match said {
            Some(Ok(1..)) => {}
            _ => return Err("no network namespace can be made (root may)".to_owned()),
        }
        // An address is else tentative for its first second, and nothing is sent from it.
        host.try_shell(
            "for i in all default; do echo 0 > /proc/sys/net/ipv6/conf/$i/accept_dad; done",
        )?;
        Ok(host)
    }

    /// A command on this machine.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.holder.id())).arg("--").arg(program);
        command
    }

    /// A wirecat on this machine, as [`super::wirecat`].
    pub(crate) fn wirecat(&self, args: &str) -> Program {
        let mut command = self.command(wirecat_path());
        command.args(args.split_whitespace());
        forget_colors(&mut command);
        program(command)
    }

    /// What a shell script says on this machine; it must succeed.
    #[track_caller]
    pub(crate) fn shell(&self, script: &str) -> String {
        match self.try_shell(script) {
            Ok(output) => output,
            Err(error) => panic!("{error}"),
        }
    }

    fn try_shell(&self, script: &str) -> Result<String, String> {
        let mut command = self.command("sh");
        command.args(["-euc", script]);
        let ended = program(command).run();
        if ended.code != Some(0) {
            return Err(format!("`{script}` failed: {}", ended.stderr));
        }
        Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
    }

    /// Gives this machine an interface on the network of a switch: an IPv4 and an IPv6 address,
    /// and the route of all groups.
    fn plug_in(
        &self,
        switch: &Host,
        bridge: &str,
        name: &str,
        v4: &str,
        v6: &str,
        number: usize,
    ) -> Result<(), String> {
        let holder = self.holder.id();
        let port = format!("{name}-{number}");
        switch.try_shell(&format!(
            "ip link add {port} type veth peer name {name} netns {holder}
             ip link set {port} master {bridge} up"
        ))?;
        self.try_shell(&format!(
            "ip addr add {v4}.{number}/24 dev {name}
             ip addr add {v6}::{number}/64 dev {name} nodad
             ip link set {name} up
             ip route replace 224.0.0.0/4 dev {name}"
        ))?;
        switch.wait_until_up(&port)?;
        self.wait_until_up(name)
    }

    /// The kernel takes up to a second to notice a carrier.
    fn wait_until_up(&self, interface: &str) -> Result<(), String> {
        let up = format!(
            "for i in $(seq 500); do
                 ip -o link show {interface} | grep -q 'state UP' && exit 0
                 sleep 0.02
             done
             exit 1"
        );
        self.try_shell(&up).map(drop)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        proc::end(&mut self.holder);
    }
}

const BRIDGE: &str = "switch";

/// Several machines on one switch. Each has `eth0`: 10.77.0.N and fd77::N, counting from 1.
pub(crate) struct Lan {
    pub(crate) hosts: Vec<Host>,
    switch: Host,
}

impl Lan {
    /// A network of so many machines.
    ///
    /// # Errors
    /// Why this is not possible here.
    pub(crate) fn new(count: usize) -> Result<Self, String> {
        let switch = Host::new()?;
        // Without a querier a switch that snoops forgets the members after some minutes.
        switch.try_shell(&format!(
            "ip link add {BRIDGE} type bridge mcast_snooping 0 && ip link set {BRIDGE} up"
        ))?;
        let mut hosts = Vec::new();
        for number in 1..=count {
            let host = Host::new()?;
            host.plug_in(&switch, BRIDGE, "eth0", "10.77.0", "fd77", number)?;
            hosts.push(host);
        }
        Ok(Self { hosts, switch })
    }

    /// One more interface for a machine, on a switch of its own number: 10.77.1.N for `eth1`.
    #[track_caller]
    pub(crate) fn plug_in(&self, host: &Host, name: &str, number: usize) {
        self.switch.shell("ip link show second || ip link add second type bridge mcast_snooping 0");
        self.switch.shell("ip link set second up");
        let plugged = host.plug_in(&self.switch, "second", name, "10.77.1", "fd78", number);
        plugged.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Takes the cable of `eth0` of the machine of this number out of the switch: the other end is
    /// down. Returns when the machine has noticed.
    #[track_caller]
    pub(crate) fn unplug(&self, number: usize) {
        self.switch.shell(&format!("ip link set eth0-{number} down"));
        self.hosts[number - 1].shell(
            "for i in $(seq 500); do
                 ip -o link show eth0 | grep -q 'state UP' || exit 0
                 sleep 0.02
             done
             exit 1",
        );
    }

    /// A cable from a router, there `far0` with 10.78.0.1, to `eth0` of a machine, 10.78.0.2.
    #[track_caller]
    pub(crate) fn connect(&self, router: &Host, far: &Host) {
        let holder = far.holder.id();
        router.shell(&format!(
            "ip link add far0 type veth peer name eth0 netns {holder}
             ip addr add 10.78.0.1/24 dev far0
             ip link set far0 up
             echo 1 > /proc/sys/net/ipv4/ip_forward"
        ));
        far.shell(
            "ip addr add 10.78.0.2/24 dev eth0
             ip link set eth0 up
             ip route add default via 10.78.0.1",
        );
        far.wait_until_up("eth0").and_then(|()| router.wait_until_up("far0")).expect("a cable");
    }
}

/// Whether a tool is installed.
pub(crate) fn has(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(tool).is_file())
}
