//! Moves one guest: looks, does the next thing, looks again, until it is settled.
//!
//! What the next thing is, [`next`](super::next) decides; here it is done, and written to the
//! journal before it is.

use super::{
    check::check,
    clock::{Abandoned, Pace},
    decision::{Finish, Next},
    follow::Progress,
    look::{Look, look},
    moving::{Move, Mover, Report},
    next::next,
    task::Task,
};
use crate::{
    journal::{
        event::Phase,
        line::{Call, Line},
    },
    plan::record::Step,
};

/// For a cluster that does not answer, in seconds; a node that takes over an address, or
/// pveproxy that restarts, is back by then.
const SILENCE_S: f64 = 300.0;

impl Mover<'_> {
    /// Takes one step to its end; `last` is what the journal says of an earlier try that
    /// was cut off.
    ///
    /// # Errors
    ///
    /// [`Abandoned`]: what it was at is in the journal.
    pub fn drive(
        &self,
        step: &Step,
        last: Option<&Line>,
        repair_only: bool,
    ) -> Result<Report, Abandoned> {
        let to = step.to.clone().unwrap_or_default();
        let arrow = format!("{} {}: {} -> {to}", step.vmid, step.name, step.from);
        self.board.begin(step.vmid, arrow);
        let result = self.settle(&mut Move::new(
            step,
            to,
            last,
            repair_only,
            self.clock.now(),
        ));
        self.board.end(step.vmid);
        result
    }

    /// What would be done with a step, without doing it.
    #[must_use]
    pub fn rehearse(&self, step: &Step) -> Report {
        let to = step.to.clone().unwrap_or_default();
        let this = Move::new(step, to.clone(), None, false, self.clock.now());
        let looked =
            look(self.pve, &this.intent).map_err(|failure| ("unread", failure.to_string()));
        let error = looked.and_then(|look| match next(&this.intent, &look.seen, &this.past) {
            Next::Move | Next::Shutdown => check(self.pve, step, &to),
            Next::Finish(Finish::Stayed(code, why) | Finish::Help(code, why)) => Err((code, why)),
            Next::Wait(why) if !this.past.asked => Err(("not-now", why.to_owned())),
            Next::Follow(upid) => Err(("not-now", format!("{upid} is running"))),
            _ => Ok(()),
        });
        Report {
            event: this.event(self.clock.now(), Phase::Planned, None),
            changed: false,
            error: error.err(),
            took_s: 0,
        }
    }

    fn settle(&self, this: &mut Move<'_>) -> Result<Report, Abandoned> {
        let mut before = None;
        loop {
            let seen = self.look(this)?;
            let Some(mut seen) = seen else {
                let what = format!(
                    "{} does not answer; run again with this journal",
                    self.pve.base()
                );
                return Ok(self.finish(this, Finish::Help("no-answer", what)));
            };
            self.learn(this, &mut seen);
            if before.replace(seen.seen.clone()) != Some(seen.seen.clone()) {
                this.past.waited_s = 0.0;
            }
            match next(&this.intent, &seen.seen, &this.past) {
                Next::Wait(why) => {
                    self.board.tell(this.intent.vmid, why, None);
                    self.wait(this)?;
                    continue;
                }
                Next::Follow(upid) => self.follow(this, &upid)?,
                Next::Finish(finish) => return Ok(self.finish(this, finish)),
                Next::Move => {
                    if let Err(refusal) = check(self.pve, this.step, &this.intent.to) {
                        return Ok(self.finish(this, Finish::Stayed(refusal.0, refusal.1)));
                    }
                    if let Some(report) = self.migrate(this, &seen, false) {
                        return Ok(report);
                    }
                }
                Next::Shutdown => {
                    if let Err(refusal) = check(self.pve, this.step, &this.intent.to) {
                        return Ok(self.finish(this, Finish::Stayed(refusal.0, refusal.1)));
                    }
                    if let Some(report) = self.shut_down(this, &seen)? {
                        return Ok(report);
                    }
                }
                Next::MoveStopped => {
                    if let Some(report) = self.migrate(this, &seen, false) {
                        return Ok(report);
                    }
                }
                Next::MoveBack => {
                    if let Some(report) = self.migrate(this, &seen, true) {
                        return Ok(report);
                    }
                }
                Next::Start(node) => self.start(this, &node)?,
                Next::Resume => self.resume(this, &seen)?,
            }
            this.past.waited_s = 0.0;
            this.pace = Pace::default();
            before = None;
        }
    }

    /// Waits a little, and counts for how long.
    pub(super) fn wait(&self, this: &mut Move<'_>) -> Result<(), Abandoned> {
        let seconds = this.pace.step();
        self.clock.wait(seconds)?;
        this.past.waited_s += seconds;
        this.past.settled_s += seconds;
        Ok(())
    }

    /// A look that is repeated until the cluster answers; none if it does not.
    fn look(&self, this: &mut Move<'_>) -> Result<Option<Look>, Abandoned> {
        let (mut silent, mut pace) = (0.0, Pace::default());
        loop {
            match look(self.pve, &this.intent) {
                Ok(look) => return Ok(Some(look)),
                Err(failure) => {
                    self.board
                        .tell(this.intent.vmid, &failure.to_string(), None);
                    let seconds = pace.step();
                    self.clock.wait(seconds)?;
                    silent += seconds;
                    if silent >= SILENCE_S {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// What a look says of what was asked for.
    fn learn(&self, this: &mut Move<'_>, look: &mut Look) {
        let past = &mut this.past;
        let at_target = look.seen.node.as_deref() == Some(&*this.intent.to);
        past.arrived |= at_target;
        let settled = at_target
            && look.seen.ha.as_ref().is_some_and(|ha| {
                ha.node == this.intent.to && (ha.state == "started" || ha.state == "stopped")
            })
            && (look.seen.running || !this.intent.was_running);
        if !settled {
            past.settled_s = 0.0;
        }
        let Some(request) = this.request.clone() else {
            return;
        };
        if request.call == Call::Shutdown && !look.shutdown_since(&request) && look.seen.running {
            past.shutdowns = 0; // it was never begun
        }
        if request.call != Call::Migrate || past.end.is_some() || look.seen.task.is_some() {
            return;
        }
        // By the name the cluster gave it, or as the newest in the list since the request.
        let upid = this.upid.as_deref().or(look.ended_since(&request));
        let upid = upid.filter(|upid| Task::of(upid).is_some_and(|task| task.migrates()));
        match upid.map(|upid| (upid, self.progress(upid))) {
            Some((_, Progress::Ended(end))) => {
                past.end = Some(end);
                this.changed = true;
            }
            Some((upid, Progress::Running)) => {
                look.seen.task = Some((upid.to_owned(), "migration".to_owned()));
            }
            _ => {}
        }
    }
}
