//! wirecat
#![deny(unsafe_code)]
pub mod buffers;
pub mod cli;
pub mod close;
pub mod commands;
pub mod error;
pub mod event_loop;
pub mod framing;
pub mod protocol;
pub mod report;
pub mod sessions;
pub mod sockets;
pub mod sys;
