//! Where the guests are: Proxmox's `/cluster/resources`, or the state of pvx-migrate.
//!
//! Both are read for no more than node, status, disks and HA's state; all other fields are theirs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vmid::stream;

/// The guests and the storages of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    guests: Vec<Place>,
    /// Storages that all nodes share; any other is a disk of each node's own.
    shared: BTreeSet<String>,
    /// Nodes that are not in the cluster now.
    offline: BTreeSet<String>,
    /// HA's resources as a state has them: what each guest is there, by its ID.
    managed: BTreeMap<u32, String>,
    /// It is a state in which HA could not be seen, so that nobody knows whom it manages.
    ha_unseen: bool,
}

/// Where a guest is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its ID.
    pub vmid: u32,
    /// Its name.
    pub name: String,
    /// The node, if it is known.
    pub node: Option<String>,
    /// `running`, `stopped`, `unknown`.
    pub status: String,
    /// Storages of its disks, as far as they are told.
    pub storages: BTreeSet<String>,
    /// What the HA manager has it as (`hastate` of /cluster/resources, `ha` of a state); none if it doesn't
    /// manage it, or nobody knows.
    pub ha: Option<String>,
}

/// What is wrong with a guest that HA manages, by its state there (PVE::HA::Manager); none if nothing is.
#[must_use]
pub fn of_ha(place: &Place) -> Option<String> {
    let what = match place.ha.as_deref()? {
        "error" => {
            "HA has given it up (state error): it will not be moved or started until it was disabled and started again"
        }
        "fence" => "HA waits until its node is fenced (state fence), to start it elsewhere then",
        "recovery" => "HA looks for a node to start it on (state recovery)",
        "disabled" => "HA keeps it stopped (state disabled)",
        _ => return None,
    };
    Some(what.to_owned())
}

impl Places {
    /// Reads records, an answer of the API around them, or a state document.
    ///
    /// # Errors
    ///
    /// It is something else, or has no guest in it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let mut places = Self::default();
        let records = stream::parse(text).map_err(|bad| bad.to_string())?;
        for (place, kept) in records.iter().enumerate() {
            // The reader allows deeper nesting than serde_json.
            let value: Value = serde_json::from_str(kept.record().text())
                .map_err(|error| format!("record {}: {error}", place + 1))?;
            match (&value["guests"], &value["storages"]) {
                (Value::Array(guests), storages) => {
                    let nodes = value["nodes"].as_array().into_iter().flatten();
                    nodes.for_each(|node| places.add_node(node));
                    guests.iter().for_each(|guest| places.add(guest));
                    places.add_ha(&value);
                    storages
                        .as_array()
                        .into_iter()
                        .flatten()
                        .for_each(|storage| places.add_storage(storage));
                }
                _ => places.add(&value),
            }
        }
        for guest in &mut places.guests {
            let managed = places.managed.get(&guest.vmid).cloned();
            guest.ha = guest.ha.take().or(managed);
        }
        if places.guests.is_empty() {
            return Err(
                "no guest is in it: expected /cluster/resources or pvx-migrate state".to_owned(),
            );
        }
        Ok(places)
    }

    /// Where a guest is, by its ID.
    #[must_use]
    pub fn of(&self, vmid: u32) -> Option<&Place> {
        self.guests.iter().find(|place| place.vmid == vmid)
    }

    /// What HA has the guests as could not be seen.
    #[must_use]
    pub fn ha_unseen(&self) -> bool {
        self.ha_unseen
    }

    /// That guest is known to run, on a node that is there.
    #[must_use]
    pub fn runs(&self, vmid: u32) -> bool {
        self.of(vmid).is_some_and(|place| {
            let away = place.node.as_deref().is_some_and(|node| self.offline(node));
            place.status == "running" && !away
        })
    }

    /// That storage is one for all nodes.
    #[must_use]
    pub fn is_shared(&self, storage: &str) -> bool {
        self.shared.contains(storage)
    }

    /// That node is not in the cluster now, as far as anybody said.
    #[must_use]
    pub fn offline(&self, node: &str) -> bool {
        self.offline.contains(node)
    }

    /// `{"type":"node","node","status"}` of the API, `{"node","online"}` of a state.
    fn add_node(&mut self, value: &Value) {
        let offline = value["status"] == "offline" || value["online"] == false;
        if let Some(name) = value["node"].as_str().filter(|_| offline) {
            self.offline.insert(name.to_owned());
        }
    }

    fn add(&mut self, value: &Value) {
        if value["type"] == "storage" {
            return self.add_storage(value);
        }
        if value["type"] == "node" {
            return self.add_node(value);
        }
        let vmid = value["vmid"].as_u64().and_then(|id| u32::try_from(id).ok());
        let Some(vmid) = vmid.filter(|_| value["type"] == "qemu" || value["type"] == "lxc") else {
            return; // a pool, an SDN zone
        };
        let text = |name: &str| {
            value[name]
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        self.guests.push(Place {
            vmid,
            name: text("name").unwrap_or_default(),
            node: text("node"),
            status: text("status").unwrap_or_else(|| "unknown".to_owned()),
            storages: storages(value),
            ha: text("hastate"),
        });
    }

    /// `{"ha":{"resources":[{"sid":"ct:101","state","crm_state"}]}}` of a state; null if its token may
    /// not see HA.
    fn add_ha(&mut self, state: &Value) {
        self.ha_unseen |= state.get("ha").is_some_and(Value::is_null);
        for resource in state["ha"]["resources"].as_array().into_iter().flatten() {
            let sid = resource["sid"].as_str().and_then(|sid| sid.split_once(':'));
            let vmid = sid.and_then(|(_, vmid)| vmid.parse().ok());
            // What the manager says of it now; what was asked for, if it says nothing.
            let now = resource["crm_state"]
                .as_str()
                .or(resource["state"].as_str());
            if let Some((vmid, now)) = vmid.zip(now) {
                self.managed.insert(vmid, now.to_owned());
            }
        }
    }

    fn add_storage(&mut self, value: &Value) {
        let shared = match &value["shared"] {
            Value::Bool(shared) => *shared,
            other => other.as_u64() == Some(1) || other == "1",
        };
        if let Some(name) = value["storage"].as_str().filter(|_| shared) {
            self.shared.insert(name.to_owned());
        }
    }
}

/// The storages of the disks, by the guest's configuration: that in pvx-migrate's state, or
/// one that stands in the record itself, as `scripts/inventory` has it.
fn storages(guest: &Value) -> BTreeSet<String> {
    const DISKS: [&str; 8] = [
        "rootfs", "mp", "scsi", "virtio", "sata", "ide", "efidisk", "tpmstate",
    ];
    let is_disk = |key: &str| {
        let stem = key.trim_end_matches(|c: char| c.is_ascii_digit());
        DISKS.contains(&stem)
    };
    let config = guest["config"].as_object().or_else(|| guest.as_object());
    let fields = config.into_iter().flatten();
    let volumes = fields
        .filter(|(key, _)| is_disk(key))
        .filter_map(|(_, value)| value.as_str());
    let disks = volumes.filter(|volume| !volume.contains("media=cdrom"));
    let named = disks.filter_map(|volume| volume.split(',').next()?.split_once(':'));
    named
        .map(|(storage, _)| storage.to_owned())
        .filter(|storage| !storage.starts_with('/'))
        .collect()
}

/// What the loss of each node takes with it: the members, by node.
#[must_use]
pub fn by_node<'a>(
    nodes: impl IntoIterator<Item = (&'a str, usize)>,
) -> BTreeMap<&'a str, Vec<usize>> {
    let mut by_node: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (node, member) in nodes {
        by_node.entry(node).or_default().push(member);
    }
    by_node
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let api = r#"{"data":[{"id":"lxc/10111","type":"lxc","vmid":10111,"name":"dns-1","node":"node3","status":"running"},
            {"id":"node/node3","type":"node","node":"node3"},
            {"id":"storage/node3/nas","type":"storage","storage":"nas","node":"node3","shared":1},
            {"id":"storage/node3/zdata","type":"storage","storage":"zdata","node":"node3","shared":0}]}"#;
        let places = Places::parse(api.as_bytes()).unwrap();
        assert_eq!(places.of(10111).unwrap().node.as_deref(), Some("node3"));
        assert_eq!(places.of(10112), None);
        assert!(places.is_shared("nas") && !places.is_shared("zdata"));
        let state = r#"{"version":1,"storages":[{"storage":"nas","type":"nfs","shared":true}],
            "guests":[{"vmid":1192,"type":"lxc","node":"node2","status":"running",
            "config":{"rootfs":"nas:subvol-1192-disk-0,size=8G","ide2":"iso:x.iso,media=cdrom","mp0":"/srv/data,mp=/data","scsihw":"virtio-scsi"}}]}"#;
        let places = Places::parse(state.as_bytes()).unwrap();
        assert!(places.of(1192).unwrap().storages.iter().eq(["nas"]) && places.is_shared("nas"));
        for bad in [
            "",
            "[]",
            r#"{"data":null}"#,
            "{",
            r#"{"type":"node","node":"a"}"#,
        ] {
            assert!(Places::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_ha_has_guests_as() {
        let state = |ha: &str| {
            let text =
                format!(r#"{{"version":1{ha},"guests":[{{"vmid":101,"type":"lxc","node":"a"}}]}}"#);
            let places = Places::parse(text.as_bytes()).unwrap();
            (places.of(101).unwrap().ha.clone(), places.ha_unseen())
        };
        let resources = |all: &str| format!(r#","ha":{{"resources":[{all}]}}"#);
        #[rustfmt::skip]
        let cases = [
            ("what the manager says", resources(r#"{"sid":"ct:101","state":"started","crm_state":"error"}"#), Some("error"),    false),
            ("what was asked for",    resources(r#"{"sid":"vm:101","state":"disabled"}"#),                    Some("disabled"), false),
            ("it says nothing now",   resources(r#"{"sid":"ct:101","state":"started","crm_state":null}"#),    Some("started"),  false),
            ("another's",             resources(r#"{"sid":"ct:102","state":"started"}"#),                     None,             false),
            ("no resource",           resources(r#"{"sid":"101","state":"started"}"#),                        None,             false),
            ("not seen",              r#","ha":null"#.to_owned(),                                             None,             true),
            ("records",               String::new(),                                                          None,             false),
        ];
        for (name, ha, want, unseen) in cases {
            assert_eq!(state(&ha), (want.map(str::to_owned), unseen), "{name}");
        }
    }

    #[test]
    fn a_guest_that_is_nested_too_deep_does_not_vanish() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let guests =
            format!(r#"{{"type":"lxc","vmid":10111}}{{"type":"lxc","vmid":10112,"x":{deep}}}"#);
        let wrong = Places::parse(guests.as_bytes()).unwrap_err();
        assert!(
            wrong.starts_with("record 2: recursion limit exceeded"),
            "{wrong}"
        );
    }
}
