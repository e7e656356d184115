//! The records of guests that are made and removed.

use serde_json::{Map, Value, json};

use super::{doing::Report, order::Order};
use crate::{
    journal::guest_line::{Deed, GuestLine},
    plan::{creation::Making, line::PlanLine},
};

/// The record of what became of a step.
#[must_use]
pub fn record(report: &Report) -> String {
    let mut fields = of_line(&report.line, report.changed);
    if report.existed {
        fields.insert("phase".into(), "verified".into());
        fields.insert("exists".into(), true.into());
        fields.insert("differs".into(), json!(report.differs));
        if let Some(run) = &report.made_by {
            fields.insert("made_by".into(), json!(run));
        }
    }
    fields.insert("took_s".into(), report.took_s.into());
    if !report.warnings.is_empty() {
        let warnings = report.warnings.iter();
        let warnings: Vec<Value> = warnings
            .map(|(code, message)| json!({"code": code, "message": message}))
            .collect();
        fields.insert("warnings".into(), warnings.into());
    }
    if let Some((code, message)) = &report.error {
        fields.insert("error".into(), json!({"code": code, "message": message}));
    }
    Value::Object(fields).to_string()
}

/// The record of what the journal has as done.
#[must_use]
pub fn done(line: &GuestLine) -> String {
    Value::Object(of_line(line, false)).to_string()
}

/// The record of a guest that is in use now.
#[must_use]
pub fn ready_record(line: &GuestLine, changed: bool) -> String {
    Value::Object(of_line(line, changed)).to_string()
}

/// The record of a step that nothing was done for.
#[must_use]
pub fn not_begun(order: &Order, code: &str, message: &str) -> String {
    json!({"vmid": order.vmid, "type": order.kind, "name": order.name, "node": order.node, "action": order.deed,
        "changed": false, "error": {"code": code, "message": message}})
    .to_string()
}

/// The record of a line of a plan that can't be done; none of others.
#[must_use]
pub fn blocked(line: &PlanLine) -> Option<String> {
    let (head, blockers, root_only) = match line {
        PlanLine::Create(line) if line.action == Making::Blocked => {
            let head = (line.vmid, line.kind, &line.name, &line.node, "create");
            (head, &line.blockers, &line.root_only[..])
        }
        PlanLine::Destroy(line) if !line.acts() => {
            let head = (line.vmid, line.kind, &line.name, &line.node, "destroy");
            (head, &line.blockers, &[][..])
        }
        _ => return None,
    };
    let (vmid, kind, name, node, wants) = head;
    let why: Vec<&str> = blockers
        .iter()
        .map(|blocker| blocker.message.as_str())
        .collect();
    let mut record = json!({"vmid": vmid, "type": kind, "name": name, "node": node, "action": "blocked",
        "wants": wants, "changed": false, "blockers": blockers});
    if !root_only.is_empty() {
        record["root_only"] = json!(root_only);
    }
    record["error"] = json!({"code": "blocked", "message": why.join("; ")});
    Some(record.to_string())
}

fn of_line(line: &GuestLine, changed: bool) -> Map<String, Value> {
    let value = serde_json::to_value(line).unwrap_or_default();
    let mut fields = match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    // What only a later run needs.
    for name in [
        "message", "code", "request", "print", "resize", "start", "created",
    ] {
        fields.shift_remove(name);
    }
    fields.insert("changed".into(), changed.into());
    if line.action == Deed::Create {
        fields.insert("host_keys".into(), json!(line.host_keys));
        fields.insert("took_ms".into(), json!(line.took_ms));
    }
    fields
}
