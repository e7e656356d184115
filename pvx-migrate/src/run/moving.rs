//! A move that is under way: what is asked for, what was tried, and what the journal is told of it.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::{
    check::Refusal,
    clock::{Clock, Pace},
    decision::{Finish, Next},
    direction::turned,
    leftover::Leftover,
    progress::Board,
    seen::{Intent, Past},
};
use crate::{
    journal::{
        event::{Event, Phase},
        file::Journal,
        line::{Call, Line, Request},
    },
    plan::record::{Blocker, Step},
    pve::Pve,
};

/// What PVE gives a container to shut down (`timeout` of the request, in seconds).
const TIMEOUT_S: u64 = 180;

/// The code of a step that was not begun, as the run was told to stop.
pub(super) const NOT_BEGUN: &str = "not-begun";

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
    /// For how long a lost quorum is waited for.
    pub quorum_wait: Duration,
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
    /// What a copy has left at the target.
    pub leftovers: Vec<Leftover>,
    /// What should be known of it, now that it is where it should be.
    pub warnings: Vec<Blocker>,
}

/// A move that is under way.
pub(super) struct Move<'a> {
    pub(super) step: &'a Step,
    pub(super) intent: Intent,
    pub(super) past: Past,
    /// An earlier run had begun it.
    resumed: bool,
    /// The last request that moves it.
    pub(super) request: Option<Request>,
    pub(super) upid: Option<String>,
    /// Tasks of others whose end is known already.
    pub(super) known: BTreeSet<String>,
    /// For how long the last check could not be made, in seconds.
    pub(super) unread_s: f64,
    /// For how long a request could not be sent, in seconds.
    pub(super) unsent_s: f64,
    pub(super) changed: bool,
    pub(super) began: Timestamp,
    pub(super) pace: Pace,
}

impl Mover<'_> {
    pub(super) fn finish(&self, this: &mut Move<'_>, finish: Finish) -> Report {
        let (phase, error) = match finish {
            Finish::Arrived if this.step.returns => (Phase::Returned, None),
            Finish::Arrived => (Phase::Verified, None),
            Finish::Stayed(code, why) => (Phase::Failed, Some((code, why))),
            Finish::Help(code, why) => (Phase::Stuck, Some((code, why))),
        };
        let message = error.as_ref().map(|(_, why)| why.clone());
        let event = this.event(self.clock.now(), phase, message.clone());
        // HA has moved it for another guest's request.
        this.changed |= this.step.along.is_some() && error.is_none();
        let written = if this.ends(error.as_ref()) {
            self.note(this, phase, this.request.as_ref(), message)
        } else {
            Ok(())
        };
        let error = match written {
            Err(unwritten) if error.is_none() => Some((
                "journal",
                format!("done, but not in the journal: {unwritten:#}"),
            )),
            _ => error,
        };
        let warnings = match &error {
            None => this.step.warnings.clone(),
            Some(_) => Vec::new(),
        };
        Report {
            event,
            changed: this.changed,
            error,
            took_s: self.clock.since(this.began),
            leftovers: self.leftovers(this),
            warnings,
        }
    }

    /// Writes to the journal how far it is, and what will be asked now.
    pub(super) fn note(
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
        let message = message.or_else(|| {
            let underway = matches!(phase, Phase::Requested | Phase::Task);
            this.past.no_start.clone().filter(|_| underway)
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
    pub(super) fn new(
        step: &'a Step,
        to: String,
        last: Option<&Line>,
        repair_only: bool,
        began: Timestamp,
        quorum_wait: Duration,
    ) -> Self {
        let intent = Intent {
            vmid: step.vmid,
            kind: step.kind,
            from: step.from.clone(),
            to,
            was_running: step.was_running,
            was_paused: step.was_paused,
            action: step.action,
            ha: step.ha.is_some(),
            along: step.along.is_some(),
            timeout_s: step.timeout_s.unwrap_or(TIMEOUT_S),
            quorum_wait_s: quorum_wait.as_secs(),
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
            // A line without a request is of a guest that HA moves for another one's.
            past.asked = call != Some(Call::Shutdown);
            past.named = line.event.upid.is_some();
            let last = line.request.as_ref().map(|request| request.call);
            past.ended_task = last == Some(Call::EndTask);
            let underway = matches!(line.event.phase, Phase::Requested | Phase::Task);
            past.no_start = line.event.message.clone().filter(|_| underway);
            let start = |r: &&Request| r.call == Call::Start && r.on == step.from;
            past.starts_here = u32::from(line.request.as_ref().filter(start).is_some());
        }
        Self {
            step,
            intent,
            past,
            resumed: last.is_some(),
            request,
            upid: last.and_then(|line| line.event.upid.clone()),
            known: BTreeSet::new(),
            unread_s: 0.0,
            unsent_s: 0.0,
            changed: false,
            began,
            pace: Pace::default(),
        }
    }

    /// Nothing was asked for yet, and what comes next would ask for it, or waits until it can.
    pub(super) fn would_begin(&self, next: &Next) -> bool {
        let asked = self.past.asked || self.past.shutdowns > 0;
        let fresh = !self.resumed && self.request.is_none();
        match next {
            Next::Move | Next::Shutdown => !asked,
            Next::Wait(_) | Next::Follow(_) => !asked && fresh,
            _ => false,
        }
    }

    /// Whether this is the end of the step in the journal, too. What was never begun is not, and
    /// neither is what could not be found out: the same command tries it again.
    pub(super) fn ends(&self, error: Option<&Refusal>) -> bool {
        let begun = self.resumed || self.request.is_some() || self.step.along.is_some();
        let open = |(code, _): &Refusal| ["unread", "no-quorum", NOT_BEGUN].contains(code);
        error.is_none() || begun && !error.is_some_and(open)
    }

    pub(super) fn event(&self, at: Timestamp, phase: Phase, message: Option<String>) -> Event {
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
            was_paused: step.was_paused,
            ha: step.ha.clone(),
            phase,
            returns: step.returns,
            upid: self.upid.clone(),
            targetstorage: turned(&step.targetstorage, step.returns),
            volumes: step.volumes.clone(),
            message,
        }
    }
}
