//! SPEC 7, proxies: `--via`, against proxies that are written here and live ones.

mod failures;
mod live;
mod proxy;
mod refusals;
mod streams;
