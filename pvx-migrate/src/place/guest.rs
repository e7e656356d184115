//! A new guest as its record says it, completed from its template and role in the site file.

use std::net::IpAddr;

use vmid::{
    site::{Member, Site, Vlan},
    stream::{Record, Value},
};

use crate::{
    plan::refusal::{Code, Refusal},
    state::Kind,
};

/// Memory in MiB and disk in GiB of a guest of which nobody says more.
const DEFAULT: (u64, u64) = (1024, 8);

/// A new guest, as far as its place depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    pub(super) name: String,
    pub(super) vmid: Option<u32>,
    pub(super) address: Option<IpAddr>,
    pub(super) kind: Kind,
    pub(super) memory: u64,
    pub(super) disk: u64,
    pub(super) database: bool,
    pub(super) node: Option<String>,
    pub(super) bridge: Option<String>,
}

impl Guest {
    /// Reads a record; without a site, whether its role, template and VLAN exist is not known.
    ///
    /// # Errors
    ///
    /// [`Code::BadName`], [`Code::BadField`], [`Code::UnknownRole`], [`Code::UnknownTemplate`],
    /// [`Code::UnknownVlan`]
    pub fn of(record: &Record<'_>, site: Option<&Site>) -> Result<Self, Refusal> {
        let text = |name: &str| match record.value(name) {
            Value::Absent | Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text.into_owned())),
            Value::Number(number) => Ok(Some(number.to_owned())),
            _ => Err(bad(name, record, "a text")),
        };
        let number = |name: &str| match text(name)? {
            None => Ok(None),
            Some(text) => match text.parse::<u64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(bad(name, record, "a number without a fraction")),
            },
        };
        let name = text("name")?.filter(|name| !name.trim().is_empty());
        let Some(name) = name else {
            let what = "it has no name, which a new guest needs";
            return Err(Refusal::new(Code::BadName, what));
        };
        let kind = match (text("type")?.as_deref(), text("shape")?.as_deref()) {
            (Some("qemu"), _) | (None, Some("vm")) => Kind::Qemu,
            (Some("lxc"), _) | (None, _) => Kind::Lxc,
            _ => return Err(bad("type", record, "qemu or lxc")),
        };
        let template = match record.value("template") {
            Value::Bool(_) | Value::Number("0" | "1") => None, // PVE's own: whether it is one
            _ => text("template")?,
        };
        let role = text("role")?;
        let role = role.map(|name| known(site, Code::UnknownRole, &name, Site::role));
        let role = role.transpose()?.flatten();
        let template = match template {
            Some(name) => known(site, Code::UnknownTemplate, &name, Site::template)?,
            None => site.and_then(|site| site.templates.get("base")),
        };
        let memory = number("memory_mib")?.or(template.map(|template| template.memory_mib));
        let disk = number("disk_gib")?.or(template.map(|template| template.disk_gib));
        let vlan = match (site, number("vlan")?) {
            (Some(site), Some(vlan)) => Some(network(site, vlan)?),
            _ => None,
        };
        let is_stateful = match record.value("stateful_db") {
            Value::Bool(value) => value,
            Value::Text(word) => matches!(&word[..], "true" | "yes" | "1"),
            Value::Number(number) => number == "1",
            _ => false,
        };
        let vmid = number("vmid")?.and_then(|vmid| u32::try_from(vmid).ok());
        Ok(Self {
            name,
            vmid,
            address: text("address")?.as_deref().and_then(address),
            kind,
            memory: memory.unwrap_or(DEFAULT.0).saturating_mul(1 << 20),
            disk: disk.unwrap_or(DEFAULT.1).saturating_mul(1 << 30),
            database: is_stateful || role.is_some_and(|role| role.database),
            node: text("node")?,
            bridge: vlan.and_then(|vlan| vlan.bridge.clone()),
        })
    }
}

impl Guest {
    /// It is this member of a pair: by its ID, its name or its address.
    #[must_use]
    pub fn is(&self, member: &Member) -> bool {
        let same_id = self.vmid.is_some() && self.vmid == member.vmid;
        let same_name = !self.name.is_empty() && self.name == member.name;
        let same_address = self.address.is_some() && self.address == member.address;
        same_id || same_name || same_address
    }
}

/// An address, with or without a mask; what is none can't be a member's.
fn address(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

/// The site's network of that VLAN.
fn network(site: &Site, vlan: u64) -> Result<&Vlan, Refusal> {
    let found = site.vlans.iter().find(|entry| entry.vlan == vlan);
    found.ok_or_else(|| {
        let all: Vec<String> = site
            .vlans
            .iter()
            .map(|entry| entry.vlan.to_string())
            .collect();
        let there = match all.as_slice() {
            [] => "there is none".to_owned(),
            [only] => format!("there is {only}"),
            all => format!("there are {}", all.join(", ")),
        };
        let what = format!("the VLAN {vlan} is not in the site file; {there}");
        Refusal::new(Code::UnknownVlan, what)
    })
}

/// What the site says of a role or template; none if there is no site.
fn known<'a, T>(
    site: Option<&'a Site>,
    code: Code,
    name: &str,
    find: impl Fn(&'a Site, &str) -> Result<&'a T, String>,
) -> Result<Option<&'a T>, Refusal> {
    let found = site.map(|site| find(site, name)).transpose();
    found.map_err(|why| {
        let kind = if code == Code::UnknownRole {
            "role"
        } else {
            "template"
        };
        Refusal::new(code, format!("the {kind} {name} {why}"))
    })
}

fn bad(name: &str, record: &Record<'_>, wanted: &str) -> Refusal {
    let raw = record.raw(name).unwrap_or_default();
    let what = format!("{name} is {raw}, and should be {wanted}");
    Refusal::new(Code::BadField, what)
}
