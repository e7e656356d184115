//! What of a guest that lives isn't as it is asked for. It is only told: nothing is reconfigured.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Found, code::Code, wanted::Wanted};
use crate::{
    config::property::{Options, bytes, is_numbered, plain},
    plan::{creation::Params, parameter},
    state::{Guest, Kind},
};

/// What Proxmox takes where the configuration says nothing.
const DEFAULTS: [(&str, &str); 5] = [
    ("onboot", "0"),
    ("protection", "0"),
    ("unprivileged", "0"),
    ("memory", "512"),
    ("swap", "512"),
];

/// Parameters of the creation alone, which leave nothing to compare with.
const ONCE: [&str; 5] = [
    "ostemplate",
    "ssh-public-keys",
    "description",
    "ide2",
    "pool",
];

/// What differs, each in words.
pub fn differs(guest: &Guest, wanted: &Wanted, params: &Params, found: &mut Found) -> Vec<String> {
    let mut differs = Vec::new();
    if guest.node != wanted.node {
        differs.push(format!(
            "it is on {}, and {} is asked for",
            guest.node, wanted.node
        ));
    }
    let pool = params.get("pool").map(ToString::to_string);
    if let (Some(asked), Some(pool)) = (pool, &guest.pool)
        && asked != *pool
    {
        differs.push(format!(
            "it is in the pool {pool}, and {asked} is asked for"
        ));
    }
    if wanted.params.is_none() {
        return differs;
    }
    let config = guest.config.as_ref().map(|config| config.get());
    let config = config.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    let Some(config) = config else {
        let what = "its configuration is not in the state, so whether it is as asked is not known";
        found.warns(Code::Unseen, what);
        return differs;
    };
    for (key, asked) in params {
        // What is never sent is not compared either: it may be a secret.
        if ONCE.contains(&&key[..]) || parameter::is_foreign(key, asked, wanted.kind) {
            continue;
        }
        let asked = asked.to_string();
        let grown = wanted.resize.get(key).map(String::as_str);
        differs.extend(difference(
            key,
            &asked,
            grown,
            config.get(key).map(plain),
            wanted.kind,
        ));
    }
    differs
}

/// The sizes that its disks were to get, but for those that no plan has.
pub fn grown(wanted: &Wanted, params: &Params) -> BTreeMap<String, String> {
    let one = |(disk, size): (&String, &String)| BTreeMap::from([(disk.clone(), size.clone())]);
    let each = wanted.resize.iter().map(one);
    each.filter(|one| parameter::foreign_resize(one, params, wanted.kind).is_none())
        .flatten()
        .collect()
}

fn difference(
    key: &str,
    asked: &str,
    grown: Option<&str>,
    now: Option<String>,
    kind: Kind,
) -> Option<String> {
    let mut defaults = DEFAULTS.iter();
    let default = defaults.find(|(name, _)| *name == key);
    let default = default.map(|(_, value)| (*value).to_owned());
    let Some(now) = now.or(default) else {
        return Some(format!("{key} is not set, and {asked} is asked for"));
    };
    let is_disk = key == "rootfs" || is_numbered(key, "mp") || is_numbered(key, "scsi");
    let is_same = if is_disk {
        same_disk(asked, grown, &now)
    } else if is_numbered(key, "net") {
        same_net(asked, &now)
    } else if matches!(key, "features" | "tags") || is_numbered(key, "ipconfig") {
        words(asked) == words(&now)
    } else if key == parameter::name_key(kind) {
        true // it is the same guest by it
    } else {
        asked == now
    };
    (!is_same).then(|| format!("{key} is {now}, and {asked} is asked for"))
}

/// The storage and the size; a disk may have grown since.
fn same_disk(asked: &str, grown: Option<&str>, now: &str) -> bool {
    let (asked, now) = (Options(asked), Options(now));
    let storage = |options: &Options<'_>| {
        let volume = options.get("volume").or_else(|| options.first());
        let parts = volume.and_then(|volume| volume.split_once(':'));
        parts.map(|(storage, rest)| (storage.to_owned(), rest.to_owned()))
    };
    let (Some((to, gib)), Some((on, _))) = (storage(&asked), storage(&now)) else {
        return false;
    };
    let least = grown.map_or_else(|| bytes(&format!("{gib}G")), bytes);
    let size = now.get("size").map_or(u64::MAX, bytes); // not told: not compared
    to == on && size >= least
}

/// Bridge, tag and addresses: the rest Proxmox fills in.
fn same_net(asked: &str, now: &str) -> bool {
    let (asked, now) = (Options(asked), Options(now));
    let keys = ["bridge", "tag", "ip", "gw", "ip6", "gw6"];
    keys.iter().all(|key| asked.get(key) == now.get(key))
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split([',', ';']).collect()
}
