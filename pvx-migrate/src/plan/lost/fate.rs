//! How each guest of a lost node comes back: what the HA manager starts first, then what a person
//! starts where the disks are, then what is restored; each takes the memory of its node.

use std::collections::{HashMap, HashSet};

use serde_json::json;
use vmid::severity::Severity;

use super::{
    backups::{Backups, Nothing, WayBack},
    code::Code,
    down::Down,
    manager::Manager,
    record::{ComesBack, Finding},
    room::Room,
    scene::Scene,
    seat::{Case, Disks, Seat},
    told::shown,
};
use crate::{
    cluster::Cluster,
    plan::{load::Load, policy::Policy, refusal::Code as Refused, remove::backup::Backup},
    state::Kind,
};

/// How often the HA manager tries another node where nobody says (ha-manager's schema).
const MAX_RELOCATE: u64 = 1;

/// In the evidence of an image whose storage is down.
pub const IMAGE_LOST: &str = "image-lost";

/// Locks that the manager takes away after fencing (fence_recovery_cleanup in Manager.pm).
const CLEARED: [&str; 2] = ["backup", "mounted"];

/// Locks of work that ends by itself.
const PASSING: [&str; 8] = [
    "backup",
    "snapshot",
    "snapshot-delete",
    "rollback",
    "clone",
    "migrate",
    "create",
    "disk",
];

/// What is decided of one guest.
#[derive(Debug)]
pub struct Decided<'a, 'b> {
    /// How.
    pub comes_back: ComesBack,
    /// The node.
    pub on: Option<usize>,
    /// Its disks there.
    pub disks: Option<Disks>,
    /// The backup, and whether it is surely its own.
    pub backup: Option<&'b Backup>,
    /// Where the backup goes.
    pub storage: Option<&'a str>,
    /// How many the HA manager starts on that node before it.
    pub rank: u64,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Decided<'_, '_> {
    /// As long as nothing is known.
    fn unknown() -> Self {
        Self {
            comes_back: ComesBack::Unknown,
            on: None,
            disks: None,
            backup: None,
            storage: None,
            rank: 0,
            findings: Vec::new(),
        }
    }
}

/// All that decides.
pub struct Deciding<'w, 'a> {
    /// The cluster without the nodes.
    pub cluster: &'w Cluster<'a>,
    /// The site's rules.
    pub policy: &'w Policy,
    /// The loss.
    pub scene: &'w Scene<'a>,
    /// The guests.
    pub cases: &'w [Case<'a>],
    /// Storages that are down.
    pub down: &'w [Down<'a>],
    /// The list of backups; none if none was given.
    pub backups: Option<&'w Backups>,
    /// The short names of all guests.
    pub names: &'w HashSet<String>,
    /// The HA manager can act.
    pub manager_acts: bool,
}

/// What is decided, in the order of the cases, and the memory when HA is done, and at the end.
pub struct Decisions<'a, 'b> {
    /// Of each guest.
    pub all: Vec<Decided<'a, 'b>>,
    /// Memory given away when HA has restarted its guests.
    pub after_ha: Load<'a>,
    /// Memory given away when everything is back.
    pub after_all: Load<'a>,
}

/// A finding from the state.
pub fn found(
    code: Code,
    severity: Severity,
    message: impl Into<String>,
    evidence: serde_json::Value,
) -> Finding {
    Finding::new(code.as_str(), severity, message, evidence, &["state"])
}

impl<'w, 'a> Deciding<'w, 'a> {
    /// Decides.
    #[must_use]
    pub fn decide(&self) -> Decisions<'a, 'w> {
        let mut load = Load::now(self.cluster);
        let mut all: Vec<Option<Decided<'a, 'w>>> = self.cases.iter().map(|_| None).collect();
        let mut doubts: HashMap<usize, Finding> = HashMap::new();
        self.restarts(&mut load, &mut all, &mut doubts);
        let after_ha = load.clone();
        let mut room = Room::new(self.cluster, self.policy, self.down, load);
        for at in self.order() {
            if all[at].is_none() {
                let doubt = doubts.remove(&at);
                // Whether HA brings it back is not known, so neither is whether a person has to.
                let is_open = |doubt: &Finding| doubt.code == Code::Unseen.as_str();
                let mut decided = match doubt.as_ref().is_some_and(is_open) {
                    true => Decided::unknown(),
                    false => self.by_a_person(at, &mut room, &all),
                };
                decided.findings.extend(doubt);
                all[at] = Some(decided);
            }
        }
        let mut all: Vec<Decided<'a, 'w>> = all.into_iter().flatten().collect();
        for (case, decided) in self.cases.iter().zip(&mut all) {
            decided.findings.extend(self.stale_replica(case, decided));
        }
        Decisions {
            all,
            after_ha,
            after_all: room.into_load(),
        }
    }

    /// What it would be started from is older than it should be.
    fn stale_replica(&self, case: &Case<'a>, decided: &Decided<'_, '_>) -> Option<Finding> {
        let on = self.cluster.name(decided.on?);
        let Disks::Replica(Some(time)) = decided.disks? else {
            return None;
        };
        let why = self.scene.stale(case.candidate.guest.vmid, on)?;
        let age = shown(self.scene.age(time));
        let what = format!("its replica at {on} is {age} old, and {why}");
        let severity = missed(case, Severity::Warning);
        let evidence = json!({"on": on, "last_sync": time});
        Some(found(Code::ReplicaStale, severity, what, evidence))
    }

    /// Servers of storages first, as others wait for them; then those that are missed, the largest
    /// first, which find room hardest.
    fn order(&self) -> Vec<usize> {
        let serves = |at: usize| {
            let vmid = self.cases[at].candidate.guest.vmid;
            self.down.iter().any(|down| down.server == Some(vmid))
        };
        let mut order: Vec<usize> = (0..self.cases.len()).collect();
        order.sort_by_key(|&at| {
            let case = &self.cases[at];
            let guest = case.candidate.guest;
            (!serves(at), std::cmp::Reverse(case.memory()), guest.vmid)
        });
        order
    }

    /// What the HA manager restarts, by its own rules; of others that it has what keeps it from that.
    fn restarts(
        &self,
        load: &mut Load<'a>,
        all: &mut [Option<Decided<'a, 'w>>],
        doubts: &mut HashMap<usize, Finding>,
    ) {
        let mut manager = Manager::new(self.cluster);
        let mut ranks: HashMap<usize, u64> = HashMap::new();
        let managed = self.cases.iter().enumerate().filter_map(|(at, case)| {
            let resource = case.candidate.managed?;
            let is_asked = resource.state == "started" && case.is_missed() && case.read;
            is_asked.then_some((&resource.sid[..], at))
        });
        let mut managed: Vec<(&str, usize)> = managed.collect();
        managed.sort_unstable();
        for (sid, at) in managed {
            let case = &self.cases[at];
            match self.restart(case, sid, &manager) {
                Ok((node, disks)) => {
                    manager.settle(sid, node);
                    load.arrive(case.candidate.guest.vmid, node, case.memory(), &[]);
                    let rank = ranks.entry(node).or_default();
                    all[at] = Some(Decided {
                        comes_back: ComesBack::HaRestart,
                        on: Some(node),
                        disks: Some(disks),
                        backup: None,
                        storage: None,
                        rank: *rank,
                        findings: self.passing_lock(case).into_iter().collect(),
                    });
                    *rank += 1;
                }
                Err(Some(doubt)) => {
                    doubts.insert(at, *doubt);
                }
                Err(None) => {}
            }
        }
    }

    /// A lock that would keep the manager from starting it, if it were there for long.
    fn passing_lock(&self, case: &Case<'a>) -> Option<Finding> {
        let lock = self.lock(case).filter(|lock| !CLEARED.contains(lock))?;
        Some(self.locked(case, lock))
    }

    /// Where the manager starts it, or why it surely doesn't, if there is more to say than that it
    /// can't act at all.
    fn restart(
        &self,
        case: &Case<'a>,
        sid: &str,
        manager: &Manager<'_, 'a>,
    ) -> Result<(usize, Disks), Option<Box<Finding>>> {
        let refuse = |code, what: String| {
            let finding = found(code, Severity::Critical, what, json!({"sid": sid}));
            Err(Some(Box::new(finding)))
        };
        let Some(resource) = case.candidate.managed.filter(|_| self.manager_acts) else {
            return Err(None);
        };
        if resource.crm_state.as_deref() == Some("error") {
            let what = format!("{sid} is in the error state, so the HA manager leaves it alone");
            return refuse(Code::HaError, what);
        }
        let lock = self
            .lock(case)
            .filter(|lock| !CLEARED.contains(lock) && !self.passes(case, lock));
        if lock.is_some() || self.waits_for(case).next().is_some() {
            return Err(None); // told of every guest
        }
        if let Some((_, what)) = case.ties().into_iter().next() {
            let what = format!("the HA manager would try to start {sid}, and could not ({what})");
            return refuse(Code::HaNowhere, what);
        }
        if let Some(what) = self.images_lost(case).next() {
            let what = format!("the HA manager would try to start {sid}, and could not ({what})");
            return refuse(Code::HaNowhere, what);
        }
        let options = manager.options(sid);
        if options.is_empty() {
            let what = format!("the rules of the HA manager leave {sid} no node on which it lives");
            return refuse(Code::HaNowhere, what);
        }
        let name = |node: usize| self.cluster.name(node);
        let missing = options.iter().filter_map(|&node| match &case.seats[node] {
            Seat::Missing(what) => Some((node, what)),
            _ => None,
        });
        let missing: Vec<(usize, &String)> = missing.collect();
        if let Some((first, what)) = missing.first() {
            if missing.len() == options.len() {
                let what = format!(
                    "the HA manager would start {sid} on {}, and can't: {what}",
                    name(*first)
                );
                return refuse(Code::HaNowhere, what);
            }
            let nodes: Vec<&str> = missing.iter().map(|(node, _)| name(*node)).collect();
            let what = format!(
                "the HA manager may start {sid} on {}, where its disks are not, and does not get it away from there: keep it to the nodes that have them by a strict node-affinity rule ({what})",
                nodes.join(", ")
            );
            return refuse(Code::HaElsewhere, what);
        }
        let tries = resource
            .max_relocate
            .unwrap_or(MAX_RELOCATE)
            .saturating_add(1);
        let tries = usize::try_from(tries).unwrap_or(usize::MAX);
        let tried = options.iter().take(tries);
        let first = tried
            .map(|&node| (node, &case.seats[node]))
            .find(|(_, seat)| matches!(seat, Seat::Free(_) | Seat::Unseen(_)));
        match first {
            Some((node, Seat::Free(disks))) => return Ok((node, *disks)),
            Some((_, Seat::Unseen(unseen))) => return Err(Some(Box::new(unseen.finding()))),
            _ => {}
        }
        Err({
            let first = options.iter().find_map(|&node| match &case.seats[node] {
                Seat::Blocked(_, refusal) => Some(format!("{}: {}", name(node), refusal.message)),
                _ => None,
            });
            let first = first.unwrap_or_default();
            let what = format!("the HA manager would try to start {sid}, and could not ({first})");
            let evidence = json!({"sid": sid});
            let finding = found(Code::HaNowhere, Severity::Critical, what, evidence);
            Some(Box::new(finding))
        })
    }

    /// The lock in its configuration.
    pub fn lock<'c>(&self, case: &'c Case<'a>) -> Option<&'c str> {
        let lock = case.candidate.guest.lock.as_ref();
        lock.or(case.candidate.config.lock.as_ref())
            .map(|lock| &lock[..])
    }

    /// The lock goes when the work that its node is at is done.
    fn passes(&self, case: &Case<'a>, lock: &str) -> bool {
        let node = case.candidate.source;
        PASSING.contains(&lock) && node.is_some_and(|node| self.scene.was_online(node))
    }

    /// What is said of a lock.
    fn locked(&self, case: &Case<'a>, lock: &str) -> Finding {
        let guest = case.candidate.guest;
        let evidence = json!({"lock": lock});
        if self.passes(case, lock) {
            let what =
                format!("work on it holds its lock ({lock}) now: it could not start with that");
            return found(Code::Locked, Severity::Info, what, evidence);
        }
        let what = match (guest.kind, lock) {
            (Kind::Qemu, "suspended") => {
                "it is hibernated, its memory saved: unlocking throws that away".to_owned()
            }
            (kind, _) => {
                let (tool, vmid) = (kind.command(), guest.vmid);
                format!("its lock is {lock}: root clears it with '{tool} unlock {vmid}'")
            }
        };
        found(
            Code::Locked,
            missed(case, Severity::Warning),
            what,
            evidence,
        )
    }

    /// Images in its drives that are on a storage that is down; it doesn't start without them.
    fn images_lost<'c>(&'c self, case: &'c Case<'a>) -> impl Iterator<Item = String> + 'c {
        let images = case.candidate.config.images.iter();
        images.filter_map(move |(key, image)| {
            let (id, _) = image.split_once(':')?;
            let mut down = self.down.iter();
            let down = down.find(|down| down.storage.storage == id)?;
            let (by, vmid) = (down.by(), case.candidate.guest.vmid);
            Some(format!(
                "{key}: {image} is on {id}, whose server ({by}) is lost, too: eject it ('qm set {vmid} --{key} none,media=cdrom')"
            ))
        })
    }

    /// The storages it has volumes on that are down.
    pub fn waits_for<'c>(&'c self, case: &'c Case<'a>) -> impl Iterator<Item = &'c Down<'a>> + 'c {
        self.down.iter().filter(move |down| {
            let id = &down.storage.storage;
            case.needed().any(|volume| volume.storage == *id)
        })
    }

    fn by_a_person(
        &self,
        at: usize,
        room: &mut Room<'_, 'a>,
        others: &[Option<Decided<'a, 'w>>],
    ) -> Decided<'a, 'w> {
        let case = &self.cases[at];
        let mut decided = Decided::unknown();
        if !case.read {
            let node = &case.candidate.guest.node;
            let what = format!(
                "its configuration is not in the state: {node} didn't give it, or the token lacks VM.Audit; --before FILE names a document that has it"
            );
            let evidence = json!({"list": format!("configuration of {}", case.candidate.guest.vmid), "right": "VM.Audit on /vms"});
            decided
                .findings
                .push(found(Code::Unseen, Severity::Unknown, what, evidence));
            return decided;
        }
        let lost_with_server = self.lost_with_server(case, others, &mut decided.findings);
        let seats = case.seats.iter().enumerate();
        let seats = seats.filter(|(node, _)| !self.scene.is_lost(*node));
        let is_there = |seat: &Seat| matches!(seat, Seat::Free(_) | Seat::Blocked(..));
        let there = seats.clone().any(|(_, seat)| is_there(seat));
        let unseen = seats.clone().find_map(|(_, seat)| match seat {
            Seat::Unseen(unseen) => Some(unseen),
            _ => None,
        });
        match unseen {
            _ if lost_with_server => self.restore(case, room, &mut decided, others),
            _ if there => self.start(case, room, &mut decided),
            Some(unseen) => decided.findings.push(unseen.finding()),
            None => self.restore(case, room, &mut decided, others),
        }
        decided
    }

    /// What becomes of the server of a storage that is down, and the guest that it is.
    fn server(
        &self,
        down: &Down<'a>,
        others: &[Option<Decided<'a, 'w>>],
    ) -> (ComesBack, Option<&'w Case<'a>>) {
        let Some(vmid) = down.server else {
            return (ComesBack::Gone, None);
        };
        let mut cases = self.cases.iter().zip(others);
        let server = cases.find(|(case, _)| case.candidate.guest.vmid == vmid);
        // It is looked at before what rests on it, but for those that rest on each other.
        let fate = server.and_then(|(_, decided)| Some(decided.as_ref()?.comes_back));
        let fate = fate.unwrap_or(ComesBack::Unknown);
        (fate, server.map(|(case, _)| case))
    }

    /// Where all servers of backups are lost with the node: whether what they hold comes back with
    /// them, and a sentence. A datastore is on the server's own disks, or on what ties it to its node.
    fn servers_lost(&self, others: &[Option<Decided<'a, 'w>>]) -> Option<(bool, String)> {
        let stores = self.cluster.state.storages.iter();
        let stores = stores.filter(|storage| storage.kind == "pbs");
        let down = stores.map(|storage| {
            let mut down = self.down.iter();
            down.find(|down| down.storage.storage == storage.storage)
        });
        let down: Vec<&Down<'a>> = down.collect::<Option<_>>()?;
        let mut keeps = !down.is_empty();
        let mut told = Vec::new();
        for down in down {
            let (fate, case) = self.server(down, others);
            keeps &= has_its_disks(fate) && case.is_some_and(|case| case.ties().is_empty());
            told.push(format!(
                "the server of {} ({}) is lost, too ({})",
                down.storage.storage,
                down.by(),
                fate.as_str()
            ));
        }
        (!told.is_empty()).then(|| (keeps, told.join(", ")))
    }

    /// Whether the data of a storage that is down is lost with its server; told of either way.
    fn lost_with_server(
        &self,
        case: &Case<'a>,
        others: &[Option<Decided<'a, 'w>>],
        findings: &mut Vec<Finding>,
    ) -> bool {
        let mut lost = false;
        for down in self.waits_for(case) {
            let (fate, _) = self.server(down, others);
            let keeps = has_its_disks(fate);
            lost |= !keeps;
            let (id, by) = (&down.storage.storage, down.by());
            let then = if keeps {
                "it starts when that is back"
            } else {
                "and the data on it is as lost as that"
            };
            let what = format!(
                "the server of {id} ({by}) is lost, too ({}): {then}",
                fate.as_str()
            );
            let evidence =
                json!({"storage": id, "server": down.server, "comes_back": fate.as_str()});
            findings.push(found(Code::StorageLost, Severity::Critical, what, evidence));
        }
        lost
    }

    /// A person starts it where its disks are.
    fn start(&self, case: &Case<'a>, room: &mut Room<'_, 'a>, decided: &mut Decided<'a, 'w>) {
        decided.comes_back = ComesBack::ByHand;
        self.say_what_ties(case, decided);
        let free = case
            .seats
            .iter()
            .enumerate()
            .filter_map(|(node, seat)| match seat {
                Seat::Free(disks) if !self.scene.is_lost(node) => Some((node, *disks)),
                _ => None,
            });
        let free: Vec<(usize, Disks)> = free.collect();
        let severity = missed(case, Severity::Warning);
        let known = case
            .seats
            .iter()
            .enumerate()
            .filter_map(|(node, seat)| match seat {
                Seat::Free(disks) | Seat::Blocked(disks, _) if !self.scene.is_lost(node) => {
                    Some(*disks)
                }
                _ => None,
            });
        decided.disks = known.min_by_key(|disks| disks.age());
        if free.is_empty() {
            let blocked = case
                .seats
                .iter()
                .enumerate()
                .filter_map(|(node, seat)| match seat {
                    Seat::Blocked(_, refusal) if !self.scene.is_lost(node) => {
                        let node = self.cluster.name(node);
                        Some((
                            refusal.code != Refused::Maintenance,
                            format!("{node}: {}", refusal.message),
                        ))
                    }
                    _ => None,
                });
            let mut blocked: Vec<(bool, String)> = blocked.collect();
            blocked.sort();
            let told: Vec<&str> = blocked.iter().map(|(_, what)| &what[..]).collect();
            let what = format!(
                "no node that has its disks can start it ({})",
                told.join("; ")
            );
            decided
                .findings
                .push(found(Code::Nowhere, severity, what, json!({"nodes": told})));
        } else {
            match room.seat(case, &free) {
                Ok((node, disks)) => (decided.on, decided.disks) = (Some(node), Some(disks)),
                Err(what) => {
                    decided.findings.push(found(
                        Code::NoRoom,
                        severity,
                        what,
                        json!({"bytes": case.memory()}),
                    ));
                }
            }
        }
        let on = decided.on.map(|node| self.cluster.name(node));
        let what = match on {
            Some(node) => format!("a person has to start it on {node}"),
            None => "a person has to make it possible, and start it".to_owned(),
        };
        decided
            .findings
            .push(found(Code::ByHand, severity, what, json!({"on": on})));
    }

    /// Its backup is restored, if there is one.
    fn restore(
        &self,
        case: &Case<'a>,
        room: &mut Room<'_, 'a>,
        decided: &mut Decided<'a, 'w>,
        others: &[Option<Decided<'a, 'w>>],
    ) {
        let guest = case.candidate.guest;
        let Some(backups) = self.backups else {
            let what = "its disks are on the lost node alone, and no list of backups was given (--snapshots FILE)";
            let evidence = json!({"list": "backups", "right": "--snapshots FILE"});
            decided
                .findings
                .push(found(Code::Unseen, Severity::Unknown, what, evidence));
            return;
        };
        if self.restores_itself(case) {
            self.gone(case, Nothing::OnItself, decided);
            return;
        }
        let domain = self.policy.site.domain.as_deref();
        let name = case.name();
        // With its snapshots, which tell how long it has been there.
        let whole = self.cluster.guest(guest.vmid).unwrap_or(guest);
        let (backup, is_sure) =
            match backups.way_back(self.cluster, domain, self.names, whole, &name) {
                WayBack::None(why) => {
                    self.gone(case, why, decided);
                    return;
                }
                WayBack::Unsure(backup) => (backup, false),
                WayBack::Sure(backup) => (backup, true),
            };
        let path = backup.path();
        if let Some((keeps, servers)) = self.servers_lost(others) {
            let evidence = json!({"backup": path, "keeps": keeps});
            let (severity, then) = match keeps {
                true => (
                    Severity::Warning,
                    "it has to be back before anything is restored",
                ),
                false => (
                    Severity::Critical,
                    "whether its datastore is left is not known",
                ),
            };
            let severity = match (keeps, case.is_missed()) {
                (_, true) => severity,
                (true, false) => Severity::Info,
                (false, false) => Severity::Warning,
            };
            let what = format!(
                "its disks are on the lost node alone, and for its backup {path} {servers}: {then}"
            );
            let finding = found(Code::BackupServerLost, severity, what, evidence);
            decided.findings.push(finding);
            if !keeps {
                return;
            }
        }
        (decided.comes_back, decided.backup) = (ComesBack::Restore, Some(backup));
        let mut say = |code, severity, what: String, evidence| {
            let finding = Finding::new(
                Code::as_str(code),
                severity,
                what,
                evidence,
                &["state", "pbs"],
            );
            decided.findings.push(finding);
        };
        let severity = missed(case, Severity::Warning);
        say(
            Code::Restore,
            severity,
            format!("it has to be restored of {path}: its disks are on the lost node alone"),
            json!({"backup": path}),
        );
        if !is_sure {
            let comment: String = backup.comment.chars().take(60).collect();
            let what = format!(
                "whether {path} is of {name} is not known (its comment is {comment:?}): look before it is restored"
            );
            say(
                Code::BackupUnsure,
                Severity::Warning,
                what,
                json!({"backup": path, "comment": comment}),
            );
        }
        for volume in case.outside_backups(self.cluster) {
            let what = format!("{volume}: no backup has it, and it was on the lost node alone");
            say(
                Code::VolumeLost,
                Severity::Critical,
                what,
                json!({"volume": volume}),
            );
        }
        self.say_what_ties(case, decided);
        match room.storage(self.scene, case) {
            Ok((node, storage)) => (decided.on, decided.storage) = (Some(node), Some(storage)),
            Err(what) => {
                let evidence = json!({"bytes": case.size(), "memory": case.memory()});
                decided
                    .findings
                    .push(found(Code::NoRoom, severity, what, evidence));
            }
        }
    }

    /// It is the server of all backups, its own among them.
    fn restores_itself(&self, case: &Case<'a>) -> bool {
        let mut stores = self.cluster.state.storages.iter();
        let vmid = Some(case.candidate.guest.vmid);
        let mut down = self.down.iter().filter(|down| down.server == vmid);
        let serves = down.any(Down::is_of_backups);
        serves
            && stores.all(|storage| {
                let is_down = self
                    .down
                    .iter()
                    .any(|down| down.storage.storage == storage.storage);
                storage.kind != "pbs" || is_down
            })
    }

    fn gone(&self, case: &Case<'a>, why: Nothing<'_>, decided: &mut Decided<'a, 'w>) {
        decided.comes_back = ComesBack::Gone;
        let (group, vmid) = (
            case.candidate.guest.kind.ha_type(),
            case.candidate.guest.vmid,
        );
        let (why, backup) = match why {
            Nothing::Absent => (format!("{group}/{vmid} has no backup in the list"), None),
            Nothing::OnItself => {
                let what = "it is itself the server of the backups: install another one on their datastore first";
                (what.to_owned(), None)
            }
            Nothing::Bad(last) => {
                let (path, why) = (last.path(), last.why_not());
                (
                    format!("no backup of it counts, the newest, {path}, {why}"),
                    Some(path),
                )
            }
            Nothing::Foreign(newest) => {
                let path = newest.path();
                (
                    format!("the newest backup of its ID, {path}, is another guest's"),
                    Some(path),
                )
            }
        };
        let what = format!("its disks are on the lost node alone, and {why}");
        let severity = match case.is_missed() {
            true => Severity::Critical,
            false => Severity::Warning,
        };
        let evidence = json!({"backup": backup});
        let finding = Finding::new(
            Code::Gone.as_str(),
            severity,
            what,
            evidence,
            &["state", "pbs"],
        );
        decided.findings.push(finding);
    }

    /// What of the lost node it needs, and a lock.
    fn say_what_ties(&self, case: &Case<'a>, decided: &mut Decided<'a, 'w>) {
        let severity = missed(case, Severity::Warning);
        for (code, what) in case.ties() {
            let evidence = json!({"code": code});
            decided
                .findings
                .push(found(Code::Tied, severity, what, evidence));
        }
        for what in self.images_lost(case) {
            let evidence = json!({"code": IMAGE_LOST});
            decided
                .findings
                .push(found(Code::Tied, severity, what, evidence));
        }
        if let Some(lock) = self
            .lock(case)
            .filter(|_| decided.comes_back == ComesBack::ByHand)
        {
            decided.findings.push(self.locked(case, lock));
        }
    }
}

/// A guest that comes back like this comes back with what was on its disks.
fn has_its_disks(fate: ComesBack) -> bool {
    matches!(fate, ComesBack::HaRestart | ComesBack::ByHand)
}

/// What is said of a guest that doesn't run is worth knowing, no more.
fn missed(case: &Case<'_>, severity: Severity) -> Severity {
    if case.is_missed() {
        severity
    } else {
        Severity::Info
    }
}
