//! Which step is next: in the plan's order, as far as others are done and nodes have room.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    direction::{same_way, step_of},
    todo::Todo,
};
use crate::{journal::line::Line, plan::record::Step};

/// How many moves at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// In all.
    pub jobs: usize,
    /// Out of a node, and into it.
    pub per_node: usize,
}

/// A step that is handed out.
#[derive(Clone, Debug)]
pub struct Job {
    /// The step; of a move that no plan has any more, what its journal says of it.
    pub step: Step,
    /// What the journal says, if it was cut off.
    pub last: Option<Line>,
    /// It is only brought to its end.
    pub repair_only: bool,
}

/// The steps that wait, and those that are under way.
#[derive(Debug)]
pub struct Queue {
    waiting: Vec<Job>,
    limits: Limits,
    out: BTreeMap<String, usize>,
    into: BTreeMap<String, usize>,
    running: usize,
    /// Steps that others may still wait for.
    open: BTreeSet<u32>,
    /// Guests that are down, or may be.
    down: BTreeSet<u32>,
}

impl Queue {
    /// Moves that were cut off come first, and wait for nothing.
    #[must_use]
    pub fn new(steps: &[&Step], todo: &Todo, limits: Limits) -> Self {
        let mut waiting = Vec::new();
        for (line, at) in &todo.unfinished {
            let planned = at.map(|at| steps[at]).filter(|step| same_way(step, line));
            let mut step = planned.cloned().unwrap_or_else(|| step_of(line));
            step.after.clear();
            waiting.push(Job {
                repair_only: planned.is_none(),
                step,
                last: Some(line.clone()),
            });
        }
        let fresh = todo.fresh.iter().map(|at| Job {
            step: steps[*at].clone(),
            last: None,
            repair_only: false,
        });
        waiting.extend(fresh);
        Self {
            open: waiting.iter().map(|job| job.step.vmid).collect(),
            waiting,
            limits,
            out: BTreeMap::new(),
            into: BTreeMap::new(),
            running: 0,
            down: BTreeSet::new(),
        }
    }

    /// The next step that can begin now.
    pub fn take(&mut self) -> Option<Job> {
        if self.running >= self.limits.jobs {
            return None;
        }
        let room = |used: &BTreeMap<String, usize>, node: &str| {
            used.get(node).copied().unwrap_or(0) < self.limits.per_node
        };
        let at = self.waiting.iter().position(|job| {
            let step = &job.step;
            let free = step
                .after
                .iter()
                .all(|vmid| !self.open.contains(vmid) && !self.down.contains(vmid));
            let to = step.to.as_deref().unwrap_or_default();
            free && room(&self.out, &step.from) && room(&self.into, to)
        })?;
        let job = self.waiting.remove(at);
        self.running += 1;
        *self.out.entry(job.step.from.clone()).or_default() += 1;
        *self
            .into
            .entry(job.step.to.clone().unwrap_or_default())
            .or_default() += 1;
        Some(job)
    }

    /// A step has ended; `up` if its guest is as it was before.
    pub fn end(&mut self, job: &Job, up: bool) {
        let (vmid, to) = (job.step.vmid, job.step.to.clone().unwrap_or_default());
        self.running -= 1;
        self.open.remove(&vmid);
        if !up {
            self.down.insert(vmid);
        }
        for (used, node) in [(&mut self.out, &job.step.from), (&mut self.into, &to)] {
            if let Some(count) = used.get_mut(node) {
                *count -= 1;
            }
        }
    }

    /// How many are under way.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running
    }

    /// Those that were never begun, and why.
    #[must_use]
    pub fn rest(&self) -> Vec<(&Step, String)> {
        let why = |step: &Step| {
            let down: Vec<String> = step
                .after
                .iter()
                .filter(|vmid| self.down.contains(vmid))
                .map(u32::to_string)
                .collect();
            if down.is_empty() {
                "not begun: the run was stopped before".to_owned()
            } else {
                format!(
                    "not begun: it waits for {}, which needs a person",
                    down.join(", ")
                )
            }
        };
        self.waiting
            .iter()
            .map(|job| (&job.step, why(&job.step)))
            .collect()
    }
}
