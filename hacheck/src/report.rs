//! Verdicts as records, and as a table for people.

use std::io::{self, Write};

use serde_json::{Map, Value, json};
use vmid::{escape::escape, stream::Lines, table::Table};

use crate::{checked::Checked, finding::Severity, holding, judge::Target, service::Service};

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
    } = checked;
    let mut record = match &pair.service {
        Some(service) => service_json(checked, service),
        None => pair_json(checked),
    };
    let mut put = |name: &str, value: Value| record[name] = value;
    if let Some(routes) = replies(checked, Target::Elsewhere) {
        put("routes", routes);
    }
    put(
        "findings",
        verdict
            .findings
            .iter()
            .map(crate::finding::Finding::json)
            .collect(),
    );
    let mut timings = json!({"probes_ms": probes_ms});
    if let Some(raw) = &evidence.raw {
        timings["window_ms"] = json!(raw.window_ms);
    }
    put("timings", timings);
    put("checked_at_ms", json!(evidence.now_ms));
    record
}

/// What a pair's record begins with.
fn pair_json(checked: &Checked<'_>) -> Value {
    let Checked { pair, verdict, .. } = checked;
    let mut record = json!({"name": pair.name, "status": verdict.severity().status()});
    let mut put = |name: &str, value: Value| record[name] = value;
    if let Some(vip) = pair.vip {
        put("vip", json!(vip));
        put(
            "holder",
            json!(verdict.holder.map(|member| &pair.members[member].name)),
        );
        put("holder_by", json!(verdict.holder_by));
    }
    let members = (0..pair.members.len()).map(|member| member_json(checked, member));
    put("members", members.collect());
    if let Some(vip) = replies(checked, Target::Vip) {
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
        if let Some(probes) = replies(checked, Target::Member(place)) {
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
        record["has_vip"] = json!(holding::holds(&stated.facts, vip));
        record["vrrp_daemon"] = json!(if vip.is_ipv4() {
            stated.facts.vrrp_socket
        } else {
            stated.facts.vrrp6_socket
        });
    }
    if let Some(probes) = replies(checked, Target::Member(place)) {
        record["probes"] = probes;
    }
    record
}

/// What came of the probes of a target, by their labels; none if there was no probe.
fn replies(checked: &Checked<'_>, target: Target) -> Option<Value> {
    let mut replies = Map::new();
    for (label, reply) in checked.labelled(target) {
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
    for Checked { pair, verdict, .. } in checked {
        let holder = match (verdict.holder, pair.vip) {
            (Some(member), _) => pair.members[member].name.as_str(),
            (None, Some(_)) => "?",
            (None, None) => "-",
        };
        let mut first = [
            pair.called(),
            verdict.severity().status().to_owned(),
            holder.to_owned(),
            verdict.holder_by.unwrap_or_default().to_owned(),
        ];
        let shown = verdict
            .findings
            .iter()
            .filter(|finding| finding.code != "holder");
        let mut rows: Vec<String> = shown
            .map(|finding| match finding.severity {
                Severity::Info => format!("{}: {}", finding.code, finding.message),
                severity => format!(
                    "{} {}: {}",
                    severity.name().to_uppercase(),
                    finding.code,
                    finding.message
                ),
            })
            .collect();
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
