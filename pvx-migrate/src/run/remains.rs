//! Looks for what a copy that came to no end has left at its target: in its log, in the target's
//! storages, and in every configuration that may name it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    leftover::{Leftover, left},
    moving::{Move, Mover},
};
use crate::{
    config::Config,
    permission,
    pve::{Failure, Pve},
    read::answer,
};

impl Mover<'_> {
    /// What the last migration has left at its target, if it failed while it copied.
    pub(super) fn leftovers(&self, this: &Move<'_>) -> Vec<Leftover> {
        let (from, to) = (&this.intent.from, &this.intent.to);
        let failed = this.past.end.as_ref().filter(|end| !end.ok);
        let Some(end) = failed.filter(|_| !this.past.arrived && this.past.moves_back == 0) else {
            return Vec::new();
        };
        let storages = self.targets(this, from).unwrap_or_default();
        if end.begun.is_empty() && storages.is_empty() {
            return Vec::new();
        }
        let vmid = this.intent.vmid;
        let shown: Vec<String> = storages
            .iter()
            .flat_map(|storage| {
                let path = format!("/nodes/{to}/storage/{storage}/content?vmid={vmid}");
                let rows: Vec<Value> = self.pve.get(&path).unwrap_or_default();
                volumes_of(vmid, &rows)
            })
            .collect();
        if end.begun.is_empty() && shown.is_empty() {
            return Vec::new();
        }
        let configs = all_configs(self.pve);
        left(to, &end.begun, &shown, &storages, configs.as_deref())
    }

    /// The storages of the node that the guest's volumes are copied to.
    fn targets(&self, this: &Move<'_>, from: &str) -> Option<BTreeSet<String>> {
        let path = format!(
            "/nodes/{from}/{}/{}/config",
            this.intent.kind.as_str(),
            this.intent.vmid
        );
        let config: Value = self.pve.get(&path).ok()?;
        let config = Config::parse(this.intent.kind, &config.to_string()).ok()?;
        let map = &this.step.targetstorage;
        let storages = config.volumes.into_iter().map(|volume| {
            let target = map.get(&volume.storage);
            target.cloned().unwrap_or(volume.storage)
        });
        Some(storages.collect())
    }
}

/// The guest's volumes in a storage's list, which has its backups, too, and other content of
/// nobody's (`PVE::API2::Storage::Content`; snippets and imports whatever `vmid` asks for).
fn volumes_of(vmid: u32, rows: &[Value]) -> Vec<String> {
    let is_volume = |row: &&Value| {
        let content = row["content"].as_str().unwrap_or_default();
        let owner = &row["vmid"];
        let owner = owner.as_u64().or_else(|| owner.as_str()?.parse().ok());
        matches!(content, "images" | "rootdir") && owner == Some(vmid.into())
    };
    let volids = rows
        .iter()
        .filter(is_volume)
        .filter_map(|row| row["volid"].as_str());
    volids.map(str::to_owned).collect()
}

/// Every configuration of the cluster, one after the other as text: as it is, with what is pending,
/// and of each snapshot. None if one could not be read, or the token may not see all guests.
fn all_configs(pve: &Pve) -> Option<String> {
    let permissions = answer::permissions(&pve.get("/access/permissions").ok()?);
    if !permission::has_on_all_guests(&permissions, "VM.Audit") {
        return None;
    }
    let rows: Vec<Value> = pve.get("/cluster/resources?type=vm").ok()?;
    let mut all = String::new();
    for row in rows {
        let (node, kind) = (row["node"].as_str()?, row["type"].as_str()?);
        let guest = format!("/nodes/{node}/{kind}/{}", row["vmid"]);
        add_configs(pve, &guest, &mut all).ok()?;
    }
    Some(all)
}

fn add_configs(pve: &Pve, guest: &str, all: &mut String) -> Result<(), Failure> {
    let mut paths = vec![
        format!("{guest}/config"),
        format!("{guest}/config?current=1"),
    ];
    let snapshots: Vec<Value> = pve.get(&format!("{guest}/snapshot"))?;
    let names = snapshots.iter().filter_map(|row| row["name"].as_str());
    let names = names.filter(|name| *name != "current");
    paths.extend(names.map(|name| format!("{guest}/snapshot/{name}/config")));
    for path in paths {
        *all += &pve.get::<Value>(&path)?.to_string();
        all.push('\n');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_and_other_content_are_no_leftovers() {
        let rows = serde_json::json!([
            {"volid": "nas:1503/vm-1503-disk-1.raw", "content": "images", "vmid": 1503},
            {"volid": "nas:subvol-1503-disk-2", "content": "rootdir", "vmid": "1503"},
            {"volid": "nas:1504/vm-1504-disk-0.raw", "content": "images", "vmid": 1504},
            {"volid": "nas:backup/vzdump-lxc-1503-2026_11_25-01_00_00.tar.zst", "content": "backup", "vmid": 1503},
            {"volid": "nas:snippets/hook.pl", "content": "snippets"},
            {"volid": "nas:import/appliance.ova", "content": "import"},
            {"volid": "nas:iso/debian.iso", "content": "iso"},
        ]);
        let want = ["nas:1503/vm-1503-disk-1.raw", "nas:subvol-1503-disk-2"];
        assert_eq!(volumes_of(1503, rows.as_array().unwrap()), want);
    }
}
