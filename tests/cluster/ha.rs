//! The HA manager: it queues, refuses without a word, takes its time and moves back.
//!
//! One round every `crm_secs`, in which the CRM takes up requests and the LRMs act on
//! what the CRM decided a round before.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{migrate::Migration, task::Job, world::World};

/// What an LRM runs at once, if datacenter.cfg says nothing.
const WORKERS: usize = 4;

pub struct Service {
    /// What was asked for: `started`, `stopped`, `ignored`.
    pub request: String,
    /// Where it is: `started`, `stopped`, `migrate`, `error`.
    pub state: String,
    pub node: String,
    pub target: Option<String>,
    pub task: Option<String>,
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

    /// Rules of this kind that name the service, and whether they bring together.
    pub fn together(&self, sid: &str, positive: bool) -> Vec<String> {
        let wanted = if positive { "positive" } else { "negative" };
        let rules = self.rules.values().filter(|rule| {
            rule["type"] == "resource-affinity"
                && rule["affinity"] == wanted
                && rule["disable"] != 1
        });
        let lists = rules.filter_map(|rule| rule["resources"].as_str());
        let lists = lists.map(|list| list.split(',').collect::<Vec<_>>());
        let lists = lists.filter(|list| list.contains(&sid)).flatten();
        lists
            .filter(|other| *other != sid)
            .map(str::to_owned)
            .collect()
    }

    /// The nodes that a node-affinity rule or a group names for the service, with their
    /// priority, and whether no other will do.
    pub fn home(&self, sid: &str) -> Option<(BTreeMap<String, i64>, bool)> {
        let parse = |text: &str| {
            let nodes = text
                .split(',')
                .map(|node| node.split_once(':').unwrap_or((node, "0")));
            nodes
                .map(|(node, priority)| (node.to_owned(), priority.parse().unwrap_or(0)))
                .collect()
        };
        let rule = self.rules.values().find(|rule| {
            rule["type"] == "node-affinity"
                && rule["affinity"] != "negative"
                && rule["resources"]
                    .as_str()
                    .is_some_and(|list| list.split(',').any(|other| other == sid))
        });
        if let Some(rule) = rule {
            return Some((parse(rule["nodes"].as_str()?), rule["strict"] == 1));
        }
        let group = self.services.get(sid)?.fields.get("group")?;
        let group = self.groups.iter().find(|g| g["group"] == *group)?;
        Some((parse(group["nodes"].as_str()?), group["restricted"] == 1))
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
        let queue = std::mem::take(&mut self.ha.queue);
        for (sid, target) in queue {
            self.ha_take_up(&sid, &target);
        }
        self.ha_home();
    }

    /// Why the CRM would not follow a request; it does not tell.
    fn ha_refuses(&self, sid: &str, target: &str) -> bool {
        let Some(service) = self.ha.services.get(sid) else {
            return true;
        };
        let on_target = |other: &String| {
            let other = self.ha.services.get(other);
            other.is_some_and(|o| o.node == target || o.target.as_deref() == Some(target))
        };
        !self.online(target)
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
                    self.spawned(&node, kind, vmid, "root@pam", Job::Start);
                    continue;
                }
                _ => continue,
            };
            if let Some(service) = self.ha.services.get_mut(&sid) {
                service.task = Some(self.tasks[task].upid.clone());
            }
        }
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

    /// `GET /cluster/ha/status/current`.
    pub fn ha_status(&self) -> Value {
        let clock = self.clock();
        let master = self.local();
        let quorum = if self.quorate {
            "OK".to_owned()
        } else {
            format!("No quorum on node '{master}'!")
        };
        let mut rows = vec![
            json!({"id": "quorum", "type": "quorum", "node": master,
                "status": quorum, "quorate": u8::from(self.quorate)}),
            json!({"id": "master", "type": "master", "node": master,
                "status": format!("{master} (active, now)"), "timestamp": clock}),
        ];
        for (name, node) in &self.nodes {
            let how = if node.online {
                "active"
            } else {
                "old timestamp - dead?"
            };
            rows.push(
                json!({"id": format!("lrm:{name}"), "type": "lrm", "node": name,
                "status": format!("{name} ({how}, now)"), "timestamp": clock}),
            );
        }
        for (sid, service) in &self.ha.services {
            let (node, state) = (&service.node, &service.state);
            rows.push(json!({"id": format!("service:{sid}"), "type": "service", "sid": sid, "node": node,
                "crm_state": state, "state": state, "request_state": service.request,
                "failback": u8::from(service.failback), "status": format!("{sid} ({node}, {state})")}));
        }
        rows.into()
    }
}
