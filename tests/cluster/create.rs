//! `POST /nodes/N/lxc` and `/qemu`: what is refused at once, in Proxmox VE's order; the worker that
//! then goes on is in `build.rs`.

use crate::{
    api::{Answer, Call, failed},
    build::Creation,
    privilege::{Allowed, Asked, denied},
    schema::text,
    task::Job,
    volume,
    world::{Guest, World},
};

impl World {
    /// The ID is locked while the request is answered; the rest is the worker's.
    pub fn create(&mut self, call: &Call, ct: bool) -> Answer {
        if !self.quorate {
            return failed(500, "cluster not ready - no quorum?");
        }
        let (node, vmid) = (call.text("node"), call.vmid());
        if call.on("restore") || call.has("archive") {
            return failed(501, "restoring is not implemented (by this simulation)");
        }
        if call.on("ha-managed") {
            self.need(call.token, "/", &["Sys.Console"])?;
        }
        let asked = Asked {
            token: call.token,
            vmid,
            pool: call.text("pool"),
        };
        if ct {
            self.unused(vmid)?;
            keys(&call.text("ssh-public-keys"))?;
            self.may_create(&asked)?;
            self.ct_refused(call, &asked)?;
        } else {
            keys(&unescaped(&call.text("sshkeys")))?;
            self.may_create(&asked)?;
            self.vm_refused(call, &asked)?;
            let taken = self.unused(vmid);
            taken
                .map_err(|(status, why)| (status, format!("unable to create VM {vmid} - {why}")))?;
        }
        let kind = if ct { "vzcreate" } else { "qmcreate" };
        self.appear(Guest::blank(vmid, ct, &node, "create"), kind);
        let pool = self.pools.get_mut(&asked.pool);
        pool.into_iter().for_each(|members| members.push(vmid));
        let creation = Creation::new(ct, call.parameters.clone());
        self.spawn(&node, kind, vmid, call.token, Job::Create(creation))
    }

    /// `GET /cluster/nextid`: the ID that is asked about, or the lowest that is free.
    pub fn next_id(&self, call: &Call) -> Answer {
        if !call.has("vmid") {
            let free = (100..).find(|vmid| !self.guests.contains_key(vmid));
            return Ok(free.unwrap_or(100).to_string().into());
        }
        if self.guests.contains_key(&call.vmid()) {
            // "VM", whatever it is (API2/Cluster.pm).
            return failed(
                400,
                format!("vmid: VM {} already exists", call.text("vmid")),
            );
        }
        Ok(call.text("vmid").into())
    }

    /// Whether the ID is free, on any node (Cluster.pm, `check_vmid_unused`).
    pub fn unused(&self, vmid: u32) -> Allowed {
        let Some(guest) = self.guests.get(&vmid) else {
            return Ok(());
        };
        let what = if guest.ct { "CT" } else { "VM" };
        failed(
            500,
            format!("{what} {vmid} already exists on node '{}'", guest.node),
        )
    }

    fn may_create(&self, asked: &Asked) -> Allowed {
        if !asked.pool.is_empty() && !self.pools.contains_key(&asked.pool) {
            return denied(&format!("pool '{}' does not exist", asked.pool));
        }
        if self.may_guest(asked, "VM.Allocate") {
            return Ok(());
        }
        failed(403, "Permission check failed")
    }

    fn ct_refused(&self, call: &Call, asked: &Asked) -> Allowed {
        let (node, template) = (call.text("node"), call.text("ostemplate"));
        let unprivileged = !call.has("unprivileged") || call.on("unprivileged");
        if !unprivileged {
            self.need(call.token, "/", &["Sys.Modify"])?;
        }
        self.ct_options(asked, call.parameters, unprivileged)?;
        self.readable(asked, &node, &template, "vztmpl")?;
        if !["tar.gz", "tar.xz", "tar.zst", "tar.bz2"]
            .iter()
            .any(|end| template.ends_with(end))
        {
            let name = template.split_once(':').map_or("", |(_, name)| name);
            return failed(
                500,
                format!("unable to parse directory volume name '{name}'"),
            );
        }
        let volumes = call
            .parameters
            .iter()
            .filter(|(key, _)| *key == "rootfs" || numbered(key, "mp"));
        let mut storages: Vec<String> = volumes
            .filter_map(|(_, value)| Some(text(value).split_once(':')?.0.to_owned()))
            .collect();
        if !call.has("rootfs") {
            let storage = call.text("storage");
            storages.push(if storage.is_empty() {
                "local".into()
            } else {
                storage
            });
        }
        for storage in storages {
            self.usable(&storage, &node)?;
            if !self.holds(&storage, "rootdir") {
                return failed(
                    400,
                    format!("storage: storage '{storage}' does not support container directories"),
                );
            }
            self.need(
                call.token,
                &format!("/storage/{storage}"),
                &["Datastore.AllocateSpace"],
            )?;
        }
        Ok(())
    }

    fn vm_refused(&self, call: &Call, asked: &Asked) -> Allowed {
        let node = call.text("node");
        for (key, value) in call.parameters.iter().filter(|(key, _)| drive(key)) {
            let value = text(value);
            let Some((storage, size)) = new_disk(&value) else {
                continue;
            };
            self.usable(storage, &node)?;
            if !self.holds(storage, "images") {
                return failed(
                    400,
                    format!("storage: storage '{storage}' does not support vm images"),
                );
            }
            self.need(
                call.token,
                &format!("/storage/{storage}"),
                &["Datastore.AllocateSpace"],
            )?;
            let Some(source) = part(&value, "import-from") else {
                continue;
            };
            if size != "0" {
                let rule = "'import-from' requires special syntax - use <storage ID>:0,import-from=<source>";
                return failed(400, format!("{key}: {rule}"));
            }
            if source.starts_with('/') {
                let why = "Only root can pass arbitrary filesystem paths. at /usr/share/perl5/PVE/Storage.pm line 651.";
                return failed(500, why);
            }
            self.readable(asked, &node, source, "import")?;
        }
        self.vm_options(asked, call.parameters, true)
    }

    /// Whether the token may read the template or image (Storage.pm, `check_volume_access`).
    fn readable(&self, asked: &Asked, node: &str, volid: &str, kind: &str) -> Allowed {
        let Some((storage, name)) = volid.split_once(':') else {
            return failed(
                400,
                format!("ostemplate: unable to parse volume ID '{volid}'"),
            );
        };
        self.usable(storage, node)?;
        if let Some(owner) = volume::owner(name).filter(|_| !name.starts_with(kind)) {
            return self.need(asked.token, &format!("/vms/{owner}"), &["VM.Clone"]);
        }
        let rights = ["Datastore.AllocateSpace", "Datastore.Audit"];
        self.need(asked.token, &format!("/storage/{storage}"), &rights)
    }

    /// Whether the storage is there at all (Storage.pm, `storage_check_enabled`).
    pub fn usable(&self, storage: &str, node: &str) -> Allowed {
        let Some(entry) = self.storages.get(storage) else {
            return failed(500, format!("storage '{storage}' does not exist"));
        };
        if entry.disabled() {
            return failed(500, format!("storage '{storage}' is disabled"));
        }
        if !self.has_storage(storage, node) {
            return failed(
                500,
                format!("storage '{storage}' is not available on node '{node}'"),
            );
        }
        Ok(())
    }

    pub fn holds(&self, storage: &str, content: &str) -> bool {
        let entry = self.storages.get(storage);
        entry.is_some_and(|entry| entry.content.split(',').any(|kind| kind == content))
    }
}

/// Public keys, one a line (Tools.pm, `validate_ssh_public_keys`).
pub fn keys(text: &str) -> Allowed {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let key = |line: &str| {
        let mut words = line
            .split(' ')
            .skip_while(|word| !word.contains('-') || word.contains('='));
        let body = words.next().and(words.next()).unwrap_or_default();
        body.len() > 16 && body.starts_with("AAAA")
    };
    if lines.clone().all(key) {
        return Ok(());
    }
    failed(500, "SSH public key validation error")
}

fn unescaped(text: &str) -> String {
    crate::http::decode(text)
}

pub fn numbered(key: &str, series: &str) -> bool {
    key.strip_prefix(series)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether the key is that of a VM's disk.
pub fn drive(key: &str) -> bool {
    ["scsi", "virtio", "sata", "ide", "efidisk", "tpmstate"]
        .iter()
        .any(|series| numbered(key, series))
}

/// Storage and size (or `cloudinit`) of a disk that is to be made.
pub fn new_disk(value: &str) -> Option<(&str, &str)> {
    let first = value.split(',').next()?;
    let first = first.strip_prefix("file=").unwrap_or(first);
    let (storage, size) = first.split_once(':')?;
    (size == "cloudinit" || size.parse::<f64>().is_ok()).then_some((storage, size))
}

/// `iothread=1` of a property string.
pub fn part<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value
        .split(',')
        .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}
