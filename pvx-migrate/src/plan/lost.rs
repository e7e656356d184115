//! `plan lost`: what if a node dies now. How each of its guests comes back, what is lost of its data,
//! how long it is away, and what the rest of the cluster can still do.
//!
//! A pure function of the state document, the site and the list of backups, by the rules of a
//! drain. Its records are no plan: a loss is nobody's to carry out.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde_json::json;
use vmid::severity::Severity;

use super::{estimate, make::identity::short, pair, policy::Policy, want::Want};
use crate::{
    cluster::Cluster,
    state::{Guest, State},
};

pub mod backups;
mod bare;
pub mod before;
pub mod code;
mod depend;
mod down;
mod fate;
mod manager;
pub mod markdown;
#[cfg(test)]
mod property_tests;
pub mod record;
mod replication;
mod rest;
mod room;
mod runbook;
mod scene;
mod seat;
#[cfg(test)]
mod table_tests;
mod told;

use backups::Backups;
use code::Code;
use depend::Services;
use fate::{Decided, Deciding};
use record::{ComesBack, Fate, Finding, Header};
use rest::Without;
use scene::Scene;
use seat::Case;
use told::Basis;

/// What else a call gives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'g> {
    /// The list of backups, if there is one.
    pub backups: Option<&'g Backups>,
    /// The host of the IPAM, if there is one.
    pub ipam: Option<&'g str>,
    /// When the document of before was read, if there is one.
    pub before: Option<Timestamp>,
}

/// What is said of one loss.
#[derive(Debug)]
pub struct Outcome {
    /// Of the whole.
    pub header: Header,
    /// Of each guest that was there, in the order of the document.
    pub fates: Vec<Fate>,
}

impl Outcome {
    /// The worst of all.
    #[must_use]
    pub fn severity(&self) -> Severity {
        let fates = self.fates.iter().map(Fate::severity);
        fates
            .max()
            .unwrap_or(Severity::Info)
            .max(self.header.severity())
    }
}

/// What the loss of `nodes`, by their places, means; `state` is as before when it returns.
#[must_use]
pub fn lost(state: &mut State, policy: &Policy, given: Given<'_>, nodes: &[usize]) -> Outcome {
    let were = scene::lose(state, nodes);
    let cluster = Cluster::new(state);
    let there = state.guests.iter().filter(|guest| {
        let node = cluster.node(&guest.node);
        node.is_some_and(|node| nodes.contains(&node))
    });
    let there: Vec<Guest> = there.map(bare::bare).collect();
    let outcome = without(&cluster, policy, given, (nodes, &were), &there);
    scene::restore(state, nodes, &were);
    outcome
}

fn without(
    cluster: &Cluster<'_>,
    policy: &Policy,
    given: Given<'_>,
    (nodes, were): (&[usize], &[bool]),
    there: &[Guest],
) -> Outcome {
    let scene = Scene::new(cluster, nodes, were, given.before);
    let without = Without::new(cluster, policy, &scene);
    let want = Want::default();
    let cases = cases(cluster, policy, &scene, there, &want);
    let now = super::load::Load::now(cluster);
    let down = down::down(cluster, policy, &scene, &cases, &now);
    let domain = policy.site.domain.as_deref();
    let names: HashSet<String> = match given.backups {
        Some(_) => cluster
            .state
            .guests
            .iter()
            .map(|guest| short(&guest.name, domain))
            .collect(),
        None => HashSet::new(),
    };
    let deciding = Deciding {
        cluster,
        policy,
        scene: &scene,
        cases: &cases,
        down: &down,
        backups: given.backups,
        names: &names,
        manager_acts: without.manager_acts() != Some(false),
    };
    let decisions = deciding.decide();
    let rest = without.rest(&decisions.after_ha, &decisions.after_all);
    let pairs = without.pairs();
    let mut findings = without.findings(&rest);
    findings.extend(without.memory(&rest));
    findings.extend(without.of_pairs(&pairs));
    findings.extend(without.of_backups(&down, &cases, &decisions.all));

    let services = Services::new(&policy.site);
    let basis = Basis {
        cluster,
        scene: &scene,
        is_manager_lost: without.is_manager_lost(),
        bandwidth: estimate::bandwidth(cluster, policy),
    };
    let mut stores = cluster
        .state
        .storages
        .iter()
        .filter(|storage| storage.kind == "pbs");
    let store = stores.next();
    let runbook = runbook::Runbook {
        cluster,
        scene: &scene,
        backups: store.filter(|_| stores.next().is_none()),
    };
    let decided = cases.iter().zip(&decisions.all);
    let places = decided
        .clone()
        .map(|(case, decided)| (case.candidate.guest.vmid, decided.on))
        .collect();
    let fates = decided.map(|(case, decided)| {
        let guest = case.candidate.guest;
        let services = services.of(case);
        let told = basis.told(case, decided);
        let mut findings = decided.findings.clone();
        findings.extend(company(cluster, case, decided, &places));
        findings.extend(unseen_replica(case, decided));
        if case.is_missed() {
            findings.extend(told::promises(&services, decided.comes_back, &told));
        }
        Fate {
            node: guest.node.clone(),
            vmid: guest.vmid,
            name: case.name(),
            kind: guest.kind.as_str(),
            ran: case.ran,
            comes_back: decided.comes_back,
            on: decided.on.map(|node| cluster.name(node).to_owned()),
            rpo_s: told.rpo_s,
            rto_s: told.rto_s,
            rests_on: told.rests_on,
            depends_on_it: depend::on_it(cluster, policy, case, &pairs, &services, given.ipam),
            findings,
            subjects: depend::subjects(case, &services),
            runbook: runbook.of(case, decided),
        }
    });
    let fates = fates.collect();
    let counts = rest::counted(&decisions.all);
    let waiting = rest::waiting(&decisions.all);
    let header = Header {
        lost: nodes
            .iter()
            .map(|node| cluster.name(*node).to_owned())
            .collect(),
        runbook: runbook::first(cluster, &scene, &rest, &counts, &down, waiting),
        cluster: rest,
        pairs,
        guests: counts,
        findings,
    };
    Outcome { header, fates }
}

fn cases<'a>(
    cluster: &Cluster<'a>,
    policy: &'a Policy,
    scene: &Scene<'a>,
    there: &'a [Guest],
    want: &'a Want,
) -> Vec<Case<'a>> {
    let mut pairs = pair::pairs(cluster, policy);
    there
        .iter()
        .map(|guest| {
            let own = pairs.remove(&guest.vmid).unwrap_or_default();
            Case::new(cluster, policy, scene, guest, want, own)
        })
        .collect()
}

/// The HA manager, which knows no pairs, starts it beside another member of its pair.
fn company(
    cluster: &Cluster<'_>,
    case: &Case<'_>,
    decided: &Decided<'_, '_>,
    places: &HashMap<u32, Option<usize>>,
) -> Option<Finding> {
    let on = decided
        .on
        .filter(|_| decided.comes_back == ComesBack::HaRestart)?;
    case.candidate.pairs.iter().find_map(|(pair, others)| {
        let other = others.iter().find(|other| {
            let lost = places.get(other).copied();
            let place = lost.unwrap_or_else(|| cluster.node(&cluster.guest(**other)?.node));
            place == Some(on)
        })?;
        let node = cluster.name(on);
        let what = format!("the HA manager starts it on {node}, where {other} of its pair {pair} is: keep them apart by a rule");
        let evidence = json!({"pair": pair, "other": other, "on": node});
        Some(fate::found(Code::PairTogether, Severity::Warning, what, evidence))
    })
}

/// Its replica may be of any age.
fn unseen_replica(case: &Case<'_>, decided: &Decided<'_, '_>) -> Option<Finding> {
    let rests = decided.disks == Some(seat::Disks::Replica(None));
    let vmid = case.candidate.guest.vmid;
    rests.then(|| {
        let node = &case.candidate.guest.node;
        let what = format!("how old its replica is is not in the state (replication of {node})");
        let evidence = json!({"list": format!("replication {node}"), "right": format!("VM.Audit on /vms/{vmid}")});
        fate::found(Code::Unseen, Severity::Unknown, what, evidence)
    })
}
