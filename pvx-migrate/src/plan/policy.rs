//! What the operator allows and limits; the same for every guest of a plan.

use std::collections::BTreeMap;

use crate::site::{Pair, Site};

/// Bytes per second where the cluster states no limit: gigabit Ethernet, less its overhead.
pub const BANDWIDTH: u64 = 110_000_000;

/// The time PVE gives a container to shut down, in seconds (`timeout` of its migration).
pub const SHUTDOWN_S: u64 = 180;

/// What the operator allows and limits.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Storages to use instead of those that a target lacks.
    pub storage_map: BTreeMap<String, String>,
    /// Guests that don't run move, too.
    pub move_stopped: bool,
    /// A VM that cannot move live may be shut down for it.
    pub allow_shutdown: bool,
    /// The longest time without service, in seconds.
    pub max_downtime_s: Option<u64>,
    /// How many times a node's memory its running guests may be given.
    pub ram_ratio: f64,
    /// The guest this command runs in, if the operator says so.
    pub own: Option<u32>,
    /// Bytes per second that a copy gets, if nothing limits it.
    pub bandwidth: u64,
    /// Guests that stay apart.
    pub pairs: Vec<Pair>,
    /// The site's policy.
    pub site: Site,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            storage_map: BTreeMap::new(),
            move_stopped: false,
            allow_shutdown: false,
            max_downtime_s: None,
            ram_ratio: 1.5,
            own: None,
            bandwidth: BANDWIDTH,
            pairs: Vec::new(),
            site: Site::default(),
        }
    }
}
