//! What is left to do of a plan, by what its journal says was done.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    journal::{
        event::{Event, Phase},
        line::Line,
    },
    plan::record::Step,
};

use super::direction::same_way;

/// What is to be done with the steps, by the journal.
#[derive(Debug, Default)]
pub struct Todo {
    /// Steps that nothing was asked for yet, by their place in the plan.
    pub fresh: Vec<usize>,
    /// Moves that were cut off; whether the plan has them.
    pub unfinished: Vec<(Line, Option<usize>)>,
    /// Steps that are done, with what became of them.
    pub done: Vec<(Event, Option<(String, String)>)>,
    /// What was left to a person before the plan was made: it is only told. Whether the guest is
    /// moved as planned.
    pub told: Vec<(Event, bool)>,
}

impl Todo {
    /// A journal's line counts for a plan that is older than it and goes the same way;
    /// what was cut off counts for any. What needed a person counts until a plan is made that has
    /// seen the guest since: the person may have acted. The way matters because a drain and its
    /// return may come within the second that a state's time is kept to.
    #[must_use]
    pub fn new(steps: &[&Step], last: &BTreeMap<u32, Line>) -> Self {
        let mut todo = Self::default();
        let outdated = |step: &Step, line: &Line| {
            line.event.phase == Phase::Stuck && line.event.at < step.state_at
        };
        for step in steps {
            if let Some(line) = last.get(&step.vmid).filter(|line| outdated(step, line)) {
                todo.told.push((line.event.clone(), step.action.acts()));
            }
        }
        for (at, step) in steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.action.acts())
        {
            let Some(line) = last.get(&step.vmid) else {
                todo.fresh.push(at);
                continue;
            };
            match line.event.phase {
                Phase::Requested | Phase::Task => todo.unfinished.push((line.clone(), Some(at))),
                Phase::Stuck if !outdated(step, line) => {
                    todo.unfinished.push((line.clone(), Some(at)));
                }
                Phase::Verified | Phase::Returned | Phase::Failed
                    if line.event.at >= step.state_at && same_way(step, line) =>
                {
                    let why = line.event.message.clone().unwrap_or_default();
                    let error =
                        (line.event.phase == Phase::Failed).then(|| ("not-moved".to_owned(), why));
                    todo.done.push((line.event.clone(), error));
                }
                _ => todo.fresh.push(at),
            }
        }
        // A step that does nothing is no reason to leave alone what was cut off.
        let settled = |step: &&&Step| {
            step.action.acts()
                || last
                    .get(&step.vmid)
                    .is_some_and(|line| outdated(step, line))
        };
        let planned: BTreeSet<u32> = steps.iter().filter(settled).map(|step| step.vmid).collect();
        let others = last
            .values()
            .filter(|line| !planned.contains(&line.event.vmid));
        let open = |line: &&Line| {
            use Phase::{Requested, Stuck, Task};
            matches!(line.event.phase, Requested | Task | Stuck)
        };
        let cut = others.filter(open);
        todo.unfinished.extend(cut.map(|line| (line.clone(), None)));
        todo
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn step(returns: bool) -> Step {
        let (from, to) = if returns { ("b", "a") } else { ("a", "b") };
        let value = json!({"vmid": 100, "type": "lxc", "name": "g", "from": from, "to": to, "after": [],
            "action": "restart", "reason": "", "refused": [], "blockers": [], "downtime_s": 1, "duration_s": 1,
            "estimate": "", "bytes": 0, "was_running": true, "ha": null, "local_disks": false, "returns": returns,
            "cluster": "c", "state_at": "2026-11-22T00:00:10Z"});
        serde_json::from_value(value).unwrap()
    }

    fn line(phase: &str, returns: bool, at: &str) -> Line {
        let mut value = json!({"at": format!("2026-11-22T00:00:{at}Z"), "cluster": "c", "vmid": 100, "type": "lxc",
            "name": "g", "from": "a", "to": "b", "was_running": true, "phase": phase});
        value["returns"] = Value::Bool(returns);
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_a_line_says_of_a_step() {
        const BACK: bool = true;
        const OUT: bool = false;
        #[rustfmt::skip]
        let cases: &[(&str, bool, (&str, bool, &str), &str)] = &[
            ("done by this plan",                   OUT,  ("verified", OUT, "12"),   "done"),
            ("done in the second it was made",      OUT,  ("verified", OUT, "10.5"), "done"),
            ("done by an earlier plan",             OUT,  ("verified", OUT, "09"),   "fresh"),
            ("home again by this plan",             BACK, ("returned", BACK, "12"),  "done"),
            ("drained in the second before return", BACK, ("verified", OUT, "10.5"), "fresh"),
            ("returned just before a drain",        OUT,  ("returned", BACK, "10.5"), "fresh"),
            ("failed with this plan",               OUT,  ("failed", OUT, "12"),     "done"),
            ("failed on the way out",               BACK, ("failed", OUT, "10.5"),   "fresh"),
            ("cut off",                             OUT,  ("requested", OUT, "01"),  "unfinished"),
            ("cut off on the way out",              BACK, ("task", OUT, "01"),       "unfinished"),
            ("planned",                             OUT,  ("planned", OUT, "12"),    "fresh"),
            ("a person was to act",                 OUT,  ("stuck", OUT, "12"),      "unfinished"),
            ("in the second of the plan",           OUT,  ("stuck", OUT, "10.5"),    "unfinished"),
            ("and the plan has seen the guest",     OUT,  ("stuck", OUT, "09"),      "fresh told"),
            ("so has the plan of a return",         BACK, ("stuck", OUT, "09"),      "fresh told"),
        ];
        for (name, returns, (phase, back, at), want) in cases {
            let last = BTreeMap::from([(100, line(phase, *back, at))]);
            assert_eq!(words(&[&step(*returns)], &last), *want, "{name}");
        }
    }

    #[test]
    fn what_a_line_says_where_nothing_is_planned() {
        let leave = |action: &str| Step {
            action: serde_json::from_value(action.into()).unwrap(),
            ..step(false)
        };
        let other = Step {
            vmid: 101,
            ..leave("leave")
        };
        #[rustfmt::skip]
        let cases: &[(&str, Vec<Step>, &str, &str, &str)] = &[
            ("cut off, and left by the plan",   vec![leave("leave")],   "task",   "01", "unfinished"),
            ("a person was to act",             vec![leave("leave")],   "stuck",  "12", "unfinished"),
            ("and the plan has seen the guest", vec![leave("leave")],   "stuck",  "09", "told"),
            ("and can't move it",               vec![leave("blocked")], "stuck",  "09", "told"),
            ("the plan does not have it",       vec![other],            "stuck",  "09", "unfinished"),
            ("no plan",                         vec![],                 "stuck",  "09", "unfinished"),
            ("no plan, and failed",             vec![],                 "failed", "09", ""),
        ];
        for (name, steps, phase, at, want) in cases {
            let last = BTreeMap::from([(100, line(phase, false, at))]);
            let steps: Vec<&Step> = steps.iter().collect();
            assert_eq!(words(&steps, &last), *want, "{name}");
        }
    }

    fn words(steps: &[&Step], last: &BTreeMap<u32, Line>) -> String {
        let todo = Todo::new(steps, last);
        // Steps that do nothing are neither.
        let counts = [
            ("fresh", todo.fresh.len()),
            ("unfinished", todo.unfinished.len()),
            ("done", todo.done.len()),
            ("told", todo.told.len()),
        ];
        let words = counts.iter().filter(|(_, count)| *count > 0);
        words.map(|(word, _)| *word).collect::<Vec<_>>().join(" ")
    }
}
