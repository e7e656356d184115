//! Storages to use instead of those that a target lacks, as the operator names them: for
//! each one or more, of which the target has one.

use std::collections::BTreeMap;

use crate::{cluster::Cluster, config::Config};

/// Which storages stand in for which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageMap(BTreeMap<String, Vec<String>>);

impl StorageMap {
    /// Names a storage to use instead of `from`; the one that was named for it first before.
    pub fn insert(&mut self, from: String, to: String) -> Option<String> {
        let all = self.0.entry(from).or_default();
        let before = all.first().cloned();
        if !all.contains(&to) {
            all.push(to);
        }
        before
    }

    /// What stands in for `storage` at `node`: of several the one that the node has, and if it
    /// has none the first, for the message that says so.
    #[must_use]
    pub fn at(&self, cluster: &Cluster<'_>, storage: &str, node: &str) -> Option<&String> {
        let all = self.0.get(storage)?;
        let there = all.iter().find(|id| has(cluster, node, id));
        there.or_else(|| all.first())
    }

    /// Why the map doesn't say which storage is meant, if one of `nodes` lacks a storage and
    /// has several of those that may stand in for it.
    #[must_use]
    pub fn ambiguity(&self, cluster: &Cluster<'_>, nodes: &[&str]) -> Option<String> {
        self.0.iter().find_map(|(from, all)| {
            nodes.iter().find_map(|node| {
                let there: Vec<&str> = all
                    .iter()
                    .filter(|id| has(cluster, node, id))
                    .map(|id| &id[..])
                    .collect();
                let is_used = !has(cluster, node, from);
                (is_used && there.len() > 1).then(|| {
                    let pairs: Vec<String> =
                        there.iter().map(|to| format!("{from}:{to}")).collect();
                    format!(
                        "--storage-map {}: {node} has {}, so it is not clear which to use",
                        pairs.join(","),
                        there.join(" and ")
                    )
                })
            })
        })
    }

    /// Why no return could tell apart what the map brings together, if two storages that the
    /// guests `vmids` use go to the same one, or one goes to another that its guest uses, too,
    /// at one of `nodes`.
    #[must_use]
    pub fn joins(&self, cluster: &Cluster<'_>, nodes: &[&str], vmids: &[u32]) -> Option<String> {
        let mut used: BTreeMap<&str, u32> = BTreeMap::new();
        let configs: Vec<(u32, Config)> = vmids
            .iter()
            .filter_map(|vmid| {
                let guest = cluster.guest(*vmid)?;
                let text = guest.config.as_ref()?;
                Some((*vmid, Config::parse(guest.kind, text.get()).ok()?))
            })
            .collect();
        for (vmid, config) in &configs {
            for volume in &config.volumes {
                // What all nodes share is never exchanged.
                let storage = cluster.storage(&volume.storage);
                if storage.is_some_and(|storage| !storage.shared) {
                    used.entry(&volume.storage).or_insert(*vmid);
                }
            }
        }
        for (vmid, config) in &configs {
            let uses = |id: &str| config.volumes.iter().any(|volume| volume.storage == id);
            // Of what all nodes share no return brings anything back, whatever it is.
            let is_local = |id: &str| cluster.storage(id).is_some_and(|storage| !storage.shared);
            let meets = |from: &str, to: &str| {
                let mut nodes = nodes.iter();
                nodes.any(|node| has(cluster, node, to) && !has(cluster, node, from))
            };
            let mut pairs = self
                .0
                .iter()
                .flat_map(|(from, all)| all.iter().map(move |to| (from, to)));
            let joined = pairs.find(|(from, to)| {
                from != to
                    && [from, to].iter().all(|id| uses(id) && is_local(id))
                    && meets(from, to)
            });
            if let Some((from, to)) = joined {
                return Some(format!(
                    "--storage-map {from}:{to}: {vmid} has volumes on {from} and on {to}, and no return could tell them apart"
                ));
            }
        }
        let mut taken: BTreeMap<&str, (&str, u32)> = BTreeMap::new();
        for (from, all) in &self.0 {
            let Some(vmid) = used.get(&from[..]) else {
                continue;
            };
            for to in all {
                let Some((other, of)) = taken.insert(to, (from, *vmid)) else {
                    continue;
                };
                return Some(format!(
                    "--storage-map {other}:{to},{from}:{to}: {of} has volumes on {other} and {vmid} on {from}, and no return could tell them apart"
                ));
            }
        }
        None
    }
}

impl<const N: usize> From<[(String, String); N]> for StorageMap {
    fn from(pairs: [(String, String); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl FromIterator<(String, String)> for StorageMap {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut map = Self::default();
        for (from, to) in pairs {
            map.insert(from, to);
        }
        map
    }
}

fn has(cluster: &Cluster<'_>, node: &str, storage: &str) -> bool {
    let storage = cluster.storage(storage);
    storage.is_some_and(|storage| storage.nodes.contains_key(node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::table_fixture::{document, space, vm};
    use serde_json::json;

    fn map(text: &str) -> StorageMap {
        let pairs = text.split(',').filter_map(|pair| pair.split_once(':'));
        pairs
            .map(|(from, to)| (from.to_owned(), to.to_owned()))
            .collect()
    }

    #[test]
    fn the_one_that_the_node_has() {
        let state = document(&json!({}), &[]);
        let cluster = Cluster::new(&state);
        let nodes = ["node3", "node5"];
        // map, what stands in for ssd-data at node3 and at node6, and whether it is ambiguous
        #[rustfmt::skip]
        let cases = [
            ("",                                             None,          None),
            ("ssd-data:zdata",                               Some("zdata"), None),
            ("ssd-data:ssd-data,ssd-data:zdata",             Some("zdata"), None),
            ("ssd-data:zdata,ssd-data:zdata",                Some("zdata"), None),
            ("ssd-data:x",                                   Some("x"),     None),
            ("ssd-data:zdata,ssd-data:share",                Some("zdata"), Some("node3 has zdata and share")),
            ("zdata:ssd-data,zdata:share",                   None,          Some("node5 has ssd-data and share")),
            ("share:zdata,share:ssd-data",                   None,          None),
        ];
        for (text, want, ambiguity) in cases {
            let map = map(text);
            let at = map.at(&cluster, "ssd-data", "node3").map(String::as_str);
            assert_eq!(at, want, "{text}");
            let told = map.ambiguity(&cluster, &nodes);
            match ambiguity {
                Some(what) => assert!(
                    told.as_ref().is_some_and(|told| told.contains(what)),
                    "{text}: {told:?}"
                ),
                None => assert_eq!(told, None, "{text}"),
            }
        }
    }

    #[test]
    fn what_no_return_could_tell_apart() {
        let disk = |key: &str, storage: &str| {
            (
                key.to_owned(),
                json!(format!("{storage}:vm-101-{key},size=1G")),
            )
        };
        let more = json!({"storage": "hdd", "type": "lvmthin", "content": ["images"], "nodes": space(&["node2"], 9)});
        let zdata = space(&["node2", "node3"], 9);
        // the storages of 101's disks, the map, whether it joins
        #[rustfmt::skip]
        let cases: &[(&[&str], &str, bool)] = &[
            (&["ssd-data", "hdd"],   "ssd-data:zdata,hdd:zdata", true),
            (&["ssd-data", "hdd"],   "ssd-data:zdata,hdd:local", false),
            (&["ssd-data", "hdd"],   "ssd-data:zdata",           false),
            (&["ssd-data"],          "ssd-data:zdata,hdd:zdata", false),
            (&["ssd-data", "share"], "ssd-data:zdata,share:zdata", false),
            (&["ssd-data", "hdd"],   "ssd-data:zdata,ssd-data:local,hdd:local", true),
            (&["ssd-data", "zdata"], "ssd-data:zdata",           true),
            (&["ssd-data", "zdata"], "ssd-data:local,ssd-data:zdata", true),
            (&["zdata"],             "ssd-data:zdata",           false),
            (&["ssd-data", "zdata"], "zdata:ssd-data",           false), // node3 has zdata
            (&["ssd-data", "hdd"],   "ssd-data:hdd",             false), // node3 has no hdd
            (&["ssd-data", "share"], "ssd-data:share",           false), // nothing comes back from it
        ];
        for (storages, text, joins) in cases {
            let disks = storages.iter().zip(0..);
            let config = disks.map(|(storage, n)| disk(&format!("scsi{n}"), storage));
            let guest = vm(serde_json::Value::Object(config.collect()));
            let state = document(
                &guest,
                &[
                    ("/storages/-", more.clone()),
                    ("/storages/1/nodes", zdata.clone()),
                ],
            );
            let told = map(text).joins(&Cluster::new(&state), &["node3"], &[101]);
            assert_eq!(told.is_some(), *joins, "{storages:?} {text}: {told:?}");
        }
    }
}
