//! Pairs of the site's policy, found among the guests of the cluster.

use std::collections::HashMap;

use super::policy::Policy;
use crate::cluster::Cluster;

/// The pairs that each guest is in, with the VMIDs of the other members.
#[must_use]
pub fn pairs<'a>(
    cluster: &Cluster<'_>,
    policy: &'a Policy,
) -> HashMap<u32, Vec<(&'a str, Vec<u32>)>> {
    let mut names: HashMap<&str, u32> = HashMap::new();
    if !policy.pairs.is_empty() {
        let guests = cluster.state.guests.iter().filter(|guest| !guest.template);
        names.extend(guests.map(|guest| (&guest.name[..], guest.vmid)));
    }
    let mut pairs: HashMap<u32, Vec<(&str, Vec<u32>)>> = HashMap::new();
    for pair in &policy.pairs {
        let members = pair.members.iter().filter_map(|member| {
            // An ID names a guest whatever it is called; of a rebuilt one the name remains.
            let by_id = member.vmid.filter(|&vmid| cluster.guest(vmid).is_some());
            by_id.or_else(|| names.get(&member.name[..]).copied())
        });
        let members: Vec<u32> = members.collect();
        for &member in &members {
            let others = members.iter().copied().filter(|&other| other != member);
            let entry = pairs.entry(member).or_default();
            entry.push((&pair.name, others.collect()));
        }
    }
    pairs
}
