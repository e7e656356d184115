//! From PVE's answers to the state document: spellings made one, the rest left out.

use serde_json::Value;

use super::spelling::{list, number, text};
use crate::state::{Options, Permissions, Replication, Task, is_true};

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
