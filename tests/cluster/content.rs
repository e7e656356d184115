//! What a storage of a node holds, for those who may see it (Storage.pm, `check_volume_access`): an
//! image needs VM.Config.Disk on its guest, a backup VM.Backup, a snippet Datastore.Allocate; the
//! rest of a list is left out without a word.

use serde_json::{Value, json};

use crate::{
    api::{Answer, Call, failed},
    calendar,
    volume::owner,
    world::{File, World},
};

impl World {
    pub fn storage_content(&self, call: &Call) -> Answer {
        let (node, storage) = (call.text("node"), call.text("storage"));
        self.usable(&storage, &node)?;
        let mut rows = self.backups_on(&storage);
        rows.extend(self.images(&node, &storage));
        rows.extend(self.files_on(&node, &storage));
        let wanted = call.text("content");
        rows.retain(|row| {
            (wanted.is_empty() || row["content"] == *wanted)
                && (!call.has("vmid") || row["vmid"] == call.vmid())
                && self.may_see(call.token, &storage, row)
        });
        rows.sort_by_key(|row| row["volid"].as_str().map(str::to_owned));
        Ok(rows.into())
    }

    fn may_see(&self, token: &str, storage: &str, row: &Value) -> bool {
        let path = format!("/storage/{storage}");
        let may = |right: &str| self.may(token, &path, right);
        let guest = |right: &str| self.may(token, &format!("/vms/{}", row["vmid"]), right);
        if may("Datastore.Allocate") {
            return true;
        }
        match row["content"].as_str().unwrap_or_default() {
            "snippets" => false,
            "backup" => may("Datastore.AllocateSpace") && guest("VM.Backup"),
            "images" | "rootdir" => may("Datastore.Audit") && guest("VM.Config.Disk"),
            _ => may("Datastore.Audit") || may("Datastore.AllocateSpace"),
        }
    }

    /// Volumes of the guests there, and what copies and creations have left.
    fn images(&self, node: &str, storage: &str) -> Vec<Value> {
        let shared = self.storages.get(storage).is_some_and(|s| s.shared);
        let row = |volid: &str, vmid: u32, bytes: u64| {
            let format = volid
                .rsplit_once('.')
                .map_or("raw", |(_, format)| format)
                .to_owned();
            // Whatever it was made for: what counts is what lives under its ID.
            let ct = self.guests.get(&vmid).is_some_and(|guest| guest.ct);
            let (_, name) = volid.split_once(':').unwrap_or_default();
            let base = name.split_once(&format!("/{vmid}/"));
            let parent = base.map(|(base, _)| format!("../{base}"));
            json!({"volid": volid, "vmid": vmid, "size": bytes, "used": bytes, "parent": parent, "format": format,
                "ctime": self.epoch, "content": if ct { "rootdir" } else { "images" }})
        };
        let guests = self.guests.values().filter(|g| shared || g.node == node);
        let mut rows: Vec<Value> = guests
            .flat_map(|g| {
                let disks = self.disks(g.vmid).into_iter().map(|disk| disk.volume);
                let there = disks.filter(|v| {
                    let drive = !v.cdrom || v.volid.contains("cloudinit");
                    v.storage.as_deref() == Some(storage) && drive
                });
                there.map(|v| row(&v.volid, g.vmid, v.bytes))
            })
            .collect();
        let left = self.leftovers.iter();
        let left = left.filter(|l| (shared || l.node == node) && l.storage == storage);
        rows.extend(left.map(|l| row(&l.volid, owner(&l.volid).unwrap_or(0), l.bytes)));
        rows
    }

    /// A file on a storage of the node.
    pub fn file(&self, node: &str, volid: &str) -> Option<File> {
        let (storage, _) = volid.split_once(':')?;
        let shared = self.storages.get(storage).is_some_and(|s| s.shared);
        let named = self
            .nodes
            .iter()
            .any(|(name, n)| (shared || name == node) && n.files.iter().any(|file| file == volid));
        let known = self.files.get(volid);
        let there = known.is_some_and(|file| {
            shared
                || file
                    .nodes
                    .as_ref()
                    .is_none_or(|nodes| nodes.iter().any(|n| n == node))
        });
        let there = there && self.has_storage(storage, node);
        match known {
            Some(file) if there => Some(file.clone()),
            _ => named.then(File::ordinary),
        }
    }

    /// Templates, images to import, ISO images and snippets.
    fn files_on(&self, node: &str, storage: &str) -> Vec<Value> {
        let own = self.nodes.values().flat_map(|node| node.files.iter());
        let mut all: Vec<&String> = self.files.keys().chain(own).collect();
        all.sort();
        all.dedup();
        let there = all.into_iter().filter_map(|volid| {
            let (on, name) = volid.split_once(':')?;
            let (kind, _) = name.split_once('/')?;
            let file = (on == storage).then(|| self.file(node, volid))??;
            Some(json!({"volid": volid, "content": kind, "format": format(kind, name), "size": file.bytes, "ctime": file.ctime}))
        });
        there.collect()
    }

    /// `{"storage", "vmid", "type", "time", "notes"?, "protected"?}` each.
    fn backups_on(&self, storage: &str) -> Vec<Value> {
        let there = self.backups.iter().filter(|b| b["storage"] == storage);
        let rows = there.map(|backup| {
            let (kind, end) = match backup["type"].as_str() {
                Some("qemu") => ("qemu", "vma.zst"),
                _ => ("lxc", "tar.zst"),
            };
            let time = backup["time"].as_i64().unwrap_or(self.epoch - 86_400);
            let at = calendar::text(time).replace(['-', ':'], "_").replace(' ', "-");
            let vmid = &backup["vmid"];
            let volid = format!("{storage}:backup/vzdump-{kind}-{vmid}-{at}.{end}");
            let mut row = json!({"volid": volid, "vmid": vmid, "content": "backup", "subtype": kind, "format": end,
                "size": 1_u64 << 30, "ctime": time});
            if let Some(notes) = backup["notes"].as_str() {
                row["notes"] = notes.into();
            }
            if backup["protected"] == true {
                row["protected"] = 1.into();
            }
            row
        });
        rows.collect()
    }

    /// `DELETE .../content/VOLUME`: another right than the one to see it.
    pub fn delete_volume(&mut self, call: &Call) -> Answer {
        let volid = call.text("volume");
        let Some((storage, name)) = volid.split_once(':') else {
            return failed(500, format!("unable to parse volume ID '{volid}'"));
        };
        if name.starts_with("backup/") {
            return failed(
                501,
                "deleting backups is not implemented (by this simulation)",
            );
        }
        self.need(
            call.token,
            &format!("/storage/{storage}"),
            &["Datastore.Allocate"],
        )?;
        self.files.remove(&volid);
        self.leftovers.retain(|left| left.volid != volid);
        let id = owner(name).unwrap_or(0);
        self.spawn(
            &call.text("node"),
            "imgdel",
            id,
            call.token,
            crate::task::Job::Other,
        )
    }
}

fn format(kind: &str, name: &str) -> String {
    let end = |text: &str| name.rsplit('.').next().unwrap_or(text).to_owned();
    match kind {
        "vztmpl" => format!("t{}", end("gz")),
        "snippets" => "snippet".into(),
        _ => end("raw"),
    }
}
