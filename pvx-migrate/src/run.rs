//! Runs a plan: what acts, and so looks before, writes down what it is about to do, looks
//! after, and leaves nothing stopped that ran.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    path::PathBuf,
    time::Duration,
};

use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::Value;
use vmid::{
    exit::{self, Answer, Stop},
    span,
};

use crate::{
    journal::{
        event::{Event, Phase},
        file::Found,
    },
    plan::record::{Action, Step},
    pve::{Failure, Pve},
};

mod ask;
mod cause;
pub mod check;
pub mod clock;
#[cfg(test)]
mod dead_end_tests;
pub mod decision;
mod direction;
mod follow;
mod guest;
pub mod leftover;
pub mod look;
#[cfg(test)]
mod look_tests;
mod managed;
pub mod members;
mod mover;
pub mod moving;
pub mod next;
#[cfg(test)]
mod outage_table_tests;
mod plan_lines;
pub mod progress;
pub mod queue;
mod record;
#[cfg(test)]
mod recovery_table_tests;
mod remains;
mod rescue;
pub mod seen;
pub mod task;
pub mod todo;
mod work;

pub use guest::ready::ready;

use clock::Clock;
use guest::{doing::Maker, plan::Guests};
use moving::Mover;
use progress::Board;
use queue::{Limits, Queue};
use record::{Out, passed, plain, record};
use todo::Todo;

/// How a plan is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The journal; none in a dry run.
    pub journal: Option<PathBuf>,
    /// How many moves at once.
    pub limits: Limits,
    /// Move what can be moved, though a running guest will stay.
    pub partial: bool,
    /// For how long a lost quorum is waited for.
    pub quorum_wait: Duration,
    /// For how long the guest agent of a VM that was made is waited for.
    pub agent_wait: Duration,
    /// The oldest state that a plan may rest on.
    pub max_age: Duration,
    /// The time.
    pub now: Timestamp,
    /// Standard error is a terminal.
    pub terminal: bool,
}

/// Runs the plan on `input`; one record for each of its lines goes to `output`, when it is done.
///
/// # Errors
///
/// The plan is none, is old, or is another cluster's; the journal is another run's or can't be
/// written; the cluster does not answer; or a guest needs a person (its record says what to do).
pub fn run(
    pve: &Pve,
    options: &Options,
    clock: &Clock,
    input: impl Read,
    output: impl Write,
) -> Result<Answer, Stop> {
    let rows = plan_lines::read(input)?;
    let steps: Vec<&Step> = rows.iter().filter_map(plan_lines::Row::step).collect();
    let mut out = Out::new(output);
    let mut answer = Answer::no_if(rows.iter().any(|row| row.line.is_none()));
    for row in rows.iter().filter(|row| row.line.is_none()) {
        out.line(&passed(&row.kept.record()));
    }
    let found = options.journal.as_deref().map(Found::read).transpose()?;
    let last = found.as_ref().map(Found::last).unwrap_or_default();
    let mut todo = Todo::new(&steps, &last);
    let lines = todo.unfinished.iter().map(|(line, _)| line.event.vmid);
    let mut guests = Guests::new(&rows, found.as_ref(), &lines.collect::<BTreeSet<u32>>());
    let planned = steps.iter().map(|step| (&step.cluster, "the plan"));
    let written = last.values();
    let written = written.map(|line| (&line.event.cluster, "the journal"));
    same_cluster(pve, planned.chain(written).chain(guests.clusters()))?;
    for (event, acts) in &todo.told {
        exit::say("pvx-migrate", &left_to_a_person(event, *acts));
    }
    for (event, before) in &todo.done {
        answer = answer.max(Answer::no_if(event.phase == Phase::Failed));
        out.line(&record(event, false, before.as_ref(), None, &[], &[]));
    }
    answer = answer.max(guests.tell(pve, &mut out));
    answer = answer.max(leave_open_guests(&steps, &mut todo, &guests, &mut out));
    if rows.is_empty() && todo.unfinished.is_empty() && guests.todo.is_idle() {
        exit::say("pvx-migrate", "no step came in: nothing is done");
    }
    let fresh = todo.fresh.iter().map(|at| steps[*at].state_at);
    if let Err(stop) = young_enough(fresh.chain(guests.states()), options) {
        if todo.unfinished.is_empty() && guests.todo.unfinished.is_empty() {
            return Err(stop);
        }
        exit::say(
            "pvx-migrate",
            &format!("{stop}; only what was under way is brought to its end"),
        );
        let fresh = !todo.fresh.is_empty() || !guests.todo.fresh.is_empty();
        answer = answer.max(Answer::no_if(fresh));
        todo.fresh.clear();
        guests.todo.begin_nothing();
    } else if !may_begin(&steps, &todo, &mut guests, options, &mut out) {
        todo.fresh.clear();
    }
    // Up to here nothing was changed, the journal included; where nothing is left to do, none is made.
    let idle = todo.fresh.is_empty() && todo.unfinished.is_empty() && guests.todo.is_idle();
    let found = found.filter(|_| !idle);
    let run = found.as_ref().map(Found::run_id).transpose()?;
    let journal = found.map(Found::begin).transpose()?;
    let queue = Queue::new(&steps, &todo, options.limits);
    let mover = Mover {
        pve,
        journal: journal.as_ref(),
        clock,
        board: &Board::default(),
        quorum_wait: options.quorum_wait,
    };
    let outcome = work::work(&mover, queue, options, &mut out);
    answer = answer.max(outcome.answer);
    if let Some(stop) = outcome.stop(clock) {
        let why = "not begun: a move of the same plan did not come to its end";
        guests.not_begun(&mut out, why);
        return Err(stop);
    }
    let maker = Maker {
        pve,
        journal: journal.as_ref(),
        clock,
        board: mover.board,
        quorum_wait_s: options.quorum_wait.as_secs_f64(),
        agent_wait_s: options.agent_wait.as_secs_f64(),
        run: run.as_deref().unwrap_or(guest::NO_RUN),
    };
    let outcome = guest::work::work(&maker, guests.todo.jobs(), options, &mut out);
    answer = answer.max(outcome.answer);
    if let Some(stop) = outcome.stop(clock.interrupts.count() > 0) {
        return Err(stop);
    }
    out.end(answer)
}

/// Leaves guests alone that are being made or removed by this journal: their moves are not begun.
fn leave_open_guests<W: Write>(
    steps: &[&Step],
    todo: &mut Todo,
    guests: &Guests,
    out: &mut Out<W>,
) -> Answer {
    let open = guests.open();
    let mut left = false;
    todo.fresh.retain(|at| {
        let is_open = open.contains(&steps[*at].vmid);
        if is_open {
            let why =
                "not begun: what this journal has begun with that ID is brought to its end first";
            out.line(&plain(steps[*at], Some(("not-begun", why))));
        }
        left |= is_open;
        !is_open
    });
    Answer::no_if(left)
}

/// Of a guest that a person was to see to before the plan was made.
fn left_to_a_person(event: &Event, acts: bool) -> String {
    let why = event.message.as_deref().unwrap_or("no reason was told");
    let then = if acts {
        "it is moved as planned"
    } else {
        "nothing is done about it; pvx-migrate run --journal JOURNAL </dev/null would bring that run's move to its end"
    };
    format!(
        "{}: an earlier run left it to a person ({why}); the plan has seen it since: {then}",
        event.vmid
    )
}

/// The cluster must be the plan's and the journal's: each name, and whose it is.
fn same_cluster<'a>(
    pve: &Pve,
    names: impl IntoIterator<Item = (&'a String, &'static str)>,
) -> Result<(), Stop> {
    let path = "/cluster/status";
    let rows: Vec<Value> = pve.get(path).map_err(|failure| match failure {
        Failure::Lost(_) => Stop::outside(anyhow!("{}: {failure}", pve.base())),
        _ => Stop::outside(anyhow!("{}{path}: {failure}", pve.base())),
    })?;
    let named = |kind: &str| {
        let row = rows.iter().find(|row| row["type"] == kind);
        row.and_then(|row| row["name"].as_str()).map(str::to_owned)
    };
    let name = named("cluster")
        .or_else(|| named("node"))
        .unwrap_or_default();
    for (cluster, whose) in names {
        if *cluster != name {
            return Err(Stop::input(anyhow!(
                "{whose} is of the cluster {cluster:?}, {} is {name:?}",
                pve.base()
            )));
        }
    }
    Ok(())
}

fn young_enough(states: impl Iterator<Item = Timestamp>, options: &Options) -> Result<(), Stop> {
    let oldest = states.min();
    let age = oldest.map(|at| options.now.duration_since(at));
    // A state from the future has no age.
    let age = age.and_then(|age| Duration::try_from(age).ok());
    if let Some(age) = age.filter(|age| *age > options.max_age) {
        let what = anyhow!(
            "the plan rests on a state that is {} old; --max-age is {}",
            span::shown(age),
            span::written(options.max_age)
        );
        return Err(Stop::input(what).hint("make a new one, or give a longer --max-age"));
    }
    Ok(())
}

/// Without --partial nothing is begun if a running guest would stay, or if one can't be made or
/// removed; the records say so.
fn may_begin<W: Write>(
    all: &[&Step],
    todo: &Todo,
    guests: &mut Guests,
    options: &Options,
    out: &mut Out<W>,
) -> bool {
    let mut left = false;
    let blocked = guests.tell_blocked(out);
    // Of what is brought to its end, that gives the record.
    let under_way = |step: &Step| {
        let mut lines = todo.unfinished.iter().map(|(line, _)| line);
        lines.any(|line| line.event.vmid == step.vmid)
    };
    let steps = || all.iter().filter(|step| !under_way(step));
    for step in steps().filter(|step| step.action == Action::Blocked) {
        let why: Vec<&str> = step
            .blockers
            .iter()
            .map(|blocker| blocker.message.as_str())
            .collect();
        left |= step.was_running;
        out.line(&plain(step, Some(("blocked", &why.join("; ")))));
    }
    for step in steps().filter(|step| step.action == Action::Leave) {
        out.line(&plain(step, None));
    }
    // The answer is "no" all the same, when the rest is done.
    out.no = left || blocked;
    if !out.no || options.partial {
        return true;
    }
    let what = match (left, blocked) {
        (_, false) => "a running guest would stay on the node; --partial moves the others",
        _ => "a guest of the plan is blocked; --partial begins with the others",
    };
    let why = format!("not begun: {what}");
    guests.not_begun(out, &why);
    for at in &todo.fresh {
        out.line(&plain(all[*at], Some(("not-begun", &why))));
    }
    false
}
