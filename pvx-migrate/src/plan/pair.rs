//! Pairs of the site's policy, found among the guests of the cluster.

use std::{collections::HashMap, net::IpAddr};

use vmid::site::{Member, Pair};

use super::policy::Policy;
use crate::{cluster::Cluster, config::Config, state::Guest};

/// Which guest a member of a pair is: by its ID, else its name, else its address.
#[derive(Debug)]
pub struct Members<'a> {
    guests: HashMap<u32, &'a Guest>,
    names: HashMap<&'a str, u32>,
    addresses: HashMap<IpAddr, u32>,
}

impl<'a> Members<'a> {
    /// Looks through the guests; their configurations are read only if `pairs` need it.
    #[must_use]
    pub fn new(cluster: &Cluster<'a>, pairs: &[Pair]) -> Self {
        let mut members = Self {
            guests: HashMap::new(),
            names: HashMap::new(),
            addresses: HashMap::new(),
        };
        if pairs.is_empty() {
            return members;
        }
        let mut guests: Vec<&Guest> = cluster.state.guests.iter().collect();
        members.guests = guests.iter().map(|guest| (guest.vmid, *guest)).collect();
        guests.retain(|guest| !guest.template);
        guests.sort_by_key(|guest| guest.is_running()); // of two with one name, the one that runs
        let names = guests.iter().map(|guest| (&guest.name[..], guest.vmid));
        members.names = names.collect();
        let mut all = pairs.iter().flat_map(|pair| &pair.members);
        if all.any(|member| member.address.is_some() && members.guest(member).is_none()) {
            let addresses = guests.iter().flat_map(|guest| {
                let addresses = addresses(guest).into_iter();
                addresses.map(|address| (address, guest.vmid))
            });
            members.addresses = addresses.collect();
        }
        members
    }

    /// The guest that a member is, if the state has it.
    #[must_use]
    pub fn guest(&self, member: &Member) -> Option<&'a Guest> {
        // An ID names a guest whatever it is called; of a rebuilt one the name remains.
        let by_id = member.vmid.filter(|vmid| self.guests.contains_key(vmid));
        let by_name = || self.names.get(&member.name[..]).copied();
        let by_address = || self.addresses.get(&member.address?).copied();
        let vmid = by_id.or_else(by_name).or_else(by_address)?;
        self.guests.get(&vmid).copied()
    }
}

/// The pairs that each guest is in, with the VMIDs of the other members.
#[must_use]
pub fn pairs<'a>(
    cluster: &Cluster<'_>,
    policy: &'a Policy,
) -> HashMap<u32, Vec<(&'a str, Vec<u32>)>> {
    let known = Members::new(cluster, &policy.pairs);
    let mut pairs: HashMap<u32, Vec<(&str, Vec<u32>)>> = HashMap::new();
    for pair in &policy.pairs {
        let members = pair.members.iter().filter_map(|member| known.guest(member));
        let members: Vec<u32> = members.map(|guest| guest.vmid).collect();
        for &member in &members {
            let others = members.iter().copied().filter(|&other| other != member);
            let entry = pairs.entry(member).or_default();
            entry.push((&pair.name, others.collect()));
        }
    }
    pairs
}

/// A sentence for each pair that has members who are not `known`: no guest of the state, for one.
pub fn strangers(pairs: &[Pair], known: impl Fn(&Member) -> bool) -> Vec<String> {
    let sentences = pairs.iter().filter_map(|pair| {
        let strangers = pair.members.iter().filter(|member| !known(member));
        let names: Vec<&str> = strangers.map(|member| &member.name[..]).collect();
        let (who, what) = match names.as_slice() {
            [] => return None,
            [_] => ("member", "is no guest here: it is not kept apart"),
            _ => ("members", "are no guests here: they are not kept apart"),
        };
        let (pair, names) = (&pair.name, names.join(", "));
        Some(format!("pair {pair}: its {who} {names} {what}"))
    });
    sentences.collect()
}

/// The addresses of a guest's configuration; none if it was not read, or on DHCP.
fn addresses(guest: &Guest) -> Vec<IpAddr> {
    let config = guest.config.as_ref();
    let config = config.and_then(|text| Config::parse(guest.kind, text.get()).ok());
    config.map_or_else(Vec::new, |config| config.addresses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::State;

    const STATE: &str = r#"{"version":1,"at":"2026-11-22T00:00:00Z","cluster":{"name":"x","pve":"9.1"},"nodes":[],"storages":[],"guests":[
        {"vmid":101,"type":"lxc","name":"one","node":"a","status":"running","config":{"net0":"name=eth0,ip=10.0.0.1/24"}},
        {"vmid":102,"type":"qemu","name":"two","node":"a","status":"running","config":{"ipconfig0":"ip=10.0.0.2/24,gw=10.0.0.254"}},
        {"vmid":103,"type":"lxc","name":"one","node":"b","status":"stopped","config":{"net0":"name=eth0,ip=10.0.0.1/24"}},
        {"vmid":104,"type":"lxc","name":"unread","node":"b","status":"running"},
        {"vmid":105,"type":"lxc","name":"model","node":"b","status":"stopped","template":true,"config":{"net0":"name=eth0,ip=10.0.0.5/24"}}]}"#;

    #[test]
    fn who_a_member_is() {
        #[rustfmt::skip]
        let cases = [
            ("its ID counts first",          "two",    Some(101), None,             Some(101)),
            ("a rebuilt one has its name",   "two",    Some(999), None,             Some(102)),
            ("of two with a name, running",  "one",    None,      None,             Some(101)),
            ("a container by its address",   "ns1",    None,      Some("10.0.0.1"), Some(101)),
            ("a VM by its address",          "ns2",    Some(999), Some("10.0.0.2"), Some(102)),
            ("the name before the address",  "two",    None,      Some("10.0.0.1"), Some(102)),
            ("no template by its name",      "model",  None,      None,             None),
            ("nor by its address",           "ns5",    None,      Some("10.0.0.5"), None),
            ("its gateway is another's",     "gw",     None,      Some("10.0.0.254"), None),
            ("nobody",                       "ns3",    None,      Some("10.0.0.3"), None),
        ];
        let state: State = serde_json::from_str(STATE).unwrap();
        for (case, name, vmid, address, want) in cases {
            let member = Member {
                name: name.to_owned(),
                vmid,
                address: address.map(|text| text.parse().unwrap()),
                ..Member::default()
            };
            let pairs = [Pair {
                name: "p".to_owned(),
                members: vec![member.clone()],
                ..Pair::default()
            }];
            let members = Members::new(&Cluster::new(&state), &pairs);
            let got = members.guest(&member).map(|guest| guest.vmid);
            assert_eq!(got, want, "{case}");
        }
    }
}
