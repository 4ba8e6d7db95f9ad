//! What helps, in the words of the command line.

use crate::error::Remedy;

/// The commands and options that a user has for it.
pub(super) fn words(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::Groups => "use mcast-join or mcast-send",
        Remedy::Machines => "use udp-listen or udp-send",
        Remedy::SendFrom => "to send from {} use --bind {}",
        Remedy::Datagrams => "it is a datagram socket: use udp-send",
        Remedy::Streams => "it is a stream socket: use tcp-connect",
        Remedy::Packets => "it is a SEQPACKET socket, which no command supports",
        Remedy::Broadcast => "a broadcast address needs --broadcast",
        Remedy::Busy => "try again later, or use --wait",
        Remedy::Inherited => "the parent process must open it before it starts wirecat",
        Remedy::Activation => {
            "start wirecat from a .socket unit or systemd-socket-activate, or name an fd:N"
        }
        Remedy::BindFamily => "--bind gives no address of this family",
        Remedy::Options => "-O",
    }
}
