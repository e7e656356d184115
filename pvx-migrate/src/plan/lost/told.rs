//! What a decision means for a guest: how much of its data is lost, how long it is away, and what
//! that rests on.

use std::time::Duration;

use serde_json::json;
use vmid::{severity::Severity, site::Service, span};

use super::{
    code::Code,
    fate::{Decided, found},
    record::{ComesBack, Finding},
    scene::Scene,
    seat::{Case, Disks},
};
use crate::{cluster::Cluster, plan::estimate, size::human, state::Kind};

/// Until the lock of a node that is gone has run out, and the HA manager takes its guests: pmxcfs
/// keeps it for that long (get_ha_agent_lock), in seconds.
const FENCE_S: u64 = 120;

/// What a manager that takes over waits besides (fence_delay in NodeStatus.pm), in seconds.
const TAKE_OVER_S: u64 = 60;

/// The rounds of the manager and of the node that starts the guest, in seconds.
const ROUNDS_S: u64 = 20;

/// How many guests a node starts at once where the datacenter doesn't say (max_workers).
const WORKERS: u64 = 4;

/// Assumed for a person who has the commands before them, in seconds.
const HAND_S: u64 = 60;

/// Times, and what they rest on.
#[derive(Debug, Default)]
pub struct Told {
    /// Data lost, in seconds.
    pub rpo_s: Option<u64>,
    /// Time away, in seconds.
    pub rto_s: Option<u64>,
    /// Why.
    pub rests_on: Vec<String>,
}

/// What of the call and of the cluster the times rest on.
pub struct Basis<'w, 'a> {
    /// The cluster without the nodes.
    pub cluster: &'w Cluster<'a>,
    /// The loss.
    pub scene: &'w Scene<'a>,
    /// The manager that decides is lost, too.
    pub is_manager_lost: bool,
    /// Bytes per second of a restore, and where the figure comes from.
    pub bandwidth: (u64, &'static str),
}

/// A length of time.
pub fn shown(seconds: u64) -> String {
    span::shown(Duration::from_secs(seconds))
}

impl Basis<'_, '_> {
    /// Of a guest.
    #[must_use]
    pub fn told(&self, case: &Case<'_>, decided: &Decided<'_, '_>) -> Told {
        let mut told = Told::default();
        if let Some(disks) = decided.disks {
            self.disks(disks, decided, &mut told);
        }
        let kind = case.candidate.guest.kind;
        match decided.comes_back {
            ComesBack::HaRestart => self.restart(kind, decided.rank, &mut told),
            ComesBack::ByHand if case.is_missed() => by_hand(kind, &mut told),
            ComesBack::ByHand => told.rests_on.push("it doesn't run".to_owned()),
            ComesBack::Restore => self.restore(case, decided, &mut told),
            ComesBack::Gone | ComesBack::Unknown => {}
        }
        told
    }

    fn disks(&self, disks: Disks, decided: &Decided<'_, '_>, told: &mut Told) {
        let at = decided
            .on
            .map_or("another node", |node| self.cluster.name(node));
        match disks {
            Disks::Shared => {
                told.rpo_s = Some(0);
                told.rests_on
                    .push(format!("{at} sees its disks: nothing is lost"));
            }
            Disks::Replica(Some(time)) => {
                let age = self.scene.age(time);
                told.rpo_s = Some(age);
                told.rests_on
                    .push(format!("{at} has a replica, {} old", shown(age)));
            }
            Disks::Replica(None) => {
                told.rests_on
                    .push(format!("{at} has a replica, how old is not in the state"));
            }
        }
    }

    fn restart(&self, kind: Kind, rank: u64, told: &mut Told) {
        let workers = self
            .cluster
            .state
            .options
            .max_workers
            .unwrap_or(WORKERS)
            .max(1);
        let start = estimate::start_s(kind) * (rank / workers + 1);
        let mut rto = FENCE_S + ROUNDS_S + start;
        told.rests_on
            .push(format!("{FENCE_S}s until the lock of its node has run out"));
        if self.is_manager_lost {
            rto += TAKE_OVER_S;
            told.rests_on.push(format!(
                "{TAKE_OVER_S}s more, as the HA manager that decides is there"
            ));
        }
        told.rests_on.push(format!(
            "{ROUNDS_S}s for the HA manager's rounds, {start}s to start (assumed)"
        ));
        told.rto_s = Some(rto);
    }

    fn restore(&self, case: &Case<'_>, decided: &Decided<'_, '_>, told: &mut Told) {
        let Some(backup) = decided.backup else {
            return;
        };
        let age = self.scene.age(backup.time.as_second());
        told.rpo_s = Some(age);
        told.rests_on.push(format!(
            "the backup {} is {} old",
            backup.path(),
            shown(age)
        ));
        if !case.is_missed() {
            told.rests_on.push("it doesn't run".to_owned());
            return;
        }
        let (bandwidth, source) = self.bandwidth;
        let (size, start) = (case.size(), estimate::start_s(case.candidate.guest.kind));
        let copying = size.div_ceil(bandwidth.max(1));
        told.rto_s = Some(HAND_S.saturating_add(copying).saturating_add(start));
        told.rests_on.push(format!(
            "a person: {HAND_S}s to act, {} at {} MB/s, {start}s to start ({source}), from when they do",
            human(size),
            bandwidth / 1_000_000
        ));
    }
}

fn by_hand(kind: Kind, told: &mut Told) {
    let start = estimate::start_s(kind);
    told.rto_s = Some(HAND_S + start);
    told.rests_on.push(format!(
        "a person: {HAND_S}s to act, {start}s to start (assumed), from when they do"
    ));
}

/// Services that are promised to be back sooner.
#[must_use]
pub fn promises(services: &[&Service], comes_back: ComesBack, told: &Told) -> Vec<Finding> {
    let broken = services.iter().filter_map(|service| {
        let sla_s = service.sla_s?;
        let name = &service.name;
        let (rto_s, why) = match (comes_back, told.rto_s) {
            (ComesBack::HaRestart, Some(rto_s)) if rto_s <= sla_s => return None,
            (ComesBack::HaRestart, Some(rto_s)) => {
                (Some(rto_s), format!("takes about {}", shown(rto_s)))
            }
            _ => (None, "does not come back by itself".to_owned()),
        };
        let what = format!(
            "the service {name} is promised within {}, and {why}",
            shown(sla_s)
        );
        let evidence = json!({"service": name, "sla_s": sla_s, "rto_s": rto_s});
        let mut finding = found(Code::SlaAfterLoss, Severity::Warning, what, evidence);
        finding.seen_by = vec!["state", "site"];
        Some(finding)
    });
    broken.collect()
}
