//! Verdicts as records, and as a table for people.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use serde_json::{Map, Value, json};
use vmid::{escape::escape, stream::Lines, table::Table};

use crate::{
    checked::{self, Checked, Labelled},
    finding::{Finding, Severity},
    holding,
    judge::{Target, Verdict},
    service::Service,
};

/// One record for each pair and service.
///
/// # Errors
///
/// Those of `output`.
pub fn json(checked: &[Checked<'_>], terminal: bool, output: &mut impl Write) -> io::Result<()> {
    let mut lines = Lines::new(output, terminal);
    for one in checked {
        lines.extend(&record(one).to_string(), "")?;
    }
    lines.flush()
}

/// The record of a pair, or of a service.
#[must_use]
pub fn record(checked: &Checked<'_>) -> Value {
    let Checked {
        pair,
        evidence,
        verdict,
        probes_ms,
        ..
    } = checked;
    let mut record = match &pair.service {
        Some(service) => service_json(checked, service),
        None => pair_json(checked),
    };
    let mut put = |name: &str, value: Value| record[name] = value;
    if let Some(routes) = replies(checked.labelled(Target::Elsewhere)) {
        put("routes", routes);
    }
    put("findings", findings(verdict));
    let mut timings = json!({"probes_ms": probes_ms});
    if let Some(raw) = &evidence.raw {
        timings["window_ms"] = json!(raw.window_ms);
    }
    put("timings", timings);
    put("checked_at_ms", json!(evidence.now_ms));
    record
}

/// Each of several VIPs, with what is said of it alone.
fn of_vips(checked: &Checked<'_>) -> Value {
    let of_vips = checked.at_vips().into_iter().zip(&checked.vips);
    let of_vips = of_vips.map(|((_, labelled), of_vip)| {
        let verdict = &of_vip.verdict;
        let mut entry = json!({"vip": of_vip.vip, "holder": holder(checked, verdict),
            "holder_by": verdict.holder_by});
        if let Some(probes) = replies(labelled) {
            entry["probes"] = probes;
        }
        entry["findings"] = findings(verdict);
        entry
    });
    of_vips.collect()
}

fn holder(checked: &Checked<'_>, verdict: &Verdict) -> Value {
    let name = |member: usize| &checked.pair.members[member].name;
    json!(verdict.holder.map(name))
}

fn findings(verdict: &Verdict) -> Value {
    verdict.findings.iter().map(Finding::json).collect()
}

/// What a pair's record begins with.
fn pair_json(checked: &Checked<'_>) -> Value {
    let Checked {
        pair,
        verdict,
        vips,
        ..
    } = checked;
    let mut record = json!({"name": pair.name, "status": checked.severity().status()});
    let mut put = |name: &str, value: Value| record[name] = value;
    if let Some(vip) = pair.vip {
        put("vip", json!(vip));
        put("holder", holder(checked, verdict));
        put("holder_by", json!(verdict.holder_by));
    }
    if !vips.is_empty() {
        put("vips", of_vips(checked));
    }
    let members = (0..pair.members.len()).map(|member| member_json(checked, member));
    put("members", members.collect());
    if let Some(vip) = replies(checked.labelled(Target::Vip)).filter(|_| vips.is_empty()) {
        put("vip_probes", vip);
    }
    record
}

/// What a service's record begins with: what the site says of it, and what came from its addresses.
fn service_json(checked: &Checked<'_>, service: &Service) -> Value {
    let Checked {
        pair,
        evidence,
        verdict,
        ..
    } = checked;
    let status = verdict.severity().status();
    let mut record = json!({"name": pair.name, "kind": "service", "status": status});
    let mut put = |name: &str, value: Value| record[name] = value;
    if let Some(kind) = &service.kind {
        put("type", json!(kind));
    }
    if let Some(vmid) = service.vmid {
        put("vmid", json!(vmid));
        let places = evidence.places.as_ref();
        if let Some(at) = places.and_then(|places| places.of(vmid)) {
            put("node", json!(at.node));
        }
    }
    if let Some(name) = &service.pair {
        put("pair", json!(name));
    }
    let addresses = pair.members.iter().enumerate().map(|(place, member)| {
        let mut one = json!({"address": member.address});
        if let Some(probes) = replies(checked.labelled(Target::Member(place))) {
            one["probes"] = probes;
        }
        one
    });
    put("addresses", addresses.collect());
    record
}

fn member_json(checked: &Checked<'_>, place: usize) -> Value {
    let Checked { pair, evidence, .. } = checked;
    let member = &pair.members[place];
    let mut record = json!({"name": member.name, "address": member.address});
    if let Some(vmid) = member.vmid {
        record["vmid"] = json!(vmid);
        let places = evidence.places.as_ref();
        if let Some(at) = places.and_then(|places| places.of(vmid)) {
            record["node"] = json!(at.node);
        }
    }
    let stated = evidence.facts.iter().find(|stated| stated.member == place);
    if let (Some(stated), Some(vip)) = (stated, pair.vip) {
        let has = |vip: &IpAddr| holding::holds(&stated.facts, *vip);
        if pair.has_several() {
            let held: Vec<&IpAddr> = pair.vips.iter().filter(|vip| has(vip)).collect();
            record["has_vips"] = json!(held);
        } else {
            record["has_vip"] = json!(has(&vip));
        }
        record["vrrp_daemon"] = json!(if vip.is_ipv4() {
            stated.facts.vrrp_socket
        } else {
            stated.facts.vrrp6_socket
        });
    }
    if let Some(probes) = replies(checked.labelled(Target::Member(place))) {
        record["probes"] = probes;
    }
    record
}

/// What came of the probes of a target, by their labels; none if there was no probe.
fn replies(labelled: Labelled<'_>) -> Option<Value> {
    let mut replies = Map::new();
    for (label, reply) in labelled {
        let ms = u64::try_from(reply.took.as_millis()).unwrap_or(u64::MAX);
        let mut entry = json!({"answer": reply.outcome.to_string(), "took_ms": ms});
        if let Some(identity) = &reply.identity {
            entry["identity"] = json!(identity);
        }
        replies.insert(label, entry);
    }
    (!replies.is_empty()).then_some(Value::Object(replies))
}

/// A row for each finding, the worst first.
///
/// # Errors
///
/// Those of `output`.
pub fn table(checked: &[Checked<'_>], output: &mut impl Write) -> io::Result<()> {
    let mut table = Table::new(["pair", "status", "holder", "by", "finding"]);
    for one in checked {
        let Checked { pair, verdict, .. } = one;
        let holder = match (verdict.holder, pair.vip) {
            (Some(member), _) => pair.members[member].name.as_str(),
            (None, Some(_)) => "?",
            (None, None) => "-",
        };
        let mut first = [
            pair.called(),
            one.severity().status().to_owned(),
            holder.to_owned(),
            verdict.holder_by.unwrap_or_default().to_owned(),
        ];
        let mut shown = one.findings();
        shown.retain(|(_, finding)| finding.code != "holder");
        let row = |(vip, finding): (Option<IpAddr>, &Finding)| {
            let message = checked::message(vip, finding);
            match finding.severity {
                Severity::Info => format!("{}: {message}", finding.code),
                severity => {
                    let severity = severity.name().to_uppercase();
                    format!("{severity} {}: {message}", finding.code)
                }
            }
        };
        let mut rows: Vec<String> = shown.into_iter().map(row).collect();
        if rows.is_empty() {
            rows.push(String::new());
        }
        for row in rows {
            let [name, status, holder, by] = std::mem::take(&mut first);
            table.push(vec![name, status, holder, by, row]);
        }
    }
    table.print(output)
}

/// Text that can't break a line or steer a terminal.
pub(crate) fn one_line(text: &str) -> String {
    escape(text).replace('\n', " ")
}
