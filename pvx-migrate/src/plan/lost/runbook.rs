//! What a person does, in words, and as commands where that is safe: only where the document shows
//! the node offline and the cluster with quorum, so that no guest gets a second writer.
//!
//! A restore never has --force: what is in its way is moved away first, and comes back with a look.

use super::{
    code::Code,
    down::Down,
    fate::{self, Decided},
    record::{Act, ComesBack, Rest},
    rest::guests,
    scene::Scene,
    seat::{Case, Disks},
};
use crate::{
    cluster::Cluster,
    plan::shell::quoted,
    state::{Kind, Storage},
};

/// Findings that have to be looked at before anything is done.
const LOOKS: [Code; 4] = [
    Code::Locked,
    Code::BackupUnsure,
    Code::BackupServerLost,
    Code::ReplicaStale,
];

/// What is done before anything else.
#[must_use]
pub fn first(
    cluster: &Cluster<'_>,
    scene: &Scene<'_>,
    rest: &Rest,
    counts: &[(ComesBack, usize)],
    down: &[Down<'_>],
    restored: usize,
) -> Vec<Act> {
    let count = |kind: ComesBack| {
        let found = counts.iter().find(|(known, _)| *known == kind);
        found.map_or(0, |(_, count)| *count)
    };
    let mut acts: Vec<Act> = scene
        .lost
        .iter()
        .map(|node| {
            let name = cluster.name(*node);
            Act::words(format!("make sure that {name} has no power"))
        })
        .collect();
    let names: Vec<&str> = scene.lost.iter().map(|node| cluster.name(*node)).collect();
    let names = names.join(" and ");
    acts.push(Act::words(format!(
        "keep {names} without power and without network until every guest below is back: what it starts by itself would be a second writer"
    )));
    if !rest.quorate {
        acts.push(Act::words(format!(
            "get a majority back: {} of {} votes are there, {} are needed. Bring another node or the QDevice back; only if all missing nodes are without power and stay so, lower the expected votes on one node (pvecm(1), expected)",
            rest.votes.remaining, rest.votes.expected, rest.votes.needed
        )));
    }
    let waits = count(ComesBack::HaRestart);
    if waits > 0 {
        let waits = guests(waits);
        acts.push(Act::words(format!(
            "wait for the HA manager, which restarts {waits}, and watch it ('ha-manager status')"
        )));
    }
    for down in down
        .iter()
        .filter(|down| down.is_of_backups() && restored > 0)
    {
        let (id, by, restored) = (&down.storage.storage, down.by(), guests(restored));
        acts.push(Act::words(format!(
            "bring the backup server of {id} ({by}) back, or install another one on its datastore: {restored} are restored of it"
        )));
    }
    acts
}

/// What is done for a guest.
pub struct Runbook<'w, 'a> {
    /// The cluster without the nodes.
    pub cluster: &'w Cluster<'a>,
    /// The loss.
    pub scene: &'w Scene<'a>,
    /// The one storage that restores are of; none if there are several, or none.
    pub backups: Option<&'a Storage>,
}

/// A guest's configuration, as pmxcfs has it.
fn file(kind: Kind, node: &str, vmid: u32) -> String {
    let folder = match kind {
        Kind::Qemu => "qemu-server",
        Kind::Lxc => "lxc",
    };
    format!("/etc/pve/nodes/{node}/{folder}/{vmid}.conf")
}

impl Runbook<'_, '_> {
    /// A step, with its command if that is `told`.
    fn act(&self, told: bool, words: String, on: &str, command: impl FnOnce() -> String) -> Act {
        Act {
            r#do: words,
            on: told.then(|| on.to_owned()),
            command: told.then(command),
        }
    }

    /// The steps for one guest.
    #[must_use]
    pub fn of(&self, case: &Case<'_>, decided: &Decided<'_, '_>) -> Vec<Act> {
        let on = decided.on.map(|node| self.cluster.name(node));
        match (decided.comes_back, on) {
            (ComesBack::HaRestart, on) => {
                let (who, on) = (who(case), on.unwrap_or_default());
                vec![Act::words(format!(
                    "see that the HA manager has started {who} on {on}"
                ))]
            }
            (ComesBack::ByHand, Some(on)) => self.start(case, decided, on),
            (ComesBack::ByHand, None) => {
                let who = who(case);
                vec![Act::words(format!(
                    "clear what keeps {who} from being started, then make this plan again"
                ))]
            }
            (ComesBack::Restore, on) => self.restore(case, decided, on),
            (ComesBack::Unknown, _) => {
                let who = who(case);
                vec![Act::words(format!(
                    "find out where disks and backups of {who} are; then make this plan again"
                ))]
            }
            (ComesBack::Gone, _) => {
                let (who, node) = (who(case), &case.candidate.guest.node);
                vec![Act::words(format!(
                    "nothing but the disks of {node} brings {who} back: save them"
                ))]
            }
        }
    }

    fn start(&self, case: &Case<'_>, decided: &Decided<'_, '_>, on: &str) -> Vec<Act> {
        let guest = case.candidate.guest;
        let (vmid, node, tool) = (guest.vmid, &guest.node[..], guest.kind.command());
        let mut acts = Vec::new();
        let looks = doubts(case, decided);
        let told = self.scene.is_fact && looks.is_empty();
        acts.extend(looks.into_iter().map(Act::words));
        let managed = case.candidate.managed.map(|resource| &resource.sid[..]);
        acts.extend(managed.map(|sid| self.leave_alone(told, sid, on)));
        let (from, to) = (file(guest.kind, node, vmid), file(guest.kind, on, vmid));
        let words = format!(
            "move the configuration of {} from {node} to {on}",
            who(case)
        );
        acts.push(self.act(told, words, on, || {
            format!("mv -n {} {}", quoted(&from), quoted(&to))
        }));
        if case.is_missed() {
            acts.push(match managed {
                Some(sid) => self.take_care(told, sid, on),
                None => {
                    let words = format!("start {vmid} on {on}");
                    self.act(told, words, on, || format!("{tool} start {vmid}"))
                }
            });
        }
        acts
    }

    fn leave_alone(&self, told: bool, sid: &str, on: &str) -> Act {
        let words = format!("tell the HA manager to leave {sid} alone");
        self.act(told, words, on, || {
            format!("ha-manager set {} --state disabled", quoted(sid))
        })
    }

    fn take_care(&self, told: bool, sid: &str, on: &str) -> Act {
        let words = format!("tell the HA manager to start {sid}, which is on {on} now");
        self.act(told, words, on, || {
            format!("ha-manager set {} --state started", quoted(sid))
        })
    }

    fn restore(&self, case: &Case<'_>, decided: &Decided<'_, '_>, on: Option<&str>) -> Vec<Act> {
        let guest = case.candidate.guest;
        let (vmid, node, tool) = (guest.vmid, &guest.node[..], guest.kind.command());
        let Some(backup) = decided.backup else {
            return Vec::new();
        };
        let path = backup.path();
        let (Some(on), Some(storage)) = (on, decided.storage) else {
            let who = who(case);
            return vec![Act::words(format!(
                "make room for {who}, then restore it of {path}"
            ))];
        };
        let looks = doubts(case, decided);
        // In a namespace, and where several storages hold backups, which volume it is is not known.
        let archive = self.backups.filter(|storage| {
            let has_it = storage.nodes.contains_key(on);
            backup.ns.is_empty() && has_it
        });
        let archive = archive.map(|storage| &storage.storage[..]);
        let told = self.scene.is_fact && looks.is_empty() && archive.is_some();
        let mut acts: Vec<Act> = looks.into_iter().map(Act::words).collect();
        // Which namespace a storage has is not in the state.
        let words = format!("see that {on} sees the backup {path}, and go on only then");
        acts.push(self.act(told, words, on, || {
            let archive = quoted(archive.unwrap_or_default());
            format!("pvesm list {archive} --vmid {vmid}")
        }));
        let managed = case.candidate.managed.map(|resource| &resource.sid[..]);
        acts.extend(managed.map(|sid| self.leave_alone(told, sid, on)));
        let from = file(guest.kind, node, vmid);
        let aside = format!("/root/{vmid}.conf.{node}");
        let words = format!(
            "put the configuration of {} away from {node}, so that its ID is free and it starts nowhere else",
            who(case)
        );
        acts.push(self.act(told, words, on, || {
            format!("mv -n {} {}", quoted(&from), quoted(&aside))
        }));
        let words = format!("restore {vmid} of {path} to {storage} on {on}");
        acts.push(self.act(told, words, on, || {
            let archive = format!("{}:backup/{path}", archive.unwrap_or_default());
            let (archive, storage) = (quoted(&archive), quoted(storage));
            match guest.kind {
                Kind::Qemu => format!("qmrestore {archive} {vmid} --storage {storage}"),
                Kind::Lxc => format!("pct restore {vmid} {archive} --storage {storage}"),
            }
        }));
        if case.is_missed() {
            acts.push(match managed {
                Some(sid) => self.take_care(told, sid, on),
                None => {
                    let words =
                        format!("look whether it is the right one, then start {vmid} on {on}");
                    self.act(told, words, on, || format!("{tool} start {vmid}"))
                }
            });
        }
        acts
    }
}

/// What has to be looked at first; then no command is given, as it could harm: a device of the same
/// address is another one at another node, a replica may be of last year.
fn doubts(case: &Case<'_>, decided: &Decided<'_, '_>) -> Vec<String> {
    let who = who(case);
    let mut looks: Vec<String> = case
        .ties()
        .into_iter()
        .map(|(_, what)| format!("see to what {who} needs where it is started: {what}"))
        .collect();
    if decided.disks == Some(Disks::Replica(None)) {
        looks.push(format!(
            "see how old the replica of {who} is before it is started"
        ));
    }
    for finding in &decided.findings {
        let is_image = finding.evidence["code"] == fate::IMAGE_LOST;
        if is_image || LOOKS.iter().any(|code| code.as_str() == finding.code) {
            looks.push(format!("{who}: {}", finding.message));
        }
    }
    looks
}

fn who(case: &Case<'_>) -> String {
    format!("{} ({})", case.name(), case.candidate.guest.vmid)
}
