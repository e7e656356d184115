//! Who has the ID or the name already: a guest, or what is left of one.

use super::{Found, Work, code::Code, wanted::Wanted};
use crate::{
    config::property::plain,
    permission::{has_on_all_guests, has_on_guest},
    state::{Guest, Kind},
};

/// A guest's name: of its configuration, for what the overview has may be the name of one that was
/// destroyed seconds ago (8 s measured on Proxmox VE 9.2). Empty where the configuration has none,
/// as that of a guest that is being made.
pub fn name_of(guest: &Guest) -> String {
    let key = match guest.kind {
        Kind::Lxc => "hostname",
        Kind::Qemu => "name",
    };
    let config = guest.config.as_ref().map(|config| config.get());
    let config: Option<serde_json::Value> =
        config.and_then(|config| serde_json::from_str(config).ok());
    match config {
        Some(config) => config.get(key).map(plain).unwrap_or_default(),
        None => guest.name.clone(),
    }
}

/// It is being made: by its overview, or its configuration, which knows it first.
fn is_being_made(guest: &Guest) -> bool {
    let config = guest.config.as_ref().map(|config| config.get());
    let config: Option<serde_json::Value> =
        config.and_then(|config| serde_json::from_str(config).ok());
    let lock = config.as_ref().and_then(|config| config.get("lock"));
    guest.lock.as_deref() == Some("create") || lock.is_some_and(|lock| lock == "create")
}

/// A name as its owner has it: lower case, no trailing dot, no domain of the site.
pub fn short(name: &str, domain: Option<&str>) -> String {
    let name = name.to_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let domain = domain.map(|domain| format!(".{}", domain.to_lowercase()));
    let short = domain.and_then(|domain| name.strip_suffix(&domain[..]));
    short.unwrap_or(name).to_owned()
}

impl<'a> Work<'_, 'a> {
    /// The guest that lives under this ID and name, if there is one.
    pub(super) fn lives(&self, wanted: &Wanted) -> Option<&'a Guest> {
        let guest = self.cluster.guest(wanted.vmid)?;
        let domain = self.policy.site.domain.as_deref();
        let is_same = guest.kind == wanted.kind
            && !guest.template
            && !is_being_made(guest)
            && short(&name_of(guest), domain) == short(&wanted.name, domain);
        is_same.then_some(guest)
    }

    pub(super) fn identity(&self, wanted: &Wanted, found: &mut Found) {
        let (state, vmid) = (self.cluster.state, wanted.vmid);
        if let Some(guest) = self.cluster.guest(vmid) {
            found.blocks(Code::VmidTaken, taken(guest));
        } else if let Some(hidden) = hidden(self, vmid) {
            found.blocks(Code::VmidTaken, hidden);
        } else {
            self.remains(wanted, found);
        }
        let sees_all = state.permissions.as_ref();
        if !sees_all.is_some_and(|table| has_on_all_guests(table, "VM.Audit")) {
            let what = "the token may not see all guests (VM.Audit on /vms), so another may have \
                the ID or the name; Proxmox refuses an ID that is taken, not a name";
            found.warns(Code::Unseen, what);
        }
        let domain = self.policy.site.domain.as_deref();
        let same = self.names.get(&short(&wanted.name, domain));
        let mut others = same.into_iter().flatten().filter(|id| **id != vmid);
        if let Some(other) = others.next() {
            let where_ = match self.cluster.guest(*other) {
                Some(guest) => format!("{other} on {}", guest.node),
                None => format!("{other}, another record of this call"),
            };
            let what = format!("{} is the name of {where_}; give it another", wanted.name);
            found.blocks(Code::NameTaken, what);
        }
    }

    /// What of an earlier guest of this ID is left, and would become this one's.
    fn remains(&self, wanted: &Wanted, found: &mut Found) {
        let (state, vmid) = (self.cluster.state, wanted.vmid);
        match &state.ha {
            Some(ha) => {
                let sids = [Kind::Lxc, Kind::Qemu].map(|kind| format!("{}:{vmid}", kind.ha_type()));
                let mut left = ha.resources.iter().filter(|r| sids.contains(&r.sid));
                if let Some(resource) = left.next() {
                    let sid = &resource.sid;
                    let what = format!(
                        "the HA manager still has {sid} and would take the new guest for it: \
                         'ha-manager remove {sid}' on a node"
                    );
                    found.blocks(Code::Remembered, what);
                }
            }
            None => found.warns(Code::Unseen, "the HA resources are not in the state"),
        }
        // Proxmox leaves out the jobs of guests on which the token has no VM.Audit.
        let table = state.permissions.as_ref();
        let sees = table.is_some_and(|table| has_on_guest(table, vmid, None, "VM.Audit"));
        match &state.replication {
            Some(jobs) => {
                if let Some(job) = jobs.iter().find(|job| job.vmid == vmid) {
                    let id = job.id.clone().unwrap_or_else(|| format!("{vmid}-0"));
                    let what = format!(
                        "the replication job {id} of an earlier guest is left: \
                         'pvesr delete {id}' on a node"
                    );
                    found.blocks(Code::Remembered, what);
                } else if !sees {
                    let what = format!(
                        "whether a replication job of an earlier guest is left the token may not \
                         see (VM.Audit on /vms/{vmid})"
                    );
                    found.warns(Code::Unseen, what);
                }
            }
            None => found.warns(Code::Unseen, "the replication jobs are not in the state"),
        }
        self.jobs(vmid, found);
        self.leftovers(vmid, found);
    }

    fn jobs(&self, vmid: u32, found: &mut Found) {
        let Some(jobs) = &self.cluster.state.backup_jobs else {
            found.warns(Code::Unseen, "the backup jobs are not in the state");
            return;
        };
        for job in jobs {
            if job.vmids.contains(&vmid) {
                let what = format!("the backup job {} names {vmid} already", job.id);
                found.warns(Code::BackupJob, what);
            }
            if job.exclude.contains(&vmid) {
                let what = format!("the backup job {} leaves {vmid} out", job.id);
                found.warns(Code::BackupJob, what);
            }
        }
    }

    /// Volumes of the ID, on any storage of the cluster.
    fn leftovers(&self, vmid: u32, found: &mut Found) {
        let state = self.cluster.state;
        let Some(lists) = &state.content else {
            let what = "what the storages hold is not in the state, so volumes and backups of an \
                earlier guest are not known: read it with 'pvx-migrate state --content'";
            found.warns(Code::Unseen, what);
            return;
        };
        let mut unseen = self.without_list(lists);
        let mut backups = 0_usize;
        for list in lists {
            let storage = self.cluster.storage(&list.storage);
            let takes = |kind: &str| storage.is_some_and(|s| s.content.iter().any(|c| c == kind));
            let disks = takes("images") || takes("rootdir");
            let shows = (!disks || state.shows_disks_of(&list.storage, vmid))
                && (!takes("backup") || state.shows_backups_of(&list.storage, vmid));
            let Some(volumes) = &list.volumes else {
                continue;
            };
            if !shows {
                unseen.push(format!("{} at {}", list.storage, list.node));
            }
            for volume in volumes.iter().filter(|volume| volume.vmid == Some(vmid)) {
                if volume.is_disk() {
                    let (volid, node) = (&volume.volid, &list.node);
                    // Another guest's configuration may name it; trace looks at all of them.
                    let what = format!(
                        "{volid} on {node} bears this ID: 'vmid trace {vmid}' says whether it is \
                         another guest's, and how it goes"
                    );
                    found.blocks(Code::Remembered, what);
                } else if volume.content == "backup" {
                    backups += 1;
                }
            }
        }
        if backups > 0 {
            let what = format!(
                "backups of an earlier guest of {vmid} are there ({backups}): new ones will be among \
                 them"
            );
            found.warns(Code::OldBackups, what);
        }
        if !unseen.is_empty() {
            let what = format!(
                "whether volumes or backups of an earlier guest are there is not known, of {}",
                unseen.join(", ")
            );
            found.warns(Code::Unseen, what);
        }
    }
}

fn taken(guest: &Guest) -> String {
    let name = name_of(guest);
    let called = if name.is_empty() {
        "without a name"
    } else {
        &name
    };
    let called = match is_being_made(guest) {
        true => format!("{called}, which is being made,"),
        false => called.to_owned(),
    };
    let template = if guest.template { ", a template" } else { "" };
    let (vmid, kind, node) = (guest.vmid, guest.kind.as_str(), &guest.node);
    format!("{vmid} lives already, as {kind} {called} on {node}{template}")
}

fn hidden(work: &Work<'_, '_>, vmid: u32) -> Option<String> {
    let mut hidden = work.cluster.state.hidden.iter().flatten();
    let found = hidden.find(|hidden| hidden.vmid == vmid)?;
    let by = &found.by;
    Some(format!(
        "{vmid} lives already, as a guest that the token may not see: {by} names it"
    ))
}
