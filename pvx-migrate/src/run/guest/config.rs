//! What a guest's configuration says, as the API gives it. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{mark, seen::Guest};
use crate::state::{Kind, is_true};

/// A guest by its configuration; what its status has is left as it is in a guest that is stopped.
#[must_use]
pub fn guest(vmid: u32, kind: Kind, node: &str, config: &Value) -> Guest {
    let text = |name: &str| config[name].as_str().map(str::to_owned);
    let lock = text("lock");
    let name = match kind {
        Kind::Lxc => text("hostname"),
        // A VM needs none, and is shown so.
        Kind::Qemu if lock.as_deref() != Some("create") => {
            text("name").or_else(|| Some(format!("VM {vmid}")))
        }
        Kind::Qemu => text("name"),
    };
    let description = text("description").unwrap_or_default();
    let fields = config.as_object().into_iter().flatten();
    let config_: BTreeMap<String, String> = fields
        .map(|(name, value)| (name.clone(), shown(value)))
        .collect();
    Guest {
        node: node.to_owned(),
        kind,
        reached: true,
        name,
        mark: mark::last_line(&description).map(str::to_owned),
        description,
        lock,
        running: false,
        managed: false,
        protection: is_true(&config["protection"]),
        template: is_true(&config["template"]),
        digest: text("digest"),
        print: print(&config_),
        sizes: sizes(&config_),
        config: config_,
    }
}

/// A value as a parameter has it: numbers and texts are the same.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(is) => u8::from(*is).to_string(),
        value => value.to_string(),
    }
}

/// A number that is another one when anything but the description is changed: FNV-1a, 64 bits, which
/// is the same in every build (the journal has it).
fn print(config: &BTreeMap<String, String>) -> u64 {
    let fields = config
        .iter()
        .filter(|(name, _)| !["description", "digest"].contains(&name.as_str()));
    let bytes = fields.flat_map(|(name, value)| {
        let parts = [name.as_bytes(), b"\0", value.as_bytes(), b"\0"];
        parts.into_iter().flatten().copied()
    });
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// `size=` of each value that has one, in bytes.
fn sizes(config: &BTreeMap<String, String>) -> BTreeMap<String, u64> {
    let sizes = config.iter().filter_map(|(name, value)| {
        let size = value.split(',').find_map(|part| part.strip_prefix("size="));
        Some((name.clone(), bytes(size?)?))
    });
    sizes.collect()
}

/// `32G` in bytes.
#[must_use]
pub fn bytes(size: &str) -> Option<u64> {
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &size[digits.len()..] {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return None,
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if !part.is_empty() && part.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let plain = whole.bytes().all(|byte| byte.is_ascii_digit());
    let whole = whole.parse::<u64>().ok().filter(|_| plain)?;
    whole.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_and_marks() {
        #[rustfmt::skip]
        let cases = [
            ("a container",         Kind::Lxc,  json!({"hostname": "paperless", "description": "x\npvx run 1\n"}), Some("paperless"), Some("pvx run 1")),
            ("being made",          Kind::Lxc,  json!({"lock": "create", "digest": "d"}),                          None,              None),
            ("a VM",                Kind::Qemu, json!({"name": "web"}),                                            Some("web"),       None),
            ("a VM without a name", Kind::Qemu, json!({"memory": "512"}),                                          Some("VM 100"),    None),
            ("a VM being made",     Kind::Qemu, json!({"lock": "create"}),                                         None,              None),
            ("a name of numbers",   Kind::Lxc,  json!({"hostname": 7}),                                            None,              None),
        ];
        for (name, kind, config, want, mark) in cases {
            let guest = guest(100, kind, "a", &config);
            assert_eq!(guest.name.as_deref(), want, "{name}");
            assert_eq!(guest.mark.as_deref(), mark, "{name}");
        }
    }

    #[test]
    fn what_makes_another_print() {
        let base = json!({"hostname": "g", "rootfs": "s:v,size=8G", "memory": 512, "digest": "a", "description": "x"});
        let print = |change: Value| {
            let mut config = base.clone();
            let change = change.as_object().unwrap().clone();
            config.as_object_mut().unwrap().extend(change);
            guest(100, Kind::Lxc, "a", &config).print
        };
        let same = print(json!({}));
        #[rustfmt::skip]
        let cases = [
            ("the description",         json!({"description": "y", "digest": "b"}), true),
            ("a number as text",        json!({"memory": "512"}),                   true),
            ("memory",                  json!({"memory": 1024}),                    false),
            ("a mount point",           json!({"mp0": "s:w,mp=/x"}),                false),
            ("a name",                  json!({"hostname": "h"}),                   false),
            ("a key and its value",     json!({"hostnameg": ""}),                   false),
        ];
        for (name, change, want) in cases {
            assert_eq!(print(change) == same, want, "{name}");
        }
        let sizes = guest(100, Kind::Lxc, "a", &base).sizes;
        assert_eq!(sizes, BTreeMap::from([("rootfs".to_owned(), 8 << 30)]));
    }

    #[test]
    fn sizes_as_they_are_written() {
        #[rustfmt::skip]
        let cases = [
            ("32G", Some(32 << 30)), ("512M", Some(512 << 20)), ("1T", Some(1 << 40)), ("4096", Some(4096)), ("8.0G", Some(8 << 30)),
            ("8.5G", None), ("", None), ("G", None), ("8X", None), ("99999999999999T", None), ("+8G", None),
        ];
        for (text, want) in cases {
            assert_eq!(bytes(text), want, "{text}");
        }
    }
}
