//! Guest moves in a Proxmox VE cluster: a state document, a plan, a run.
//!
//! Pure: [`state`] and [`plan`]. The only I/O: [`pve`] (the API), [`read`] (the state).

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::type_complexity)
)]

use std::io::{Read, Write};

use jiff::Timestamp;
use vmid::exit::{self, Answer, Stop};

pub mod cli;
pub mod journal;
pub mod permission;
pub mod plan;
pub mod pve;
pub mod read;
pub mod run;
pub mod state;

use cli::Command;
use pve::{Environment, Pve};

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
    /// Seconds that pass in one: 1, but for a simulated cluster.
    pub speed: f64,
    /// Standard error is a terminal.
    pub stderr_terminal: bool,
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
    mut output: impl Write,
    _terminal: bool,
) -> Result<Answer, Stop> {
    match command {
        Command::State(args) => {
            let pve = Pve::new(&surroundings.environment, &args.connection)?;
            let wanted = read::Wanted {
                nodes: &args.node,
                now: surroundings.now,
                macs: &surroundings.macs,
            };
            let state = read::read(&pve, &wanted)?;
            for missing in &state.missing {
                let state::Missing {
                    privilege,
                    path,
                    r#for,
                } = missing;
                let what = format!("warning: the token lacks {privilege} on {path}: {for}");
                exit::say("pvx-migrate", &what);
            }
            let mut text =
                serde_json::to_vec(&state).map_err(|error| Stop::output(error.into()))?;
            text.push(b'\n');
            output
                .write_all(&text)
                .and_then(|()| output.flush())
                .map_err(Stop::output)?;
            Ok(Answer::Yes)
        }
        Command::Run(args) => {
            let pve = Pve::new(&surroundings.environment, &args.connection)?;
            let (interrupts, speed) = (surroundings.interrupts.clone(), surroundings.speed);
            let options = run::Options {
                journal: args.journal.clone().filter(|_| !args.dry_run),
                limits: run::queue::Limits {
                    jobs: args.jobs.into(),
                    per_node: args.jobs_per_node.into(),
                },
                partial: args.partial,
                max_age_s: args.max_age,
                now: surroundings.now,
                terminal: surroundings.stderr_terminal,
            };
            let clock = run::clock::Clock { interrupts, speed };
            run::run(&pve, &options, &clock, input, output)
        }
    }
}
