//! Replication jobs, as the cluster's configuration has them and as the node tells how they went.
//!
//! Nothing is copied. How the runs went is the scenario's: `last_sync` and `last_try` as times, or as
//! `ago` (seconds before now); a job of which it says nothing has never run, as Proxmox tells it (0).

use serde_json::{Value, json};

use crate::{
    api::Call,
    world::{World, kind},
};

/// What only the node knows of a job (measured on Proxmox VE 9.2).
const OF_NODE: [&str; 7] = [
    "last_sync",
    "last_try",
    "next_sync",
    "fail_count",
    "error",
    "duration",
    "ago",
];

impl World {
    /// `GET /cluster/replication`: the jobs of guests that the token may see; nothing of their runs.
    pub fn replication(&self, call: &Call) -> Value {
        let seen = self.replication.iter();
        let seen = seen.filter(|job| self.sees(call, guest(job)));
        let bare = seen.map(|job| {
            let mut job = job.clone();
            if let Some(fields) = job.as_object_mut() {
                fields.retain(|name, _| !OF_NODE.contains(&&name[..]));
            }
            job
        });
        bare.collect()
    }

    /// `GET /nodes/{node}/replication`: the jobs of the guests that are there now and that the token
    /// may see; the others are left out without a word.
    pub fn node_replication(&self, call: &Call) -> Value {
        let node = call.text("node");
        let there = self.replication.iter().filter(|job| {
            let vmid = guest(job);
            (!call.has("guest") || call.text("guest") == vmid.to_string())
                && self.guests.get(&vmid).is_some_and(|g| g.node == node)
                && self.sees(call, vmid)
        });
        there.map(|job| self.run(job, &node)).collect()
    }

    fn run(&self, job: &Value, node: &str) -> Value {
        let guest = self.guests.get(&guest(job));
        let mut row = json!({"fail_count": 0, "last_sync": 0, "last_try": 0, "next_sync": self.clock() + 900,
            "schedule": "*/15", "source": node, "vmtype": kind(guest.is_some_and(|g| g.ct))});
        let own = job.as_object().into_iter().flatten();
        for (name, value) in own.filter(|(name, _)| *name != "ago") {
            row[name] = value.clone();
        }
        for (name, seconds) in job["ago"].as_object().into_iter().flatten() {
            row[name] = (self.clock() - seconds.as_i64().unwrap_or_default()).into();
        }
        row
    }
}

fn guest(job: &Value) -> u32 {
    let id = job["guest"].as_u64();
    id.and_then(|id| u32::try_from(id).ok()).unwrap_or(0)
}
