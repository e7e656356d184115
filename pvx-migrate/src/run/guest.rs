//! Guests that are made and removed.
//!
//! As with moves, a look says what is there, [`create`] and [`destroy`] say what comes next, and
//! one driver does it: so that a run that was cut off comes to the same end as one that was not.

mod again;
mod agent_keys;
mod ask;
mod config;
mod create;
#[cfg(test)]
mod create_table_tests;
#[cfg(test)]
mod creation_tests;
mod decision;
mod destroy;
#[cfg(test)]
mod destroy_table_tests;
mod differs;
pub(super) mod doing;
mod driver;
mod follow;
mod host_keys;
mod last_look;
mod learned_keys;
mod look;
mod mark;
#[cfg(test)]
mod mishap_tests;
mod order;
pub(super) mod plan;
mod purge;
pub(super) mod ready;
pub(super) mod record;
#[cfg(test)]
mod removal_tests;
#[cfg(test)]
mod scripted_plan;
mod seen;
#[cfg(test)]
mod test_pve;
#[cfg(test)]
mod test_server;
mod todo;
#[cfg(test)]
mod vm_keys_tests;
pub(super) mod work;

/// The journal's own ID in a dry run, which has none.
pub(super) const NO_RUN: &str = "0000000000000000";
