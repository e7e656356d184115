//! What an older NetBox keeps, and what it refuses: as recorded on 4.2.9, 4.4.10 and 4.5.10, and
//! where nothing is recorded, stricter rather than kinder.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::net;

/// Major and minor.
pub type Version = (u16, u16);

/// The only tag that is there.
pub const TAG: &str = "infra";

/// The only tenant that is there.
pub const TENANT: &str = "acme";

const ROLES: [&str; 8] = [
    "loopback",
    "secondary",
    "anycast",
    "vip",
    "vrrp",
    "hsrp",
    "glbp",
    "carp",
];

/// Roles of which any number of records of one address may be.
const SHARED: [&str; 6] = ["anycast", "vip", "vrrp", "hsrp", "glbp", "carp"];

pub struct Ipam {
    pub version: Version,
    /// Names of custom fields of addresses, and whether an address must have them.
    pub fields: Vec<(String, bool)>,
    pub prefixes: Vec<Value>,
    pub addresses: Vec<Value>,
    pub changes: Vec<Value>,
    serial: u64,
}

/// What a request comes to: a status and a body.
pub type Outcome = (u16, Value);

impl Ipam {
    /// VLAN 10 with a gateway that has a record, so that the server may choose; VLAN 30 without.
    pub fn new(version: Version) -> Self {
        let prefix = |id: u64, net: &str, vid: u64| {
            let status = json!({"value": "active", "label": "Active"});
            let mut prefix = json!({"id": id, "prefix": net, "vrf": null, "vlan": {"id": id, "vid": vid},
                "status": status, "is_pool": false, "mark_utilized": false});
            prefix["family"] = json!({"value": 4, "label": "IPv4"});
            prefix
        };
        let mut ipam = Self {
            version,
            fields: vec![("ipalloc_key".to_owned(), false)],
            prefixes: vec![
                prefix(1, "192.168.10.0/24", 10),
                prefix(2, "192.168.30.0/24", 30),
            ],
            addresses: Vec::new(),
            changes: Vec::new(),
            serial: 0,
        };
        let made = ipam.create(&json!([{"address": "192.168.10.1/24", "dns_name": "gw10"}]));
        assert_eq!(made.0, 201);
        ipam
    }

    pub fn find(&self, id: u64) -> Option<&Value> {
        self.addresses.iter().find(|record| record["id"] == id)
    }

    fn tick(&mut self) -> (u64, String) {
        self.serial += 1;
        let time = format!("2026-11-26T06:29:02.{:06}Z", self.serial);
        (self.serial, time)
    }

    /// Notes a change as the change log has it; messages are there since 4.4.
    fn log(&mut self, id: u64, action: &str, body: &Value) {
        let mut change = json!({"id": self.changes.len() + 1, "changed_object_type": "ipam.ipaddress",
            "changed_object_id": id, "action": {"value": action}});
        if self.version >= (4, 4) {
            change["message"] = body["changelog_message"].clone();
        }
        self.changes.push(change);
    }

    /// What is wrong with an address to be made, or with one that is to be like this (`id`).
    fn faults(&self, new: &Value, id: Option<u64>) -> Option<Value> {
        let text = |name: &str| new[name].as_str().unwrap_or_default();
        let slugs = new["tags"].as_array().into_iter().flatten();
        for tag in slugs {
            let Some(slug) = tag["slug"].as_str() else {
                let what = "Related objects must be referenced by numeric ID or by dictionary of attributes.";
                return Some(json!({"tags": [what]}));
            };
            if slug != TAG {
                let what = format!(
                    "Related object not found using the provided attributes: {{'slug': '{slug}'}}"
                );
                return Some(json!({"tags": [what]}));
            }
        }
        if let Some(slug) = new["tenant"]["slug"]
            .as_str()
            .filter(|slug| *slug != TENANT)
        {
            let what = format!(
                "Related object not found using the provided attributes: {{'slug': '{slug}'}}"
            );
            return Some(json!({"tenant": [what]}));
        }
        if !new["tenant"].is_null() && new["tenant"]["slug"].is_null() {
            let what =
                "Related objects must be referenced by numeric ID or by dictionary of attributes.";
            return Some(json!({"tenant": [what]}));
        }
        let is_choice = |name: &str, known: &[&str]| {
            let value = new.get(name).filter(|value| !value.is_object());
            value.is_none_or(|value| value.as_str().is_some_and(|value| known.contains(&value)))
        };
        let statuses = ["active", "reserved", "deprecated", "dhcp", "slaac"];
        for (name, known) in [("status", &statuses[..]), ("role", &ROLES)] {
            if !is_choice(name, known) && !new[name].is_null() {
                return Some(json!({name: [format!("{} is not a valid choice.", new[name])]}));
            }
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"*-._".contains(&byte);
        if !text("dns_name").bytes().all(plain) {
            let what = "Only alphanumeric characters, asterisks, hyphens, periods, and underscores are allowed in DNS names";
            return Some(json!({"dns_name": [what]}));
        }
        if text("description").chars().count() > 200 {
            let what = "Ensure this field has no more than 200 characters.";
            return Some(json!({"description": [what]}));
        }
        let Some((address, _)) = net::parse(text("address")) else {
            return Some(json!({"address": ["Enter a valid IPv4 or IPv6 address."]}));
        };
        let others = || {
            self.addresses
                .iter()
                .filter(|other| other["id"].as_u64() != id)
        };
        let same = |other: &Value| {
            net::parse(other["address"].as_str().unwrap_or_default())
                .is_some_and(|other| other.0 == address)
        };
        let is_shared = |record: &Value| {
            let role = record["role"]["value"].as_str().or(record["role"].as_str());
            role.is_some_and(|role| SHARED.contains(&role))
        };
        let keeps_others_off = |other: &Value| !is_shared(new) || !is_shared(other);
        if others().any(|other| same(other) && keeps_others_off(other)) {
            let what = format!(
                "Duplicate IP address found in global table: {}",
                text("address")
            );
            return Some(json!({"address": [what]}));
        }
        self.custom_faults(new, others())
    }

    fn custom_faults<'a>(
        &self,
        new: &Value,
        mut others: impl Iterator<Item = &'a Value>,
    ) -> Option<Value> {
        let given = new["custom_fields"].as_object();
        let known = |name: &String| self.fields.iter().any(|(field, _)| field == name);
        if let Some(name) = given
            .into_iter()
            .flat_map(|g| g.keys())
            .find(|name| !known(name))
        {
            let what = format!("Custom field '{name}' does not exist for this object type.");
            return Some(json!({"custom_fields": {name: what}}));
        }
        let missing = |(name, required): &&(String, bool)| {
            *required
                && given
                    .and_then(|given| given.get(name))
                    .is_none_or(Value::is_null)
        };
        if let Some((name, _)) = self.fields.iter().find(missing) {
            return Some(json!({"__all__": [format!("Missing required custom field '{name}'.")]}));
        }
        let key = new["custom_fields"]["ipalloc_key"].as_str()?;
        let taken = others.any(|other| other["custom_fields"]["ipalloc_key"] == key);
        let what = "Custom field 'ipalloc_key' must have a unique value.";
        taken.then(|| json!({"__all__": [what]}))
    }

    fn insert(&mut self, new: &Value) -> Value {
        let (id, time) = self.tick();
        let mut record = json!({"id": id, "url": format!("http://127.0.0.1/api/ipam/ip-addresses/{id}/"),
            "display": new["address"], "family": {"value": 4, "label": "IPv4"}, "address": new["address"],
            "vrf": null, "tenant": null, "status": {"value": new["status"].as_str().unwrap_or("active")},
            "role": null, "assigned_object": null, "dns_name": "", "description": "", "comments": "",
            "tags": [], "custom_fields": {}, "created": time, "last_updated": time});
        for (name, _) in &self.fields {
            record["custom_fields"][name] = Value::Null;
        }
        if self.version >= (4, 5) {
            record["owner"] = Value::Null;
        }
        self.set(&mut record, new);
        self.addresses.push(record.clone());
        self.log(id, "create", new);
        record
    }

    /// What a client may set; whatever else is in the body is ignored.
    fn set(&self, record: &mut Value, body: &Value) {
        for name in ["address", "dns_name", "description", "comments", "tags"] {
            if let Some(value) = body.get(name) {
                record[name] = value.clone();
            }
        }
        for name in ["status", "role"] {
            if let Some(value) = body[name].as_str() {
                record[name] = json!({"value": value, "label": value.to_uppercase()});
            }
        }
        if let Some(slug) = body["tenant"]["slug"].as_str() {
            record["tenant"] = json!({"id": 1, "name": slug.to_uppercase(), "slug": slug});
        }
        for (name, value) in body["custom_fields"].as_object().into_iter().flatten() {
            record["custom_fields"][name] = value.clone();
        }
    }

    /// A list to `ip-addresses/`: one after the other, all or none; before 4.7 the first that is
    /// wrong says what, and not which it is.
    pub fn create(&mut self, body: &Value) -> Outcome {
        let news = body
            .as_array()
            .cloned()
            .unwrap_or_else(|| vec![body.clone()]);
        let before = (self.addresses.clone(), self.changes.clone());
        let mut made = Vec::new();
        for new in &news {
            if let Some(faults) = self.faults(new, None) {
                (self.addresses, self.changes) = before;
                return (400, faults);
            }
            made.push(self.insert(new));
        }
        (201, Value::Array(made))
    }

    pub fn free(&self, prefix: u64) -> Option<Vec<String>> {
        let prefix = self.prefixes.iter().find(|value| value["id"] == prefix)?;
        let net = net::parse(prefix["prefix"].as_str()?)?;
        let taken = self.addresses.iter();
        let taken = taken.filter_map(|record| net::parse(record["address"].as_str()?));
        let taken: HashSet<u32> = taken.map(|(address, _)| address).collect();
        let free = net::usable(net).filter(|address| !taken.contains(address));
        Some(free.map(|address| net::shown(address, net.1)).collect())
    }

    /// A list to `available-ips/`: first looked at by a serializer of its own, which before 4.5
    /// takes no blank description, then made together. Faults are told by place.
    pub fn create_available(&mut self, prefix: u64, body: &Value) -> Outcome {
        let Some(free) = self.free(prefix) else {
            return (404, json!({"detail": "No Prefix matches the given query."}));
        };
        let mut news = body
            .as_array()
            .cloned()
            .unwrap_or_else(|| vec![body.clone()]);
        let blank = |new: &Value| {
            let blank = ["description", "tags"]
                .into_iter()
                .find(|name| matches!(new.get(name), Some(v) if v == "" || *v == json!([])));
            blank
                .filter(|_| self.version < (4, 5))
                .map(|name| json!({name: ["This field may not be blank."]}))
        };
        let placed = |all: Vec<Option<Value>>| {
            let wrong = all.iter().any(Option::is_some);
            let all = all
                .into_iter()
                .map(|faults| faults.unwrap_or_else(|| json!({})));
            wrong.then(|| (400, all.collect()))
        };
        if let Some(refused) = placed(news.iter().map(blank).collect()) {
            return refused;
        }
        if free.len() < news.len() {
            let what = "Insufficient resources are available to satisfy the request";
            return (409, json!({"detail": what}));
        }
        for (new, address) in news.iter_mut().zip(free) {
            new["address"] = json!(address);
            new["vrf"] = Value::Null;
        }
        if let Some(refused) = placed(news.iter().map(|new| self.faults(new, None)).collect()) {
            return refused;
        }
        (201, news.iter().map(|new| self.insert(new)).collect())
    }

    /// No `If-Match` before 4.6: the last one wins.
    pub fn patch(&mut self, id: u64, body: &Value) -> Outcome {
        let Some(mut record) = self.find(id).cloned() else {
            return (
                404,
                json!({"detail": "No IPAddress matches the given query."}),
            );
        };
        self.set(&mut record, body);
        let mut all = record.clone();
        all["tags"] = json!([]); // checked when it was made
        if let Some(faults) = self.faults(&all, Some(id)) {
            return (400, faults);
        }
        record["last_updated"] = json!(self.tick().1);
        self.log(id, "update", body);
        self.addresses.retain(|other| other["id"] != id);
        self.addresses.push(record.clone());
        (200, record)
    }

    pub fn delete(&mut self, id: u64, body: &Value) -> Outcome {
        if self.find(id).is_none() {
            return (
                404,
                json!({"detail": "No IPAddress matches the given query."}),
            );
        }
        self.addresses.retain(|other| other["id"] != id);
        self.log(id, "delete", body);
        (204, Value::Null)
    }
}
