//! The last look before a guest is shut down, marked or removed: everything that the plan rested on is
//! read once more, the configuration last, right before the request.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    look::id,
    order::Order,
    purge::{Purge, difference, jobs, replication},
    seen::{Guest, Id},
};
use crate::{
    node_name,
    pve::{Failure, Pve},
    state::Kind,
};

/// Why a guest is not removed now; nothing has been done.
#[derive(Debug)]
pub enum Halt {
    /// It is not what was planned: a code, and why.
    Refused(&'static str, String),
    /// Something could not be read: it may be readable soon.
    Unread(Failure),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Unread(failure)
    }
}

/// The guest as it is, if it can still be removed as planned. `print` is its configuration as this run
/// has seen it before; without one, the plan's digest counts.
///
/// # Errors
///
/// Why not.
pub fn last_look(
    pve: &Pve,
    order: &Order,
    print: Option<u64>,
    may_run: bool,
) -> Result<Guest, Halt> {
    let before = named(pve, order)?;
    if before.template {
        linked_clones(pve, order)?;
    }
    let mut now = related(pve, order)?;
    let guest = named(pve, order)?;
    if guest.managed {
        now.ha = Some(sid(order));
    }
    let planned = order.purge.clone().unwrap_or_default();
    if let Some(what) = difference(&planned, &now) {
        return Err(changed(format!(
            "what else names {} is not as planned: {what}",
            order.vmid
        )));
    }
    as_planned(order, print, may_run, &guest)?;
    Ok(guest)
}

fn changed(why: String) -> Halt {
    Halt::Refused("changed", format!("{why}; it was not removed"))
}

/// The guest that the plan names.
fn named(pve: &Pve, order: &Order) -> Result<Guest, Halt> {
    let (vmid, name) = (order.vmid, &order.name);
    match id(pve, order)? {
        Id::Taken(guest) if !guest.reached => Err(Halt::Unread(Failure::Strange(format!(
            "{} does not tell of {vmid}",
            guest.node
        )))),
        Id::Taken(guest) => {
            let same = guest.kind == order.kind && guest.node == order.node;
            if same && guest.name.as_deref() == Some(name) {
                Ok(*guest)
            } else {
                Err(changed(format!(
                    "{vmid} is not {name:?} on {} any more",
                    order.node
                )))
            }
        }
        Id::Free | Id::Hidden => Err(changed(format!("{vmid} is gone, or not seen any more"))),
    }
}

fn as_planned(order: &Order, print: Option<u64>, may_run: bool, guest: &Guest) -> Result<(), Halt> {
    let vmid = order.vmid;
    if guest.protection {
        let what = format!("{vmid} is protected from removal (protection); it was not removed");
        return Err(Halt::Refused("protection", what));
    }
    if let Some(lock) = &guest.lock {
        return Err(changed(format!("{vmid} is locked ({lock})")));
    }
    if guest.running && !may_run {
        return Err(changed(format!("{vmid} runs again")));
    }
    let same = match (print, &order.digest) {
        (Some(print), _) => print == guest.print,
        (None, Some(digest)) => guest.digest.as_ref() == Some(digest),
        (None, None) => true,
    };
    if !same {
        return Err(changed(format!(
            "the configuration of {vmid} is not the one this was planned with"
        )));
    }
    Ok(())
}

/// What else names the guest. A purge alone touches any of it, and the lists are shown with Sys.Audit
/// only: without both, backup jobs are left alone, and of HA the guest's own status tells.
fn related(pve: &Pve, order: &Order) -> Result<Purge, Halt> {
    let rows: Vec<Value> = pve.get("/cluster/replication")?;
    let mut now = Purge {
        replication: replication(order.vmid, &rows),
        ..Purge::default()
    };
    if let Some(rows) = list(pve, order, "/cluster/backup")? {
        now.jobs = jobs(order.vmid, &rows);
    }
    if let Some(rows) = list(pve, order, "/cluster/ha/resources")? {
        // One that HA is to ignore is there all the same, and its status does not tell.
        let own = sid(order);
        now.ha = rows.iter().any(|row| row["sid"] == *own).then_some(own);
    }
    Ok(now)
}

/// The guest as HA names it.
fn sid(order: &Order) -> String {
    format!("{}:{}", order.kind.ha_type(), order.vmid)
}

/// A list; none if the token may not see it and nothing on it is touched.
fn list(pve: &Pve, order: &Order, path: &str) -> Result<Option<Vec<Value>>, Halt> {
    match pve.get(path) {
        Ok(rows) => Ok(Some(rows)),
        Err(failure) if failure.status() == Some(403) && order.purge.is_none() => Ok(None),
        Err(failure) if failure.status() == Some(403) => {
            let what = format!(
                "what a purge would change is not seen (Sys.Audit): {path}: {failure}; it was not removed"
            );
            Err(Halt::Refused("unseen", what))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Refuses a template whose disks others rest on. What the token does not see Proxmox VE refuses
/// itself, in the task, before anything is removed.
fn linked_clones(pve: &Pve, order: &Order) -> Result<(), Halt> {
    let rows: Vec<Value> = pve.get("/cluster/resources?type=vm")?;
    for row in rows.iter().filter(|row| row["vmid"] != order.vmid) {
        let node = row["node"].as_str().unwrap_or_default();
        let vmid = row["vmid"]
            .as_u64()
            .and_then(|vmid| u32::try_from(vmid).ok());
        let (Ok(()), Some(vmid)) = (node_name::check(node), vmid) else {
            continue;
        };
        let kind = if row["type"] == "qemu" {
            Kind::Qemu
        } else {
            Kind::Lxc
        };
        let path = format!("/nodes/{node}/{}/{vmid}/config", kind.as_str());
        let config: BTreeMap<String, Value> = match pve.get(&path) {
            Ok(config) => config,
            Err(failure) if matches!(failure.status(), Some(403 | 500)) => continue,
            Err(failure) => return Err(failure.into()),
        };
        let mut values = config.values().filter_map(Value::as_str);
        if values.any(|value| rests_on(value, order.vmid)) {
            return Err(changed(format!(
                "{vmid} is a linked clone of {}",
                order.vmid
            )));
        }
    }
    Ok(())
}

/// Whether a disk is a linked clone of a template's: `zdata:base-100-disk-0/vm-101-disk-0`, or
/// `local:100/base-100-disk-0.qcow2/101/vm-101-disk-0.qcow2`.
fn rests_on(value: &str, template: u32) -> bool {
    let volume = value.split(',').next().unwrap_or_default();
    let base = format!("base-{template}-");
    let base_vol = format!("basevol-{template}-");
    let Some((_, name)) = volume.split_once(':') else {
        return false;
    };
    let mut parts = name.split('/');
    let last = parts.next_back();
    last.is_some() && parts.any(|part| part.starts_with(&base) || part.starts_with(&base_vol))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_that_are_linked() {
        #[rustfmt::skip]
        let cases = [
            ("ZFS or LVM-thin",       "zdata:base-100-disk-0/vm-101-disk-0,size=8G",                     true),
            ("a file",                "local:100/base-100-disk-0.qcow2/101/vm-101-disk-0.qcow2,size=8G", true),
            ("a container's",         "zdata:basevol-100-disk-0/subvol-101-disk-0,size=8G",              true),
            ("a full clone",          "zdata:vm-101-disk-0,size=8G",                                     false),
            ("another template's",    "zdata:base-1000-disk-0/vm-101-disk-0",                            false),
            ("the template's own",    "zdata:base-100-disk-0,size=8G",                                   false),
            ("no volume",             "virtio=BC:24:11:00:00:01,bridge=base-100-x",                      false),
        ];
        for (name, value, want) in cases {
            assert_eq!(rests_on(value, 100), want, "{name}");
        }
    }
}
