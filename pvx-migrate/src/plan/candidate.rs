//! A guest that is to move, and what stands against it whatever the target.

use super::{
    bundle,
    policy::Policy,
    refusal::{Code, Refusal},
    want::Want,
};
use crate::{
    cluster::Cluster,
    config::{Config, Volume},
    state::{Guest, HaResource, Kind, Precondition},
};

mod blockers;
mod server;
mod snapshots;

/// How a guest can move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// While it runs (VM).
    Live,
    /// Stopped and started by one task (container).
    Restart,
    /// Shut down before and started afterwards, by us (VM).
    Shutdown,
    /// It does not run.
    Offline,
}

/// A guest that is to move.
#[derive(Debug)]
pub struct Candidate<'a> {
    /// The guest.
    pub guest: &'a Guest,
    /// What was asked for.
    pub want: &'a Want,
    /// Its node's place; none if the state doesn't have the node.
    pub source: Option<usize>,
    /// Its configuration.
    pub config: Config,
    /// What PVE itself says.
    pub precondition: Option<Precondition>,
    /// Its HA resource, if the manager looks after it.
    pub managed: Option<&'a HaResource>,
    /// The guests that the HA manager moves together with it, itself included.
    pub bundle: Vec<u32>,
    /// Nodes that have replicas of its volumes.
    pub replicas: Vec<&'a str>,
    /// Nodes whose replicas of its volumes are being removed.
    pub removed_replicas: Vec<&'a str>,
    /// Pairs it is in: their name, and the other members.
    pub pairs: Vec<(&'a str, Vec<u32>)>,
    /// How it moves.
    pub mode: Mode,
    /// It is the guest this command runs in.
    pub own: bool,
    /// Storages of guests whose server it is.
    pub serves: Vec<&'a str>,
    /// What stands against it whatever the target; then it is not asked where to.
    pub blockers: Vec<Refusal>,
}

impl<'a> Candidate<'a> {
    /// Looks at a guest.
    #[must_use]
    pub fn new(
        cluster: &Cluster<'a>,
        policy: &Policy,
        guest: &'a Guest,
        want: &'a Want,
        pairs: Vec<(&'a str, Vec<u32>)>,
    ) -> Self {
        let config = guest.config.as_ref();
        let config = config.map(|text| Config::parse(guest.kind, text.get()));
        let precondition = guest.precondition.as_ref();
        let jobs = cluster.replication(guest.vmid);
        let targets = |removed: bool| -> Vec<&'a str> {
            let jobs = jobs.iter().filter(|job| job.removed == removed);
            jobs.map(|job| &job.target[..]).collect()
        };
        let mut candidate = Self {
            guest,
            want,
            source: cluster.node(&guest.node),
            config: Config::default(),
            precondition: precondition.and_then(|text| serde_json::from_str(text.get()).ok()),
            managed: cluster.managed(&guest.sid()),
            bundle: Vec::new(),
            replicas: targets(false),
            removed_replicas: targets(true),
            pairs,
            mode: match (guest.is_running(), guest.kind) {
                (false, _) => Mode::Offline,
                (true, Kind::Qemu) => Mode::Live,
                (true, Kind::Lxc) => Mode::Restart,
            },
            own: false,
            serves: Vec::new(),
            blockers: want.blocked.iter().cloned().collect(),
        };
        if let Some(resource) = candidate.managed {
            candidate.bundle = bundle::bundle(cluster, guest.vmid, &resource.sid, &guest.node);
        }
        candidate.general(cluster);
        let unread = Config::default();
        candidate.locked(match &config {
            Some(Ok(config)) => config,
            _ => &unread,
        });
        match config {
            Some(Ok(config)) => {
                candidate.config = config;
                candidate.specific(cluster, policy);
            }
            Some(Err(error)) => candidate.block(Code::Unseen, format!("its config: {error}")),
            None if candidate.blockers.is_empty() => {
                let what = format!(
                    "its config was not read: does state cover {}, and may the token see it (VM.Audit)?",
                    guest.node
                );
                candidate.block(Code::Unseen, what);
            }
            None => {}
        }
        candidate
    }

    /// The storage to use instead of `storage` at `node`: on the way home the one it came
    /// from, else the operator's if the node has not got it.
    #[must_use]
    pub fn instead_of<'p>(
        &'p self,
        cluster: &Cluster<'_>,
        policy: &'p Policy,
        storage: &str,
        node: &str,
    ) -> Option<&'p String> {
        let target_has = || {
            let storage = cluster.storage(storage);
            storage.is_some_and(|storage| storage.nodes.contains_key(node))
        };
        match &self.want.storage_map {
            Some(back) => back.get(storage),
            None if target_has() => None,
            None => policy.storage_map.at(cluster, storage, node),
        }
    }

    /// The bytes of a volume that would be sent.
    #[must_use]
    pub fn bytes(&self, cluster: &Cluster<'_>, volume: &Volume) -> u64 {
        let zfs = cluster
            .storage(&volume.storage)
            .is_some_and(|storage| storage.kind == "zfspool");
        // ZFS sends what is used, and for a root file system PVE tells how much that is.
        if zfs && volume.key == "rootfs" && self.guest.disk > 0 {
            return self.guest.disk;
        }
        let disks = self.precondition.iter().flat_map(|pre| &pre.local_disks);
        let volid = volume.volid();
        let told = disks
            .filter(|disk| disk.volid == volid)
            .map(|disk| disk.size);
        told.max().filter(|&size| size > 0).unwrap_or(volume.size)
    }

    /// Volumes on storages that are not shared.
    pub fn local_volumes<'c>(
        &'c self,
        cluster: &'c Cluster<'a>,
    ) -> impl Iterator<Item = &'c Volume> {
        self.config.volumes.iter().filter(|volume| {
            let storage = cluster.storage(&volume.storage);
            storage.is_some_and(|storage| !storage.shared)
        })
    }

    /// The memory it takes on the target as soon as it runs there, in bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        if self.guest.is_running() {
            self.guest.maxmem
        } else {
            0
        }
    }
}
