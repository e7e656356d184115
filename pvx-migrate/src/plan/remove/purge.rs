//! What names a guest and goes with it by `purge=1`: HA, replication, backup jobs.

use super::{Found, Work, code::Code};
use crate::{
    plan::removal::{Effect, Purge, PurgedJob},
    state::{BackupJob, Guest},
};

impl Work<'_, '_> {
    /// What names it and would go with it; a blocker where that isn't wanted.
    pub(super) fn purge(&self, guest: &Guest, found: &mut Found) -> Option<Purge> {
        let state = self.cluster.state;
        let wanted = self.terms.purge;
        let unseen = |found: &mut Found, what: &str| {
            // What isn't seen can't be purged; without --purge Proxmox refuses by itself.
            if wanted {
                found.blocks(Code::Unseen, format!("{what} are not in the state"));
            } else {
                found.warns(Code::Unseen, format!("{what} are not in the state"));
            }
        };
        let mut purge = Purge::default();
        let (vmid, sid) = (guest.vmid, guest.sid());
        match &state.ha {
            None => unseen(found, "the HA resources"),
            Some(ha) => {
                let mut resources = ha.resources.iter();
                purge.ha = resources.any(|known| known.sid == sid).then(|| sid.clone());
            }
        }
        if purge.ha.is_some() && wanted {
            self.rules(&sid, found);
        }
        if purge.ha.is_some() && !wanted {
            found.blocks(
                Code::Ha,
                format!("the HA manager has {sid}: remove it, or say --purge"),
            );
        }
        match &state.replication {
            None => unseen(found, "the replication jobs"),
            Some(jobs) => {
                let own = jobs.iter().filter(|job| job.vmid == vmid);
                let ids: Option<Vec<String>> = own.map(|job| job.id.clone()).collect();
                match ids {
                    Some(ids) => purge.replication = ids,
                    None => unseen(found, "the IDs of its replication jobs"),
                }
            }
        }
        purge.replication.sort();
        if !purge.replication.is_empty() && !wanted {
            let all = purge.replication.join(", ");
            found.blocks(
                Code::Replication,
                format!("it is replicated ({all}): remove that, or say --purge"),
            );
        }
        match &state.backup_jobs {
            None => unseen(found, "the backup jobs"),
            Some(jobs) => {
                let named = jobs
                    .iter()
                    .filter_map(|job| named_by(job, vmid, &self.taken));
                purge.jobs = named.collect();
            }
        }
        purge.jobs.sort();
        for job in purge.jobs.iter().filter(|_| !wanted) {
            let would = match job.effect {
                Effect::Trimmed => "it is taken off with --purge",
                Effect::Deleted => "it names nobody else, so --purge deletes it",
            };
            found.blocks(
                Code::BackupJob,
                format!("the backup job {} names {vmid}: {would}", job.id),
            );
        }
        let deleted = purge
            .jobs
            .iter()
            .filter(|job| job.effect == Effect::Deleted);
        for job in deleted.filter(|_| wanted) {
            let what = format!(
                "the backup job {} is deleted: it names no other guest then",
                job.id
            );
            found.warns(Code::BackupJob, what);
        }
        let is_empty = purge == Purge::default();
        (wanted && !is_empty).then_some(purge)
    }
}

impl Work<'_, '_> {
    /// The rules of HA that lose the guest with its resource: one that names nobody else goes (measured on
    /// 9.2). A group of PVE 8 stays.
    fn rules(&self, sid: &str, found: &mut Found) {
        let rules = self.cluster.state.ha.iter().flat_map(|ha| &ha.rules);
        for rule in rules {
            let (name, resources) = rule.names();
            if name.starts_with("group ") || !resources.iter().any(|known| known == sid) {
                continue;
            }
            let others = resources.iter().filter(|known| *known != sid);
            let others: Vec<&str> = others.map(String::as_str).collect();
            let what = if others.is_empty() {
                format!("the HA rule {name} is deleted: it names no other guest")
            } else {
                format!(
                    "the HA rule {name} loses it, and has {} then",
                    others.join(", ")
                )
            };
            found.warns(Code::Ha, what);
        }
    }
}

/// What a purge does to a backup job; none if the job doesn't name the guest. A job that named this
/// guest alone is deleted (remove_vmid_from_jobs in Proxmox's VZDump plugin; measured on 9.2). Those
/// that are `taken` before it are off the job's list then.
fn named_by(job: &BackupJob, vmid: u32, taken: &[u32]) -> Option<PurgedJob> {
    let mut left = job.vmids.iter().filter(|id| !taken.contains(id));
    let is_alone = job.vmids.contains(&vmid) && left.all(|id| *id == vmid);
    let names = job.vmids.contains(&vmid) || job.exclude.contains(&vmid);
    names.then(|| PurgedJob {
        id: job.id.clone(),
        effect: if is_alone {
            Effect::Deleted
        } else {
            Effect::Trimmed
        },
    })
}
