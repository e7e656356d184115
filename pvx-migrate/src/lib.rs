//! Guest moves in a Proxmox VE cluster: a state document, a plan, a run.
//!
//! Pure: [`audit`], [`cluster`], [`config`], [`node_name`], [`permission`], [`place`], [`plan`], [`size`], [`state`], [`unreadable`].
//! The only I/O: [`document`] (files and stdin), [`pve`] (the API), [`read`] (the state).

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::type_complexity)
)]

use std::io::{Read, Write};

use jiff::Timestamp;
use vmid::exit::{Answer, Stop};

pub mod audit;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod document;
pub mod journal;
pub mod node_name;
pub mod permission;
pub mod place;
pub mod plan;
pub mod pve;
pub mod read;
pub mod run;
pub mod size;
pub mod state;
pub mod unreadable;
mod verb;

use cli::Command;
use pve::Environment;

/// What surrounds a run; `main` alone reads it from the system.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Variables of the environment.
    pub environment: Environment,
    /// The time.
    pub now: Timestamp,
    /// The MAC addresses of this machine.
    pub macs: Vec<String>,
    /// How often somebody asked to stop.
    pub interrupts: run::clock::Interrupts,
    /// `NETBOX_URL`, as it is set.
    pub netbox: Option<String>,
    /// `PVX_SPEED`, as it is set: see [`run::clock::speed`].
    pub speed: Option<String>,
    /// Standard error is a terminal.
    pub stderr_terminal: bool,
}

/// Runs a command that was asked for the line of a monitoring plugin (`--nagios`); its exit code.
///
/// # Errors
///
/// As [`run`]; none if the command has no such line.
pub fn plugin(
    command: &Command,
    surroundings: &Surroundings,
    input: impl Read,
    output: impl Write,
) -> Option<Result<u8, Stop>> {
    match command {
        Command::Audit(args) if args.nagios => {
            Some(verb::audit::plugin(args, surroundings, input, output))
        }
        Command::Plan(cli::Plan::Lost(args)) if args.nagios => {
            Some(verb::lost::plugin(args, surroundings, input, output))
        }
        _ => None,
    }
}

/// Runs one command.
///
/// # Errors
///
/// The input is not what the command reads, or the cluster or `output` failed.
pub fn run(
    command: &Command,
    surroundings: &Surroundings,
    input: impl Read,
    output: impl Write,
    terminal: bool,
) -> Result<Answer, Stop> {
    match command {
        Command::State(args) => verb::state::state(args, surroundings, output),
        Command::Plan(cli::Plan::Moves(args)) => {
            verb::plan::plan(args, surroundings, input, output, terminal)
        }
        Command::Plan(cli::Plan::Make(args)) => {
            verb::make::make(args, surroundings, input, output, terminal)
        }
        Command::Plan(cli::Plan::Remove(args)) => {
            verb::remove::remove(args, surroundings, input, output, terminal)
        }
        Command::Plan(cli::Plan::Lost(args)) => {
            verb::lost::lost(args, surroundings, input, output, terminal)
        }
        Command::Audit(args) => verb::audit::audit(args, surroundings, input, output, terminal),
        Command::Run(args) => verb::run::run(args, surroundings, input, output),
        Command::Place(args) => verb::place::place(args, surroundings, input, output, terminal),
    }
}
