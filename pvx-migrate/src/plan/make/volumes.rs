//! The volumes that a creation asks for, and those that it is made from.

use std::collections::BTreeMap;

use crate::{
    config::property::{Options, bytes, is_numbered},
    plan::creation::Params,
    state::Kind,
};

/// A volume that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    /// Its parameter: `rootfs`, `mp0`, `scsi0`.
    pub key: String,
    /// The storage.
    pub storage: String,
    /// Its size in the end, in bytes; none where it is an image's own, and nobody says it.
    pub size: Option<u64>,
    /// The image that it is made from.
    pub image: Option<String>,
}

/// The volumes that the parameters ask for; those in a form that is never sent are left out.
pub fn new(params: &Params, resize: &BTreeMap<String, String>, kind: Kind) -> Vec<New> {
    let volumes = params.iter().filter(|(key, _)| is_volume(key, kind));
    volumes
        .filter_map(|(key, value)| {
            let value = value.to_string();
            let options = Options(&value);
            let (storage, size) = options.first()?.split_once(':')?;
            let image = options.get("import-from").map(str::to_owned);
            let grown = resize.get(key).map(|size| bytes(size));
            let made = match (size, &image) {
                ("cloudinit", _) => Some(0),
                (_, Some(_)) => None,
                (gib, None) => gib.parse().ok().map(|gib: u64| gib.saturating_mul(1 << 30)),
            };
            Some(New {
                key: key.clone(),
                storage: storage.to_owned(),
                size: grown.max(made),
                image,
            })
        })
        .collect()
}

fn is_volume(key: &str, kind: Kind) -> bool {
    match kind {
        Kind::Lxc => key == "rootfs" || is_numbered(key, "mp"),
        Kind::Qemu => key == "ide2" || is_numbered(key, "scsi"),
    }
}

/// The bridge and whether it is to tag, of each network interface.
pub fn interfaces(params: &Params) -> Vec<(String, bool)> {
    let nets = params.iter().filter(|(key, _)| is_numbered(key, "net"));
    nets.filter_map(|(_, value)| {
        let value = value.to_string();
        let options = Options(&value);
        let bridge = options.get("bridge")?.to_owned();
        Some((bridge, options.get("tag").is_some()))
    })
    .collect()
}
