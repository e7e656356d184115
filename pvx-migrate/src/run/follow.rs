//! Follows a task to its end, by its UPID: its status, its log, how far it is.

use serde_json::Value;
use vmid::exit;

use super::{
    cause,
    clock::{Abandoned, task_pause},
    members::Members,
    moving::{Move, Mover},
    progress::percent,
    rescue::{Sight, Watch},
    seen::End,
    task::{self, Task},
};
use crate::{
    journal::{
        event::Phase,
        line::{Call, Request},
    },
    pve::{Failure, Pve},
    state::Kind,
};

/// For a node that does not tell of its task, in seconds; then the next look decides.
pub(super) const MUTE_S: f64 = 30.0;
/// How often the log of a task that runs is read, and the members are asked for, in seconds: its
/// status alone is asked for more often, so that the next guest does not wait for a look.
const LOG_S: f64 = 1.0;

/// Lines of a log that are asked for at once.
pub(super) const PAGE: usize = 500;

/// How far a task is.
pub(super) enum Progress {
    /// It runs.
    Running,
    /// It has ended.
    Ended(End),
    /// Nobody can say.
    Unknown,
}

impl Mover<'_> {
    /// How far a task is; its log is read when it has ended.
    pub(super) fn progress(&self, upid: &str) -> Progress {
        let Some(Task { node, .. }) = Task::of(upid) else {
            return Progress::Unknown;
        };
        let path = format!("/nodes/{node}/tasks/{upid}/status");
        let Ok(status) = self.pve.get::<Value>(&path) else {
            return Progress::Unknown;
        };
        if status["status"] == "running" {
            return Progress::Running;
        }
        let mut log = Vec::new();
        self.log(node, upid, &mut log);
        Progress::Ended(cause::end(exit_status(&status), &log))
    }

    /// Adds the lines of a log that are not yet known.
    pub(super) fn log(&self, node: &str, upid: &str, known: &mut Vec<String>) {
        // What is not read now is read with the next look.
        let _ = add_to_log(self.pve, node, upid, known);
    }

    /// Follows a task to its end.
    pub(super) fn follow(&self, this: &mut Move<'_>, upid: &str) -> Result<(), Abandoned> {
        let Some(task) = Task::of(upid) else {
            return Ok(());
        };
        // PVE waits 2N + 5 s for a container that is told to shut down within N.
        let mut deadline = (2 * this.intent.timeout_s + 5 + 3 * this.step.duration_s + 600) as f64;
        let path = format!("/nodes/{}/tasks/{upid}/status", task.node);
        let mut watch = Watch::new(this.past.ended_task);
        let (mut log, mut age, mut silent) = (Vec::new(), 0.0, 0.0);
        let (mut waited, mut since_log) = (0.0, LOG_S);
        loop {
            let status = match self.pve.get::<Value>(&path) {
                Ok(status) => Some(status),
                // Its node is down, or the task is gone from the list: the next look tells.
                Err(failure) if failure.status() == Some(400) => return Ok(()),
                Err(_) if silent >= MUTE_S => return Ok(()),
                Err(_) => None,
            };
            let pause = task_pause(waited);
            silent = if status.is_some() {
                0.0
            } else {
                silent + pause
            };
            let ended = status
                .as_ref()
                .filter(|status| status["status"] != "running");
            if ended.is_some() || status.is_none() || since_log >= LOG_S {
                let said = log.len();
                if status.is_some() {
                    self.log(task.node, upid, &mut log);
                    self.tell(this, &task, &log[said..], waited == 0.0);
                }
                if let Some(status) = ended {
                    this.learn_end(upid, cause::end(exit_status(status), &log));
                    return Ok(());
                }
                if this.step.duration_s == 0 && log.len() > said {
                    age = 0.0; // how long it should take is not known, but it gets on
                }
                let sight = status.and_then(|_| self.sight(this, upid, &log));
                if watch.look(sight, since_log) {
                    self.end_task(this, task.node, upid);
                }
                since_log = 0.0;
            }
            self.clock.wait(pause)?;
            waited += pause;
            since_log += pause;
            age += pause;
            if age >= deadline {
                deadline *= 2.0;
                if self.overdue(this, upid) {
                    return Ok(());
                }
            }
        }
    }

    /// Tells that a task takes far too long, once; whether that was told before.
    fn overdue(&self, this: &mut Move<'_>, upid: &str) -> bool {
        this.past.overdue += 1;
        if this.past.overdue > 1 {
            return true;
        }
        let what = format!(
            "{}: {upid} takes far longer than it should; it is left to go on",
            this.intent.vmid
        );
        exit::say("pvx-migrate", &what);
        false
    }

    /// Tells people how far a task is, by what is new in its log.
    fn tell(&self, this: &Move<'_>, task: &Task<'_>, lines: &[String], first: bool) {
        let bytes = this.step.bytes;
        match lines.iter().rev().find_map(|line| percent(line, bytes)) {
            Some((what, done)) => self.board.tell(this.intent.vmid, what, Some(done)),
            None if first => self.board.tell(this.intent.vmid, task.kind, None),
            None => {}
        }
    }

    /// What there is to see of a migration that may hang; none if the cluster does not say.
    fn sight(&self, this: &Move<'_>, upid: &str, log: &[String]) -> Option<Sight> {
        let mut sight = Sight {
            own: this.is_own_copy(upid, self.pve.user()),
            quorate: false,
            source_online: false,
            target_online: true,
            copying: cause::copies(log, this.intent.vmid, &this.intent.to),
            locked: false,
        };
        if !sight.own || !sight.copying {
            return Some(sight);
        }
        let members = Members::read(self.pve).ok()?;
        sight.quorate = members.quorate;
        sight.source_online = members.has_online(&this.intent.from);
        sight.target_online = members.has_online(&this.intent.to);
        if !sight.target_online {
            let path = format!(
                "/nodes/{}/lxc/{}/config",
                this.intent.from, this.intent.vmid
            );
            sight.locked = self.pve.get::<Value>(&path).ok()?["lock"] == "migrate";
        }
        Some(sight)
    }

    /// Ends a migration whose target is gone; it rolls back and starts the container, which is
    /// waited for as for any end.
    fn end_task(&self, this: &mut Move<'_>, node: &str, upid: &str) {
        let request = Request {
            call: Call::EndTask,
            on: node.to_owned(),
            to: None,
            before: Vec::new(),
        };
        if self.note(this, Phase::Task, Some(&request), None).is_err() {
            return;
        }
        this.past.ended_task = true;
        let what = format!(
            "{}: {} is offline and the copy to it hangs: its task is ended, which brings the container back",
            this.intent.vmid, this.intent.to
        );
        exit::say("pvx-migrate", &what);
        let path = format!("/nodes/{node}/tasks/{upid}");
        if let Err(failure) = self.pve.delete::<Value>(&path)
            && failure.had_no_effect()
        {
            // It goes on, and is told of as any that takes too long.
            let what = format!(
                "{}: the task cannot be ended: {failure}; on {node}: pvesh delete '{path}'",
                this.intent.vmid
            );
            exit::say("pvx-migrate", &what);
        }
    }
}

impl Move<'_> {
    /// What the end of a task says of what was asked for.
    pub(super) fn learn_end(&mut self, upid: &str, end: End) {
        let Some(task) = Task::of(upid) else {
            return;
        };
        if task.migrates() {
            if self.is_answer(upid) || self.past.asked {
                self.past.end = Some(end);
                self.changed = true;
            }
            return;
        }
        if end.ok {
            return;
        }
        if task.starts() && task.node == self.intent.to {
            self.past.no_start = Some(end.reason.clone());
        }
        if task.shuts_down() {
            self.past.no_stop = Some(end.reason.clone());
        }
        self.past.trouble = Some(end.reason);
    }

    /// A task that came of the last request for a move.
    fn is_answer(&self, upid: &str) -> bool {
        self.request.as_ref().is_some_and(|request| {
            request.call == Call::Migrate && task::is_newer(upid, &request.on, &request.before)
        })
    }

    /// The migration of a container to its target that was asked for here: not the HA manager's, and
    /// none that somebody else has begun since. `user` is that of this run's token.
    fn is_own_copy(&self, upid: &str, user: &str) -> bool {
        let there = |request: &Request| request.to.as_ref() == Some(&self.intent.to);
        let ours = |task: Task<'_>| match &self.upid {
            Some(own) => own == upid,
            // Its answer was lost.
            None => self.is_answer(upid) && task.user == user,
        };
        self.intent.kind == Kind::Lxc
            && !self.intent.ha
            && self.request.as_ref().is_some_and(there)
            && Task::of(upid).is_some_and(|task| task.kind == "vzmigrate" && ours(task))
    }
}

/// Adds the lines of a log that are not yet known: at most [`PAGE`] of them.
pub(super) fn add_to_log(
    pve: &Pve,
    node: &str,
    upid: &str,
    known: &mut Vec<String>,
) -> Result<(), Failure> {
    let path = format!(
        "/nodes/{node}/tasks/{upid}/log?start={}&limit={PAGE}",
        known.len()
    );
    for row in pve.get::<Vec<Value>>(&path)? {
        let text = row["t"].as_str().unwrap_or_default();
        if row["n"]
            .as_u64()
            .is_some_and(|n| n as usize == known.len() + 1)
            && text != "no content"
        {
            known.push(text.to_owned());
        }
    }
    Ok(())
}

pub(super) fn exit_status(status: &Value) -> &str {
    status["exitstatus"].as_str().unwrap_or("unexpected status")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::plan::record::Step;

    /// Only what this run has asked for is ended, should its target be gone.
    #[test]
    fn whose_copy_it_is() {
        const OURS: &str = "UPID:a:00000001:00000002:69000002:vzmigrate:100:p@pve!t:";
        const LATER: &str = "UPID:a:00000003:00000004:69000009:vzmigrate:100:p@pve!t:";
        const ROOTS: &str = "UPID:a:00000003:00000004:69000009:vzmigrate:100:root@pam:";
        const OLD: &str = "UPID:a:00000001:00000002:68000000:vzmigrate:100:p@pve!t:";
        const START: &str = "UPID:a:00000003:00000004:69000009:vzstart:100:p@pve!t:";
        let step = |more: Value| -> Step {
            let mut step = json!({"vmid": 100, "type": "lxc", "name": "g", "from": "a", "to": "b", "after": [],
                "action": "restart", "reason": "", "refused": [], "blockers": [], "downtime_s": 1, "duration_s": 1,
                "estimate": "", "bytes": 0, "was_running": true, "ha": null, "local_disks": false,
                "cluster": "c", "state_at": "2026-11-22T00:00:10Z"});
            let more = more.as_object().unwrap().clone();
            step.as_object_mut().unwrap().extend(more);
            serde_json::from_value(step).unwrap()
        };
        let (ct, none) = (step(json!({})), None);
        let (vm, ha) = (step(json!({"type": "qemu"})), step(json!({"ha": "ct:100"})));
        #[rustfmt::skip]
        let cases: &[(&str, &Step, Option<&str>, &str, bool)] = &[
            ("the one that was answered with",     &ct, Some(OURS), OURS,  true),
            ("a later one, ours being known",      &ct, Some(OURS), LATER, false),
            ("root's, ours being known",           &ct, Some(OURS), ROOTS, false),
            ("the answer was lost",                &ct, none,       LATER, true),
            ("... and somebody else's came since", &ct, none,       ROOTS, false),
            ("... and it is from before",          &ct, none,       OLD,   false),
            ("no migration",                       &ct, none,       START, false),
            ("a VM's",                             &vm, Some(OURS), OURS,  false),
            ("the HA manager's",                   &ha, Some(OURS), OURS,  false),
        ];
        for (name, step, known, upid, want) in cases {
            let wait = Duration::from_secs(600);
            let mut this = Move::new(
                step,
                "b".to_owned(),
                None,
                false,
                Timestamp::UNIX_EPOCH,
                wait,
            );
            this.request = Some(Request {
                call: Call::Migrate,
                on: "a".to_owned(),
                to: Some("b".to_owned()),
                before: vec![OLD.to_owned()],
            });
            this.upid = known.map(str::to_owned);
            assert_eq!(this.is_own_copy(upid, "p@pve!t"), *want, "{name}");
        }
        let mut this = Move::new(
            &ct,
            "b".to_owned(),
            None,
            false,
            Timestamp::UNIX_EPOCH,
            Duration::ZERO,
        );
        assert!(!this.is_own_copy(OURS, "p@pve!t"), "nothing was asked for");
        this.upid = Some(OURS.to_owned());
        assert!(!this.is_own_copy(OURS, "p@pve!t"), "no request is known");
    }
}
