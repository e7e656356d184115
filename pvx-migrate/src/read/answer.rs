//! From PVE's answers to the state document: spellings made one, the rest left out.

use serde_json::Value;

use super::spelling::{list, number, text, time};
use crate::state::{Options, Permissions, Replication, ReplicationRun, Task, is_true};

pub fn permissions(answer: &Value) -> Permissions {
    let paths = answer.as_object().into_iter().flatten();
    paths
        .map(|(path, entry)| {
            let privileges = entry.as_object().into_iter().flatten();
            let privileges = privileges.map(|(name, inherited)| (name.clone(), is_true(inherited)));
            (path.clone(), privileges.collect())
        })
        .collect()
}

pub fn replication(answer: &Value) -> Vec<Replication> {
    list(answer)
        .filter_map(|entry| {
            let id = text(entry, "id");
            let of_id = || id.as_ref()?.split('-').next()?.parse().ok();
            let guest = entry.get("guest").map(number);
            let vmid = guest
                .and_then(|guest| u32::try_from(guest).ok())
                .or_else(of_id)?;
            Some(Replication {
                id,
                vmid,
                target: text(entry, "target")?,
                removed: entry.get("remove_job").is_some(),
            })
        })
        .collect()
}

/// The replication jobs of a node's guests (`/nodes/{node}/replication`).
pub fn replication_runs(answer: &Value) -> Vec<ReplicationRun> {
    list(answer)
        .filter_map(|entry| {
            let id = text(entry, "id")?;
            let of_id = || id.split('-').next()?.parse().ok();
            let guest = entry.get("guest").map(number);
            let guest = guest.and_then(|guest| u32::try_from(guest).ok());
            Some(ReplicationRun {
                guest: guest.or_else(of_id)?,
                source: text(entry, "source"),
                target: text(entry, "target")?,
                schedule: text(entry, "schedule"),
                last_sync: time(&entry["last_sync"]).unwrap_or_default(),
                last_try: time(&entry["last_try"]).unwrap_or_default(),
                next_sync: time(&entry["next_sync"]).filter(|next| *next > 0),
                fail_count: number(&entry["fail_count"]),
                error: text(entry, "error").filter(|error| !error.trim().is_empty()),
                duration: seconds(&entry["duration"]),
                disable: is_true(&entry["disable"]),
                removed: entry.get("remove_job").is_some(),
                id,
            })
        })
        .collect()
}

/// A length of time with a fraction, which Proxmox may have spelled as a text.
fn seconds(value: &Value) -> Option<f64> {
    let seconds = value
        .as_f64()
        .or_else(|| value.as_str()?.trim().parse().ok());
    seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
}

/// The tasks that have no end yet.
pub fn tasks(answer: &Value) -> Vec<Task> {
    list(answer)
        .filter(|entry| entry.get("endtime").is_none() && entry.get("status").is_none())
        .filter_map(|entry| {
            Some(Task {
                upid: text(entry, "upid")?,
                node: text(entry, "node")?,
                kind: text(entry, "type")?,
                id: text(entry, "id").unwrap_or_default(),
            })
        })
        .collect()
}

pub fn options(answer: &Value) -> Options {
    // `bwlimit` is a property string, or an object in newer PVE.
    let bwlimit = match &answer["bwlimit"] {
        Value::String(text) => text
            .split(',')
            .find_map(|part| part.strip_prefix("migration="))
            .and_then(|limit| limit.parse().ok()),
        Value::Object(limits) => limits.get("migration").map(number),
        _ => None,
    };
    Options {
        bwlimit_migration: bwlimit.filter(|limit| *limit > 0),
        max_workers: answer.get("max_workers").map(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_rest() {
        let running = tasks(
            &json!([{"upid": "u", "node": "a", "type": "vzdump"}, {"upid": "v", "node": "a", "type": "vzdump", "endtime": 5}]),
        );
        assert_eq!(running.len(), 1);
        let jobs = replication(
            &json!([{"id": "7-0", "target": "b"}, {"id": "8-0", "guest": "8", "target": "b", "remove_job": "full"}]),
        );
        assert_eq!(
            jobs.iter()
                .map(|job| (job.vmid, job.removed))
                .collect::<Vec<_>>(),
            [(7, false), (8, true)]
        );
        for limits in [json!("clone=5,migration=100"), json!({"migration": 100})] {
            assert_eq!(
                options(&json!({"bwlimit": limits})).bwlimit_migration,
                Some(100)
            );
        }
        assert_eq!(
            options(&json!({"bwlimit": "migration=0"})).bwlimit_migration,
            None
        );
    }
}
