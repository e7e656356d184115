//! What nodes and storages carry while a plan grows: memory given to guests that run and
//! memory in use, space promised to volumes, and where each guest will be.
//!
//! A guest that leaves a node frees nothing there until it has really left, so only
//! what arrives is counted.

use std::collections::{HashMap, HashSet};

use crate::cluster::Cluster;

/// The load of nodes and storages.
#[derive(Clone, Debug)]
pub struct Load<'a> {
    memory: Vec<u64>,
    used: Vec<u64>,
    /// What each guest that runs uses, wherever it is.
    uses: HashMap<u32, u64>,
    /// Node and storage; of what all nodes share, the storage alone.
    space: HashMap<(Option<usize>, &'a str), u64>,
    shared: HashSet<&'a str>,
    places: HashMap<u32, usize>,
}

impl<'a> Load<'a> {
    /// As things are before the first move.
    #[must_use]
    pub fn now(cluster: &Cluster<'a>) -> Self {
        let mut load = Self {
            memory: vec![0; cluster.nodes().len()],
            used: cluster.nodes().iter().map(|node| node.mem).collect(),
            uses: HashMap::with_capacity(cluster.state.guests.len()),
            space: HashMap::new(),
            shared: {
                let shared = cluster.state.storages.iter().filter(|s| s.shared);
                shared.map(|storage| &storage.storage[..]).collect()
            },
            places: HashMap::with_capacity(cluster.state.guests.len()),
        };
        for guest in &cluster.state.guests {
            if guest.is_running() {
                load.uses.insert(guest.vmid, guest.memory_in_use());
            }
            if let Some(node) = cluster.node(&guest.node) {
                load.places.insert(guest.vmid, node);
                if guest.is_running() {
                    load.memory[node] = load.memory[node].saturating_add(guest.maxmem);
                }
            }
        }
        load
    }

    /// Memory given to the guests that run on a node, in bytes.
    #[must_use]
    pub fn memory(&self, node: usize) -> u64 {
        self.memory[node]
    }

    /// Memory in use at a node, with that of the guests that come, in bytes.
    #[must_use]
    pub fn used(&self, node: usize) -> u64 {
        self.used[node]
    }

    /// Bytes promised to volumes that come to a storage: at this node, or if all nodes share
    /// it, at any.
    #[must_use]
    pub fn promised(&self, node: usize, storage: &'a str) -> u64 {
        let promised = self.space.get(&self.place_of(node, storage));
        promised.copied().unwrap_or_default()
    }

    fn place_of(&self, node: usize, storage: &'a str) -> (Option<usize>, &'a str) {
        ((!self.shared.contains(storage)).then_some(node), storage)
    }

    fn use_of(&self, vmid: u32) -> u64 {
        self.uses.get(&vmid).copied().unwrap_or_default()
    }

    /// Where a guest will be.
    #[must_use]
    pub fn place(&self, vmid: u32) -> Option<usize> {
        self.places.get(&vmid).copied()
    }

    /// A guest comes to `node`.
    pub fn arrive(
        &mut self,
        vmid: u32,
        node: usize,
        memory: u64,
        volumes: &[(&'a str, u64)],
    ) -> Option<usize> {
        self.take(node, memory, volumes);
        self.used[node] = self.used[node].saturating_add(self.use_of(vmid));
        self.places.insert(vmid, node)
    }

    /// Memory and space are given away at `node`.
    pub fn take(&mut self, node: usize, memory: u64, volumes: &[(&'a str, u64)]) {
        self.memory[node] = self.memory[node].saturating_add(memory);
        for (storage, bytes) in volumes {
            let place = self.place_of(node, storage);
            let promised = self.space.entry(place).or_default();
            *promised = promised.saturating_add(*bytes);
        }
    }

    /// Takes an arrival back; `before` is what [`Self::arrive`] gave.
    pub fn revoke(
        &mut self,
        vmid: u32,
        node: usize,
        memory: u64,
        volumes: &[(&'a str, u64)],
        before: Option<usize>,
    ) {
        self.memory[node] = self.memory[node].saturating_sub(memory);
        self.used[node] = self.used[node].saturating_sub(self.use_of(vmid));
        for (storage, bytes) in volumes {
            let place = self.place_of(node, storage);
            let promised = self.space.entry(place).or_default();
            *promised = promised.saturating_sub(*bytes);
        }
        match before {
            Some(before) => self.places.insert(vmid, before),
            None => self.places.remove(&vmid),
        };
    }
}
