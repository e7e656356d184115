//! The guests of a plan that are made and removed: what is told at once, what may be begun, and the
//! running of it.

use std::{collections::BTreeSet, io::Write};

use jiff::Timestamp;
use vmid::exit::{self, Answer};

use super::{
    learned_keys::with_keys,
    order::Order,
    record::{blocked, done, not_begun},
    todo::Todo,
};
use crate::{
    journal::{file::Found, guest_line::GuestLine},
    plan::line::PlanLine,
    pve::Pve,
    run::{plan_lines::Row, record::Out},
};

/// The guests of a plan, and what of them is left to do.
#[derive(Debug)]
pub struct Guests {
    /// What is left.
    pub todo: Todo,
    /// The records of what can't be done.
    blocked: Vec<String>,
    /// The clusters that the plan and the journal name.
    clusters: Vec<(String, &'static str)>,
}

impl Guests {
    /// What a plan has, and what the journal says of it; `moving` are guests whose move is not at its end.
    #[must_use]
    pub fn new(rows: &[Row], found: Option<&Found>, moving: &BTreeSet<u32>) -> Self {
        let lines = || rows.iter().filter_map(|row| row.line.as_ref());
        let orders: Vec<Order> = lines().filter_map(Order::planned).collect();
        let last = found.map(Found::last_guests).unwrap_or_default();
        let mut clusters: Vec<(String, &str)> = Vec::new();
        for line in lines() {
            match line {
                PlanLine::Create(line) => clusters.push((line.cluster.clone(), "the plan")),
                PlanLine::Destroy(line) => clusters.push((line.cluster.clone(), "the plan")),
                PlanLine::Move(_) => {}
            }
        }
        clusters.extend(
            last.values()
                .map(|line| (line.cluster.clone(), "the journal")),
        );
        Self {
            todo: Todo::new(orders, &last, moving),
            blocked: lines().filter_map(blocked).collect(),
            clusters,
        }
    }

    /// The clusters that plan and journal name, and which of the two it is.
    pub fn clusters(&self) -> impl Iterator<Item = (&String, &'static str)> {
        self.clusters.iter().map(|(name, whose)| (name, *whose))
    }

    /// The guests that are not at their end.
    #[must_use]
    pub fn open(&self) -> BTreeSet<u32> {
        self.todo
            .unfinished
            .iter()
            .map(|job| job.order.vmid)
            .collect()
    }

    /// Tells what was done before, and what is not begun for something else's sake.
    pub fn tell<W: Write>(&self, pve: &Pve, out: &mut Out<W>) -> Answer {
        for line in &self.todo.told {
            exit::say("pvx-migrate", &left_to_a_person(line));
        }
        for line in &self.todo.done {
            out.line(&done(&with_keys(pve, line)));
        }
        for (order, why) in &self.todo.later {
            out.line(&not_begun(
                order,
                "not-begun",
                &format!("not begun: {why}; run again with this plan"),
            ));
        }
        Answer::no_if(!self.todo.later.is_empty())
    }

    /// When the states were read by which something is asked for: also of what was cut off, as a last
    /// look does not show everything that a plan rests on (a backup that is the way back).
    pub fn states(&self) -> impl Iterator<Item = Timestamp> {
        let unfinished = self.todo.unfinished.iter();
        let planned = unfinished.filter(|job| !job.order.repair_only);
        let all = self.todo.fresh.iter().chain(planned);
        all.map(|job| job.order.state_at)
    }

    /// Tells what is blocked; whether anything is.
    pub fn tell_blocked<W: Write>(&self, out: &mut Out<W>) -> bool {
        for record in &self.blocked {
            out.line(record);
        }
        !self.blocked.is_empty()
    }

    /// Tells that what was not begun is not.
    pub fn not_begun<W: Write>(&mut self, out: &mut Out<W>, why: &str) {
        for job in self.todo.fresh.drain(..) {
            out.line(&not_begun(&job.order, "not-begun", why));
        }
    }
}

fn left_to_a_person(line: &GuestLine) -> String {
    let why = line.message.as_deref().unwrap_or("no reason was told");
    format!(
        "{}: an earlier run left it to a person ({why}); the plan has seen it since: it is done as planned",
        line.vmid
    )
}
