//! `scripts/publish-names` against real name servers: dnsmasq and BIND behind real sshd, each in namespaces of its own.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bed;
mod failures;
mod honest;
mod removed;
mod together;
mod whole;
mod zone;

#[path = "../tools.rs"]
#[allow(dead_code)] // of which only a part is needed here
mod tools;

#[path = "../namespaces.rs"]
#[allow(dead_code)]
mod namespaces;

#[path = "../script.rs"]
#[allow(dead_code)]
mod script;
