//! `scripts/app-backup` on applications that are written to, on targets that fail, and killed at every step.
//!
//! What a test needs of the machine and doesn't find is named, and fails under CI=true.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod archive;
mod far;
mod kills;
mod lab;
mod live;
mod nfs;
mod restore;
mod target;

#[path = "../tools.rs"]
#[allow(dead_code)] // of which only a part is needed here
mod tools;

#[path = "../script.rs"]
mod script;
