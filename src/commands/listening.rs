//! The options of a listener, and which clients it admits (`--allow`, `--deny`).

use std::str::FromStr;

use clap::Args;
use ipnet::IpNet;

use crate::protocol::access::{Access, AccessList, parse_network};
use crate::sessions::config::Net;
use crate::sockets::{Address, Host};
use crate::values::parse_mode;

/// Its owner alone connects to a unix socket.
const OWNER: u32 = 0o600;

/// What a listener takes
#[derive(Args, Clone, Debug)]
pub struct ListenArgs {
    /// Who may connect to a unix socket that has a path: the mode of its file [default: 0600]
    #[arg(long, value_name = "MODE", value_parser = parse_mode)]
    pub unix_mode: Option<u32>,
}

impl ListenArgs {
    pub(super) fn apply(&self, net: &mut Net) {
        net.options.set_unix_mode(self.unix_mode.unwrap_or(OWNER));
    }
}

/// Who is let in
#[derive(Args, Clone, Debug)]
pub struct AccessArgs {
    /// Let in only clients from these networks, or from the addresses that a name has now; repeatable
    #[arg(long, value_name = "CIDR")]
    pub allow: Vec<NetworkOrHost>,
    /// Do not let in clients from these networks or names, whatever is allowed; repeatable
    #[arg(long, value_name = "CIDR")]
    pub deny: Vec<NetworkOrHost>,
}

/// A network, or a host by name
#[derive(Clone, Debug)]
pub enum NetworkOrHost {
    /// Addresses.
    Network(IpNet),
    /// A name that is looked up at the start.
    Name(String),
}

impl FromStr for NetworkOrHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = || match format!("{text}:1").parse() {
            Ok(Address::Inet { host: Host::Name(name), .. }) if name == text => Some(name),
            _ => None,
        };
        match parse_network(text) {
            Ok(network) => Ok(Self::Network(network)),
            Err(wrong) => name().map(Self::Name).ok_or(format!("{wrong}, or a name")),
        }
    }
}

impl AccessArgs {
    pub(super) fn access(&self) -> Access {
        let mut access = Access::default();
        for (peers, list) in [(&self.allow, AccessList::Allow), (&self.deny, AccessList::Deny)] {
            for peer in peers {
                match peer {
                    NetworkOrHost::Network(network) => access.list(list).push(*network),
                    NetworkOrHost::Name(name) => access.names.push((name.clone(), list)),
                }
            }
        }
        access
    }
}
