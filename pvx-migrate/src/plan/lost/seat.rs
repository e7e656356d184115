//! A guest of a lost node, and for each other node whether it could be started there: whether its
//! disks are there, and whether everything else is, by the rules of a drain.

use super::scene::Scene;
use crate::{
    cluster::Cluster,
    config::Volume,
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

/// A node, seen from a guest.
#[derive(Clone, Debug)]
pub enum Seat {
    /// A disk isn't there.
    Missing(String),
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
        let ran = match guest.is_unknown() {
            true => candidate
                .managed
                .filter(|resource| resource.state == "started")
                .map(|_| true),
            false => Some(guest.is_running()),
        };
        let started = guest.is_running() || guest.is_unknown();
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

    /// It runs, or may have, and is missed.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        self.ran != Some(false)
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
            Err(what) => return Seat::Missing(what),
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
    fn disks(
        &self,
        cluster: &Cluster<'a>,
        scene: &Scene<'a>,
        node: usize,
    ) -> Result<Disks, String> {
        let name = cluster.name(node);
        let mut disks = Disks::Shared;
        for volume in self.needed() {
            let (key, volid) = (&volume.key, volume.volid());
            let Some(storage) = cluster.storage(&volume.storage) else {
                return Err(format!(
                    "{key}: storage {} is not in the state",
                    volume.storage
                ));
            };
            if !storage.nodes.contains_key(name) {
                return Err(format!("{key}: {} is not at {name}", storage.storage));
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
                    return Err(format!("{key}: {volid} is left out of replication"));
                }
                Some(time) => Disks::Replica(time),
                None => {
                    let home = &self.candidate.guest.node;
                    return Err(format!("{key}: {volid} is on {home} alone"));
                }
            };
        }
        Ok(disks)
    }
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
            volume.is_some() && storage.is_none_or(|storage| !storage.shared)
        };
        outside.into_iter().flatten().filter(is_lost).collect()
    }
}
