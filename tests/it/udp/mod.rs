//! `udp-send` and `udp-listen`, against plain sockets, against each other, and against
//! the netcats that people have.

mod answers;
mod any_source;
mod conformance;
mod exec;
mod forms;
mod full;
mod inherited;
mod interop;
mod last_input;
mod network;
mod peers;
mod refusals;
mod rtp;
mod sequence;
mod sources;
mod statistics;
mod unix;
mod wait;
