//! What is true of the whole cluster, against what the site says of it: findings, nothing done.
//!
//! Pure: everything comes from a state document and a site. A file for each kind of rule; each is
//! given the [`context::Context`] and one subject, and says what it found.

use std::{
    collections::{BTreeMap, HashMap},
    mem::ManuallyDrop,
};

use jiff::{civil::Date, tz::TimeZone};
use serde_json::json;
use vmid::{
    exempt::{Exemptions, Subject},
    severity::Severity,
    site::Site,
    verdict::Finding,
};

use crate::state::State;

mod blind;
pub mod code;
pub mod context;
pub mod exchange;
mod found;
pub mod guest;
pub mod ha;
pub mod lock;
pub mod manager;
pub mod memory;
pub mod network;
pub mod pair;
pub mod privilege;
pub mod quorum;
pub mod record;
pub mod replication;
pub mod restart;
pub mod service;
pub mod show;
pub mod snapshot;
pub mod start;
pub mod storage;
pub mod template;
pub mod unseen;

#[cfg(test)]
mod planted_table_tests;

use context::Context;
use guest::Audited;
use record::Record;

/// All records: of the cluster, its nodes, storages, pairs, services and guests.
#[must_use]
pub fn audit(context: &Context<'_>) -> Vec<Record> {
    let state = context.cluster.state;
    let site = context.site();
    let guests = state.guests.iter();
    let guests: Vec<Audited<'_>> = guests.map(|guest| Audited::new(context, guest)).collect();
    // The end of the process frees them at once.
    let guests = ManuallyDrop::new(guests);
    let mut judge = Exemptions::of(site, code::CODES, today(state, site));
    let mut records = vec![of_cluster(context, &mut judge)];
    records.extend(of_nodes(context, &mut judge));
    records.extend(of_storages(context, &guests, &mut judge));
    records.extend(of_pairs(context, &mut judge));
    records.extend(of_services(context, &guests, &mut judge));
    records.extend(
        guests
            .iter()
            .map(|guest| of_guest(context, guest, &mut judge)),
    );
    records.extend(of_nobody(context, &mut judge));
    if !judge.is_empty() {
        let cluster = records.first().is_some_and(is_unseen);
        blind::tell(context, &guests, &mut judge, cluster);
        leftover(&judge, &mut records);
    }
    records
}

/// The day of the state, in the site's time zone: exemptions end with it.
fn today(state: &State, site: &Site) -> Date {
    let zone = site.timezone.as_deref();
    let zone = zone.and_then(|name| TimeZone::get(name).ok());
    state.at.to_zoned(zone.unwrap_or(TimeZone::UTC)).date()
}

fn of_cluster(context: &Context<'_>, judge: &mut Exemptions) -> Record {
    let mut record = Record::of_cluster(&context.cluster.state.cluster.name);
    let unseen = unseen::of_cluster(context).into_iter();
    let unseen = unseen.map(|found| judge.judge(&[], found)).collect();
    record.findings = unseen;
    if let Some((subjects, found)) = quorum::findings(context) {
        record.findings.push(judge.judge(&subjects, found));
    }
    let nodes = context.cluster.nodes().iter();
    let nodes: Vec<Subject> = nodes.map(|node| Subject::Node(node.node.clone())).collect();
    for found in manager::of_cluster(context) {
        record.findings.push(match found.severity {
            // Not of each node for that.
            Severity::Unknown => judge.judge(&[], found),
            _ => judge.judge(&nodes, found),
        });
    }
    record
}

fn is_unseen(record: &Record) -> bool {
    let mut findings = record.findings.iter();
    findings.any(|found| found.severity == Severity::Unknown)
}

fn of_nodes(context: &Context<'_>, judge: &mut Exemptions) -> Vec<Record> {
    let nodes = context.cluster.nodes().iter().enumerate();
    nodes
        .map(|(at, node)| {
            let subject = Subject::Node(node.node.clone());
            let mut found = unseen::of_node(context, node);
            found.extend(manager::of_node(context, node));
            found.extend(memory::findings(context, at));
            judged(Record::of(subject), found, judge)
        })
        .collect()
}

fn of_storages(
    context: &Context<'_>,
    guests: &[Audited<'_>],
    judge: &mut Exemptions,
) -> Vec<Record> {
    let mut templates: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
    for (storage, found) in template::findings(context) {
        templates.entry(storage).or_default().push(found);
    }
    let storages = context.cluster.state.storages.iter();
    let mut records: Vec<Record> = storages
        .map(|storage| {
            let name = &storage.storage;
            let mut found = exchange::findings(context, storage, guests);
            found.extend(templates.remove(name).unwrap_or_default());
            let record = Record::of(Subject::Storage(name.clone()));
            judged(record.with("type", storage.kind.clone()), found, judge)
        })
        .collect();
    // Of storages that only the site knows.
    let others = templates.into_iter();
    records.extend(others.map(|(storage, found)| {
        let record = Record::of(Subject::Storage(storage));
        judged(record, found, judge)
    }));
    records
}

fn of_pairs(context: &Context<'_>, judge: &mut Exemptions) -> Vec<Record> {
    let pairs = context.policy.pairs.iter();
    pairs
        .map(|pair| {
            let record = Record::of(Subject::Pair(pair.name.clone()));
            judged(record, pair::findings(context, pair), judge)
        })
        .collect()
}

fn of_services(
    context: &Context<'_>,
    guests: &[Audited<'_>],
    judge: &mut Exemptions,
) -> Vec<Record> {
    let places: HashMap<u32, &Audited<'_>> = guests
        .iter()
        .map(|guest| (guest.guest.vmid, guest))
        .collect();
    let services = context.site().services.iter();
    services
        .map(|service| {
            let own = context.guests_of(service);
            let own: Vec<&Audited<'_>> = own
                .iter()
                .filter_map(|guest| places.get(&guest.vmid).copied())
                .collect();
            let vmids: Vec<u32> = own.iter().map(|guest| guest.guest.vmid).collect();
            let mut record =
                Record::of(Subject::Service(service.name.clone())).with("vmids", vmids);
            let mut subjects = vec![Subject::Service(service.name.clone())];
            subjects.extend(service.pair.clone().map(Subject::Pair));
            subjects.extend(own.iter().map(|guest| Subject::Vmid(guest.guest.vmid)));
            let found = service::findings(context, service, &own).into_iter();
            record.findings = found.map(|found| judge.judge(&subjects, found)).collect();
            record
        })
        .collect()
}

fn of_guest(context: &Context<'_>, guest: &Audited<'_>, judge: &mut Exemptions) -> Record {
    let mut found = unseen::of_guest(context, guest);
    found.extend(storage::findings(context, guest));
    found.extend(privilege::findings(context, guest));
    found.extend(network::findings(context, guest));
    found.extend(ha::findings(context, guest));
    found.extend(start::findings(context, guest));
    found.extend(snapshot::findings(context, guest));
    found.extend(lock::findings(context, guest));
    let mut subjects = guest.subjects();
    let mut record = guest.record();
    let found = found.into_iter();
    record.findings = found.map(|found| judge.judge(&subjects, found)).collect();
    for (job, found) in replication::findings(context, guest) {
        subjects.push(job);
        record.findings.push(judge.judge(&subjects, found));
        subjects.pop();
    }
    record
}

/// Of the guests that the site or the manager has in HA and the cluster doesn't have at all.
fn of_nobody(context: &Context<'_>, judge: &mut Exemptions) -> Vec<Record> {
    let is_nobody = |sid: &str| {
        let vmid = vmid_of(sid)?;
        let guest = context.cluster.guest(vmid);
        let is_there = guest.is_some_and(|guest| guest.sid() == sid);
        (!is_there).then_some(vmid)
    };
    let mut nobody: BTreeMap<u32, (Option<&str>, Vec<Finding>)> = BTreeMap::new();
    for resource in context.site_ha().into_iter().flat_map(|ha| &ha.resources) {
        let sid = &resource.sid;
        let Some(vmid) = is_nobody(sid) else { continue };
        let message =
            format!("the site has {sid} among ha.resources, and the cluster has no such guest");
        let found = context.missing_guest("ha-missing", message, json!({"sid": sid}));
        let known = nobody.entry(vmid).or_default();
        known.0 = resource.name.as_deref();
        known.1.push(found);
    }
    let ha = context.cluster.state.ha.iter();
    for resource in ha.flat_map(|ha| &ha.resources) {
        let sid = &resource.sid;
        let Some(vmid) = is_nobody(sid) else { continue };
        if !context.sees_all_guests && nobody.contains_key(&vmid) {
            continue; // the same is told of it already
        }
        let mut message = format!("{sid} is an HA resource, and the cluster has no such guest");
        if context.sees_all_guests {
            message += &format!(": root removes it with 'ha-manager remove {sid}'");
        }
        let found = context.missing_guest("ha-stray", message, json!({"sid": sid}));
        nobody.entry(vmid).or_default().1.push(found);
    }
    let records = nobody.into_iter();
    let records = records.map(|(vmid, (name, found))| {
        let mut record = Record::of(Subject::Vmid(vmid));
        if let Some(name) = name {
            record = record.with("name", name);
        }
        judged(record, found, judge)
    });
    records.collect()
}

/// `ct:101` is of 101.
fn vmid_of(sid: &str) -> Option<u32> {
    let (_, vmid) = sid.split_once(':')?;
    vmid.parse().ok()
}

fn judged(mut record: Record, found: Vec<Finding>, judge: &mut Exemptions) -> Record {
    let subjects: Vec<Subject> = record.subject.iter().cloned().collect();
    let found = found.into_iter();
    record.findings = found.map(|found| judge.judge(&subjects, found)).collect();
    record
}

/// What is said of the exemptions, where they belong.
fn leftover(judge: &Exemptions, records: &mut Vec<Record>) {
    for (subject, found) in judge.leftover() {
        let known = records.iter_mut();
        let mut known = known.filter(|record| record.subject.as_ref() == Some(&subject));
        match known.next() {
            Some(record) => record.findings.push(found),
            None => {
                let mut record = Record::of(subject);
                record.findings.push(found);
                records.push(record);
            }
        }
    }
}
