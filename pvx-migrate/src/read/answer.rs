//! From PVE's answers to the state document: spellings made one, the rest left out.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::state::{
    Cluster, Guest, Kind, Node, Options, Permissions, Replication, Space, Storage, Task, is_true,
};

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

/// The nodes of `/cluster/resources`, and those that only `/cluster/status` knows.
pub fn nodes(resources: &Value, status: Option<&Value>) -> Vec<Node> {
    let mut nodes: Vec<Node> = of_type(resources, "node")
        .filter_map(|entry| {
            let mut node = bare(text(entry, "node")?);
            node.online = entry["status"] == "online";
            node.maxmem = number(&entry["maxmem"]);
            node.mem = number(&entry["mem"]);
            node.maxcpu = number(&entry["maxcpu"]);
            Some(node)
        })
        .collect();
    for entry in status
        .into_iter()
        .flat_map(|status| of_type(status, "node"))
    {
        let Some(name) = text(entry, "name") else {
            continue;
        };
        let known = nodes.iter_mut().find(|node| node.node == name);
        match known {
            // Of the two, the membership is the fresher; a node is online for both or not at all.
            Some(node) => node.online &= is_true(&entry["online"]),
            None => nodes.push(bare(name)),
        }
    }
    nodes.sort_by(|a, b| a.node.cmp(&b.node));
    nodes
}

fn bare(name: String) -> Node {
    Node {
        node: name,
        online: false,
        maintenance: false,
        votes: 1,
        maxmem: 0,
        mem: 0,
        maxcpu: 0,
        cpu_model: None,
        cpu_level: None,
        pve: None,
        bridges: None,
    }
}

pub fn cluster(
    version: &Value,
    status: Option<&Value>,
    qdevice: Option<&Value>,
    nodes: &[Node],
) -> Cluster {
    let entry = status.and_then(|status| of_type(status, "cluster").next());
    let single = || match nodes {
        [node] => Some(node.node.clone()),
        _ => None,
    };
    let name = entry.and_then(|entry| text(entry, "name")).or_else(single);
    // A single node has no entry of its own, and always quorum.
    let quorate = match (entry, status) {
        (Some(entry), _) => Some(is_true(&entry["quorate"])),
        (None, Some(_)) => Some(true),
        (None, None) => None,
    };
    Cluster {
        name: name.unwrap_or_default(),
        pve: text(version, "version").unwrap_or_default(),
        quorate,
        qdevice_votes: qdevice.map_or(0, |answer| qdevice_votes(answer, nodes.len())),
    }
}

/// The votes a QDevice gives: one, or with "last man standing" one less than nodes.
fn qdevice_votes(answer: &Value, nodes: usize) -> u32 {
    let fields = answer.as_object().into_iter().flatten();
    let says = |name: &str, what: &str| {
        fields.clone().any(|(key, value)| {
            key.eq_ignore_ascii_case(name)
                && value
                    .as_str()
                    .is_some_and(|v| v.to_lowercase().contains(what))
        })
    };
    if !says("state", "connected") || says("state", "disconnected") {
        0
    } else if says("algorithm", "last man standing") || says("algorithm", "lms") {
        u32::try_from(nodes.saturating_sub(1)).unwrap_or_default()
    } else {
        1
    }
}

pub fn votes(nodes: &mut [Node], answer: &Value) {
    for entry in list(answer) {
        let name = text(entry, "node").or_else(|| text(entry, "name"));
        let node = nodes
            .iter_mut()
            .find(|node| Some(&node.node) == name.as_ref());
        if let (Some(node), Some(votes)) = (node, entry.get("quorum_votes")) {
            node.votes = u32::try_from(number(votes)).unwrap_or(1);
        }
    }
}

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
            nodes: BTreeMap::new(),
        });
        if entry["status"] == "available" {
            let total = number(&entry["maxdisk"]);
            let free = total.saturating_sub(number(&entry["disk"]));
            storage.nodes.insert(node, Space { free, total });
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
        let only = words(&entry["nodes"]);
        storage
            .nodes
            .retain(|node, _| only.is_empty() || only.contains(node));
        if is_true(&entry["disable"]) {
            storage.nodes.clear();
        }
    }
    let mut storages: Vec<Storage> = storages.into_values().collect();
    for storage in &mut storages {
        storage.shared |= SHARED.contains(&&storage.kind[..]);
    }
    storages
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

/// Processors and version, as `/nodes/{node}/status` has them.
pub fn node_status(node: &mut Node, answer: &Value) {
    let version = text(answer, "pveversion");
    // pve-manager/9.1.3/0123456789abcdef
    node.pve = version.and_then(|version| version.split('/').nth(1).map(str::to_owned));
    let cpu = &answer["cpuinfo"];
    node.cpu_model = text(cpu, "model");
    node.cpu_level = text(cpu, "flags").map(|flags| level(&flags));
    if let Some(cpus) = cpu.get("cpus") {
        node.maxcpu = number(cpus);
    }
    if let Some(total) = answer["memory"].get("total") {
        node.maxmem = number(total);
    }
}

/// The x86-64 level that the flags amount to (x86-64 psABI, 3.1.1), by the names of
/// Linux: `pni` is SSE3, `abm` LZCNT.
fn level(flags: &str) -> u8 {
    const LEVELS: [&[&str]; 3] = [
        &[
            "cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3",
        ],
        &["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"],
        &["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"],
    ];
    let has: Vec<&str> = flags.split_whitespace().collect();
    let reached = LEVELS
        .iter()
        .take_while(|level| level.iter().all(|flag| has.contains(flag)));
    1 + u8::try_from(reached.count()).unwrap_or_default()
}

/// The names of bridges and SDN networks.
pub fn bridges(answer: &Value) -> Vec<String> {
    let entries = list(answer).filter(|entry| {
        // A PVE that ignores the filter answers with every interface.
        let kind = entry["type"].as_str().unwrap_or("bridge");
        kind.to_lowercase().contains("bridge") || kind == "vnet"
    });
    let mut names: Vec<String> = entries.filter_map(|entry| text(entry, "iface")).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Names of snapshots; `current` is the entry for "you are here".
pub fn snapshots(answer: &Value) -> Vec<String> {
    let names = list(answer).filter_map(|entry| text(entry, "name"));
    names.filter(|name| name != "current").collect()
}

pub(super) fn list(answer: &Value) -> impl Iterator<Item = &Value> + Clone {
    answer.as_array().into_iter().flatten()
}

pub(super) fn of_type<'a>(answer: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    list(answer).filter(move |entry| entry["type"] == kind)
}

pub(super) fn text(entry: &Value, field: &str) -> Option<String> {
    entry[field].as_str().map(str::to_owned)
}

/// A number that PVE may have spelled as a text or with a fraction.
fn number(value: &Value) -> u64 {
    match value {
        Value::Number(number) => number.as_u64().unwrap_or_else(|| {
            // What is negative or beyond 2^53 is not a size that a cluster has.
            let float = number.as_f64().unwrap_or_default();
            if float > 0.0 { float as u64 } else { 0 }
        }),
        Value::String(text) => text.trim().parse().unwrap_or_default(),
        _ => 0,
    }
}

/// `a,b c` or `["a","b"]`
pub(super) fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text
            .split([',', ';', ' '])
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
        Value::Array(list) => list
            .iter()
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn spellings_of_pve() {
        for (value, want) in [
            (json!(5), 5),
            (json!("5"), 5),
            (json!(5.9), 5),
            (json!(-5), 0),
            (json!("x"), 0),
            (Value::Null, 0),
        ] {
            assert_eq!(number(&value), want, "{value}");
        }
        for value in [json!("a,b"), json!("a b"), json!(["a", "b"])] {
            assert_eq!(words(&value), ["a", "b"], "{value}");
        }
    }

    #[test]
    fn levels_of_the_processor() {
        let v2 = "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3";
        let v3 = format!("{v2} avx avx2 bmi1 bmi2 f16c fma abm movbe");
        let v4 = format!("{v3} avx512f avx512bw avx512cd avx512dq avx512vl");
        #[rustfmt::skip]
        let cases = [("sse2", 1), (v2, 2), (&v3[..], 3), (&v4[..], 4), ("avx avx2 avx512f", 1)];
        for (flags, want) in cases {
            assert_eq!(level(flags), want, "{flags}");
        }
    }

    #[test]
    fn nodes_are_online_for_both() {
        let resources = json!([
            {"type": "node", "node": "b", "status": "online", "maxmem": 5}, {"type": "node", "node": "a", "status": "online"},
            {"type": "node", "node": "d", "status": "unknown"}, {"type": "qemu", "node": "a", "vmid": 1},
        ]);
        let status = json!([
            {"type": "cluster", "name": "x", "quorate": 1}, {"type": "node", "name": "a", "online": 1},
            {"type": "node", "name": "b", "online": 0}, {"type": "node", "name": "c", "online": 1}, {"type": "node", "name": "d", "online": 1},
        ]);
        let nodes = nodes(&resources, Some(&status));
        let online: Vec<_> = nodes
            .iter()
            .map(|node| (&node.node[..], node.online))
            .collect();
        // What only the membership knows has no memory to plan with.
        assert_eq!(
            online,
            [("a", true), ("b", false), ("c", false), ("d", false)]
        );
        let cluster = cluster(&json!({"version": "9.1.3"}), Some(&status), None, &nodes);
        assert_eq!((&cluster.name[..], cluster.quorate), ("x", Some(true)));
    }

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
    }

    #[test]
    fn the_rest() {
        assert_eq!(
            snapshots(&json!([{"name": "s1"}, {"name": "current"}])),
            ["s1"]
        );
        let interfaces = json!([{"iface": "vmbr0", "type": "bridge"}, {"iface": "eth0", "type": "eth"}, {"iface": "v1", "type": "vnet"}, {"iface": "o1", "type": "OVSBridge"}]);
        assert_eq!(bridges(&interfaces), ["o1", "v1", "vmbr0"]);
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
        let votes = |answer: Value| qdevice_votes(&answer, 5);
        assert_eq!(
            votes(json!({"State": "Connected", "Algorithm": "Fifty-Fifty split"})),
            1
        );
        assert_eq!(
            votes(json!({"State": "Connected", "Algorithm": "Last Man Standing"})),
            4
        );
        assert_eq!(votes(json!({"State": "Disconnected"})), 0);
        assert_eq!(votes(json!({})), 0);
    }
}
