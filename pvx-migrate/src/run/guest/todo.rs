//! What is left to do of the guests of a plan, by what the journal says was done. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::order::Order;
use crate::journal::guest_line::{GuestLine, Stage};

/// A step that is handed out.
#[derive(Clone, Debug)]
pub struct Job {
    /// What is to be done.
    pub order: Order,
    /// What the journal says of it.
    pub last: Option<GuestLine>,
}

/// What is to be done with the steps, by the journal.
#[derive(Debug, Default)]
pub struct Todo {
    /// What was cut off; it comes first.
    pub unfinished: Vec<Job>,
    /// What nothing was asked for yet, or came to nothing.
    pub fresh: Vec<Job>,
    /// What is done, as the journal has it.
    pub done: Vec<GuestLine>,
    /// What can't be begun before something else is at its end; and why.
    pub later: Vec<(Order, &'static str)>,
    /// What an earlier run had left to a person, before the plan was made: it is only told.
    pub told: Vec<GuestLine>,
}

impl Todo {
    /// A line counts for a plan that is older than it, what was cut off for any. What needed a person
    /// counts until a plan is made that has seen the guest since. `moving` are the guests whose move is
    /// not at its end.
    #[must_use]
    pub fn new(
        orders: Vec<Order>,
        last: &BTreeMap<u32, GuestLine>,
        moving: &BTreeSet<u32>,
    ) -> Self {
        let mut todo = Self::default();
        let mut seen = BTreeSet::new();
        for order in orders {
            seen.insert(order.vmid);
            let line = last.get(&order.vmid);
            let order = order.with(line);
            if moving.contains(&order.vmid) {
                todo.later
                    .push((order, "its move is brought to its end first"));
                continue;
            }
            let Some(line) = line else {
                todo.fresh.push(Job { order, last: None });
                continue;
            };
            let newer = line.at >= order.state_at;
            let ours = order.is_of(line);
            match line.phase {
                Stage::Stuck if !newer => {
                    todo.told.push(line.clone());
                    todo.fresh.push(job(order, line));
                }
                _ if line.is_open() && ours => todo.unfinished.push(job(order, line)),
                _ if line.is_open() => {
                    todo.unfinished.push(job(Order::of(line), line));
                    todo.later.push((
                        order,
                        "what this journal has begun with that ID is brought to its end first",
                    ));
                }
                Stage::Verified | Stage::Ready if newer && ours => todo.done.push(line.clone()),
                _ => todo.fresh.push(job(order, line)),
            }
        }
        let others = last
            .values()
            .filter(|line| !seen.contains(&line.vmid) && line.is_open());
        todo.unfinished
            .extend(others.map(|line| job(Order::of(line), line)));
        todo
    }

    /// The plan is too old to begin anything by: what was cut off is only brought to its end.
    pub fn begin_nothing(&mut self) {
        self.fresh.clear();
        for job in &mut self.unfinished {
            job.order.repair_only = true;
        }
    }

    /// What is to be done, in that order.
    #[must_use]
    pub fn jobs(self) -> Vec<Job> {
        let all = self.unfinished.into_iter().chain(self.fresh);
        all.collect()
    }

    /// Nothing is to be asked.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.fresh.is_empty() && self.unfinished.is_empty()
    }
}

fn job(order: Order, line: &GuestLine) -> Job {
    let last = Some(line.clone());
    Job { order, last }
}
