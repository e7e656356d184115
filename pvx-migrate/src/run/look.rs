//! One look at a guest: where it is, what it does, who is at it.

use serde_json::Value;

use super::{
    members::Members,
    seen::{HaSeen, Intent, Seen},
    task::{Task, is_newer, newest},
};
use crate::{
    journal::line::{Call, Request},
    node_name,
    pve::{Failure, Pve},
    state::is_true,
};

/// What a look shows, and the tasks it came across.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// The guest.
    pub seen: Seen,
    /// Tasks about it on its source and its target, newest first.
    pub upids: Vec<String>,
    /// Of these the ones that have ended.
    ended: Vec<String>,
    /// The nodes whose list of tasks could not be had: a task there may be running.
    unseen: Vec<String>,
}

impl Look {
    /// The newest tasks on a node, to tell later ones by.
    #[must_use]
    pub fn newest(&self, node: &str) -> Vec<String> {
        newest(self.upids.iter().map(String::as_str), node)
    }

    /// The node's tasks are known: one that is not among them is not there.
    #[must_use]
    pub fn knows_tasks_of(&self, node: &str) -> bool {
        !self.unseen.iter().any(|unseen| unseen == node)
    }

    /// The newest task that came after a request and does what it asked for.
    #[must_use]
    pub fn since(&self, request: &Request) -> Option<&str> {
        let mut upids = self.upids.iter().map(String::as_str);
        upids.find(|upid| answers(upid, request))
    }

    /// The newest task of the HA manager's that takes a request for a move.
    #[must_use]
    pub fn taken_since(&self, request: &Request) -> Option<&str> {
        let mut upids = self.upids.iter().map(String::as_str);
        upids.find(|upid| takes(upid, request))
    }

    /// The newest that came after a request, does what it asked for, and has ended.
    #[must_use]
    pub fn ended_since(&self, request: &Request) -> Option<&str> {
        let mut ended = self.ended.iter().map(String::as_str);
        ended.find(|upid| answers(upid, request))
    }

    /// The newest shutdown that came after a request, and has ended: for a guest of its own the HA
    /// manager shuts down before it moves.
    #[must_use]
    pub fn shutdown_ended_since(&self, request: &Request) -> Option<&str> {
        let shutdown = Request {
            call: Call::Shutdown,
            ..request.clone()
        };
        self.ended_since(&shutdown)
    }
}

/// Whether a task came after a request, and is of a kind that answers it.
fn answers(upid: &str, request: &Request) -> bool {
    let kinds: &[&str] = match request.call {
        Call::Migrate => &["qmigrate", "vzmigrate"],
        Call::Start => &["qmstart", "vzstart", "hastart"],
        Call::Shutdown => &["qmshutdown", "vzshutdown", "hastop"],
        Call::Resume => &["qmresume", "vzresume"],
        Call::EndTask => &[],
    };
    is_newer(upid, &request.on, &request.before)
        && Task::of(upid).is_some_and(|task| kinds.contains(&task.kind))
}

/// Whether a task is the one by which the HA manager takes a request for a move.
fn takes(upid: &str, request: &Request) -> bool {
    request.call == Call::Migrate
        && is_newer(upid, &request.on, &request.before)
        && Task::of(upid).is_some_and(|task| task.kind == "hamigrate")
}

/// Looks once.
///
/// # Errors
///
/// The cluster does not answer, or not as a cluster does. A node that is down is no error.
pub fn look(pve: &Pve, intent: &Intent) -> Result<Look, Failure> {
    let mut look = Look::default();
    // First the tasks, then the guest: of a task that has ended, the guest as it was before
    // that end would tell a wrong story.
    tasks(pve, intent, &mut look)?;
    let members = Members::read(pve)?;
    look.seen.no_quorum = !members.quorate;
    let rows: Vec<Value> = pve.get("/cluster/resources?type=vm")?;
    let Some(row) = rows.iter().find(|row| row["vmid"] == intent.vmid) else {
        return Ok(look);
    };
    let node = row["node"].as_str().unwrap_or_default().to_owned();
    node_name::check(&node)
        .map_err(|wrong| Failure::Strange(format!("/cluster/resources: {wrong}")))?;
    let path = format!(
        "/nodes/{node}/{}/{}/status/current",
        intent.kind.as_str(),
        intent.vmid
    );
    // The migration that has a lock may run at the source, unless that node is down.
    let knows_lock = look.knows_tasks_of(&intent.from) || !members.has_online(&intent.from);
    let knows_tasks = look.knows_tasks_of(&node);
    let seen = &mut look.seen;
    seen.node = Some(node.clone());
    match pve.get::<Value>(&path) {
        Ok(current) => {
            seen.running = current["status"] == "running";
            // Missing for a container. One that stood still before is as it was.
            seen.paused = seen.running
                && !intent.was_paused
                && current["qmpstatus"]
                    .as_str()
                    .is_some_and(|qmp| qmp != "running");
            seen.lock = current["lock"].as_str().map(str::to_owned);
            // Where a task may be running that is not seen, the guest alone tells nothing.
            seen.reached = knows_tasks && (knows_lock || seen.lock.is_none());
            let managed = is_true(&current["ha"]["managed"]);
            if managed || intent.ha {
                seen.ha = manager(pve, intent)?;
            }
        }
        Err(failure) if unreachable(&failure) => return Ok(look),
        // It has moved between the two requests.
        Err(failure) if failure.status() == Some(500) => seen.node = None,
        Err(failure) => return Err(failure),
    }
    Ok(look)
}

/// A node that is down, or does not answer in time: its own answer is what is missing.
pub(super) fn unreachable(failure: &Failure) -> bool {
    matches!(failure.status(), Some(595..=599))
}

fn manager(pve: &Pve, intent: &Intent) -> Result<Option<HaSeen>, Failure> {
    let sid = format!("{}:{}", intent.kind.ha_type(), intent.vmid);
    let rows: Vec<Value> = match pve.get("/cluster/ha/status/current") {
        Err(failure) if failure.status() == Some(403) => return Ok(None),
        rows => rows?,
    };
    let row = rows.iter().find(|row| row["sid"] == *sid);
    Ok(row.map(|row| {
        let word = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let state = row.get("crm_state").map_or("state", |_| "crm_state");
        HaSeen {
            node: word("node"),
            state: word(state),
        }
    }))
}

/// Tasks about the guest on both nodes: a migration runs on its source, a start where the guest is.
fn tasks(pve: &Pve, intent: &Intent, look: &mut Look) -> Result<(), Failure> {
    let mut rows: Vec<(u64, String, bool)> = Vec::new();
    for node in [&intent.from, &intent.to] {
        let path = format!(
            "/nodes/{node}/tasks?source=all&limit=50&vmid={}",
            intent.vmid
        );
        let found: Vec<Value> = match pve.get(&path) {
            Err(failure) if unreachable(&failure) => {
                look.unseen.push(node.clone());
                continue;
            }
            found => found?,
        };
        for row in found {
            let upid = row["upid"].as_str().unwrap_or_default().to_owned();
            let start = Task::of(&upid).map_or(0, |task| task.start);
            rows.push((start, upid, has_ended(&row)));
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.0));
    let runs = |(_, upid, ended): &(u64, String, bool)| {
        let task = Task::of(upid).filter(|task| task.moves() && !*ended)?;
        Some((upid.clone(), task.kind.to_owned()))
    };
    look.seen.task = rows.iter().find_map(runs);
    look.ended = rows
        .iter()
        .filter(|row| row.2)
        .map(|row| row.1.clone())
        .collect();
    look.upids = rows.into_iter().map(|row| row.1).collect();
    Ok(())
}

/// Whether a row of a list of tasks is of one that has ended. A node's list says `RUNNING` of one
/// that runs, the cluster's says nothing; of one that has ended, both have `endtime`, or at least a status.
pub(super) fn has_ended(row: &Value) -> bool {
    let ended = row.get("endtime").is_some_and(|end| !end.is_null());
    let status = row["status"].as_str().unwrap_or("RUNNING");
    ended || !status.eq_ignore_ascii_case("running")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_forms_of_task_lists() {
        #[rustfmt::skip]
        let cases = [
            ("a node's list, running",     json!({"status": "RUNNING", "user": "pvx@pve!drain", "saved": "0"}), false),
            ("a node's list, ended",       json!({"status": "OK", "endtime": 1, "user": "pvx@pve!drain"}), true),
            ("the cluster's, running",     json!({"user": "pvx@pve", "tokenid": "drain"}), false),
            ("the cluster's, ended",       json!({"status": "OK", "endtime": 1, "tokenid": "drain", "saved": 1}), true),
            ("the cluster's, by text",     json!({"status": "unexpected status", "endtime": "1", "saved": "1"}), true),
            ("nothing known of its end",   json!({"endtime": null}), false),
        ];
        for (name, row, want) in cases {
            assert_eq!(has_ended(&row), want, "{name}");
        }
    }

    #[test]
    fn which_task_answers_a_request() {
        let upid = |kind: &str, start: u32| {
            format!("UPID:a:00000001:00000001:{start:08X}:{kind}:100:p@pve!t:")
        };
        let request = |call: Call| Request {
            call,
            on: "a".into(),
            to: None,
            before: vec![upid("vzstart", 5)],
        };
        #[rustfmt::skip]
        let cases = [
            ("a migration",            Call::Migrate,  "vzmigrate",  6, true),
            ("of before",              Call::Migrate,  "vzmigrate",  4, false),
            ("a start is no answer",   Call::Migrate,  "vzstart",    6, false),
            ("a shutdown",             Call::Shutdown, "vzshutdown", 6, true),
            ("of a VM",                Call::Shutdown, "qmshutdown", 6, true),
            ("a start",                Call::Start,    "qmstart",    6, true),
            ("the start of before",    Call::Start,    "vzstart",    5, false),
            ("a resume",               Call::Resume,   "qmresume",   6, true),
        ];
        for (name, call, kind, start, want) in cases {
            assert_eq!(answers(&upid(kind, start), &request(call)), want, "{name}");
        }
        let taken = |kind: &str, start: u32| takes(&upid(kind, start), &request(Call::Migrate));
        assert!(taken("hamigrate", 6), "the HA manager takes it");
        assert!(!taken("hamigrate", 4), "it took another one, before");
        assert!(!taken("vzmigrate", 6), "it moves it already");
    }
}
