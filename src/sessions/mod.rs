//! Sessions: the handlers behind the commands, and the glue between events and pure logic.

mod alarms;
pub mod children;
pub mod config;
pub mod connect;
mod connector;
pub mod console;
pub mod datagram;
pub mod feed;
mod inlet;
mod orders;
mod pairs;
mod run;
mod runners;
pub mod serve;
mod texts;
mod throttle;

pub use connect::ConnectSession;
pub use console::Console;
pub use feed::Feed;
pub use serve::ServeSession;
