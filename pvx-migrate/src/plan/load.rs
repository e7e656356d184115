//! What nodes and storages carry while a plan grows: memory given to guests that run,
//! space promised to volumes, and where each guest will be.
//!
//! A guest that leaves a node frees nothing there until it has really left, so only
//! what arrives is counted.

use std::collections::HashMap;

use crate::cluster::Cluster;

/// The load of nodes and storages.
#[derive(Clone, Debug)]
pub struct Load<'a> {
    memory: Vec<u64>,
    space: HashMap<(usize, &'a str), u64>,
    places: HashMap<u32, usize>,
}

impl<'a> Load<'a> {
    /// As things are before the first move.
    #[must_use]
    pub fn now(cluster: &Cluster<'a>) -> Self {
        let mut load = Self {
            memory: vec![0; cluster.nodes().len()],
            space: HashMap::new(),
            places: HashMap::with_capacity(cluster.state.guests.len()),
        };
        for guest in &cluster.state.guests {
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

    /// Bytes promised to volumes that come to a storage.
    #[must_use]
    pub fn promised(&self, node: usize, storage: &'a str) -> u64 {
        self.space
            .get(&(node, storage))
            .copied()
            .unwrap_or_default()
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
        self.places.insert(vmid, node)
    }

    /// Memory and space are given away at `node`.
    pub fn take(&mut self, node: usize, memory: u64, volumes: &[(&'a str, u64)]) {
        self.memory[node] = self.memory[node].saturating_add(memory);
        for (storage, bytes) in volumes {
            let promised = self.space.entry((node, storage)).or_default();
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
        for (storage, bytes) in volumes {
            let promised = self.space.entry((node, storage)).or_default();
            *promised = promised.saturating_sub(*bytes);
        }
        match before {
            Some(before) => self.places.insert(vmid, before),
            None => self.places.remove(&vmid),
        };
    }
}
