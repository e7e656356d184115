//! The MAC addresses of the interfaces that addresses are on: for lists, which are made without
//! them if the token may not see interfaces.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use vmid::exit::{self, Stop};

use super::{NetBox, answer::text};
use crate::{
    assign::OF_MACHINE,
    ipam::{Entry, EntryId},
};

/// The kinds of interfaces, each with where the API has it.
const KINDS: [(&str, &str); 2] = [
    (OF_MACHINE, "/api/virtualization/interfaces/"),
    ("dcim.interface", "/api/dcim/interfaces/"),
];

impl NetBox {
    /// As [`crate::ipam::Ipam::macs`].
    pub(super) fn macs_on(&self, entries: &[&Entry]) -> Result<HashMap<EntryId, String>, Stop> {
        let mut macs = HashMap::new();
        for (kind, list) in KINDS {
            let on = |entry: &&Entry| {
                let record = self.records.get(&entry.id)?;
                let (_, interface) = record.on.as_ref().filter(|(of, _)| of == kind)?;
                Some((entry.id, *interface))
            };
            let on: Vec<(EntryId, u64)> = entries.iter().filter_map(on).collect();
            let interfaces: BTreeSet<u64> = on.iter().map(|(_, interface)| *interface).collect();
            let of_interfaces = match self.macs_of_interfaces(list, &interfaces) {
                Err(stop) if stop.is_callers() => {
                    let note = format!("note: no MAC addresses are told: {stop}");
                    exit::say("ipalloc", &note);
                    continue;
                }
                of_interfaces => of_interfaces?,
            };
            let mac = |(entry, interface): (EntryId, u64)| {
                Some((entry, of_interfaces.get(&interface)?.clone()))
            };
            macs.extend(on.into_iter().filter_map(mac));
        }
        Ok(macs)
    }

    /// The primary MAC addresses of these interfaces.
    fn macs_of_interfaces(
        &self,
        list: &str,
        ids: &BTreeSet<u64>,
    ) -> Result<HashMap<u64, String>, Stop> {
        let list = format!("{list}?fields=id,primary_mac_address");
        let read = |value: &Value| {
            let id = value["id"].as_u64().ok_or("an interface without an id")?;
            let mac = text(&value["primary_mac_address"], "mac_address");
            Ok((id, mac.to_ascii_uppercase()))
        };
        let texts: Vec<String> = ids.iter().map(u64::to_string).collect();
        let is_asked = |(id, _): &(u64, String)| ids.contains(id);
        let all = self.api.each_of(&list, "id", &texts, read, is_asked)?;
        Ok(all.into_iter().filter(|(_, mac)| !mac.is_empty()).collect())
    }
}
