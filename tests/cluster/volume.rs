//! Volumes as configs name them.

use serde_json::{Map, Value};

/// A volume of a guest, as its config names it.
#[derive(Clone, Debug)]
pub struct Volume {
    /// The key in the config, such as `scsi0` or `mp1`.
    pub key: String,
    /// Storage and name; a bind mount has no storage.
    pub storage: Option<String>,
    pub volid: String,
    pub bytes: u64,
    pub cdrom: bool,
    pub shared: bool,
}

impl Volume {
    /// From the value of a config's key.
    pub fn of(key: &str, text: &str) -> Self {
        let volid = text.split(',').next().unwrap_or_default().to_owned();
        let option = |name: &str| {
            text.split(',')
                .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        let storage = (!volid.starts_with('/'))
            .then(|| volid.split_once(':').map(|(storage, _)| storage.to_owned()))
            .flatten();
        Self {
            key: key.to_owned(),
            storage,
            bytes: option("size").map_or(0, bytes),
            cdrom: option("media") == Some("cdrom"),
            shared: option("shared") == Some("1"),
            volid,
        }
    }
}

/// The volumes of a config; an empty drive is none.
pub fn volumes(config: &Map<String, Value>, ct: bool) -> Vec<Volume> {
    let names: &[&str] = if ct {
        &["mp", "unused"]
    } else {
        &[
            "scsi", "virtio", "sata", "ide", "efidisk", "tpmstate", "unused",
        ]
    };
    let root = ct && config.contains_key("rootfs");
    let mut found: Vec<&str> = if root { vec!["rootfs"] } else { Vec::new() };
    found.extend(names.iter().flat_map(|name| keys(config, name)));
    let value = |key: &str| config.get(key).and_then(Value::as_str).map(str::to_owned);
    found
        .into_iter()
        .filter_map(|key| Some(Volume::of(key, &value(key)?)))
        .filter(|volume| volume.volid != "none")
        .collect()
}

/// The guest in the name of a volume: `104/vm-104-disk-1.raw`.
pub fn owner(name: &str) -> Option<u32> {
    name.split('-').find_map(|part| part.parse().ok())
}

/// Keys that begin with `prefix` and go on with a number.
pub fn keys<'a>(config: &'a Map<String, Value>, prefix: &str) -> impl Iterator<Item = &'a str> {
    let number = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
    let keys = config.keys().map(String::as_str);
    keys.filter(move |key| key.strip_prefix(prefix).is_some_and(number))
}

/// `8G` in bytes.
pub fn bytes(size: &str) -> u64 {
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &size.as_bytes()[digits.len()..] {
        [b'K', ..] => 10,
        [b'M', ..] => 20,
        [b'G', ..] => 30,
        [b'T', ..] => 40,
        _ => 0,
    };
    (digits.parse::<f64>().unwrap_or(0.0)
        * f64::from(1 << shift.min(30))
        * if shift == 40 { 1024.0 } else { 1.0 }) as u64
}
