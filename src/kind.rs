//! The kinds: stable words for what went wrong, which scripts may match on.

use std::io;

use crate::error::HandshakeError;
use crate::vocabulary::vocabulary;

vocabulary! {
    /// What kind of trouble a failure, a warning or a retry is about.
    pub enum Kind {
        AddressInUse = "address-in-use": "another program listens there";
        AddressNotAvailable = "address-not-available": "no interface of this machine has the address";
        AlreadyConnected = "already-connected": "a command asks for a connection that there is already";
        AlreadyJoined = "already-joined": "the group is joined on this interface already";
        BadAddress = "bad-address": "an address that cannot be used";
        BadChecksum = "bad-checksum": "datagrams came with a wrong checksum";
        BadCommand = "bad-command": "a line of --input commands or json that is not a command";
        BadOption = "bad-option": "an unknown socket option, or a value that it does not take";
        Bind = "bind": "the local address cannot be used";
        Broadcast = "broadcast": "a broadcast address without --broadcast";
        Busy = "busy": "the backlog of the listener is full";
        Cancelled = "cancelled": "what a command asked for was given up before it came about";
        Chat = "chat": "what the chat says to its user alone, such as an unknown command";
        Child = "child": "the command behind -- failed";
        Closed = "closed": "a server accepted the connection and closed it at once";
        Command = "command": "a command of --exec failed";
        Count = "count": "fewer messages came than --count asks for";
        CutFrame = "cut-frame": "the peer closed in the middle of a message";
        Denied = "denied": "--allow or --deny do not let a client in";
        DoubtfulSequence = "doubtful-sequence": "--seq points at something that is not a sequence number";
        Expect = "expect": "nothing that came matches --expect";
        Exposed = "exposed": "others can read a file with a secret";
        FamilyUnavailable = "family-unavailable": "this machine has no such address family";
        Fd = "fd": "an inherited descriptor is not what it should be";
        Finished = "finished": "that direction of the connection has ended";
        Firewall = "firewall": "a firewall of this machine drops the datagrams";
        FirewallUnknown = "firewall-unknown": "packets are dropped, and by whom cannot be known";
        Frame = "frame": "a frame is broken or too large";
        FrameTotal = "frame-total": "unfinished messages hold more than --max-frame-total";
        Hook = "hook": "a command of --on failed";
        Idle = "idle": "nothing came for --idle-timeout";
        IgnoredDatagrams = "ignored-datagrams": "datagrams came that no socket took";
        Input = "input": "stdin is not what --input says";
        InterfaceDown = "interface-down": "the interface is down";
        InterfaceNotMulticast = "interface-not-multicast": "the interface cannot do multicast";
        Io = "io": "the system refused for another reason";
        KernelDrops = "kernel-drops": "the kernel dropped datagrams, because its buffer was full";
        Loss = "loss": "more was lost than --max-loss allows";
        Lost = "lost": "a client's connection was lost";
        MaxPerAddress = "max-per-address": "an address has as many connections as it may have, and wants more";
        MayBeLost = "may-be-lost": "what was sent before a connection was lost may not have arrived";
        NoActivation = "no-activation": "fd: without sockets from the service manager";
        NoAddress = "no-address": "the name has no address of the wanted family";
        NoAnswer = "no-answer": "a name server or a peer gave no answer";
        NoCarrier = "no-carrier": "the interface has no link";
        NoRoute = "no-route": "no route leads to the group";
        NoSuchInterface = "no-such-interface": "there is no interface of this name";
        NotConnected = "not-connected": "there is no such connection (any more)";
        NotFound = "not-found": "a file, a command or an interface is not there";
        NotJoined = "not-joined": "the group is not joined on this interface";
        NotMulticast = "not-multicast": "the address is no multicast group";
        NotShown = "not-shown": "events were left out, because stderr was not read";
        NothingArrived = "nothing-arrived": "nothing reached this machine";
        Notify = "notify": "NOTIFY_SOCKET cannot be written to";
        OtherInterface = "other-interface": "the group is heard on another interface";
        OtherSource = "other-source": "the group is heard from another source";
        PermissionDenied = "permission-denied": "the system does not allow it";
        Proxy = "proxy": "a proxy has not sent a correct header of the PROXY protocol";
        ProxyAuth = "proxy-auth": "a proxy wants a user and a password, or refuses those it was sent";
        ProxyDenied = "proxy-denied": "the rules of a proxy do not allow the connection";
        ProxyFailed = "proxy-failed": "a proxy could not make the connection";
        ProxyReply = "proxy-reply": "what a proxy replied is not a reply, or is cut short";
        ReceiveBufferFull = "receive-buffer-full": "the receive buffer was full";
        Refused = "refused": "nobody listens there";
        Replay = "replay": "what came is not what was recorded";
        Reply = "reply": "no answer came to what was sent";
        Reset = "reset": "the peer cut the connection off";
        Resolver = "resolver": "the resolver failed";
        RpFilter = "rp-filter": "the reverse path filter drops the source";
        Skipped = "skipped": "a slow client was not sent all messages";
        Slow = "slow": "a client does not take what it is sent";
        SocketOption = "socket-option": "the kernel changed what was asked of a socket";
        SsmRange = "ssm-range": "source-specific join outside of 232/8 or ff3x::/32";
        Starttls = "starttls": "a server does not switch to TLS as --starttls asks";
        Starved = "starved": "out of descriptors: new clients wait";
        StorageFull = "storage-full": "the disk or the quota is full";
        Timeout = "timeout": "a limit of time has passed";
        Tls = "tls": "a TLS handshake failed for another reason";
        TlsAlpn = "tls-alpn": "no protocol of --alpn in common";
        TlsBroken = "tls-broken": "the peer broke the rules of TLS, or a record was altered";
        TlsCertificate = "tls-certificate": "the peer's certificate is broken, or made for another use";
        TlsClientCertificate = "tls-client-certificate": "a client certificate is wanted, and none was given";
        TlsCut = "tls-cut": "the peer closed in the middle of a TLS handshake";
        TlsExpired = "tls-expired": "the peer's certificate has expired";
        TlsExpiresSoon = "tls-expires-soon": "the peer's certificate expires within --tls-min-days";
        TlsInsecure = "tls-insecure": "with --tls-insecure any certificate is taken";
        TlsName = "tls-name": "the peer's certificate is for other names";
        TlsNoTrustStore = "tls-no-trust-store": "this machine trusts no certificates, and --tls-ca names none";
        TlsNotTls = "tls-not-tls": "the peer does not speak TLS";
        TlsNotYetValid = "tls-not-yet-valid": "the peer's certificate is not valid yet";
        TlsPin = "tls-pin": "the key of the peer does not match --tls-pin";
        TlsRejected = "tls-rejected": "the peer rejects this side's certificate";
        TlsTruncated = "tls-truncated": "the stream ended without the close_notify of TLS";
        TlsUntrusted = "tls-untrusted": "the peer's certificate was not issued by a trusted authority";
        TlsVersion = "tls-version": "no version of TLS, or no cipher, in common";
        TooLarge = "too-large": "a message too large for a datagram";
        TooManyGroups = "too-many-groups": "more groups than the kernel allows (igmp_max_memberships)";
        Truncated = "truncated": "a datagram was longer than what could be received";
        UdpErrors = "udp-errors": "the kernel counted UDP errors";
        Undelivered = "undelivered": "stdout did not take all that had come";
        UnknownName = "unknown-name": "the name is not known";
        Unreachable = "unreachable": "no route, or a host that does not answer";
        UnsafePickle = "unsafe-pickle": "an object of --frame obj asks for more than data";
        Unsent = "unsent": "something was accepted for sending and never left";
        Usage = "usage": "options that cannot be used like this";
        Waiting = "waiting": "what the program waits for, shown to a person";
    }
}

impl Kind {
    /// The number that some kinds have beside their word.
    pub const fn code(self) -> Option<u32> {
        match self {
            Self::AlreadyConnected => Some(1000),
            Self::NotConnected => Some(1001),
            Self::AlreadyJoined => Some(1002),
            Self::NotJoined => Some(1003),
            Self::NotMulticast => Some(1004),
            Self::AddressInUse => Some(1005),
            _ => None,
        }
    }

    /// Whether a handshake that fails so has ended with an alert of TLS, from one side or the other.
    pub(crate) const fn has_alert(self) -> bool {
        matches!(
            self,
            Self::Tls
                | Self::TlsAlpn
                | Self::TlsBroken
                | Self::TlsCertificate
                | Self::TlsClientCertificate
                | Self::TlsExpired
                | Self::TlsExpiresSoon
                | Self::TlsName
                | Self::TlsNotYetValid
                | Self::TlsPin
                | Self::TlsRejected
                | Self::TlsUntrusted
                | Self::TlsVersion
        )
    }
}

impl From<&io::Error> for Kind {
    fn from(error: &io::Error) -> Self {
        use io::ErrorKind as Os;
        if let Some(handshake) = HandshakeError::of(error) {
            return handshake.kind;
        }
        match error.kind() {
            Os::ConnectionRefused => Self::Refused,
            Os::HostUnreachable | Os::NetworkUnreachable | Os::NetworkDown => Self::Unreachable,
            Os::TimedOut => Self::Timeout,
            Os::AddrInUse => Self::AddressInUse,
            Os::AddrNotAvailable => Self::AddressNotAvailable,
            Os::PermissionDenied => Self::PermissionDenied,
            Os::NotFound => Self::NotFound,
            Os::StorageFull | Os::QuotaExceeded | Os::FileTooLarge => Self::StorageFull,
            Os::NotConnected => Self::NotConnected,
            Os::InvalidData => Self::Frame,
            Os::ConnectionAborted if error.get_ref().is_some() => Self::TlsBroken,
            Os::UnexpectedEof => Self::TlsTruncated,
            Os::ConnectionReset | Os::ConnectionAborted | Os::BrokenPipe => Self::Reset,
            _ => Self::Io,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted_and_unique() {
        assert!(Kind::ALL.windows(2).all(|pair| pair[0].as_str() < pair[1].as_str()));
    }

    #[test]
    fn codes_are_unique() {
        let codes: Vec<u32> = Kind::ALL.iter().filter_map(|kind| kind.code()).collect();
        let unique: std::collections::BTreeSet<&u32> = codes.iter().collect();
        assert_eq!(codes.len(), unique.len());
    }
}
