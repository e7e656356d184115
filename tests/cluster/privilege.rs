//! What a token must be allowed for each option of a config (LXC.pm, `check_ct_modify_config_perm`;
//! API2/Qemu.pm, `check_vm_modify_config_perm`), and what only root may set.

use serde_json::{Map, Value};

use crate::{api::failed, schema::text, world::World};

pub type Allowed = Result<(), (u16, String)>;

/// Who asks, and for which guest.
pub struct Asked<'a> {
    pub token: &'a str,
    pub vmid: u32,
    /// The pool of the creation, whose rights count as the guest's own.
    pub pool: String,
}

pub fn denied<T>(what: &str) -> Result<T, (u16, String)> {
    failed(403, format!("Permission check failed ({what})"))
}

impl World {
    pub fn may_guest(&self, asked: &Asked, right: &str) -> bool {
        let pool = format!("/pool/{}", asked.pool);
        self.may(asked.token, &format!("/vms/{}", asked.vmid), right)
            || !asked.pool.is_empty() && self.may(asked.token, &pool, right)
    }

    pub fn need_guest(&self, asked: &Asked, rights: &[&str]) -> Allowed {
        if rights.iter().any(|right| self.may_guest(asked, right)) {
            return Ok(());
        }
        denied(&format!("/vms/{}, {}", asked.vmid, rights.join("|")))
    }

    pub fn need(&self, token: &str, path: &str, rights: &[&str]) -> Allowed {
        if rights
            .iter()
            .any(|right| self.may(token, path.trim_end_matches('/'), right))
        {
            return Ok(());
        }
        denied(&format!("{path}, {}", rights.join("|")))
    }

    /// The options of a container. `unprivileged`: as it is or is to be.
    pub fn ct_options(
        &self,
        asked: &Asked,
        options: &Map<String, Value>,
        unprivileged: bool,
    ) -> Allowed {
        for (key, value) in options {
            let value = text(value);
            match series(key) {
                "ostemplate"
                | "start"
                | "force"
                | "password"
                | "ssh-public-keys"
                | "pool"
                | "storage"
                | "node"
                | "vmid"
                | "ha-managed"
                | "unprivileged"
                | "restore"
                | "unique"
                | "bwlimit"
                | "digest"
                | "delete"
                | "ignore-unpack-errors" => {}
                "rootfs" | "mp" => {
                    self.need_guest(asked, &["VM.Config.Disk"])?;
                    mount_point(&value)?;
                }
                "cores" | "cpuunits" | "cpulimit" => self.need_guest(asked, &["VM.Config.CPU"])?,
                "memory" | "swap" => self.need_guest(asked, &["VM.Config.Memory"])?,
                "net" => {
                    self.need_guest(asked, &["VM.Config.Network"])?;
                    self.need_bridge(asked.token, &value)?;
                }
                "nameserver" | "searchdomain" | "hostname" => {
                    self.need_guest(asked, &["VM.Config.Network"])?;
                }
                "features" => features(&value, unprivileged)?,
                "hookscript" => {
                    return denied("changing the hookscript is only allowed for root@pam");
                }
                "dev" => {
                    return denied("configuring device passthrough is only allowed for root@pam");
                }
                _ => self.need_guest(asked, &["VM.Config.Options"])?,
            }
        }
        Ok(())
    }

    /// The options of a VM; `new`: it is being made.
    pub fn vm_options(&self, asked: &Asked, options: &Map<String, Value>, new: bool) -> Allowed {
        for (key, value) in options {
            let value = text(value);
            let only_root =
                |what: &str| failed(500, format!("only root can set '{key}' config{what}"));
            match series(key) {
                "start" | "force" | "pool" | "storage" | "node" | "vmid" | "ha-managed"
                | "archive" | "unique" | "bwlimit" | "digest" | "delete" => {}
                "args" | "lock" | "hookscript" => return only_root(""),
                "hostpci" if !value.contains("mapping=") => {
                    return only_root(" for non-mapped devices");
                }
                "serial" if value != "socket" => return only_root(" for real devices"),
                "usb" if !value.contains("spice") && !value.contains("mapping=") => {
                    return only_root(" for real devices");
                }
                "parallel" => return only_root(" for real devices"),
                // A disk that is made needs the right to its storage only.
                "scsi" | "virtio" | "sata" | "ide" | "efidisk" | "tpmstate" if new => {}
                "scsi" | "virtio" | "sata" | "ide" | "efidisk" | "tpmstate" | "unused" | "boot"
                | "bootdisk" | "vmstatestorage" => self.need_guest(asked, &["VM.Config.Disk"])?,
                "cores" | "cpu" | "cpulimit" | "cpuunits" | "numa" | "smp" | "sockets"
                | "vcpus" | "affinity" => {
                    self.need_guest(asked, &["VM.Config.CPU"])?;
                }
                "memory" | "balloon" | "shares" | "hugepages" | "keephugepages" => {
                    self.need_guest(asked, &["VM.Config.Memory"])?;
                }
                "net" => {
                    self.need_guest(asked, &["VM.Config.Network"])?;
                    self.need_bridge(asked.token, &value)?;
                }
                "nameserver" | "searchdomain" | "ipconfig" | "ciuser" | "cipassword"
                | "cicustom" | "citype" | "ciupgrade" | "sshkeys" => {
                    self.need_guest(asked, &["VM.Config.Cloudinit", "VM.Config.Network"])?;
                }
                "acpi" | "hotplug" | "kvm" | "machine" | "scsihw" | "smbios1" | "tablet"
                | "vga" | "watchdog" | "audio" | "rng" | "serial" | "usb" | "hostpci" => {
                    self.need_guest(asked, &["VM.Config.HWType"])?;
                }
                _ => self.need_guest(asked, &["VM.Config.Options"])?,
            }
        }
        Ok(())
    }

    /// The bridge of a network interface, with its tag.
    fn need_bridge(&self, token: &str, net: &str) -> Allowed {
        let part = |name: &str| {
            let mut parts = net.split(',');
            parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        let Some(bridge) = part("bridge") else {
            return Ok(());
        };
        let tag = part("tag").map_or(String::new(), |tag| format!("/{tag}"));
        self.need(
            token,
            &format!("/sdn/zones/localnetwork/{bridge}{tag}"),
            &["SDN.Use"],
        )
    }
}

/// `net` of `net0`; names that end in a digit of their own stay.
pub fn series(key: &str) -> &str {
    match key {
        "smbios1" => key,
        _ => key.trim_end_matches(|c: char| c.is_ascii_digit()),
    }
}

fn mount_point(value: &str) -> Allowed {
    let volume = value.split(',').next().unwrap_or_default();
    let volume = volume.strip_prefix("volume=").unwrap_or(volume);
    let what = match volume {
        _ if volume.starts_with("/dev/") => "device",
        _ if volume.starts_with('/') => "bind",
        _ => return Ok(()),
    };
    denied(&format!(
        "mount point type {what} is only allowed for root@pam"
    ))
}

fn features(value: &str, unprivileged: bool) -> Allowed {
    if value.is_empty() {
        return Ok(());
    }
    if !unprivileged {
        return denied(
            "changing feature flags for privileged container is only allowed for root@pam",
        );
    }
    if value.split(',').all(|flag| flag.starts_with("nesting=")) {
        return Ok(());
    }
    denied("changing feature flags (except nesting) is only allowed for root@pam")
}
