//! What NetBox holds of the virtual machines of guests: themselves, their interfaces and clusters,
//! MAC addresses, and what the addresses are on. A handful of requests for a batch.

use std::collections::BTreeSet;

use serde_json::Value;
use vmid::exit::Stop;

use super::{
    answer::{self, ADDRESS_FIELDS, Record, etag, holder, text},
    api::{Api, not_honoured, queries},
    pages::{Job, at_once, side_by_side},
    parsed,
};
use crate::assign::{
    Address, Cluster, Facts, Interface, Mac, Machine, OF_MACHINE, On, Wish, is_unknown, missing,
};

const MACHINES: &str = "/api/virtualization/virtual-machines/?fields=id,name,cluster,tenant,primary_ip4,primary_ip6,last_updated";
const INTERFACES: &str = "/api/virtualization/interfaces/?fields=id,virtual_machine,name,primary_mac_address,last_updated";
const CLUSTERS: &str = "/api/virtualization/clusters/?fields=id,name";
const MACS: &str = "/api/dcim/mac-addresses/?fields=id,mac_address,assigned_object_type,assigned_object_id,assigned_object,last_updated";

/// What was read for a batch.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub facts: Facts,
    /// The addresses, for changing them.
    pub records: Vec<Record>,
}

impl Api {
    /// All that matters for these wishes, and for the addresses with these numbers.
    pub fn machines_for(&self, wishes: &[&Wish], addresses: &[u64]) -> Result<Read, Stop> {
        let all = wishes.iter();
        let names: BTreeSet<&String> = all.clone().flat_map(|wish| &wish.names).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let macs: BTreeSet<&String> = all.filter_map(|wish| wish.mac.as_ref()).collect();
        let macs: Vec<String> = macs.into_iter().cloned().collect();
        let is_named = |machine: &Machine| {
            let mut names = names.iter();
            names.any(|name| name.eq_ignore_ascii_case(&machine.name))
        };
        let (machines, macs, records) = at_once(
            || self.each_of(MACHINES, "name__ie", &names, machine, is_named),
            || self.macs_of(&macs),
            || self.records_of(addresses),
        );
        let mut facts = Facts {
            machines: machines?,
            macs: macs?,
            ..Facts::default()
        };
        let (on, records) = records?.into_iter().unzip();
        facts.addresses = on;
        facts.machines.extend(self.similar(wishes, &facts)?);
        facts.interfaces = self.interfaces_of(&facts.machines)?;
        let clusters: BTreeSet<String> = wishes.iter().filter_map(|w| missing(w, &facts)).collect();
        let clusters: Vec<String> = clusters.into_iter().collect();
        let is_called = |cluster: &Cluster| {
            let mut names = clusters.iter();
            names.any(|name| name.to_lowercase() == cluster.name.to_lowercase())
        };
        facts.clusters = self.each_of(CLUSTERS, "name__ie", &clusters, cluster, is_called)?;
        Ok(Read { facts, records })
    }

    /// The virtual machines that may be those of the guests that have none, as far as is known.
    fn similar(&self, wishes: &[&Wish], facts: &Facts) -> Result<Vec<Machine>, Stop> {
        let is_due = |wish: &&&Wish| wish.is_unsure && is_unknown(wish, facts);
        let due: Vec<&Wish> = wishes.iter().filter(is_due).copied().collect();
        let names: BTreeSet<&str> = due
            .iter()
            .flat_map(|w| w.names.first())
            .map(|n| &**n)
            .collect();
        let (full, bare): (Vec<&str>, Vec<&str>) = names.iter().partition(|n| n.contains('.'));
        let label = |name: &&str| name.split('.').next().map(str::to_owned);
        let labels: BTreeSet<String> = full.iter().filter_map(label).collect();
        let labels: Vec<String> = labels.into_iter().collect();
        let starts: Vec<String> = bare.iter().map(|name| format!("{name}.")).collect();
        let fits = |machine: &Machine| due.iter().any(|wish| wish.may_be(&machine.name));
        let mut all = self.each_of(MACHINES, "name__ie", &labels, machine, fits)?;
        all.extend(self.each_of(MACHINES, "name__isw", &starts, machine, fits)?);
        // Who is somebody's of these by name was read.
        all.retain(|machine| facts.machines.iter().all(|known| known.id != machine.id));
        Ok(all)
    }

    /// What was read before, and what the addresses with these numbers are on now.
    pub fn with_addresses(&self, facts: Facts, addresses: &[u64]) -> Result<Read, Stop> {
        let (on, records) = self.records_of(addresses)?.into_iter().unzip();
        let facts = Facts {
            addresses: on,
            ..facts
        };
        Ok(Read { facts, records })
    }

    /// The interfaces of these virtual machines.
    fn interfaces_of(&self, machines: &[Machine]) -> Result<Vec<Interface>, Stop> {
        let ids: Vec<String> = machines.iter().map(|m| m.id.to_string()).collect();
        let is_own = |interface: &Interface| {
            machines
                .iter()
                .any(|machine| machine.id == interface.machine)
        };
        self.each_of(INTERFACES, "virtual_machine_id", &ids, interface, is_own)
    }

    /// The MAC addresses that are equal to one of these.
    pub fn macs_of(&self, macs: &[String]) -> Result<Vec<Mac>, Stop> {
        let is_asked = |mac: &Mac| macs.contains(&mac.mac);
        self.each_of(MACS, "mac_address", macs, mac, is_asked)
    }

    /// What the addresses with these numbers are on, and their records.
    fn records_of(&self, ids: &[u64]) -> Result<Vec<(Address, Record)>, Stop> {
        let list = format!("/api/ipam/ip-addresses/?fields={ADDRESS_FIELDS},assigned_object");
        let texts: Vec<String> = ids.iter().map(u64::to_string).collect();
        let read = |value: &Value| {
            let record = answer::record(value)?;
            let address = Address {
                id: record.entry.id.0,
                on: on(value),
            };
            Ok((address, record))
        };
        let is_asked = |(address, _): &(Address, Record)| ids.contains(&address.id);
        self.each_of(&list, "id", &texts, read, is_asked)
    }

    /// The results of a list that one of `values` selects by `filter`, each as `read` makes it; one that doesn't
    /// fit says that the filter was ignored. Nothing is asked for no values.
    pub fn each_of<T: Send>(
        &self,
        list: &str,
        filter: &str,
        values: &[String],
        read: impl Fn(&Value) -> Result<T, String> + Sync,
        fits: impl Fn(&T) -> bool + Sync,
    ) -> Result<Vec<T>, Stop> {
        let check = |value: &Value| match read(value)? {
            one if fits(&one) => Ok(()),
            _ => Err(not_honoured(filter, &text(value, "name"))),
        };
        let part = |query: String| {
            let path = format!("{list}&limit=1000{query}");
            let (check, read) = (&check, &read);
            Box::new(move || parsed(&self.list_of(&path, check)?, read)) as Job<'_, _>
        };
        let parts = queries(filter, values).into_iter().map(part).collect();
        let parts: Result<Vec<Vec<T>>, Stop> = side_by_side(parts).into_iter().collect();
        Ok(parts?.into_iter().flatten().collect())
    }
}

fn id(value: &Value, what: &str) -> Result<u64, String> {
    let id = value.get("id").and_then(Value::as_u64);
    id.ok_or_else(|| format!("{what} without an id"))
}

fn id_of(value: &Value, name: &str) -> Option<u64> {
    value.get(name)?.get("id")?.as_u64()
}

fn cluster(value: &Value) -> Result<Cluster, String> {
    Ok(Cluster {
        id: id(value, "a cluster")?,
        name: text(value, "name"),
    })
}

/// A virtual machine, as it is in lists and in the answer to what changes it.
pub(super) fn machine(value: &Value) -> Result<Machine, String> {
    let of = value.get("cluster").filter(|cluster| !cluster.is_null());
    Ok(Machine {
        id: id(value, "a virtual machine")?,
        name: text(value, "name"),
        cluster: of.map(cluster).transpose()?,
        tenant: Some(text(&value["tenant"], "slug")).filter(|slug| !slug.is_empty()),
        primary: [id_of(value, "primary_ip4"), id_of(value, "primary_ip6")],
        version: etag(&text(value, "last_updated")),
    })
}

/// An interface of a virtual machine.
pub(super) fn interface(value: &Value) -> Result<Interface, String> {
    let machine = id_of(value, "virtual_machine");
    let mac = value.get("primary_mac_address").filter(|m| !m.is_null());
    Ok(Interface {
        id: id(value, "an interface")?,
        machine: machine.ok_or("an interface of no virtual machine")?,
        name: text(value, "name"),
        mac: mac.map(|mac| text(mac, "mac_address").to_ascii_uppercase()),
        version: etag(&text(value, "last_updated")),
    })
}

/// A MAC address.
pub(super) fn mac(value: &Value) -> Result<Mac, String> {
    Ok(Mac {
        id: id(value, "a MAC address")?,
        mac: text(value, "mac_address").to_ascii_uppercase(),
        on: on(value),
        version: etag(&text(value, "last_updated")),
    })
}

/// What an address or a MAC address is on.
fn on(value: &Value) -> Option<On> {
    let (kind, id) = holder(value)?;
    let object = value.get("assigned_object").cloned().unwrap_or_default();
    let parent = match kind.as_str() {
        OF_MACHINE => text(&object["virtual_machine"], "name"),
        _ => text(&object["device"], "name"),
    };
    let shown = match (text(&object, "name"), text(&object, "display")) {
        (name, _) if !name.is_empty() && !parent.is_empty() => format!("{name} of {parent}"),
        (_, display) if !display.is_empty() => display,
        _ => format!("{kind} {id}"),
    };
    Some(On { kind, id, shown })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_things_are_on() {
        #[rustfmt::skip]
        let cases = [
            ("a machine's",  json!({"assigned_object_type": OF_MACHINE, "assigned_object_id": 7, "assigned_object": {"name": "net0", "virtual_machine": {"name": "web"}}}), Some("net0 of web")),
            ("a device's",   json!({"assigned_object_type": "dcim.interface", "assigned_object_id": 7, "assigned_object": {"name": "eth0", "device": {"name": "edge-1"}}}), Some("eth0 of edge-1")),
            ("a group's",    json!({"assigned_object_type": "ipam.fhrpgroup", "assigned_object_id": 7, "assigned_object": {"display": "VRRPv3: 55"}}), Some("VRRPv3: 55")),
            ("not told",     json!({"assigned_object_type": "x.y", "assigned_object_id": 7, "assigned_object": null}), Some("x.y 7")),
            ("nothing",      json!({"assigned_object_type": null, "assigned_object_id": null}), None),
        ];
        for (name, value, want) in cases {
            assert_eq!(on(&value).map(|on| on.shown).as_deref(), want, "{name}");
        }
    }
}
