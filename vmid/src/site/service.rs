//! Services: what clients use and what is promised of it, on addresses of its own or on a pair's.
//! One schema for all tools: hacheck asks and judges, an audit compares with what the cluster does.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Pair,
    fault::Faults,
    near,
    pair::{is_false, is_true},
};

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What its guest is, `lxc` or `qemu`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its guest's ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmid: Option<u32>,
    /// Where clients find it; none where it names a pair.
    pub addresses: Vec<IpAddr>,
    /// The pair that it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<String>,
    /// What to ask of each address; their contents are hacheck's.
    pub probes: Vec<Value>,
    /// One of the site's roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// `none`, `active-active`, `failover` or `failover-live`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ha: Option<String>,
    /// The longest time without it after the loss of a node, in seconds, at most a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla_s: Option<u64>,
    /// The longest time without it in planned maintenance, in seconds, at most a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_s: Option<u64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Its addresses need not be in a network of the site.
    #[serde(
        rename = "x-elsewhere",
        default,
        deserialize_with = "is_true",
        skip_serializing_if = "is_false"
    )]
    pub elsewhere: bool,
}

/// The rules of all services; `paths` are how messages call them, `segments` the site's networks.
pub(super) fn check(
    services: &[Service],
    paths: &[String],
    pairs: &[Pair],
    segments: &[IpNet],
    faults: &mut Faults,
) {
    for (place, (service, path)) in services.iter().zip(paths).enumerate() {
        let name = &service.name;
        if services[..place].iter().any(|other| other.name == *name) {
            faults.add(format!("{path}.name"), format!("is {name:?} again"));
        }
        of_pair(service, path, pairs, faults);
        addresses(service, path, pairs, segments, faults);
    }
}

/// The pair that a service names is there, and is the one place where it is.
fn of_pair(service: &Service, path: &str, pairs: &[Pair], faults: &mut Faults) {
    let Some(name) = &service.pair else { return };
    if !service.addresses.is_empty() {
        let what = "stands beside addresses: a service is on a pair, or on addresses of its own";
        faults.add(format!("{path}.pair"), what);
    }
    let names = pairs.iter().map(|pair| pair.name.as_str());
    if !names.clone().any(|known| known == name) {
        let hint = near::hint(name, names);
        let what = format!("is {name:?}, which is no pair{hint}");
        faults.add(format!("{path}.pair"), what);
    }
}

/// The addresses are its guest's, not a pair's VIP, and in some network of the site, as far as it has
/// networks of their family.
fn addresses(
    service: &Service,
    path: &str,
    pairs: &[Pair],
    segments: &[IpNet],
    faults: &mut Faults,
) {
    for (place, address) in service.addresses.iter().enumerate() {
        let at = format!("{path}.addresses[{place}]");
        if service.addresses[..place].contains(address) {
            faults.add(at.as_str(), format!("is {address} again"));
        }
        if let Some(pair) = pairs
            .iter()
            .find(|pair| pair.all_vips().any(|vip| vip == *address))
        {
            let name = &pair.name;
            let what = format!("is {address}, the vip of the pair {name:?}: say \"pair\" instead");
            faults.add(at.as_str(), what);
        }
        let mut family = segments
            .iter()
            .filter(|net| net.addr().is_ipv4() == address.is_ipv4())
            .peekable();
        let known = family.peek().is_none() || family.any(|net| net.contains(address));
        if !known && !service.elsewhere {
            let what = format!(
                "is {address}, which is in no prefix of vlans (or the service says \"x-elsewhere\": true)"
            );
            faults.add(at, what);
        }
    }
}
