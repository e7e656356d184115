//! The nodes and the cluster that they are, from PVE's answers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::spelling::{list, number, of_type, text, words};
use crate::state::{Cluster, Node, is_true};

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
            // The membership's word is the one: what the overview has is pvestatd's, which
            // may hang on a node that is well.
            Some(node) => {
                node.online = is_true(&entry["online"]);
                node.ip = text(entry, "ip");
            }
            None => nodes.push(Node {
                online: is_true(&entry["online"]),
                ip: text(entry, "ip"),
                ..bare(name)
            }),
        }
    }
    nodes.sort_by(|a, b| a.node.cmp(&b.node));
    nodes
}

/// The nodes that are online and report nothing: their pvestatd is dead or hangs, so that
/// the overview has them as unknown, and of their guests what was so before.
pub fn silent(resources: &Value, nodes: &[Node]) -> Vec<String> {
    let reports = |name: &str| {
        of_type(resources, "node")
            .any(|entry| entry["node"] == *name && entry["status"] == "online")
    };
    let online = nodes.iter().filter(|node| node.online);
    let silent = online.filter(|node| !reports(&node.node));
    silent.map(|node| node.node.clone()).collect()
}

fn bare(name: String) -> Node {
    Node {
        node: name,
        online: false,
        ip: None,
        maintenance: false,
        votes: 1,
        maxmem: 0,
        mem: 0,
        maxcpu: 0,
        cpu_model: None,
        cpu_level: None,
        pve: None,
        bridges: None,
        plain_bridges: None,
        plain_vnets: Vec::new(),
        replication: None,
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
    if node.mem == 0 {
        node.mem = number(&answer["memory"]["used"]);
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

/// The bridges of Linux that are not VLAN-aware, and their ports: there a tag needs a port, on
/// whose VLAN Proxmox puts a bridge of its own.
pub fn plain_bridges(answer: &Value) -> BTreeMap<String, Vec<String>> {
    let entries = list(answer).filter(|entry| entry["type"] == "bridge");
    let plain = entries.filter(|entry| !is_true(&entry["bridge_vlan_aware"]));
    plain
        .filter_map(|entry| Some((text(entry, "iface")?, words(&entry["bridge_ports"]))))
        .collect()
}

/// The SDN networks on which no guest may tag: `vlanaware` is off (`get_local_vnets` of Proxmox's SDN).
pub fn plain_vnets(answer: &Value) -> Vec<String> {
    let entries = list(answer).filter(|entry| entry["type"] == "vnet");
    let plain = entries.filter(|entry| {
        let aware = &entry["vlanaware"];
        !aware.is_null() && !is_true(aware)
    });
    plain.filter_map(|entry| text(entry, "iface")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
    fn nodes_are_online_by_the_membership() {
        let resources = json!([
            {"type": "node", "node": "b", "status": "online", "maxmem": 5}, {"type": "node", "node": "a", "status": "online"},
            {"type": "node", "node": "d", "status": "unknown"}, {"type": "node", "node": "e", "status": "offline"},
            {"type": "qemu", "node": "a", "vmid": 1},
        ]);
        let status = json!([
            {"type": "cluster", "name": "x", "quorate": 1}, {"type": "node", "name": "a", "online": 1},
            {"type": "node", "name": "b", "online": 0}, {"type": "node", "name": "c", "online": 1}, {"type": "node", "name": "d", "online": 1},
            {"type": "node", "name": "e", "online": 0},
        ]);
        let nodes = nodes(&resources, Some(&status));
        let online: Vec<_> = nodes
            .iter()
            .map(|node| (&node.node[..], node.online))
            .collect();
        #[rustfmt::skip]
        assert_eq!(online, [("a", true), ("b", false), ("c", true), ("d", true), ("e", false)]);
        assert_eq!(silent(&resources, &nodes), ["c", "d"]);
        // Without the membership the overview must do.
        let alone = super::nodes(&resources, None);
        let online = alone.iter().filter(|node| node.online);
        assert_eq!(online.count(), 2);
        let cluster = cluster(&json!({"version": "9.1.3"}), Some(&status), None, &nodes);
        assert_eq!((&cluster.name[..], cluster.quorate), ("x", Some(true)));
    }

    #[test]
    fn bridges_by_their_type() {
        let interfaces = json!([{"iface": "vmbr0", "type": "bridge"}, {"iface": "eth0", "type": "eth"}, {"iface": "v1", "type": "vnet"}, {"iface": "o1", "type": "OVSBridge"}]);
        assert_eq!(bridges(&interfaces), ["o1", "v1", "vmbr0"]);
        let bridges = json!([{"iface": "vmbr0", "type": "bridge", "bridge_ports": "eth0", "bridge_vlan_aware": 1},
            {"iface": "vmbr1", "type": "bridge", "bridge_ports": "eth1 eth2"}, {"iface": "vmbr2", "type": "bridge", "bridge_ports": ""},
            {"iface": "o1", "type": "OVSBridge"}]);
        let plain: Vec<_> = plain_bridges(&bridges).into_iter().collect();
        assert_eq!(plain.len(), 2);
        assert_eq!(plain[0].1, ["eth1", "eth2"]);
        assert!(plain[1].1.is_empty());
        let vnets = json!([{"iface": "v1", "type": "vnet", "vlanaware": 0}, {"iface": "v2", "type": "vnet", "vlanaware": 1},
            {"iface": "old", "type": "vnet"}, {"iface": "vmbr0", "type": "bridge"}]);
        assert_eq!(plain_vnets(&vnets), ["v1"]);
    }

    #[test]
    fn votes_of_a_qdevice() {
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
