//! Makes or removes one guest: looks, does the next thing, looks again, until it is settled.

use super::{
    create,
    decision::{Finish, Next},
    destroy,
    differs::differs,
    doing::{Doing, Maker, Report, describe},
    last_look::{Halt, last_look},
    look::{Look, look},
    mark,
    order::Order,
    seen::{Guest, Id, Seen},
};
use crate::{
    journal::guest_line::{Call, Deed, GuestLine, Stage},
    run::{
        clock::{Abandoned, Pace},
        mover::SILENCE_S,
        moving::NOT_BEGUN,
        next::NODE_S,
    },
};

impl Maker<'_> {
    /// Takes one step to its end; `last` is what the journal says of an earlier try.
    ///
    /// # Errors
    ///
    /// [`Abandoned`]: what it was at is in the journal.
    pub fn drive(&self, order: &Order, last: Option<&GuestLine>) -> Result<Report, Abandoned> {
        let what = match order.deed {
            Deed::Create => "create",
            Deed::Destroy => "destroy",
        };
        let head = format!("{} {}: {what} on {}", order.vmid, order.name, order.node);
        self.board.begin(order.vmid, head);
        let result = self.settle(&mut Doing::new(self, order, last));
        self.board.end(order.vmid);
        result
    }

    /// What would be done, without doing it.
    #[must_use]
    pub fn rehearse(&self, order: &Order) -> Report {
        let this = Doing::new(self, order, None);
        let finish = match look(self.pve, order) {
            Err(failure) => Some(Finish::Failed("unread", failure.to_string())),
            Ok(look) => match decide(&this, &look.seen) {
                Next::Finish(finish) => Some(finish),
                Next::Wait(why) => Some(Finish::Failed("not-now", why.to_owned())),
                Next::Follow(upid) => Some(Finish::Failed("not-now", format!("{upid} is running"))),
                Next::Ask(Call::Create, _) => None,
                Next::Ask(call, _) => {
                    match last_look(self.pve, order, None, call == Call::Shutdown) {
                        Ok(_) => None,
                        Err(Halt::Refused(code, why)) => Some(Finish::Failed(code, why)),
                        Err(Halt::Unread(failure)) => {
                            Some(Finish::Failed("unread", failure.to_string()))
                        }
                    }
                }
            },
        };
        let existed = finish == Some(Finish::Exists);
        let error = match finish {
            Some(Finish::Failed(code, why) | Finish::Stuck(code, why)) => Some((code, why)),
            _ => None,
        };
        let mut report = self.report(&this, this.line(self.clock.now(), Stage::Planned), error);
        report.existed = existed;
        report
    }

    fn settle(&self, this: &mut Doing<'_>) -> Result<Report, Abandoned> {
        let mut before = None;
        loop {
            let Some(mut look) = self.look(this)? else {
                let base = self.pve.base();
                let what = format!("{base} does not answer; run again with this journal");
                let finish = if this.is_fresh() {
                    Finish::Failed("unread", what)
                } else {
                    Finish::Stuck("no-answer", what)
                };
                return Ok(self.finish(this, &Seen::default(), finish));
            };
            self.learn(this, &mut look);
            if before.replace(look.seen.clone()) != Some(look.seen.clone()) {
                this.past.waited_s = 0.0;
            }
            let next = decide(this, &look.seen);
            if self.clock.interrupts.count() > 0 && this.would_begin(&next) {
                let what = "not begun: the run was stopped before".to_owned();
                return Ok(self.finish(this, &look.seen, Finish::Failed(NOT_BEGUN, what)));
            }
            match next {
                Next::Wait(why) => {
                    self.board.tell(this.order.vmid, why, None);
                    let waited = this.pace.next();
                    self.wait(this)?;
                    if look.seen.no_quorum {
                        this.past.quorum_s += waited;
                    }
                    continue;
                }
                Next::Follow(upid) => self.follow(this, &upid)?,
                Next::Finish(finish) => return Ok(self.finish(this, &look.seen, finish)),
                Next::Ask(call, disk) => {
                    if let Some(finish) = self.ask(this, &look, call, &disk)? {
                        return Ok(self.finish(this, &look.seen, finish));
                    }
                }
            }
            this.past.waited_s = 0.0;
            this.pace = Pace::default();
            before = None;
        }
    }

    /// Waits a little, and counts for how long.
    pub(super) fn wait(&self, this: &mut Doing<'_>) -> Result<(), Abandoned> {
        let seconds = this.pace.step();
        self.clock.wait(seconds)?;
        this.past.waited_s += seconds;
        Ok(())
    }

    /// A look that is repeated until the cluster answers; none if it does not.
    fn look(&self, this: &Doing<'_>) -> Result<Option<Look>, Abandoned> {
        let (mut silent, mut pace) = (0.0, Pace::default());
        loop {
            match look(self.pve, this.order) {
                Ok(look) => return Ok(Some(look)),
                Err(failure) => {
                    self.board.tell(this.order.vmid, &failure.to_string(), None);
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

    /// The end of a step, in the journal and as a report.
    fn finish(&self, this: &mut Doing<'_>, seen: &Seen, finish: Finish) -> Report {
        let known = this.host_keys.len();
        if finish == Finish::Made {
            self.learn_keys(this);
        }
        let learned = this.host_keys.len() > known;
        let existed = finish == Finish::Exists;
        if matches!(finish, Finish::Exists | Finish::Failed("vmid-taken", _)) {
            this.not_ours();
        }
        let (phase, error) = match &finish {
            Finish::Made | Finish::Gone => (Stage::Verified, None),
            // Of a guest that this run did not make the journal says no more than that.
            Finish::Exists => (Stage::Failed, None),
            Finish::Failed(code, why) => (Stage::Failed, Some((*code, why.clone()))),
            Finish::Stuck(code, why) => (Stage::Stuck, Some((*code, why.clone()))),
        };
        this.changed |= match finish {
            Finish::Made => this.past.asked(),
            Finish::Gone => this.past.of(Call::Destroy).open,
            _ => false,
        };
        let mut line = this.line(self.clock.now(), phase);
        if let Some((code, why)) = &error {
            (line.code, line.message) = (Some((*code).to_owned()), Some(why.clone()));
        } else if existed {
            line.code = Some("exists".to_owned());
        }
        let written = match self.journal.filter(|_| this.ends(&finish) || learned) {
            Some(journal) => journal.append(&line),
            None => Ok(()),
        };
        // Only when that is written: the mark is what a later run goes by.
        if matches!(finish, Finish::Failed(..))
            && (this.ends(&finish) || !this.past.of(Call::Destroy).open)
        {
            self.unmark(this);
        }
        let error = match written {
            Err(unwritten) if error.is_none() => Some((
                "journal",
                format!("done, but not in the journal: {unwritten:#}"),
            )),
            _ => error,
        };
        let mut report = self.report(this, line, error);
        report.existed = existed;
        if let (true, Id::Taken(guest)) = (existed, &seen.id) {
            report.differs = differs(this.order, guest);
            let maker = guest.mark.as_deref().and_then(mark::maker);
            report.made_by = maker.map(str::to_owned);
        }
        report
    }

    fn report(
        &self,
        this: &Doing<'_>,
        line: GuestLine,
        error: Option<(&'static str, String)>,
    ) -> Report {
        Report {
            line,
            changed: this.changed,
            error,
            took_s: self.clock.since(this.began),
            warnings: this.warnings.clone(),
            differs: Vec::new(),
            existed: false,
            made_by: None,
        }
    }

    /// Takes this run's mark off a guest that is not removed after all. Where that fails, the line stays
    /// in its description, and does no harm.
    fn unmark(&self, this: &Doing<'_>) {
        if this.order.deed != Deed::Destroy || this.is_fresh() {
            return;
        }
        let Ok(Look {
            seen: Seen {
                id: Id::Taken(guest),
                ..
            },
            ..
        }) = look(self.pve, this.order)
        else {
            return;
        };
        if is_named(this.order, &guest) && guest.mark.as_deref() == Some(&this.mark) {
            let rest = mark::without(&guest.description, &this.mark);
            let _ = describe(self.pve, this.order.vmid, &guest, &rest);
        }
    }
}

/// The guest that the order is about.
pub(super) fn is_named(order: &Order, guest: &Guest) -> bool {
    guest.reached
        && guest.kind == order.kind
        && guest.node == order.node
        && guest.name.as_deref() == Some(&order.name)
}

fn decide(this: &Doing<'_>, seen: &Seen) -> Next {
    let next = next(this, seen);
    if !matches!(next, Next::Ask(..)) || seen.tasks_known {
        return next;
    }
    // Without the tasks of before, an old one would be taken for the answer.
    if this.past.waited_s < NODE_S {
        return Next::Wait("its node does not tell its tasks");
    }
    let what = format!("{} does not tell its tasks", this.order.node);
    Next::Finish(Finish::Failed("node-down", what))
}

fn next(this: &Doing<'_>, seen: &Seen) -> Next {
    match this.order.deed {
        Deed::Create => create::next(this.order, &this.mark, seen, &this.past),
        Deed::Destroy => destroy::next(this.order, &this.mark, seen, &this.past),
    }
}
