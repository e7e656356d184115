//! The storages, from PVE's answers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::spelling::{list, number, of_type, text, words};
use crate::state::{Space, Storage, is_true};

/// Storage types that every node sees alike, whatever the flag says.
const SHARED: [&str; 9] = [
    "nfs",
    "cifs",
    "cephfs",
    "rbd",
    "glusterfs",
    "iscsi",
    "iscsidirect",
    "zfs",
    "pbs",
];

/// What the configuration says of a storage, and where the resources have it.
pub fn storages(resources: &Value, config: &Value) -> Vec<Storage> {
    let mut storages: BTreeMap<String, Storage> = BTreeMap::new();
    for entry in of_type(resources, "storage") {
        let (Some(name), Some(node)) = (text(entry, "storage"), text(entry, "node")) else {
            continue;
        };
        let storage = storages.entry(name.clone()).or_insert_with(|| Storage {
            storage: name,
            kind: text(entry, "plugintype").unwrap_or_default(),
            content: words(&entry["content"]),
            shared: is_true(&entry["shared"]),
            server: None,
            datastore: None,
            volume_chain: None,
            nodes: BTreeMap::new(),
            unknown: Vec::new(),
        });
        if entry["status"] == "available" {
            let total = number(&entry["maxdisk"]);
            let free = total.saturating_sub(number(&entry["disk"]));
            let space = Space {
                free,
                total,
                snippets: None,
            };
            storage.nodes.insert(node, space);
        } else {
            storage.unknown.push(node);
        }
    }
    for entry in list(config) {
        let Some(storage) = text(entry, "storage").and_then(|name| storages.get_mut(&name)) else {
            continue;
        };
        if let Some(kind) = text(entry, "type") {
            storage.kind = kind;
        }
        if entry.get("content").is_some() {
            storage.content = words(&entry["content"]);
        }
        storage.shared |= is_true(&entry["shared"]);
        storage.server = text(entry, "server");
        storage.datastore = text(entry, "datastore");
        storage.volume_chain = Some(is_true(&entry["snapshot-as-volume-chain"]));
        let only = words(&entry["nodes"]);
        storage
            .nodes
            .retain(|node, _| only.is_empty() || only.contains(node));
        storage
            .unknown
            .retain(|node| only.is_empty() || only.contains(node));
        if is_true(&entry["disable"]) {
            storage.nodes.clear();
            storage.unknown.clear();
        }
    }
    let mut storages: Vec<Storage> = storages.into_values().collect();
    for storage in &mut storages {
        storage.shared |= SHARED.contains(&&storage.kind[..]);
    }
    storages
}

/// What a node says of its storages (`/nodes/{node}/storage`), where the resources have
/// them as unknown.
pub fn at_node(storages: &mut [Storage], node: &str, answer: &Value) {
    for entry in list(answer).filter(|entry| is_true(&entry["active"])) {
        let name = text(entry, "storage");
        let known = storages
            .iter_mut()
            .find(|s| Some(&s.storage) == name.as_ref());
        let Some(storage) = known else {
            continue;
        };
        let space = Space {
            free: number(&entry["avail"]),
            total: number(&entry["total"]),
            snippets: None,
        };
        storage.nodes.entry(node.to_owned()).or_insert(space);
        storage.unknown.retain(|other| other != node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn storages_where_they_are() {
        let resources = json!([
            {"type": "storage", "storage": "s", "node": "a", "status": "available", "plugintype": "lvmthin", "maxdisk": 10, "disk": 4, "content": "images"},
            {"type": "storage", "storage": "s", "node": "b", "status": "unknown", "plugintype": "lvmthin"},
            {"type": "storage", "storage": "n", "node": "a", "status": "available", "plugintype": "nfs", "maxdisk": 10, "disk": 11},
            {"type": "storage", "storage": "off", "node": "a", "status": "available", "plugintype": "dir"},
        ]);
        let config = json!([
            {"storage": "s", "type": "lvmthin", "content": "rootdir,images", "nodes": "a,b"},
            {"storage": "n", "type": "nfs", "server": "192.0.2.1"}, {"storage": "off", "type": "dir", "disable": 1},
        ]);
        let storages = storages(&resources, &config);
        let short: Vec<_> = storages
            .iter()
            .map(|s| {
                (
                    &s.storage[..],
                    s.shared,
                    s.content.len(),
                    s.nodes
                        .iter()
                        .map(|(n, s)| format!("{n}:{}", s.free))
                        .collect::<String>(),
                )
            })
            .collect();
        assert_eq!(
            short,
            [
                ("n", true, 0, "a:0".to_owned()),
                ("off", false, 0, String::new()),
                ("s", false, 2, "a:6".to_owned())
            ]
        );
        let unknown: Vec<&[String]> = storages.iter().map(|s| &s.unknown[..]).collect();
        assert_eq!(unknown, [&[][..], &[], &["b".to_owned()]]);
    }
}
