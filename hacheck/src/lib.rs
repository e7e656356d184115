//! Whether an HA pair is really redundant right now.
//!
//! [`evidence`] and [`probe`] say what was seen, [`judge`] what it means, without any I/O.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod cli;
pub mod evidence;
pub mod finding;
pub mod frame;
pub mod guests;
pub mod history;
pub mod interfaces;
pub mod judge;
pub mod keepalived;
pub mod listen;
pub mod member;
pub mod netlink;
pub mod pairs;
pub mod probe;
pub mod proc;
pub mod raw;
pub mod span;
pub mod vrrp;
pub mod window;

use std::io::Write;

use cli::{Cli, Command};
use vmid::exit::{Answer, Stop};

/// What only `main` finds out.
pub struct Site {
    /// Now, Unix time in milliseconds.
    pub now_ms: i64,
    /// The output is a terminal.
    pub terminal: bool,
}

/// Runs one command.
///
/// # Errors
///
/// The call is wrong, or what it needs of the host can't be had, or `output` failed.
pub fn run(cli: &Cli, site: &Site, output: impl Write) -> Result<Answer, Stop> {
    match &cli.command {
        Command::Listen(args) => listen::run(args, output, site.terminal),
        Command::Member(args) => member::run(args, site.now_ms, output, site.terminal),
    }
}
