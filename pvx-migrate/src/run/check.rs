//! The last look before a guest is touched: the plan was made a while ago.

use std::collections::BTreeMap;

use serde_json::Value;

use super::members::Members;
use crate::{
    config::Config,
    plan::record::Step,
    pve::{Failure, Pve},
    state::is_true,
};

/// Why a step is not taken: a code and a message.
pub type Refusal = (&'static str, String);

/// Why a step is not taken now; nothing has been done.
#[derive(Debug)]
pub enum Halt {
    /// It can't be taken any more.
    Refused(Refusal),
    /// The cluster has no quorum: it may have it again soon.
    NoQuorum,
    /// Something could not be read: it may be readable soon.
    Unread(Failure),
}

impl Halt {
    /// As it is told when nobody waits any longer.
    #[must_use]
    pub fn told(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::NoQuorum => ("no-quorum", "the cluster has no quorum".to_owned()),
            Self::Unread(failure) => ("unread", format!("not checked again: {failure}")),
        }
    }
}

/// Whether the step can still be taken.
///
/// # Errors
///
/// Why not.
pub fn check(pve: &Pve, step: &Step, to: &str) -> Result<(), Halt> {
    let members = Members::read(pve).map_err(Halt::Unread)?;
    if !members.quorate {
        return Err(Halt::NoQuorum);
    }
    if !members.has_online(to) {
        return Err(refused("target-offline", format!("{to} is not online")));
    }
    let guest = format!("/nodes/{}/{}/{}", step.from, step.kind.as_str(), step.vmid);
    let config: Value = pve.get(&format!("{guest}/config")).map_err(Halt::Unread)?;
    if let (Some(planned), Some(now)) = (&step.digest, config["digest"].as_str())
        && planned != now
    {
        let what = "its configuration is not the one this was planned with";
        return Err(refused("changed", what.to_owned()));
    }
    precondition(pve, &guest, to)?;
    space(pve, step, &config, to)
}

fn refused(code: &'static str, why: String) -> Halt {
    Halt::Refused((code, why))
}

/// PVE's own check; older ones have none for containers.
fn precondition(pve: &Pve, guest: &str, to: &str) -> Result<(), Halt> {
    let answer: Value = match pve.get(&format!("{guest}/migrate?target={to}")) {
        Ok(answer) => answer,
        Err(failure) if failure.status() == Some(501) => return Ok(()),
        Err(failure) if failure.lacks_quorum() => return Err(Halt::NoQuorum),
        Err(failure) if failure.had_no_effect() && failure.status().is_some() => {
            return Err(refused("refused", failure.to_string()));
        }
        Err(failure) => return Err(Halt::Unread(failure)),
    };
    let no = [
        &answer["not_allowed_nodes"][to],
        &answer["not-allowed-nodes"][to],
    ];
    let Some(no) = no.into_iter().find(|why| why.is_object()) else {
        return Ok(());
    };
    // What is missing there may be mapped to something else; the plan has looked at that.
    let blocking = no.as_object().into_iter().flatten();
    let blocking = blocking.filter(|(name, _)| !name.starts_with("unavailable"));
    let blocking: Vec<String> = blocking
        .map(|(name, why)| format!("{name} {why}"))
        .collect();
    if blocking.is_empty() {
        return Ok(());
    }
    let why = format!("{to} is not allowed: {}", blocking.join(", "));
    Err(refused("refused", why))
}

/// Room for the volumes on the storages they go to, as far as the token sees them.
fn space(pve: &Pve, step: &Step, config: &Value, to: &str) -> Result<(), Halt> {
    let Ok(config) = Config::parse(step.kind, &config.to_string()) else {
        return Ok(());
    };
    if config.volumes.is_empty() {
        return Ok(());
    }
    let path = format!("/nodes/{to}/storage?enabled=1");
    let rows: Vec<Value> = match pve.get(&path) {
        Ok(rows) => rows,
        Err(failure) if failure.status() == Some(403) => return Ok(()),
        Err(failure) => return Err(Halt::Unread(failure)),
    };
    match too_small(step, &config, &rows) {
        Some((storage, free, needed)) => Err(refused(
            "no-space",
            format!("{storage} on {to} has {free} bytes free, {needed} are to be copied"),
        )),
        None => Ok(()),
    }
}

/// The first storage of the target with less free space than is to be copied to it: its name, what
/// is free and what is needed, in bytes. Volumes on a shared storage stay where they are, and of a
/// volume that is not full, or has a replica there, less is copied than its size: never more than
/// the plan counted.
fn too_small(step: &Step, config: &Config, rows: &[Value]) -> Option<(String, u64, u64)> {
    let row = |storage: &str| rows.iter().find(|row| row["storage"] == *storage);
    let mut needed: BTreeMap<&str, u64> = BTreeMap::new();
    for volume in &config.volumes {
        let storage = volume.storage.as_str();
        let target = step
            .targetstorage
            .get(storage)
            .map_or(storage, String::as_str);
        let stays = target == storage && row(storage).is_some_and(|row| is_true(&row["shared"]));
        if !stays {
            *needed.entry(target).or_default() += volume.size;
        }
    }
    needed.into_iter().find_map(|(storage, size)| {
        let needed = size.min(step.bytes);
        let free = row(storage)?["avail"].as_u64()?;
        (free < needed).then(|| (storage.to_owned(), free, needed))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn room_for_what_is_copied() {
        const GIB: u64 = 1 << 30;
        let rows = |thin: Value, nas: Value| {
            vec![
                json!({"storage": "thin", "shared": 0, "avail": thin}),
                json!({"storage": "nas", "shared": 1, "avail": nas}),
            ]
        };
        let ct = json!({"rootfs": "thin:vm-100-disk-0,size=2G", "mp0": "thin:vm-100-disk-1,mp=/x,size=3G"});
        let vm = json!({"scsi0": "thin:vm-100-disk-0,size=5G"});
        let mixed = json!({"rootfs": "nas:100/vm-100-disk-0.raw,size=50G", "mp0": "thin:vm-100-disk-1,mp=/x,size=3G"});
        let none = json!({});
        let to_nas = json!({"thin": "nas"});
        let full = |storage: &str, free: u64, needed: u64| {
            Some((storage.to_owned(), free * GIB, needed * GIB))
        };
        #[rustfmt::skip]
        let cases: &[(&str, &str, &Value, &Value, u64, Vec<Value>, Option<(String, u64, u64)>)] = &[
            ("a container fits",              "lxc",  &ct,    &none,   5, rows(json!(5 * GIB), json!(0)),        None),
            ("a container's volumes in all",  "lxc",  &ct,    &none,   5, rows(json!(4 * GIB), json!(0)),        full("thin", 4, 5)),
            ("a VM without a map",            "qemu", &vm,    &none,   5, rows(json!(4 * GIB), json!(0)),        full("thin", 4, 5)),
            ("a VM, mapped",                  "qemu", &vm,    &to_nas, 5, rows(json!(0), json!(4 * GIB)),        full("nas", 4, 5)),
            ("a VM, mapped to where it fits", "qemu", &vm,    &to_nas, 5, rows(json!(0), json!(6 * GIB)),        None),
            ("what is shared is not copied",  "lxc",  &mixed, &none,   53, rows(json!(3 * GIB), json!(0)),        None),
            ("a replica is there",            "lxc",  &ct,    &none,   0, rows(json!(GIB), json!(0)),            None),
            ("a thin volume, nearly empty",   "lxc",  &ct,    &none,   1, rows(json!(GIB), json!(0)),            None),
            ("free space is not known",       "lxc",  &ct,    &none,   5, rows(Value::Null, Value::Null),        None),
            ("the token sees no storage",     "lxc",  &ct,    &none,   5, vec![],                                None),
        ];
        for (name, kind, config, map, gib, rows, want) in cases {
            let step = json!({"vmid": 100, "type": kind, "name": "g", "from": "a", "to": "b", "after": [],
                "action": "restart", "reason": "", "refused": [], "blockers": [], "downtime_s": 1, "duration_s": 1,
                "estimate": "", "bytes": gib * GIB, "was_running": true, "ha": null, "local_disks": true, "targetstorage": map,
                "cluster": "c", "state_at": "2026-11-22T00:00:10Z"});
            let step: Step = serde_json::from_value(step).unwrap();
            let config = Config::parse(step.kind, &config.to_string()).unwrap();
            assert_eq!(too_small(&step, &config, rows), *want, "{name}");
        }
    }
}
