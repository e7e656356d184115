//! A step and a line of the journal: which way each goes, there or home again.

use std::collections::BTreeMap;

use crate::{
    journal::line::Line,
    plan::record::{Action, Step},
    state::Kind,
};

/// Whether a line is of this step, and not of the way back, or of an earlier drain.
pub(super) fn same_way(step: &Step, line: &Line) -> bool {
    let to = step.to.as_deref().unwrap_or_default();
    let (from, to) = if step.returns {
        (to, step.from.as_str())
    } else {
        (step.from.as_str(), to)
    };
    line.event.from == from && line.event.to == to && line.event.returns == step.returns
}

/// A map of storages as the way back needs it.
pub(super) fn turned(map: &BTreeMap<String, String>, back: bool) -> BTreeMap<String, String> {
    let pairs = map
        .iter()
        .map(|(from, to)| if back { (to, from) } else { (from, to) });
    pairs.map(|(from, to)| (from.clone(), to.clone())).collect()
}

/// A step of which only the journal knows.
pub(super) fn step_of(line: &Line) -> Step {
    let event = &line.event;
    let (from, to) = if line.event.returns {
        (&event.to, &event.from)
    } else {
        (&event.from, &event.to)
    };
    Step {
        vmid: event.vmid,
        kind: event.kind,
        name: event.name.clone(),
        from: from.clone(),
        to: Some(to.clone()),
        after: Vec::new(),
        action: if event.kind == Kind::Lxc {
            Action::Restart
        } else {
            Action::Live
        },
        reason: String::new(),
        refused: Vec::new(),
        blockers: Vec::new(),
        warnings: Vec::new(),
        downtime_s: 0,
        duration_s: 0,
        estimate: String::new(),
        bytes: 0,
        was_running: event.was_running,
        was_paused: event.was_paused,
        ha: event.ha.clone(),
        along: None,
        local_disks: true,
        targetstorage: turned(&event.targetstorage, line.event.returns),
        volumes: event.volumes.clone(),
        timeout_s: None,
        digest: None,
        returns: line.event.returns,
        cluster: event.cluster.clone(),
        state_at: event.at,
    }
}
