//! `ipalloc` on the NetBoxes before 4.6 that nobody can install here, played by a listener that
//! refuses what they refuse, and on servers that are busy.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod busy;
#[path = "../client.rs"]
#[allow(dead_code)] // what the real server's sections need
mod client;
mod ipam;
mod labels;
mod net;
mod older;
#[path = "../proxy.rs"]
#[allow(dead_code)]
mod proxy;
mod server;
#[path = "../../tools.rs"]
mod tools;
#[path = "../wire.rs"]
#[allow(dead_code)]
mod wire;
