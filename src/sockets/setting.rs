//! One socket option: its value as text, and how it is set.

use std::fmt::Display;
use std::io;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};

use super::options::OptionError;
use crate::values::{parse_duration, parse_nonzero_size};

/// All keys, in the order of the manual.
pub(super) const KEYS: &str =
    "rcvbuf sndbuf dscp mark mss keepalive nodelay reuseport ttl backlog user-timeout";

/// What Linux takes (TCP_MIN_MSS, MAX_TCP_WINDOW); it answers EINVAL to the rest.
const MSS: RangeInclusive<u32> = 88..=32_767;

/// An option with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    /// SO_RCVBUF, bytes.
    RcvBuf(usize),
    /// SO_SNDBUF, bytes.
    SndBuf(usize),
    /// The upper six bits of IP_TOS or IPV6_TCLASS (RFC 2474).
    Dscp(u8),
    /// SO_MARK.
    Mark(u32),
    /// TCP_MAXSEG, bytes.
    Mss(u32),
    /// SO_KEEPALIVE and TCP_KEEPIDLE.
    Keepalive(Keepalive),
    /// TCP_NODELAY.
    NoDelay(bool),
    /// SO_REUSEPORT.
    ReusePort(bool),
    /// IP_TTL or IPV6_UNICAST_HOPS.
    Ttl(u8),
    /// The backlog of listen(2); not an option of the socket.
    Backlog(i32),
    /// TCP_USER_TIMEOUT, in whole milliseconds.
    UserTimeout(Duration),
}

/// When an idle connection is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keepalive {
    Off,
    /// After the system's time, two hours by default.
    On,
    /// After this time, in whole seconds.
    Idle(Duration),
}

impl Setting {
    /// Reads the value of a key.
    pub(super) fn parse(key: &str, value: &str) -> Result<Self, OptionError> {
        let (key, parsed) = match key {
            "rcvbuf" => ("rcvbuf", buffer(value).map(Self::RcvBuf)),
            "sndbuf" => ("sndbuf", buffer(value).map(Self::SndBuf)),
            "dscp" => ("dscp", dscp(value).map(Self::Dscp)),
            "mark" => ("mark", mark(value).map(Self::Mark)),
            "mss" => ("mss", number(value, MSS).map(Self::Mss)),
            "keepalive" => ("keepalive", keepalive(value).map(Self::Keepalive)),
            "nodelay" => ("nodelay", switch(value).map(Self::NoDelay)),
            "reuseport" => ("reuseport", switch(value).map(Self::ReusePort)),
            // IP_TTL takes no 0 (EINVAL).
            "ttl" => ("ttl", number(value, 1..=255).map(Self::Ttl)),
            "backlog" => ("backlog", number(value, 1..=i32::MAX).map(Self::Backlog)),
            "user-timeout" => ("user-timeout", user_timeout(value).map(Self::UserTimeout)),
            _ => return Err(OptionError::UnknownKey(key.to_owned())),
        };
        parsed.map_err(|problem| OptionError::BadValue { key, problem })
    }

    /// The key, as it is written.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::RcvBuf(_) => "rcvbuf",
            Self::SndBuf(_) => "sndbuf",
            Self::Dscp(_) => "dscp",
            Self::Mark(_) => "mark",
            Self::Mss(_) => "mss",
            Self::Keepalive(_) => "keepalive",
            Self::NoDelay(_) => "nodelay",
            Self::ReusePort(_) => "reuseport",
            Self::Ttl(_) => "ttl",
            Self::Backlog(_) => "backlog",
            Self::UserTimeout(_) => "user-timeout",
        }
    }

    /// Whether it has an effect on a unix socket; SO_RCVBUF has none (unix(7)).
    pub(super) fn fits_unix(&self) -> bool {
        matches!(self, Self::SndBuf(_) | Self::Backlog(_))
    }

    /// Whether a datagram socket has it: it is neither of TCP nor of listeners.
    pub(super) fn fits_datagrams(&self) -> bool {
        match self {
            Self::RcvBuf(_) | Self::SndBuf(_) | Self::Dscp(_) | Self::Mark(_) => true,
            Self::ReusePort(_) | Self::Ttl(_) => true,
            Self::Mss(_) | Self::Keepalive(_) | Self::NoDelay(_) => false,
            Self::Backlog(_) | Self::UserTimeout(_) => false,
        }
    }

    /// Sets it; returns a warning where the kernel chose another value.
    pub(super) fn apply(&self, socket: &Socket, is_v6: bool) -> io::Result<Option<String>> {
        match *self {
            Self::RcvBuf(size) => {
                // Before connect(2) and listen(2): the window scale of TCP is settled by the SYN
                // (tcp(7)). A size that was set stays; the kernel adapts only one that nobody has
                // set.
                socket.set_recv_buffer_size(size)?;
                return Ok(clamped("rcvbuf", size, socket.recv_buffer_size()?, "rmem_max"));
            }
            Self::SndBuf(size) => {
                socket.set_send_buffer_size(size)?;
                return Ok(clamped("sndbuf", size, socket.send_buffer_size()?, "wmem_max"));
            }
            // The lower two bits are for congestion (ECN, RFC 3168), and TCP keeps its own there.
            Self::Dscp(dscp) if is_v6 => socket.set_tclass_v6(u32::from(dscp) << 2),
            Self::Dscp(dscp) => socket.set_tos_v4(u32::from(dscp) << 2),
            Self::Mark(mark) => set_mark(socket, mark),
            Self::Mss(mss) => socket.set_tcp_mss(mss),
            Self::Keepalive(Keepalive::Off) => socket.set_keepalive(false),
            Self::Keepalive(Keepalive::On) => socket.set_keepalive(true),
            Self::Keepalive(Keepalive::Idle(idle)) => {
                // Linux takes 1 to 32,767 seconds (MAX_TCP_KEEPIDLE).
                socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle))
            }
            Self::NoDelay(on) => socket.set_tcp_nodelay(on),
            // Each socket on the port has to have it, and the same effective user (socket(7)).
            Self::ReusePort(on) => socket.set_reuse_port(on),
            Self::Ttl(hops) if is_v6 => socket.set_unicast_hops_v6(hops.into()),
            Self::Ttl(hops) => socket.set_ttl_v4(hops.into()),
            Self::Backlog(_) => Ok(()),
            // How long bytes may go unacknowledged before the kernel gives up with ETIMEDOUT
            // (tcp(7)).
            Self::UserTimeout(timeout) => set_user_timeout(socket, timeout),
        }?;
        Ok(None)
    }
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn set_mark(socket: &Socket, mark: u32) -> io::Result<()> {
    // CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17 (socket(7)).
    socket.set_mark(mark)
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn set_mark(_: &Socket, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn set_user_timeout(socket: &Socket, timeout: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(timeout))
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn set_user_timeout(_: &Socket, _: Duration) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The warning where the kernel gave a buffer another size than the one asked for.
fn clamped(key: &str, asked: usize, given: usize, limit: &str) -> Option<String> {
    // Linux doubles the value for its own bookkeeping and reads back the double (socket(7)).
    let given = if cfg!(target_os = "linux") { given / 2 } else { given };
    if given < asked {
        Some(format!("{key} {asked} was cut to {given} bytes by the kernel (net.core.{limit})"))
    } else if given > asked {
        // The least is SOCK_MIN_RCVBUF or SOCK_MIN_SNDBUF, a few KiB.
        Some(format!("{key} {asked} was raised to {given} bytes by the kernel"))
    } else {
        None
    }
}

/// A size that fits the `int` of SO_RCVBUF and SO_SNDBUF.
fn buffer(value: &str) -> Result<usize, String> {
    let size = parse_nonzero_size(value)?;
    let fits = i32::try_from(size).ok().and_then(|size| usize::try_from(size).ok());
    fits.ok_or_else(|| format!("{value} is more than 2147483647 bytes"))
}

fn switch(value: &str) -> Result<bool, String> {
    match value {
        "on" | "1" | "true" => Ok(true),
        "off" | "0" | "false" => Ok(false),
        _ => Err(format!("{value:?} is neither on nor off")),
    }
}

fn number<N>(value: &str, range: RangeInclusive<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    match value.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("{value:?} is not between {} and {}", range.start(), range.end())),
    }
}

/// A mark as `ip rule` writes it: decimal, or hexadecimal after 0x.
fn mark(value: &str) -> Result<u32, String> {
    let parsed = match value.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => value.parse(),
    };
    parsed.map_err(|_| format!("{value:?} is not a mark: write 0 to 4294967295, or 0x and hex"))
}

/// A code point by number or name: CS (RFC 2474), AF (RFC 2597), EF (RFC 3246).
fn dscp(value: &str) -> Result<u8, String> {
    let named = match *value.to_ascii_lowercase().as_bytes() {
        [b'e', b'f'] => Some(46),
        [b'c', b's', class @ b'0'..=b'7'] => Some((class - b'0') * 8),
        [b'a', b'f', class @ b'1'..=b'4', drop @ b'1'..=b'3'] => {
            Some((class - b'0') * 8 + (drop - b'0') * 2)
        }
        _ => None,
    };
    named.or_else(|| number(value, 0..=63).ok()).ok_or_else(|| {
        format!("{value:?} is not a DSCP: write 0 to 63, ef, af11 to af43 or cs0 to cs7")
    })
}

/// `on`, `off`, or the idle time, which the kernel counts in seconds (`MAX_TCP_KEEPIDLE`, 32767).
fn keepalive(value: &str) -> Result<Keepalive, String> {
    match value {
        "on" | "true" => Ok(Keepalive::On),
        "off" | "false" => Ok(Keepalive::Off),
        _ => {
            let idle = parse_duration(value)?;
            let is_whole = idle.subsec_nanos() == 0 && (1..=32_767).contains(&idle.as_secs());
            let wrong = || format!("{value:?} is not on, off, or 1 to 32767 whole seconds");
            is_whole.then_some(Keepalive::Idle(idle)).ok_or_else(wrong)
        }
    }
}

/// Whole milliseconds that fit the `int` of TCP_USER_TIMEOUT; 0 would mean the default.
fn user_timeout(value: &str) -> Result<Duration, String> {
    let timeout = parse_duration(value)?;
    let fits = (1..=2_147_483_647).contains(&timeout.as_millis());
    let is_whole = timeout.subsec_nanos().is_multiple_of(1_000_000);
    let wrong = || format!("{value:?} is not a number of whole milliseconds, 24 days at most");
    (fits && is_whole).then_some(timeout).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Setting, OptionError> {
        let (key, value) = text.split_once('=').unwrap();
        let setting = Setting::parse(key, value)?;
        assert_eq!(setting.key(), key);
        Ok(setting)
    }

    #[test]
    fn every_key_has_its_values() {
        for (text, setting) in [
            ("rcvbuf=1M", Setting::RcvBuf(1 << 20)),
            ("sndbuf=64KiB", Setting::SndBuf(65_536)),
            ("dscp=0", Setting::Dscp(0)),
            ("dscp=63", Setting::Dscp(63)),
            ("dscp=EF", Setting::Dscp(46)),
            ("dscp=af11", Setting::Dscp(10)),
            ("dscp=af43", Setting::Dscp(38)),
            ("dscp=cs7", Setting::Dscp(56)),
            ("mark=7", Setting::Mark(7)),
            ("mark=0xff", Setting::Mark(255)),
            ("mss=536", Setting::Mss(536)),
            ("keepalive=on", Setting::Keepalive(Keepalive::On)),
            ("keepalive=off", Setting::Keepalive(Keepalive::Off)),
            ("keepalive=1m", Setting::Keepalive(Keepalive::Idle(Duration::from_secs(60)))),
            ("nodelay=true", Setting::NoDelay(true)),
            ("reuseport=0", Setting::ReusePort(false)),
            ("ttl=255", Setting::Ttl(255)),
            ("backlog=1", Setting::Backlog(1)),
            ("user-timeout=1.5", Setting::UserTimeout(Duration::from_millis(1500))),
        ] {
            assert_eq!(parsed(text), Ok(setting), "{text}");
        }
        assert!(KEYS.split(' ').all(|key| {
            !matches!(Setting::parse(key, ""), Err(OptionError::UnknownKey(_)) | Ok(_))
        }));
    }

    #[test]
    fn a_bad_value_says_what_is_right() {
        for (text, message) in [
            ("rcvbuf=0", "rcvbuf: the size must be at least 1 byte"),
            ("sndbuf=2GiB", "sndbuf: 2GiB is more than 2147483647 bytes"),
            ("dscp=64", "write 0 to 63, ef"),
            ("dscp=af44", "write 0 to 63, ef"),
            ("mark=-1", "write 0 to 4294967295"),
            ("mss=0", "mss: \"0\" is not between 88 and 32767"),
            ("keepalive=0", "1 to 32767 whole seconds"),
            ("keepalive=1500ms", "1 to 32767 whole seconds"),
            ("nodelay=maybe", "neither on nor off"),
            ("ttl=0", "not between 1 and 255"),
            ("ttl=256", "not between 1 and 255"),
            ("backlog=0", "not between 1 and 2147483647"),
            ("user-timeout=0", "whole milliseconds"),
            ("user-timeout=1us", "whole milliseconds"),
            ("user-timeout=25d", "24 days at most"),
        ] {
            let error = parsed(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
