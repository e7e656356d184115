//! What the API says of the cluster and its nodes.

use serde_json::{Map, Value, json};

use crate::{
    api::Call,
    world::{Change, Guest, World, kind},
};

impl World {
    pub fn version(&self) -> Value {
        if self.api < 9 {
            json!({"version": "8.4.14", "release": "8.4", "repoid": "0000000000000000"})
        } else {
            json!({"version": "9.2.6", "release": "9.2", "repoid": "0000000000000000"})
        }
    }

    pub fn cluster_status(&self) -> Value {
        let mut rows = vec![
            json!({"type": "cluster", "id": "cluster", "name": self.name, "nodes": self.nodes.len(),
            "quorate": u8::from(self.quorate), "version": 4}),
        ];
        let local = self.local();
        for (id, name) in self.nodes.keys().enumerate() {
            rows.push(json!({"type": "node", "id": format!("node/{name}"), "name": name, "nodeid": id + 1, "level": "",
                "ip": self.address(name), "online": u8::from(self.member(name)), "local": u8::from(*name == local)}));
        }
        rows.into()
    }

    pub fn config_nodes(&self) -> Value {
        let rows = self.nodes.keys().enumerate().map(|(id, name)| {
            json!({"node": name, "name": name, "nodeid": (id + 1).to_string(), "quorum_votes": "1",
                "ring0_addr": format!("192.0.2.{}", 11 + id)})
        });
        rows.collect()
    }

    fn memory_used(&self, node: &str) -> u64 {
        let guests = self.guests.values().filter(|g| g.running && g.node == node);
        (2_u64 << 30) + guests.map(|g| g.memory() / 2).sum::<u64>()
    }

    pub fn node_list(&self, call: &Call) -> Value {
        let rows = self.nodes.keys().map(|name| self.node_row(call, name));
        rows.collect()
    }

    /// Without Sys.Audit there is nothing in it but the tags that may be used.
    pub fn options(&self, call: &Call) -> Value {
        if !self.may(call.token, "", "Sys.Audit") {
            return json!({"allowed-tags": []});
        }
        let mut all = json!({"description": "", "allowed-tags": [], "mac_prefix": "BC:24:11"});
        let own = self.options.as_object().cloned().unwrap_or_default();
        all.as_object_mut()
            .into_iter()
            .for_each(|all| all.extend(own.clone()));
        all
    }

    /// Online is what its pvestatd tells of, if corosync counts it (API2Tools.pm, `extract_node_stats`).
    fn node_row(&self, call: &Call, name: &str) -> Value {
        let told = self.node_told(name);
        let status = match (self.member(name), told) {
            (false, _) => "offline",
            (true, true) => "online",
            (true, false) => "unknown",
        };
        let mut row = json!({"node": name, "id": format!("node/{name}"), "status": status, "type": "node", "cgroup-mode": 1});
        if !self.ha.services.is_empty() {
            let state = match &self.nodes[name] {
                node if !node.online => "unknown",
                node if node.maintenance => "maintenance",
                _ => "online",
            };
            row["hastate"] = state.into();
        }
        let node = &self.nodes[name];
        let audit = self.may(call.token, &format!("/nodes/{name}"), "Sys.Audit");
        if told && status == "online" {
            row["level"] = "".into();
        }
        if !audit {
            return row;
        }
        if told {
            row["level"] = "".into();
            row["maxcpu"] = node.maxcpu.into();
            row["maxmem"] = node.maxmem.into();
            row["maxdisk"] = 68_719_476_736_u64.into();
        }
        if status == "online" {
            row["cpu"] = 0.1.into();
            row["mem"] = self.memory_used(name).into();
            row["disk"] = 4_294_967_296_u64.into();
            row["uptime"] = (3600 + self.now as u64).into();
        }
        row
    }

    pub fn node_status(&self, name: &str) -> Value {
        let node = &self.nodes[name];
        let used = self.memory_used(name);
        json!({"uptime": 3600 + self.now as u64, "cpu": 0.1, "loadavg": ["0.10", "0.20", "0.20"],
            "pveversion": format!("pve-manager/{}/0000000000000000", self.version()["version"].as_str().unwrap_or_default()),
            "memory": {"total": node.maxmem, "used": used, "free": node.maxmem.saturating_sub(used)},
            "swap": {"total": 0, "used": 0, "free": 0}, "ksm": {"shared": 0},
            "cpuinfo": {"cpus": node.maxcpu, "cores": node.maxcpu, "sockets": 1, "model": "Simulated CPU", "flags": "fpu vme"}})
    }

    pub fn node_time(&self, name: &str) -> Value {
        // Whole hours are enough for `localtime`: who asks goes by the name.
        let time = self.epoch + self.now as i64;
        json!({"time": time, "localtime": time, "timezone": self.nodes[name].timezone})
    }

    pub fn network(&self, call: &Call) -> Value {
        let (node, wanted) = (call.text("node"), call.text("type"));
        let mut rows = vec![json!({"iface": "eno1", "type": "eth", "active": 1, "exists": 1})];
        let seen = |bridge: &&String| {
            let path = format!("/sdn/zones/localnetwork/{bridge}");
            self.may(call.token, &path, "SDN.Audit")
        };
        for bridge in self.nodes[&node].bridges.iter().filter(seen) {
            let mut row = json!({"iface": bridge, "type": "bridge", "active": 1, "autostart": 1, "bridge_ports": "eno1",
                "bridge_fd": "0", "bridge_stp": "off", "families": ["inet"], "method": "manual", "method6": "manual", "priority": 4});
            if self.nodes[&node].vlan_aware.contains(bridge) {
                row["bridge_vlan_aware"] = 1.into();
            }
            rows.push(row);
        }
        let bridges = ["bridge", "any_bridge", "any_local_bridge", "include_sdn"];
        rows.retain(|row| {
            wanted.is_empty()
                || row["type"] == *wanted
                || row["type"] == "bridge" && bridges.contains(&wanted.as_str())
        });
        rows.into()
    }

    fn sees_storage(&self, call: &Call, storage: &str) -> bool {
        let path = format!("/storage/{storage}");
        ["Datastore.Audit", "Datastore.AllocateSpace"]
            .iter()
            .any(|right| self.may(call.token, &path, right))
    }

    pub fn storage_list(&self, call: &Call) -> Value {
        let seen = self
            .storages
            .iter()
            .filter(|(name, _)| self.sees_storage(call, name));
        seen.map(|(name, storage)| {
            let mut row = storage.fields.clone();
            row.insert("storage".into(), name.as_str().into());
            row.insert("digest".into(), "0".repeat(40).into());
            if storage.shared {
                row.insert("shared".into(), 1.into());
            }
            Value::from(row)
        })
        .collect()
    }

    pub fn node_storage(&self, call: &Call) -> Value {
        let node = call.text("node");
        let there = self
            .storages
            .iter()
            .filter(|(name, _)| self.sees_storage(call, name) && self.has_storage(name, &node));
        let rows = there.map(|(name, s)| {
            if s.disabled() {
                return json!({"storage": name, "type": s.kind, "content": s.content, "shared": u8::from(s.shared), "active": 0,
                    "enabled": 0, "total": 0, "used": 0, "avail": 0});
            }
            let used = s.used + self.filled(name, &node);
            json!({"storage": name, "type": s.kind, "content": s.content, "shared": u8::from(s.shared), "active": 1, "enabled": 1,
                "total": s.total, "used": used, "avail": s.total.saturating_sub(used), "used_fraction": used as f64 / s.total as f64})
        });
        rows.collect()
    }

    /// What the guests of a node (of all, on shared storage) have on a storage.
    pub fn filled(&self, storage: &str, node: &str) -> u64 {
        let shared = self.storages[storage].shared;
        let guests = self.guests.values().filter(|g| shared || g.node == node);
        let volumes = guests.flat_map(Guest::volumes);
        let volumes = volumes
            .filter(|v| v.storage.as_deref() == Some(storage) && !v.cdrom)
            .map(|v| v.bytes);
        volumes.sum()
    }

    pub fn resources(&self, call: &Call) -> Value {
        let wanted = call.text("type");
        let all = wanted.is_empty();
        let mut rows = Vec::new();
        if all || wanted == "node" {
            rows.extend(self.nodes.keys().map(|name| self.node_row(call, name)));
        }
        if all || wanted == "vm" {
            let seen = self.guests.values().filter(|g| self.sees(call, g.vmid));
            let told = self.told();
            rows.extend(seen.map(|g| self.told_row(g, told.get(&g.vmid).copied())));
        }
        if all || wanted == "storage" {
            for node in self.nodes.keys() {
                let there = self.storages.iter().filter(|(name, _)| {
                    self.sees_storage(call, name) && self.has_storage(name, node)
                });
                let there = there.filter(|(_, storage)| !storage.disabled());
                rows.extend(there.map(|(name, s)| {
                    let told = self.node_told(node);
                    let status = if told { "available" } else { "unknown" };
                    let mut row = json!({"id": format!("storage/{node}/{name}"), "type": "storage", "node": node, "storage": name, "status": status,
                        "plugintype": s.kind, "content": s.content, "shared": u8::from(s.shared)});
                    if told {
                        row["disk"] = (s.used + self.filled(name, node)).into();
                        row["maxdisk"] = s.total.into();
                    }
                    row
                }));
            }
        }
        if all {
            let seen = self.pools.keys().filter(|pool| self.sees_pool(call, pool));
            let row = |pool: &String| json!({"id": format!("/pool/{pool}"), "type": "pool", "pool": pool});
            rows.extend(seen.map(row));
            rows.extend(
                self.nodes
                    .keys()
                    .filter_map(|node| self.zone_row(call, node)),
            );
        }
        rows.into()
    }

    /// The zone of a node's own bridges, which PVE 8 has under another name.
    fn zone_row(&self, call: &Call, node: &str) -> Option<Value> {
        let seen = self.may(call.token, "/sdn/zones/localnetwork", "SDN.Audit");
        let row = if self.api >= 9 {
            json!({"id": format!("network/{node}/zone/localnetwork"), "type": "network", "network": "localnetwork",
                "network-type": "zone", "node": node, "status": "ok"})
        } else {
            json!({"id": format!("sdn/{node}/localnetwork"), "type": "sdn", "sdn": "localnetwork", "node": node, "status": "ok"})
        };
        seen.then_some(row)
    }

    /// Without VM.Audit a guest is in no list, and nothing says so.
    pub fn sees(&self, call: &Call, vmid: u32) -> bool {
        self.may(call.token, &format!("/vms/{vmid}"), "VM.Audit")
    }

    /// A guest as pvestatd last told of it, where its config is now.
    fn told_row(&self, g: &Guest, told: Option<&Change>) -> Value {
        let mut row = json!({"id": format!("{}/{}", kind(g.ct), g.vmid), "type": kind(g.ct), "node": g.node, "vmid": g.vmid,
            "status": "unknown"});
        if let Some(told) = told {
            let status = match &told.qmp {
                _ if !told.running => "stopped",
                Some(qmp) => qmp,
                None => "running",
            };
            let more = self.statistics(g, told.running, told);
            row.as_object_mut()
                .into_iter()
                .for_each(|row| row.extend(more.clone()));
            row["status"] = status.into();
        }
        self.marks(g, row)
    }

    /// A guest as its node has it now.
    fn guest_row(&self, g: &Guest) -> Value {
        let mut row = json!({"id": format!("{}/{}", kind(g.ct), g.vmid), "type": kind(g.ct), "node": g.node, "vmid": g.vmid,
            "status": if g.running { "running" } else { "stopped" }});
        let told = g.now(g.started_at, "");
        let more = self.statistics(g, g.running, &told);
        row.as_object_mut()
            .into_iter()
            .for_each(|row| row.extend(more.clone()));
        self.marks(g, row)
    }

    fn statistics(&self, g: &Guest, running: bool, told: &Change) -> Map<String, Value> {
        let uptime = if running {
            (self.now - told.at) as u64 + 1
        } else {
            0
        };
        let row = json!({"name": told.name, "template": u8::from(g.template), "cpu": 0.02,
            "mem": if running { told.memory / 2 } else { 0 }, "disk": 0, "diskread": 0, "diskwrite": 0, "netin": 0, "netout": 0,
            "maxdisk": told.disk, "maxmem": told.memory, "maxcpu": 2, "uptime": uptime});
        let mut row = row.as_object().cloned().unwrap_or_default();
        if self.api >= 9 {
            row.insert("memhost".into(), 0.into());
        }
        row
    }

    /// What comes from configs, and is never late.
    fn marks(&self, g: &Guest, mut row: Value) -> Value {
        if g.config.contains_key("tags") && row.get("name").is_some() {
            row["tags"] = g.text("tags").into();
        }
        if let Some(lock) = &g.lock {
            row["lock"] = lock.as_str().into();
        }
        if let Some((_, service)) = self.ha.of(g.vmid) {
            row["hastate"] = service.state.as_str().into();
        }
        row
    }

    pub fn uptime(&self, g: &Guest) -> u64 {
        if g.running {
            (self.now - g.started_at) as u64 + 1
        } else {
            0
        }
    }

    pub fn guest_list(&self, call: &Call, ct: bool) -> Value {
        let node = call.text("node");
        let there = self
            .guests
            .values()
            .filter(|g| g.node == node && g.ct == ct && self.sees(call, g.vmid));
        there.map(|g| self.guest_row(g)).collect()
    }

    pub fn ha_resources(&self) -> Value {
        let rows = self.ha.services.iter().map(|(sid, service)| {
            let mut row = service.fields.clone();
            row.insert("sid".into(), sid.as_str().into());
            row.insert(
                "type".into(),
                sid.split(':').next().unwrap_or_default().into(),
            );
            if row.contains_key("state") || service.request != "started" {
                row.insert("state".into(), service.request.as_str().into());
            }
            row.insert("digest".into(), "0".repeat(40).into());
            Value::from(row)
        });
        rows.collect()
    }

    pub fn ha_rules(&self) -> Value {
        let rows = self.ha.rules.iter().map(|(name, rule)| {
            let mut row = rule.clone();
            row["rule"] = name.as_str().into();
            row["digest"] = "0".repeat(40).into();
            if let Some(errors) = self.ha.errors(rule) {
                row["errors"] = errors;
            }
            row
        });
        rows.collect()
    }
}
