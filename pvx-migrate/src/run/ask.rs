//! What changes something: each request is in the journal before it is made.

use super::{
    clock::Abandoned,
    decision::Finish,
    look::Look,
    moving::{Move, Mover, Report},
    seen::End,
};
use crate::{
    journal::{
        event::Phase,
        line::{Call, Request},
    },
    plan::record::{Action, Step},
    state::Kind,
};

impl Mover<'_> {
    /// Asks for the migration, there or back; a report if the cluster refuses.
    pub(super) fn migrate(&self, this: &mut Move<'_>, look: &Look, back: bool) -> Option<Report> {
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
            if back {
                this.past.moves_back += 2; // not again
                this.past.trouble = Some(format!("{error:#}"));
                return None;
            }
            self.clock.interrupts.stop();
            if this.past.shutdowns > 0 {
                // It is stopped, and must not stay so.
                this.past.asked = true;
                this.past.end = Some(End {
                    ok: false,
                    told_to_stop: false,
                    reason: format!("{error:#}"),
                });
                return None;
            }
            return Some(self.finish(
                this,
                Finish::Stayed("journal", format!("nothing was done: {error:#}")),
            ));
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
        let path = format!(
            "/nodes/{from}/{}/{}/migrate",
            this.step.kind.as_str(),
            this.step.vmid
        );
        this.past.end = None;
        this.request = Some(request.clone());
        self.board
            .tell(this.intent.vmid, "asking for the migration", None);
        let answer = self.pve.post::<String>(&path, &form);
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
            }
            Err(failure) if failure.had_no_effect() => {
                let reason = failure.to_string();
                if back || this.past.shutdowns > 0 {
                    this.past.trouble = Some(reason.clone());
                    this.past.end = Some(End {
                        ok: false,
                        told_to_stop: false,
                        reason,
                    });
                    return None;
                }
                this.past.asked = false;
                return Some(self.finish(this, Finish::Stayed("refused", reason)));
            }
            // Whether it was heard is looked up in the tasks.
            Err(_) => {}
        }
        None
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
            self.clock.interrupts.stop();
            let what = format!("nothing was done: {error:#}");
            return Ok(Some(self.finish(this, Finish::Stayed("journal", what))));
        }
        this.past.shutdowns += 1;
        this.request = Some(request);
        self.board.tell(this.intent.vmid, "shutting down", None);
        let timeout = this.intent.timeout_s.to_string();
        let path = self.path(this, &from, "status/shutdown");
        match self.pve.post::<String>(&path, &[("timeout", &timeout)]) {
            Ok(upid) => {
                this.changed = true;
                self.follow(this, &upid)?;
            }
            Err(failure) if failure.had_no_effect() => {
                this.past.shutdowns = 0;
                return Ok(Some(
                    self.finish(this, Finish::Stayed("refused", failure.to_string())),
                ));
            }
            Err(_) => {}
        }
        Ok(None)
    }

    pub(super) fn start(&self, this: &mut Move<'_>, node: &str) -> Result<(), Abandoned> {
        let request = Request {
            call: Call::Start,
            on: node.to_owned(),
            to: None,
            before: Vec::new(),
        };
        // Of a guest that is stopped, a journal that fails is no reason to leave it so.
        let _ = self.note(this, Phase::Requested, Some(&request), None);
        self.board.tell(this.intent.vmid, "starting", None);
        this.past.trouble = None;
        if node == this.intent.to {
            this.past.starts_there += 1;
        } else {
            this.past.starts_here += 1;
        }
        self.power(this, node, "status/start")
    }

    pub(super) fn resume(&self, this: &mut Move<'_>, look: &Look) -> Result<(), Abandoned> {
        let node = look.seen.node.clone().unwrap_or_default();
        let request = Request {
            call: Call::Resume,
            on: node.clone(),
            to: None,
            before: Vec::new(),
        };
        let _ = self.note(this, Phase::Requested, Some(&request), None);
        self.board.tell(this.intent.vmid, "resuming", None);
        this.past.resumes += 1;
        self.power(this, &node, "status/resume")
    }

    fn power(&self, this: &mut Move<'_>, node: &str, verb: &str) -> Result<(), Abandoned> {
        let path = self.path(this, node, verb);
        match self.pve.post::<String>(&path, &[]) {
            Ok(upid) => {
                this.changed = true;
                self.follow(this, &upid)
            }
            Err(failure) => {
                this.past.trouble = Some(failure.to_string());
                self.wait(this)
            }
        }
    }

    fn path(&self, this: &Move<'_>, node: &str, verb: &str) -> String {
        format!(
            "/nodes/{node}/{}/{}/{verb}",
            this.step.kind.as_str(),
            this.step.vmid
        )
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
