//! What the site file says of addresses: who has one already, what is kept free, where the
//! gateways are, and what its draft leaves to be found out.

use core::net::IpAddr;
use std::collections::BTreeSet;

use ipnet::IpNet;
use serde_json::Value;
use vmid::{
    avoid::Avoid,
    exit::Stop,
    site::{Held, Holder, Site},
};

use crate::{
    owner::Owner,
    refused::{Code, Refused},
};

/// The rules of a site.
#[derive(Clone, Debug, Default)]
pub struct SiteRules {
    /// The domain of its names.
    pub domain: Option<String>,
    /// NetBox's name of the cluster that its guests are in.
    pub cluster: Option<String>,
    /// Addresses that somebody has: VIPs, members of pairs, gateways, nodes.
    pub held: Vec<Held>,
    /// Kept free.
    pub avoid: Vec<Avoid>,
    /// What it is called in messages.
    name: String,
    networks: Vec<Network>,
}

/// A network of the site.
#[derive(Clone, Debug)]
struct Network {
    vlan: u64,
    prefix: IpNet,
    gateway: Option<IpAddr>,
    todo: Option<String>,
}

impl SiteRules {
    /// Those of `site`.
    ///
    /// # Errors
    ///
    /// Its `avoid` cannot be read; the site's reader has seen to it that it can.
    pub fn of(site: &Site) -> Result<Self, Stop> {
        let avoid: Result<Vec<_>, _> = site.avoid.iter().map(|text| Avoid::parse(text)).collect();
        let todos = site.document["vlans"].as_array().into_iter().flatten();
        let todos = todos.map(|vlan| vlan.get("x-todo").and_then(todo));
        let todos: Vec<Option<String>> = todos.collect();
        let network = |(place, vlan): (usize, &vmid::site::Vlan)| Network {
            vlan: vlan.vlan,
            prefix: vlan.prefix,
            gateway: vlan.gateway.parse().ok(),
            todo: todos.get(place).cloned().flatten(),
        };
        Ok(Self {
            domain: site.domain.clone(),
            cluster: site
                .netbox
                .as_ref()
                .and_then(|netbox| netbox.cluster.clone()),
            held: site.held().collect(),
            avoid: avoid
                .map_err(|what| Stop::input(anyhow::anyhow!("the site's avoid: {what}")))?,
            name: site.called().to_owned(),
            networks: site.vlans.iter().enumerate().map(network).collect(),
        })
    }

    /// The network, on that VLAN, is one of the site's, or a part of one. A site that names no
    /// networks has all of them; one that names a VLAN's IPv4 prefix alone says nothing of IPv6 there.
    ///
    /// # Errors
    ///
    /// [`Code::NotInSite`]: the IPAM and the site file are of two sites, or do not agree.
    pub fn has(&self, net: IpNet, vlan: Option<u64>) -> Result<(), Refused> {
        let of_vlan = |network: &&Network| vlan.is_none_or(|vlan| network.vlan == vlan);
        let known: Vec<&Network> = self.networks.iter().filter(of_vlan).collect();
        let same_family = |prefix: IpNet| prefix.addr().is_ipv4() == net.addr().is_ipv4();
        let mut prefixes = known.iter().map(|network| network.prefix);
        if self.networks.is_empty() || prefixes.clone().any(|prefix| prefix.contains(&net)) {
            return Ok(());
        }
        let message = match (vlan, prefixes.find(|prefix| same_family(*prefix))) {
            (Some(_), None) if !known.is_empty() => return Ok(()),
            (Some(vlan), Some(prefix)) => {
                format!("VLAN {vlan} is {net} in the IPAM, {prefix} in the site file")
            }
            (Some(vlan), None) => {
                let all: BTreeSet<u64> = self.networks.iter().map(|n| n.vlan).collect();
                let all: Vec<String> = all.iter().map(u64::to_string).collect();
                self.lacks(&format!("VLAN {vlan}"), &all)
            }
            (None, _) => {
                let all: BTreeSet<IpNet> = known.iter().map(|n| n.prefix).collect();
                let all: Vec<String> = all.iter().map(IpNet::to_string).collect();
                self.lacks(&net.to_string(), &all)
            }
        };
        Err(Refused::new(Code::NotInSite, message))
    }

    fn lacks(&self, what: &str, all: &[String]) -> String {
        let (name, all) = (&self.name, all.join(", "));
        format!("{what} is not in the site file ({name} has {all})")
    }

    /// The gateway of a prefix, by the rule of its network: the one with this prefix, else the
    /// one with this VLAN. The outer none: the site does not know it; the inner: there is none.
    #[must_use]
    pub fn gateway(&self, net: IpNet, vlan: Option<u64>) -> Option<Option<IpAddr>> {
        let network = self.network(net, vlan)?;
        let inside = network.gateway.filter(|gateway| net.contains(gateway));
        // A gateway of another family, or outside this prefix, says nothing of it.
        (network.gateway.is_none() || inside.is_some()).then_some(inside)
    }

    /// What is still to be found out of a network; while it stands, a new address there may
    /// be somebody's that nobody knows of.
    #[must_use]
    pub fn todo(&self, net: IpNet, vlan: Option<u64>) -> Option<&str> {
        self.network(net, vlan)?.todo.as_deref()
    }

    fn network(&self, net: IpNet, vlan: Option<u64>) -> Option<&Network> {
        let same_prefix = self.networks.iter().find(|network| network.prefix == net);
        let same_vlan = |network: &&Network| vlan == Some(network.vlan);
        same_prefix.or_else(|| self.networks.iter().find(same_vlan))
    }

    /// The address that the site has for an owner that is a member of a pair, or a service's guest.
    #[must_use]
    pub fn member(&self, owner: &Owner, vmid: Option<u64>) -> Option<IpAddr> {
        let own = self.held.iter().find(|held| self.is_of(held, owner, vmid));
        own.map(|held| held.address)
    }

    /// The address is that of a member of a pair, who is this owner: by its name, and where both
    /// IDs are known, by these, too. A name is soon given to a guest; an ID is not. Or it is that of a
    /// service on this owner, which may have another name: by their IDs, else by its name.
    #[must_use]
    pub fn is_of(&self, held: &Held, owner: &Owner, vmid: Option<u64>) -> bool {
        match &held.holder {
            Holder::Member {
                name,
                vmid: of_site,
                ..
            } => {
                let other = vmid
                    .zip(of_site.map(u64::from))
                    .is_some_and(|(own, of_site)| own != of_site);
                !other && owner.is_called(name, self.domain.as_deref())
            }
            Holder::Service {
                name,
                vmid: of_site,
            } => match vmid.zip(of_site.map(u64::from)) {
                Some((own, of_site)) => own == of_site,
                None => owner.is_called(name, self.domain.as_deref()),
            },
            _ => false,
        }
    }
}

/// What an `x-todo` says; none where it is empty, null or false.
fn todo(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(all) => {
            let all: Vec<String> = all.iter().filter_map(todo).collect();
            (!all.is_empty()).then(|| all.join("; "))
        }
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = r#"{"domain":"kestrel.internal","avoid":["2-9"],
        "nodes":[{"name":"pve-a","address":"10.20.20.11"}],
        "vlans":[
            {"vlan":20,"prefix":"10.20.20.0/24","gateway":"last","x-todo":"the DHCP pool"},
            {"vlan":30,"prefix":"10.20.30.0/24","gateway":"none","x-todo":["a","b"]},
            {"vlan":40,"prefix":"10.20.40.0/24"}]}"#;

    #[test]
    fn what_is_not_of_the_site() {
        let rules = SiteRules::of(&Site::parse(SITE.as_bytes()).unwrap()).unwrap();
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<u64>, Option<&str>)] = &[
            ("the site's own",          "10.20.20.0/24",   Some(20),   None),
            ("a part of it",            "10.20.20.128/25", Some(20),   None),
            ("a part, without a VLAN",  "10.20.20.128/25", None,       None),
            ("IPv6 beside its IPv4",    "fd00:20::/64",    Some(20),   None),
            ("another VLAN",            "10.20.50.0/24",   Some(50),   Some("VLAN 50 is not in the site file (the site has 20, 30, 40)")),
            ("its prefix elsewhere",    "10.20.20.0/24",   Some(50),   Some("VLAN 50 is not in the site file (the site has 20, 30, 40)")),
            ("its VLAN elsewhere",      "10.99.20.0/24",   Some(20),   Some("VLAN 20 is 10.99.20.0/24 in the IPAM, 10.20.20.0/24 in the site file")),
            ("two VLANs mixed up",      "10.20.30.0/24",   Some(20),   Some("VLAN 20 is 10.20.30.0/24 in the IPAM, 10.20.20.0/24 in the site file")),
            ("wider than the site's",   "10.20.20.0/23",   Some(20),   Some("VLAN 20 is 10.20.20.0/23 in the IPAM, 10.20.20.0/24 in the site file")),
            ("nowhere",                 "10.99.99.0/24",   None,       Some("10.99.99.0/24 is not in the site file (the site has 10.20.20.0/24, 10.20.30.0/24, 10.20.40.0/24)")),
        ];
        for (name, net, vlan, want) in cases {
            let got = rules.has(net.parse().unwrap(), *vlan);
            let got = got.map_err(|refused| refused.message);
            assert_eq!(got.err().as_deref(), *want, "{name}");
        }
        let without = SiteRules::of(&Site::parse(b"{}").unwrap()).unwrap();
        assert_eq!(
            without.has("10.99.99.0/24".parse().unwrap(), Some(50)),
            Ok(())
        );
    }

    #[test]
    fn networks_of_a_site() {
        let rules = SiteRules::of(&Site::parse(SITE.as_bytes()).unwrap()).unwrap();
        #[rustfmt::skip]
        let cases: &[(&str, &str, Option<u64>, Option<Option<&str>>, Option<&str>)] = &[
            ("by its prefix",        "10.20.20.0/24", None,     Some(Some("10.20.20.254")), Some("the DHCP pool")),
            ("without a gateway",    "10.20.30.0/24", Some(30), Some(None),                 Some("a; b")),
            ("first by default",     "10.20.40.0/24", None,     Some(Some("10.20.40.1")),   None),
            ("another mask",         "10.20.20.0/23", Some(20), Some(Some("10.20.20.254")), Some("the DHCP pool")),
            ("the VLAN elsewhere",   "10.99.20.0/24", Some(20), None,                       Some("the DHCP pool")),
            ("not of the site",      "10.99.99.0/24", None,     None,                       None),
        ];
        for (name, net, vlan, gateway, todo) in cases {
            let net: IpNet = net.parse().unwrap();
            let want = gateway.map(|gateway| gateway.map(|text| text.parse().unwrap()));
            assert_eq!(rules.gateway(net, *vlan), want, "{name}");
            assert_eq!(rules.todo(net, *vlan), *todo, "{name}");
        }
    }
}
