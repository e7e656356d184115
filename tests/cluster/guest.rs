//! The methods below a guest: config, state, power, migration and its preconditions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    api::{Answer, Call, failed},
    migrate::Migration,
    task::Job,
    world::{Guest, World},
};

impl World {
    pub fn guest_call(&mut self, method: &str, call: &Call) -> Answer {
        let (node, vmid) = (call.text("node"), call.vmid());
        let ct = method.contains("/lxc/");
        let unknown = || {
            let folder = if ct { "lxc" } else { "qemu-server" };
            failed(
                500,
                format!("Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist"),
            )
        };
        let Some(guest) = self
            .guests
            .get(&vmid)
            .filter(|g| g.node == node && g.ct == ct)
        else {
            return unknown();
        };
        let managed = self
            .ha
            .of(vmid)
            .map(|(sid, service)| (sid.clone(), service.state.clone()));
        let path = method.replace("/qemu/", "/*/").replace("/lxc/", "/*/");
        let power = |kind: &str| format!("{}{kind}", if ct { "vz" } else { "qm" });
        match path.strip_suffix(' ').unwrap_or(&path) {
            "GET /nodes/{node}/*/{vmid}/config" => {
                let mut config = guest.config.clone();
                if !call.on("current") {
                    config.extend(guest.pending.clone());
                }
                config.insert("digest".into(), guest.digest().into());
                let name = if ct { "hostname" } else { "name" };
                if !guest.name.is_empty() {
                    config.insert(name.into(), guest.name.as_str().into());
                }
                if let Some(lock) = &guest.lock {
                    config.insert("lock".into(), lock.as_str().into());
                }
                if guest.template {
                    config.insert("template".into(), 1.into());
                }
                Ok(config.into())
            }
            "GET /nodes/{node}/*/{vmid}/agent/file-read" => self.agent_file(call),
            "POST /nodes/{node}/*/{vmid}/clone" => self.clone_guest(call, ct),
            "POST /nodes/{node}/*/{vmid}/template" => self.make_template(call, ct),
            "DELETE /nodes/{node}/*/{vmid}" => self.destroy(call, ct),
            "PUT /nodes/{node}/*/{vmid}/resize" => self.resize(call),
            "PUT /nodes/{node}/*/{vmid}/config" => self.put_config(call, ct),
            "GET /nodes/{node}/*/{vmid}/pending" => Ok(pending(guest)),
            "GET /nodes/{node}/*/{vmid}/snapshot/{snapname}/config" => {
                let name = call.text("snapname");
                if !guest.snapshots.contains_key(&name) {
                    return failed(500, format!("snapshot '{name}' does not exist"));
                }
                let mut config = guest.snapshot_config(&name);
                config.insert("snaptime".into(), (self.epoch - 86_400).into());
                Ok(config.into())
            }
            "GET /nodes/{node}/*/{vmid}/snapshot" => {
                let mut rows: Vec<Value> = guest
                    .snapshots
                    .keys()
                    .map(|name| json!({"name": name, "description": "", "snaptime": self.epoch - 86_400}))
                    .collect();
                rows.push(json!({"name": "current", "description": "You are here!", "digest": guest.digest(), "running": u8::from(guest.running)}));
                Ok(rows.into())
            }
            "GET /nodes/{node}/*/{vmid}/status/current" => {
                let mut row = json!({"vmid": vmid, "name": guest.shown_name(), "status": if guest.running {"running"} else {"stopped"},
                    "cpus": 2, "cpu": 0.02, "maxmem": guest.memory(), "mem": if guest.running { guest.memory() / 2 } else { 0 },
                    "disk": 0, "maxdisk": 0, "netin": 0, "netout": 0, "uptime": self.uptime(guest),
                    "ha": {"managed": u8::from(managed.is_some())}});
                if let Some((_, state)) = &managed {
                    row["ha"]["state"] = state.as_str().into();
                }
                if guest.template {
                    row["template"] = 1.into();
                }
                if self.api >= 9 && !ct {
                    row["memhost"] = 0.into();
                }
                if !ct {
                    row["qmpstatus"] = guest.qmp().into();
                    if guest.running {
                        row["pid"] = (1000 + vmid).into();
                        row["nics"] = json!({format!("tap{vmid}i0"): {"netin": 0, "netout": 0}});
                    }
                } else {
                    let swap = guest.config.get("swap").and_then(Value::as_u64);
                    row["type"] = "lxc".into();
                    row["swap"] = 0.into();
                    row["maxswap"] = (swap.unwrap_or(0) << 20).into();
                    row["diskread"] = 0.into();
                    row["diskwrite"] = 0.into();
                    if guest.running {
                        row["pid"] = (1000 + vmid).into();
                        for (what, how) in [
                            ("cpu", "some"),
                            ("cpu", "full"),
                            ("io", "some"),
                            ("io", "full"),
                            ("memory", "some"),
                            ("memory", "full"),
                        ] {
                            row[format!("pressure{what}{how}")] = Value::Null;
                        }
                    }
                }
                if let Some(lock) = &guest.lock {
                    row["lock"] = lock.as_str().into();
                }
                Ok(row)
            }
            "GET /nodes/{node}/*/{vmid}/migrate" => self.preconditions(vmid, ct),
            "POST /nodes/{node}/*/{vmid}/migrate" => self.post_migrate(call, vmid, ct, managed),
            "POST /nodes/{node}/*/{vmid}/status/start" if !self.quorate => {
                failed(500, "cluster not ready - no quorum?")
            }
            "POST /nodes/{node}/*/{vmid}/status/start" => {
                if let Some(service) = managed.and_then(|(sid, _)| self.ha.services.get_mut(&sid)) {
                    service.request = "started".into();
                    service.state = "started".into();
                    return self.spawn(&node, "hastart", vmid, call.token, Job::Other);
                }
                if guest.running {
                    return failed(
                        500,
                        format!("{} {vmid} already running", if ct { "CT" } else { "VM" }),
                    );
                }
                self.spawn(&node, &power("start"), vmid, call.token, Job::Start)
            }
            "POST /nodes/{node}/*/{vmid}/status/shutdown" => {
                if !guest.running {
                    return failed(
                        500,
                        format!("{} {vmid} not running", if ct { "CT" } else { "VM" }),
                    );
                }
                if let Some(service) = managed.and_then(|(sid, _)| self.ha.services.get_mut(&sid)) {
                    service.request = "stopped".into();
                    service.state = "stopped".into();
                    return self.ha_stop(call, vmid);
                }
                let timeout = call.number("timeout", 60.0);
                let job = Job::Shutdown {
                    timeout,
                    force: call.on("forceStop"),
                };
                self.spawn(&node, &power("shutdown"), vmid, call.token, job)
            }
            "POST /nodes/{node}/*/{vmid}/status/stop" => {
                if let Some(service) = managed.and_then(|(sid, _)| self.ha.services.get_mut(&sid)) {
                    service.request = "stopped".into();
                    service.state = "stopped".into();
                    return self.ha_stop(call, vmid);
                }
                if ct && !guest.running {
                    return failed(500, format!("CT {vmid} not running"));
                }
                self.spawn(&node, &power("stop"), vmid, call.token, Job::Stop)
            }
            "POST /nodes/{node}/*/{vmid}/status/resume" => {
                if !guest.running {
                    return failed(500, format!("VM {vmid} not running"));
                }
                if self.fault("resume-refused", vmid, None).is_some() {
                    return failed(500, "unable to resume");
                }
                self.spawn(&node, "qmresume", vmid, call.token, Job::Resume)
            }
            _ => failed(
                501,
                format!("Method '{method}' not implemented (by this simulation)"),
            ),
        }
    }

    fn post_migrate(
        &mut self,
        call: &Call,
        vmid: u32,
        ct: bool,
        managed: Option<(String, String)>,
    ) -> Answer {
        let (node, target) = (call.text("node"), call.text("target"));
        for name in ["force", "migration_type", "migration_network"] {
            if call.has(name) {
                return failed(400, format!("{name}: Only root may use this option."));
            }
        }
        if target == node {
            return failed(400, "target: target is local node.");
        }
        if !self.nodes.contains_key(&target) {
            return failed(500, format!("no such cluster node '{target}'"));
        }
        if !self.quorate {
            return failed(500, "cluster not ready - no quorum?");
        }
        if let Some((sid, state)) = managed {
            if state == "error" {
                return failed(
                    500,
                    format!("service '{sid}' in error state, must be disabled and fixed first"),
                );
            }
            let upid = self.spawn(&node, "hamigrate", vmid, call.token, Job::Other)?;
            self.requested(&sid, ct, &target);
            self.ha.queue.push((sid, target));
            return Ok(upid);
        }
        let guest = self.guest(vmid);
        let mut migration = Migration::new(&target);
        let map = call.text(if ct {
            "target-storage"
        } else {
            "targetstorage"
        });
        migration.map = storage_map(
            &map,
            guest.volumes().iter().filter_map(|v| v.storage.clone()),
        );
        if !map.is_empty() {
            let path = format!("/vms/{vmid}");
            if !self.may(call.token, &path, "VM.Config.Disk") {
                return failed(
                    403,
                    format!("Permission check failed ({path}, VM.Config.Disk)"),
                );
            }
            for storage in migration.map.values() {
                if !self.may(
                    call.token,
                    &format!("/storage/{storage}"),
                    "Datastore.AllocateSpace",
                ) {
                    return failed(
                        403,
                        format!(
                            "Permission check failed (/storage/{storage}, Datastore.AllocateSpace)"
                        ),
                    );
                }
            }
        }
        if ct {
            if guest.running && !call.on("restart") && !call.on("online") {
                return failed(
                    500,
                    "can't migrate running container without --online or --restart",
                );
            }
            migration.restart = call.on("restart").then(|| call.number("timeout", 180.0));
        } else {
            if let Some(lock) = &guest.lock {
                return failed(500, format!("VM is locked ({lock})"));
            }
            if guest.running && !call.on("online") {
                return failed(500, "can't migrate running VM without --online");
            }
            migration.online = call.on("online");
            migration.local_disks = call.on("with-local-disks");
            let replicated = self.replication.iter().any(|job| job["guest"] == vmid);
            let to = |job: &Value| job["guest"] == vmid && job["target"] == *target;
            if replicated && guest.running && !self.replication.iter().any(to) {
                return failed(
                    500,
                    format!(
                        "Cannot live-migrate replicated VM to node '{target}' - not a replication target. Use 'force' to override."
                    ),
                );
            }
            let volumes = guest.volumes();
            let storages = volumes
                .iter()
                .filter(|v| !v.cdrom)
                .filter_map(|v| v.storage.as_ref());
            for storage in storages {
                let storage = migration.map.get(storage).unwrap_or(storage);
                if !self.has_storage(storage, &target) {
                    return failed(
                        500,
                        format!("storage '{storage}' is not available on node '{target}'"),
                    );
                }
            }
        }
        let kind = if ct { "vzmigrate" } else { "qmigrate" };
        self.spawn(&node, kind, vmid, call.token, Job::Migrate(migration))
    }
}

/// Each key with its value, and with the one that it is to get.
fn pending(guest: &Guest) -> Value {
    let mut rows: BTreeMap<&String, Value> = BTreeMap::new();
    for (key, value) in &guest.config {
        rows.insert(key, json!({"key": key, "value": value}));
    }
    for (key, value) in &guest.pending {
        let row = rows.entry(key).or_insert_with(|| json!({"key": key}));
        row["pending"] = value.clone();
    }
    rows.into_values().collect()
}

/// `a:b,c:d`, or `d` for all.
fn storage_map(text: &str, used: impl Iterator<Item = String>) -> BTreeMap<String, String> {
    let pairs: Vec<&str> = text
        .split(',')
        .filter(|pair| !pair.is_empty() && *pair != "1")
        .collect();
    used.filter_map(|storage| {
        let to = pairs.iter().find_map(|pair| match pair.split_once(':') {
            Some((from, to)) => (from == storage).then_some(to),
            None => Some(*pair),
        })?;
        Some((storage.clone(), to.to_owned()))
    })
    .collect()
}
