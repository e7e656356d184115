//! The copy of a migration: how it goes on, how it breaks, and what it leaves at the target.

use crate::{
    migrate::{Migration, Phase},
    task::Wait,
    world::{Leftover, Volume, World},
};

/// Parts in which a copy is told in the log.
const PARTS: u32 = 4;

impl World {
    /// The guest is locked, and what is local is copied.
    pub fn first_phase(&mut self, task: usize, migration: &mut Migration) {
        let vmid = self.tasks[task].vmid;
        let ct = self.guest(vmid).ct;
        let (what, address) = (
            if ct { "CT" } else { "VM" },
            self.address(&migration.target),
        );
        let line = format!(
            "starting migration of {what} {vmid} to node '{}' ({address})",
            migration.target
        );
        self.log(task, &line);
        if !self.quorate {
            return self.unwritten(task, migration);
        }
        self.change(vmid, "migration", |g| g.lock = Some("migrate".into()));
        migration.phase = Phase::Copy { part: 0 };
        if !self.enter(task, "copy") {
            self.leave_copy(task, migration);
            return;
        }
        let local = self.local_volumes(vmid);
        let (what, place) = if ct {
            ("volume", "in current VM config")
        } else {
            ("disk", "attached")
        };
        for volume in &local {
            let line = format!("found local {what} '{}' ({place})", volume.volid);
            self.log(task, &line);
        }
        let refused = self.first_phase_refusal(vmid, migration).filter(|_| ct);
        if let Some(why) = refused {
            migration.phase = Phase::Check; // nothing was sent
            return self.roll_back(task, migration, &why);
        }
        if !self.online(&migration.target) {
            // It died while the container shut down: ssh gets no connection.
            let line = format!("ssh: connect to host {address} port 22: No route to host");
            self.log(task, &line);
            let why = self.pipe_failed(task, migration, "exit code 255");
            migration.phase = Phase::Check; // nothing was sent
            return self.roll_back(task, migration, &why);
        }
        if self.fault("hangs", vmid, None).is_some() {
            self.tasks[task].wait = Wait::Forever;
            return;
        }
        let live = migration.online && migration.ran;
        let memory = if live { self.guest(vmid).memory() } else { 0 };
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

    /// What is found of a container when it is down already.
    fn first_phase_refusal(&self, vmid: u32, migration: &Migration) -> Option<String> {
        let refused = |v: &Volume| {
            let snapshots = self.in_snapshot(vmid, &v.volid);
            let why = self.offline_refusal(v, migration, false, snapshots)?;
            Some(format!(
                "storage migration for '{}' failed - {why}",
                v.volid
            ))
        };
        let snapshots = self.ct_snapshot_refusal(vmid, migration);
        snapshots.or_else(|| self.local_volumes(vmid).iter().find_map(refused))
    }

    /// Without quorum the lock can't be written; what was shut down is left so.
    fn unwritten(&mut self, task: usize, migration: &mut Migration) {
        let guest = self.guest(self.tasks[task].vmid);
        let (vmid, folder) = (guest.vmid, if guest.ct { "lxc" } else { "qemu-server" });
        let node = &self.tasks[task].node;
        let why = format!(
            "unable to open file '/etc/pve/nodes/{node}/{folder}/{vmid}.conf.tmp.{}' - Permission denied",
            1000 + task
        );
        self.log(task, &format!("ERROR: {why}"));
        self.roll_back(task, migration, &why);
    }

    pub fn local_volumes(&self, vmid: u32) -> Vec<Volume> {
        let mut volumes = self.guest(vmid).volumes();
        volumes.retain(|v| {
            let storage = v.storage.as_ref().and_then(|s| self.storages.get(s));
            storage.is_some_and(|s| !s.shared)
        });
        volumes
    }

    /// A part of the copy is done.
    pub fn copied(&mut self, task: usize, migration: &mut Migration, part: u32) {
        let vmid = self.tasks[task].vmid;
        let live = migration.online && migration.ran;
        if let Wait::Copy {
            from, to, total, ..
        } = self.tasks[task].wait.clone()
        {
            let line = progress(total, part, live);
            self.log(task, &line);
            if part == 0 {
                self.arms(&self.tasks[task].kind.clone(), vmid, "copying");
            }
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
            let why = self.pipe_failed(task, migration, "exit code 255");
            return self.roll_back(task, migration, &why);
        }
        let why = self.live_refusal(vmid, migration).filter(|_| live);
        match why {
            Some(why) => self.second_phase_fails(task, &why),
            None => self.finish(task, migration),
        }
    }

    /// What fails when QEMU is started at the target.
    fn live_refusal(&mut self, vmid: u32, migration: &Migration) -> Option<String> {
        let target = &migration.target;
        let bridges = &self.nodes[target].bridges;
        if !self
            .guest(vmid)
            .bridges()
            .iter()
            .all(|b| bridges.contains(b))
            || self.hookscript_missing(vmid, target).is_some()
        {
            return Some("remote command failed with exit code 255".into());
        }
        if !self.quorate {
            return Some("failed to move config - rename failed: Permission denied".into());
        }
        let fault = self.fault("live-fails", vmid, None);
        fault.map(|_| "aborting".to_owned())
    }

    fn second_phase_fails(&mut self, task: usize, why: &str) {
        self.log(task, &format!("ERROR: online migrate failure - {why}"));
        self.log(task, "aborting phase 2 - cleanup resources");
        self.log(task, "migrate_cancel");
        if self.quorate {
            let vmid = self.tasks[task].vmid;
            self.change(vmid, "migration undone", |g| g.lock = None);
        }
        self.problems(task);
    }

    /// The connection to the target is gone, and the worker has noticed.
    pub fn broken(&mut self, task: usize, migration: &mut Migration, words: &[&str]) {
        let address = self.address(&migration.target);
        for word in words {
            let line = word.replace("ADDRESS", &address);
            self.log(task, &line);
        }
        let why = self.pipe_failed(task, migration, "exit code 255");
        self.roll_back(task, migration, &why);
    }

    /// A copy's error: the pipe in full, as PVE tells it (Storage.pm, `storage_migrate`).
    pub fn pipe_failed(&mut self, task: usize, migration: &Migration, how: &str) -> String {
        let vmid = self.tasks[task].vmid;
        let local = self.local_volumes(vmid);
        let Some(volume) = local.first() else {
            return format!("migration failed - {how}");
        };
        let (volid, node) = (&volume.volid, &migration.target);
        let storage = volume.storage.as_deref().unwrap_or_default();
        let storage = migration.storage(storage);
        let why = format!(
            "storage migration for '{volid}' to storage '{storage}' failed - command 'set -o pipefail && pvesm export {volid} raw+size - \
             -with-snapshots 0 | /usr/bin/ssh -e none -o 'BatchMode=yes' -o 'HostKeyAlias={node}' -o \
             'UserKnownHostsFile=/etc/pve/nodes/{node}/ssh_known_hosts' -o 'GlobalKnownHostsFile=none' root@{} -- pvesm import {volid} \
             raw+size - -with-snapshots 0 -allow-rename 1' failed: {how}",
            self.address(node)
        );
        self.log(task, &format!("ERROR: {why}"));
        why
    }

    /// What a copy that came to no end leaves at its target, for ever.
    pub fn leave_copy(&mut self, task: usize, migration: &Migration) -> Option<String> {
        let vmid = self.tasks[task].vmid;
        if !matches!(migration.phase, Phase::Copy { .. } | Phase::Broken(_)) || !self.guest(vmid).ct
        {
            return None;
        }
        let volume = self.local_volumes(vmid).into_iter().next()?;
        let storage = volume.storage.as_deref()?;
        let volid = migration.renamed(&volume.volid);
        let left = Leftover {
            node: migration.target.clone(),
            storage: migration.storage(storage).to_owned(),
            volid: self.free_name(&migration.target, &volid),
            bytes: volume.bytes / 2,
        };
        self.leftovers.push(left);
        Some(volume.volid)
    }

    /// The name that a volume gets at the target: the next one, if something is in its place.
    pub fn free_name(&self, node: &str, volid: &str) -> String {
        let taken = |volid: &str| {
            let left = self.leftovers.iter();
            left.filter(|left| left.node == node)
                .any(|left| left.volid == volid)
        };
        let Some((before, after)) = volid.split_once("-disk-").filter(|_| taken(volid)) else {
            return volid.to_owned();
        };
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let named = |number: u32| format!("{before}-disk-{number}{}", &after[digits..]);
        let free = (0..).map(named).find(|name| !taken(name));
        free.unwrap_or_else(|| volid.to_owned())
    }

    /// Phase 1 is undone: the lock goes, and what ran is started again.
    pub fn roll_back(&mut self, task: usize, migration: &mut Migration, why: &str) {
        let vmid = self.tasks[task].vmid;
        self.log(task, "aborting phase 1 - cleanup resources");
        if let Some(volid) = self.leave_copy(task, migration) {
            let line = format!(
                "ERROR: found stale volume copy '{volid}' on node '{}'",
                migration.target
            );
            self.log(task, &line);
        }
        let restarts = migration.restart.is_some() && migration.ran && !migration.ha;
        if restarts {
            self.log(task, "start final cleanup");
        }
        if self.quorate {
            self.change(vmid, "migration undone", |g| g.lock = None);
        } else {
            self.log(
                task,
                "ERROR: no lock found trying to remove 'migrate'  lock",
            );
        }
        if restarts {
            self.log(task, "start container on source node");
            migration.why = why.to_owned();
            migration.phase = Phase::Restart;
            let boot = self.guest(vmid).boot_s;
            self.wait(task, boot);
        } else {
            self.abort(task, why);
        }
    }
}

/// A line of the log for a part of the copy.
fn progress(total: f64, part: u32, live: bool) -> String {
    let gib = |bytes: f64| bytes / f64::from(1 << 30);
    // A VM that writes to its memory sends more of it than it has.
    let sent = total * f64::from(part + 1) / f64::from(PARTS) * if live { 1.2 } else { 1.0 };
    if live {
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
    }
}
