//! `pvx-migrate run`: the cluster that a plan is run in, and how.

use std::io::{Read, Write};

use vmid::exit::{Answer, Stop};

use crate::{
    Surroundings, cli,
    pve::Pve,
    run::{self, Options, clock::Clock, queue::Limits},
};

/// Runs the plan on `input`.
///
/// # Errors
///
/// Those of [`run::run`].
pub fn run(
    args: &cli::Run,
    surroundings: &Surroundings,
    input: impl Read,
    output: impl Write,
) -> Result<Answer, Stop> {
    let pve = Pve::new(&surroundings.environment, &args.connection)?;
    let clock = Clock {
        interrupts: surroundings.interrupts.clone(),
        speed: surroundings.speed,
    };
    run::run(&pve, &options(args, surroundings), &clock, input, output)
}

/// What the options mean.
fn options(args: &cli::Run, surroundings: &Surroundings) -> Options {
    Options {
        journal: args.journal.clone().filter(|_| !args.dry_run),
        limits: Limits {
            jobs: args.jobs.into(),
            per_node: args.jobs_per_node.into(),
        },
        partial: args.partial,
        max_age_s: args.max_age.as_secs(),
        now: surroundings.now,
        terminal: surroundings.stderr_terminal,
    }
}
