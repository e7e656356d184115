//! `scripts/deprovision --apply` on a simulated cluster, with an IPAM in files and PBS's lists of backups.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../tools.rs"]
#[allow(dead_code)] // of which only a part is needed here
mod tools;
#[path = "../netbox/wire.rs"]
#[allow(dead_code)]
mod wire;

#[path = "../migrate/sim.rs"]
#[allow(dead_code)]
mod sim;

mod bed;
mod failures;
mod hostile;
mod identity;
mod kills;
mod names;
mod refusals;
mod whole;

#[path = "../script.rs"]
#[allow(dead_code)]
mod script;
