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
mod services;
mod session;
mod startup;
mod streams;
mod timers;

pub(crate) use self::core::{Core, NOTE_AFTER, Numbers};
pub use console::{Console, DataTo};
pub(crate) use console::{ConsoleEntry, OpenTraffic, RemoteForm, Totals, Uplink};
pub use datagrams::GroupInterface;
pub use echo::EchoService;
pub use input::InputReader;
pub use ping::PingService;
pub(crate) use receiver::frame_fix;
pub(crate) use services::{Profile, Remains, StreamService};
pub(crate) use session::ShutdownMode;
pub use session::{Local, Session};
pub use startup::StartupFailure;
pub(crate) use startup::{Startup, look_up_all, open_recording};
pub use streams::StreamSession;
pub(crate) use streams::{
    Author, Context, EndMode, LoopFigures, NewConnection, OtherLoops, ServingLoop,
};
