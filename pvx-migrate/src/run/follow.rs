//! Follows a task to its end, by its UPID: its status, its log, how far it is.

use serde_json::Value;

use super::{
    clock::{Abandoned, Pace},
    look::look,
    moving::{Move, Mover},
    next::may_end_task,
    progress::percent,
    seen::End,
    task::{self, Task},
};
use crate::journal::{
    event::Phase,
    line::{Call, Request},
};

/// For a node that does not tell of its task, in seconds; then the next look decides.
const MUTE_S: f64 = 30.0;

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
        let exit = status["exitstatus"].as_str().unwrap_or("unexpected status");
        let mut log = Vec::new();
        self.log(node, upid, &mut log);
        Progress::Ended(task::end(exit, &log))
    }

    /// Adds the lines of a log that are not yet known.
    pub(super) fn log(&self, node: &str, upid: &str, known: &mut Vec<String>) {
        let path = format!(
            "/nodes/{node}/tasks/{upid}/log?start={}&limit=500",
            known.len()
        );
        let Ok(rows) = self.pve.get::<Vec<Value>>(&path) else {
            return;
        };
        for row in rows {
            let text = row["t"].as_str().unwrap_or_default();
            if row["n"]
                .as_u64()
                .is_some_and(|n| n as usize == known.len() + 1)
                && text != "no content"
            {
                known.push(text.to_owned());
            }
        }
    }

    /// Follows a task to its end.
    pub(super) fn follow(&self, this: &mut Move<'_>, upid: &str) -> Result<(), Abandoned> {
        let Some(task) = Task::of(upid) else {
            return Ok(());
        };
        let (vmid, bytes) = (this.intent.vmid, this.step.bytes);
        // PVE waits 2N + 5 s for a container that is told to shut down within N.
        let mut deadline = (2 * this.intent.timeout_s + 5 + 3 * this.step.duration_s + 600) as f64;
        let path = format!("/nodes/{}/tasks/{upid}/status", task.node);
        let (mut log, mut pace, mut age, mut silent) = (Vec::new(), Pace::default(), 0.0, 0.0);
        loop {
            match self.pve.get::<Value>(&path) {
                Ok(status) => {
                    silent = 0.0;
                    let said = log.len();
                    self.log(task.node, upid, &mut log);
                    let told = log[said..]
                        .iter()
                        .rev()
                        .find_map(|line| percent(line, bytes));
                    match told {
                        Some((what, done)) => self.board.tell(vmid, what, Some(done)),
                        None if age == 0.0 => self.board.tell(vmid, task.kind, None),
                        None => {}
                    }
                    if status["status"] != "running" {
                        let exit = status["exitstatus"].as_str().unwrap_or("unexpected status");
                        let end = task::end(exit, &log);
                        if !end.ok && !task.migrates() {
                            this.past.trouble = Some(end.reason.clone());
                        }
                        let ours = this.request.as_ref().is_some_and(|request| {
                            request.call == Call::Migrate
                                && task::is_newer(upid, &request.on, &request.before)
                        });
                        if task.migrates() && (ours || this.past.asked) {
                            this.past.end = Some(end);
                            this.changed = true;
                        }
                        return Ok(());
                    }
                }
                // Its node is down, or the task is gone from the list: the next look tells.
                Err(failure) if failure.status() == Some(400) => return Ok(()),
                Err(_) if silent >= MUTE_S => return Ok(()),
                Err(_) => silent += pace.next(),
            }
            let seconds = pace.step();
            self.clock.wait(seconds)?;
            age += seconds;
            if age >= deadline {
                deadline *= 2.0;
                this.past.overdue += 1;
                if this.past.overdue > 1 {
                    return Ok(());
                }
                self.end_task(this, upid);
            }
        }
    }

    /// Ends a task that makes no progress, unless that could leave a container stopped: then
    /// it gets the same time once more.
    fn end_task(&self, this: &Move<'_>, upid: &str) {
        let Ok(look) = look(self.pve, &this.intent) else {
            return;
        };
        if this.upid.as_deref() != Some(upid) || !may_end_task(&this.intent, &look.seen) {
            return;
        }
        let Some(Task { node, .. }) = Task::of(upid) else {
            return;
        };
        let request = Request {
            call: Call::EndTask,
            on: node.to_owned(),
            to: None,
            before: Vec::new(),
        };
        if self.note(this, Phase::Task, Some(&request), None).is_ok() {
            let _ = self
                .pve
                .delete::<Value>(&format!("/nodes/{node}/tasks/{upid}"));
        }
    }
}
