//! Follows a task to its end, by its UPID, and learns from it.

use serde_json::Value;

use super::{
    doing::{Doing, Maker},
    look::{Look, call_of},
};
use crate::{
    journal::guest_line::Call,
    pve::{Failure, Pve},
    run::{
        cause,
        clock::{Abandoned, task_pause},
        follow::{MUTE_S, PAGE, add_to_log, exit_status},
        seen::End,
        task::Task,
    },
};

/// Pages of a log that are read, at most.
const PAGES: usize = 20;
/// What unpacking, copying an image or removing large volumes may take, in seconds.
const WORK_S: f64 = 2.0 * 3600.0;

impl Maker<'_> {
    /// What is known of the ends of what was asked for: a task that the cluster has named, or that came
    /// since the request.
    pub(super) fn learn(&self, this: &mut Doing<'_>, look: &mut Look) {
        let (order, user) = (this.order, self.pve.user());
        let mut ended = Vec::new();
        for (key, tried) in this.past.unknown() {
            let asked = this.requests.get(key);
            let found = asked.and_then(|asked| look.since(asked, &order.node, user));
            let Some(upid) = tried.upid.clone().or_else(|| found.map(str::to_owned)) else {
                continue;
            };
            this.changed = true;
            if key.0 == Call::Create {
                this.created = Some(upid.clone());
            }
            if let Some(status) = self.status(&upid) {
                if status["status"] == "running" {
                    look.seen.task = Some(upid);
                } else {
                    ended.push((upid, status));
                }
            }
        }
        for (upid, status) in ended {
            self.learn_end(this, &upid, &status);
        }
    }

    /// A task's status; none if nobody can say.
    fn status(&self, upid: &str) -> Option<Value> {
        let task = Task::of(upid)?;
        let path = format!("/nodes/{}/tasks/{upid}/status", task.node);
        self.pve.get::<Value>(&path).ok()
    }

    fn learn_end(&self, this: &mut Doing<'_>, upid: &str, status: &Value) {
        let Some(call) = Task::of(upid).and_then(|task| call_of(task.kind)) else {
            return;
        };
        let log = whole_log(self.pve, upid).unwrap_or_default();
        let end = cause::end(exit_status(status), &log);
        let took = self.clock.now().duration_since(this.asked_at).as_millis();
        let took = u64::try_from(took).unwrap_or_default();
        let mut told = false;
        for (key, tried) in this.past.unknown() {
            let same = tried.upid.as_deref().is_none_or(|own| own == upid);
            if key.0 == call && same && !told {
                tried.upid = Some(upid.to_owned());
                tried.end = Some(end.clone());
                told = true;
            }
        }
        if !told {
            return; // somebody else's
        }
        let part = match call {
            Call::Create => "create",
            Call::Resize => "resize",
            Call::Start => "start",
            Call::Shutdown | Call::Mark | Call::Destroy => "",
        };
        if !part.is_empty() {
            *this.took_ms.entry(part.to_owned()).or_default() += took;
        }
        if call == Call::Destroy {
            left(&log, &end, this);
        }
    }

    /// Follows a task to its end.
    pub(super) fn follow(&self, this: &mut Doing<'_>, upid: &str) -> Result<(), Abandoned> {
        let Some(task) = Task::of(upid) else {
            // It is told of as one that has no end.
            this.past.overdue = true;
            return Ok(());
        };
        self.board.tell(this.order.vmid, task.kind, None);
        let path = format!("/nodes/{}/tasks/{upid}/status", task.node);
        let (mut waited, mut silent) = (0.0, 0.0);
        loop {
            match self.pve.get::<Value>(&path) {
                Ok(status) if status["status"] != "running" => {
                    self.learn_end(this, upid, &status);
                    return Ok(());
                }
                Ok(_) => silent = 0.0,
                // It is gone from the list, or another's that may not be seen: the next look tells.
                Err(failure) if matches!(failure.status(), Some(400 | 403)) => {
                    return self.clock.wait(1.0);
                }
                Err(_) if silent >= MUTE_S => return Ok(()),
                Err(_) => silent += task_pause(waited),
            }
            let pause = task_pause(waited);
            self.clock.wait(pause)?;
            waited += pause;
            if waited >= WORK_S {
                this.past.overdue = true;
                return Ok(());
            }
        }
    }
}

/// The log of a task that has ended.
///
/// # Errors
///
/// A part of it could not be read.
pub(super) fn whole_log(pve: &Pve, upid: &str) -> Result<Vec<String>, Failure> {
    let mut log = Vec::new();
    let Some(task) = Task::of(upid) else {
        return Ok(log);
    };
    for _ in 0..PAGES {
        let before = log.len();
        add_to_log(pve, task.node, upid, &mut log)?;
        if log.len() < before + PAGE {
            break;
        }
    }
    Ok(log)
}

/// A removal that ended well may have left files: Proxmox VE says so in the log alone.
fn left(log: &[String], end: &End, this: &mut Doing<'_>) {
    let line = log
        .iter()
        .find(|line| line.starts_with("cannot remove ") || line.starts_with("Could not remove "));
    if let (true, Some(line)) = (end.ok, line) {
        let what = format!("its removal ended well, and left something: {line}");
        this.warnings.push(("volume-left", what));
    }
}
