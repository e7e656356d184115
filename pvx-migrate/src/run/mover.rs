//! Moves one guest: looks, does the next thing, looks again, until it is settled.
//!
//! What the next thing is, [`next`](super::next) decides; here it is done, and written to the
//! journal before it is.

use super::{
    check::{Halt, Refusal, check},
    clock::{Abandoned, Pace},
    decision::{Finish, Next},
    follow::Progress,
    look::{Look, look},
    moving::{Move, Mover, NOT_BEGUN, Report},
    next::next,
    task::Task,
};
use crate::{
    journal::{
        event::Phase,
        line::{Call, Line, Request},
    },
    plan::record::Step,
};

/// For a cluster that does not answer, in seconds; a node that takes over an address, or
/// pveproxy that restarts, is back by then.
pub(super) const SILENCE_S: f64 = 300.0;

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
            self.quorum_wait,
        ));
        self.board.end(step.vmid);
        result
    }

    /// What would be done with a step, without doing it.
    #[must_use]
    pub fn rehearse(&self, step: &Step) -> Report {
        let to = step.to.clone().unwrap_or_default();
        let this = Move::new(
            step,
            to.clone(),
            None,
            false,
            self.clock.now(),
            self.quorum_wait,
        );
        let looked =
            look(self.pve, &this.intent).map_err(|failure| ("unread", failure.to_string()));
        let error = looked.and_then(|look| match next(&this.intent, &look.seen, &this.past) {
            Next::Move | Next::Shutdown => check(self.pve, step, &to).map_err(Halt::told),
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
            leftovers: Vec::new(),
            warnings: Vec::new(),
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
            let next = next(&this.intent, &seen.seen, &this.past);
            if let Some(report) = self.not_begun(this, &next) {
                return Ok(report);
            }
            match next {
                Next::Wait(why) => {
                    self.board.tell(this.intent.vmid, why, None);
                    let waited = this.pace.next();
                    self.wait(this)?;
                    if seen.seen.no_quorum {
                        this.past.quorum_s += waited;
                    }
                    continue;
                }
                Next::Follow(upid) => self.follow(this, &upid)?,
                Next::Finish(finish) => return Ok(self.finish(this, finish)),
                next @ (Next::Move | Next::Shutdown) => {
                    match self.ready(this)? {
                        Ready::Yes => {}
                        Ready::Later => continue,
                        Ready::No((code, why)) => {
                            return Ok(self.finish(this, Finish::Stayed(code, why)));
                        }
                    }
                    // The check may have taken a while.
                    if let Some(report) = self.not_begun(this, &next) {
                        return Ok(report);
                    }
                    let report = if next == Next::Move {
                        self.migrate(this, &seen, false)?
                    } else {
                        self.shut_down(this, &seen)?
                    };
                    if let Some(report) = report {
                        return Ok(report);
                    }
                }
                Next::MoveStopped => {
                    if let Some(report) = self.migrate(this, &seen, false)? {
                        return Ok(report);
                    }
                }
                Next::MoveBack => {
                    if let Some(report) = self.migrate(this, &seen, true)? {
                        return Ok(report);
                    }
                }
                Next::Start(node) => self.start(this, &seen, &node)?,
                Next::Resume => self.resume(this, &seen)?,
            }
            this.past.waited_s = 0.0;
            this.pace = Pace::default();
            before = None;
        }
    }

    /// Somebody has asked to begin nothing new, and this is not begun.
    fn not_begun(&self, this: &mut Move<'_>, next: &Next) -> Option<Report> {
        if self.clock.interrupts.count() == 0 || !this.would_begin(next) {
            return None;
        }
        let what = "not begun: the run was stopped before".to_owned();
        Some(self.finish(this, Finish::Stayed(NOT_BEGUN, what)))
    }

    /// The last check. What can't be read is asked again as a look is, and a quorum that is lost is
    /// waited for; each time the guest is looked at again, too.
    fn ready(&self, this: &mut Move<'_>) -> Result<Ready, Abandoned> {
        let halt = match check(self.pve, this.step, &this.intent.to) {
            Ok(()) => {
                this.unread_s = 0.0;
                return Ok(Ready::Yes);
            }
            Err(halt) => halt,
        };
        let (waited, most) = match &halt {
            Halt::Refused(_) => return Ok(Ready::No(halt.told())),
            Halt::NoQuorum => (&mut this.past.quorum_s, this.intent.quorum_wait_s as f64),
            Halt::Unread(_) => (&mut this.unread_s, SILENCE_S),
        };
        if *waited >= most {
            return Ok(Ready::No(halt.told()));
        }
        *waited += this.pace.next();
        let (_, why) = halt.told();
        self.board.tell(this.intent.vmid, &why, None);
        self.wait(this)?;
        Ok(Ready::Later)
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
        let untouched = look.seen.running && look.since(&request).is_none();
        if request.call == Call::Shutdown && untouched && look.knows_tasks_of(&request.on) {
            past.shutdowns = 0; // it was never begun
        }
        if request.call != Call::Migrate {
            return;
        }
        if this.intent.ha {
            self.ask_the_manager(this, look, &request);
        }
        let down = at_target && this.intent.was_running && !look.seen.running;
        if this.past.end.is_none() && look.seen.task.is_none() {
            self.learn_task(this, look, &request);
        }
        if let Some(end) = this.past.end.as_ref().filter(|end| down && !end.ok) {
            this.past.no_start.get_or_insert_with(|| end.reason.clone());
        }
    }

    /// How the migration ended that was asked for: by the name the cluster gave it, or as the
    /// newest in the list since the request.
    fn learn_task(&self, this: &mut Move<'_>, look: &mut Look, request: &Request) {
        // The HA manager's own task, by which it takes a request, says nothing of the migration.
        let migrates = |upid: &&str| Task::of(upid).is_some_and(|task| task.migrates());
        let named = this.upid.as_deref().filter(migrates);
        let upid = named.or(look.ended_since(request)).filter(migrates);
        match upid.map(|upid| (upid.to_owned(), self.progress(upid))) {
            Some((_, Progress::Ended(end))) => {
                this.past.end = Some(end);
                this.changed = true;
            }
            Some((upid, Progress::Running)) => {
                look.seen.task = Some((upid, "migration".to_owned()));
            }
            _ => {}
        }
    }

    /// What the HA manager's own tasks say: the one that takes the request, and the shutdown before
    /// the move, which fails without any migration where the guest does not stop in its time.
    fn ask_the_manager(&self, this: &mut Move<'_>, look: &Look, request: &Request) {
        if this.upid.is_none()
            && let Some(upid) = look.taken_since(request)
        {
            this.upid = Some(upid.to_owned());
            this.past.named = true;
        }
        let shutdown = look.shutdown_ended_since(request).map(str::to_owned);
        for upid in [this.upid.clone(), shutdown].into_iter().flatten() {
            let migrates = Task::of(&upid).is_none_or(|task| task.migrates());
            if migrates || this.known.contains(&upid) {
                continue;
            }
            if let Progress::Ended(end) = self.progress(&upid) {
                this.learn_end(&upid, end);
                this.known.insert(upid);
            }
        }
    }
}

/// Whether a step can be taken.
enum Ready {
    Yes,
    Later,
    No(Refusal),
}
