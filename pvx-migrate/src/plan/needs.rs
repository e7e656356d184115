//! What a guest needs of a node to start there: bridges, and devices and files of the node.
//!
//! Proxmox looks for none of it before it moves a guest. A container that lacks one is shut
//! down, moved, and doesn't start (the real 9.2: "hookscript error ... does not exist"); a VM
//! that runs stays where it is, as the one that should take over doesn't start.

use super::{
    candidate::Candidate,
    policy::Policy,
    refusal::{Code, Refusal},
};
use crate::{cluster::Cluster, permission, state::Node};

/// What `node` lacks, or is not known to have.
#[must_use]
pub fn lacks(
    cluster: &Cluster<'_>,
    policy: &Policy,
    candidate: &Candidate<'_>,
    node: usize,
) -> Vec<Refusal> {
    let target = &cluster.nodes()[node];
    let name = &target.node[..];
    let config = &candidate.config;
    let bridges = config.bridges.iter();
    let bridges = bridges.filter_map(|bridge| lacks_bridge(cluster, target, bridge));
    let devices = config.devices.iter();
    let devices = devices.filter(|(_, path)| !policy.has_device(name, path));
    let devices = devices.map(|(key, path)| {
        let what = format!(
            "{key}: no API tells whether {name} has {path}; list it in the site file's nodes[].devices if it does"
        );
        Refusal::new(Code::Device, what)
    });
    let files = config.files.iter();
    let files = files.filter_map(|(key, file)| match file.split_once(':') {
        Some((storage, _)) if !file.starts_with('/') => {
            lacks_snippet(cluster, policy, name, key, storage, file)
        }
        _ if policy.has_file(name, file) => None,
        _ => {
            let what = format!(
                "{key}: no API tells whether {name} has {file}; list it in the site file's nodes[].files if it does"
            );
            Some(Refusal::new(Code::LocalFile, what))
        }
    });
    let interfaces = config.interfaces.iter();
    let interfaces = interfaces.filter_map(|(key, interface)| {
        let is_bridge = target
            .bridges
            .as_ref()
            .is_some_and(|bridges| bridges.contains(interface));
        let path = format!("/sys/class/net/{interface}");
        (!is_bridge && !policy.has_device(name, &path)).then(|| {
            let what = format!(
                "{key}: no API tells whether {name} has the interface {interface}; list {path} in the site file's nodes[].devices if it does"
            );
            Refusal::new(Code::LocalFile, what)
        })
    });
    bridges
        .chain(devices)
        .chain(files)
        .chain(interfaces)
        .collect()
}

/// Files that a container does without where they are missing.
pub fn does_without<'c>(
    policy: &'c Policy,
    candidate: &'c Candidate<'_>,
    node: &'c str,
) -> impl Iterator<Item = Refusal> + use<'c> {
    let optional = candidate.config.optional.iter();
    let unknown = optional
        .filter(move |(_, path)| !policy.has_device(node, path) && !policy.has_file(node, path));
    unknown.map(move |(key, path)| {
        let what = format!(
            "{key}: {path} is optional, and {node} is not known to have it: there it would run without; list it in the site file's nodes[].devices if {node} does"
        );
        Refusal::new(Code::Device, what)
    })
}

fn lacks_bridge(cluster: &Cluster<'_>, target: &Node, bridge: &String) -> Option<Refusal> {
    let name = &target.node;
    let Some(bridges) = &target.bridges else {
        let what = format!("the bridges of {name} are not in the state");
        return Some(Refusal::new(Code::Unseen, what));
    };
    if bridges.contains(bridge) {
        return None;
    }
    let table = cluster.state.permissions.as_ref();
    if table.is_some_and(|table| !permission::sees_bridge(table, bridge)) {
        let what = format!(
            "the token lacks SDN.Audit on /sdn/zones/localnetwork to see whether {name} has {bridge}"
        );
        return Some(Refusal::new(Code::Unseen, what));
    }
    let what = format!("{name} has no {bridge}, so it would not start there");
    Some(Refusal::new(Code::Bridge, what))
}

/// A hook script, which is a volume of content snippets. PVE shows a token those of a storage
/// only with Datastore.Allocate on it (PVE::Storage::check_volume_access), and answers with an
/// empty list else: so a list that lacks it tells something only then.
fn lacks_snippet(
    cluster: &Cluster<'_>,
    policy: &Policy,
    node: &str,
    key: &str,
    storage: &str,
    file: &str,
) -> Option<Refusal> {
    let refuse = |code, what: String| Some(Refusal::new(code, what));
    let Some(known) = cluster.storage(storage) else {
        let what = format!("{key}: storage {storage} is not in the state");
        return refuse(Code::Unseen, what);
    };
    let Some(there) = known.nodes.get(node) else {
        let what = format!("{key}: {file} is not at {node}, which lacks the storage {storage}");
        return refuse(Code::LocalFile, what);
    };
    if known.shared {
        return None;
    }
    let path = format!("/storage/{storage}");
    let table = cluster.state.permissions.as_ref();
    let sees_all = table.is_some_and(|table| permission::has(table, &path, "Datastore.Allocate"));
    match &there.snippets {
        Some(snippets) if snippets.iter().any(|snippet| snippet == file) => None,
        Some(_) if sees_all => {
            let what = format!(
                "{key}: {node} has no {file}, so it would not start there: copy it to {node}"
            );
            refuse(Code::LocalFile, what)
        }
        _ if policy.has_file(node, file) => None,
        _ if table.is_some() && !sees_all => {
            let what = format!(
                "{key}: {node} is not known to have {file}, as the token lacks Datastore.Allocate on {path} to see it; list it in the site file's nodes[].files if it does"
            );
            refuse(Code::LocalFile, what)
        }
        _ => {
            let what = format!(
                "{key}: whether {node} has {file} is not in the state; list it in the site file's nodes[].files if it does"
            );
            refuse(Code::Unseen, what)
        }
    }
}
