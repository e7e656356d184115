//! The site file: what a site looks like and what its policy is, one document for all tools and
//! scripts. Strict: a name that isn't known, a value of another type, a reference to nothing are
//! faults, all told at once; a typing error must never pass for a policy.
//!
//! [`key::KEYS`] says which keys there are. What one tool alone gives meaning to (the contents of
//! probes) is handed on as it came.

use std::{collections::BTreeMap, fs, io::Read as _, net::IpAddr, path::Path};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned, de::Error as _};
use serde_json::Value;

use crate::exit::Stop;

mod app;
mod dns;
mod exempt;
mod fault;
pub mod form;
mod held;
pub mod json;
pub mod key;
mod listed;
mod mistaken;
pub mod near;
mod netbox;
mod notify;
mod option;
mod pair;
mod pointer;
pub mod print;
mod reference;
mod service;
mod vip;
mod walk;

pub use app::{App, BackupTarget};
pub use dns::{Dns, NameServer};
pub use exempt::Exemption;
pub use fault::{Fault, Faults};
pub use held::{Held, Holder};
pub use listed::{Listed, called, is_site, listed, pairs};
pub use netbox::Netbox;
pub use notify::{Apprise, Discord, Healthchecks, Notify, Ntfy};
pub use option::Named;
pub use pair::{Expect, FileRule, Member, Pair};
use pointer::Pointer;
pub use service::Service;
pub use vip::is_link_local;

/// The most that is read of a site file, in bytes; one of a hundred pairs has 50 KiB.
const LARGEST: u64 = 16 << 20;

/// How many faults of a file are told; so many are hardly of one person's typing.
const MOST_LINES: usize = 40;

/// A site, its defaults filled in. The meaning of each field is in [`key::KEYS`].
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[allow(missing_docs)] // the table of keys has a sentence for each
pub struct Site {
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nameserver: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_keys_file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    pub avoid: Vec<String>,
    pub limits: Limits,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netbox: Option<Netbox>,
    pub nodes: Vec<Node>,
    pub storages: Vec<Storage>,
    pub database_storage_types: Vec<String>,
    pub vlans: Vec<Vlan>,
    pub pairs: Vec<Pair>,
    pub services: Vec<Service>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ha: Option<Ha>,
    #[serde(deserialize_with = "named")]
    pub roles: BTreeMap<String, Role>,
    #[serde(deserialize_with = "named")]
    pub templates: BTreeMap<String, Template>,
    pub apps: Vec<App>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_target: Option<BackupTarget>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
    pub exempt: Vec<Exemption>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// The normalised document: what `vmid site` prints, with the user's own `x-` names.
    #[serde(skip)]
    pub document: Value,
}

/// Limits of the site.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Limits {
    /// How many times a node's memory its running guests may be given.
    pub ram_ratio: f64,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// CPU threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<u32>,
    /// Memory in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// Storages for new guests, the preferred first.
    pub storages: Vec<String>,
    /// Its bridges; none: nothing is known of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridges: Option<Vec<String>>,
    /// Device files and folders that containers may need.
    pub devices: Vec<String>,
    /// Files that guests need to start: absolute paths, and volumes of content snippets.
    pub files: Vec<String>,
}

/// A storage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Storage {
    /// Its ID.
    pub storage: String,
    /// Its type.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What it may hold; none: anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Vec<String>>,
    /// Guests may be on it.
    pub guests: bool,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Vlan {
    /// Its VID, 1..=4094.
    pub vlan: u64,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its prefix.
    pub prefix: IpNet,
    /// The base of its guests' IDs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<u64>,
    /// The digits of its host numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<u32>,
    /// Its bridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<String>,
    /// Interfaces have the VLAN as tag.
    pub tagged: bool,
    /// Its gateway's address, or `none`: the rule is resolved.
    pub gateway: String,
}

/// The HA setup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Ha {
    /// The name of its rule or group.
    pub name: String,
    /// Its nodes.
    pub nodes: Vec<String>,
    /// Its resources.
    pub resources: Vec<Resource>,
}

/// An HA resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Resource {
    /// `vm:101`.
    pub sid: String,
    /// The guest's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What a guest is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Role {
    /// It is a database.
    pub database: bool,
    /// Its container is privileged.
    pub privileged: bool,
    /// The tag of such guests in Proxmox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What a new guest gets if it doesn't say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Template {
    /// Volume of the container template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lxc: Option<String>,
    /// Volume of the VM's disk image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm: Option<String>,
    /// Features of an unprivileged container.
    pub features: Vec<String>,
    /// CPU cores.
    pub cores: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Swap in MiB.
    pub swap_mib: u64,
    /// Disk in GiB.
    pub disk_gib: u64,
    /// Packages that are installed in it.
    pub packages: Vec<String>,
    /// What is run in it as root, in this order.
    pub commands: Vec<Command>,
}

/// A command of a template; both texts are lines for bash.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Command {
    /// What is run.
    pub run: String,
    /// What succeeds where it was done already.
    pub unless: String,
}

impl Site {
    /// A site of which nothing is known but the defaults.
    #[must_use]
    pub fn empty() -> Self {
        Self::parse(b"{}").unwrap_or_default() // cannot fail: a test reads it
    }

    /// The site of a file's text.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, Faults> {
        let value = json::parse(text)?;
        let is_site = value.get("vlans").is_some() || value.get("storages").is_some();
        if let Some(what) = mistaken::told(&value, "a site file").filter(|_| !is_site) {
            return Err(Faults::of_document(what));
        }
        let mut faults = Faults::default();
        let mut document = walk::object(value, "", Pointer::Start(""), &mut faults);
        for (place, pair) in list_of(&mut document, "pairs").enumerate() {
            vip::normalise(pair, &format!("pairs[{place}]"), &mut faults);
        }
        faults.or(())?;
        let mut site = Self::of(&document)?;
        let mut faults = Faults::default();
        reference::check(&mut site, &mut faults);
        for (vlan, entry) in site.vlans.iter().zip(list_of(&mut document, "vlans")) {
            entry["gateway"] = Value::String(vlan.gateway.clone());
        }
        site.document = document;
        faults.or(site)
    }

    /// The types of a document that the table of keys allows.
    fn of(document: &Value) -> Result<Self, Faults> {
        Self::deserialize(document).map_err(|error| Faults::of_document(json::told(&error)))
    }

    /// The role of that name.
    ///
    /// # Errors
    ///
    /// There is none; the message has the near name, to be read behind the name.
    pub fn role(&self, name: &str) -> Result<&Role, String> {
        known(name, &self.roles)
    }

    /// The template of that name.
    ///
    /// # Errors
    ///
    /// As [`Site::role`].
    pub fn template(&self, name: &str) -> Result<&Template, String> {
        known(name, &self.templates)
    }

    /// A storage that the site keeps from guests; without a word of it `local` is one.
    #[must_use]
    pub fn keeps_out(&self, storage: &str) -> bool {
        let entry = self.storages.iter().find(|entry| entry.storage == storage);
        entry.map_or(storage == "local", |entry| !entry.guests)
    }

    /// What the site is called in messages: its name, or "the site".
    #[must_use]
    pub fn called(&self) -> &str {
        self.name.as_deref().unwrap_or("the site")
    }
}

/// The site of a file that the caller named.
///
/// # Errors
///
/// It can't be read, or is wrong: exit code 2, with a line for each fault.
pub fn read(path: &Path) -> Result<Site, Stop> {
    let name = path.display().to_string();
    let mut text = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text));
    read.map_err(|error| Stop::file(&name, error))?;
    if text.len() as u64 > LARGEST {
        let what = anyhow::anyhow!("{name}: no site file is larger than {} MiB", LARGEST >> 20);
        return Err(Stop::input(what));
    }
    Site::parse(&text).map_err(|faults| faults.stop(&name))
}

impl Faults {
    /// The call is wrong (exit code 2), with a line for each fault of the file `name`.
    #[must_use]
    pub fn stop(&self, name: &str) -> Stop {
        let mut lines = self.0.iter().map(|fault| format!("{name}: {fault}"));
        let first = lines.next().unwrap_or_else(|| name.to_owned());
        let stop = lines
            .by_ref()
            .take(MOST_LINES - 1)
            .fold(Stop::input(anyhow::anyhow!(first)), Stop::also);
        match lines.count() {
            0 => stop,
            more => stop.also(format!("{name}: and {more} faults more")),
        }
    }
}

/// The entries of a map whose names are the user's, but for those that begin with `x-`.
fn named<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    reader: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    let all = BTreeMap::<String, Value>::deserialize(reader)?;
    let own = all.into_iter().filter(|(name, _)| !name.starts_with("x-"));
    own.map(|(name, value)| Ok((name, T::deserialize(value).map_err(D::Error::custom)?)))
        .collect()
}

fn known<'a, T>(name: &str, all: &'a BTreeMap<String, T>) -> Result<&'a T, String> {
    all.get(name).ok_or_else(|| {
        let hint = near::hint(name, all.keys().map(String::as_str));
        format!("is not in the site file{hint}")
    })
}

fn list_of<'a>(
    document: &'a mut Value,
    name: &str,
) -> impl Iterator<Item = &'a mut Value> + use<'a> {
    let list = document.get_mut(name).and_then(Value::as_array_mut);
    list.into_iter().flatten()
}

#[cfg(test)]
mod tests;
