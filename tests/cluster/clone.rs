//! `POST .../clone` and `.../template`: the task has the source's ID, so that nobody finds it by the new one.
//!
//! Phase for faults: `clone`; `clone-fails` with `exit`. Of a clone that fails nothing is left.

use serde_json::Value;

use crate::{
    api::{Answer, Call, failed},
    disks::{NewDisk, mebibytes},
    privilege::{Asked, denied},
    task::Job,
    volume::{Volume, volumes},
    world::{Guest, World},
};

/// How long a copy takes, in seconds.
const TAKES_S: f64 = 2.0;

#[derive(Clone, Debug)]
pub struct GuestClone {
    newid: u32,
    name: String,
    pool: String,
    storage: String,
    target: String,
    linked: bool,
    description: String,
    copying: bool,
}

impl World {
    pub fn clone_guest(&mut self, call: &Call, ct: bool) -> Answer {
        let (node, vmid) = (call.text("node"), call.vmid());
        let guest = self.guest(vmid);
        let (storage, target) = (call.text("storage"), call.text("target"));
        let target = if target.is_empty() {
            node.clone()
        } else {
            target
        };
        let full = if call.has("full") {
            call.on("full")
        } else {
            !guest.template
        };
        let pool = call.text("pool");
        if !pool.is_empty() && !self.pools.contains_key(&pool) {
            return denied(&format!("pool '{pool}' does not exist"));
        }
        if !self.nodes.contains_key(&target) {
            return failed(500, format!("no such cluster node '{target}'"));
        }
        if !self.quorate {
            return failed(500, "cluster not ready - no quorum?");
        }
        if !full && !storage.is_empty() {
            return failed(500, "parameter 'storage' not allowed for linked clones");
        }
        let local = |storage: &str| self.storages.get(storage).is_none_or(|s| !s.shared);
        if target != node && !storage.is_empty() && local(&storage) {
            return failed(
                500,
                format!("can't clone to non-shared storage '{storage}'"),
            );
        }
        if ct && guest.running && full {
            return failed(
                500,
                "Full clone of a running container is only possible from a snapshot",
            );
        }
        let what = if ct { "CT" } else { "VM" };
        let mut disks = guest.volumes();
        disks.retain(|v| !v.cdrom && !v.key.starts_with("unused"));
        for disk in &disks {
            let source = disk.storage.as_deref().unwrap_or_default();
            if target != node && local(source) {
                return failed(
                    500,
                    format!("can't clone {what} to node '{target}' ({what} uses local storage)"),
                );
            }
            let linkable = guest.template && !disk.volid.ends_with(".subvol");
            if !full && !linkable {
                let volid = &disk.volid;
                let why = if ct {
                    format!("Linked clone feature for '{volid}' is not available")
                } else {
                    format!(
                        "Linked clone feature is not supported for '{volid}' ({})",
                        disk.key
                    )
                };
                return failed(500, why);
            }
            let to = if storage.is_empty() { source } else { &storage };
            self.usable(to, &target)?;
            self.need(
                call.token,
                &format!("/storage/{to}"),
                &["Datastore.AllocateSpace"],
            )?;
        }
        let clone = GuestClone {
            newid: call.text("newid").parse().unwrap_or(0),
            name: call.text(if ct { "hostname" } else { "name" }),
            pool,
            storage,
            target,
            linked: !full,
            description: call.text("description"),
            copying: false,
        };
        if ct {
            self.unused(clone.newid)?;
        }
        let kind = if ct { "vzclone" } else { "qmclone" };
        self.spawn(&node, kind, vmid, call.token, Job::GuestClone(clone))
    }

    /// The next step of the worker.
    pub fn copy_guest(&mut self, task: usize, mut clone: GuestClone) {
        let vmid = self.tasks[task].vmid;
        let done = if clone.copying {
            self.copied_guest(task, vmid, &clone);
            Ok(())
        } else {
            self.begin_copy(task, vmid, &mut clone)
        };
        if let Err(why) = done {
            if clone.copying {
                self.vanish(clone.newid, "clone failed");
            }
            self.end(task, &why);
        }
        self.tasks[task].job = Job::GuestClone(clone);
    }

    fn begin_copy(&mut self, task: usize, vmid: u32, clone: &mut GuestClone) -> Result<(), String> {
        let (ct, new) = (self.guest(vmid).ct, clone.newid);
        let what = if ct { "container" } else { "VM" };
        self.says(
            task,
            &format!("creating a clone of {what} {vmid} with ID {new}"),
        );
        if self.guests.contains_key(&new) {
            let (node, folder) = (
                &self.tasks[task].node,
                if ct { "lxc" } else { "qemu-server" },
            );
            return Err(format!(
                "close (rename) atomic file '/etc/pve/nodes/{node}/{folder}/{new}.conf' failed: File exists"
            ));
        }
        let guest = Guest::blank(new, ct, &clone.target, if ct { "create" } else { "clone" });
        self.appear(guest, "cloned");
        clone.copying = true;
        let pool = self.pools.get_mut(&clone.pool);
        pool.into_iter().for_each(|members| members.push(new));
        let seconds = self.slowed(vmid, TAKES_S);
        self.wait(task, seconds);
        self.hangs(task);
        if self.enter(task, "clone")
            && let Some(fault) = self.fault("clone-fails", vmid, None)
        {
            return Err(format!(
                "clone failed: {}",
                fault["exit"].as_str().unwrap_or("it was to fail")
            ));
        }
        Ok(())
    }

    fn copied_guest(&mut self, task: usize, vmid: u32, clone: &GuestClone) {
        let source = self.guest(vmid);
        let (ct, mut config, new) = (source.ct, source.config.clone(), clone.newid);
        let mut all: Vec<Volume> = volumes(&config, ct);
        all.sort_by(|one, other| one.key.cmp(&other.key));
        for volume in all {
            if volume.key.starts_with("unused") {
                config.remove(&volume.key);
                continue;
            }
            let old = crate::schema::text(&config[&volume.key]);
            let rest = old
                .strip_prefix(&volume.volid)
                .unwrap_or_default()
                .to_owned();
            let name = clone_name(&volume.volid, vmid, clone);
            let linked = clone.linked && !volume.cdrom;
            self.tells_copy(task, &volume, &name, linked, ct);
            let bare = volume.cdrom && volume.bytes == 0;
            let size = if bare { ",size=4M" } else { "" };
            config.insert(volume.key, format!("{name}{rest}{size}").into());
        }
        // A clone's interfaces have addresses of their own.
        for (key, value) in config.iter_mut().filter(|(key, _)| key.starts_with("net")) {
            let number: u32 = key.trim_start_matches("net").parse().unwrap_or(0);
            let text = crate::schema::text(value);
            *value = text
                .replace("BC:24:11", &format!("BC:24:{:02X}", 18 + number % 200))
                .into();
        }
        config.remove("template");
        if !clone.description.is_empty() {
            config.insert(
                "description".into(),
                format!("{}\n", clone.description).into(),
            );
        }
        let name = match (clone.name.as_str(), ct) {
            ("", true) => self.guest(vmid).shown_name(),
            ("", false) => format!("Copy-of-VM-{}", self.guest(vmid).shown_name()),
            (name, _) => name.to_owned(),
        };
        self.tell("create", new);
        self.change(new, "cloned", |guest| {
            guest.name = name;
            guest.config = config;
            guest.lock = None;
        });
        self.end(task, "OK");
    }

    /// What the log says of one volume.
    fn tells_copy(&mut self, task: usize, volume: &Volume, name: &str, linked: bool, ct: bool) {
        let (how, place) = (
            if linked { "linked" } else { "full" },
            if ct { "mountpoint" } else { "drive" },
        );
        let line = format!(
            "create {how} clone of {place} {} ({})",
            volume.key, volume.volid
        );
        self.says(task, &line);
        if ct {
            return;
        }
        let disk = NewDisk {
            volid: name.to_owned(),
            bytes: if volume.cdrom { 4 << 20 } else { volume.bytes },
            ..NewDisk::default()
        };
        if linked {
            let own = name.rsplit('/').next().unwrap_or(name);
            let folder = volume.volid.split_once(':').map_or("", |(_, rest)| rest);
            let owner = own.split('-').nth(1).unwrap_or_default();
            self.says(
                task,
                &format!("clone {folder}: images, {own}, {owner} to {own} (base=../{folder})"),
            );
            let path = self.path(&format!(
                "{}:{owner}/{own}",
                volume.storage.as_deref().unwrap_or_default()
            ));
            self.says(task, &format!(
                "Formatting '{path}', fmt=qcow2 cluster_size=131072 extended_l2=on preallocation=metadata compression_type=zlib size={} \
                 backing_file=../{folder} backing_fmt=qcow2 lazy_refcounts=off refcount_bits=16",
                disk.bytes
            ));
            return;
        }
        for line in self.formatting(&disk, false) {
            self.says(task, &line);
        }
        self.says(task, &format!("allocated target volume '{name}'"));
        if !volume.cdrom {
            let all = mebibytes(volume.bytes);
            self.says(task, &format!("transferred 0.0 B of {all} (0.00%)"));
            self.says(task, &format!("transferred {all} of {all} (100.00%)"));
        }
    }

    /// `POST .../template`: of a container at once, of a VM as a task.
    pub fn make_template(&mut self, call: &Call, ct: bool) -> Answer {
        let vmid = call.vmid();
        self.need_guest(
            &Asked {
                token: call.token,
                vmid,
                pool: String::new(),
            },
            &["VM.Allocate"],
        )?;
        let guest = self.guest(vmid);
        let what = if ct { "CT" } else { "VM" };
        if guest.template {
            return failed(500, "you can't convert a template to a template");
        }
        if guest.running {
            return failed(
                500,
                format!("you can't convert a {what} to template if the {what} is running"),
            );
        }
        let node = call.text("node");
        let mut config = guest.config.clone();
        for volume in guest
            .volumes()
            .into_iter()
            .filter(|v| !v.cdrom && !v.volid.ends_with(".subvol"))
        {
            let base = volume
                .volid
                .replacen(&format!("vm-{vmid}-"), &format!("base-{vmid}-"), 1);
            let text = crate::schema::text(&config[&volume.key]);
            config.insert(volume.key, text.replacen(&volume.volid, &base, 1).into());
        }
        self.change(vmid, "template", |guest| {
            guest.template = true;
            guest.config = config;
        });
        if ct {
            return Ok(Value::Null);
        }
        self.spawn(&node, "qmtemplate", vmid, call.token, Job::Other)
    }
}

/// `rmk:920/base-920-disk-0.qcow2` as it is called for the new guest; a linked one names its base.
fn clone_name(volid: &str, vmid: u32, clone: &GuestClone) -> String {
    let (storage, name) = volid.split_once(':').unwrap_or(("", volid));
    let own = name
        .rsplit('/')
        .next()
        .unwrap_or(name)
        .replace(&format!("base-{vmid}-"), &format!("vm-{}-", clone.newid))
        .replace(&format!("-{vmid}-"), &format!("-{}-", clone.newid));
    let folder = if name.contains('/') {
        format!("{}/", clone.newid)
    } else {
        String::new()
    };
    if clone.linked && name.contains("base-") {
        return format!("{volid}/{folder}{own}");
    }
    let storage = if clone.storage.is_empty() {
        storage
    } else {
        &clone.storage
    };
    format!("{storage}:{folder}{own}")
}
