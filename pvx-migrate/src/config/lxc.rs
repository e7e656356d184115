//! Raw lines of LXC's own in a container's configuration, as far as they name files, devices
//! or interfaces of the node (lxc.container.conf(5)).

use std::collections::BTreeMap;

use serde_json::Value;

use super::Config;

/// Folders that are alike on every Proxmox node: of LXC's own packages, and the cluster's file
/// system, less what is the node's in it.
const SHARED_FOLDERS: [&str; 3] = ["/usr/share/lxc/", "/usr/share/lxcfs/", "/etc/pve/"];
const LOCAL_FOLDERS: [&str; 3] = ["/etc/pve/local/", "/etc/pve/lxc/", "/etc/pve/qemu-server/"];

/// Hooks that PVE never runs, or that are run in the container, from its own files.
const OTHER_HOOKS: [&str; 4] = ["version", "start", "clone", "destroy"];

impl Config {
    /// `[["lxc.mount.entry", "/dev/dri dev/dri none bind,optional"], ...]`
    pub(super) fn raw_lines(&mut self, lines: &Value) {
        let mut nets: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
        for line in lines.as_array().into_iter().flatten() {
            let (Some(key), Some(value)) = (line[0].as_str(), line[1].as_str()) else {
                continue;
            };
            let value = value.trim();
            if key == "lxc.mount.entry" {
                self.mount_entry(value);
            } else if key == "lxc.include" {
                self.raw_file(key, value);
            } else if let Some(hook) = key.strip_prefix("lxc.hook.") {
                if !OTHER_HOOKS.contains(&hook) {
                    self.raw_file(key, value);
                }
            } else if let Some((number, name)) = key
                .strip_prefix("lxc.net.")
                .and_then(|rest| rest.split_once('.'))
            {
                let net = nets.entry(number).or_default();
                match name {
                    "type" => net.0 = value,
                    "link" => net.1 = value,
                    _ => {}
                }
            }
        }
        for (number, (kind, link)) in nets {
            match kind {
                _ if link.is_empty() => {}
                "veth" => self.bridges.push(link.to_owned()),
                "phys" | "macvlan" | "ipvlan" | "vlan" => {
                    let key = format!("lxc.net.{number}.type {kind}");
                    self.interfaces.push((key, link.to_owned()));
                }
                _ => {}
            }
        }
    }

    /// A line of fstab(5); `optional` lets the container start without the source.
    fn mount_entry(&mut self, entry: &str) {
        let words: Vec<&str> = entry.split_whitespace().collect();
        let Some(path) = words.first().filter(|path| path.starts_with('/')) else {
            return;
        };
        let mut options = words.get(3).into_iter().flat_map(|list| list.split(','));
        if options.any(|option| option == "optional") {
            if !super::EVERYWHERE.contains(path) {
                self.optional
                    .push(("lxc.mount.entry".to_owned(), (*path).to_owned()));
            }
        } else {
            self.device("lxc.mount.entry", path);
        }
    }

    /// A file by its path; a hook may have arguments behind it.
    fn raw_file(&mut self, key: &str, value: &str) {
        let path = value.split_whitespace().next().unwrap_or_default();
        let below = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
        let everywhere = below(&SHARED_FOLDERS) && !below(&LOCAL_FOLDERS);
        if path.starts_with('/') && !everywhere {
            self.files.push((key.to_owned(), path.to_owned()));
        }
    }
}
