//! What a storage of a node holds, for those who may see it (Storage.pm, `check_volume_access`):
//! an image needs VM.Config.Disk on its guest, a snippet Datastore.Allocate; the rest of a list is
//! left out without a word.

use serde_json::{Value, json};

use crate::{api::Call, volume::owner, world::World};

impl World {
    pub fn storage_content(&self, call: &Call) -> Value {
        let (node, storage) = (call.text("node"), call.text("storage"));
        let mut rows = self.images(&node, &storage);
        rows.extend(self.snippets(&node, &storage).into_iter().map(|volid| {
            json!({"volid": volid, "content": "snippets", "format": "snippet", "size": 120, "ctime": self.epoch - 86_400})
        }));
        let wanted = call.text("content");
        rows.retain(|row| {
            (wanted.is_empty() || row["content"] == *wanted)
                && (!call.has("vmid") || row["vmid"] == call.vmid())
                && self.may_see(call.token, &storage, row)
        });
        rows.into()
    }

    fn may_see(&self, token: &str, storage: &str, row: &Value) -> bool {
        let storage = format!("/storage/{storage}");
        if self.may(token, &storage, "Datastore.Allocate") {
            return true;
        }
        row["content"] != "snippets"
            && self.may(token, &storage, "Datastore.Audit")
            && self.may(token, &format!("/vms/{}", row["vmid"]), "VM.Config.Disk")
    }

    /// Volumes of the guests there, and what copies have left.
    fn images(&self, node: &str, storage: &str) -> Vec<Value> {
        let shared = self.storages.get(storage).is_some_and(|s| s.shared);
        let row = |volid: &str, vmid: u32, ct: bool, bytes: u64| {
            let format = volid
                .rsplit_once('.')
                .map_or("raw", |(_, format)| format)
                .to_owned();
            json!({"volid": volid, "vmid": vmid, "size": bytes, "format": format, "content": if ct { "rootdir" } else { "images" }})
        };
        let guests = self.guests.values().filter(|g| shared || g.node == node);
        let mut rows: Vec<Value> = guests
            .flat_map(|g| {
                let disks = self.disks(g.vmid).into_iter().map(|disk| disk.volume);
                let there = disks.filter(|v| v.storage.as_deref() == Some(storage) && !v.cdrom);
                there.map(|v| row(&v.volid, g.vmid, g.ct, v.bytes))
            })
            .collect();
        let left = self.leftovers.iter();
        let left = left.filter(|l| l.node == node && l.storage == storage);
        rows.extend(left.map(|l| row(&l.volid, owner(&l.volid).unwrap_or(0), true, l.bytes)));
        rows
    }
}
