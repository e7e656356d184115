//! From PVE's answers to the state document: spellings made one, the rest left out.

use serde_json::Value;

use super::spelling::{list, number, text};
use crate::state::{Guest, Kind, Options, Permissions, Replication, Task, is_true};

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

/// The guests of `/cluster/resources`.
///
/// # Errors
///
/// What makes no sense, so that no guest is silently left out.
pub fn guests(resources: &Value) -> Result<Vec<Guest>, String> {
    let entries = list(resources).filter(|entry| entry["type"] == "qemu" || entry["type"] == "lxc");
    let guests: Result<Vec<Guest>, String> = entries
        .map(|entry| {
            let vmid = u32::try_from(number(&entry["vmid"])).unwrap_or_default();
            let node = text(entry, "node").filter(|_| vmid > 0);
            let node = node.ok_or_else(|| format!("/cluster/resources: not a guest: {entry}"))?;
            let kind = if entry["type"] == "qemu" {
                Kind::Qemu
            } else {
                Kind::Lxc
            };
            Ok(Guest {
                vmid,
                kind,
                name: text(entry, "name").unwrap_or_default(),
                node,
                status: text(entry, "status").unwrap_or_else(|| "unknown".to_owned()),
                template: is_true(&entry["template"]),
                maxmem: number(&entry["maxmem"]),
                disk: number(&entry["disk"]),
                lock: text(entry, "lock").filter(|lock| !lock.is_empty()),
                pool: text(entry, "pool").filter(|pool| !pool.is_empty()),
                config: None,
                snapshots: None,
                precondition: None,
            })
        })
        .collect();
    let mut guests = guests?;
    guests.sort_by_key(|guest| guest.vmid);
    Ok(guests)
}

pub fn replication(answer: &Value) -> Vec<Replication> {
    list(answer)
        .filter_map(|entry| {
            let id = text(entry, "id").unwrap_or_default();
            let of_id = || id.split('-').next()?.parse().ok();
            let guest = entry.get("guest").map(number);
            let vmid = guest
                .and_then(|guest| u32::try_from(guest).ok())
                .or_else(of_id)?;
            Some(Replication {
                vmid,
                target: text(entry, "target")?,
                removed: entry.get("remove_job").is_some(),
            })
        })
        .collect()
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

/// Names of snapshots; `current` is the entry for "you are here".
pub fn snapshots(answer: &Value) -> Vec<String> {
    let names = list(answer).filter_map(|entry| text(entry, "name"));
    names.filter(|name| name != "current").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_rest() {
        assert_eq!(
            snapshots(&json!([{"name": "s1"}, {"name": "current"}])),
            ["s1"]
        );
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
