//! `GET .../migrate`: where a guest could go, as Proxmox VE sees it beforehand. Of a container it
//! looks at next to nothing, and nodes that are dead are allowed.

use serde_json::{Map, Value, json};

use crate::{
    api::{Answer, failed},
    world::World,
};

impl World {
    pub fn preconditions(&self, vmid: u32, ct: bool) -> Answer {
        let guest = self.guest(vmid);
        if let Some(lock) = &guest.lock {
            return failed(
                500,
                format!("{} is locked ({lock})", if ct { "CT" } else { "VM" }),
            );
        }
        if !self.quorate {
            return failed(500, "cluster not ready - no quorum?");
        }
        let sid = self.ha.of(vmid).map(|(sid, _)| sid.clone());
        let (mut allowed, mut refused) = (Vec::new(), Map::new());
        for node in self.nodes.keys().filter(|node| **node != guest.node) {
            let mut why = Map::new();
            if let Some(sid) = &sid {
                let mut blocking: Vec<Value> = self
                    .ha
                    .together(sid, false)
                    .into_iter()
                    .filter(|other| self.ha.services.get(other).is_some_and(|o| o.node == *node))
                    .map(|other| json!({"sid": other, "cause": "resource-affinity"}))
                    .collect();
                if self
                    .ha
                    .home(sid)
                    .is_some_and(|(home, strict)| strict && !home.contains_key(node))
                {
                    blocking.push(json!({"sid": sid, "cause": "node-affinity"}));
                }
                if !blocking.is_empty() && self.api >= 9 {
                    why.insert("blocking-ha-resources".into(), blocking.into());
                }
            }
            if !ct {
                let storages = guest
                    .volumes()
                    .into_iter()
                    .filter(|v| !v.cdrom)
                    .filter_map(|v| v.storage);
                let missing: Vec<String> = storages
                    .filter(|storage| !self.has_storage(storage, node))
                    .collect();
                if !missing.is_empty() {
                    why.insert("unavailable_storages".into(), missing.into());
                }
            }
            if why.is_empty() {
                allowed.push(node.clone());
            }
            // Of a VM every node has an entry, an empty one if nothing is wrong with it.
            if !ct || !why.is_empty() {
                refused.insert(node.clone(), why.into());
            }
        }
        let running = u8::from(guest.running);
        if ct {
            let mut answer =
                json!({"running": running, "allowed-nodes": allowed, "not-allowed-nodes": refused});
            if let Some(sid) = &sid {
                answer["dependent-ha-resources"] = self.ha.together(sid, true).into();
            }
            return Ok(answer);
        }
        let devices = self.local_devices(vmid, true);
        let (mapped, local): (Vec<String>, Vec<String>) = devices
            .into_iter()
            .partition(|key| guest.text(key).contains("mapping="));
        let mut answer = json!({"running": running, "not_allowed_nodes": refused, "local_disks": self.local_disks(vmid),
            "local_resources": local, "mapped-resources": mapped, "mapped-resource-info": {}});
        answer["allowed_nodes"] = allowed.into();
        if self.api >= 9 {
            answer["has-dbus-vmstate"] = 1.into();
            if let Some(sid) = &sid {
                answer["dependent-ha-resources"] = self.ha.together(sid, true).into();
            }
        }
        Ok(answer)
    }
}
