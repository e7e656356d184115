//! The clock: from event to event, so that nothing depends on how often one looks.

use std::collections::BTreeMap;

use crate::{task::Wait, world::World};

impl World {
    /// Lets everything happen that happens until `to`.
    pub fn advance(&mut self, to: f64) {
        loop {
            let next = self.next_event();
            self.copy(next.min(to).max(self.now) - self.now);
            if next > to {
                self.now = self.now.max(to);
                return;
            }
            self.now = self.now.max(next);
            self.fire();
        }
    }

    fn next_event(&self) -> f64 {
        let rates = self.rates();
        let tasks = self
            .tasks
            .iter()
            .enumerate()
            .filter(|(_, task)| task.running());
        let tasks = tasks.map(|(number, task)| match &task.wait {
            Wait::Until(time) => *time,
            Wait::Copy { left, .. } => self.now + left / rates[&number],
            Wait::Forever => f64::INFINITY,
        });
        let stops = self
            .guests
            .values()
            .filter(|g| g.running)
            .filter_map(|g| g.stops_at);
        let faults = self.faults.iter().filter_map(|fault| fault.at());
        tasks
            .chain(stops)
            .chain(faults)
            .chain([self.ha.next])
            .fold(f64::INFINITY, f64::min)
    }

    /// How fast each copy goes: what one stream can do, or its share of either node's network.
    fn rates(&self) -> BTreeMap<usize, f64> {
        let copies = || {
            let running = self
                .tasks
                .iter()
                .enumerate()
                .filter(|(_, task)| task.running());
            running.filter_map(|(number, task)| match &task.wait {
                Wait::Copy { from, to, .. } => Some((number, from, to)),
                _ => None,
            })
        };
        let share = |node: &str, others: usize| self.nodes[node].bandwidth / others as f64;
        copies()
            .map(|(number, from, to)| {
                let out = copies().filter(|(_, f, _)| *f == from).count();
                let into = copies().filter(|(_, _, t)| *t == to).count();
                (
                    number,
                    share(from, out).min(share(to, into)).min(self.stream),
                )
            })
            .collect()
    }

    fn copy(&mut self, seconds: f64) {
        let rates = self.rates();
        for (number, rate) in rates {
            if let Wait::Copy { left, .. } = &mut self.tasks[number].wait {
                *left = (*left - rate * seconds).max(0.0);
            }
        }
    }

    /// All that is due now, each once.
    fn fire(&mut self) {
        let now = self.now;
        let stopped: Vec<u32> = self
            .guests
            .values()
            .filter(|g| g.stops_at.is_some_and(|at| at <= now))
            .map(|g| g.vmid)
            .collect();
        for vmid in stopped {
            self.change(vmid, "shut down", |g| {
                g.running = false;
                g.qmp = None;
                g.stops_at = None;
            });
        }
        self.fire_faults();
        for number in 0..self.tasks.len() {
            let task = &self.tasks[number];
            let due = task.running()
                && match &task.wait {
                    Wait::Until(time) => *time <= now,
                    // Less than a byte is rounding.
                    Wait::Copy { left, .. } => *left < 1.0,
                    Wait::Forever => false,
                };
            if due {
                self.step(number);
            }
        }
        if self.ha.next <= now {
            self.ha_round();
        }
    }
}
