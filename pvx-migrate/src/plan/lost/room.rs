//! Where there is room for what a person starts or restores: memory by the site's ratio, space of
//! storages, and no member of its pair.

use std::cmp::Reverse;

use super::{
    down::Down,
    scene::Scene,
    seat::{Case, Disks},
};
use crate::{
    cluster::Cluster,
    plan::{
        load::Load,
        needs,
        policy::Policy,
        processor,
        refusal::Refusal,
        room::{has_memory, has_space, memory_limit},
    },
    size::human,
    state::{Kind, Storage},
};

/// What is given away as guests come back.
pub struct Room<'w, 'a> {
    cluster: &'w Cluster<'a>,
    policy: &'w Policy,
    down: &'w [Down<'a>],
    load: Load<'a>,
}

impl<'w, 'a> Room<'w, 'a> {
    /// As the HA manager leaves it.
    #[must_use]
    pub fn new(
        cluster: &'w Cluster<'a>,
        policy: &'w Policy,
        down: &'w [Down<'a>],
        load: Load<'a>,
    ) -> Self {
        Self {
            cluster,
            policy,
            down,
            load,
        }
    }

    /// At the end.
    #[must_use]
    pub fn into_load(self) -> Load<'a> {
        self.load
    }

    /// A member of its pair is at the node.
    fn has_company(&self, case: &Case<'_>, node: usize) -> bool {
        let mut others = case.candidate.pairs.iter().flat_map(|(_, others)| others);
        others.any(|other| self.load.place(*other) == Some(node))
    }

    fn memory_left(&self, node: usize) -> u64 {
        let limit = memory_limit(self.cluster, self.policy, node);
        limit.saturating_sub(self.load.memory(node))
    }

    fn take(&mut self, case: &Case<'_>, node: usize, volumes: &[(&'a str, u64)]) {
        let vmid = case.candidate.guest.vmid;
        self.load.arrive(vmid, node, case.memory(), volumes);
    }

    /// The best of the nodes on which it could be started: apart from its pair, with the youngest disks,
    /// with the most memory left.
    ///
    /// # Errors
    ///
    /// None has the memory.
    pub fn seat(
        &mut self,
        case: &Case<'a>,
        free: &[(usize, Disks)],
    ) -> Result<(usize, Disks), String> {
        let memory = case.memory();
        let mut first: Option<Refusal> = None;
        let mut fits: Vec<(usize, Disks)> = Vec::new();
        for &(node, disks) in free {
            match has_memory(self.cluster, self.policy, memory, node, &self.load) {
                Ok(()) => fits.push((node, disks)),
                Err(refusal) => first = first.or(Some(refusal)),
            }
        }
        let best = fits.into_iter().min_by_key(|(node, disks)| {
            let left = Reverse(self.memory_left(*node));
            (
                self.has_company(case, *node),
                disks.age(),
                left,
                self.cluster.name(*node),
            )
        });
        let Some((node, disks)) = best else {
            let why = first.map(|refusal| refusal.message).unwrap_or_default();
            return Err(format!("no node that has its disks has the memory ({why})"));
        };
        self.take(case, node, &[]);
        Ok((node, disks))
    }

    /// A node and a storage for a guest that is restored.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn storage(
        &mut self,
        scene: &Scene<'_>,
        case: &Case<'a>,
    ) -> Result<(usize, &'a str), String> {
        let (size, memory) = (case.size(), case.memory());
        let mut nodes: Vec<usize> = (0..self.cluster.nodes().len())
            .filter(|node| !scene.is_lost(*node) && self.can_start(case, *node))
            .collect();
        if nodes.is_empty() {
            return Err("no other node can start it".to_owned());
        }
        nodes.retain(|&node| {
            has_memory(self.cluster, self.policy, memory, node, &self.load).is_ok()
        });
        if nodes.is_empty() {
            return Err(format!(
                "no node has {} of memory left to give",
                human(memory)
            ));
        }
        nodes.sort_by_key(|&node| {
            let left = Reverse(self.memory_left(node));
            (self.has_company(case, node), left, self.cluster.name(node))
        });
        let volume = case.needed().next().map(|volume| &volume.storage[..]);
        let own = volume.and_then(|id| self.cluster.storage(id));
        for node in nodes {
            if let Some(storage) = self.storage_at(case, node, own, size) {
                self.take(case, node, &[(storage, size)]);
                return Ok((node, storage));
            }
        }
        Err(format!(
            "no node with the memory has a storage with {} free for it",
            human(size)
        ))
    }

    /// Everything it needs but its disks is there.
    fn can_start(&self, case: &Case<'a>, node: usize) -> bool {
        let at = &self.cluster.nodes()[node];
        at.online
            && !at.maintenance
            && needs::lacks(self.cluster, self.policy, &case.candidate, node).is_empty()
            && processor::fits(self.cluster, &case.candidate, node).is_ok()
    }

    /// Its own storage, else one of its type, else the one with the most space.
    fn storage_at(
        &self,
        case: &Case<'a>,
        node: usize,
        own: Option<&Storage>,
        size: u64,
    ) -> Option<&'a str> {
        let name = self.cluster.name(node);
        let content = match case.candidate.guest.kind {
            Kind::Qemu => "images",
            Kind::Lxc => "rootdir",
        };
        let all = self.cluster.state.storages.iter();
        let fit = all.filter(|storage| {
            let id = &storage.storage[..];
            storage.content.iter().any(|kind| kind == content)
                && storage.nodes.contains_key(name)
                && !self.policy.site.keeps_out(id)
                && !self.down.iter().any(|down| down.storage.storage == id)
                && has_space(self.cluster, id, size, node, &self.load).is_ok()
        });
        let best = fit.min_by_key(|storage| {
            let is_own = own.is_some_and(|own| own.storage == storage.storage);
            let is_alike = own.is_some_and(|own| own.kind == storage.kind);
            let free = storage.nodes.get(name).map_or(0, |space| space.free);
            (!is_own, !is_alike, Reverse(free), &storage.storage)
        });
        best.map(|storage| &storage.storage[..])
    }
}
