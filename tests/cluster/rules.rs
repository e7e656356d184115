//! What HA rules and groups ask for, and which of them the CRM drops.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{ha::Ha, world::World};

impl Ha {
    /// Rules of this kind that name the service, and whether they bring together.
    pub fn together(&self, sid: &str, positive: bool) -> Vec<String> {
        let wanted = if positive { "positive" } else { "negative" };
        let rules = self.rules.values().filter(|rule| {
            rule["type"] == "resource-affinity"
                && rule["affinity"] == wanted
                && rule["disable"] != 1
                && self.errors(rule).is_none()
        });
        let lists = rules.filter_map(|rule| rule["resources"].as_str());
        let lists = lists.map(|list| list.split(',').collect::<Vec<_>>());
        let lists = lists.filter(|list| list.contains(&sid)).flatten();
        lists
            .filter(|other| *other != sid)
            .map(str::to_owned)
            .collect()
    }

    /// Why the CRM drops a rule: what the scenario says, or that a member of a resource affinity is
    /// in a node affinity of several priorities (HA/Rules.pm).
    pub fn errors(&self, rule: &Value) -> Option<Value> {
        if let Some(errors) = rule.get("errors") {
            return Some(errors.clone());
        }
        let members = |rule: &Value| -> Vec<String> {
            let list = rule["resources"].as_str().unwrap_or_default();
            list.split(',').map(str::to_owned).collect()
        };
        let priorities = |rule: &Value| {
            let nodes = rule["nodes"].as_str().unwrap_or_default();
            let priority = |node: &str| node.split_once(':').map_or("0", |(_, p)| p).to_owned();
            let all: BTreeSet<String> = nodes.split(',').map(priority).collect();
            all.len()
        };
        let (own, mine) = (rule["type"].as_str()?, members(rule));
        let other = |other: &&Value| {
            other["type"] != own && members(other).iter().any(|sid| mine.contains(sid))
        };
        let mut others = self.rules.values().filter(other);
        let dropped = if own == "node-affinity" {
            priorities(rule) > 1 && others.next().is_some()
        } else {
            others.any(|other| priorities(other) > 1)
        };
        let why = if own == "node-affinity" {
            "resources are in a resource affinity rule and cannot be in a node affinity rule with multiple priorities"
        } else {
            "resources are in node affinity rules with multiple priorities"
        };
        dropped.then(|| json!({"resources": [why]}))
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
                && rule["disable"] != 1
                && self.errors(rule).is_none()
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

impl World {
    pub fn ha_groups(&self) -> Value {
        let groups = self.ha.groups.iter().map(|group| {
            let mut group = group.clone();
            group["digest"] = "0".repeat(40).into();
            group["type"] = "group".into();
            group
        });
        groups.collect()
    }
}
