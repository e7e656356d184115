//! The HA manager: it queues, refuses without a word, takes its time and moves back.
//!
//! One round every `crm_secs`, in which the CRM takes up requests and the LRMs act on
//! what the CRM decided a round before.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    migrate::Migration,
    task::{Job, Task},
    world::World,
};

/// What an LRM runs at once, if datacenter.cfg says nothing.
const WORKERS: usize = 4;

/// Starts that are tried again on the same node (`max_restart` of a resource, 1 by default).
const MAX_RESTART: usize = 1;

pub struct Service {
    /// What was asked for: `started`, `stopped`, `ignored`.
    pub request: String,
    /// Where it is: `started`, `stopped`, `migrate`, `error`.
    pub state: String,
    pub node: String,
    pub target: Option<String>,
    pub task: Option<String>,
    /// It was tried on another node, as it did not start.
    pub relocated: bool,
    pub failback: bool,
    pub fields: Map<String, Value>,
}

pub struct Ha {
    pub round_s: f64,
    pub next: f64,
    pub services: BTreeMap<String, Service>,
    pub rules: Map<String, Value>,
    pub groups: Vec<Value>,
    pub queue: Vec<(String, String)>,
}

impl Ha {
    pub fn parse(scenario: &Value) -> Self {
        let round_s = scenario["crm_secs"].as_f64().unwrap_or(10.0);
        let services = scenario["resources"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let service = |fields: &Value| {
            let request = fields["state"].as_str().unwrap_or("started").to_owned();
            Service {
                state: request.clone(),
                request,
                node: String::new(),
                target: None,
                task: None,
                relocated: false,
                failback: fields["failback"] != 0,
                fields: fields.as_object().cloned().unwrap_or_default(),
            }
        };
        let services: BTreeMap<String, Service> = services
            .iter()
            .map(|(sid, fields)| (sid.clone(), service(fields)))
            .collect();
        Self {
            round_s,
            next: if services.is_empty() {
                f64::INFINITY
            } else {
                round_s
            },
            services,
            rules: scenario["rules"].as_object().cloned().unwrap_or_default(),
            groups: scenario["groups"].as_array().cloned().unwrap_or_default(),
            queue: Vec::new(),
        }
    }

    pub fn of(&self, vmid: u32) -> Option<(&String, &Service)> {
        let found = self.services.iter().find(|(sid, _)| vmid_of(sid) == vmid);
        found.filter(|(_, service)| service.request != "ignored")
    }

    pub fn fail(&mut self, vmid: u32) {
        for (sid, service) in &mut self.services {
            if vmid_of(sid) == vmid {
                service.state = "error".into();
            }
        }
    }
}

pub fn vmid_of(sid: &str) -> u32 {
    sid.split(':')
        .next_back()
        .and_then(|id| id.parse().ok())
        .unwrap_or(0)
}

impl World {
    /// Puts the HA services where their guests are; at the start.
    pub fn settle_ha(&mut self) {
        for (sid, service) in &mut self.ha.services {
            if let Some(guest) = self.guests.get(&vmid_of(sid)) {
                service.node.clone_from(&guest.node);
            }
        }
    }

    pub fn ha_round(&mut self) {
        self.ha.next = self.now + self.ha.round_s;
        if !self.quorate {
            return;
        }
        self.ha_finish();
        self.ha_act();
        // Of several requests in one round the last counts.
        let queue = std::mem::take(&mut self.ha.queue);
        let last: BTreeMap<String, String> = queue.into_iter().collect();
        for (sid, target) in last {
            self.ha_take_up(&sid, &target);
        }
        self.ha_home();
        self.ha_apart();
    }

    /// Why the CRM would not follow a request; it does not tell.
    fn ha_refuses(&self, sid: &str, target: &str) -> bool {
        let Some(service) = self.ha.services.get(sid) else {
            return true;
        };
        // One that is on its way there, or away from there, doesn't count.
        let on_target = |other: &String| {
            let other = self.ha.services.get(other);
            other.is_some_and(|o| o.node == target && o.target.is_none())
        };
        !self.member(target)
            || self.nodes[target].maintenance
            || service.node == target
            || service.state != "started" && service.state != "stopped"
            || self.ha.together(sid, false).iter().any(on_target)
    }

    fn ha_take_up(&mut self, sid: &str, target: &str) {
        if self.fault("crm-deaf", vmid_of(sid), None).is_some() || self.ha_refuses(sid, target) {
            return;
        }
        let mut all = self.ha.together(sid, true);
        all.push(sid.to_owned());
        for sid in all {
            if let Some(service) = self.ha.services.get_mut(&sid).filter(|s| s.node != target) {
                service.state = "migrate".into();
                service.target = Some(target.to_owned());
            }
        }
    }

    /// The LRMs: workers for what is to be moved or started.
    fn ha_act(&mut self) {
        let most = self.options["max_workers"]
            .as_u64()
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(WORKERS);
        let sids: Vec<String> = self.ha.services.keys().cloned().collect();
        for sid in sids {
            let service = &self.ha.services[&sid];
            let (node, vmid) = (service.node.clone(), vmid_of(&sid));
            let Some(guest) = self.guests.get(&vmid).filter(|_| self.online(&node)) else {
                continue;
            };
            let ct = guest.ct;
            let busy = self
                .tasks
                .iter()
                .filter(|t| t.running() && t.node == node && t.user == "root@pam")
                .count();
            let own = self.tasks.iter().any(|t| t.running() && t.vmid == vmid);
            if busy >= most || own {
                continue;
            }
            let task = match (service.state.as_str(), &service.target) {
                ("migrate", Some(target)) if service.task.is_none() => {
                    let mut migration = Migration::new(target);
                    migration.ha = true;
                    migration.online = !ct;
                    migration.local_disks = !ct;
                    migration.restart = ct.then_some(60.0);
                    let kind = if ct { "vzmigrate" } else { "qmigrate" };
                    self.spawned(&node, kind, vmid, "root@pam", Job::Migrate(migration))
                }
                ("started", _)
                    if service.request == "started" && !guest.running && guest.lock.is_none() =>
                {
                    let kind = if ct { "vzstart" } else { "qmstart" };
                    if self.failed_starts(vmid, &node) > MAX_RESTART {
                        self.ha_relocate(&sid);
                    } else {
                        self.spawned(&node, kind, vmid, "root@pam", Job::Start);
                    }
                    continue;
                }
                _ => continue,
            };
            if let Some(service) = self.ha.services.get_mut(&sid) {
                service.task = Some(self.tasks[task].upid.clone());
            }
        }
    }

    /// What doesn't start is tried on another node, once (`max_relocate`); then it is given up.
    fn ha_relocate(&mut self, sid: &str) {
        let Some(service) = self.ha.services.get(sid) else {
            return;
        };
        let others = self.nodes.keys().filter(|node| **node != service.node);
        let target = others
            .filter(|node| self.member(node))
            .find(|node| !self.ha_refuses(sid, node));
        let target = target.filter(|_| !service.relocated).cloned();
        let Some(service) = self.ha.services.get_mut(sid) else {
            return;
        };
        service.relocated = true;
        service.state = if target.is_some() { "migrate" } else { "error" }.into();
        service.target = target;
    }

    /// How many starts by the manager have failed on the node, one after the other.
    fn failed_starts(&self, vmid: u32, node: &str) -> usize {
        let tasks = self.tasks.iter().rev();
        let starts = tasks.filter(|task| {
            let starts = task.kind == "vzstart" || task.kind == "qmstart";
            task.vmid == vmid && task.node == node && starts && task.user == "root@pam"
        });
        let failed = |task: &&Task| task.exit.as_deref().is_some_and(|exit| exit != "OK");
        starts.take_while(failed).count()
    }

    /// Moves that ended: the service is where its guest is now, wherever that is.
    fn ha_finish(&mut self) {
        for (sid, service) in &mut self.ha.services {
            let Some(guest) = self.guests.get(&vmid_of(sid)) else {
                continue;
            };
            let ended = service.task.as_ref().is_some_and(|upid| {
                self.tasks
                    .iter()
                    .any(|task| task.upid == *upid && !task.running())
            });
            if ended {
                service.task = None;
                service.target = None;
                service.state.clone_from(&service.request);
            }
            if service.state != "migrate" {
                service.node.clone_from(&guest.node);
            }
        }
    }

    /// What the worker `hamigrate` says, the last one that was started: `ha-manager migrate` ends
    /// with 2 if a sibling stands in the way, and the request is queued all the same.
    pub fn requested(&mut self, sid: &str, ct: bool, target: &str) {
        let (what, vmid) = (if ct { "CT" } else { "VM" }, vmid_of(sid));
        let siblings = self.ha.together(sid, false);
        let there = |other: &&String| {
            let other = self.ha.services.get(*other);
            other.is_some_and(|o| o.node == target)
        };
        let siblings: Vec<String> = siblings
            .iter()
            .filter(there)
            .map(|other| {
                format!("- resource '{other}' on target node '{target}' in negative affinity with resource '{sid}'")
            })
            .collect();
        let number = self.tasks.len() - 1;
        let task = &mut self.tasks[number];
        task.log.push(format!(
            "Requesting HA migration for {what} {vmid} to node {target}"
        ));
        if self.api >= 9 && !siblings.is_empty() {
            task.log.push(format!(
                "cannot migrate resource '{sid}' to node '{target}':"
            ));
            task.log.push(String::new());
            task.log.extend(siblings);
            let exit = format!("command 'ha-manager migrate {sid} {target}' failed: exit code 2");
            self.end(number, &exit);
        }
    }

    /// Services that belong elsewhere go there, whoever has moved them.
    fn ha_home(&mut self) {
        let sids: Vec<String> = self.ha.services.keys().cloned().collect();
        for sid in sids {
            let service = &self.ha.services[&sid];
            if service.state != "started" {
                continue;
            }
            let Some((home, strict)) = self.ha.home(&sid) else {
                continue;
            };
            let best = home
                .iter()
                .filter(|(node, _)| self.online(node))
                .max_by_key(|(_, priority)| **priority);
            let here = home.get(&service.node);
            let goes = match (best, here) {
                (Some((_, best)), Some(here)) => service.failback && best > here,
                (Some(_), None) => strict || service.failback,
                (None, _) => false,
            };
            if let Some((best, _)) = best.filter(|_| goes) {
                let best = best.clone();
                self.ha_take_up(&sid, &best);
            }
        }
    }

    /// Services that may not be together, and are, part again: both of them.
    fn ha_apart(&mut self) {
        let together: Vec<(String, String)> = self
            .ha
            .services
            .iter()
            .filter(|(_, service)| service.state == "started")
            .filter(|(sid, service)| {
                let others = self.ha.together(sid, false);
                let here = |other: &String| {
                    let other = self.ha.services.get(other);
                    other.is_some_and(|o| o.node == service.node && o.state == "started")
                };
                others.iter().any(here)
            })
            .map(|(sid, service)| (sid.clone(), service.node.clone()))
            .collect();
        for (sid, node) in together {
            let others = self.ha.together(&sid, false);
            let free = |to: &&String| {
                let mut others = others.iter().filter_map(|o| self.ha.services.get(o));
                **to != node
                    && self.member(to)
                    && !others.any(|o| o.node == **to || o.target.as_ref() == Some(*to))
            };
            let to = self.nodes.keys().find(free).cloned();
            if let Some(service) = self.ha.services.get_mut(&sid).filter(|_| to.is_some()) {
                service.state = "migrate".into();
                service.target = to;
            }
        }
    }

    /// `GET /cluster/ha/status/current`.
    pub fn ha_status(&self) -> Value {
        let clock = self.clock();
        let master = self.local();
        let quorum = if self.quorate {
            "OK".to_owned()
        } else {
            format!("No quorum on node '{master}'!")
        };
        let mut rows = vec![json!({"id": "quorum", "type": "quorum", "node": master,
                "status": quorum, "quorate": u8::from(self.quorate)})];
        let idle = self.ha.services.is_empty();
        if self.api >= 9 {
            let (armed, status) = if idle {
                ("standby", "standby (CRM watchdog standby)")
            } else {
                ("armed", "armed (CRM watchdog active)")
            };
            rows.push(json!({"id": "fencing", "type": "fencing", "node": master, "armed-state": armed, "status": status}));
        }
        if idle {
            return rows.into();
        }
        rows.push(json!({"id": "master", "type": "master", "node": master,
            "status": format!("{master} (active, now)"), "timestamp": clock}));
        for (name, node) in &self.nodes {
            let how = match node {
                node if !node.online => "old timestamp - dead?, watchdog standby",
                node if node.maintenance => "maintenance mode, watchdog active",
                _ => "active, watchdog active",
            };
            // PVE 8 has no word of the watchdog.
            let how = how.split(", ").take(if self.api >= 9 { 2 } else { 1 });
            let how = how.collect::<Vec<_>>().join(", ");
            rows.push(
                json!({"id": format!("lrm:{name}"), "type": "lrm", "node": name,
                "status": format!("{name} ({how}, now)"), "timestamp": clock}),
            );
        }
        for (sid, service) in &self.ha.services {
            let (node, state) = (&service.node, &service.state);
            let mut row = json!({"id": format!("service:{sid}"), "type": "service", "sid": sid, "node": node,
                "crm_state": state, "state": state, "request_state": service.request, "max_restart": 1, "max_relocate": 1,
                "status": format!("{sid} ({node}, {state})")});
            if self.api >= 9 {
                row["failback"] = u8::from(service.failback).into();
            } else if let Some(group) = service.fields.get("group") {
                row["group"] = group.clone();
            }
            rows.push(row);
        }
        rows.into()
    }
}
