//! Sessions: the handlers behind the commands, and the glue between events and pure logic.

pub mod chat;
pub mod children;
mod companion;
pub mod config;
pub mod connect;
mod connector;
pub mod console;
mod core;
pub mod datagrams;
pub mod echo;
pub mod feed;
mod hooks;
mod inlet;
mod last_words;
mod lookup;
mod orders;
mod pairs;
pub mod ping;
pub mod ready;
pub mod recorder;
pub mod replay;
mod runners;
pub mod serve;
mod session;
mod texts;
mod throttle;
mod timers;

pub use connect::ConnectSession;
pub use console::Console;
pub use datagrams::Place;
pub use echo::EchoSession;
pub use feed::Feed;
pub use last_words::LastWords;
pub use ping::PingSession;
pub use serve::ServeSession;
pub use session::Session;
