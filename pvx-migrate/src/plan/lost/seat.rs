//! A guest of a lost node, and for each other node whether it could be started there: whether its
//! disks are there, and whether everything else is, by the rules of a drain.

use serde_json::json;
use vmid::severity::Severity;

use super::{code as lost, fate::found, record::Finding, scene::Scene};
use crate::{
    cluster::Cluster,
    config::Volume,
    permission::has_on_all_storages,
    plan::{
        candidate::{Candidate, Mode},
        feasibility,
        make::identity::name_of,
        policy::Policy,
        refusal::{Code, Refusal},
        remove::volumes,
        want::Want,
    },
    state::{Guest, Kind},
};

/// What of a guest's disks a node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disks {
    /// They are as they were: on storage that all share.
    Shared,
    /// As they were at that time, in seconds since 1970; none if that was not seen.
    Replica(Option<i64>),
}

impl Disks {
    /// The lower, the younger.
    #[must_use]
    pub fn age(&self) -> i64 {
        match self {
            Self::Shared => i64::MIN,
            Self::Replica(time) => time.map_or(i64::MAX, |time| time.saturating_neg()),
        }
    }
}

/// What was not seen of a disk.
#[derive(Clone, Debug)]
pub struct Unseen {
    what: String,
    list: String,
    right: String,
}

impl Unseen {
    /// As a finding.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let what = format!("{}, so where its disks are is not known", self.what);
        let evidence = json!({"list": self.list, "right": self.right});
        found(lost::Code::Unseen, Severity::Unknown, what, evidence)
    }
}

/// A node, seen from a guest.
#[derive(Clone, Debug)]
pub enum Seat {
    /// A disk isn't there.
    Missing(String),
    /// Whether a disk is there was not seen.
    Unseen(Unseen),
    /// Its disks are there, and it can't be started.
    Blocked(Disks, Refusal),
    /// It can be started there.
    Free(Disks),
}

/// A guest of a lost node.
#[derive(Debug)]
pub struct Case<'a> {
    /// As a drain looks at it.
    pub candidate: Candidate<'a>,
    /// Its configuration was read.
    pub read: bool,
    /// It ran; none if that was not seen.
    pub ran: Option<bool>,
    /// The HA manager is to have it started.
    pub is_wanted: bool,
    /// What it needs of its node.
    pub tied: Vec<Refusal>,
    /// Each node of the cluster, seen from it; the lost ones are no seats.
    pub seats: Vec<Seat>,
}

impl<'a> Case<'a> {
    /// Looks at a guest.
    #[must_use]
    pub fn new(
        cluster: &Cluster<'a>,
        policy: &Policy,
        scene: &Scene<'a>,
        guest: &'a Guest,
        want: &'a Want,
        pairs: Vec<(&'a str, Vec<u32>)>,
    ) -> Self {
        let mut candidate = Candidate::new(cluster, policy, guest, want, pairs);
        let is_wanted = candidate
            .managed
            .is_some_and(|resource| resource.state == "started");
        let ran = match guest.is_unknown() {
            true => is_wanted.then_some(true),
            // The overview may be old; the manager starts it, whatever that says.
            false if is_wanted && !guest.is_running() && !guest.is_surely_stopped() => None,
            false => Some(guest.is_running()),
        };
        let started = guest.is_running() || guest.is_unknown() || is_wanted;
        // It is started anew, whatever it did.
        candidate.mode = match (started, guest.kind) {
            (false, _) => Mode::Offline,
            (true, Kind::Lxc) => Mode::Restart,
            (true, Kind::Qemu) => Mode::Shutdown,
        };
        let text = guest.config.as_ref().map(|text| text.get());
        let parsed = text.map(|text| crate::config::Config::parse(guest.kind, text).is_ok());
        let is_tie = |refusal: &&Refusal| {
            use Code::{ForeignVolume, LinkedClone, LocalDevice, LocalImage, LocalPath};
            matches!(
                refusal.code,
                LocalDevice | LocalImage | LocalPath | LinkedClone | ForeignVolume
            )
        };
        let tied = candidate.blockers.iter().filter(is_tie).cloned().collect();
        let mut case = Self {
            candidate,
            read: parsed == Some(true),
            ran,
            is_wanted,
            tied,
            seats: Vec::new(),
        };
        if case.read {
            let nodes = 0..cluster.nodes().len();
            case.seats = nodes
                .map(|node| case.seat(cluster, policy, scene, node))
                .collect();
        }
        case
    }

    /// It runs, or may have, or should, and is missed.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        self.is_wanted || self.ran != Some(false)
    }

    /// The memory that it takes where it is started, in bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        if self.is_missed() && !self.candidate.guest.template {
            self.candidate.guest.maxmem
        } else {
            0
        }
    }

    /// The volumes that it can't start without. Cloud-init drives are made anew.
    pub fn needed(&self) -> impl Iterator<Item = &Volume> {
        let volumes = self.candidate.config.volumes.iter();
        volumes.filter(|volume| {
            !volume.key.starts_with("unused") && !volume.name.contains("cloudinit")
        })
    }

    /// The size of its volumes, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.needed()
            .map(|volume| volume.size)
            .fold(0, u64::saturating_add)
    }

    fn seat(&self, cluster: &Cluster<'a>, policy: &Policy, scene: &Scene<'a>, node: usize) -> Seat {
        let disks = match self.disks(cluster, scene, node) {
            Ok(disks) => disks,
            Err(seat) => return seat,
        };
        match feasibility::judge(cluster, policy, &self.candidate, node, 1) {
            Err(refusal) => Seat::Blocked(disks, refusal),
            Ok(way) if !way.startable => {
                let mut lacks = way.warnings.into_iter();
                let first = lacks.next();
                let why = || Refusal::new(Code::Unseen, "whether it could start is not known");
                Seat::Blocked(disks, first.unwrap_or_else(why))
            }
            Ok(_) => Seat::Free(disks),
        }
    }

    /// What `node` has of its disks, or which it lacks.
    fn disks(&self, cluster: &Cluster<'a>, scene: &Scene<'a>, node: usize) -> Result<Disks, Seat> {
        let name = cluster.name(node);
        let mut disks = Disks::Shared;
        let mut unseen = None;
        let missing = |what: String| Err(Seat::Missing(what));
        for volume in self.needed() {
            let (key, volid) = (&volume.key, volume.volid());
            let Some(storage) = cluster.storage(&volume.storage) else {
                let id = &volume.storage;
                let what = format!("{key}: storage {id} is not in the state");
                if sees_storages(cluster) {
                    return missing(what);
                }
                unseen = unseen.or(Some(Unseen {
                    what,
                    list: format!("storage {id}"),
                    right: format!("Datastore.Audit on /storage/{id}"),
                }));
                continue;
            };
            let id = &storage.storage;
            if storage.unknown.iter().any(|node| node == name) {
                unseen = unseen.or(Some(Unseen {
                    what: format!("{key}: whether {name} has {id} is not in the state"),
                    list: format!("storage {id} at {name}"),
                    right: format!(
                        "an answer of {name} (its pvestatd), or Datastore.Audit on /storage/{id}"
                    ),
                }));
            } else if !storage.nodes.contains_key(name) {
                return missing(format!("{key}: {id} is not at {name}"));
            }
            if storage.shared {
                continue;
            }
            // No other type is replicated (volume_has_feature "replicate").
            let replica = scene
                .replica(self.candidate.guest.vmid, name)
                .filter(|_| storage.kind == "zfspool");
            disks = match replica {
                Some(_) if volume.unreplicated => {
                    return missing(format!("{key}: {volid} is left out of replication"));
                }
                Some(time) => Disks::Replica(time),
                None => {
                    let home = &self.candidate.guest.node;
                    return missing(format!("{key}: {volid} is on {home} alone"));
                }
            };
        }
        unseen.map_or(Ok(disks), |unseen| Err(Seat::Unseen(unseen)))
    }
}

/// A storage that isn't in the state isn't there.
fn sees_storages(cluster: &Cluster<'_>) -> bool {
    let table = cluster.state.permissions.as_ref();
    table.is_some_and(has_on_all_storages)
}

impl Case<'_> {
    /// What it needs of its node, which another may have or not: a code of `plan`, and a sentence.
    #[must_use]
    pub fn ties(&self) -> Vec<(&'static str, String)> {
        let (config, node) = (&self.candidate.config, &self.candidate.guest.node);
        let mut ties = Vec::new();
        for refusal in &self.tied {
            let code = refusal.code.as_str();
            let pairs = match refusal.code {
                Code::LocalDevice => {
                    let devices = config.local_devices.join(", ");
                    let what = format!("it needs {devices} of {node}, without a mapping");
                    ties.push((code, what));
                    continue;
                }
                Code::LocalImage => &config.images,
                Code::LocalPath => &config.paths,
                _ => {
                    ties.push((code, refusal.message.clone()));
                    continue;
                }
            };
            // Each has a refusal of its own; the first tells them all.
            if !ties.iter().any(|(known, _)| *known == code) {
                let all = pairs.iter().map(|(key, value)| format!("{key}: {value}"));
                let all = all.collect::<Vec<_>>().join(", ");
                ties.push((code, format!("it needs {all} of {node}")));
            }
        }
        ties
    }

    /// Its name, by its configuration if the overview has none.
    #[must_use]
    pub fn name(&self) -> String {
        let guest = self.candidate.guest;
        match &guest.name[..] {
            "" => name_of(guest),
            name => name.to_owned(),
        }
    }

    /// The volumes that no backup has, each with why, but for those that aren't in use and those that
    /// are on storage that all share.
    #[must_use]
    pub fn outside_backups(&self, cluster: &Cluster<'_>) -> Vec<String> {
        let guest = self.candidate.guest;
        let text = guest.config.as_ref().map(|text| text.get());
        let config = text.and_then(|text| serde_json::from_str(text).ok());
        let outside = config.map(|config| volumes::outside_backups(&config, guest.kind));
        let is_lost = |told: &String| {
            let mut needed = self.needed();
            let volume = needed.find(|volume| told.starts_with(&format!("{}, ", volume.key)));
            let storage = volume.and_then(|volume| cluster.storage(&volume.storage));
            match storage {
                Some(storage) => !storage.shared,
                None => volume.is_some() && sees_storages(cluster),
            }
        };
        outside.into_iter().flatten().filter(is_lost).collect()
    }
}
