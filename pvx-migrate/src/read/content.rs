//! What the storages hold: a list for each storage and node, of a shared storage one.

use serde_json::Value;
use vmid::exit::Stop;

use super::{
    request::{Asker, fetch, seen},
    spelling::{list, number, text, time, words},
};
use crate::state::{BackupJob, Content, Held, Node, Storage, is_true};

/// Asks for the lists. What the token may not see of a list is left out of it without a word,
/// what it may not see at all is refused.
///
/// # Errors
///
/// The cluster doesn't answer any more, or refuses the token.
pub fn read(pve: &Asker<'_>, storages: &[Storage], nodes: &[Node]) -> Result<Vec<Content>, Stop> {
    let asked = questions(storages, nodes);
    let paths: Vec<String> = asked
        .iter()
        .map(|(storage, node)| format!("/nodes/{node}/storage/{storage}/content"))
        .collect();
    let replies = paths.iter().zip(fetch(pve, &paths));
    let lists = asked.into_iter().zip(replies);
    lists
        .map(|((storage, node), (path, reply))| {
            let answer = seen(pve, path, reply)?;
            Ok(Content {
                storage,
                node,
                volumes: answer.as_ref().map(held),
            })
        })
        .collect()
}

/// Storage and node, where both are there; of a shared storage the first node that has it.
fn questions(storages: &[Storage], nodes: &[Node]) -> Vec<(String, String)> {
    let mut asked = Vec::new();
    for storage in storages.iter().filter(|storage| is_id(&storage.storage)) {
        let online = nodes.iter().filter(|node| node.online);
        let there = online.filter(|node| storage.nodes.contains_key(&node.node));
        let most = if storage.shared { 1 } else { usize::MAX };
        let all = there.take(most);
        asked.extend(all.map(|node| (storage.storage.clone(), node.node.clone())));
    }
    asked
}

/// Fit for a path (`pve-storage-id`).
fn is_id(id: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    id.starts_with(|first: char| first.is_ascii_alphabetic()) && id.bytes().all(inner)
}

fn held(answer: &Value) -> Vec<Held> {
    list(answer)
        .filter_map(|entry| {
            let vmid = entry.get("vmid").map(number);
            let ctime = entry.get("ctime").map(number);
            Some(Held {
                volid: text(entry, "volid")?,
                content: text(entry, "content").unwrap_or_default(),
                vmid: vmid
                    .and_then(|vmid| u32::try_from(vmid).ok())
                    .filter(|vmid| *vmid > 0),
                size: number(&entry["size"]),
                ctime: ctime.and_then(|ctime| i64::try_from(ctime).ok()),
                parent: text(entry, "parent"),
            })
        })
        .collect()
}

/// The backup jobs (`/cluster/backup`), and whom they name.
pub fn jobs(answer: &Value) -> Vec<BackupJob> {
    let ids = |value: &Value| {
        let numbers = match value {
            Value::Number(_) => vec![number(value).to_string()],
            value => words(value),
        };
        let ids = numbers.iter().filter_map(|id| id.parse().ok());
        ids.collect()
    };
    list(answer)
        .filter_map(|job| {
            Some(BackupJob {
                id: text(job, "id")?,
                vmids: ids(&job["vmid"]),
                exclude: ids(&job["exclude"]),
                kind: text(job, "type"),
                enabled: Some(job.get("enabled").is_none_or(is_true)),
                schedule: text(job, "schedule"),
                repeat_missed: Some(is_true(&job["repeat-missed"])),
                next_run: job.get("next-run").and_then(time),
                storage: text(job, "storage"),
                node: text(job, "node"),
                all: is_true(&job["all"]),
                pool: text(job, "pool"),
                mode: text(job, "mode"),
                notes_template: text(job, "notes-template"),
                prune_backups: job.get("prune-backups").cloned(),
                comment: text(job, "comment"),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_is_asked_for_what() {
        let storage = |id: &str, shared: bool, nodes: Value| -> Storage {
            let value = json!({"storage": id, "type": "dir", "shared": shared, "nodes": nodes});
            serde_json::from_value(value).unwrap()
        };
        let space = json!({"free": 1, "total": 2});
        let both = json!({"a": space, "b": space, "off": space});
        let storages = [
            storage("local", false, both.clone()),
            storage("nfs", true, both.clone()),
            storage("only", false, json!({"b": space})),
            storage("disabled", false, json!({})),
            storage("a/../b", false, both),
        ];
        let node = |name: &str, online: bool| -> Node {
            serde_json::from_value(json!({"node": name, "online": online})).unwrap()
        };
        let nodes = [node("a", true), node("b", true), node("off", false)];
        let asked = questions(&storages, &nodes);
        let asked: Vec<String> = asked.iter().map(|(s, n)| format!("{s}@{n}")).collect();
        assert_eq!(asked, ["local@a", "local@b", "nfs@a", "only@b"]);
    }

    #[test]
    fn as_proxmox_gives_them() {
        // Proxmox VE 9.2, less what is not read.
        let answer = json!([
            {"volid": "rmk:900/subvol-900-disk-0.subvol", "content": "rootdir", "vmid": 900, "size": 0, "parent": null},
            {"volid": "rmk:920/base-920-disk-0.qcow2/927/vm-927-disk-0.qcow2", "content": "images", "vmid": "927",
             "size": 8_388_608, "parent": "../920/base-920-disk-0.qcow2"},
            {"volid": "rmk:vztmpl/tiny-12_1-1_amd64.tar.zst", "content": "vztmpl", "ctime": 1_795_677_138, "size": 2593},
            {"content": "images"},
        ]);
        let held = held(&answer);
        let told: Vec<_> = held.iter().map(|h| (h.vmid, h.is_disk(), h.size)).collect();
        #[rustfmt::skip]
        assert_eq!(told, [(Some(900), true, 0), (Some(927), true, 8_388_608), (None, false, 2593)]);
        let jobs = jobs(&json!([
            {"id": "rmjob", "vmid": "900,101", "storage": "rmk"}, {"id": "rmjob2", "all": 1, "exclude": "102"},
            {"id": "rmjob3", "pool": "rmpool"}, {"id": "one", "vmid": 7}, {"vmid": "1"},
        ]));
        let told: Vec<_> = jobs
            .iter()
            .map(|j| (&j.id[..], &j.vmids[..], &j.exclude[..]))
            .collect();
        #[rustfmt::skip]
        assert_eq!(told, [("rmjob", &[900, 101][..], &[][..]), ("rmjob2", &[], &[102]), ("rmjob3", &[], &[]), ("one", &[7], &[])]);
    }
}
