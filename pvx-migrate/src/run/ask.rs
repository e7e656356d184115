//! What changes something: each request is in the journal before it is made, and where its answer
//! does not tell, what has become of it is looked up before anything else is asked.

use super::{
    clock::{Abandoned, Pace},
    decision::Finish,
    look::{Look, look},
    mover::SILENCE_S,
    moving::{Move, Mover, Report},
    next::{LOST_S, NODE_S},
    seen::End,
};
use crate::{
    journal::{
        event::Phase,
        line::{Call, Request},
    },
    plan::record::{Action, Step},
    pve::Failure,
    state::Kind,
};

impl Mover<'_> {
    /// Asks for the migration, there or back; a report if the cluster refuses.
    pub(super) fn migrate(
        &self,
        this: &mut Move<'_>,
        look: &Look,
        back: bool,
    ) -> Result<Option<Report>, Abandoned> {
        let (from, to) = if back {
            (this.intent.to.clone(), this.intent.from.clone())
        } else {
            (this.intent.from.clone(), this.intent.to.clone())
        };
        let request = Request {
            call: Call::Migrate,
            on: from.clone(),
            to: Some(to.clone()),
            before: look.newest(&from),
        };
        this.past.named = false;
        this.upid = None;
        if let Err(error) = self.note(this, Phase::Requested, Some(&request), None) {
            return Ok(self.unwritten(this, back, &format!("{error:#}")));
        }
        let form = form(
            this.step,
            &to,
            look.seen.running,
            back,
            this.intent.timeout_s,
        );
        let form: Vec<(&str, &str)> = form
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let path = self.path(this, &from, "migrate");
        this.past.end = None;
        this.request = Some(request.clone());
        self.board
            .tell(this.intent.vmid, "asking for the migration", None);
        let answer = self.pve.post::<String>(&path, &form);
        if let Err(failure) = &answer
            && failure.lacks_quorum()
        {
            self.wait_for_quorum(this)?;
            return Ok(None);
        }
        if self.was_unsent(this, &answer)? {
            return Ok(None);
        }
        this.past.no_quorum = false;
        if back {
            this.past.moves_back += 1;
        } else {
            this.past.asked = true;
            this.past.requests += 1;
        }
        match answer {
            Ok(upid) => {
                this.changed = true;
                this.upid = Some(upid);
                this.past.named = true;
                // If this line is lost, the task is found again by what was written before.
                let _ = self.note(this, Phase::Task, Some(&request), None);
                Ok(None)
            }
            Err(failure) if failure.had_no_effect() => {
                Ok(self.refused(this, back, failure.to_string()))
            }
            // Whether it was heard is looked up in the tasks.
            Err(failure) => {
                this.past.answer = Some(failure.to_string());
                Ok(None)
            }
        }
    }

    /// The journal can't be written: nothing is asked for, but what is stopped must not stay so.
    fn unwritten(&self, this: &mut Move<'_>, back: bool, error: &str) -> Option<Report> {
        if back {
            this.past.moves_back += 2; // not again
            this.past.trouble = Some(error.to_owned());
            return None;
        }
        self.clock.interrupts.stop();
        if this.past.shutdowns > 0 {
            this.past.asked = true;
            this.past.end = Some(failed(error));
            return None;
        }
        let what = format!("nothing was done: {error}");
        Some(self.finish(this, Finish::Stayed("journal", what)))
    }

    /// Proxmox VE has refused the migration.
    fn refused(&self, this: &mut Move<'_>, back: bool, reason: String) -> Option<Report> {
        if back || this.past.shutdowns > 0 {
            this.past.trouble = Some(reason.clone());
            this.past.end = Some(failed(&reason));
            return None;
        }
        if this.past.requests > 1 {
            // The first request may be at work, and be the reason why.
            this.past.answer = Some(reason);
            return None;
        }
        this.past.asked = false;
        Some(self.finish(this, Finish::Stayed("refused", reason)))
    }

    /// Shuts a guest down that can be moved only while it is stopped.
    pub(super) fn shut_down(
        &self,
        this: &mut Move<'_>,
        look: &Look,
    ) -> Result<Option<Report>, Abandoned> {
        let from = this.intent.from.clone();
        let request = Request {
            call: Call::Shutdown,
            on: from.clone(),
            to: None,
            before: look.newest(&from),
        };
        if let Err(error) = self.note(this, Phase::Requested, Some(&request), None) {
            return Ok(self.unwritten(this, false, &format!("{error:#}")));
        }
        this.request = Some(request.clone());
        self.board.tell(this.intent.vmid, "shutting down", None);
        let timeout = this.intent.timeout_s.to_string();
        let path = self.path(this, &from, "status/shutdown");
        let answer = self.pve.post::<String>(&path, &[("timeout", &timeout)]);
        if let Err(failure) = &answer
            && failure.lacks_quorum()
        {
            self.wait_for_quorum(this)?;
            return Ok(None);
        }
        if self.was_unsent(this, &answer)? {
            return Ok(None);
        }
        this.past.no_quorum = false;
        this.past.shutdowns += 1;
        this.past.shutdown_requests += 1;
        match answer {
            Ok(upid) => {
                this.changed = true;
                self.follow(this, &upid)?;
            }
            Err(failure) if failure.had_no_effect() && this.past.shutdown_requests == 1 => {
                this.past.shutdowns = 0;
                return Ok(Some(
                    self.finish(this, Finish::Stayed("refused", failure.to_string())),
                ));
            }
            Err(failure) => {
                this.past.answer = Some(failure.to_string());
                self.find(this, &request)?;
            }
        }
        Ok(None)
    }

    pub(super) fn start(
        &self,
        this: &mut Move<'_>,
        look: &Look,
        node: &str,
    ) -> Result<(), Abandoned> {
        let request = Request {
            call: Call::Start,
            on: node.to_owned(),
            to: None,
            before: look.newest(node),
        };
        // Of a guest that is stopped, a journal that fails is no reason to leave it so.
        let _ = self.note(this, Phase::Requested, Some(&request), None);
        self.board.tell(this.intent.vmid, "starting", None);
        this.past.trouble = None;
        let trouble = self.power(this, &request, "status/start")?;
        if node == this.intent.to && trouble.is_some() {
            this.past.no_start = trouble;
        }
        Ok(())
    }

    pub(super) fn resume(&self, this: &mut Move<'_>, look: &Look) -> Result<(), Abandoned> {
        let node = look.seen.node.clone().unwrap_or_default();
        let request = Request {
            call: Call::Resume,
            before: look.newest(&node),
            on: node,
            to: None,
        };
        let _ = self.note(this, Phase::Requested, Some(&request), None);
        self.board.tell(this.intent.vmid, "resuming", None);
        self.power(this, &request, "status/resume").map(drop)
    }

    /// Asks for a start or a resume, and follows it; why it was refused, if it was.
    fn power(
        &self,
        this: &mut Move<'_>,
        request: &Request,
        verb: &str,
    ) -> Result<Option<String>, Abandoned> {
        let path = self.path(this, &request.on, verb);
        let answer = self.pve.post::<String>(&path, &[]);
        if let Err(failure) = &answer
            && failure.lacks_quorum()
        {
            self.wait_for_quorum(this)?;
            return Ok(None);
        }
        if self.was_unsent(this, &answer)? {
            return Ok(None);
        }
        this.past.no_quorum = false;
        let counted = match request.call {
            Call::Resume => &mut this.past.resumes,
            _ if request.on == this.intent.to => &mut this.past.starts_there,
            _ => &mut this.past.starts_here,
        };
        *counted += 1;
        let reason = match answer {
            Ok(upid) => {
                this.changed = true;
                self.follow(this, &upid)?;
                return Ok(None);
            }
            Err(failure) if failure.had_no_effect() => {
                self.wait(this)?;
                failure.to_string()
            }
            Err(failure) => {
                if self.find(this, request)? {
                    return Ok(None);
                }
                failure.to_string()
            }
        };
        this.past.trouble = Some(reason.clone());
        Ok(Some(reason))
    }

    /// Looks for the task of a request that may have been heard, and follows it. Whether there
    /// was one; if not, the next look at the guest decides.
    fn find(&self, this: &mut Move<'_>, request: &Request) -> Result<bool, Abandoned> {
        let (mut waited, mut blind, mut pace) = (0.0, 0.0, Pace::default());
        while waited < LOST_S && blind < NODE_S {
            let look = look(self.pve, &this.intent);
            if let Ok(look) = &look
                && let Some(upid) = look.since(request)
            {
                this.changed = true;
                self.follow(this, upid)?;
                return Ok(true);
            }
            let seconds = pace.step();
            self.clock.wait(seconds)?;
            // Only a list that was read shows that it has no such task.
            if look.is_ok_and(|look| look.knows_tasks_of(&request.on)) {
                waited += seconds;
            } else {
                blind += seconds;
            }
        }
        Ok(false)
    }

    /// A request was refused for want of quorum, and is to be made again in a while.
    fn wait_for_quorum(&self, this: &mut Move<'_>) -> Result<(), Abandoned> {
        const A_WHILE_S: f64 = 3.0;
        self.board
            .tell(this.intent.vmid, "the cluster has no quorum", None);
        self.clock.wait(A_WHILE_S)?;
        this.past.no_quorum = true;
        this.past.quorum_s += A_WHILE_S;
        Ok(())
    }

    /// Whether nobody could hear the request: then it is as if it had not been made, and after a moment it is
    /// made again, for as long as a silent cluster is waited for.
    fn was_unsent<T>(
        &self,
        this: &mut Move<'_>,
        answer: &Result<T, Failure>,
    ) -> Result<bool, Abandoned> {
        const A_WHILE_S: f64 = 1.0;
        let unsent = answer.as_ref().err().filter(|failure| failure.was_unsent());
        let Some(failure) = unsent.filter(|_| this.unsent_s < SILENCE_S) else {
            this.unsent_s = 0.0;
            return Ok(false);
        };
        self.board
            .tell(this.intent.vmid, &failure.to_string(), None);
        self.clock.wait(A_WHILE_S)?;
        this.unsent_s += A_WHILE_S;
        Ok(true)
    }

    fn path(&self, this: &Move<'_>, node: &str, verb: &str) -> String {
        format!(
            "/nodes/{node}/{}/{}/{verb}",
            this.step.kind.as_str(),
            this.step.vmid
        )
    }
}

/// The end of a migration that was not begun.
fn failed(reason: &str) -> End {
    End {
        reason: reason.to_owned(),
        ..End::default()
    }
}

/// The parameters of a migration. VMs and containers spell them differently.
fn form(
    step: &Step,
    to: &str,
    running: bool,
    back: bool,
    timeout_s: u64,
) -> Vec<(&'static str, String)> {
    let on = || "1".to_owned();
    let pairs = step.targetstorage.iter().map(|(from, to)| {
        if back {
            format!("{to}:{from}")
        } else {
            format!("{from}:{to}")
        }
    });
    let map = pairs.collect::<Vec<_>>().join(",");
    let mut form = vec![("target", to.to_owned())];
    match step.kind {
        Kind::Qemu => {
            if running {
                form.push(("online", on()));
                if step.local_disks && step.action == Action::Live {
                    form.push(("with-local-disks", on()));
                }
            }
            if !map.is_empty() {
                form.push(("targetstorage", map));
            }
        }
        Kind::Lxc => {
            if running {
                form.push(("restart", on()));
                if step.action == Action::Restart {
                    form.push(("timeout", timeout_s.to_string()));
                }
            }
            if !map.is_empty() {
                form.push(("target-storage", map));
            }
        }
    }
    form
}
