//! The guests, from a state document or from records of them.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::config::{self, Config, Kind};

/// A guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Its ID.
    pub vmid: u32,
    /// VM or container.
    pub kind: Kind,
    /// Its name, if it was seen.
    pub name: Option<String>,
    /// Where it is.
    pub node: Option<String>,
    /// Its pool.
    pub pool: Option<String>,
    /// It is a template.
    pub template: bool,
    /// It stands still, so that its file systems need nobody to tell them to.
    pub stopped: bool,
    /// None if it was not read.
    pub config: Option<Config>,
}

/// A guest as `/cluster/resources` and the state document have it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Raw {
    vmid: Option<Value>,
    #[serde(rename = "type")]
    kind: Option<Value>,
    name: Option<Value>,
    node: Option<Value>,
    pool: Option<Value>,
    template: Option<Value>,
    status: Option<Value>,
    config: Option<Map<String, Value>>,
    error: Option<Value>,
}

/// A whole number of an ID, as a number or as text.
pub(super) fn id(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number.as_u64()?.try_into().ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// 1, true or "1".
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_i64() == Some(1),
        Value::String(text) => text == "1",
        _ => false,
    }
}

pub(super) fn text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

impl Raw {
    /// A record, whose other fields may be its configuration.
    pub fn of(mut record: Map<String, Value>) -> Self {
        let mut take = |name: &str| record.get_mut(name).map(Value::take);
        let mut raw = Self {
            vmid: take("vmid"),
            kind: take("type"),
            name: take("name"),
            node: take("node"),
            pool: take("pool"),
            template: take("template"),
            status: take("status"),
            error: take("error"),
            ..Self::default()
        };
        raw.name = text(raw.name)
            .or_else(|| text(take("hostname")))
            .map(Value::from);
        let failed = raw.error.as_ref().is_some_and(|error| !error.is_null());
        raw.config = match record.get_mut("config").map(Value::take) {
            Some(Value::Object(config)) => Some(config),
            _ => (config::is_in(&record) && !failed).then_some(record),
        };
        raw
    }

    /// The guest; none for a row of another type (a node, a storage).
    ///
    /// # Errors
    ///
    /// It is neither.
    pub fn guest(self) -> Result<Option<Guest>, String> {
        let kind = match self.kind {
            Some(Value::String(kind)) => kind,
            _ => return Err("type is missing (lxc or qemu)".to_owned()),
        };
        let Some(kind) = Kind::of_guest(&kind) else {
            let others = ["node", "storage", "pool", "sdn", "network", "openvz"];
            return match others.contains(&kind.as_str()) {
                true => Ok(None),
                false => Err(format!("type is {kind:?}, not lxc or qemu")),
            };
        };
        let vmid = self.vmid.as_ref().and_then(id);
        let vmid = vmid.ok_or("vmid is missing, or no ID of a guest")?;
        Ok(Some(Guest {
            vmid,
            kind,
            name: text(self.name),
            node: text(self.node),
            pool: text(self.pool),
            template: self.template.as_ref().is_some_and(is_true),
            stopped: text(self.status).as_deref() == Some("stopped"),
            config: self.config.map(|config| Config::of(kind, &config)),
        }))
    }
}

/// Refuses two guests of one ID: lists of two clusters, whose backups can't be told apart here.
///
/// # Errors
///
/// There are.
pub(super) fn unique(guests: &[Guest]) -> Result<(), String> {
    let mut seen = HashSet::new();
    let twice = guests.iter().find(|guest| !seen.insert(guest.vmid));
    twice.map_or(Ok(()), |guest| {
        Err(format!(
            "the guest {} is there twice: are these guests of two clusters?",
            guest.vmid
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn guest(value: Value) -> Result<Option<Guest>, String> {
        let Value::Object(record) = value else {
            panic!()
        };
        Raw::of(record).guest()
    }

    #[test]
    fn guests_of_all_lists() {
        let plain = guest(
            json!({"vmid": 101, "type": "lxc", "name": "web", "node": "a", "maxmem": 1, "status": "stopped"}),
        );
        let plain = plain.unwrap().unwrap();
        assert!(plain.config.is_none() && plain.stopped && !plain.template);
        let of_inventory = guest(
            json!({"vmid": 101, "type": "qemu", "template": 1, "memory": "512", "agent": "1", "scsi0": "a:b,backup=0"}),
        );
        let of_inventory = of_inventory.unwrap().unwrap();
        let config = of_inventory.config.unwrap();
        assert!(config.agent && config.left_out.len() == 1 && of_inventory.template);
        let of_state = guest(json!({"vmid": 101, "type": "qemu", "config": {"agent": "0"}}));
        assert_eq!(of_state.unwrap().unwrap().config, Some(Config::default()));
        let unread = guest(
            json!({"vmid": 101, "type": "qemu", "memory": 1, "error": {"code": "no-config"}}),
        );
        assert_eq!(unread.unwrap().unwrap().config, None);
        assert_eq!(guest(json!({"type": "node", "node": "a"})), Ok(None));
        for wrong in [
            json!({}),
            json!({"type": "lxc"}),
            json!({"type": "lxc", "vmid": -1}),
            json!({"type": "vm", "vmid": 1}),
        ] {
            assert!(guest(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
