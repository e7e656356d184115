//! `scripts/audit` and `scripts/site-page` on a simulated cluster, with an IPAM in files and PBS's lists.

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
mod diagrams;
mod documents;
mod drills;
mod markup;
mod nights;
mod semaphore;
mod whole;
