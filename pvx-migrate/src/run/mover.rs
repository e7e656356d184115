//! Moves one guest: looks, does the next thing, looks again, until it is settled.
//!
//! What the next thing is, [`next`](super::next) decides; here it is done, and written to the
//! journal before it is.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    check::{Refusal, check},
    clock::{Abandoned, Clock, Pace},
    look::{Look, look},
    next::{Finish, Next, may_end_task, next},
    progress::{Board, percent},
    seen::{End, Intent, Past},
    task::{self, Task},
};
use crate::{
    journal::{
        event::{Event, Phase},
        file::{Call, Journal, Line, Request},
    },
    plan::record::{Action, Step},
    pve::Pve,
    state::Kind,
};

/// For a cluster that does not answer, in seconds; a node that takes over an address, or
/// pveproxy that restarts, is back by then.
const SILENCE_S: f64 = 300.0;

/// What PVE gives a container to shut down (`timeout` of the request, in seconds).
const TIMEOUT_S: u64 = 180;

/// What a run shares.
pub struct Mover<'a> {
    /// The cluster.
    pub pve: &'a Pve,
    /// None in a dry run.
    pub journal: Option<&'a Journal>,
    /// Its clock.
    pub clock: &'a Clock,
    /// What people see.
    pub board: &'a Board,
}

/// How a step ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// The line that is in the journal.
    pub event: Event,
    /// Something was asked of the cluster that it has done.
    pub changed: bool,
    /// Why it is not where it should be.
    pub error: Option<Refusal>,
    /// How long it took, in seconds.
    pub took_s: u64,
}

/// A move that is under way.
struct Move<'a> {
    step: &'a Step,
    intent: Intent,
    past: Past,
    /// The last request that moves it.
    request: Option<Request>,
    upid: Option<String>,
    changed: bool,
    began: Timestamp,
    pace: Pace,
}

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
            let Some(seen) = seen else {
                let what = format!(
                    "{} does not answer; run again with this journal",
                    self.pve.base()
                );
                return Ok(self.finish(this, Finish::Help("no-answer", what)));
            };
            self.learn(this, &seen);
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
    fn wait(&self, this: &mut Move<'_>) -> Result<(), Abandoned> {
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
    fn learn(&self, this: &mut Move<'_>, look: &Look) {
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
        if request.call == Call::Migrate
            && past.end.is_none()
            && let Some(upid) = look.ended_since(&request)
        {
            past.end = self.ending(upid);
            this.changed = true;
        }
    }

    /// How a task ended, with its log; none if it runs, or nobody can say.
    fn ending(&self, upid: &str) -> Option<End> {
        let node = Task::of(upid)?.node;
        let status: Value = self
            .pve
            .get(&format!("/nodes/{node}/tasks/{upid}/status"))
            .ok()?;
        let exit = status["exitstatus"].as_str()?;
        let mut log = Vec::new();
        self.log(node, upid, &mut log);
        Some(task::end(exit, &log))
    }

    /// Adds the lines of a log that are not yet known.
    fn log(&self, node: &str, upid: &str, known: &mut Vec<String>) {
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
    fn follow(&self, this: &mut Move<'_>, upid: &str) -> Result<(), Abandoned> {
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
                Err(_) if silent >= 30.0 => return Ok(()),
                Err(_) => silent += 1.0,
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
        let node = Task::of(upid).map_or("", |task| task.node);
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

    /// Asks for the migration, there or back; a report if the cluster refuses.
    fn migrate(&self, this: &mut Move<'_>, look: &Look, back: bool) -> Option<Report> {
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
                this.upid = Some(upid.clone());
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
    fn shut_down(&self, this: &mut Move<'_>, look: &Look) -> Result<Option<Report>, Abandoned> {
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

    fn start(&self, this: &mut Move<'_>, node: &str) -> Result<(), Abandoned> {
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

    fn resume(&self, this: &mut Move<'_>, look: &Look) -> Result<(), Abandoned> {
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

    fn finish(&self, this: &mut Move<'_>, finish: Finish) -> Report {
        let (phase, error) = match finish {
            Finish::Arrived if this.step.returns => (Phase::Returned, None),
            Finish::Arrived => (Phase::Verified, None),
            Finish::Stayed(code, why) => (Phase::Failed, Some((code, why))),
            Finish::Help(code, why) => (Phase::Stuck, Some((code, why))),
        };
        let message = error.as_ref().map(|(_, why)| why.clone());
        let event = this.event(self.clock.now(), phase, message.clone());
        let request = this.request.clone();
        let error = match self.note(this, phase, request.as_ref(), message) {
            Err(unwritten) if error.is_none() => Some((
                "journal",
                format!("done, but not in the journal: {unwritten:#}"),
            )),
            _ => error,
        };
        Report {
            event,
            changed: this.changed,
            error,
            took_s: self.clock.since(this.began),
        }
    }

    /// Writes to the journal how far it is, and what will be asked now.
    fn note(
        &self,
        this: &Move<'_>,
        phase: Phase,
        request: Option<&Request>,
        message: Option<String>,
    ) -> anyhow::Result<()> {
        let Some(journal) = self.journal else {
            return Ok(());
        };
        let earlier = this
            .request
            .as_ref()
            .filter(|moves| request.is_some_and(|r| r != *moves));
        let back = this.past.moves_back > 0
            || request.is_some_and(|r| {
                r.call == Call::Migrate && r.to.as_ref() == Some(&this.intent.from)
            });
        journal.append(&Line {
            event: this.event(self.clock.now(), phase, message),
            request: request.cloned(),
            earlier: earlier
                .filter(|_| request.is_some_and(|r| r.call != Call::Migrate))
                .cloned(),
            back,
        })
    }
}

impl<'a> Move<'a> {
    fn new(
        step: &'a Step,
        to: String,
        last: Option<&Line>,
        repair_only: bool,
        began: Timestamp,
    ) -> Self {
        let intent = Intent {
            vmid: step.vmid,
            kind: step.kind,
            from: step.from.clone(),
            to,
            was_running: step.was_running,
            action: step.action,
            ha: step.ha.is_some(),
            timeout_s: step.timeout_s.unwrap_or(TIMEOUT_S),
            repair_only,
        };
        let mut past = Past {
            asked: step.along.is_some(),
            ..Past::default()
        };
        let mut request = None;
        if let Some(line) = last {
            request = line.earlier.clone().or_else(|| line.request.clone());
            past.moves_back = u32::from(line.back);
            let call = request.as_ref().map(|request| request.call);
            past.shutdowns = u32::from(call == Some(Call::Shutdown));
            past.asked = call.is_some_and(|call| call != Call::Shutdown);
            let start = |r: &&Request| r.call == Call::Start && r.on == step.from;
            past.starts_here = u32::from(line.request.as_ref().filter(start).is_some());
        }
        Self {
            step,
            intent,
            past,
            request,
            upid: last.and_then(|line| line.event.upid.clone()),
            changed: false,
            began,
            pace: Pace::default(),
        }
    }

    fn event(&self, at: Timestamp, phase: Phase, message: Option<String>) -> Event {
        let step = self.step;
        let to = self.intent.to.clone();
        let (from, to) = if step.returns {
            (to, step.from.clone())
        } else {
            (step.from.clone(), to)
        };
        Event {
            at,
            cluster: step.cluster.clone(),
            vmid: step.vmid,
            kind: step.kind,
            name: step.name.clone(),
            from,
            to,
            was_running: step.was_running,
            ha: step.ha.clone(),
            phase,
            returns: step.returns,
            upid: self.upid.clone(),
            targetstorage: super::queue::turned(&step.targetstorage, step.returns),
            message,
        }
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
