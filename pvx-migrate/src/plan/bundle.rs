//! Guests that the HA manager moves together, because its rules keep them together.

use crate::{cluster::Cluster, state::HaRule};

/// The guests of positive affinity that are on the same node: the manager moves all of
/// them when one is moved. Sorted, the guest itself included if there are others.
#[must_use]
pub fn bundle(cluster: &Cluster<'_>, vmid: u32, sid: &str, node: &str) -> Vec<u32> {
    let mut bundle = vec![vmid];
    let mut open = vec![sid];
    // Rules may chain: a with b, b with c.
    while let Some(sid) = open.pop() {
        for rule in cluster.rules(sid) {
            let HaRule::ResourceAffinity {
                resources,
                negative: false,
                ..
            } = rule
            else {
                continue;
            };
            for other in resources {
                let guest = cluster.guest_of(other).filter(|guest| guest.node == node);
                if let Some(guest) = guest
                    && !bundle.contains(&guest.vmid)
                {
                    bundle.push(guest.vmid);
                    open.push(other);
                }
            }
        }
    }
    bundle.sort_unstable();
    if bundle.len() == 1 {
        bundle.clear();
    }
    bundle
}
