//! What is left to do of the guests of a plan, by what the journal says was done. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::order::Order;
use crate::journal::guest_line::{Deed, GuestLine, Stage};

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
                    todo.fresh.push(Job { order, last: None });
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
                // Of what was made, by this plan or an earlier one, its task is known: that has its host keys.
                Stage::Failed | Stage::Verified | Stage::Ready
                    if ours && order.deed == Deed::Create =>
                {
                    todo.fresh.push(job(order, line));
                }
                // This run's mark may still be there, so that the plan's digest is not its any more;
                // the line has what the configuration is without the mark.
                Stage::Failed if ours && newer => todo.fresh.push(job(order, line)),
                _ => todo.fresh.push(Job { order, last: None }),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::create_table_tests::order, *};
    fn line(action: &str, phase: &str, name: &str, at: &str) -> GuestLine {
        let value = json!({"at": format!("2026-11-22T00:00:{at}Z"), "cluster": "c", "vmid": 100, "type": "lxc",
            "name": name, "node": "a", "action": action, "phase": phase, "run": "0123456789abcdef"});
        serde_json::from_value(value).unwrap()
    }

    fn words(todo: &Todo) -> String {
        let repaired = todo.unfinished.iter().filter(|job| job.order.repair_only);
        let counts = [
            ("unfinished", todo.unfinished.len()),
            ("repaired", repaired.count()),
            ("fresh", todo.fresh.len()),
            ("done", todo.done.len()),
            ("later", todo.later.len()),
            ("told", todo.told.len()),
        ];
        let words = counts.iter().filter(|(_, count)| *count > 0);
        words.map(|(word, _)| *word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_a_line_says_of_a_step() {
        use Deed::{Create, Destroy};
        // The plan rests on a state of second 10.
        #[rustfmt::skip]
        let cases: &[(&str, Option<Deed>, (&str, &str, &str, &str), &str)] = &[
            ("made by this plan",            Some(Create),  ("create", "verified", "g", "12"),   "done"),
            ("in use by now",                Some(Create),  ("create", "ready", "g", "12"),      "done"),
            ("made by an earlier plan",      Some(Create),  ("create", "verified", "g", "09"),   "fresh"),
            ("another name by this plan",    Some(Create),  ("create", "verified", "h", "12"),   "fresh"),
            ("removed by an earlier plan",   Some(Create),  ("destroy", "verified", "g", "09"),  "fresh"),
            ("removed, and made again",      Some(Create),  ("destroy", "verified", "g", "12"),  "fresh"),
            ("it came to nothing",           Some(Create),  ("create", "failed", "g", "12"),     "fresh"),
            ("cut off",                      Some(Create),  ("create", "requested", "g", "01"),  "unfinished"),
            ("cut off in its task",          Some(Destroy), ("destroy", "task", "g", "01"),      "unfinished"),
            ("a person was to act",          Some(Create),  ("create", "stuck", "g", "12"),      "unfinished"),
            ("the plan has seen it since",   Some(Create),  ("create", "stuck", "g", "09"),      "fresh told"),
            ("the other way was cut off",    Some(Create),  ("destroy", "task", "g", "12"),      "unfinished repaired later"),
            ("another name was cut off",     Some(Destroy), ("destroy", "requested", "h", "12"), "unfinished repaired later"),
            ("gone by this plan",            Some(Destroy), ("destroy", "verified", "g", "12"),  "done"),
            ("made, and to go",              Some(Destroy), ("create", "verified", "g", "12"),   "fresh"),
            ("no plan",                      None,          ("destroy", "requested", "g", "01"), "unfinished repaired"),
            ("no plan, and stuck",           None,          ("create", "stuck", "g", "01"),      "unfinished repaired"),
            ("no plan, and done",            None,          ("create", "verified", "g", "01"),   ""),
        ];
        for (name, deed, (action, phase, called, at), want) in cases {
            let last = BTreeMap::from([(100, line(action, phase, called, at))]);
            let orders = deed.map(order).into_iter().collect();
            let todo = Todo::new(orders, &last, &BTreeSet::new());
            assert_eq!(words(&todo), *want, "{name}");
        }
    }

    #[test]
    fn what_waits_for_a_move_and_what_an_old_plan_may() {
        let none = BTreeMap::new();
        let todo = Todo::new(vec![order(Deed::Destroy)], &none, &BTreeSet::from([100]));
        assert_eq!(words(&todo), "later", "its move is not at its end");
        let last = BTreeMap::from([(100, line("destroy", "requested", "g", "12"))]);
        let mut todo = Todo::new(vec![order(Deed::Destroy)], &last, &BTreeSet::new());
        assert_eq!(words(&todo), "unfinished");
        todo.begin_nothing();
        assert_eq!(words(&todo), "unfinished repaired", "the plan is too old");
    }
}
