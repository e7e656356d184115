//! Guests that the token may not see and that exist all the same: PVE leaves them out of
//! every list of guests, but not what else the cluster knows of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use serde_json::Value;

use super::{
    request::{Asker, ask, each, parsed},
    spelling::{list, number, of_type, text, words},
};
use crate::state::{Guest, Hidden, Permissions};

/// The lowest ID of a guest (`pve-vmid` of PVE's schema).
const LEAST: u32 = 100;

/// How many pools are looked into, and of how many guests PVE is asked whether they exist: in a
/// large cluster old jobs name hundreds. Of the rest it is not known, so they may.
const MOST: usize = 16;

/// The answers that may name guests; what was not seen names none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'a> {
    /// `/cluster/ha/status/current`, which has their nodes, too.
    pub ha_status: Option<&'a Value>,
    /// `/cluster/ha/resources`
    pub ha_resources: Option<&'a Value>,
    /// `/cluster/replication`
    pub replication: Option<&'a Value>,
    /// `/cluster/backup`
    pub backup_jobs: Option<&'a Value>,
    /// `/cluster/tasks`
    pub tasks: Option<&'a Value>,
    /// `/access/permissions`
    pub permissions: Option<&'a Permissions>,
    /// `/cluster/resources`, which has the pools that the token may see (Pool.Audit).
    pub resources: Option<&'a Value>,
}

/// Those that are named and in no list, if PVE says that they exist.
pub fn read(pve: &Asker<'_>, sources: Sources<'_>, guests: &[Guest]) -> Vec<Hidden> {
    let pools = pools(pve, sources.resources);
    let named = named(sources, &pools, guests);
    let exist = each(&named[..named.len().min(MOST)], |hidden| {
        exists(pve, hidden.vmid)
    });
    let rest = iter::repeat(None);
    let known = named.into_iter().zip(exist.into_iter().chain(rest));
    known
        .filter(|(_, exists)| exists.unwrap_or(true))
        .map(|(hidden, _)| hidden)
        .collect()
}

/// Whether there is a guest of that ID: PVE tells it of any (`/cluster/nextid`, 400 where
/// it is taken), with no privilege at all. Without an answer it may be.
fn exists(pve: &Asker<'_>, vmid: u32) -> bool {
    ask(pve, &format!("/cluster/nextid?vmid={vmid}")).is_err()
}

/// The pools that the token may see and their members, of which it may see less.
fn pools(pve: &Asker<'_>, resources: Option<&Value>) -> Vec<(String, Value)> {
    let entries = resources.into_iter();
    let entries = entries.flat_map(|resources| of_type(resources, "pool"));
    let names: Vec<String> = entries
        .filter_map(|entry| text(entry, "pool"))
        .filter(|name| is_pool(name))
        .take(MOST)
        .collect();
    let answers = each(&names, |name| ask(pve, &format!("/pools/{name}")));
    let known = names.into_iter().zip(answers);
    known
        .filter_map(|(name, answer)| Some((name, parsed(&answer?.ok()?))))
        .collect()
}

/// The names of the pools that the token may see: `/cluster/resources` has those on which it has
/// Pool.Audit, as `/pools` does.
pub fn pool_names(resources: &Value) -> Vec<String> {
    let entries = of_type(resources, "pool");
    entries.filter_map(|entry| text(entry, "pool")).collect()
}

/// Fit for a path; pools in pools have a slash in their names.
fn is_pool(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.starts_with('.') && !name.is_empty() && name.bytes().all(is_fit)
}

/// What names guests that are in no list; the first that does, of those that know more first.
fn named(sources: Sources<'_>, pools: &[(String, Value)], guests: &[Guest]) -> Vec<Hidden> {
    let seen: BTreeSet<u32> = guests.iter().map(|guest| guest.vmid).collect();
    let mut found: BTreeMap<u32, Hidden> = BTreeMap::new();
    let mut note = |vmid: Option<u32>, node: Option<String>, by: String| {
        if let Some(vmid) = vmid.filter(|vmid| *vmid >= LEAST && !seen.contains(vmid)) {
            let known = found.entry(vmid).or_insert(Hidden {
                vmid,
                node: None,
                by,
            });
            known.node = known.node.take().or(node);
        }
    };
    let services = sources.ha_status.into_iter();
    let services = services.flat_map(|status| of_type(status, "service"));
    let resources = sources.ha_resources.into_iter().flat_map(list);
    for entry in services.chain(resources) {
        let sid = text(entry, "sid").unwrap_or_default();
        let vmid = sid.split_once(':').and_then(|(_, vmid)| vmid.parse().ok());
        note(vmid, text(entry, "node"), format!("the HA resource {sid}"));
    }
    for job in sources.replication.into_iter().flat_map(list) {
        let id = text(job, "id").unwrap_or_default();
        let vmid = id.split('-').next().and_then(|vmid| vmid.parse().ok());
        let job_of = format!("the replication job {id}");
        // Its `source` is where the guest was when the job ran last.
        note(vmid, None, job_of);
    }
    for job in sources.backup_jobs.into_iter().flat_map(list) {
        let id = text(job, "id").unwrap_or_default();
        for vmid in words(&job["vmid"]) {
            note(vmid.parse().ok(), None, format!("the backup job {id}"));
        }
    }
    for task in sources.tasks.into_iter().flat_map(list) {
        let kind = text(task, "type").unwrap_or_default();
        if ["qm", "vz", "ha"].iter().any(|of| kind.starts_with(of)) {
            let vmid = u32::try_from(number(&task["id"])).ok();
            let node = text(task, "node").unwrap_or_default();
            note(vmid, None, format!("a task {kind} on {node}"));
        }
    }
    for (pool, answer) in pools {
        for member in list(&answer["members"]) {
            let vmid = u32::try_from(number(&member["vmid"])).ok();
            note(vmid, text(member, "node"), format!("the pool {pool}"));
        }
    }
    let paths = sources.permissions.into_iter().flat_map(BTreeMap::keys);
    for path in paths {
        let vmid = path
            .strip_prefix("/vms/")
            .and_then(|vmid| vmid.parse().ok());
        note(vmid, None, format!("the token's permissions on {path}"));
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_is_named_and_not_listed() {
        let guests: Vec<Guest> = ["101", "102"]
            .map(|vmid| {
                let text =
                    format!(r#"{{"vmid":{vmid},"type":"lxc","node":"a","status":"running"}}"#);
                serde_json::from_str(&text).unwrap()
            })
            .into();
        let status = json!([
            {"type": "service", "sid": "ct:301", "node": "pve2"}, {"type": "lrm", "node": "pve2"},
            {"type": "service", "sid": "ct:101", "node": "a"},
        ]);
        let resources = json!([{"sid": "ct:301"}, {"sid": "vm:302"}, {"sid": "nonsense"}]);
        let jobs = json!([{"id": "303-0", "guest": 303, "source": "pve1", "target": "pve2"}, {"id": "102-0"}]);
        let backups = json!([{"id": "backup-1", "vmid": "101,304"}, {"id": "all", "all": 1}]);
        let tasks = json!([
            {"type": "vzstart", "id": "305", "node": "pve1"}, {"type": "qmigrate", "id": "101", "node": "a"},
            {"type": "srvreload", "id": "5000", "node": "a"}, {"type": "vzdump", "id": "", "node": "a"},
        ]);
        let permissions =
            serde_json::from_str(r#"{"/vms/306":{"VM.Audit":false},"/vms":{}}"#).unwrap();
        let sources = Sources {
            ha_status: Some(&status),
            ha_resources: Some(&resources),
            replication: Some(&jobs),
            backup_jobs: Some(&backups),
            tasks: Some(&tasks),
            permissions: Some(&permissions),
            resources: None,
        };
        let pools = [(
            "p1".to_owned(),
            json!({"members": [{"vmid": 101, "node": "a"}, {"vmid": 307, "node": "pve3"}, {"vmid": 303, "node": "pve2"}, {"storage": "s"}]}),
        )];
        let found: Vec<String> = named(sources, &pools, &guests)
            .iter()
            .map(|h| format!("{} {} {}", h.vmid, h.node.as_deref().unwrap_or("-"), h.by))
            .collect();
        assert_eq!(
            found,
            [
                "301 pve2 the HA resource ct:301",
                "302 - the HA resource vm:302",
                "303 pve2 the replication job 303-0",
                "304 - the backup job backup-1",
                "305 - a task vzstart on pve1",
                "306 - the token's permissions on /vms/306",
                "307 pve3 the pool p1",
            ]
        );
        assert!(named(Sources::default(), &[], &guests).is_empty());
    }
}
