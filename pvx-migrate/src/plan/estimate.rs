//! How long a move takes and how long the guest is away: an estimate, with what it rests on.
//!
//! The assumptions are constants, so that two plans of the same state agree. A live
//! move repeats what the guest changes meanwhile; that is not foreseen here.

use super::{candidate::Mode, policy::Policy};
use crate::{cluster::Cluster, size::human, state::Kind};

/// Assumed for a container, in seconds: to shut down, and to start.
const CONTAINER_S: (u64, u64) = (10, 5);

/// Assumed for a VM, in seconds: to shut down, and until its services are back.
const VM_S: (u64, u64) = (30, 30);

/// Assumed for what PVE does besides, in seconds: connections, locks, cleaning up.
const OVERHEAD_S: u64 = 3;

/// The HA manager's rounds until it begins, in seconds (10 to 30).
const HA_QUEUE_S: u64 = 20;

/// What a move costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Seconds without service, rounded up.
    pub downtime_s: u64,
    /// Seconds in all, rounded up.
    pub duration_s: u64,
    /// Bytes that are sent.
    pub bytes: u64,
}

/// What is sent on the way.
#[derive(Clone, Copy, Debug)]
pub struct Freight {
    /// Volumes, in bytes.
    pub volumes: u64,
    /// Memory of a VM that moves live, in bytes.
    pub memory: u64,
    /// The target has a replica: only what changed since is sent.
    pub replica: bool,
    /// The HA manager does it.
    pub ha: bool,
}

/// Seconds until a guest that is started serves.
#[must_use]
pub fn start_s(kind: Kind) -> u64 {
    match kind {
        Kind::Lxc => CONTAINER_S.1,
        Kind::Qemu => VM_S.1,
    }
}

/// Bytes per second, and where the figure comes from.
#[must_use]
pub fn bandwidth(cluster: &Cluster<'_>, policy: &Policy) -> (u64, &'static str) {
    let limit = cluster.state.options.bwlimit_migration;
    let limit = limit
        .map(|kib| kib.saturating_mul(1024))
        .filter(|&limit| limit > 0);
    match limit {
        Some(limit) if limit < policy.bandwidth => (limit, "the datacenter's limit"),
        _ => (policy.bandwidth.max(1), "assumed"),
    }
}

/// The cost of a move.
#[must_use]
pub fn cost(mode: Mode, freight: Freight, bandwidth: u64) -> Cost {
    let volumes = if freight.replica { 0 } else { freight.volumes };
    let bytes = volumes.saturating_add(freight.memory);
    let copying = bytes.div_ceil(bandwidth);
    let queue = if freight.ha { HA_QUEUE_S } else { 0 };
    let (downtime_s, busy) = match mode {
        // PVE's default is to switch over once less than 100 ms are left (migrate_downtime).
        Mode::Live => (1, copying),
        Mode::Restart => {
            let (stop, start) = CONTAINER_S;
            {
                let down = copying.saturating_add(stop + start);
                (down, down)
            }
        }
        Mode::Shutdown => {
            let (stop, start) = VM_S;
            {
                let down = copying.saturating_add(stop + start);
                (down, down)
            }
        }
        Mode::Offline => (0, copying),
    };
    Cost {
        downtime_s,
        duration_s: busy.saturating_add(OVERHEAD_S + queue),
        bytes,
    }
}

/// What the cost rests on, for a person.
#[must_use]
pub fn basis(mode: Mode, freight: Freight, (bandwidth, source): (u64, &str)) -> String {
    let mut parts = Vec::new();
    match (freight.volumes, freight.replica) {
        (0, _) => parts.push("no volume is sent".to_owned()),
        (volumes, true) => parts.push(format!(
            "replica of {} there: what changed since is not counted",
            human(volumes)
        )),
        (volumes, false) => parts.push(format!("{} of volumes", human(volumes))),
    }
    if freight.memory > 0 {
        parts.push(format!("{} of memory", human(freight.memory)));
    }
    if freight.memory > 0 || (freight.volumes > 0 && !freight.replica) {
        parts.push(format!("{} MB/s ({source})", bandwidth / 1_000_000));
    }
    match mode {
        Mode::Restart => parts.push(format!(
            "{}s to stop and {}s to start (assumed)",
            CONTAINER_S.0, CONTAINER_S.1
        )),
        Mode::Shutdown => parts.push(format!(
            "{}s to stop and {}s to start (assumed)",
            VM_S.0, VM_S.1
        )),
        Mode::Live | Mode::Offline => {}
    }
    if freight.ha {
        parts.push(format!(
            "{HA_QUEUE_S}s until the HA manager begins (10s to 30s)"
        ));
    }
    parts.join(", ")
}
