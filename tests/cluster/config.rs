//! Configs as Proxmox VE writes them, and `PUT .../config`.

use serde_json::{Map, Value, json};

use crate::{
    api::{Answer, Call, failed},
    create::{drive, new_disk, numbered},
    disks::NewDisk,
    privilege::Asked,
    schema::text,
    world::World,
};

/// What a creation is told that no config has.
const NOT_KEPT: &[&str] = &[
    "node",
    "vmid",
    "ostemplate",
    "start",
    "force",
    "pool",
    "storage",
    "password",
    "ssh-public-keys",
    "ha-managed",
    "unique",
    "restore",
    "bwlimit",
    "ignore-unpack-errors",
    "digest",
    "delete",
    "hostname",
    "archive",
    "skiplock",
    "template",
    "force",
    "revert",
    "background_delay",
];

/// Keys of containers that are numbers; of VMs `memory` is text.
const NUMBERS: &[&str] = &[
    "cores",
    "cpulimit",
    "cpuunits",
    "swap",
    "onboot",
    "unprivileged",
    "protection",
    "console",
    "tty",
    "debug",
    "sockets",
    "balloon",
    "acpi",
    "kvm",
    "tablet",
    "numa",
    "vcpus",
];

/// What a VM that runs takes up only when it starts again.
const AT_ONCE: &[&str] = &[
    "description",
    "tags",
    "name",
    "onboot",
    "startup",
    "protection",
];

impl World {
    /// Name and config of a new guest.
    pub fn config_of(
        &self,
        vmid: u32,
        ct: bool,
        parameters: &Map<String, Value>,
        made: &[(String, NewDisk)],
    ) -> (String, Map<String, Value>) {
        let mut config = if ct {
            json!({"arch": "amd64", "ostype": "debian", "memory": 512, "swap": 512, "unprivileged": 1})
        } else {
            json!({"meta": format!("creation-qemu=10.0.2,ctime={}", self.clock()), "vmgenid": uuid(vmid, 1),
                "smbios1": format!("uuid={}", uuid(vmid, 2))})
        };
        let mut config = config
            .as_object_mut()
            .map(std::mem::take)
            .unwrap_or_default();
        for (key, value) in parameters
            .iter()
            .filter(|(key, _)| !NOT_KEPT.contains(&key.as_str()))
        {
            if let Some(value) = kept(vmid, ct, key, value) {
                config.insert(key.clone(), value);
            }
        }
        let name = parameters
            .get(if ct { "hostname" } else { "name" })
            .map(text);
        config.remove("name");
        for (key, disk) in made {
            let asked = parameters.get(key).map(text).unwrap_or_default();
            config.insert(key.clone(), disk.entry(&asked).into());
        }
        if !ct && !config.contains_key("boot") {
            let drives = made.iter().map(|(key, _)| key.as_str());
            let nets = config
                .keys()
                .filter(|key| numbered(key, "net"))
                .map(String::as_str);
            let mut order: Vec<&str> = drives
                .chain(nets)
                .filter(|key| !key.starts_with("efi") && !key.starts_with("tpm"))
                .collect();
            order.sort_by_key(|key| (key.starts_with("net"), key.starts_with("ide"), *key));
            let order = if order.is_empty() {
                " ".to_owned()
            } else {
                format!("order={}", order.join(";"))
            };
            config.insert("boot".into(), order.into());
        }
        (name.unwrap_or_default(), config)
    }

    /// `PUT .../config`.
    pub fn put_config(&mut self, call: &Call, ct: bool) -> Answer {
        let vmid = call.vmid();
        if !self.quorate {
            return failed(500, "cluster not ready - no quorum?");
        }
        if call.has("skiplock") {
            return failed(400, "skiplock: Only root may use this option.");
        }
        let deleted: Vec<String> = call
            .text("delete")
            .split([',', ';', ' '])
            .filter(|k| !k.is_empty())
            .map(str::to_owned)
            .collect();
        let asked = Asked {
            token: call.token,
            vmid,
            pool: String::new(),
        };
        let mut options = call.parameters.clone();
        let guest = self.guest(vmid);
        let old = |key: &String| (key.clone(), guest.text(key).into());
        options.extend(deleted.iter().map(old));
        let unprivileged = guest.text("unprivileged") == "1";
        if ct {
            self.ct_options(&asked, &options, unprivileged)?;
        } else {
            self.vm_options(&asked, &options, false)?;
        }
        crate::create::keys(&crate::http::decode(&call.text("sshkeys")))?;
        let guest = self.guest(vmid);
        let digest = call.text("digest");
        if ct && options.contains_key("unprivileged") {
            return failed(500, "unable to modify read-only option: 'unprivileged'");
        }
        if ct && let Some(lock) = &guest.lock {
            return failed(500, format!("CT is locked ({lock})"));
        }
        if !digest.is_empty() && digest != guest.digest() {
            let why = if ct {
                "detected modified configuration - file changed by other user? Try again."
            } else {
                "checksum mismatch (file change by other user?)"
            };
            return failed(500, why);
        }
        if let Some(lock) = &guest.lock {
            return failed(500, format!("VM is locked ({lock})"));
        }
        let disk = |(key, value): (&String, &Value)| {
            (key == "rootfs" || numbered(key, "mp") || drive(key))
                && new_disk(&text(value)).is_some()
        };
        if call.parameters.iter().any(disk) {
            return failed(
                501,
                "new disks of a guest that lives are not implemented (by this simulation)",
            );
        }
        self.set(vmid, ct, call.parameters, &deleted);
        Ok(Value::Null)
    }

    fn set(&mut self, vmid: u32, ct: bool, parameters: &Map<String, Value>, deleted: &[String]) {
        let values: Vec<(String, Option<Value>)> = parameters
            .iter()
            .filter(|(key, _)| !NOT_KEPT.contains(&key.as_str()) || *key == "hostname")
            .map(|(key, value)| (key.clone(), kept(vmid, ct, key, value)))
            .chain(deleted.iter().map(|key| (key.clone(), None)))
            .collect();
        self.change(vmid, "configured", |guest| {
            for (key, value) in values {
                let value = value.filter(|value| value != "");
                if key == if ct { "hostname" } else { "name" } {
                    guest.name = value.as_ref().map(text).unwrap_or_default();
                    continue;
                }
                let waits = !ct && guest.running && !AT_ONCE.contains(&key.as_str());
                let old = guest.config.get(&key).cloned();
                match value {
                    Some(value) if waits => drop(guest.pending.insert(key, value)),
                    Some(value) => drop(guest.config.insert(key, value)),
                    None => {
                        guest.config.remove(&key);
                        // A disk that is taken off stays, unused.
                        if let Some(old) = old.filter(|_| drive(&key) || numbered(&key, "mp")) {
                            let volume =
                                text(&old).split(',').next().unwrap_or_default().to_owned();
                            let free = (0..)
                                .map(|n| format!("unused{n}"))
                                .find(|k| !guest.config.contains_key(k));
                            guest.config.insert(free.unwrap_or_default(), volume.into());
                        }
                    }
                }
            }
        });
    }
}

/// A value as the config has it; none if it is empty.
fn kept(vmid: u32, ct: bool, key: &str, value: &Value) -> Option<Value> {
    let plain = text(value);
    if plain.is_empty() {
        return None;
    }
    if NUMBERS.contains(&key) || ct && key == "memory" {
        let word = match plain.as_str() {
            "true" | "yes" | "on" => "1",
            "false" | "no" | "off" => "0",
            other => other,
        };
        return word
            .parse::<i64>()
            .ok()
            .map(Value::from)
            .or(Some(plain.into()));
    }
    Some(match key {
        "tags" => tags(&plain).into(),
        "description" => format!("{}\n", plain.trim_end_matches('\n')).into(),
        _ if numbered(key, "net") => network(vmid, ct, key, &plain).into(),
        _ => plain.into(),
    })
}

/// Sorted, each once.
fn tags(text: &str) -> String {
    let mut list: Vec<&str> = text
        .split([',', ';', ' '])
        .filter(|tag| !tag.is_empty())
        .collect();
    list.sort_unstable();
    list.dedup();
    list.join(";")
}

/// With a MAC address; a container's is sorted, its name first (LXC/Config.pm, `print_ct_network`).
fn network(vmid: u32, ct: bool, key: &str, asked: &str) -> String {
    let number: u32 = key.trim_start_matches("net").parse().unwrap_or(0);
    let address = vmid.wrapping_mul(31).wrapping_add(number);
    let mac = format!(
        "BC:24:11:{:02X}:{:02X}:{:02X}",
        address >> 16 & 255,
        address >> 8 & 255,
        address & 255
    );
    let mut parts: Vec<String> = asked.split(',').map(str::to_owned).collect();
    if !ct {
        if let Some(first) = parts.first_mut().filter(|first| !first.contains('=')) {
            *first = format!("{first}={mac}");
        }
        return parts.join(",");
    }
    if !parts.iter().any(|part| part.starts_with("hwaddr=")) {
        parts.push(format!("hwaddr={mac}"));
    }
    if !parts.iter().any(|part| part.starts_with("type=")) {
        parts.push("type=veth".into());
    }
    parts.sort_by_key(|part| (!part.starts_with("name="), part.clone()));
    parts.join(",")
}

fn uuid(vmid: u32, salt: u32) -> String {
    format!("{vmid:08x}-{salt:04x}-4000-8000-{vmid:012x}")
}
