//! `pvx-migrate` on a simulated cluster, and on stock fakepve.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "../tools.rs"]
#[allow(dead_code)] // of which only a part is needed here
mod tools;
#[path = "../netbox/wire.rs"]
#[allow(dead_code)]
mod wire;

mod agents;
mod company;
mod fakepve;
mod guests;
mod kill_kinds;
mod kills;
mod known;
mod made;
mod making;
mod outage;
mod recordings;
mod recovery;
mod sim;
mod task_words;
mod unsent;
mod whole;
