//! The least that a program can do for each work: bare loops of system calls, which stand in every
//! table as the practical limit.
//!
//! They run as the bench itself, started again with a hidden first argument, so that each is a
//! process of its own as the tools beside it are. They have no options, no events and one
//! connection, report nothing and give up at the first error.

mod datagrams;
mod echo;
mod hub;
mod ping;
mod relay;
mod stream;

use std::process::Command;

use crate::Fallible;

/// The hidden first argument.
pub(crate) const ARGUMENT: &str = "limit";
/// Bytes that a kernel pipe of a program holds, where the kernel lets it.
const PIPE: usize = 1 << 20;

/// One of the programs, with what it is to work on.
pub(crate) fn command(name: &str, args: &[&str]) -> Fallible<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(ARGUMENT).arg(name).args(args);
    Ok(command)
}

/// Runs one of the programs to its end.
pub(crate) fn run(args: &[String]) -> Fallible<()> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["send-splice", port] => stream::send_splice(port.parse()?),
        ["send-read", port] => stream::send_read(port.parse()?),
        ["send-sendfile", port] => stream::send_sendfile(port.parse()?),
        ["receive-splice", port] => stream::receive_splice(port.parse()?),
        ["receive-lines", port] => stream::receive_lines(port.parse()?),
        ["cat"] => stream::cat(),
        ["relay", port, to, count] => relay::relay(port.parse()?, to.parse()?, count.parse()?),
        ["exec", port] => relay::exec(port.parse()?),
        ["echo", port] => echo::serve(port.parse()?, true),
        ["discard", port] => echo::serve(port.parse()?, false),
        ["echo-datagrams", port] => ping::serve_datagrams(port.parse()?),
        ["ping", protocol, port, count] => ping::ping(protocol, port.parse()?, count.parse()?),
        ["hub", port] => hub::serve(port.parse()?),
        ["send-datagrams", port, size, count] => {
            datagrams::send(port.parse()?, size.parse()?, count.parse()?)
        }
        ["receive-datagrams", port] => datagrams::receive(port.parse()?),
        _ => Err(format!("there is no limit program {args:?}").into()),
    }
}
