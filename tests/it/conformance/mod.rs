//! SPEC section 10: what breaks some well-known tool, one test or a few for each number.

mod broadcast;
mod crowds;
mod cut;
mod descriptors;
mod ends;
mod hostile;
mod json;
mod listeners;
mod many;
mod names;
mod options;
mod output;
mod routes;
mod signals;
mod sources;
mod streams;
mod system;

use std::cell::RefCell;
use std::net::TcpStream;

use crate::support::data::PATHS;
use crate::support::net::{accept, connect, listener};
use crate::support::pipes::{PipeReader, pipe};
use crate::support::{Program, Running, wirecat};

/// A `tcp-connect` and a `tcp-serve -1` whose stdin is a pipe, with what `change` makes of them,
/// and the std socket at the other end of each.
fn both_kinds(change: impl Fn(Program) -> Program) -> Vec<(Running, TcpStream)> {
    let (listener, address) = listener();
    let client = change(wirecat(["tcp-connect", &address]).piped()).start();
    let clients_peer = accept(&listener);
    let mut server = change(wirecat(["tcp-serve", "-1", "127.0.0.1:0"]).piped()).start();
    let servers_peer = connect(&server.address());
    vec![(client, clients_peer), (server, servers_peer)]
}

/// The same on both paths that bytes may take, each with the reading end of the pipe that is its
/// stdout.
fn both_kinds_into_pipes() -> Vec<(Running, TcpStream, PipeReader)> {
    let readers = RefCell::new(Vec::new());
    let programs = PATHS.into_iter().flat_map(|path| {
        both_kinds(|program| {
            let (reader, writer) = pipe().expect("a pipe");
            readers.borrow_mut().push(reader);
            program.stdout(writer).with(|command| _ = command.args(path))
        })
    });
    let programs: Vec<_> = programs.collect();
    let programs = programs.into_iter().zip(readers.into_inner());
    programs.map(|((program, stream), reader)| (program, stream, reader)).collect()
}
