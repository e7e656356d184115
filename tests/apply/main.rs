//! Guests that are made, configured, verified and removed by the scripts: on the simulated cluster, whose containers are
//! guests with a real sshd (tests/lab/guest-hook), with an IPAM of CSV files.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bed;
mod failures;
mod kills;
mod netbox;
mod removed;
mod rollback;
mod vm;
mod whole;

#[path = "../namespaces.rs"]
#[allow(dead_code)]
mod namespaces;
#[path = "../tools.rs"]
#[allow(dead_code)] // of which only a part is needed here
mod tools;

#[path = "../script.rs"]
#[allow(dead_code)]
mod script;
