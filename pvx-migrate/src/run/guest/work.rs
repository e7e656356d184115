//! The workers: one thread for each guest that is being made or removed.

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use anyhow::anyhow;
use vmid::exit::{Answer, Stop};

use super::{
    doing::{Maker, Report},
    record::{not_begun, record},
    todo::Job,
};
use crate::{
    journal::guest_line::Stage,
    run::{
        Options,
        clock::Abandoned,
        moving::NOT_BEGUN,
        queue::Limits,
        record::Out,
        work::{OUTSIDE, show},
    },
};

/// How the work went.
#[derive(Debug)]
pub struct Outcome {
    /// Whether all came to the end that was asked for.
    pub answer: Answer,
    help: usize,
    left: usize,
    abandoned: usize,
    failed: Option<String>,
}

impl Outcome {
    /// What an operator has to hear, if anything.
    #[must_use]
    pub fn stop(&self, interrupted: bool) -> Option<Stop> {
        let what = if self.abandoned > 0 {
            format!(
                "left alone: what was asked of the cluster for {} guests goes on without anybody looking after it",
                self.abandoned
            )
        } else if self.help > 0 {
            format!(
                "{} guests need a person: see \"error\" in their records",
                self.help
            )
        } else if let Some(what) = &self.failed {
            what.clone()
        } else if interrupted && self.left > 0 {
            format!(
                "stopped: {} guests were not begun, nothing is under way",
                self.left
            )
        } else {
            return None;
        };
        let again = "run the same command with the same journal to go on";
        Some(Stop::outside(anyhow!("{what}")).hint(again))
    }

    fn count(&mut self, report: &Report) {
        self.answer = self.answer.max(Answer::no_if(report.error.is_some()));
        self.help += usize::from(report.line.phase == Stage::Stuck);
        if let Some((code, why)) = &report.error {
            self.left += usize::from(*code == NOT_BEGUN);
            if OUTSIDE.contains(code) {
                let what = format!("{}: {why}", report.line.vmid);
                self.failed.get_or_insert(what);
            }
        }
    }
}

/// Does the jobs in their order, as many at once as the limits allow on each node.
pub fn work<W: Write>(
    maker: &Maker<'_>,
    mut jobs: Vec<Job>,
    options: &Options,
    out: &mut Out<W>,
) -> Outcome {
    let (limits, terminal) = (options.limits, options.terminal);
    let mut outcome = Outcome {
        answer: Answer::Yes,
        help: 0,
        left: 0,
        abandoned: 0,
        failed: None,
    };
    let mut busy: BTreeMap<String, usize> = BTreeMap::new();
    let (tell, told) = mpsc::channel();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (board, done) = (maker.board, &done);
        let shows = scope.spawn(move || show(board, terminal, done));
        loop {
            while maker.clock.interrupts.count() == 0
                && let Some(job) = take(&mut jobs, limits, &busy)
            {
                *busy.entry(job.order.node.clone()).or_default() += 1;
                let tell = tell.clone();
                scope.spawn(move || {
                    let result = match maker.journal {
                        Some(_) => maker.drive(&job.order, job.last.as_ref()),
                        None => Ok(maker.rehearse(&job.order)),
                    };
                    // cannot fail: the receiver outlives the scope
                    let _ = tell.send((job, result));
                });
            }
            if busy.is_empty() {
                break;
            }
            // A worker always tells; the sender that stays here keeps the channel open.
            let Ok((job, result)) = told.recv() else {
                break;
            };
            end(&mut busy, &job.order.node);
            if terminal {
                maker.board.clear();
            }
            match result {
                Err(Abandoned) => {
                    outcome.abandoned += 1;
                    let why = "left to the journal: what was asked of the cluster goes on";
                    out.line(&not_begun(&job.order, "abandoned", why));
                }
                Ok(report) => {
                    outcome.count(&report);
                    out.line(&record(&report));
                }
            }
            if out.is_broken() {
                maker.clock.interrupts.stop(); // nobody reads on
            }
        }
        done.store(true, Ordering::Relaxed);
        shows.thread().unpark();
    });
    for job in &jobs {
        outcome.left += 1;
        outcome.answer = Answer::No;
        let why = "not begun: the run was stopped before";
        out.line(&not_begun(&job.order, NOT_BEGUN, why));
    }
    outcome
}

/// The next job whose node has room.
fn take(jobs: &mut Vec<Job>, limits: Limits, busy: &BTreeMap<String, usize>) -> Option<Job> {
    if busy.values().sum::<usize>() >= limits.jobs {
        return None;
    }
    let room = |job: &Job| {
        busy.get(&job.order.node)
            .is_none_or(|count| *count < limits.per_node)
    };
    let at = jobs.iter().position(room)?;
    Some(jobs.remove(at))
}

fn end(busy: &mut BTreeMap<String, usize>, node: &str) {
    if let Some(count) = busy.get_mut(node) {
        *count -= 1;
        if *count == 0 {
            busy.remove(node);
        }
    }
}
