//! Pools and backup jobs, for those who may see them.

use serde_json::{Value, json};

use crate::{
    api::{Answer, Call, failed},
    schema::text,
    world::{World, kind},
};

impl World {
    /// `GET /pools`: with `poolid` that one, with its members as far as the token sees the pool.
    pub fn pool_list(&self, call: &Call) -> Answer {
        let wanted = call.text("poolid");
        if wanted.is_empty() {
            let seen = self.pools.keys().filter(|pool| self.sees_pool(call, pool));
            return Ok(seen.map(|pool| json!({"poolid": pool})).collect());
        }
        if !self.pools.contains_key(&wanted) {
            return failed(500, format!("no such pool '{wanted}'"));
        }
        let members = if self.sees_pool(call, &wanted) {
            self.members(&wanted)
        } else {
            json!([])
        };
        Ok(json!([{"poolid": wanted, "members": members}]))
    }

    pub fn pool(&self, call: &Call) -> Answer {
        let pool = call.text("poolid");
        if !self.pools.contains_key(&pool) {
            return failed(500, format!("no such pool '{pool}'"));
        }
        Ok(json!({"members": self.members(&pool)}))
    }

    pub fn sees_pool(&self, call: &Call, pool: &str) -> bool {
        let path = format!("/pool/{pool}");
        ["Pool.Audit", "Pool.Allocate"]
            .iter()
            .any(|right| self.may(call.token, &path, right))
    }

    /// As pvestatd last told of them.
    fn members(&self, pool: &str) -> Value {
        let told = self.told();
        let members = self.pools[pool]
            .iter()
            .filter_map(|vmid| self.guests.get(vmid));
        let rows = members.map(|guest| {
            let mut row = json!({"id": format!("{}/{}", kind(guest.ct), guest.vmid), "vmid": guest.vmid, "type": kind(guest.ct),
                "node": guest.node, "status": "unknown"});
            if let Some(told) = told.get(&guest.vmid) {
                row["status"] = if told.running { "running" } else { "stopped" }.into();
                row["name"] = told.name.clone().into();
            }
            row
        });
        rows.collect()
    }

    /// `GET /cluster/backup`; who may not see all gets nothing but the refusal.
    pub fn backup_list(&self) -> Value {
        let jobs = self.backup_jobs.iter().map(|job| {
            let mut job = job.clone();
            let defaults = json!({"type": "vzdump", "enabled": 1, "repeat-missed": 0, "schedule": "02:00", "next-run": self.clock() + 900});
            for (name, value) in defaults.as_object().into_iter().flatten() {
                if job.get(name).is_none() {
                    job[name] = value.clone();
                }
            }
            job
        });
        jobs.collect()
    }

    pub fn backup_job(&self, call: &Call) -> Answer {
        let id = call.text("id");
        let Some(job) = self.backup_jobs.iter().find(|job| job["id"] == *id) else {
            return failed(500, format!("No such job '{id}'"));
        };
        let mut job = job.clone();
        job["type"] = "vzdump".into();
        Ok(job)
    }

    /// `GET .../included_volumes`: an ID of which nothing is known is `unknown`; what the token may not
    /// see is left out without a word.
    pub fn included_volumes(&self, call: &Call) -> Answer {
        let job = self.backup_job(call)?;
        let rows = self.covered(&job).into_iter().filter(|vmid| self.sees(call, *vmid)).map(|vmid| {
            let Some(guest) = self.guests.get(&vmid) else {
                return json!({"leaf": 1, "id": vmid, "type": "unknown"});
            };
            let volumes = guest.volumes().into_iter().filter(|v| !v.cdrom && v.storage.is_some());
            let children: Vec<Value> = volumes
                .map(|v| {
                    let reason = match v.key.as_str() {
                        "rootfs" => "rootfs",
                        _ if guest.ct => "enabled",
                        _ => "backup=yes",
                    };
                    json!({"id": format!("{vmid}:{}", v.key), "name": v.volid, "included": 1, "leaf": 1, "reason": reason})
                })
                .collect();
            json!({"leaf": 0, "id": vmid, "type": kind(guest.ct), "name": guest.shown_name(), "children": children})
        });
        Ok(json!({"children": rows.collect::<Vec<_>>()}))
    }

    /// Guests that no job names: one that is off covers them, too (API2/BackupInfo.pm).
    pub fn not_backed_up(&self, call: &Call) -> Value {
        let covered: Vec<u32> = self
            .backup_jobs
            .iter()
            .flat_map(|job| self.covered(job))
            .collect();
        let rows = self
            .guests
            .values()
            .filter(|g| !covered.contains(&g.vmid) && self.sees(call, g.vmid));
        rows.map(|g| json!({"vmid": g.vmid, "type": kind(g.ct), "name": g.shown_name()}))
            .collect()
    }

    /// The IDs that a job names, in whatever way.
    fn covered(&self, job: &Value) -> Vec<u32> {
        let list = |name: &str| -> Vec<u32> {
            let text = job.get(name).map(text).unwrap_or_default();
            text.split(',').filter_map(|id| id.parse().ok()).collect()
        };
        let mut ids = if job["all"] == 1 {
            self.guests.keys().copied().collect()
        } else if let Some(pool) = job["pool"].as_str() {
            self.pools.get(pool).cloned().unwrap_or_default()
        } else {
            list("vmid")
        };
        let left_out = list("exclude");
        ids.retain(|id| !left_out.contains(id));
        ids
    }
}
