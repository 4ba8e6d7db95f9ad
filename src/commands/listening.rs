//! What a listener takes.

use clap::Args;

use crate::sessions::config::Net;
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
