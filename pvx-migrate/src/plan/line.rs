//! A line of a plan: a move, a creation or a removal, told apart by `action`, and of a blocked one
//! by what it `wants`.

use serde::Deserialize;

use super::{
    creation::{Creation, Wants},
    record::Step,
    removal::Removal,
};
use crate::unreadable::told;

/// A line of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanLine {
    /// A guest that moves, or stays.
    Move(Box<Step>),
    /// A guest that is to be made.
    Create(Box<Creation>),
    /// A guest that is to go.
    Destroy(Box<Removal>),
}

/// What tells the kinds apart.
#[derive(Deserialize)]
struct Tag {
    action: Option<serde_json::Value>,
    wants: Option<serde_json::Value>,
}

impl PlanLine {
    /// Reads a line; what it may hold is checked, too ([`Creation::fault`], [`Removal::fault`]).
    ///
    /// # Errors
    ///
    /// It is no line of a plan; what is wrong with it.
    pub fn of(text: &str) -> Result<Self, String> {
        let tag: Tag = serde_json::from_str(text).map_err(|error| told(&error))?;
        let word = |value: &Option<serde_json::Value>| {
            let text = value.as_ref().and_then(serde_json::Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let (action, wants) = (word(&tag.action), word(&tag.wants));
        match (&action[..], &wants[..]) {
            ("create", _) | ("blocked", "create") => {
                let line: Creation = serde_json::from_str(text).map_err(|error| told(&error))?;
                let fault = line.fault().or_else(|| strange(line.wants, Wants::Create));
                fault.map_or(Ok(Self::Create(Box::new(line))), Err)
            }
            ("destroy", _) | ("blocked", "destroy") => {
                let line: Removal = serde_json::from_str(text).map_err(|error| told(&error))?;
                let fault = line.fault().or_else(|| strange(line.wants, Wants::Destroy));
                fault.map_or(Ok(Self::Destroy(Box::new(line))), Err)
            }
            _ => {
                let step = serde_json::from_str(text).map_err(|error| told(&error))?;
                Ok(Self::Move(Box::new(step)))
            }
        }
    }

    /// The guest it is about.
    #[must_use]
    pub fn vmid(&self) -> u32 {
        match self {
            Self::Move(step) => step.vmid,
            Self::Create(line) => line.vmid,
            Self::Destroy(line) => line.vmid,
        }
    }
}

/// A line that wants another thing than it does.
fn strange(wants: Option<Wants>, own: Wants) -> Option<String> {
    let other = wants.filter(|wants| *wants != own)?;
    Some(format!("its action and its wants ({other:?}) are two things").to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn create() -> Value {
        json!({"vmid": 30050, "type": "lxc", "name": "paperless", "node": "node3", "action": "create", "reason": "",
            "params": {"hostname": "paperless", "rootfs": "zdata:8"}, "start": true, "blockers": [],
            "cluster": "c", "state_at": "2026-11-26T00:00:00Z"})
    }

    fn destroy() -> Value {
        json!({"vmid": 30050, "type": "lxc", "name": "paperless", "node": "node3", "action": "destroy", "stop": true,
            "timeout_s": 180, "purge": {"ha": "ct:30050", "replication": ["30050-0"], "jobs": []},
            "digest": "0123456789abcdef0123456789abcdef01234567", "snapshot": null, "blockers": [],
            "cluster": "c", "state_at": "2026-11-26T00:00:00Z"})
    }

    fn with(mut line: Value, key: &str, value: Value) -> Value {
        line[key] = value;
        line
    }

    #[test]
    fn lines_that_anyone_may_have_edited() {
        let blockers = json!([{"code": "space", "message": "full"}]);
        let blocked = |line: Value, wants: &str| {
            let line = with(line, "action", json!("blocked"));
            with(
                with(line, "wants", json!(wants)),
                "blockers",
                blockers.clone(),
            )
        };
        let root = json!({"hostname": "paperless", "features": "keyctl=1"});
        #[rustfmt::skip]
        let cases: &[(&str, Value, Result<&str, &str>)] = &[
            ("a creation",                 create(),                                            Ok("create")),
            ("a removal",                  destroy(),                                           Ok("destroy")),
            ("blocked",                    blocked(create(), "create"),                         Ok("create")),
            ("blocked, for root only",     blocked(with(create(), "params", root.clone()), "create"), Ok("create")),
            ("the same, acting",           with(create(), "params", root),                      Err("features has a form")),
            ("a removal that is blocked",  with(blocked(destroy(), "destroy"), "digest", Value::Null), Ok("destroy")),
            ("one of a name of old times", with(blocked(destroy(), "destroy"), "name", json!("")), Ok("destroy")),
            ("it exists",                  with(with(create(), "exists", json!(true)), "params", json!({})), Ok("create")),
            ("both",                       with(create(), "wants", json!("destroy")),           Err("are two things")),
            ("another name",               with(create(), "name", json!("other")),              Err("its hostname is")),
            ("no name",                    with(create(), "params", json!({})),                 Err("have no hostname")),
            ("a list as a value",          with(create(), "params", json!({"hostname": ["a"]})), Err("a text or a whole number")),
            ("a node's path",              with(create(), "node", json!("a/../b")),             Err("no name of a node")),
            ("an ID of the system",        with(destroy(), "vmid", json!(99)),                  Err("no ID")),
            ("blockers, and acts",         with(destroy(), "blockers", blockers.clone()),       Err("has blockers")),
            ("no digest",                  with(destroy(), "digest", Value::Null),              Err("40 hexadecimal")),
            ("no time",                    with(destroy(), "timeout_s", json!(0)),              Err("timeout_s")),
            ("another's HA",               with(destroy(), "purge", json!({"ha": "ct:1", "replication": [], "jobs": []})), Err("purge.ha")),
            ("another's replication",      with(destroy(), "purge", json!({"ha": null, "replication": ["3005-0"], "jobs": []})), Err("purge.replication")),
            ("another thing",              with(create(), "action", json!("fly")),              Err("no")),
        ];
        for (name, line, want) in cases {
            let got = PlanLine::of(&line.to_string());
            match (&got, want) {
                (Ok(PlanLine::Create(_)), Ok("create"))
                | (Ok(PlanLine::Destroy(_)), Ok("destroy")) => {}
                (Err(what), Err(part)) if what.contains(part) => {}
                _ => panic!("{name}: {got:?}"),
            }
            if let Ok(read) = got {
                assert_eq!(read.vmid(), 30050, "{name}");
            }
        }
    }
}
