//! The socket options of `-O KEY=VALUE`, gathered and applied.
//!
//! What one option means is in `setting`; here are the set of them, the rules about which socket
//! takes which, and the words for a refusal.

use std::io;

use socket2::{Domain, Socket};

use super::setting::{KEYS, Setting};
use crate::error::{Failure, Remedy, Status};
use crate::kind::Kind;

/// Connections that may wait to be accepted without `-O backlog`.
// Linux cuts it to net.core.somaxconn: 4096 by default since 5.4, 128 before.
const DEFAULT_BACKLOG: i32 = 1024;

/// Socket options as the user asked for them; of two with one key the later counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketOptions {
    settings: Vec<Setting>,
    /// The mode of the file of a unix socket; without one the umask of the process decides.
    unix_mode: Option<u32>,
}

/// What is wrong with an option. Always exit status 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// No equals sign.
    #[error("{0:?} has no value: write KEY=VALUE")]
    NoValue(String),
    /// No such key.
    #[error("unknown socket option {0:?}: use one of {KEYS}")]
    UnknownKey(String),
    /// A value that the key does not take.
    #[error("{key}: {problem}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// What is wrong and what is right.
        problem: String,
    },
    /// `backlog` on a connection.
    #[error("backlog is an option of listeners, and a connection has none")]
    ListenersOnly,
    /// An option of TCP, or of listeners, on a datagram socket.
    #[error("{0} is an option of streams, and datagrams have none")]
    StreamsOnly(&'static str),
}

impl From<OptionError> for Failure {
    fn from(error: OptionError) -> Self {
        Self::new(Status::Usage, Kind::BadOption, "use", Remedy::Options.words(), error.to_string())
    }
}

impl SocketOptions {
    /// Adds an option from its text, such as `rcvbuf=1MiB`.
    ///
    /// # Errors
    /// The key is unknown, or the value is not one of its.
    pub fn set(&mut self, text: &str) -> Result<(), OptionError> {
        let Some((key, value)) = text.split_once('=') else {
            return Err(OptionError::NoValue(text.to_owned()));
        };
        let setting = Setting::parse(key, value)?;
        self.settings.retain(|earlier| earlier.key() != setting.key());
        self.settings.push(setting);
        Ok(())
    }

    /// The same with `reuseport`: several sockets of this user share a port.
    ///
    /// # Errors
    /// None that a user could cause.
    pub fn sharing(&self) -> Result<Self, OptionError> {
        let mut options = self.clone();
        options.set("reuseport=on")?;
        Ok(options)
    }

    /// Gives the file of each unix socket that is listened on this mode (`0o600`), from its first
    /// moment; without it the umask of the process decides. Abstract names have no mode.
    pub fn set_unix_mode(&mut self, mode: u32) {
        self.unix_mode = Some(mode);
    }

    pub(super) fn unix_mode(&self) -> Option<u32> {
        self.unix_mode
    }

    /// Whether a client can use these options.
    ///
    /// # Errors
    /// `backlog` is among them.
    pub fn check_connect(&self) -> Result<(), OptionError> {
        match self.asked_backlog() {
            Some(_) => Err(OptionError::ListenersOnly),
            None => Ok(()),
        }
    }

    /// Whether a datagram socket can use these options.
    ///
    /// # Errors
    /// One of them is of TCP or of listeners.
    pub fn check_datagrams(&self) -> Result<(), OptionError> {
        match self.settings.iter().find(|setting| !setting.fits_datagrams()) {
            Some(setting) => Err(OptionError::StreamsOnly(setting.key())),
            None => Ok(()),
        }
    }

    /// Whether the user chose the size of the receive buffer.
    pub(super) fn has_receive_buffer(&self) -> bool {
        self.settings.iter().any(|setting| matches!(setting, Setting::RcvBuf(_)))
    }

    /// Connections that may wait to be accepted, for listen(2).
    pub fn backlog(&self) -> i32 {
        self.asked_backlog().unwrap_or(DEFAULT_BACKLOG)
    }

    /// The backlog that the user asked for.
    pub(super) fn asked_backlog(&self) -> Option<i32> {
        self.settings.iter().find_map(|setting| match setting {
            Setting::Backlog(backlog) => Some(*backlog),
            _ => None,
        })
    }

    /// Sets all options on a socket that is not bound or connected yet, and returns what to warn
    /// of: values that the kernel changed. `target` is what the socket is for, as in messages.
    ///
    /// # Errors
    /// `Status::Usage`: the kernel refuses, or a unix socket has no such option.
    pub fn apply(&self, socket: &Socket, target: &str) -> Result<Vec<String>, Failure> {
        let mut warnings = Vec::new();
        for setting in &self.settings {
            let applied = apply_one(setting, socket);
            warnings.extend(applied.map_err(|error| refused(setting, target, &error))?);
        }
        Ok(warnings)
    }

    /// Sets all options on an inherited socket, for which it is too late for some.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), and for `reuseport`, which counts only before bind(2).
    pub(super) fn apply_inherited(
        &self,
        socket: &Socket,
        target: &str,
    ) -> Result<Vec<String>, Failure> {
        if let Some(late) = self.settings.iter().find(|it| matches!(it, Setting::ReusePort(_))) {
            let cause = io::Error::other("the socket is bound already");
            return Err(refused(late, target, &cause));
        }
        // The others still count, if not in full: the window scale of an open connection stays.
        self.apply(socket, target)
    }
}

fn apply_one(setting: &Setting, socket: &Socket) -> io::Result<Option<String>> {
    // An unbound socket has an address of its family already (getsockname(2)).
    let domain = socket.local_addr()?.domain();
    if domain == Domain::UNIX && !setting.fits_unix() {
        return Err(io::Error::other("a unix socket has no such option"));
    }
    setting.apply(socket, domain == Domain::IPV6)
}

fn refused(setting: &Setting, target: &str, error: &io::Error) -> Failure {
    let target = format!("{} on {target}", setting.key());
    let failure = Failure::io(Status::Usage, "set", target, error);
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            failure.fix(format!("{} needs CAP_NET_ADMIN", setting.key()))
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::Type;
    use std::time::Duration;

    fn options(texts: &[&str]) -> SocketOptions {
        let mut options = SocketOptions::default();
        for text in texts {
            options.set(text).unwrap();
        }
        options
    }

    fn socket(domain: Domain) -> Socket {
        Socket::new(domain, Type::STREAM, None).unwrap()
    }

    #[test]
    fn an_unknown_key_is_answered_with_all_keys() {
        let mut options = SocketOptions::default();
        let error = options.set("linger=1").unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown socket option \"linger\": use one of rcvbuf sndbuf dscp mark mss keepalive \
             nodelay reuseport ttl backlog user-timeout"
        );
        assert_eq!(options.set("ttl"), Err(OptionError::NoValue("ttl".to_owned())));
    }

    #[test]
    fn what_is_asked_for_is_set() {
        let asked = options(&[
            "rcvbuf=64k",
            "sndbuf=32k",
            "dscp=ef",
            "keepalive=30",
            "nodelay=on",
            "reuseport=on",
            "ttl=9",
        ]);
        let v4 = socket(Domain::IPV4);
        assert_eq!(asked.apply(&v4, "x"), Ok(Vec::new()));
        assert!(v4.recv_buffer_size().unwrap() >= 65_536);
        assert!(v4.send_buffer_size().unwrap() >= 32_768);
        assert_eq!(v4.tos_v4().unwrap(), 46 << 2);
        assert!(v4.keepalive().unwrap() && v4.tcp_nodelay().unwrap());
        assert_eq!(v4.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
        assert_eq!(v4.ttl_v4().unwrap(), 9);
        let v6 = socket(Domain::IPV6);
        assert_eq!(asked.apply(&v6, "x"), Ok(Vec::new()));
        assert_eq!(v6.unicast_hops_v6().unwrap(), 9);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_clamped_buffer_is_said() {
        let warnings = options(&["rcvbuf=2147483647"]).apply(&socket(Domain::IPV4), "x").unwrap();
        assert!(warnings[0].starts_with("rcvbuf 2147483647 was cut to "), "{}", warnings[0]);
        assert!(warnings[0].ends_with(" by the kernel (net.core.rmem_max)"), "{}", warnings[0]);
        let warnings = options(&["sndbuf=1"]).apply(&socket(Domain::IPV4), "x").unwrap();
        assert!(warnings[0].starts_with("sndbuf 1 was raised to "), "{}", warnings[0]);
    }

    #[test]
    fn a_unix_socket_takes_only_what_has_an_effect_on_it() {
        let unix = socket(Domain::UNIX);
        assert_eq!(options(&["sndbuf=64k", "backlog=5"]).apply(&unix, "unix:/x"), Ok(Vec::new()));
        for text in ["rcvbuf=1M", "nodelay=on", "ttl=3", "mss=500", "keepalive=on", "dscp=ef"] {
            let failure = options(&[text]).apply(&unix, "unix:/x").unwrap_err();
            assert_eq!(failure.status, Status::Usage);
            assert!(failure.to_string().ends_with("on unix:/x: a unix socket has no such option"));
        }
    }

    #[test]
    fn the_later_of_two_counts_and_backlog_is_for_listeners() {
        assert_eq!(SocketOptions::default().backlog(), 1024);
        let asked = options(&["backlog=5", "backlog=6"]);
        assert_eq!(asked.backlog(), 6);
        assert_eq!(asked.check_connect(), Err(OptionError::ListenersOnly));
        assert_eq!(options(&["ttl=3"]).check_connect(), Ok(()));
    }

    #[test]
    fn datagrams_take_no_options_of_streams() {
        let fit = options(&["rcvbuf=64k", "sndbuf=64k", "dscp=ef", "mark=1", "reuseport=on"]);
        assert_eq!(fit.check_datagrams(), Ok(()));
        assert!(fit.has_receive_buffer() && !options(&["ttl=3"]).has_receive_buffer());
        for text in ["nodelay=on", "mss=500", "keepalive=on", "user-timeout=1", "backlog=5"] {
            let failure = Failure::from(options(&[text, "ttl=9"]).check_datagrams().unwrap_err());
            let (key, _) = text.split_once('=').unwrap();
            let words = format!("cannot use a socket option: {key} is an option of streams, ");
            assert!(failure.to_string().starts_with(&words), "{failure}");
            assert_eq!(failure.status, Status::Usage);
        }
    }

    #[test]
    fn it_is_too_late_for_reuseport_on_an_inherited_socket() {
        let failure =
            options(&["reuseport=on"]).apply_inherited(&socket(Domain::IPV4), "fd:3").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "cannot set reuseport on fd:3: the socket is bound already"
        );
    }
}
