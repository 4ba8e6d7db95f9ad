//! All tests of the real binary, as one program.
#![cfg(test)]

mod addresses;
mod conformance;
mod control;
mod events;
mod exec;
mod expect;
mod forward;
mod half_close;
mod help;
mod interop;
mod layers;
mod libraries;
mod limits;
mod messages;
mod multicast;
mod patience;
mod obj;
mod probe;
mod programs;
mod progress;
mod rate;
mod reconnect;
mod refusals;
mod send;
mod serve;
mod simulation;
mod slow;
mod smoke;
mod sockets;
mod stdio;
mod support;
mod terminal;
mod tinyproto;
mod udp;
mod usage;
