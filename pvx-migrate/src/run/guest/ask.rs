//! What changes something: each request is in the journal before it is made, and where its answer does
//! not tell, the next looks show what has become of it.
//!
//! The paths are built here, from a checked node name, the type and the number: a plan names none. Of a
//! removal only `purge` is ever sent, and only if the step has it.

use super::{
    decision::Finish,
    doing::{Doing, Maker, describe},
    last_look::{Halt, last_look},
    look::Look,
    mark,
    order::Order,
    seen::{Guest, Tried},
};
use crate::{
    journal::guest_line::{Asked, Call, Deed, Stage},
    pve::Failure,
    run::{clock::Abandoned, mover::SILENCE_S, moving::NOT_BEGUN, seen::End},
};

impl Maker<'_> {
    /// Asks for something; how it ended, if it ends here.
    pub(super) fn ask(
        &self,
        this: &mut Doing<'_>,
        look: &Look,
        call: Call,
        disk: &str,
    ) -> Result<Option<Finish>, Abandoned> {
        let mut guest = None;
        if this.order.deed == Deed::Destroy {
            match last_look(self.pve, this.order, this.print, call == Call::Shutdown) {
                Ok(found) => guest = Some(found),
                Err(halt) => return self.halted(this, halt),
            }
            this.unread_s = 0.0;
            // It took a while.
            if self.clock.interrupts.count() > 0 {
                let what = "not begun: the run was stopped before".to_owned();
                return Ok(Some(Finish::Failed(NOT_BEGUN, what)));
            }
            let marked = guest.as_ref().and_then(|guest| guest.mark.as_ref());
            if call == Call::Destroy && marked != Some(&this.mark) {
                let what =
                    "somebody has taken this run's mark off its description; it was not removed";
                return Ok(Some(Finish::Failed("changed", what.to_owned())));
            }
        }
        if let Some(guest) = &guest {
            this.print = Some(guest.print);
        }
        let asked = Asked {
            call,
            disk: disk.to_owned(),
            before: look.newest(&this.order.node),
        };
        if call == Call::Destroy {
            *this.past.at(Call::Mark, "") = Tried::default(); // it serves one DELETE
        }
        if call == Call::Create {
            this.created = None;
            this.host_keys.clear();
            this.took_ms.clear();
        }
        let before = this.last.replace(asked.clone());
        let tried = this.past.at(call, disk);
        (tried.upid, tried.named, tried.end, tried.refused) = (None, false, None, None);
        if let Err(error) = self.note(this, Stage::Requested) {
            this.last = before;
            self.clock.interrupts.stop();
            return Ok(Some(Finish::Failed(
                "journal",
                format!("it was not asked for: {error:#}"),
            )));
        }
        this.remember(&asked);
        this.asked_at = self.clock.now();
        self.board.tell(this.order.vmid, word(call), None);
        let answer = self.send(this, &asked, guest.as_ref());
        self.answered(this, &asked, answer)
    }

    fn send(
        &self,
        this: &Doing<'_>,
        asked: &Asked,
        guest: Option<&Guest>,
    ) -> Result<Option<String>, Failure> {
        let order = this.order;
        let all = format!("/nodes/{}/{}", order.node, order.kind.as_str());
        let one = format!("{all}/{}", order.vmid);
        match asked.call {
            Call::Create => {
                let form = creation(order, &this.mark);
                let form: Vec<(&str, &str)> = form
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                self.pve.post(&all, &form)
            }
            Call::Resize => {
                let size = order.resize.get(&asked.disk).map_or("", String::as_str);
                let form = [("disk", asked.disk.as_str()), ("size", size)];
                self.pve.put(&format!("{one}/resize"), &form)
            }
            Call::Start => self.pve.post(&format!("{one}/status/start"), &[]),
            Call::Shutdown => {
                let timeout = order.timeout_s.to_string();
                self.pve
                    .post(&format!("{one}/status/shutdown"), &[("timeout", &timeout)])
            }
            Call::Mark => {
                let Some(guest) = guest else {
                    return Err(Failure::Strange("no guest was looked at".to_owned()));
                };
                let text = mark::with(&guest.description, &this.mark);
                describe(self.pve, order.vmid, guest, &text).map(|()| None)
            }
            Call::Destroy => {
                let purge = if order.purge.is_some() {
                    "?purge=1"
                } else {
                    ""
                };
                self.pve.delete(&format!("{one}{purge}"))
            }
        }
    }

    /// What an answer says.
    fn answered(
        &self,
        this: &mut Doing<'_>,
        asked: &Asked,
        answer: Result<Option<String>, Failure>,
    ) -> Result<Option<Finish>, Abandoned> {
        if let Err(failure) = &answer
            && failure.was_unsent()
        {
            return self.unsent(this, failure);
        }
        this.unsent_s = 0.0;
        if let Err(failure) = &answer
            && failure.lacks_quorum()
        {
            const A_WHILE_S: f64 = 3.0;
            self.board
                .tell(this.order.vmid, "the cluster has no quorum", None);
            self.clock.wait(A_WHILE_S)?;
            this.past.no_quorum = true;
            this.past.quorum_s += A_WHILE_S;
            return Ok(None);
        }
        this.past.no_quorum = false;
        let tried = this.past.at(asked.call, &asked.disk);
        let earlier = std::mem::replace(&mut tried.open, true);
        tried.count += 1;
        match answer {
            Ok(Some(upid)) => {
                (tried.upid, tried.named) = (Some(upid.clone()), true);
                if asked.call == Call::Create {
                    this.created = Some(upid);
                }
                this.changed = true;
                // If this line is lost, the task is found again by what was written before.
                let _ = self.note(this, Stage::Task);
            }
            // A change of the configuration is no task.
            Ok(None) => {
                tried.end = Some(End {
                    ok: true,
                    ..End::default()
                });
                this.changed = true;
            }
            Err(failure) if failure.had_no_effect() && earlier => {
                // An earlier request may be at work, and be the reason why.
                tried.lost = Some(failure.to_string());
            }
            Err(failure) if failure.had_no_effect() => {
                tried.open = false;
                tried.refused = Some(failure.to_string());
            }
            // Whether it was heard the next looks show.
            Err(failure) => tried.lost = Some(failure.to_string()),
        }
        Ok(None)
    }

    /// Nobody has heard the request: it is as if it had not been made, and is made again for a while.
    fn unsent(&self, this: &mut Doing<'_>, failure: &Failure) -> Result<Option<Finish>, Abandoned> {
        const A_WHILE_S: f64 = 1.0;
        if this.unsent_s >= SILENCE_S {
            let what = format!("the request was not sent: {failure}");
            return Ok(Some(Finish::Failed("unread", what)));
        }
        self.board.tell(this.order.vmid, &failure.to_string(), None);
        self.clock.wait(A_WHILE_S)?;
        this.unsent_s += A_WHILE_S;
        Ok(None)
    }

    /// The last look did not allow it, or could not be made: that is tried again for a while.
    fn halted(&self, this: &mut Doing<'_>, halt: Halt) -> Result<Option<Finish>, Abandoned> {
        let failure = match halt {
            Halt::Refused(code, why) => return Ok(Some(Finish::Failed(code, why))),
            Halt::Unread(failure) => failure,
        };
        if this.unread_s >= SILENCE_S {
            return Ok(Some(Finish::Failed(
                "unread",
                format!("not checked again: {failure}"),
            )));
        }
        self.board.tell(this.order.vmid, &failure.to_string(), None);
        this.unread_s += this.pace.next();
        self.wait(this)?;
        Ok(None)
    }

    /// Writes to the journal how far it is, and what will be asked now.
    fn note(&self, this: &Doing<'_>, phase: Stage) -> anyhow::Result<()> {
        match self.journal {
            Some(journal) => journal.append(&this.line(self.clock.now(), phase)),
            None => Ok(()),
        }
    }
}

/// The parameters of a creation: the plan's, the ID, and the mark as the last line of the description.
fn creation(order: &Order, mark: &str) -> Vec<(String, String)> {
    let described = |name: &str| name == "description";
    let mut form = vec![("vmid".to_owned(), order.vmid.to_string())];
    let plain = order.params.iter().filter(|(name, _)| !described(name));
    form.extend(plain.cloned());
    let description = order.params.iter().find(|(name, _)| described(name));
    let description = description.map_or("", |(_, value)| value);
    form.push(("description".to_owned(), mark::with(description, mark)));
    form
}

/// What people see of a request.
fn word(call: Call) -> &'static str {
    match call {
        Call::Create => "asking for the guest",
        Call::Resize => "enlarging its disk",
        Call::Start => "starting",
        Call::Shutdown => "shutting down",
        Call::Mark => "marking it for removal",
        Call::Destroy => "asking for its removal",
    }
}
