//! What the token may do, and what it would need.

use crate::{
    permission::{has, sees_bridge},
    state::{Missing, Node, Permissions},
};

/// Path, privilege, and what it is for; the README's role has these and no others.
const NEEDED: [(&str, &str, &str); 6] = [
    ("/", "Sys.Audit", "quorum, HA, tasks, and what a node has"),
    ("/vms", "VM.Audit", "seeing all guests"),
    ("/vms", "VM.Migrate", "moving guests"),
    (
        "/vms",
        "VM.PowerMgmt",
        "starting again what a failed move left stopped, and shutting down for a move",
    ),
    (
        "/storage",
        "Datastore.Audit",
        "storages and their free space",
    ),
    (
        "/nodes",
        "Sys.Audit",
        "tasks, processors and versions of the nodes",
    ),
];

/// What the lists of storages need beside Datastore.Audit, where the token lacks Datastore.Allocate,
/// with which they are whole; without it Proxmox leaves volumes out of them and says nothing.
const VOLUMES: [(&str, &str, &str); 3] = [
    ("/vms", "VM.Config.Disk", "seeing the disks on a storage"),
    ("/vms", "VM.Backup", "seeing the backups on a storage"),
    (
        "/storage",
        "Datastore.AllocateSpace",
        "seeing the backups on a storage",
    ),
];

/// What is missing; nothing, if the permissions are not known.
/// With `content` what its lists need, too.
pub fn missing(permissions: Option<&Permissions>, nodes: &[Node], content: bool) -> Vec<Missing> {
    let Some(permissions) = permissions else {
        return Vec::new();
    };
    // A token without the privilege gets a list without bridges, not a refusal.
    let no_bridges = nodes
        .iter()
        .any(|node| node.online && node.bridges.is_none());
    let bridges = (
        "/sdn/zones/localnetwork",
        "SDN.Audit",
        "which bridges a node has",
    );
    let bridges = (no_bridges && !sees_bridge(permissions, "")).then_some(bridges);
    let volumes = if content { &VOLUMES[..] } else { &[] };
    let all = has(permissions, "/storage", "Datastore.Allocate");
    let volumes = if all { &[] } else { volumes };
    NEEDED
        .iter()
        .chain(volumes)
        .filter(|(path, privilege, _)| !has(permissions, path, privilege))
        .chain(bridges.iter())
        .map(|(path, privilege, purpose)| Missing {
            privilege: (*privilege).to_owned(),
            path: (*path).to_owned(),
            r#for: (*purpose).to_owned(),
        })
        .collect()
}
