//! Configurations that differ: what the adverts, and keepalived's own dumps, give away.
//!
//! Some differences make both members master and are critical; of those, a different
//! password or version shows nothing on the wire at all (measured), only in the counters.

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::json;
use vmid::site::is_link_local;

use super::{Case, holder::list, instance, witness::member_of};
use crate::{
    evidence::{Advert, Instance, Mac},
    finding::{Eye, Finding, Severity},
};

/// keepalived's counters of adverts that it threw away because of its own configuration.
const MISMATCHES: [&str; 6] = [
    "auth_failure",
    "authtype_mismatch",
    "invalid_authtype",
    "addr_list_err",
    "advert_interval_err",
    "invalid_type_rcvd",
];

/// No real segment has more kinds of adverts for one address; who sends more wants to be a burden.
const MOST_KINDS: usize = 64;
/// So many differences are told, the rest is counted.
const MOST_TOLD: usize = 16;

pub(super) fn judge(case: &Case<'_>) -> Vec<Finding> {
    let Some(vip) = case.of_vrrp() else {
        return Vec::new();
    };
    let adverts = kinds(instance::adverts(case, vip));
    let mut findings = heard(case, vip, &adverts);
    if findings.len() > MOST_TOLD {
        let more = findings.split_off(MOST_TOLD).len();
        let message = format!("{more} more differences among the adverts of {vip}");
        findings.push(drift(Severity::Critical, message, json!({}), Eye::Adverts));
    }
    findings.extend(dumped(case, vip));
    findings
}

fn drift(severity: Severity, message: String, evidence: serde_json::Value, eye: Eye) -> Finding {
    Finding::new("config-drift", severity, message, evidence, &[eye])
}

/// Differences among the adverts, and to what the pair says.
fn heard(case: &Case<'_>, vip: IpAddr, adverts: &[&Advert]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let own_vrid = instance::vrid(case, vip);
    let excluded = instance::is_excluded(case, vip);
    let mut add = |severity, message: String, advert: &Advert| {
        let evidence = json!({"source": advert.source, "vrid": advert.vrid, "version": advert.version,
            "interval_ms": advert.interval_ms, "vips": advert.vips});
        let finding = drift(severity, message, evidence, Eye::Adverts);
        if !findings
            .iter()
            .any(|known: &Finding| known.message == finding.message)
        {
            findings.push(finding);
        }
    };
    for advert in adverts {
        let member = member_of(case, advert);
        let from = match member {
            Some(member) => case.name(member).to_owned(),
            None => advert.source.to_string(),
        };
        let (vrid, ours) = (advert.vrid, advert.vips.contains(&vip));
        match own_vrid {
            Some(_) if excluded && member.is_some() => {} // it is in no advert
            Some(meant) if meant != vrid => {
                add(
                    Severity::Warning,
                    format!("{from} advertises {vip} under VRID {vrid}, not {meant}"),
                    advert,
                );
            }
            Some(_) if !ours => {
                let vips = match &advert.vips[..] {
                    [] => "no address".to_owned(),
                    vips => list(vips.iter().map(ToString::to_string)),
                };
                // keepalived only logs a stranger's; two of one virtual MAC take each other's frames.
                let severity = match member.is_some() || has_virtual_mac(case, vrid) {
                    true => Severity::Critical,
                    false => Severity::Warning,
                };
                add(
                    severity,
                    format!("{from} uses VRID {vrid} for {vips}, not for {vip}"),
                    advert,
                );
            }
            _ => {}
        }
        if own_vrid == Some(vrid) && member.is_some() && case.pair.has_several() {
            let strange = |vip: &&IpAddr| !case.pair.vips.contains(vip) && !is_link_local(**vip);
            let more: Vec<&IpAddr> = advert.vips.iter().filter(strange).collect();
            if !more.is_empty() {
                let more = list(more.iter().map(ToString::to_string));
                let message =
                    format!("{from} advertises {more}, too, which the pair's vips don't name");
                add(Severity::Info, message, advert);
            }
        }
        if case
            .pair
            .version
            .is_some_and(|meant| meant != advert.version)
        {
            add(
                Severity::Warning,
                format!(
                    "{from} speaks VRRP version {}, not {}",
                    advert.version,
                    case.pair.version.unwrap_or_default()
                ),
                advert,
            );
        }
        if let Some(meant) = case.pair.advert_ms.filter(|&ms| ms != advert.interval_ms) {
            add(
                Severity::Warning,
                format!(
                    "{from} advertises every {} ms, not {meant} ms",
                    advert.interval_ms
                ),
                advert,
            );
        }
        if !advert.checksum_ok {
            add(
                Severity::Warning,
                format!("adverts of {from} have a wrong checksum: no router heeds them"),
                advert,
            );
        }
        if advert.ttl != 255 {
            add(
                Severity::Warning,
                format!(
                    "adverts of {from} have TTL {}, not 255: no router heeds them",
                    advert.ttl
                ),
                advert,
            );
        }
    }
    for two in pairs(adverts).filter(|two| two[0].source != two[1].source) {
        let said = |what: &dyn Fn(&Advert) -> String| {
            list(
                two.iter()
                    .map(|advert| format!("{} of {}", what(advert), advert.source)),
            )
        };
        let [one, other] = two;
        // Two members that differ don't hear each other; a stranger's is only not heard.
        let between = match two.iter().all(|advert| member_of(case, advert).is_some()) {
            true => Severity::Critical,
            false => Severity::Warning,
        };
        if one.vrid != other.vrid {
            add(
                between,
                format!("two VRIDs for {vip}: {}", said(&|a| a.vrid.to_string())),
                one,
            );
        }
        if one.version != other.version {
            add(
                between,
                format!("two VRRP versions: {}", said(&|a| a.version.to_string())),
                one,
            );
        } else if one.auth_type != other.auth_type {
            add(
                between,
                format!(
                    "two kinds of authentication: {}",
                    said(&|a| a.auth_type.to_string())
                ),
                one,
            );
        }
        if one.interval_ms != other.interval_ms {
            add(
                Severity::Warning,
                format!(
                    "two advert intervals: {}",
                    said(&|a| format!("{} ms", a.interval_ms))
                ),
                one,
            );
        }
    }
    findings
}

/// Somebody on the segment uses the virtual MAC of that VRID: as source of an advert, or to answer ARP.
fn has_virtual_mac(case: &Case<'_>, vrid: u8) -> bool {
    let is = |mac: Mac| mac.virtual_router() == Some(vrid);
    let sent = case
        .adverts()
        .any(|advert| advert.source_mac.is_some_and(is));
    let raw = case.evidence.raw.iter();
    let mut replies = raw.flat_map(|raw| raw.replies.iter().flatten());
    sent || replies.any(|reply| is(reply.mac))
}

/// What two adverts of one kind have in common.
fn kind(of: &Advert) -> impl PartialEq {
    (
        (of.source, of.ttl, of.checksum_ok, of.vips.as_slice()),
        (of.vrid, of.version, of.auth_type, of.interval_ms),
    )
}

/// One for each source and setting: a window may hold thousands.
fn kinds<'a>(adverts: impl Iterator<Item = &'a Advert>) -> Vec<&'a Advert> {
    let mut kinds: Vec<&Advert> = Vec::new();
    for advert in adverts {
        if !kinds.iter().any(|known| kind(known) == kind(advert)) {
            kinds.push(advert);
        }
        if kinds.len() == MOST_KINDS {
            break;
        }
    }
    kinds
}

/// Each two of them.
fn pairs<'a>(kinds: &'a [&'a Advert]) -> impl Iterator<Item = [&'a Advert; 2]> {
    (0..kinds.len()).flat_map(move |i| (i + 1..kinds.len()).map(move |j| [kinds[i], kinds[j]]))
}

/// Differences among the dumps of the daemons, and what they count.
fn dumped(case: &Case<'_>, vip: IpAddr) -> Vec<Finding> {
    let mut findings = Vec::new();
    let excluded = instance::is_excluded(case, vip);
    let of = |member: usize| {
        let same_family =
            |i: &&Instance| excluded || i.vips.iter().any(|v| v.is_ipv4() == vip.is_ipv4());
        let mut of_vip = instance::of_member(case, member, vip).filter(|i| i.has(vip));
        let mut of_pair = instance::of_member(case, member, vip).filter(same_family);
        Some((member, of_vip.next().or_else(|| of_pair.next())?))
    };
    let dumps: Vec<(usize, &Instance)> = case.members().filter_map(of).collect();
    let mut differ = |severity, what: &str, said: &dyn Fn(&Instance) -> String| {
        if dumps.windows(2).any(|two| said(two[0].1) != said(two[1].1)) {
            let each = dumps
                .iter()
                .map(|(member, i)| format!("{} of {}", said(i), case.name(*member)));
            let message = format!("{what}: {}", list(each));
            findings.push(drift(severity, message, json!({}), Eye::Facts));
        }
    };
    differ(Severity::Critical, "two VRIDs", &|i| i.vrid.to_string());
    differ(Severity::Critical, "two VRRP versions", &|i| {
        i.version.to_string()
    });
    differ(Severity::Warning, "two advert intervals", &|i| {
        format!("{} ms", i.interval_ms)
    });
    differ(Severity::Warning, "two lists of addresses", &|i| {
        let mut vips = i.vips.clone();
        vips.sort_unstable();
        list(vips.iter().map(ToString::to_string))
    });
    differ(Severity::Warning, "two lists of excluded addresses", &|i| {
        let mut excluded = i.excluded.clone();
        excluded.sort_unstable();
        match &excluded[..] {
            [] => "none".to_owned(),
            some => list(some.iter().map(ToString::to_string)),
        }
    });
    for (member, instance) in &dumps {
        let mut of_pair = instance::of_member(case, *member, vip);
        if case.pair.has_several() && !of_pair.any(|i| i.has(vip)) {
            let name = case.name(*member);
            let message = format!(
                "{name}: its VRRP instance {} does not have {vip}: while {name} is master, nobody does",
                instance.name
            );
            findings.push(drift(
                Severity::Warning,
                message,
                json!({"member": name}),
                Eye::Facts,
            ));
        }
    }
    let mut by_priority: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    for (member, instance) in &dumps {
        let names = by_priority.entry(instance.base_priority).or_default();
        names.push(case.name(*member).to_owned());
    }
    for (priority, names) in by_priority.into_iter().filter(|(_, names)| names.len() > 1) {
        let names = list(names.into_iter());
        let message = format!("{names} have the same priority {priority}: the higher address wins");
        findings.push(drift(Severity::Info, message, json!({}), Eye::Facts));
    }
    for (member, instance) in &dumps {
        let counted = MISMATCHES
            .iter()
            .filter_map(|name| Some((*name, *instance.counters.get(*name)?)));
        let counted: Vec<(&str, u64)> = counted.filter(|(_, count)| *count > 0).collect();
        if !counted.is_empty() {
            let each = list(
                counted
                    .iter()
                    .map(|(name, count)| format!("{name} {count}")),
            );
            // They count since the daemon's start, so they may be of long ago.
            let message = format!(
                "{} has thrown adverts away since it was started: {each}",
                case.name(*member)
            );
            let evidence = super::by_name(
                counted
                    .iter()
                    .map(|(name, count)| ((*name).to_owned(), *count)),
            );
            findings.push(drift(Severity::Info, message, evidence, Eye::Facts));
        }
    }
    findings
}
