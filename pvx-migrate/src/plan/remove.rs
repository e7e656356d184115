//! `plan remove`: which of the named guests can be destroyed, what goes with them, and what is in
//! the way of the others.
//!
//! A pure function of the state document, the options and the list of backups. Nothing is destroyed
//! that isn't named by its ID, that has another name, or to which there is no way back; what was not
//! seen blocks where it decides.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    creation::Wants,
    make::identity::{name_of, short},
    pair::Members,
    parameter,
    policy::{Policy, SHUTDOWN_S},
    record::Blocker,
    removal::{self, Effect, Purge, Removal, Removing},
};
use crate::{
    cluster::Cluster,
    config::Config,
    permission::has_on_all_guests,
    state::{Guest, Kind},
};

pub mod backup;
pub mod code;
mod company;
pub mod origin;
mod purge;
#[cfg(test)]
mod table_tests;
pub mod volumes;

use backup::Backup;
use code::Code;

/// What the caller allows and wants.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The name that the one guest must have.
    pub name: Option<String>,
    /// HA, replication and backup jobs go with the guest.
    pub purge: bool,
    /// Guests that run are shut down.
    pub stop: bool,
    /// No member of a pair needs to be left.
    pub whole_pair: bool,
    /// What the way back must be.
    pub way_back: WayBack,
    /// The time.
    pub now: Timestamp,
}

/// What the way back to a guest must be.
#[derive(Clone, Debug)]
pub enum WayBack {
    /// Nothing was said: no guest goes.
    Unsaid,
    /// None is wanted.
    NotNeeded,
    /// A backup of this list, no older than this.
    Backup(Vec<Backup>, Duration),
}

/// The guests of one call.
pub struct Work<'w, 'a> {
    cluster: &'w Cluster<'a>,
    policy: &'w Policy,
    terms: &'w Terms,
    members: Members<'a>,
    /// All guests of the call: each is looked at as if all were gone.
    gone: Vec<u32>,
    /// Those before the guest that go by their steps, with a purge: backup jobs name them no more.
    taken: Vec<u32>,
}

/// What is found of one guest.
#[derive(Debug, Default)]
struct Found {
    blockers: Vec<Blocker>,
    warnings: Vec<Blocker>,
}

impl Found {
    fn blocks(&mut self, code: Code, message: impl Into<String>) {
        self.blockers.push(code.says(message));
    }

    fn warns(&mut self, code: Code, message: impl Into<String>) {
        self.warnings.push(code.says(message));
    }
}

/// A step for each guest, in the order of the call; those that the state doesn't have get none.
#[must_use]
pub fn remove(
    cluster: &Cluster<'_>,
    policy: &Policy,
    vmids: &[u32],
    terms: &Terms,
) -> Vec<Removal> {
    let mut work = Work {
        cluster,
        policy,
        terms,
        members: Members::new(cluster, &policy.pairs),
        gone: vmids.to_vec(),
        taken: Vec::new(),
    };
    let mut steps = Vec::new();
    for guest in vmids.iter().filter_map(|vmid| cluster.guest(*vmid)) {
        let step = work.one(guest);
        if step.acts() && step.purge.is_some() {
            work.taken.push(step.vmid);
        }
        steps.push(step);
    }
    steps
}

impl<'a> Work<'_, 'a> {
    fn one(&self, guest: &'a Guest) -> Removal {
        let mut found = Found::default();
        let name = name_of(guest);
        let text = guest.config.as_ref().map(|config| config.get());
        let config = text.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
        let parsed = text.and_then(|text| Config::parse(guest.kind, text).ok());
        self.named(guest, &name, &mut found);
        self.reachable(guest, &mut found);
        self.stopped(guest, &mut found);
        match (&config, &parsed) {
            (Some(config), Some(parsed)) => self.configured(guest, config, parsed, &mut found),
            _ => found.blocks(Code::Unseen, "its configuration is not in the state"),
        }
        let purge = self.purge(guest, &mut found);
        self.clones(guest, &mut found);
        self.pairs(guest, &mut found);
        self.leaves(guest, parsed.as_ref(), &mut found);
        let snapshot = self.way_back(guest, &name, config.as_ref(), &mut found);
        let timeout_s = parsed.as_ref().and_then(|config| config.down);
        let step = Removal {
            vmid: guest.vmid,
            kind: guest.kind,
            name,
            node: guest.node.clone(),
            action: Removing::Destroy,
            wants: None,
            reason: reason(purge.as_ref(), snapshot.as_deref()),
            stop: self.terms.stop,
            timeout_s: timeout_s
                .filter(|s| (1..=86_400).contains(s))
                .unwrap_or(SHUTDOWN_S),
            purge,
            digest: parsed
                .and_then(|config| config.digest)
                .filter(|text| removal::is_digest(text)),
            snapshot,
            blockers: Vec::new(),
            warnings: found.warnings,
            cluster: self.cluster.state.cluster.name.clone(),
            state_at: self.cluster.state.at,
        };
        finished(step, found.blockers)
    }

    fn named(&self, guest: &Guest, name: &str, found: &mut Found) {
        let domain = self.policy.site.domain.as_deref();
        if !parameter::is_guest_name(name) {
            let what = format!(
                "{} has no name by which it could be known again",
                guest.vmid
            );
            found.blocks(Code::Name, what);
        } else if let Some(given) = &self.terms.name
            && short(given, domain) != short(name, domain)
        {
            let what = format!("{} is {name}, and --name is {given}", guest.vmid);
            found.blocks(Code::Name, what);
        }
        if let Some(lock) = &guest.lock {
            let (command, vmid) = (guest.kind.command(), guest.vmid);
            let what = format!(
                "its lock is {lock}: wait for what holds it; if that is dead, '{command} unlock {vmid}'"
            );
            found.blocks(Code::Locked, what);
        }
    }

    fn reachable(&self, guest: &Guest, found: &mut Found) {
        match self.cluster.state.cluster.quorate {
            Some(true) => {}
            Some(false) => found.blocks(Code::NoQuorum, "the cluster has no quorum"),
            None => found.blocks(
                Code::Unseen,
                "whether the cluster has quorum is not in the state",
            ),
        }
        let node = self.cluster.node(&guest.node);
        let is_online = node.is_some_and(|node| self.cluster.nodes()[node].online);
        if !is_online {
            found.blocks(Code::Offline, format!("{} does not answer", guest.node));
        }
    }

    fn stopped(&self, guest: &Guest, found: &mut Found) {
        if guest.is_unknown() {
            found.blocks(Code::Unseen, "whether it runs is not in the state");
        } else if guest.is_paused() {
            let what = format!(
                "it is {}, so it cannot shut down: 'qm resume {}'",
                guest.activity(),
                guest.vmid
            );
            found.blocks(Code::Running, what);
        } else if guest.is_running() && !self.terms.stop {
            found.blocks(Code::Running, "it runs: stop it, or say --stop");
        }
    }

    fn configured(
        &self,
        guest: &Guest,
        config: &Map<String, Value>,
        parsed: &Config,
        found: &mut Found,
    ) {
        let (command, vmid) = (guest.kind.command(), guest.vmid);
        if config.get("protection").is_some_and(crate::state::is_true) {
            let what = format!("its protection is set: '{command} set {vmid} --protection 0'");
            found.blocks(Code::Protection, what);
        }
        if guest.lock.is_none()
            && let Some(lock) = &parsed.lock
        {
            found.blocks(
                Code::Locked,
                format!("its lock is {lock}: '{command} unlock {vmid}', if nothing holds it"),
            );
        }
        if !parsed.digest.as_deref().is_some_and(removal::is_digest) {
            found.blocks(
                Code::Unseen,
                "the digest of its configuration is not in the state",
            );
        }
        let macs = &self.cluster.state.self_macs;
        if let Some(mac) = parsed.macs.iter().find(|mac| macs.contains(mac)) {
            let what =
                format!("this command runs in it (by its MAC address {mac}): run it elsewhere");
            found.blocks(Code::Own, what);
        }
        let mut missing: Vec<&str> = Vec::new();
        for volume in &parsed.volumes {
            let storage = self.cluster.storage(&volume.storage);
            let is_there = storage.is_some_and(|storage| storage.nodes.contains_key(&guest.node));
            if !is_there && !missing.contains(&&volume.storage[..]) {
                missing.push(&volume.storage);
            }
        }
        if !missing.is_empty() {
            let (node, all) = (&guest.node, missing.join(", "));
            let what = format!("{node} does not have {all}, on which it has volumes, or not now");
            found.blocks(Code::Storage, what);
        }
    }

    fn way_back(
        &self,
        guest: &Guest,
        name: &str,
        config: Option<&Map<String, Value>>,
        found: &mut Found,
    ) -> Option<String> {
        let (backups, within) = match &self.terms.way_back {
            WayBack::NotNeeded => return None,
            WayBack::Unsaid => {
                let what = "no list of backups was given: --snapshots FILE, or --no-backup-needed";
                found.blocks(Code::NoBackupSeen, what);
                return None;
            }
            WayBack::Backup(backups, within) => (backups, *within),
        };
        let outside = config.map(|config| volumes::outside_backups(config, guest.kind));
        for volume in outside.iter().flatten() {
            let what = format!("{volume}; back it up otherwise and say --no-backup-needed");
            found.blocks(Code::VolumeNotInBackup, what);
        }
        let subject = self.subject(guest, name, config);
        let backup = match backup::way_back(backups, &subject, within, self.terms.now) {
            Ok(backup) => backup,
            Err(blocker) => {
                found.blockers.push(blocker);
                return None;
            }
        };
        if !subject.was_there(backup.time) {
            let what = format!(
                "when it was made is not known, so {} may be of an earlier guest of {} with this name",
                backup.path(),
                guest.vmid
            );
            found.warns(Code::BackupUnsure, what);
        }
        let drives = config.filter(|_| guest.kind == Kind::Qemu);
        let drives = drives.map(volumes::drives).unwrap_or_default();
        for drive in drives.iter().filter(|drive| !backup.has_drive(drive)) {
            let what = format!("{} has no file of {drive}: back it up again", backup.path());
            found.blocks(Code::VolumeNotInBackup, what);
        }
        Some(backup.path())
    }
}

/// What goes, and how it could come back.
fn reason(purge: Option<&Purge>, snapshot: Option<&str>) -> String {
    let mut parts = vec![match snapshot {
        Some(path) => format!("its backup is {path}"),
        None => "no backup is asked for".to_owned(),
    }];
    if let Some(purge) = purge {
        let jobs = purge.jobs.iter().map(|job| {
            let what = match job.effect {
                Effect::Trimmed => "loses it",
                Effect::Deleted => "is deleted",
            };
            format!("the backup job {} {what}", job.id)
        });
        let replication = purge.replication.iter();
        parts.extend(
            purge
                .ha
                .iter()
                .map(|sid| format!("the HA resource {sid} goes")),
        );
        parts.extend(replication.map(|id| format!("the replication job {id} goes")));
        parts.extend(jobs);
    }
    parts.join("; ")
}

fn finished(step: Removal, blockers: Vec<Blocker>) -> Removal {
    if blockers.is_empty() {
        return step;
    }
    Removal {
        action: Removing::Blocked,
        wants: Some(Wants::Destroy),
        reason: "it stays: see its blockers".to_owned(),
        blockers,
        ..step
    }
}

impl Work<'_, '_> {
    /// The token sees all guests there may be.
    fn sees_all(&self) -> bool {
        let table = self.cluster.state.permissions.as_ref();
        table.is_some_and(|table| has_on_all_guests(table, "VM.Audit"))
            && self
                .cluster
                .state
                .hidden
                .as_ref()
                .is_some_and(Vec::is_empty)
    }

    /// The volumes of a guest, by its configuration; none if that was not read.
    fn volumes_of(guest: &Guest) -> Option<Config> {
        let text = guest.config.as_ref()?.get();
        Config::parse(guest.kind, text).ok()
    }

    fn kind_of(guest: &Guest) -> &'static str {
        match guest.kind {
            Kind::Qemu => "the VM",
            Kind::Lxc => "the container",
        }
    }
}
