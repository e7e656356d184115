//! Which backups to keep and which to remove: PBS's own decision, with reasons.
//!
//! [`mark`], [`diff`], [`simulate`], [`files`], [`cover`] and [`schedule`] are the verbs. What they stand on is
//! pure, without clock, environment or network: [`retention`] (the rules of one group) on [`rule`] and
//! [`calendar`]; [`extra`], [`policy`], [`guard`]; [`judge`] for a whole [`list`].
//! The zone's data come from [`zone`] alone, the files of the caller from [`named_file`].

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::type_complexity)
)]

use std::io::{Read, Write};

use vmid::exit::{Answer, Stop};

pub mod calendar;
pub mod calendar_event;
pub mod calendar_strip;
pub mod cli;
pub mod comparison;
pub mod cover;
pub mod diff;
pub mod extra;
pub mod field;
pub mod files;
pub mod group_records;
pub mod guard;
pub mod input;
pub mod json_text;
pub mod judge;
pub mod list;
pub mod mark;
pub mod marked_rows;
pub mod nagios;
pub mod named_file;
pub mod options;
pub mod policy;
pub mod pve_content;
pub mod report;
pub mod retention;
pub mod row;
pub mod rule;
pub mod schedule;
pub mod simulate;
pub mod simulation;
pub mod snapshot;
pub mod why;
pub mod zone;

use cli::{Cli, Command};
use zone::Zone;

/// What only `main` finds out.
pub struct Surroundings<'a> {
    /// Now, in seconds.
    pub now: i64,
    /// The zone in which days begin.
    pub zone: Zone,
    /// The output is a terminal.
    pub terminal: bool,
    /// Takes a line for stderr.
    pub say: &'a mut dyn FnMut(&str),
    /// The exit code of a monitoring plugin, once its line was written.
    pub plugin: Option<u8>,
}

/// Runs one command: a snapshot list from `input` to `output`.
///
/// # Errors
///
/// The input is no snapshot list, a file that was named can't be used, or `output` failed.
pub fn run(
    cli: &Cli,
    around: &mut Surroundings<'_>,
    input: impl Read,
    output: impl Write,
) -> Result<Answer, Stop> {
    if cli.clock().verbose {
        (around.say)(&format!("days begin at midnight in {}", around.zone.name()));
    }
    if let Some(warning) = around.zone.sign_warning() {
        let from = match cli.clock().tz {
            Some(_) => "--tz",
            None => "TZ",
        };
        (around.say)(&format!("warning: {from} {warning}"));
    }
    match &cli.command {
        None => mark::run(&cli.mark, around, input, output),
        Some(Command::Mark(args)) => mark::run(args, around, input, output),
        Some(Command::Diff(args)) => diff::run(args, around, input, output),
        Some(Command::Files(args)) => files::run(args, around, input, output),
        Some(Command::Schedule(args)) => schedule::run(args, around, input, output),
        Some(Command::Simulate(args)) => simulate::run(args, around, input, output),
        Some(Command::Cover(args)) => cover::run(args, around, input, output),
    }
}
