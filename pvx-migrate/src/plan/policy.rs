//! What the operator allows and limits; the same for every guest of a plan.

use std::{collections::BTreeMap, time::Duration};

use vmid::site::{Pair, Site};

use super::storage_map::StorageMap;

/// Bytes per second where the cluster states no limit: gigabit Ethernet, less its overhead.
pub const BANDWIDTH: u64 = 110_000_000;

/// The time PVE gives a container to shut down, in seconds (`timeout` of its migration).
pub const SHUTDOWN_S: u64 = 180;

/// The part of a target's memory, in percent, below which its being free is worth a warning:
/// with less a burst of one guest has the kernel kill another.
pub const FREE_MEM: u8 = 10;

/// What the operator allows and limits.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Storages to use instead of those that a target lacks.
    pub storage_map: StorageMap,
    /// Guests that don't run move, too.
    pub move_stopped: bool,
    /// A VM that cannot move live may be shut down for it.
    pub allow_shutdown: bool,
    /// The longest time without service.
    pub max_downtime: Option<Duration>,
    /// How many times a node's memory its running guests may be given.
    pub ram_ratio: f64,
    /// The part of a target's memory that must stay free, in percent of what it has; none:
    /// less than [`FREE_MEM`] is a warning.
    pub min_free_mem: Option<u8>,
    /// The guest this command runs in, if the operator says so.
    pub own: Option<u32>,
    /// Bytes per second that a copy gets, if nothing limits it.
    pub bandwidth: u64,
    /// Nodes that were drained, and whose guests have not returned: the node, the journal.
    pub drained: BTreeMap<String, String>,
    /// Guests that stay apart.
    pub pairs: Vec<Pair>,
    /// The site's policy; without one, what holds for any site.
    pub site: Site,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            storage_map: StorageMap::default(),
            min_free_mem: None,
            move_stopped: false,
            allow_shutdown: false,
            max_downtime: None,
            ram_ratio: 1.5,
            own: None,
            bandwidth: BANDWIDTH,
            drained: BTreeMap::new(),
            pairs: Vec::new(),
            site: Site::empty(),
        }
    }
}

impl Policy {
    /// A node that the site says to have the device file or folder `path`.
    #[must_use]
    pub fn has_device(&self, node: &str, path: &str) -> bool {
        let nodes = self.site.nodes.iter();
        let mut devices = nodes
            .filter(|entry| entry.name == node)
            .flat_map(|entry| &entry.devices);
        devices.any(|device| device == path)
    }

    /// A node that the site says to have `file`, a path or a volume of content snippets.
    #[must_use]
    pub fn has_file(&self, node: &str, file: &str) -> bool {
        let nodes = self.site.nodes.iter();
        let mut files = nodes
            .filter(|entry| entry.name == node)
            .flat_map(|entry| &entry.files);
        files.any(|known| known == file)
    }
}
