//! `pvx-migrate run`: the cluster that a plan is run in, and how.

use std::io::{Read, Write};

use vmid::exit::{self, Answer, Stop};

use crate::{
    Surroundings, cli,
    pve::Pve,
    run::{
        self, Options,
        clock::{self, Clock},
        queue::Limits,
    },
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
    let speed = clock::speed(surroundings.speed.as_deref()).map_err(Stop::input)?;
    if let Some(speed) = speed {
        let what = format!(
            "warning: PVX_SPEED={speed} is set: every wait is cut to 1/{speed} of its length, which is for tests only"
        );
        exit::say("pvx-migrate", &what);
    }
    let pve = Pve::new(&surroundings.environment, &args.connection)?;
    if let (Some(vmid), Some(journal)) = (args.ready, &args.journal) {
        return run::ready(&pve, journal, vmid, surroundings.now, output);
    }
    let clock = Clock {
        interrupts: surroundings.interrupts.clone(),
        speed: speed.unwrap_or(1.0),
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
        quorum_wait: args.quorum_wait,
        agent_wait: args.agent_wait,
        max_age: args.max_age,
        now: surroundings.now,
        terminal: surroundings.stderr_terminal,
    }
}
