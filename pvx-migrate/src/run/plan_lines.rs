//! The plan as `run` gets it: every line is checked before anything is done.

use std::{collections::BTreeSet, io::Read};

use anyhow::anyhow;
use vmid::{
    exit::Stop,
    stream::{self, Kept, Record},
};

use crate::{
    node_name,
    plan::{line::PlanLine, record::Step},
};

/// A line of the plan, and what becomes of it.
pub struct Row {
    /// As it came.
    pub kept: Kept,
    /// What it says; none where the line carries an error.
    pub line: Option<PlanLine>,
}

impl Row {
    /// The step of a guest that moves or stays.
    pub fn step(&self) -> Option<&Step> {
        match &self.line {
            Some(PlanLine::Move(step)) => Some(step),
            _ => None,
        }
    }
}

/// The plan, read to its end.
///
/// # Errors
///
/// A line is no step of a plan, or one that could not be taken; the number of the line is told.
pub fn read(input: impl Read) -> Result<Vec<Row>, Stop> {
    let mut rows = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, kept) in (1..).zip(stream::read_all(input)?) {
        let record = kept.record();
        let line = if record.has_error() {
            None
        } else {
            let line = line(&record).and_then(|line| {
                if seen.insert(line.vmid()) {
                    Ok(line)
                } else {
                    Err(format!("{} is in the plan twice", line.vmid()))
                }
            });
            Some(line.map_err(|what| no_step(number, &what, &record))?)
        };
        rows.push(Row { kept, line });
    }
    Ok(rows)
}

fn line(record: &Record<'_>) -> Result<PlanLine, String> {
    let line = PlanLine::of(record.text())?;
    if let PlanLine::Move(step) = &line {
        check(step)?;
    }
    Ok(line)
}

fn check(step: &Step) -> Result<(), String> {
    if step.action.acts() && step.to.is_none() {
        return Err(format!("{} has no node to go to", step.vmid));
    }
    // They become parts of paths.
    for node in [Some(&step.from), step.to.as_ref()].into_iter().flatten() {
        node_name::check(node).map_err(|wrong| format!("{}: {wrong}", step.vmid))?;
    }
    Ok(())
}

/// What was sent instead of a plan, if it can be told, and what makes one.
fn no_step(number: usize, what: &str, record: &Record<'_>) -> Stop {
    let has = |name: &str| record.raw(name).is_some();
    let instead = if has("action") {
        ""
    } else if has("version") && has("guests") {
        "; it is a state document, of which a plan is yet to be made"
    } else if has("phase") {
        "; it is a journal's line: a journal belongs behind --journal"
    } else if has("net0") || has("vmid") {
        "; it is a guest's record"
    } else {
        ""
    };
    let cause = anyhow!("stdin: record {number}: no step of a plan: {what}{instead}");
    Stop::input(cause)
        .hint("a plan comes from pvx-migrate plan drain, move, return, make or remove")
}
