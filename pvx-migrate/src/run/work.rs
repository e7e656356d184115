//! The workers: one thread for each move that is under way.

use std::{
    io::Write,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use anyhow::anyhow;
use vmid::exit::{self, Answer, Stop};

use super::{
    Options,
    clock::{Abandoned, Clock},
    moving::{Mover, NOT_BEGUN, Report},
    progress::Board,
    queue::Queue,
    record::{Out, plain, record},
};
use crate::journal::event::Phase;

/// Codes of errors that are neither the plan's fault nor the guest's.
pub(super) const OUTSIDE: [&str; 2] = ["journal", "unread"];

/// How the work went.
#[derive(Debug)]
pub struct Outcome {
    /// Whether all were moved.
    pub answer: Answer,
    help: usize,
    left: usize,
    begun: usize,
    /// What failed outside: the journal's disk, or the cluster when it was asked once more.
    failed: Option<String>,
}

impl Outcome {
    /// What an operator has to hear, if anything.
    pub fn stop(&self, clock: &Clock) -> Option<Stop> {
        let again = "run the same command with the same journal to go on";
        if self.begun > 0 {
            let what = anyhow!(
                "left alone: {} moves under way go on without anybody looking after them",
                self.begun
            );
            return Some(Stop::outside(what).hint(again));
        }
        if self.help > 0 {
            let what = anyhow!(
                "{} guests need a person: see \"error\" in their records",
                self.help
            );
            return Some(Stop::outside(what).hint(again));
        }
        if let Some(what) = &self.failed {
            return Some(Stop::outside(anyhow!("{what}")).hint(again));
        }
        if clock.interrupts.count() > 0 && self.left > 0 {
            let what = anyhow!(
                "stopped: {} moves were not begun, nothing is under way",
                self.left
            );
            return Some(Stop::outside(what).hint(again));
        }
        None
    }
}

/// The workers: one thread per move that is under way; this one hands out and writes down.
pub fn work<W: Write>(
    mover: &Mover<'_>,
    mut queue: Queue,
    options: &Options,
    out: &mut Out<W>,
) -> Outcome {
    let mut outcome = Outcome {
        answer: Answer::Yes,
        help: 0,
        left: 0,
        begun: 0,
        failed: None,
    };
    let (tell, told) = mpsc::channel();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (board, done) = (mover.board, &done);
        let shows = scope.spawn(move || show(board, options.terminal, done));
        loop {
            if mover.clock.interrupts.count() == 0 {
                while let Some(job) = queue.take() {
                    let tell = tell.clone();
                    scope.spawn(move || {
                        let result = if mover.journal.is_none() {
                            Ok(mover.rehearse(&job.step))
                        } else {
                            mover.drive(&job.step, job.last.as_ref(), job.repair_only)
                        };
                        // cannot fail: the receiver outlives the scope
                        let _ = tell.send((job, result));
                    });
                }
            }
            if queue.running() == 0 {
                break;
            }
            // A worker always tells; the sender that stays here keeps the channel open.
            let Ok((job, result)) = told.recv() else {
                break;
            };
            match result {
                Err(Abandoned) => {
                    outcome.begun += 1;
                    queue.end(&job, false);
                    let why = "left to the journal: what was asked of the cluster goes on";
                    out.line(&plain(&job.step, Some(("abandoned", why))));
                }
                Ok(report) => {
                    queue.end(&job, runs_somewhere(&report));
                    outcome.answer = outcome.answer.max(Answer::no_if(report.error.is_some()));
                    outcome.help += usize::from(report.event.phase == Phase::Stuck);
                    let not_begun = matches!(report.error, Some((NOT_BEGUN, _)));
                    outcome.left += usize::from(not_begun);
                    if let Some((_, why)) = report
                        .error
                        .as_ref()
                        .filter(|(code, _)| OUTSIDE.contains(code))
                    {
                        outcome
                            .failed
                            .get_or_insert_with(|| format!("{}: {why}", report.event.vmid));
                    }
                    let error = report
                        .error
                        .as_ref()
                        .map(|(code, why)| ((*code).to_owned(), why.clone()));
                    if options.terminal {
                        mover.board.clear();
                    }
                    out.line(&record(
                        &report.event,
                        report.changed,
                        error.as_ref(),
                        Some(report.took_s),
                        &report.leftovers,
                        &report.warnings,
                    ));
                    if out.is_broken() {
                        mover.clock.interrupts.stop(); // nobody reads on
                    }
                }
            }
        }
        done.store(true, Ordering::Relaxed);
        shows.thread().unpark();
    });
    for (step, why) in queue.rest() {
        outcome.left += 1;
        outcome.answer = Answer::No;
        out.line(&plain(step, Some((NOT_BEGUN, &why))));
    }
    outcome
}

/// After this step those that wait for it may go on: its guest is not down.
fn runs_somewhere(report: &Report) -> bool {
    report.event.phase != Phase::Stuck
}

/// Tells people how far it is: bars on a terminal, elsewhere plain lines every 10 s.
pub(super) fn show(board: &Board, terminal: bool, done: &AtomicBool) {
    let mut ticks = 0_u32;
    while !done.load(Ordering::Relaxed) {
        // Until the next drawing, or the end.
        thread::park_timeout(Duration::from_millis(100));
        ticks += 1;
        if terminal && ticks.is_multiple_of(3) {
            board.draw();
        } else if !terminal && ticks.is_multiple_of(100) {
            for line in board.plain() {
                exit::say("pvx-migrate", &line);
            }
        }
    }
    if terminal {
        board.clear();
    }
}
