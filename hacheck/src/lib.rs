//! Whether an HA pair is really redundant right now.
//!
//! [`evidence`] and [`probe`] say what was seen, [`judge`] what it means, without any I/O.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod ask;
pub mod check;
pub mod checked;
pub mod cli;
pub mod daemons;
pub mod evidence;
pub mod fields;
pub mod finding;
pub mod frame;
pub mod guests;
pub mod history;
pub mod holding;
pub mod input_file;
pub mod interfaces;
pub mod judge;
pub mod keepalived;
pub mod listen;
mod look;
pub mod member;
pub mod nagios;
pub mod netlink;
pub mod outage;
pub mod pairs;
pub mod probe;
pub mod proc;
pub mod prometheus;
pub mod raw;
pub mod report;
pub mod same;
pub mod samples;
pub mod schedule;
pub mod service;
pub mod sources;
pub mod spark;
pub mod stdin;
pub mod textfile;
pub mod told;
pub mod views;
pub mod vrrp;
pub mod wanted;
pub mod watch;
pub mod window;

use std::{io::Write, path::PathBuf};

use cli::{Cli, Command};
use stdin::Stdin;
use vmid::exit::{Answer, Stop};

/// What only `main` finds out.
pub struct Surroundings<'a> {
    /// Now, Unix time in milliseconds.
    pub now_ms: i64,
    /// Standard input.
    pub stdin: Stdin<'a>,
    /// The site file that the environment names.
    pub pvx_site: Option<PathBuf>,
    /// There is one line for all that is wrong, as for a monitoring plugin.
    pub one_line: bool,
    /// The output is a terminal.
    pub terminal: bool,
    /// Takes a line for stderr.
    pub say: &'a mut dyn FnMut(&str),
    /// Draws a line over the last one on a terminal; none if stderr is something else.
    pub draw: Option<&'a mut dyn FnMut(&str)>,
}

/// How a run ended that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// As all tools do.
    Answer(Answer),
    /// With the exit code of a monitoring plugin.
    Plugin(u8),
}

/// Runs one command.
///
/// # Errors
///
/// The call is wrong, or what it needs of the host can't be had, or `output` failed.
pub fn run(
    cli: &Cli,
    surroundings: &mut Surroundings<'_>,
    output: impl Write,
) -> Result<Done, Stop> {
    match &cli.command {
        Command::Check(args) => check::run(args, surroundings, output),
        Command::Watch(args) => watch::run(args, surroundings, output).map(Done::Answer),
        Command::Listen(args) => listen::run(args, output, surroundings.terminal).map(Done::Answer),
        Command::Ask(args) => ask::run(args, surroundings, output).map(Done::Answer),
        Command::Member(args) => {
            member::run(args, surroundings.now_ms, output, surroundings.terminal).map(Done::Answer)
        }
    }
}
