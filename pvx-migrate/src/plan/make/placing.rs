//! Whether the node and its storages can take a guest.

use super::{
    Found, Work,
    code::Code,
    volumes::{self, New},
    wanted::Wanted,
};
use crate::{
    cluster::Cluster,
    permission::{has, sees_bridge},
    plan::{creation::Params, room},
    state::{Held, Kind, Node},
};

impl<'a> Work<'_, 'a> {
    pub(super) fn placing(
        &self,
        wanted: &Wanted,
        params: &Params,
        node: Option<usize>,
        found: &mut Found,
    ) {
        let state = self.cluster.state;
        match state.cluster.quorate {
            Some(true) => {}
            Some(false) => found.blocks(Code::NoQuorum, "the cluster has no quorum"),
            None => found.warns(
                Code::Unseen,
                "whether the cluster has quorum is not in the state",
            ),
        }
        self.pool(params, found);
        let Some(at) = node else {
            let all: Vec<&str> = state.nodes.iter().map(|node| &node.node[..]).collect();
            let (node, all) = (&wanted.node, all.join(", "));
            found.blocks(
                Code::Node,
                format!("the cluster has no node {node}, it has {all}"),
            );
            return;
        };
        let target = &state.nodes[at];
        if !target.online {
            found.blocks(Code::Offline, format!("{} does not answer", target.node));
        } else if target.maintenance {
            let what = format!("the HA manager has {} in maintenance", target.node);
            found.blocks(Code::Maintenance, what);
        }
        self.storages(wanted, params, at, found);
        self.networks(target, params, found);
        if wanted.start {
            let memory = memory(params);
            let room = room::has_memory(self.cluster, self.policy, memory, at, &self.load);
            if let Err(refusal) = room {
                found.blocks(Code::Memory, refusal.message);
            }
        }
        self.apart(wanted, at, found);
        self.company_seen(wanted, found);
    }

    fn pool(&self, params: &Params, found: &mut Found) {
        let Some(pool) = params.get("pool").map(ToString::to_string) else {
            return;
        };
        let state = self.cluster.state;
        let is_known = state.pools.iter().flatten().any(|known| *known == pool);
        if is_known {
            return;
        }
        let path = format!("/pool/{pool}");
        let table = state.permissions.as_ref();
        let sees = table.is_some_and(|table| has(table, &path, "Pool.Audit"));
        if sees && state.pools.is_some() {
            let what =
                format!("the cluster has no pool {pool}: 'pvesh create /pools --poolid {pool}'");
            found.blocks(Code::Pool, what);
        } else {
            let what = format!("whether there is a pool {pool} the token may not see (Pool.Audit)");
            found.warns(Code::Unseen, what);
        }
    }

    fn storages(&self, wanted: &Wanted, params: &Params, node: usize, found: &mut Found) {
        let content = match wanted.kind {
            Kind::Qemu => "images",
            Kind::Lxc => "rootdir",
        };
        let volumes = volumes::new(params, &wanted.resize, wanted.kind);
        if volumes.is_empty() && wanted.params.is_some() {
            found.blocks(Code::Parameter, "params asks for no disk");
        }
        let mut asked: Vec<(&'a str, u64)> = Vec::new();
        for volume in &volumes {
            let Some(storage) = self.storage(&volume.storage, content, node, found) else {
                continue;
            };
            let file = self.image(volume, node, found);
            asked.push((storage, volume.size.max(file).unwrap_or_default()));
            // The file of an image that isn't raw is smaller than the disk in it.
            let is_raw = volume
                .image
                .as_ref()
                .is_some_and(|image| image.ends_with(".raw"));
            if volume.size.is_none() && !(is_raw && file.is_some()) {
                let what = format!(
                    "how large the disk of {} gets is not in the state, so whether there is space \
                     for all of it isn't known",
                    volume.key
                );
                found.warns(Code::Unseen, what);
            }
        }
        let mut names: Vec<&str> = asked.iter().map(|(storage, _)| *storage).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let all = asked.iter().filter(|(storage, _)| *storage == name);
            let sum = all.fold(0_u64, |sum, (_, size)| sum.saturating_add(*size));
            if let Err(refusal) = room::has_space(self.cluster, name, sum, node, &self.load) {
                found.blocks(Code::Space, refusal.message);
            }
        }
        if let Some(template) = params.get("ostemplate") {
            self.file(&template.to_string(), "vztmpl", node, found);
        }
    }

    /// The storage, if it is at the node and takes such volumes.
    fn storage(&self, id: &str, content: &str, node: usize, found: &mut Found) -> Option<&'a str> {
        let name = self.cluster.name(node);
        let Some(storage) = self.cluster.storage(id) else {
            let table = self.cluster.state.permissions.as_ref();
            let sees =
                table.is_some_and(|table| has(table, &format!("/storage/{id}"), "Datastore.Audit"));
            let or_hidden = if sees {
                ""
            } else {
                ", or the token may not see it"
            };
            found.blocks(
                Code::Storage,
                format!(
                    "no node has the storage {id}: there is none, or it is disabled{or_hidden}"
                ),
            );
            return None;
        };
        if !storage.nodes.contains_key(name) {
            let what = match storage.nodes.is_empty() {
                true => format!("{id} is disabled, or at no node"),
                false => format!("{name} does not have {id}"),
            };
            found.blocks(Code::Storage, what);
            return None;
        }
        if !storage.content.iter().any(|kind| kind == content) {
            let takes = storage.content.join(", ");
            let what = format!("{id} takes {takes}, and not {content}");
            found.blocks(Code::StorageContent, what);
            return None;
        }
        Some(&storage.storage)
    }

    /// The size of the image that a disk is made from, as its file has it.
    fn image(&self, volume: &New, node: usize, found: &mut Found) -> Option<u64> {
        self.file(volume.image.as_ref()?, "import", node, found)
    }

    /// The template or image is at the node; its size.
    fn file(&self, volid: &str, content: &str, node: usize, found: &mut Found) -> Option<u64> {
        let (id, _) = volid.split_once(':')?;
        self.storage(id, content, node, found)?;
        let name = self.cluster.name(node);
        if self.cluster.state.volumes(id, name).is_none() {
            let what = format!(
                "whether {volid} is at {name} is not in the state: read it with 'pvx-migrate \
                 state --content'"
            );
            found.warns(Code::Unseen, what);
            return None;
        }
        let file = held(self.cluster, volid, node);
        if file.is_none() {
            let what = format!("{name} does not have {volid}: {}", advice(volid, content));
            found.blocks(Code::Template, what);
        }
        file.map(|file| file.size)
    }

    /// A bridge that is missing stops no creation, only the start.
    fn networks(&self, node: &Node, params: &Params, found: &mut Found) {
        let name = &node.node;
        let table = self.cluster.state.permissions.as_ref();
        for (bridge, tagged) in volumes::interfaces(params) {
            let sees = table.is_none_or(|table| sees_bridge(table, &bridge));
            let listed = node.bridges.as_ref().map(|all| all.contains(&bridge));
            match (listed, sees) {
                (Some(true), _) => {}
                (Some(false), true) => {
                    let all = node.bridges.iter().flatten().cloned().collect::<Vec<_>>();
                    let what = format!("{name} has no {bridge}, it has {}", all.join(", "));
                    found.blocks(Code::Bridge, what);
                    continue;
                }
                _ => {
                    let what =
                        format!("whether {name} has {bridge} the token may not see (SDN.Audit)");
                    found.warns(Code::Unseen, what);
                    continue;
                }
            }
            if !tagged {
                continue;
            }
            if node.plain_vnets.contains(&bridge) {
                let what = format!(
                    "{bridge} of {name} is an SDN network that is not VLAN-aware: Proxmox refuses a tag \
                     on it at the start; leave the tag out, or set its VLAN Aware"
                );
                found.blocks(Code::VlanUnaware, what);
                continue;
            }
            let plain = node.plain_bridges.as_ref().map(|plain| plain.get(&bridge));
            match plain {
                Some(None) => {}
                Some(Some(ports)) if ports.is_empty() => {
                    let what = format!(
                        "{bridge} of {name} is not VLAN-aware and has no port, so no tag goes \
                         anywhere: set bridge-vlan-aware yes"
                    );
                    found.blocks(Code::VlanUnaware, what);
                }
                Some(Some(ports)) => {
                    let what = format!(
                        "{bridge} of {name} is not VLAN-aware: Proxmox makes a bridge of its own \
                         for the tag, on {}",
                        ports.join(", ")
                    );
                    found.warns(Code::VlanUnaware, what);
                }
                None => {
                    let what =
                        format!("whether {bridge} of {name} is VLAN-aware is not in the state");
                    found.warns(Code::Unseen, what);
                }
            }
        }
    }

    /// No other member of a pair of the guest is on the node, or comes to it.
    fn apart(&self, wanted: &Wanted, node: usize, found: &mut Found) {
        for pair in &self.policy.pairs {
            if !pair.members.iter().any(|member| self.is(wanted, member)) {
                continue;
            }
            for member in pair.members.iter().filter(|other| !self.is(wanted, other)) {
                let mut made = self.made.iter();
                let made = made.find(|(other, _)| self.is(other, member));
                let lives = || self.load.place(self.living(member)?);
                let place = made.map_or_else(lives, |(_, node)| *node);
                if place == Some(node) {
                    let (name, pair) = (&member.name, &pair.name);
                    let node = self.cluster.name(node);
                    let what = format!("{name} of the pair {pair} is on {node}: take another node");
                    found.blocks(Code::Pair, what);
                }
            }
        }
    }

    /// What a guest that is made takes of its node.
    pub(super) fn take(&mut self, wanted: &Wanted, params: &Params, node: usize) {
        let volumes = volumes::new(params, &wanted.resize, wanted.kind);
        let cluster = self.cluster;
        let known = volumes.iter().filter_map(|volume| {
            let storage = cluster.storage(&volume.storage)?;
            let image = volume.image.as_deref();
            let file = image.and_then(|volid| held(cluster, volid, node));
            let size = volume.size.max(file.map(|file| file.size));
            Some((&storage.storage[..], size.unwrap_or_default()))
        });
        let taken: Vec<(&'a str, u64)> = known.collect();
        let memory = if wanted.start { memory(params) } else { 0 };
        self.load.take(node, memory, &taken);
    }
}

/// A file that the node's storage holds, if the state has it.
fn held<'a>(cluster: &Cluster<'a>, volid: &str, node: usize) -> Option<&'a Held> {
    let (id, _) = volid.split_once(':')?;
    let mut volumes = cluster.state.volumes(id, cluster.name(node))?.iter();
    volumes.find(|volume| volume.volid == volid)
}

/// What root or a person does about a file that is missing.
fn advice(volid: &str, content: &str) -> String {
    let (storage, file) = volid.split_once(':').unwrap_or_default();
    match content {
        "vztmpl" => {
            let file = file.trim_start_matches("vztmpl/");
            format!("'pveam download {storage} {file}' there")
        }
        _ => format!("download the image to {storage} there"),
    }
}

/// `memory` in bytes; Proxmox's own default is 512 MiB.
fn memory(params: &Params) -> u64 {
    let mib = params.get("memory").map(ToString::to_string);
    let mib = mib.map_or(512, |mib| mib.parse::<u64>().unwrap_or(u64::MAX));
    mib.saturating_mul(1 << 20)
}
