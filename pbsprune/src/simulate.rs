//! `pbsprune simulate`: what a policy keeps in the end, from nothing or from a list on.

use std::io::{Read, Write};

use vmid::{
    exit::{Answer, Stop},
    table,
};

use crate::{
    Surroundings,
    cli::Simulate,
    list::List,
    simulation::{self, Schedule},
};

/// Runs it: a snapshot list from `input`, the answer to `output`.
///
/// # Errors
///
/// The schedule can't be simulated, the input is no snapshot list, or `output` failed.
pub fn run(
    args: &Simulate,
    around: &mut Surroundings<'_>,
    input: impl Read,
    output: impl Write,
) -> Result<Answer, Stop> {
    let keep = args.counts.keep();
    let times = match (&args.schedule, args.every) {
        (Some(event), _) => simulation::event_times(event, args.duration, &around.zone, around.now),
        (None, every) => Schedule {
            every: every.unwrap_or_default(), // clap wants one of them
            at: args.at,
            duration: args.duration,
        }
        .times(&around.zone, around.now),
    };
    let times = times.map_err(Stop::input)?;
    let list = List::read(input, &args.place.ns)?;
    if keep.is_empty() {
        (around.say)("hint: no keep option is set (or all are 0), so everything is kept");
    }
    table::present(args.format, &[], output, around.terminal, |lines| {
        simulation::write(&list, &around.zone, &keep, &times, lines).map_err(Stop::output)?;
        lines.flush().map_err(Stop::output)?;
        Ok(Answer::Yes)
    })
}
