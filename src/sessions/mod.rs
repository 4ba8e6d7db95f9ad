//! Sessions: the handlers behind the commands, and the glue between events and pure logic.

pub mod chat;
pub mod children;
pub mod config;
mod connector;
pub mod console;
mod control;
mod core;
pub mod datagrams;
mod echo;
mod hooks;
pub mod input;
mod lookup;
mod main_command;
mod ping;
pub mod ready;
mod receiver;
pub mod recorder;
mod replay;
mod services;
mod session;
mod startup_failure;
mod startup_fifo;
mod startup_lookup;
mod streams;
mod timers;

pub use console::Console;
pub use datagrams::GroupInterface;
pub use echo::EchoService;
pub use input::InputReader;
pub use ping::PingService;
pub use session::{Local, Session};
pub use startup_failure::StartupFailure;
pub(crate) use startup_fifo::StartupFifo;
pub(crate) use startup_lookup::{Startup, StartupLookup};
pub use streams::StreamSession;
