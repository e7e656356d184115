//! Whether an HA pair is really redundant right now.
//!
//! [`evidence`] is what was seen; what it means is decided without any I/O.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod cli;
pub mod evidence;
pub mod frame;
pub mod vrrp;
