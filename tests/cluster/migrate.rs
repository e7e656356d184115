//! The workers `qmigrate` and `vzmigrate`, with their checks where PVE has them: for a
//! container most come after it was shut down.

use std::collections::BTreeMap;

use crate::{
    task::{Job, Wait},
    world::{Volume, World},
};

/// Parts in which a copy is told in the log.
const PARTS: u32 = 4;

#[derive(Clone, Debug)]
pub struct Migration {
    pub target: String,
    /// A VM's processors go on meanwhile.
    pub online: bool,
    pub local_disks: bool,
    /// A container that runs is shut down within so many seconds, moved and started.
    pub restart: Option<f64>,
    /// HA shuts down and starts by itself.
    pub ha: bool,
    pub map: BTreeMap<String, String>,
    pub phase: Phase,
    pub ran: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    Check,
    Shutdown {
        give_up: f64,
    },
    Copy {
        part: u32,
    },
    Start,
    /// Phase 1 failed: what there was is started on the source again.
    Restart,
}

impl Migration {
    pub fn new(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            online: false,
            local_disks: false,
            restart: None,
            ha: false,
            map: BTreeMap::new(),
            phase: Phase::Check,
            ran: false,
        }
    }

    fn storage<'a>(&'a self, storage: &'a str) -> &'a str {
        self.map.get(storage).map_or(storage, String::as_str)
    }
}

impl World {
    pub fn migrate(&mut self, task: usize, mut migration: Migration) {
        let vmid = self.tasks[task].vmid;
        match migration.phase {
            Phase::Check => self.check(task, &mut migration),
            Phase::Shutdown { give_up } => {
                if !self.guest(vmid).running {
                    self.first_phase(task, &mut migration);
                } else if self.now < give_up {
                    self.tasks[task].wait = Wait::Until(give_up);
                } else {
                    self.abort(task, "container did not stop");
                }
            }
            Phase::Copy { part } => self.copied(task, &mut migration, part),
            Phase::Start => self.start_on_target(task, &migration),
            Phase::Restart => {
                let source = self.guest(vmid).node.clone();
                if let Err(why) = self.start(vmid, &source, "started again on the source") {
                    self.log(task, &format!("ERROR: {why}"));
                }
                self.end(task, "migration aborted");
            }
        }
        self.tasks[task].job = Job::Migrate(migration);
    }

    fn abort(&mut self, task: usize, why: &str) {
        let duration = self.duration(task);
        self.log(
            task,
            &format!("ERROR: migration aborted ({duration}): {why}"),
        );
        self.end(task, "migration aborted");
    }

    /// As it stands in logs: `duration 00:00:31`.
    fn duration(&self, task: usize) -> String {
        let seconds = (self.now - self.tasks[task].start) as u64;
        format!(
            "duration {:02}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    }

    /// Enters a phase; false if that was the end of the worker.
    fn enter(&mut self, task: usize, phase: &str) -> bool {
        let (kind, vmid) = (self.tasks[task].kind.clone(), self.tasks[task].vmid);
        self.enters(&kind, vmid, phase);
        if self.tasks[task].running() && self.fault(&format!("dies-{phase}"), vmid, None).is_some()
        {
            self.end(task, "unexpected status");
        }
        self.tasks[task].running()
    }

    fn check(&mut self, task: usize, migration: &mut Migration) {
        if !self.enter(task, "check") {
            return;
        }
        let guest = self.guest(self.tasks[task].vmid);
        let (vmid, ct, source) = (guest.vmid, guest.ct, guest.node.clone());
        migration.ran = guest.running;
        if let Some(lock) = &guest.lock {
            let why = format!("{} is locked ({lock})", if ct { "CT" } else { "VM" });
            return self.abort(task, &why);
        }
        if source != self.tasks[task].node {
            return self.abort(task, "no such guest on this node");
        }
        if !self.online(&migration.target) {
            let why = format!(
                "Can't connect to destination address of '{}': No route to host",
                migration.target
            );
            return self.abort(task, &why);
        }
        let why = if ct {
            self.ct_refusal(vmid, migration)
        } else {
            self.vm_refusal(task, vmid, migration)
        };
        if let Some(why) = why {
            return self.abort(task, &why);
        }
        match migration.restart {
            Some(timeout) if ct && migration.ran => {
                self.log(task, &format!("shutdown CT {vmid}"));
                if !self.enter(task, "shutdown") {
                    // The worker died, after it had sent the signal.
                    return self.signal(vmid);
                }
                self.signal(vmid);
                let give_up = self.now + 2.0 * timeout + 5.0;
                migration.phase = Phase::Shutdown { give_up };
                let stops = self.guest(vmid).stops_at.unwrap_or(f64::INFINITY);
                self.tasks[task].wait = Wait::Until(stops.min(give_up));
            }
            _ => self.first_phase(task, migration),
        }
    }

    /// What PVE looks at before it shuts a container down.
    fn ct_refusal(&self, vmid: u32, migration: &Migration) -> Option<String> {
        let guest = self.guest(vmid);
        if migration.ran && migration.restart.is_none() {
            return Some("lxc live migration is currently not implemented".into());
        }
        for volume in guest.volumes() {
            let Some(storage) = &volume.storage else {
                if volume.shared {
                    continue;
                }
                let what = if volume.volid.starts_with("/dev/") {
                    "device"
                } else {
                    "bind"
                };
                return Some(format!(
                    "cannot migrate local {what} mount point '{}'",
                    volume.key
                ));
            };
            let storage = migration.storage(storage);
            if !self.has_storage(storage, &migration.target) {
                return Some(format!(
                    "storage '{storage}' is not available on node '{}'",
                    migration.target
                ));
            }
        }
        None
    }

    fn vm_refusal(&mut self, task: usize, vmid: u32, migration: &Migration) -> Option<String> {
        let guest = self.guest(vmid);
        let devices = self.local_devices(vmid, migration.ran);
        if !devices.is_empty() {
            return Some(format!(
                "can't migrate VM which uses local devices: {}",
                devices.join(", ")
            ));
        }
        let live = migration.online && migration.ran;
        let (snapshots, volumes) = (!guest.snapshots.is_empty(), guest.volumes());
        let mut wrong = Vec::new();
        for volume in volumes {
            let Some(storage) = volume.storage.clone() else {
                wrong.push((volume.volid, "local cdrom image".to_owned()));
                continue;
            };
            if self.storages.get(&storage).is_none_or(|s| s.shared) {
                continue;
            }
            let why = if volume.cdrom && !volume.volid.contains("cloudinit") {
                "local cdrom image".to_owned()
            } else if live && !migration.local_disks && !volume.key.starts_with("unused") {
                "can't live migrate attached local disks without with-local-disks option".to_owned()
            } else if live && snapshots {
                "online storage migration not possible if non-replicated snapshot exists".to_owned()
            } else if let Some(why) = self.offline_refusal(&volume, migration, live, snapshots) {
                why
            } else {
                continue;
            };
            wrong.push((volume.volid, why));
        }
        for (volid, why) in &wrong {
            self.log(task, &format!("can't migrate local disk '{volid}': {why}"));
        }
        (!wrong.is_empty()).then(|| "can't migrate VM - check log".to_owned())
    }

    /// Devices of the host that keep a VM where it is.
    pub fn local_devices(&self, vmid: u32, running: bool) -> Vec<String> {
        let guest = self.guest(vmid);
        let names = ["hostpci", "usb", "serial", "parallel", "virtiofs"];
        let keys = names.iter().flat_map(|name| guest.keys(name));
        keys.filter(|key| {
            let text = guest.text(key);
            let harmless = key.starts_with("serial") && text == "socket"
                || key.starts_with("usb") && text.starts_with("spice");
            let mapped = text.contains("mapping=");
            !harmless && (running || !mapped)
        })
        .map(str::to_owned)
        .collect()
    }

    /// What keeps a volume from being copied by export and import.
    fn offline_refusal(
        &self,
        volume: &Volume,
        migration: &Migration,
        live: bool,
        snapshots: bool,
    ) -> Option<String> {
        let attached = !volume.key.starts_with("unused")
            && !volume.key.starts_with("tpmstate")
            && !volume.volid.contains("cloudinit");
        if live && attached {
            return None;
        }
        let source = volume.storage.as_ref()?;
        let kind = |storage: &str| self.storages.get(storage).map_or("", |s| s.kind.as_str());
        let (from, to) = (kind(source), kind(migration.storage(source)));
        let streams = |kind: &str| if kind == "zfspool" { "zfs" } else { "raw" };
        if streams(from) != streams(to) {
            return Some(format!(
                "cannot migrate from storage type '{from}' to '{to}'"
            ));
        }
        (snapshots && !["zfspool", "btrfs"].contains(&from))
            .then(|| "non-migratable snapshot exists".to_owned())
    }

    /// The guest is locked, and what is local is copied.
    fn first_phase(&mut self, task: usize, migration: &mut Migration) {
        let vmid = self.tasks[task].vmid;
        let (ct, snapshots) = (self.guest(vmid).ct, !self.guest(vmid).snapshots.is_empty());
        let what = if ct { "CT" } else { "VM" };
        self.log(
            task,
            &format!(
                "starting migration of {what} {vmid} to node '{}' (192.0.2.1)",
                migration.target
            ),
        );
        self.change(vmid, "migration", |g| g.lock = Some("migrate".into()));
        migration.phase = Phase::Copy { part: 0 };
        if !self.enter(task, "copy") {
            return;
        }
        let local: Vec<Volume> = self
            .guest(vmid)
            .volumes()
            .into_iter()
            .filter(|v| {
                v.storage
                    .as_ref()
                    .is_some_and(|s| self.storages.get(s).is_some_and(|s| !s.shared))
            })
            .collect();
        if ct {
            let refused = local
                .iter()
                .find_map(|v| Some((v, self.offline_refusal(v, migration, false, snapshots)?)));
            if let Some((volume, why)) = refused {
                let why = format!("storage migration for '{}' failed - {why}", volume.volid);
                return self.roll_back(task, migration, &why);
            }
        }
        if self.fault("hangs", vmid, None).is_some() {
            self.tasks[task].wait = Wait::Forever;
            return;
        }
        let memory = if migration.online && migration.ran {
            self.guest(vmid).memory()
        } else {
            0
        };
        let bytes = (local.iter().map(|v| v.bytes).sum::<u64>() + memory) as f64;
        let (from, to) = (self.tasks[task].node.clone(), migration.target.clone());
        self.tasks[task].wait = if bytes == 0.0 {
            Wait::Until(self.now + 1.0)
        } else {
            Wait::Copy {
                from,
                to,
                left: bytes / f64::from(PARTS),
                total: bytes,
            }
        };
    }

    /// A part of the copy is done, or the other side is gone.
    fn copied(&mut self, task: usize, migration: &mut Migration, part: u32) {
        let vmid = self.tasks[task].vmid;
        let live = migration.online && migration.ran;
        if !self.online(&migration.target) {
            return self.roll_back(task, migration, "connection lost");
        }
        if let Wait::Copy {
            from, to, total, ..
        } = self.tasks[task].wait.clone()
        {
            let gib = |bytes: f64| bytes / f64::from(1 << 30);
            // A VM that writes to its memory sends more of it than it has.
            let sent =
                total * f64::from(part + 1) / f64::from(PARTS) * if live { 1.2 } else { 1.0 };
            let line = if live {
                format!(
                    "migration active, transferred {:.1} GiB of {:.1} GiB VM-state, 112.4 MiB/s",
                    gib(sent),
                    gib(total)
                )
            } else {
                format!(
                    "{sent:.0} bytes ({:.1} GB, {:.1} GiB) copied, {} s, 112 MB/s",
                    sent / 1e9,
                    gib(sent),
                    part + 1
                )
            };
            self.log(task, &line);
            if part + 1 < PARTS {
                migration.phase = Phase::Copy { part: part + 1 };
                self.tasks[task].wait = Wait::Copy {
                    from,
                    to,
                    left: total / f64::from(PARTS),
                    total,
                };
                return;
            }
        }
        if self.fault("copy-fails", vmid, None).is_some() {
            return self.roll_back(task, migration, "storage migration failed: broken pipe");
        }
        let bridges = self.guest(vmid).bridges();
        let no_bridge = live
            && bridges
                .iter()
                .any(|b| !self.nodes[&migration.target].bridges.contains(b));
        if live && (no_bridge || self.fault("live-fails", vmid, None).is_some()) {
            self.log(task, "ERROR: online migrate failure - aborting");
            self.log(task, "aborting phase 2 - cleanup resources");
            self.log(task, "migrate_cancel");
            self.change(vmid, "migration undone", |g| g.lock = None);
            let duration = self.duration(task);
            self.log(
                task,
                &format!("ERROR: migration finished with problems ({duration})"),
            );
            return self.end(task, "migration problems");
        }
        self.finish(task, migration);
    }

    /// The config goes to the target.
    fn finish(&mut self, task: usize, migration: &mut Migration) {
        if !self.enter(task, "finish") {
            return;
        }
        let vmid = self.tasks[task].vmid;
        let (target, map) = (migration.target.clone(), migration.map.clone());
        let paused =
            migration.online && migration.ran && self.fault("resume-fails", vmid, None).is_some();
        self.change(vmid, "migrated", |g| {
            g.node = target;
            g.lock = None;
            g.paused = paused;
            for value in g.config.values_mut() {
                let moved = value
                    .as_str()
                    .and_then(|text| Some((text, text.split_once(':')?)))
                    .and_then(|(_, (storage, rest))| Some(format!("{}:{rest}", map.get(storage)?)));
                if let Some(moved) = moved {
                    *value = moved.into();
                }
            }
        });
        if !self.tasks[task].running() {
            return;
        }
        if paused {
            let duration = self.duration(task);
            self.log(
                task,
                &format!("ERROR: migration finished with problems ({duration})"),
            );
            return self.end(task, "migration problems");
        }
        if migration.restart.is_some() && migration.ran && !migration.ha {
            self.log(task, "start final cleanup");
            self.log(task, "start container on target node");
            migration.phase = Phase::Start;
            let boot = self.guest(vmid).boot_s;
            self.wait(task, boot);
        } else {
            self.succeed(task);
        }
    }

    fn start_on_target(&mut self, task: usize, migration: &Migration) {
        let vmid = self.tasks[task].vmid;
        if !self.online(&migration.target) {
            self.log(task, "ERROR: ssh: connect to host: No route to host");
            return self.end(task, "migration problems");
        }
        match self.start(vmid, &migration.target, "started on the target") {
            Ok(()) => self.succeed(task),
            Err(why) => {
                self.log(
                    task,
                    &format!("ERROR: command pct start {vmid} failed: {why}"),
                );
                self.end(task, "migration problems");
            }
        }
    }

    fn succeed(&mut self, task: usize) {
        let vmid = self.tasks[task].vmid;
        let duration = self.duration(task);
        self.log(
            task,
            &format!("migration finished successfully ({duration})"),
        );
        if self.fault("warnings", vmid, None).is_some() {
            self.end(task, "WARNINGS: 2");
        } else {
            self.end(task, "OK");
        }
    }

    fn roll_back(&mut self, task: usize, migration: &mut Migration, why: &str) {
        let vmid = self.tasks[task].vmid;
        self.log(task, "aborting phase 1 - cleanup resources");
        self.change(vmid, "migration undone", |g| g.lock = None);
        if migration.restart.is_some() && migration.ran && !migration.ha {
            self.log(task, "start final cleanup");
            self.log(task, "start container on source node");
            let line = format!("ERROR: migration aborted ({}): {why}", self.duration(task));
            self.log(task, &line);
            migration.phase = Phase::Restart;
            let boot = self.guest(vmid).boot_s;
            self.wait(task, boot);
        } else {
            self.abort(task, why);
        }
    }

    /// `DELETE` of a task: a signal, and after 5 s the end of it.
    pub fn stop_task(&mut self, task: usize) {
        if !self.tasks[task].running() {
            return;
        }
        let vmid = self.tasks[task].vmid;
        let Job::Migrate(mut migration) = self.tasks[task].job.clone() else {
            return self.end(task, "interrupted by signal");
        };
        match migration.phase {
            // Nobody takes back the shutdown, and nobody starts it again.
            Phase::Check | Phase::Shutdown { .. } => self.abort(task, "interrupted by signal"),
            Phase::Copy { .. } if self.fault("slow-undo", vmid, None).is_some() => {
                self.end(task, "unexpected status");
            }
            Phase::Copy { .. } => {
                self.roll_back(task, &mut migration, "interrupted by signal");
                self.tasks[task].job = Job::Migrate(migration);
            }
            Phase::Start | Phase::Restart => self.end(task, "interrupted by signal"),
        }
    }
}
